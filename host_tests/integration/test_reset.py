# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Reset, reboot and power cuts: what is told, in which order, and what is there again (cases 013 to 016, 032,
034).
"""

import asyncio
import json
import tempfile

import pytest

from bench.charger import STATIONS
from bench.csms import Csms
from bench.messages import parse_utc
from bench.scripts import boot, late, silence
from host_tests.integration.ledger import registers
from host_tests.integration.post import OTHER, TAG, Post, installed

AT_ONCE = 10

EITHER = pytest.mark.parametrize("kind", ["Hard", "Soft"])
CUTS = pytest.mark.parametrize("how", ["power_cut", "reboot"])
C6 = {"station": "xcharge_c6", "connectors": 2}
METERED = {"MeterValueSampleInterval": 1}


async def reset(post: Post, kind: str) -> None:
    """Ask for it and see the process end as DESIGN section 6 has it."""
    ending = asyncio.create_task(post.charger.ended(timeout=20))
    await asyncio.sleep(0)
    assert await post.station.call("Reset", {"type": kind}) == {"status": "Accepted"}
    assert await ending == 3


async def restart(post: Post, how: str) -> None:
    """From outside: the process ends, and is there again."""
    await post.charger.do(how)
    if how == "power_cut":
        await post.charger.start()


async def told(post: Post) -> dict[int, str]:
    """The statuses of the burst behind the next BootNotification."""
    boot = await post.station.expect("BootNotification", timeout=10)
    statuses = {}
    for number in range(post.connectors + 1):
        message = await post.station.expect(
            "StatusNotification", where=lambda payload, number=number: payload["connectorId"] == number
        )
        assert message.index > boot.index
        statuses[number] = message.payload["status"]
    return statuses


def order(post: Post) -> list[str]:
    """What was said since the mark: StatusNotification as its status, StopTransaction as its reason."""
    names = {"StatusNotification": "status", "StopTransaction": "reason"}
    calls = post.station.calls()
    return [call.payload.get(names.get(call.action, ""), call.action) for call in calls]


def highest_wh(post: Post) -> int:
    """The last register that the CSMS was told in MeterValues."""
    return max(wh for message in post.station.calls("MeterValues") for _, wh in registers(message.payload))


# --- Reset ---


@EITHER
async def test_without_a_transaction(kind):
    async with installed(**C6) as post:
        assert await told(post) == {0: "Available", 1: "Available", 2: "Available"}
        out = {"connectorId": 2, "type": "Inoperative"}
        assert await post.station.call("ChangeAvailability", out) == {"status": "Accepted"}
        await post.station.expect("StatusNotification", connectorId=2, status="Unavailable")
        post.station.mark()
        await reset(post, kind)
        assert await told(post) == {0: "Available", 1: "Available", 2: "Unavailable"}
        assert order(post) == ["BootNotification", "Available", "Available", "Unavailable"]
        out["type"] = "Operative"
        assert await post.station.call("ChangeAvailability", out) == {"status": "Accepted"}
        await post.station.expect("StatusNotification", connectorId=2, status="Available")


@EITHER
async def test_with_a_transaction(kind):
    async with installed(**C6, **METERED) as post:
        await post.booted()
        start = await post.charge(connector=2)
        # The first ones may come before current flows.
        await post.station.expect("MeterValues", where=lambda p: registers(p)[0][1] > 2)
        post.station.mark()
        await reset(post, kind)
        statuses = await told(post)
        assert statuses.pop(2) in ("Finishing", "Preparing")  # the car is still plugged
        assert statuses == {0: "Available", 1: "Available"}
        said = [name for name in order(post) if name != "MeterValues"]
        assert said[:3] == [kind + "Reset", "Finishing", "BootNotification"]
        stop = post.station.calls("StopTransaction")[0]
        assert stop.payload["transactionId"] == 1 and "idTag" not in stop.payload
        assert stop.payload["meterStop"] > start.payload["meterStart"]
        state = await post.connector(2)
        assert (state["contactor"], state["transaction"]) == (False, None)
        await post.tag(TAG)  # business as usual
        await post.station.expect("StartTransaction", connectorId=2)


@EITHER
async def test_with_a_csms_that_takes_its_time(kind):
    """The stop is told once and answered before the reset, the status of it too (case 015)."""
    csms = Csms()
    csms.always("StopTransaction", late(1.5))
    csms.always("StatusNotification", late(0.5))
    async with installed(csms=csms) as post:
        await post.booted()
        await post.charge()
        post.station.mark()
        await reset(post, kind)
        csms.unscript()
        await told(post)
        assert order(post)[:3] == [kind + "Reset", "Finishing", "BootNotification"]
        assert len(post.station.calls("StopTransaction")) == 1


async def test_with_a_csms_that_never_answers_the_stop():
    """A hard reset does not wait for ever; afterwards the same message goes out once more."""
    csms = Csms()
    csms.script("StopTransaction", silence())
    async with installed(csms=csms, repeats=("StopTransaction",), MessageTimeout=60) as post:
        await post.booted()
        await post.charge()
        post.station.mark()
        begun = asyncio.get_running_loop().time()
        await reset(post, "Hard")
        assert asyncio.get_running_loop().time() - begun < 10
        await post.station.expect("StopTransaction", reason="HardReset")
        boot = await post.station.expect("BootNotification")
        again = await post.station.expect("StopTransaction", reason="HardReset")
        assert again.index > boot.index
        await post.settled()
        assert csms.books.transactions[1].reason == "HardReset"
        await post.station.never("StopTransaction", within_s=1)


async def test_nobody_is_let_in_while_it_closes():
    """A tag, a remote start, an Authorize on its way: no transaction begins that the reset would cut off."""
    csms = Csms()
    csms.script("StopTransaction", late(2.0))
    async with installed(csms=csms, **C6) as post:
        await post.booted()
        await post.charge(connector=2)
        await post.plug(1)
        csms.script("Authorize", late(0.7))
        await post.tag(OTHER)
        await post.station.expect("Authorize", idTag=OTHER)
        ends = len(post.charger.exit_codes)
        assert await post.station.call("Reset", {"type": "Soft"}) == {"status": "Accepted"}
        start = {"connectorId": 1, "idTag": OTHER}
        assert await post.station.call("RemoteStartTransaction", start) == {"status": "Rejected"}
        assert await post.station.call("Reset", {"type": "Hard"}) == {"status": "Accepted"}  # the same one
        await post.station.expect("StopTransaction", reason="SoftReset")
        await post.station.expect("BootNotification", timeout=15)
        assert len(post.charger.exit_codes) == ends + 1
        await post.station.never("StartTransaction", within_s=1)
        assert set(csms.books.transactions) == {1}


async def test_a_hard_reset_while_pending():
    csms = Csms()
    csms.script("BootNotification", boot("Pending", 60))
    async with installed(csms=csms) as post:
        await post.station.expect("BootNotification", timeout=10)
        await reset(post, "Hard")
        assert await told(post) == {0: "Available", 1: "Available"}


# --- power cuts and reboots ---


@CUTS
async def test_idle(how):
    async with installed(**C6) as post:
        await post.booted()
        out = {"connectorId": 0, "type": "Inoperative"}
        assert await post.station.call("ChangeAvailability", out) == {"status": "Accepted"}
        changed = [
            (await post.station.expect("StatusNotification", status="Unavailable")).payload["connectorId"]
            for _ in range(3)
        ]
        assert sorted(changed) == [0, 1, 2]
        post.station.mark()
        await restart(post, how)
        assert await told(post) == {0: "Unavailable", 1: "Unavailable", 2: "Unavailable"}
        assert order(post) == ["BootNotification"] + ["Unavailable"] * 3


@CUTS
async def test_in_a_transaction(how):
    """One StopTransaction, not below what MeterValues said; a second cut brings no second one."""
    repeats = ("MeterValues",) if how == "power_cut" else ()  # the one on its way may have been cut off
    async with installed(repeats=repeats, **C6, **METERED) as post:
        await post.booted()
        start = await post.charge()
        for _ in range(3):
            values = await post.station.expect("MeterValues", where=lambda p: registers(p)[0][1] > 5)
        told_wh = highest_wh(post)
        post.station.mark()
        await restart(post, how)
        stop = await post.station.expect(
            "StopTransaction", timeout=10, reason="PowerLoss" if how == "power_cut" else "Reboot"
        )
        assert stop.payload["transactionId"] == 1
        assert stop.payload["meterStop"] >= told_wh > start.payload["meterStart"]
        assert parse_utc(stop.payload["timestamp"]) >= parse_utc(values.payload["meterValue"][0]["timestamp"])
        assert parse_utc(stop.payload["timestamp"]) <= stop.at
        state = await post.connector()
        assert (state["contactor"], state["transaction"]) == (False, None)
        assert state["register_wh"] >= stop.payload["meterStop"]
        await post.station.expect("StatusNotification", connectorId=1, status="Preparing")
        await restart(post, "power_cut")
        await told(post)
        await post.station.never("StopTransaction", within_s=0.5)
        # The car is served again, from where its meter stands.
        await post.tag(TAG)
        again = await post.station.expect("StartTransaction")
        assert again.payload["meterStart"] >= stop.payload["meterStop"]


async def test_a_power_cut_before_anything_was_told():
    """With a queue: offline from the start, the whole of it comes afterwards, in order and once."""
    async with installed(link=False, AllowOfflineTxForUnknownId=True, **METERED) as post:
        await post.charge_offline()
        await asyncio.sleep(2.5)
        await post.charger.power_cut()
        await post.charger.start()
        start = await post.station.expect("StartTransaction", timeout=10)
        stop = await post.station.expect("StopTransaction")
        actions = [message.action for message in post.transaction_messages()]
        assert actions == ["StartTransaction", *["MeterValues"] * (len(actions) - 2), "StopTransaction"]
        assert 2 <= len(actions) - 2 <= 4
        assert {m.payload["transactionId"] for m in post.transaction_messages()[1:]} == {1}
        assert stop.payload["reason"] == "PowerLoss"
        assert stop.payload["meterStop"] >= highest_wh(post)
        begun, ended = parse_utc(start.payload["timestamp"]), parse_utc(stop.payload["timestamp"])
        assert 1.5 < (ended - begun).total_seconds() < 6
        assert begun < start.at and (start.at - begun).total_seconds() < 8


async def test_a_power_cut_between_start_and_its_confirmation():
    """The same StartTransaction again, with its id; the stop gets the transactionId that it brings."""
    csms = Csms()
    csms.script("StartTransaction", silence())
    async with installed(csms=csms, repeats=("StartTransaction",)) as post:
        await post.booted()
        await post.plug()
        await post.tag()
        first = await post.station.expect("StartTransaction")
        await post.shows("Charging")
        await restart(post, "power_cut")
        again = await post.station.expect("StartTransaction", timeout=10)
        assert (again.id, again.payload) == (first.id, first.payload)
        stop = await post.station.expect("StopTransaction", reason="PowerLoss")
        assert stop.payload["transactionId"] == 1


async def test_a_station_that_resumes():
    description = json.loads((STATIONS / "generic_socket.json").read_text())
    description["options"]["power_loss"] = "resume"
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(description, file)
        file.flush()
        await resume(file.name)


async def resume(station: str) -> None:
    async with installed(station=station, repeats=("MeterValues",), **METERED) as post:
        await post.booted()
        start = await post.charge()
        await post.station.expect("MeterValues", where=lambda p: registers(p)[0][1] > 2)
        told_wh = highest_wh(post)
        post.station.mark()
        await restart(post, "power_cut")
        await post.station.expect("BootNotification", timeout=10)
        await post.station.expect("StatusNotification", connectorId=1, status="Charging")
        values = await post.station.expect("MeterValues", where=lambda p: registers(p)[0][1] > told_wh)
        assert values.payload["transactionId"] == 1
        assert post.station.calls("StopTransaction") == []
        await post.tag()
        stop = await post.station.expect("StopTransaction", reason="Local", idTag=TAG)
        assert stop.payload["transactionId"] == 1
        assert stop.payload["meterStop"] > told_wh > start.payload["meterStart"]
        assert len(post.station.calls("StartTransaction")) == 0
