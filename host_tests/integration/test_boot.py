# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""BootNotification and what follows it (section 4.2, errata 3.22, cases 001, 002); Heartbeat; the clock."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from bench.csms import Csms
from bench.messages import parse_utc, utc_text
from bench.scripts import Answer, amend, boot, call_error, hang_up, raw_answer, reply, silence
from bench.station import NotSeen
from host_tests.integration.post import OTHER, SLACK_S, STRANGER, TAG, about, every, installed

AT_ONCE = 6


def scripted(*answers: Answer) -> Csms:
    """A CSMS that answers the first BootNotifications so."""
    csms = Csms()
    csms.script("BootNotification", *answers)
    return csms


def actions(post) -> list[str]:
    return [message.action for message in post.station.calls()]


async def told_all(post, statuses: dict[int, str]) -> None:
    """The burst of errata 3.22: each connector once, connector 0 too, nothing else before."""
    boot = await post.booted()
    burst = [message for message in post.station.log if message.index > boot.index and message.kind == "call"]
    told = {message.payload.get("connectorId"): message.payload.get("status") for message in burst}
    assert told == statuses
    assert [message.action for message in burst] == ["StatusNotification"] * len(statuses)


async def told_all_after(post, boot) -> None:
    for number in (0, 1):
        status = await post.station.expect("StatusNotification", connectorId=number, status="Available")
        assert status.index > boot.index


async def heartbeats(post, interval_s: float, count: int = 3) -> None:
    """So many at this distance."""
    beats = [await post.station.expect("Heartbeat", timeout=interval_s + 2) for _ in range(count + 1)]
    assert every([beat.at for beat in beats], interval_s)


async def test_accepted():
    csms = Csms()
    csms.books.heartbeat_interval_s = 2
    async with installed(csms=csms, station="xcharge_c6", connectors=2) as post:
        await told_all(post, {0: "Available", 1: "Available", 2: "Available"})
        boot = post.station.calls("BootNotification")[0]
        assert boot.payload["chargePointVendor"] == "Pilotlight"
        heartbeat = await post.station.expect("Heartbeat", timeout=4)
        assert about(heartbeat.monotonic_s - boot.monotonic_s, 2)
        await heartbeats(post, 2)
        assert actions(post)[:4] == ["BootNotification", *["StatusNotification"] * 3]
        assert set(actions(post)[4:]) == {"Heartbeat"}
        conf = await post.station.call("GetConfiguration", {"key": ["HeartbeatInterval"]})
        assert conf["configurationKey"][0]["value"] == "2"


async def test_pending():
    csms = scripted(boot("Pending", 4))
    csms.books.heartbeat_interval_s = 2
    keys = {"AllowOfflineTxForUnknownId": True, "MeterValueSampleInterval": 1}
    async with installed(csms=csms, **keys) as post:
        first = await post.station.expect("BootNotification", timeout=10)
        answered = await _answer(post, first)
        every_key = await post.station.call("GetConfiguration")
        assert len(every_key["configurationKey"]) > 20
        change = {"key": "MeterValueSampleInterval", "value": "0"}
        assert await post.station.call("ChangeConfiguration", change) == {"status": "Accepted"}
        start = {"connectorId": 1, "idTag": TAG}
        assert await post.station.call("RemoteStartTransaction", start) == {"status": "Rejected"}
        stop = {"transactionId": 1}
        assert await post.station.call("RemoteStopTransaction", stop) == {"status": "Rejected"}
        # What happens meanwhile is told afterwards: a transaction by the rules for offline.
        await post.charge_offline()
        assert post.csms.books.transactions == {}
        assert actions(post) == ["BootNotification"]
        post.station.mark()
        second = await post.station.expect("BootNotification", timeout=5)
        assert 0 <= second.monotonic_s - answered - 4 < SLACK_S
        begun = await post.station.expect("StartTransaction")
        assert (begun.payload["idTag"], begun.payload["connectorId"]) == (TAG, 1)
        assert parse_utc(begun.payload["timestamp"]) < second.at
        await post.station.expect("StatusNotification", connectorId=0, status="Available")
        await post.station.expect("StatusNotification", connectorId=1, status="Charging")
        await heartbeats(post, 2)
        assert actions(post).count("StatusNotification") == 2
        assert await post.station.call("RemoteStopTransaction", stop) == {"status": "Accepted"}
        await post.station.expect("StopTransaction", reason="Remote")


