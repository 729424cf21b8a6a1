# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""`make heap`: what the firmware's heap does after boot, in a transaction, and over 10,000 messages.

32-bit MicroPython with a heap of 200 KB, as on a Pico. Ends with code 1 when what is in use after a
collection has grown by more than 1 KB between message 1,000 and the end.
"""

import argparse
import asyncio
import sys
from dataclasses import dataclass
from typing import Any

from bench.charger import LAUNCHER, SimulatedCharger
from bench.csms import Csms
from bench.station import CallRefused, NotSeen, Station
from toolchain.output import line_by_line

TAG = "04A1B2C3"
ALLOWED_GROWTH_BYTES = 1024
STEP = 1000
SETTINGS = {"MeterValueSampleInterval": "1", "HeartbeatInterval": "10", "MinimumStatusDuration": "0"}

# One after the other, again and again: answers short and long, accepted and refused, writing to disk and not.
MIX: tuple[tuple[str, dict[str, Any]], ...] = (
    ("GetConfiguration", {"key": ["HeartbeatInterval"]}),
    ("ChangeConfiguration", {"key": "ConnectionTimeOut", "value": "60"}),
    ("GetConfiguration", {}),
    ("ChangeConfiguration", {"key": "ConnectionTimeOut", "value": "61"}),
    ("DataTransfer", {"vendorId": "org.example", "messageId": "ping", "data": "0123456789" * 20}),
    ("ChangeConfiguration", {"key": "NoSuchKey", "value": "1"}),
    ("ClearCache", {}),
    ("UnlockConnector", {"connectorId": 99}),
    ("RemoteStopTransaction", {"transactionId": 4711}),
    ("GetConfiguration", {"key": ["NoSuchKey"]}),
    ("GetCompositeSchedule", {"connectorId": 1, "duration": 60}),
    ("ChangeConfiguration", {"value": "the key is missing"}),
)


@dataclass
class Heap:
    """Bytes, from the firmware's `state`; `used` is after a collection."""

    used: int
    free: int
    peak: int

    def __str__(self) -> str:
        return f"{self.used:>9,} {self.free:>9,} {self.peak:>9,}"


async def read(charger: SimulatedCharger) -> Heap:
    heap = (await charger.state())["heap"]
    return Heap(heap["used"], heap["free"], heap["peak"])


def _row(title: str, heap: Heap) -> None:
    print(f"{title:32} {heap}")


async def _one(station: Station, number: int) -> None:
    action, payload = MIX[number % len(MIX)]
    try:
        await station.call(action, payload, check=False)
    except CallRefused:
        pass  # the right answer to the last of the mix, and to operations that are not there yet


async def _charge(charger: SimulatedCharger, station: Station, seconds: int) -> None:
    """A transaction with MeterValues every second, which goes on afterwards."""
    await charger.do("plug", connector=1)
    await charger.do("tag", id=TAG)
    await station.expect("StartTransaction", timeout=10)
    await station.expect("StatusNotification", timeout=20, connectorId=1, status="Charging")
    for second in range(1, seconds + 1):
        await station.expect("MeterValues", timeout=10)
        if second in (seconds // 2, seconds):
            _row(f"charging, {second} s, MeterValues each", await read(charger))


async def _exchange(charger: SimulatedCharger, station: Station, messages: int) -> int:
    """Messages of both directions; returns the growth in bytes after the first thousand."""
    first, number, shown = station.log.next_index, 0, 0
    heap = await read(charger)
    baseline: Heap | None = None
    _row("message 0", heap)
    while shown < messages:
        await _one(station, number)
        number += 1
        if station.log.next_index - first >= shown + STEP:
            shown += STEP
            heap = await read(charger)
            baseline = baseline or heap
            _row(f"message {shown:,}", heap)
    assert baseline is not None
    return heap.used - baseline.used


async def measure(messages: int, charging_s: int, station: str, size: str, launcher: tuple[str, ...]) -> int:
    """Prints as it goes; returns the growth in bytes."""
    async with Csms() as csms:
        csms.books.tag(TAG)
        csms.books.heartbeat_interval_s = 10
        charger = SimulatedCharger(
            csms.url,
            "HEAP",
            station=station,
            set=SETTINGS,
            heap=size,
            options=("--bits", "32"),
            restart=False,
            watch=False,  # events would be the simulated board's memory, not the firmware's
            launcher=launcher,
        )
        async with charger:
            wire = await csms.connected("HEAP")
            await wire.expect("StatusNotification", connectorId=1, timeout=15)
            await asyncio.sleep(1)
            print(f"{'bytes':32} {'in use':>9} {'free':>9} {'peak':>9}")
            _row("after boot", await read(charger))
            await _charge(charger, wire, charging_s)
            try:
                return await _exchange(charger, wire, messages)
            except (ConnectionError, NotSeen) as error:
                await asyncio.sleep(1)
                last = "\n    ".join(list(charger.output)[-15:])
                raise NotSeen(f"{error}\nThe firmware's last output:\n    {last}") from None


def main() -> int:
    line_by_line()
    parser = argparse.ArgumentParser(
        prog="make heap", description="The firmware's heap over 10,000 messages."
    )
    parser.add_argument("--messages", type=int, default=10_000, help="of both directions, at least 2,000")
    parser.add_argument("--charging", type=int, default=60, help="seconds in a transaction before them")
    parser.add_argument("--station", default="loop_evs32a")
    parser.add_argument("--heap", default="200k")
    parser.add_argument("--launcher", default=str(LAUNCHER), help="another program in place of tools/charger")
    options = parser.parse_args()
    print(f"Heap of the firmware on 32-bit MicroPython, {options.heap}; takes about two minutes.")
    try:
        messages, launcher = max(2 * STEP, options.messages), tuple(options.launcher.split())
        growth = asyncio.run(measure(messages, options.charging, options.station, options.heap, launcher))
    except AssertionError as error:  # ChargerCrashed, NotSeen, SchemaViolation
        print(f"The measurement failed: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    fine = growth <= ALLOWED_GROWTH_BYTES
    print(
        f"Growth from message {STEP:,} to the end: {growth:+,} bytes; {ALLOWED_GROWTH_BYTES:,} are allowed."
    )
    print("No leak." if fine else "The firmware loses memory.")
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
