# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""SendLocalList over a real connection: a thousand entries in 118 KB of heap, while a car charges."""

import asyncio
import random
from datetime import datetime
from itertools import pairwise
from typing import Any

import pytest

from host_tests.integration.wire import site

COUNT = 1000


def entries() -> list[dict[str, Any]]:
    """In no order, each with all that it can have: 114 KB."""
    numbers = random.Random(6).sample(range(COUNT), COUNT)
    return [
        {
            "idTag": "%08X" % number,
            "idTagInfo": {
                "status": "Blocked" if number % 4 == 3 else "Accepted",
                "expiryDate": "2040-01-01T00:00:00Z",
                "parentIdTag": "FLEET%d" % (number % 7),
            },
        }
        for number in numbers
    ]


async def test_a_thousand_entries_while_a_car_charges():
    async with site("loop_evs32a", MeterValueSampleInterval=1, LocalPreAuthorize=True) as here:
        await here.begin()
        await here.station.expect("MeterValues")
        listed = entries()
        for version in (1, 2):
            seen = len(list(here.station.log))
            answer = await here.station.call(
                "SendLocalList",
                {"listVersion": version, "updateType": "Full", "localAuthorizationList": listed},
                timeout=60,
            )
            assert answer == {"status": "Accepted"}
            await asyncio.sleep(3)
            told = [
                datetime.fromisoformat(message.payload["meterValue"][0]["timestamp"])
                for message in list(here.station.log)[seen:]
                if message.action == "MeterValues" and message.kind == "call"
            ]
            assert len(told) >= 3
            # Not forgotten; how punctual they are on a board says `make list-bench`.
            assert max((later - one).total_seconds() for one, later in pairwise(told)) < 10
            assert (await here.charger.state())["local_list"] == {"version": version, "size": COUNT}
            await here.heap_used()  # with a large block free
        # One entry is changed, and one is not to be had twice.
        for change, status, size in (
            ([{"idTag": "00000000"}], "Accepted", COUNT - 1),
            ([{"idTag": "abc"}, {"idTag": "ABC"}], "Failed", COUNT - 1),
            (
                [*listed[:2], {"idTag": "one too many", "idTagInfo": {"status": "Accepted"}}],
                "Accepted",
                COUNT,
            ),
        ):
            version = (await here.station.call("GetLocalListVersion", {}))["listVersion"] + 1
            payload = {"listVersion": version, "updateType": "Differential", "localAuthorizationList": change}
            assert (await here.station.call("SendLocalList", payload))["status"] == status
            assert (await here.charger.state())["local_list"]["size"] == size


@pytest.mark.parametrize("trouble", ["power_cut", "link"])
async def test_an_update_that_is_cut_off_changes_all_or_nothing(trouble: str):
    """While it comes in, while it is sorted, when it has just been told."""
    async with site("loop_evs32a") as here:
        listed = entries()
        for round_, delay_s in enumerate((0.05, 0.3, 0.7, None), 1):
            count = COUNT - round_
            payload = {"listVersion": round_, "updateType": "Full", "localAuthorizationList": listed[:count]}
            before = (await here.charger.state())["local_list"]
            sending = asyncio.create_task(here.station.call("SendLocalList", payload, timeout=20))
            if delay_s is None:
                assert await sending == {"status": "Accepted"}
            else:
                await asyncio.sleep(delay_s)
            if trouble == "power_cut":
                await here.reboot(True)
            else:
                connections = here.station.connections
                await here.charger.do("link", up=False)
                await asyncio.sleep(0.3)
                await here.charger.do("link", up=True)
                await here.station.wait_connection(connections + 1)
            sending.cancel()
            after = (await here.charger.state())["local_list"]
            assert after in (before, {"version": round_, "size": count}), (delay_s, before, after)
        assert after["size"] == count  # what was accepted is there
