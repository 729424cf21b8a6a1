# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The queue of what a CSMS must be told: over restarts, and to one that cannot process it."""

import asyncio
import itertools
import json
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bench.charger import STATIONS
from bench.csms import Csms
from bench.messages import Message, parse_utc
from bench.scripts import Answer, amend, call_error, hang_up, late, silence
from host_tests.integration.offline import ANYBODY, C6, METERED, moment, near, said
from host_tests.integration.post import SLACK_S, STRANGER, TAG, about, every, installed

AT_ONCE = 10


# --- restarts ---


@pytest.mark.parametrize("how", ["power_cut", "reboot"])
async def test_sessions_of_two_boots_before_the_first_contact(how):
    """Nobody has ever told the time, and the queue outlives the restart: order, ids and times are right."""
    async with installed(link=False, **ANYBODY, **METERED) as post:
        moments = []
        off_s = 0.0
        for tag in (TAG, STRANGER):
            await asyncio.sleep(1)
            await post.charge_offline(tag)
            moments.append(datetime.now(UTC))
            await asyncio.sleep(2)
            await post.tag(tag)
            await post.shows("Finishing")
            moments.append(datetime.now(UTC))
            await post.unplug()
            if tag == TAG:
                await asyncio.sleep(1.2)
                await post.csms.stop()
                off_s = -asyncio.get_running_loop().time()
                await post.charger.do(how)
                if how == "power_cut":
                    await post.charger.start()
                await post.charger.do("link", up=False)
                off_s += asyncio.get_running_loop().time()
                await post.csms.start()
        assert post.station.connections == 0
        await post.online()
        for _ in range(2):
            await post.station.expect("StopTransaction")
        calls = post.transaction_messages()
        first = said(post).index("StopTransaction") + 1
        for half, number, tag in ((calls[:first], 1, TAG), (calls[first:], 2, STRANGER)):
            assert half[0].payload["idTag"] == tag
            assert [call.action for call in half[1:-1]] == ["MeterValues"] * (len(half) - 2)
            assert len(half) >= 4
            assert {call.payload["transactionId"] for call in half[1:]} == {number}
        edges = [call for call in calls if call.action != "MeterValues"]
        # Charging begins some moments after the start; how long the power was off is not known to anybody.
        for call, at, within_s in zip(edges, moments, (off_s + 3, off_s + 2, 3, 2), strict=True):
            assert near(call, at, within_s), (moment(call), at)
        for begun, ended in (edges[:2], edges[2:]):
            assert 2 < (moment(ended) - moment(begun)).total_seconds() < 5


async def test_a_power_cut_while_the_queue_is_told():
    """Each sample reaches the books; the one whose answer was cut off may come twice, under the same id."""
    csms = Csms()
    async with installed(csms=csms, repeats=("MeterValues",), **METERED) as post:
        await post.booted()
        await post.charge()
        await post.offline()
        await asyncio.sleep(5)
        await post.tag(TAG)
        await post.shows("Finishing")
        csms.always("MeterValues", late(0.3))
        await post.online()
        for _ in range(3):
            await post.station.expect("MeterValues")
        await post.charger.power_cut()
        csms.unscript()
        await post.charger.start()
        await post.station.expect("StopTransaction", timeout=10)
        ids = [message.id for message in post.station.calls("MeterValues")]
        assert len(ids) - len(set(ids)) <= 1
        times = sorted({parse_utc(entry["timestamp"]) for entry in csms.books.transactions[1].readings})
        assert len(times) >= 5
        assert every(times, 1)


def contexts(stop: Message) -> list[str]:
    return [entry["sampledValue"][0]["context"] for entry in stop.payload["transactionData"]]


@pytest.mark.parametrize("power_loss", ["stop", "resume"])
async def test_transaction_data_after_a_power_cut(power_loss):
    """The beginning is told as it was, whatever the charger does with the transaction; the end fits it."""
    description = json.loads((STATIONS / "loop_evs32a.json").read_text())
    description["options"]["power_loss"] = power_loss
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(description, file)
        file.flush()
        await cut_off(power_loss, file.name)


async def cut_off(power_loss: str, station: str) -> None:
    names = "Energy.Active.Import.Register,Energy.Active.Import.Interval,Voltage"
    async with installed(station=station, StopTxnSampledData=names) as post:
        await post.booted()
        start = await post.charge()
        await post.counts(start.payload["meterStart"] + 4)
        await post.settled()
        await post.charger.power_cut()
        await post.charger.start()
        await post.station.expect("BootNotification", timeout=10)
        if power_loss == "resume":
            await post.shows("Charging")
            await post.tag()
        stop = await post.station.expect("StopTransaction", timeout=10, transactionId=1)
        assert contexts(stop) == ["Transaction.Begin", "Transaction.End"]
        begin, end = stop.payload["transactionData"]
        assert begin["timestamp"] == start.payload["timestamp"]
        assert end["timestamp"] == stop.payload["timestamp"]
        values = [
            {sample["measurand"]: sample["value"] for sample in entry["sampledValue"]}
            for entry in (begin, end)
        ]
        register = "Energy.Active.Import.Register"
        assert [int(value[register]) for value in values] == [
            start.payload["meterStart"],
            stop.payload["meterStop"],
        ]
        assert all(float(value["Voltage"]) > 200 for value in values)
        billed_wh = stop.payload["meterStop"] - start.payload["meterStart"]
        assert billed_wh >= 4
        assert int(values[1]["Energy.Active.Import.Interval"]) == billed_wh


async def test_what_waits_takes_little_flash():
    """1,000 transactions with 10 samples each have to fit 1 MB: 87 bytes for one message, with all."""
    with tempfile.TemporaryDirectory(prefix="pilotlight-") as folder:
        await little_flash(Path(folder) / "data")


