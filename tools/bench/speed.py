# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""`make bench`: how fast our firmware answers, beside a charge point on the CPython `ocpp` library.

Both are connected to the same CSMS at the same time and take turns in short rounds, so that whatever else the
machine does hits both. Ours runs under 32-bit MicroPython with a heap of 200 KB, as on a Pico.
"""

import argparse
import asyncio
import contextlib
import os
import statistics
import sys
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

from bench.charger import REPOSITORY, SimulatedCharger
from bench.csms import Csms
from bench.deadline import within
from bench.exchange import Exchange, Wrong
from toolchain.output import line_by_line

OURS, RIVAL = "PILOTLIGHT", "RIVAL"
TAG = "04A1B2C3"
ROUND = 10  # samples of one operation before the other charge point has its turn
BLOCK = 200  # calls of one block of the throughput measurement
CHARGING_SAMPLES = 5
PAUSE_S = 0.06  # what follows a start or stop (status, flash) is not the next sample's

# No traffic of its own while it is measured, and the rival's exchange: no Authorize, no readings.
SETTINGS = {
    "AuthorizeRemoteTxRequests": "false",
    "MeterValueSampleInterval": "0",
    "ClockAlignedDataInterval": "0",
    "HeartbeatInterval": "86400",
    "MinimumStatusDuration": "0",
    "WebSocketPingInterval": "0",
}

Operation = Callable[[Exchange, int], Awaitable[float]]


async def _all_keys(exchange: Exchange, _number: int) -> float:
    return await exchange.call_ms("GetConfiguration", {})


async def _one_key(exchange: Exchange, _number: int) -> float:
    return await exchange.call_ms("GetConfiguration", {"key": ["HeartbeatInterval"]})


async def _change(exchange: Exchange, number: int) -> float:
    value = str(80000 + number % 100)
    return await exchange.call_ms("ChangeConfiguration", {"key": "HeartbeatInterval", "value": value})


async def _remote_start(exchange: Exchange, _number: int) -> float:
    return await exchange.follow_ms(
        "RemoteStartTransaction", {"idTag": TAG, "connectorId": 1}, "StartTransaction"
    )


async def _remote_stop(exchange: Exchange, _number: int) -> float:
    payload = {"transactionId": exchange.transaction}
    return await exchange.follow_ms("RemoteStopTransaction", payload, "StopTransaction")


@dataclass
class Series:
    """Samples of one operation, milliseconds, per charge point."""

    title: str
    samples: dict[str, list[float]] = field(default_factory=lambda: {OURS: [], RIVAL: []})

    def quantile(self, who: str, share: float) -> float:
        ordered = sorted(self.samples[who])
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]

    def ratio(self) -> float:
        return statistics.median(self.samples[OURS]) / statistics.median(self.samples[RIVAL])

    def row(self) -> str:
        cells = []
        for who in (OURS, RIVAL):
            values = self.samples[who]
            cells.append(
                f"{statistics.median(values):7.2f} {self.quantile(who, 0.95):7.2f} {max(values):7.2f}"
            )
        return f"{self.title:36} {cells[0]}   {cells[1]}   {self.ratio():5.2f}"


async def _replugged(charger: SimulatedCharger, exchange: Exchange) -> None:
    """The next car: after Finishing another transaction would be announced by a StatusNotification(Preparing)
    of its own, and the time of StartTransaction hold the CSMS's answer to that.
    """
    await charger.do("unplug", connector=1)
    await within(5, exchange.status("Available"))
    await charger.do("plug", connector=1)
    await within(5, exchange.status("Preparing"))
    await _serve(exchange, PAUSE_S)


async def _sessions(
    start: Series, stop: Series, exchanges: dict[str, Exchange], charger: SimulatedCharger, samples: int
) -> None:
    """`samples` transactions of each charge point, started and stopped remotely."""
    for first in range(0, samples, ROUND):
        for who, exchange in exchanges.items():
            for number in range(first, min(first + ROUND, samples)):
                start.samples[who].append(await _remote_start(exchange, number))
                await _serve(exchange, PAUSE_S)
                stop.samples[who].append(await _remote_stop(exchange, number))
                await _serve(exchange, PAUSE_S)
                if who == OURS:
                    await _replugged(charger, exchange)


async def _take_turns(
    one: Series, operation: Operation, exchanges: dict[str, Exchange], samples: int
) -> None:
    """`samples` of the operation for each charge point."""
    for first in range(0, samples, ROUND):
        for who, exchange in exchanges.items():
            for number in range(first, min(first + ROUND, samples)):
                one.samples[who].append(await operation(exchange, number))


async def _serve(exchange: Exchange, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        await within(seconds, exchange.status("nothing"))


async def _throughput(exchanges: dict[str, Exchange], calls: int) -> dict[str, float]:
    """Calls per second, one at a time, half of them GetConfiguration of one key, half ChangeConfiguration."""
    clock = asyncio.get_running_loop().time
    spent = dict.fromkeys(exchanges, 0.0)
    for _ in range(0, calls, BLOCK):
        for who, exchange in exchanges.items():
            began = clock()
            for number in range(BLOCK):
                await (_change if number % 2 else _one_key)(exchange, number)
            spent[who] += clock() - began
    return {who: calls / seconds for who, seconds in spent.items()}


async def _charging_stop(charger: SimulatedCharger, exchange: Exchange) -> list[float]:
    """RemoteStop to StopTransaction while the car draws current: the contactor is opened first."""
    values = []
    await charger.do("car", connector=1, ready=True, delay_s=0)
    for _ in range(CHARGING_SAMPLES):
        await _remote_start(exchange, 0)
        await within(20, exchange.status("Charging"))
        await _serve(exchange, 0.3)
        values.append(await _remote_stop(exchange, 0))
        await _serve(exchange, 0.5)
    return values


HOW = """\
How: ours is 32-bit MicroPython with {heap} of heap, and writes every change and transaction to its files,
here in {folder}. The other is CPython with the `ocpp` library as it comes, with as many keys, and writes
nothing. RemoteStart and RemoteStop: the car is freshly plugged in and not ready, so no contactor moves. Times
are taken at the bare frames."""

# A desktop's disk adds milliseconds of its own to each write (ext4 flushes a file that is overwritten at
# once); a board's flash is another matter and measured elsewhere.
MEMORY_FOLDER = Path("/dev/shm")
IN_MEMORY = MEMORY_FOLDER.is_dir()


def _report(series: list[Series], rates: dict[str, float], charging: list[float], how: str) -> str:
    title, ratio = f"milliseconds, {len(series[0].samples[OURS])} samples each", rates[OURS] / rates[RIVAL]
    quantiles = f"{'p50':>7} {'p95':>7} {'max':>7}"
    slower = [f"{one.title} ({one.ratio():.2f} times)" for one in series if round(one.ratio(), 2) > 1]
    if ratio < 1:
        slower.append(f"messages per second ({ratio:.2f} times as many)")
    charged = (
        f"RemoteStop to StopTransaction of a car that is charging, the contactor opened first (ours only, "
        f"{len(charging)} samples): p50 {statistics.median(charging):.1f} ms, max {max(charging):.1f} ms"
    )
    rate_row = (
        f"{'messages per second, one at a time':36} {rates[OURS]:7.0f} {'':18}{rates[RIVAL]:7.0f} {'':18}"
        f"{ratio:5.2f}"
    )
    lines = (
        "",
        f"{title:36} {'this firmware':^23}   {'CPython ocpp':^23}   ratio",
        f"{'':36} {quantiles}   {quantiles}   of p50",
        *(one.row() for one in series),
        rate_row,
        "",
        charged,
        "",
        how,
        "",
        f"Slower than CPython: {', '.join(slower)}." if slower else "Nowhere slower than CPython (p50).",
    )
    return "\n".join(lines)


def _own_folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="pilotlight-", dir=MEMORY_FOLDER if IN_MEMORY else None)


async def _start_ours(
    stack: contextlib.AsyncExitStack, csms: Csms, station: str, heap: str
) -> SimulatedCharger:
    """Booted, plugged to a car that is not ready."""
    data = stack.enter_context(_own_folder())
    options = ("--bits", "32")
    charger = await stack.enter_async_context(
        SimulatedCharger(
            csms.url, OURS, station=station, data=data, set=SETTINGS, heap=heap, options=options, watch=False
        )
    )
    ours = await csms.connected(OURS)
    await ours.expect("StatusNotification", connectorId=1, timeout=15)
    await charger.do("car", connector=1, ready=False)
    await charger.do("plug", connector=1)
    await ours.expect("StatusNotification", connectorId=1, status="Preparing")
    return charger


async def _start_rival(stack: contextlib.AsyncExitStack, csms: Csms, keys: int) -> None:
    arguments = ("--csms", csms.url, "--id", RIVAL, "--keys", str(keys))
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY / "tools")}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.rival", *arguments, env=environment
    )
    stack.callback(lambda: process.returncode is None and process.terminate())
    await csms.connected(RIVAL)
    await csms.station(RIVAL).expect("StatusNotification", connectorId=1, timeout=15)


async def measure(samples: int, calls: int, station: str, heap: str) -> str:
    """The table, ready to print."""
    async with contextlib.AsyncExitStack() as stack:
        csms = await stack.enter_async_context(Csms())
        csms.books.tag(TAG)
        csms.books.heartbeat_interval_s = 86400
        charger = await _start_ours(stack, csms, station, heap)
        keys = len((await csms.station(OURS).call("GetConfiguration"))["configurationKey"])
        await _start_rival(stack, csms, keys)
        await asyncio.sleep(1)  # what the boots leave to do is done
        exchanges = {
            who: Exchange(await stack.enter_async_context(csms.station(who).pipe())) for who in (OURS, RIVAL)
        }
        get_all, get_one = Series(f"GetConfiguration, all {keys} keys"), Series("GetConfiguration, one key")
        change = Series("ChangeConfiguration")
        start, stop = Series("RemoteStart to StartTransaction"), Series("RemoteStop to StopTransaction")
        for one, operation in ((get_all, _all_keys), (get_one, _one_key), (change, _change)):
            await _take_turns(one, operation, exchanges, samples)
        await _sessions(start, stop, exchanges, charger, samples)
        rates = await _throughput(exchanges, calls)
        charging = await _charging_stop(charger, exchanges[OURS])
    how = HOW.format(heap=heap, folder="memory" if IN_MEMORY else "the folder for temporary files")
    return _report([get_all, get_one, change, start, stop], rates, charging, how)


def main() -> int:
    line_by_line()
    parser = argparse.ArgumentParser(
        prog="make bench", description="Our firmware beside a CPython charge point."
    )
    parser.add_argument("--samples", type=int, default=200, help="per operation and charge point")
    parser.add_argument(
        "--calls", type=int, default=2000, help="of the throughput measurement, per charge point"
    )
    parser.add_argument("--station", default="loop_evs32a")
    parser.add_argument("--heap", default="200k", help="of our firmware")
    options = parser.parse_args()
    print(f"Measuring: {options.samples} samples of 5 operations on two charge points, for a minute or two.")
    try:
        print(asyncio.run(measure(options.samples, options.calls, options.station, options.heap)))
    except (AssertionError, Wrong, TimeoutError, ConnectionError) as error:
        print(f"The measurement failed: {error!r}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
