# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The millisecond counter wraps at 2**30, every 12.4 days: nothing comes late or early for that."""

from bench.csms import Csms
from bench.messages import parse_utc
from bench.scripts import boot, call_error
from host_tests.integration.post import OTHER, SLACK_S, Post, about, every, installed

AT_ONCE = 3

WRAP = 1 << 30


def start(before_s: float) -> dict[str, tuple[str, ...]]:
    """Options of a charger whose counter wraps so long after its start."""
    return {"options": ("--ticks", str(WRAP - round(before_s * 1000)))}


def wrapped(post: Post) -> bool:
    """The log shows the counter: it began high and is low now."""
    counts = [int(line.split()[0]) for line in post.charger.output if line.split()[0].isdigit()]
    return counts[0] > WRAP // 2 and counts[-1] < WRAP // 2


async def test_a_session():
    """Heartbeats, samples and a ConnectionTimeOut go on in step; the queue's retry comes after its time."""
    csms = Csms()
    csms.books.heartbeat_interval_s = 1
    csms.script("StartTransaction", call_error("InternalError"))
    keys = {"MeterValueSampleInterval": 1, "ConnectionTimeOut": 4, "TransactionMessageRetryInterval": 4}
    post_options = {"station": "xcharge_c6", "connectors": 2, "repeats": ("StartTransaction",)}
    async with installed(csms=csms, **post_options, **start(3.5), **keys) as post:
        await post.booted()
        await post.plug(1)
        await post.tag()
        first = await post.station.expect("StartTransaction")
        await post.station.expect("StatusNotification", connectorId=1, status="Charging")
        await post.tag(OTHER)
        waiting = await post.station.expect("StatusNotification", connectorId=2, status="Preparing")
        assert not wrapped(post)
        again = await post.station.expect("StartTransaction", timeout=6)
        assert about(again.monotonic_s - first.monotonic_s, 4)
        given_up = await post.station.expect(
            "StatusNotification", timeout=6, connectorId=2, status="Available"
        )
        assert about(given_up.monotonic_s - waiting.monotonic_s, 4)
        samples = [await post.station.expect("MeterValues") for _ in range(7)]
        times = [parse_utc(sample.payload["meterValue"][0]["timestamp"]) for sample in samples]
        assert every(times, 1)
        assert abs((times[-1] - samples[-1].at).total_seconds()) < SLACK_S
        beats = [message.at for message in post.station.calls("Heartbeat")]
        assert len(beats) >= 6 and every(beats, 1)
        await post.tag()
        stop = await post.station.expect("StopTransaction", reason="Local")
        assert abs((parse_utc(stop.payload["timestamp"]) - stop.at).total_seconds()) < 1.5
        assert wrapped(post)


async def test_a_registration():
    async with installed(csms=_pending(3), **start(2)) as post:
        first = await post.station.expect("BootNotification", timeout=10)
        second = await post.station.expect("BootNotification")
        assert 0 <= second.monotonic_s - first.monotonic_s - 3 < SLACK_S
        await post.station.expect("StatusNotification", connectorId=1, status="Available")
        assert wrapped(post)


async def test_a_whole_session_offline_before_the_time_is_known():
    async with installed(link=False, AllowOfflineTxForUnknownId=True, **start(3)) as post:
        await post.charge_offline()
        assert not wrapped(post)
        await post.counts(4)
        await post.tag()
        await post.shows("Finishing")
        assert wrapped(post)
        await post.online()
        begun = await post.station.expect("StartTransaction")
        ended = await post.station.expect("StopTransaction")
        took_s = (
            parse_utc(ended.payload["timestamp"]) - parse_utc(begun.payload["timestamp"])
        ).total_seconds()
        assert 2 < took_s < 10
        assert 0 < (ended.at - parse_utc(ended.payload["timestamp"])).total_seconds() < 3


def _pending(interval_s: int) -> Csms:
    csms = Csms()
    csms.script("BootNotification", boot("Pending", interval_s))
    return csms