async def little_flash(data: Path) -> None:
    async with installed(data=data, **C6, **ANYBODY, **METERED) as post:
        await post.booted()
        await post.offline()
        for _ in range(2):
            await post.charge_offline(STRANGER)
            await asyncio.sleep(3)
            await post.tag(STRANGER)
            await post.shows("Finishing")
            await post.unplug()
        depth = (await post.charger.state())["queue_depth"]
        assert depth >= 8
        size = sum(path.stat().st_size for path in (data / "outbox").glob("*.seg"))
        assert size <= 60 * depth
        await post.online()
        for _ in range(2):
            await post.station.expect("StopTransaction")
        assert len(said(post)) >= depth


# --- a CSMS that cannot process ---


def gaps(messages: list[Message]) -> list[float]:
    return [later.monotonic_s - message.monotonic_s for message, later in itertools.pairwise(messages)]


@pytest.mark.parametrize(
    ("answer", "timeout_s"),
    [(call_error("InternalError"), 0), (silence(), 1), (amend(transactionId="none"), 0)],
    ids=["CALLERROR", "silence", "nonsense"],
)
async def test_a_start_that_is_never_confirmed(answer: Answer, timeout_s):
    """TransactionMessageAttempts transmissions, each wait longer by the interval; then -1 (errata 3.18)."""
    csms = Csms()
    csms.script("StartTransaction", *[answer] * 3)
    csms.books.heartbeat_interval_s = 1
    keys = {"TransactionMessageAttempts": 3, "TransactionMessageRetryInterval": 1, "MessageTimeout": 1}
    options = {"errors": ("given up",), "repeats": ("StartTransaction",), "late_answers": True}
    async with installed(csms=csms, **options, **keys, MeterValueSampleInterval=2) as post:
        await post.booted()
        await post.plug()
        await post.tag()
        await post.shows("Charging")  # the driver is served meanwhile
        values = await post.station.expect("MeterValues", timeout=15)
        tries = post.station.calls("StartTransaction")
        assert len(tries) == 3 and len({message.id for message in tries}) == 1
        for gap, wait_s in zip(gaps(tries), (1, 2), strict=True):
            assert about(gap, timeout_s + wait_s)
        assert values.payload["transactionId"] == -1
        beats = [message for message in post.station.calls("Heartbeat") if message.index < tries[2].index]
        assert len(beats) >= 2  # nothing waits behind a retry but the queue
        await post.tag()
        stop = await post.station.expect("StopTransaction", reason="Local")
        assert stop.payload["transactionId"] == -1
        await post.unplug()
        post.station.mark()
        await post.charge()
        await post.tag()
        stop = await post.station.expect("StopTransaction", reason="Local")
        assert stop.payload["transactionId"] == max(csms.books.transactions)
        assert len(post.station.calls("StartTransaction")) == 1


async def test_messages_given_up_make_room_for_the_next():
    csms = Csms()
    csms.script("MeterValues", call_error("FormationViolation"), call_error("GenericError"))
    csms.script("StopTransaction", call_error("InternalError"), call_error("InternalError"))
    keys = {"TransactionMessageAttempts": 2, "TransactionMessageRetryInterval": 1}
    options = {"errors": ("given up",), "repeats": ("MeterValues", "StopTransaction")}
    async with installed(csms=csms, **options, **keys, MeterValueSampleInterval=1) as post:
        await post.booted()
        await post.charge()
        samples = [await post.station.expect("MeterValues") for _ in range(3)]
        assert samples[0].id == samples[1].id != samples[2].id
        assert about(gaps(samples)[0], 1)
        assert gaps(samples)[1] < SLACK_S
        await post.tag()
        stops = [await post.station.expect("StopTransaction") for _ in range(2)]
        assert about(gaps(stops)[0], 1)
        await post.unplug()
        post.station.mark()
        await post.charge()
        assert post.station.calls("StopTransaction") == []
        await post.tag()
        assert (await post.station.expect("StopTransaction")).payload["transactionId"] == 2


async def test_being_offline_is_no_failure():
    """Connections lost before the answer count for nothing: with one attempt it is still delivered."""
    csms = Csms()
    csms.script("StartTransaction", hang_up(), hang_up())
    keys = {"TransactionMessageAttempts": 1, "TransactionMessageRetryInterval": 60}
    async with installed(csms=csms, repeats=("StartTransaction",), **keys) as post:
        await post.booted()
        await post.plug()
        await post.tag()
        tries = [await post.station.expect("StartTransaction", timeout=10) for _ in range(3)]
        assert len({message.id for message in tries}) == 1
        await post.station.never("StartTransaction", within_s=0.5)
        assert (await post.connector())["transaction"]["transactionId"] == 1


async def test_tries_are_counted_over_a_reboot_and_a_new_connection():
    csms = Csms()
    csms.script("StartTransaction", *[call_error("InternalError")] * 3)
    keys = {"TransactionMessageAttempts": 3, "TransactionMessageRetryInterval": 1, **ANYBODY}
    options = {"errors": ("given up",), "repeats": ("StartTransaction",)}
    async with installed(csms=csms, **options, **keys) as post:
        await post.booted()
        await post.plug()
        await post.tag()
        await post.station.expect("StartTransaction")
        await post.offline()
        await post.online()
        await post.station.expect("StartTransaction")
        await post.settled()
        await post.charger.do("power_cut")
        await post.charger.start()
        await post.station.expect("StartTransaction", timeout=10)
        stop = await post.station.expect("StopTransaction", reason="PowerLoss")
        assert stop.payload["transactionId"] == -1
        assert len(post.station.calls("StartTransaction")) == 3
