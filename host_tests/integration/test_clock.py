# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The clock: what `currentTime` may look like, jumps by hours with a queue and between boots, a battery-kept
clock that is wrong. `ledger.audit` looks at the order within each transaction."""

import asyncio
import itertools
import json
import tempfile
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from bench.charger import STATIONS
from bench.csms import Csms
from bench.messages import Message, parse_utc, utc_text
from bench.scripts import reply
from host_tests.integration.ledger import registers
from host_tests.integration.post import TAG, Post, every, installed

AT_ONCE = 8

HOURS = timedelta(hours=5)
BOTH_WAYS = pytest.mark.parametrize("by", [-HOURS, HOURS], ids=["back", "forward"])
METERED = {"MeterValueSampleInterval": 1}
OFFLINE = {"AllowOfflineTxForUnknownId": True, **METERED}


def wrong_clock(csms: Csms, by: timedelta) -> None:
    """From now on the CSMS's time is this far off."""

    def answer(fields: dict[str, Any]):
        return reply(lambda _call: {**fields, "currentTime": utc_text(datetime.now(UTC) + by)})

    csms.always("BootNotification", answer({"status": "Accepted", "interval": 300}))
    csms.always("Heartbeat", answer({}))


async def synchronise(post: Post) -> None:
    """A Heartbeat comes at once, and with it the time."""
    post.station.mark()
    for value in ("1", "0"):
        change = {"key": "HeartbeatInterval", "value": value}
        assert await post.station.call("ChangeConfiguration", change) == {"status": "Accepted"}
        if value == "1":
            await post.station.expect("Heartbeat")
            await post.settled()


def off_s(text: str, at: datetime, by: timedelta = timedelta()) -> float:
    return abs((parse_utc(text) - at - by).total_seconds())


def moments(messages: list[Message]) -> list[datetime]:
    """The times told in a transaction, in the order of the messages."""
    found = []
    for message in messages:
        if message.action == "MeterValues":
            found += [parse_utc(text) for text, _ in registers(message.payload)]
        else:
            found.append(parse_utc(message.payload["timestamp"]))
    return found


# --- currentTime ---


def as_written(moment: datetime) -> list[str]:
    """The same moment as central systems write it."""
    east = moment.astimezone(timezone(timedelta(hours=2)))
    west = moment.astimezone(timezone(-timedelta(hours=5, minutes=30)))
    plain = moment.strftime("%Y-%m-%dT%H:%M:%S")
    return [
        east.isoformat(timespec="seconds"),
        west.isoformat(timespec="milliseconds"),
        plain + "z",
        plain,
        *(plain + "." + "123456789"[:digits] + "Z" for digits in range(1, 10)),
    ]


async def test_what_current_time_may_look_like():
    wanted = datetime(2031, 5, 6, 7, 8, 9, tzinfo=UTC)
    csms = Csms()
    async with installed(csms=csms) as post:
        await post.booted()
        for number in range(len(as_written(wanted))):
            moment = wanted + timedelta(days=number)  # another one each time
            written = as_written(moment)[number]
            csms.always("Heartbeat", reply({"currentTime": written}))
            begun = datetime.now(UTC)
            await synchronise(post)
            shown = (await post.charger.state())["time"]
            passed_s = (parse_utc(shown) - moment).total_seconds()
            assert 0 <= passed_s <= (datetime.now(UTC) - begun).total_seconds() + 1, (written, shown)


async def test_a_current_time_that_is_refused():
    """The clock goes on as it was, and a line in the log says what was said."""
    csms = Csms()
    wrong = [
        "1970-01-01T00:00:00Z",
        "9999-12-31T23:59:59Z",
        "0000-00-00T00:00:00Z",
        "2026-13-01T00:00:00Z",
        "2026-11-20T25:00:00Z",
        "2026-11-20T12:00:00+25:00",
        "20/11/2026 12:00",
        "soon",
        "",
    ]
    async with installed(csms=csms) as post:
        await post.booted()
        for text in wrong:
            csms.always("Heartbeat", reply({"currentTime": text}))
            await synchronise(post)
            shown = (await post.charger.state())["time"]
            assert off_s(shown, datetime.now(UTC)) < 1, text
            lines = [line for line in post.charger.output if line.endswith(("is no time: " + text).strip())]
            assert lines, (text, list(post.charger.output)[-5:])


# --- jumps ---


@BOTH_WAYS
async def test_a_jump_during_a_transaction_and_another_one(by):
    csms = Csms()
    async with installed(csms=csms, **METERED) as post:
        await post.booted()
        start = await post.charge()
        said = [start]
        for jump in (by, 2 * by, timedelta()):
            wrong_clock(csms, jump)
            await synchronise(post)
            said += [await post.station.expect("MeterValues") for _ in range(3)]
        await post.tag()
        stop = await post.station.expect("StopTransaction", reason="Local")
        assert stop.payload["meterStop"] > start.payload["meterStart"]
        # Set back: as if it had not been. Set forward twice: it shows, and stays.
        shown = max(2 * by, timedelta())
        assert off_s(stop.payload["timestamp"], stop.at, shown) < 1.5
        times = moments(said)
        assert times == sorted(times)
        if by < timedelta():
            for earlier, later in itertools.pairwise(times):
                assert later - earlier < timedelta(seconds=5)
        finishing = await post.station.expect("StatusNotification", status="Finishing")
        assert off_s(finishing.payload["timestamp"], finishing.at) < 1


