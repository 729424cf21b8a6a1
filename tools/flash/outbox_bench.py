# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""`make outbox-bench`: a queue of 1,000 offline transactions on 1 MB of flash, stored and drained.

The firmware fills its queue and empties it under MicroPython (`board/outbox_bench.py`). Ends with code 1 when
a message is missing or out of order, or when the outbox needs more RAM than it may.
"""

import argparse
import sys
from typing import Any

from flash.lane import MeasurementFailed, measure
from flash.wear import GEOMETRIES
from toolchain.output import line_by_line

AIM_RAM_BYTES = 4096
AIM_BOOT_MS = 1000  # longer than with an empty queue
_BLOCK_BYTES = 4096


def problems(result: dict[str, Any]) -> list[str]:
    """What must not be."""
    texts = list(result["complaints"])
    asked, wanted = result["asked"], result["wanted"]
    if result["begun"] < asked:
        texts.append(f"only {result['begun']:,} of {asked:,} transactions could begin, the flash is full")
    if result["delivered"] != wanted:
        texts.append(f"{result['delivered']:,} of {wanted:,} messages came")
    if result["left"]:
        texts.append(f"{result['left']:,} messages are left over")
    for state in ("empty", "full"):
        used = result[state]["outbox_bytes"]
        if used >= AIM_RAM_BYTES:
            texts.append(f"the outbox takes {used:,} bytes of RAM, {state}")
    return texts


def rows(results: list[dict[str, Any]]) -> list[tuple[str, list[str], str]]:
    """(title, one figure per geometry, aim or nothing)."""

    def row(title, value, aim=""):
        return (title, [value(result) for result in results], aim)

    def per_transaction(result, total):
        return f"{total / result['begun']:,.0f}" if result["begun"] else "-"

    def boot(result, state):
        return f"{result[state]['ms']:,}" if result[state] is not None else "-"

    ram, later = f"under {AIM_RAM_BYTES:,}", f"at most {AIM_BOOT_MS:,} more"
    return [
        row("transactions that could begin", lambda r: f"{r['begun']:,}"),
        row("messages that wait then", lambda r: f"{r['depth']:,}"),
        row("bytes of the queue's files, per transaction", lambda r: per_transaction(r, r["flash_bytes"])),
        row("  of flash that they take", lambda r: per_transaction(r, r["flash_blocks"] * _BLOCK_BYTES)),
        row("slowest append: flash operations", lambda r: str(r["slowest_append"])),
        row("boot, queue empty: ms *", lambda r: boot(r, "empty")),
        row("  queue full", lambda r: boot(r, "full"), later),
        row("  queue full, a transaction interrupted", lambda r: boot(r, "interrupted"), later),
        row("RAM of the outbox, queue empty: bytes", lambda r: f"{r['empty']['outbox_bytes']:,}", ram),
        row("  queue full", lambda r: f"{r['full']['outbox_bytes']:,}", ram),
        row("messages delivered", lambda r: f"{r['delivered']:,}"),
        row("  MeterValues that had to go", lambda r: f"{r['thinned']:,}"),
        row("  per second *", lambda r: f"{r['delivered'] * 1000 // max(1, r['drain_ms']):,}"),
        row("slowest delivery: flash operations", lambda r: str(r["slowest_delivery"])),
    ]


def _print(results: list[dict[str, Any]]) -> None:
    line = "{:43}" + "{:>12}" * len(results) + "   {}"
    print(line.format("", *(result["geometry"] for result in results), "").rstrip())
    print(line.format("", *(f"4096/{result['prog_bytes']}" for result in results), "aim"))
    for title, values, aim in rows(results):
        print(line.format(title, *values, aim).rstrip())
    print("* times of this host under 32-bit MicroPython, not of a board; operations: erases and programs")


def main() -> int:
    line_by_line()
    parser = argparse.ArgumentParser(prog="make outbox-bench", description="A full queue, and its way out.")
    parser.add_argument("--transactions", type=int, default=1000)
    parser.add_argument("--meter-values", type=int, default=10, help="in each of them")
    parser.add_argument("--geometry", action="append", choices=GEOMETRIES, help="one or more of them")
    parser.add_argument("--kb", type=int, default=1024, help="of flash")
    options = parser.parse_args()
    transactions, meter_values = max(1, options.transactions), max(0, options.meter_values)
    print(
        f"{transactions:,} transactions offline with {meter_values} MeterValues each,"
        f" on {options.kb} KB of littlefs, then delivered.\n",
    )

    def one(geometry):
        blocks = options.kb * 1024 // _BLOCK_BYTES
        return measure("outbox_bench", geometry, str(transactions), str(meter_values), str(blocks))

    # Times are shown: one at a time.
    try:
        results = [one(geometry) for geometry in options.geometry or GEOMETRIES]
    except MeasurementFailed as error:
        print(f"The measurement failed:\n{error}", file=sys.stderr)
        return 1
    _print(results)
    texts = [f"{result['geometry']}: {text}" for result in results for text in problems(result)]
    for text in texts:
        print(text)
    print("NOT everything came as it should." if texts else "Everything came, in order.")
    return 1 if texts else 0


if __name__ == "__main__":
    sys.exit(main())
