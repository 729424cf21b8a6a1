# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""A CSMS that answers, but always later than MessageTimeout: its transactions are not lost for that."""

from bench.scripts import late
from host_tests.integration.post import TAG, installed


async def test_a_start_answered_too_late_is_confirmed_all_the_same():
    keys = {"MessageTimeout": 1, "TransactionMessageRetryInterval": 30, "AuthorizeRemoteTxRequests": False}
    async with installed(late_answers=True, **keys) as post:
        await post.booted()
        post.csms.script("StartTransaction", late(2.5))
        await post.plug()
        assert (await post.station.call("RemoteStartTransaction", {"idTag": TAG}))["status"] == "Accepted"
        await post.station.expect("StartTransaction")
        await post.station.expect("StatusNotification", status="Charging")
        await post.tag(TAG)
        stop = await post.station.expect("StopTransaction", timeout=15)
        assert stop.payload["transactionId"] == 1
        assert len(post.csms.books.transactions) == 1
        await post.station.never("StartTransaction", within_s=1)