async def test_pending_over_and_over_and_over_a_new_connection():
    csms = scripted(boot("Pending", 1), boot("Pending", 2), boot("Pending", 1))
    async with installed(csms=csms) as post:
        ends = []
        for interval_s in (1, 2, 1):
            call = await post.station.expect("BootNotification", timeout=10)
            if ends:
                assert 0 <= call.monotonic_s - ends[-1] < SLACK_S
            ends.append(await _answer(post, call) + interval_s)
            if interval_s == 2:
                post.station.cut()  # back within 1.5 s
        last = await post.station.expect("BootNotification")
        assert 0 <= last.monotonic_s - ends[-1] < SLACK_S
        assert post.station.connections == 2
        await told_all_after(post, last)


async def test_rejected():
    csms = scripted(boot("Rejected", 4))
    csms.books.heartbeat_interval_s = 2
    async with installed(csms=csms, station="xcharge_c6", connectors=2) as post:
        call = await post.station.expect("BootNotification", timeout=10)
        answered = await _answer(post, call)
        with pytest.raises(NotSeen):
            await post.station.call("GetConfiguration", {"key": ["HeartbeatInterval"]}, timeout=0.5)
        post.station.cut()
        await post.station.wait_connection(2)
        with pytest.raises(NotSeen):
            await post.station.call("ClearCache", timeout=0.5)
        assert actions(post) == ["BootNotification"]
        post.station.mark()
        await told_all(post, {0: "Available", 1: "Available", 2: "Available"})
        again = post.station.calls("BootNotification")[0]
        assert 0 <= again.monotonic_s - answered - 4 < SLACK_S
        assert await post.station.call("ClearCache") == {"status": "Accepted"}
        await heartbeats(post, 2)


async def _answer(post, call) -> float:
    """When the CSMS answered this CALL."""
    while True:
        for message in post.station.log.since(call.index):
            if message.id == call.id and message.kind == "result":
                return message.monotonic_s
        await asyncio.sleep(0.01)


async def test_a_connection_lost_before_the_answer():
    async with installed(csms=scripted(hang_up())) as post:
        first = await post.station.expect("BootNotification", timeout=10)
        second = await post.station.expect("BootNotification")
        assert second.index > first.index
        await told_all_after(post, second)


@pytest.mark.parametrize("interval", [0, 10**10])
async def test_accepted_with_an_odd_interval(interval):
    """0: no HeartbeatInterval is given, the configured one stays; one that no key can hold is bounded."""
    async with installed(csms=scripted(boot("Accepted", interval)), HeartbeatInterval=2) as post:
        await post.booted()
        if interval == 0:
            await heartbeats(post, 2)
        else:
            await post.station.never("Heartbeat", within_s=3)
        assert post.station.connections == 1


async def test_a_current_time_that_is_none():
    csms = scripted(reply({"status": "Accepted", "interval": 2, "currentTime": "yesterday"}))
    async with installed(csms=csms) as post:
        status = await post.station.expect("StatusNotification", timeout=10, connectorId=1)
        assert "timestamp" not in status.payload  # nobody knows
        await post.station.expect("Heartbeat")
        await post.plug()
        status = await post.station.expect("StatusNotification", connectorId=1, status="Preparing")
        assert abs(parse_utc(status.payload["timestamp"]) - status.at) < timedelta(seconds=1)


async def test_the_heartbeat_interval_changes_at_once():
    async with installed() as post:
        await post.booted()
        for value in ("1", "4", "1"):
            begun = asyncio.get_running_loop().time()
            change = {"key": "heartbeatinterval", "value": value}
            assert await post.station.call("ChangeConfiguration", change) == {"status": "Accepted"}
            heartbeat = await post.station.expect("Heartbeat", timeout=6)
            assert about(heartbeat.monotonic_s - begun, int(value))
        await post.station.call("ChangeConfiguration", {"key": "HeartbeatInterval", "value": "0"})
        await post.station.never("Heartbeat", within_s=2)