@BOTH_WAYS
async def test_a_jump_with_a_queue(by):
    """The CSMS's clock is another one when the link is back: what waits is told as it was, all of it."""
    csms = Csms()
    async with installed(csms=csms, **METERED) as post:
        await post.booted()
        await post.charge()
        await post.offline()
        post.station.mark()
        await asyncio.sleep(5)
        wrong_clock(csms, by)
        await post.online()
        await post.station.expect("MeterValues")
        await synchronise(post)
        readings = csms.books.transactions[1].readings
        for _ in range(20):
            if len(readings) >= 9:
                break
            await post.station.expect("MeterValues")
        await post.tag()
        stop = await post.station.expect("StopTransaction", reason="Local")
        assert off_s(stop.payload["timestamp"], stop.at, max(by, timedelta())) < 1.5
        times = [parse_utc(entry["timestamp"]) for entry in readings]
        assert times == sorted(set(times)) and len(times) >= 8
        if by < timedelta():
            assert every(times, 1)
        else:
            jumps = [place for place in range(1, len(times)) if times[place] - times[place - 1] > by / 2]
            assert len(jumps) == 1
            assert every(times[: jumps[0]], 1) and every(times[jumps[0] :], 1)


@BOTH_WAYS
async def test_a_jump_between_two_boots(by):
    """The transaction that the power cut ended is ended in its own time, the next one has the new one."""
    csms = Csms()
    async with installed(csms=csms, repeats=("MeterValues",), **METERED) as post:
        await post.booted()
        await post.charge()
        values = [await post.station.expect("MeterValues") for _ in range(3)]
        post.station.mark()
        await post.charger.power_cut()
        wrong_clock(csms, by)
        await post.charger.start()
        stop = await post.station.expect("StopTransaction", timeout=10, reason="PowerLoss")
        told = moments(values)[-1]
        ended = parse_utc(stop.payload["timestamp"])
        # At the earliest when it was last heard of, at most the record's interval later (it is of the start).
        assert told <= ended <= told + timedelta(seconds=125)
        await post.tag(TAG)
        start = await post.station.expect("StartTransaction")
        assert off_s(start.payload["timestamp"], start.at, by) < 1.5


@BOTH_WAYS
async def test_a_jump_between_two_boots_of_a_station_that_resumes(by):
    description = json.loads((STATIONS / "generic_socket.json").read_text())
    description["options"]["power_loss"] = "resume"
    csms = Csms()
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(description, file)
        file.flush()
        async with installed(station=file.name, csms=csms, repeats=("MeterValues",), **METERED) as post:
            await post.booted()
            await post.charge()
            before = [await post.station.expect("MeterValues") for _ in range(3)]
            await post.charger.power_cut()
            wrong_clock(csms, by)
            await post.charger.start()
            await post.station.expect("BootNotification", timeout=10)
            wh = registers(before[-1].payload)[0][1]
            after = [
                await post.station.expect("MeterValues", where=lambda p: registers(p)[0][1] > wh)
                for _ in range(4)
            ]
            await post.tag()
            stop = await post.station.expect("StopTransaction", reason="Local", transactionId=1)
            times = moments([*before, *after, stop])
            assert times == sorted(times)
            assert off_s(stop.payload["timestamp"], stop.at, max(by, timedelta())) < 125


# --- a battery-kept clock ---


def rtc_off_ms(data: str) -> int:
    return int((Path(data) / "sim_clock").read_text())


@BOTH_WAYS
async def test_a_battery_kept_clock_that_is_wrong(by):
    """Two boots and two transactions before anybody told the time: all of it becomes right, and so does the
    battery-kept clock, once."""
    with tempfile.TemporaryDirectory() as data:
        (Path(data) / "sim_clock").write_text(str(round(by.total_seconds() * 1000)))
        options = {"options": ("--clock", "battery"), "data": data}
        async with installed(link=False, **options, **OFFLINE) as post:
            edges = []
            for _ in range(2):
                assert off_s((await post.charger.state())["time"], datetime.now(UTC), by) < 1
                await post.charge_offline()
                edges.append(datetime.now(UTC))
                await asyncio.sleep(2)
                await post.tag()
                await post.shows("Finishing")
                edges.append(datetime.now(UTC))
                await post.unplug()
                if len(edges) == 2:
                    await post.csms.stop()
                    await post.charger.power_cut()
                    await asyncio.sleep(1.5)
                    await post.charger.start()
                    await post.charger.do("link", up=False)
                    await post.csms.start()
            assert abs(rtc_off_ms(data) - by.total_seconds() * 1000) < 1
            await post.online()
            for _ in range(2):
                await post.station.expect("StopTransaction")
            told = [call for call in post.transaction_messages() if call.action != "MeterValues"]
            for call, at in zip(told, edges, strict=True):
                assert off_s(call.payload["timestamp"], at) < 1.5
            assert abs(rtc_off_ms(data)) < 1000
            assert any("the clock is set by" in line for line in post.charger.output)
            written = (Path(data) / "sim_clock").stat().st_mtime_ns
            for _ in range(2):
                await synchronise(post)
            assert (Path(data) / "sim_clock").stat().st_mtime_ns == written