async def test_the_time_comes_from_boot_notification_and_jumps_with_heartbeat():
    """Hours forward and back: what runs goes on, nothing is sampled twice or not at all. A transaction keeps
    to the time that it has told (the audit looks at the order); all else follows the clock.
    """
    ahead = timedelta(days=500, hours=5)
    csms = scripted(
        reply(lambda _call: {"status": "Accepted", "interval": 6, "currentTime": _now_text(ahead)})
    )
    keys = {"MeterValueSampleInterval": 2, "ConnectionTimeOut": 2, "ClockAlignedDataInterval": 900}
    async with installed(csms=csms, **keys) as post:
        boot = await post.booted()
        start = await post.charge()
        assert _off(start.payload["timestamp"], start, ahead) < 1
        heartbeat = await post.station.expect("Heartbeat", timeout=8)  # back to today
        assert heartbeat.monotonic_s - boot.monotonic_s < 6 + SLACK_S
        samples = [
            await post.station.expect("MeterValues", where=lambda p: _context(p) == "Sample.Periodic")
            for _ in range(6)
        ]
        assert every([sample.at for sample in samples], 2)
        assert samples[0].index < heartbeat.index < samples[-1].index
        for sample in samples:
            assert _off(sample.payload["meterValue"][0]["timestamp"], sample, ahead) < 1.5
        await post.station.never("MeterValues", within_s=0.1, where=lambda p: _context(p) == "Sample.Clock")
        await post.tag()
        stop = await post.station.expect("StopTransaction")
        assert _off(stop.payload["timestamp"], stop, ahead) < 1
        finishing = await post.station.expect("StatusNotification", status="Finishing")
        assert _off(finishing.payload["timestamp"], finishing, timedelta()) < 1
        # A wait is measured in ticks, not by the clock: 12 hours more make nobody give up.
        csms.always("Heartbeat", reply(lambda _call: {"currentTime": _now_text(timedelta(hours=12))}))
        await post.unplug()
        post.station.mark()
        await post.station.expect("Heartbeat", timeout=8)
        await post.tag(OTHER)
        waiting = await post.station.expect("StatusNotification", status="Preparing")
        given_up = await post.station.expect("StatusNotification", status="Available")
        assert about(given_up.monotonic_s - waiting.monotonic_s, 2)


def _now_text(by: timedelta) -> str:
    return utc_text(datetime.now(UTC) + by)


def _off(text: str, message, by: timedelta) -> float:
    """Seconds between a timestamp and the time of arrival, as the CSMS's clock was."""
    return abs((parse_utc(text) - message.at - by).total_seconds())


def _context(payload: dict) -> str:
    return payload["meterValue"][0]["sampledValue"][0].get("context", "Sample.Periodic")


async def test_a_long_answer_time_of_boot_notification():
    """Nothing overtakes it, not even what a driver waits for."""
    csms = scripted(amend(delay_s=4))
    async with installed(csms=csms) as post:
        await post.station.expect("BootNotification", timeout=10)
        await post.plug()
        await post.tag(STRANGER)
        await post.station.expect("StatusNotification", timeout=8, connectorId=1, status="Preparing")
        assert actions(post)[0] == "BootNotification"
        await post.station.never("Authorize", within_s=0.3)  # it was refused while nobody could be asked


async def test_without_a_usable_answer_it_asks_again():
    """Together, for each takes its own rhythm: section 4.2 leaves it to us, errata to no one."""
    wrong = {"currentTime": utc_text(), "interval": "60", "status": "Accepted"}
    cases = [
        (boot("Pending", 0), 14.5, 16),
        (boot("Rejected", 0), 14.5, 16),
        (boot("Pending", -7), 14.5, 16),
        (call_error("InternalError", "no database"), 7, 23),
        (call_error("NotImplemented"), 7, 23),
        (silence(), 8, 24),  # MessageTimeout of 1 s
        (reply(wrong), 7, 23),
        (reply({"currentTime": utc_text(), "interval": 60, "status": "Perhaps"}), 7, 23),
        (reply({"interval": 60, "status": "Accepted"}), 7, 23),
        (raw_answer('[3,"{id}"]'), 7, 23),
    ]

    async def one(answer: Answer, least_s: float, most_s: float) -> None:
        async with installed(csms=scripted(answer), late_answers=True, MessageTimeout=1) as post:
            first = await post.station.expect("BootNotification", timeout=15)
            # Meanwhile it is a charge point that is not registered.
            if answer.payload is None or answer.error:
                start = {"connectorId": 1, "idTag": TAG}
                assert await post.station.call("RemoteStartTransaction", start) == {"status": "Rejected"}
            second = await post.station.expect("BootNotification", timeout=most_s + 1)
            assert least_s <= second.monotonic_s - first.monotonic_s <= most_s
            assert actions(post)[:2] == ["BootNotification"] * 2
            await told_all_after(post, second)

    await asyncio.gather(*(one(*case) for case in cases))
