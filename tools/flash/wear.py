# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""`make wear`: how long the flash lasts.

The firmware lives on littlefs over a chip that counts (`board/wear.py`), with the geometry of each board;
what is printed here is arithmetic on those counts.
"""

import argparse
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from flash.lane import MeasurementFailed, measure
from toolchain.output import line_by_line

GEOMETRIES = ("rp2", "esp32", "esp32-128")
LIMIT = 100_000  # erases that the data sheets of NOR flash give a block
AIM_ERASES = 6
AIM_YEARS = 20
_DAYS_A_YEAR = 365.25
# littlefs leaves a block after 100 erases. Before all had their turn the share of the worst one is too large.
ENOUGH_DAYS = 100
_OPERATIONS, _ERASES, _BYTES = range(3)


class Figures:
    """What the counts of one geometry mean. Transactions are ordinary ones where nothing else is said."""

    def __init__(self, counts: dict[str, Any]):
        ordinary, charging = counts["ordinary"], counts["charging"]
        number = ordinary["transactions"]
        days = counts["days"]
        self.counts = counts
        self.erases = ordinary["count"][_ERASES] / number
        self.operations = ordinary["count"][_OPERATIONS] / number
        self.bytes = ordinary["count"][_BYTES] / number
        self.meter_values = ordinary["meter_values"] / number
        self.meter_value_erases = charging[_ERASES] / ordinary["meter_values"]
        self.meter_value_bytes = charging[_BYTES] / ordinary["meter_values"]
        self.without_erases = _per_transaction(counts["without"])
        self.offline_erases = _per_transaction(counts["offline"])
        self.day_erases = counts["life"][_ERASES] / days
        self.day_bytes = counts["life"][_BYTES] / days
        self.rest_erases = self.day_erases - counts["a_day"] * self.erases
        self.mean_erases = counts["life"][_ERASES] / counts["blocks"]

    def day_erases_at(self, transactions: int) -> float:
        return self.day_erases + (transactions - self.counts["a_day"]) * self.erases

    def years(self, transactions: int) -> float:
        """Until LIMIT at the worst block, at so many transactions a day: it gets the same share of the erases
        of a day as it got in the simulation.
        """
        worst_a_day = self.counts["worst_erases"] / self.counts["days"]
        worst_a_day *= self.day_erases_at(transactions) / self.day_erases
        return LIMIT / worst_a_day / _DAYS_A_YEAR


def _per_transaction(sample: dict[str, Any]) -> float:
    return sample["count"][_ERASES] / sample["transactions"]


def rows(all_figures: list[Figures]) -> list[tuple[str, list[str], str]]:
    """(title, one figure per geometry, aim or nothing)."""

    def row(title, value, aim=""):
        return (title, [value(figures) for figures in all_figures], aim)

    return [
        row("ordinary transaction: erases", lambda f: f"{f.erases:.2f}", f"at most {AIM_ERASES}"),
        row("  operations (erases and programs)", lambda f: f"{f.operations:.0f}"),
        row("  bytes programmed", lambda f: f"{f.bytes:,.0f}"),
        row("  MeterValues in it", lambda f: f"{f.meter_values:.0f}"),
        row("each MeterValues: erases", lambda f: f"{f.meter_value_erases:.3f}"),
        row("  bytes programmed", lambda f: f"{f.meter_value_bytes:,.0f}"),
        row("transaction without MeterValues: erases", lambda f: f"{f.without_erases:.2f}"),
        row("offline, delivered later: erases", lambda f: f"{f.offline_erases:.2f}"),
        row("a day with 10 transactions: erases", lambda f: f"{f.day_erases:.1f}"),
        row("  of these, what no transaction writes", lambda f: f"{f.rest_erases:.1f}"),
        row("  bytes programmed", lambda f: f"{f.day_bytes:,.0f}"),
        row("transactions simulated", lambda f: f"{f.counts['transactions']:,}"),
        row("  erases at the worst block", lambda f: f"{f.counts['worst_erases']:,}"),
        row("  mean of all blocks", lambda f: f"{f.mean_erases:.1f}"),
        row("years to 100,000 at the worst, 10 a day", lambda f: f"{f.years(10):,.0f}"),
        row("  30 a day", lambda f: f"{f.years(30):,.0f}", f"more than {AIM_YEARS}"),
    ]


def missed(figures: Figures) -> list[str]:
    """What is not as it should be."""
    texts = []
    if figures.erases > AIM_ERASES:
        texts.append(f"{figures.erases:.1f} erases per ordinary transaction")
    if figures.counts["days"] >= ENOUGH_DAYS and figures.years(30) <= AIM_YEARS:
        texts.append(f"{figures.years(30):.0f} years at 30 a day")
    return texts


def _print(all_figures: list[Figures]) -> None:
    line = "{:41}" + "{:>13}" * len(all_figures) + "   {}"
    print(line.format("", *(figures.counts["geometry"] for figures in all_figures), "").rstrip())
    sizes = (f"4096/{figures.counts['prog_bytes']}" for figures in all_figures)
    print(line.format("", *sizes, "aim").rstrip())
    for title, values, aim in rows(all_figures):
        print(line.format(title, *values, aim).rstrip())
    print("\nBy file, per transaction of the last days: times written / erases")
    names = sorted({name for figures in all_figures for name in figures.counts["files"]})
    for name in names:
        cells = []
        for figures in all_figures:
            number = figures.counts["files_transactions"]
            row = figures.counts["files"].get(name, [0, 0, 0, 0])
            cells.append(f"{row[0] / number:.1f} / {row[2] / number:.2f}")
        print(line.format("  " + name, *cells, "").rstrip())


def main() -> int:
    line_by_line()
    parser = argparse.ArgumentParser(prog="make wear", description="Flash erases, and how long flash lasts.")
    parser.add_argument("--days", type=int, default=200, help="to be lived through, 10 transactions each")
    parser.add_argument("--geometry", action="append", choices=GEOMETRIES, help="one or more of them")
    options = parser.parse_args()
    geometries = options.geometry or list(GEOMETRIES)
    print(f"The firmware on 1 MB of littlefs, 32-bit MicroPython, {options.days} days from a blank chip.")
    print("Ordinary transaction: online, one hour, a tag that the cache knows, MeterValues every 60 s.")
    print(
        "A day: a boot, 10 such transactions, one of them of a new tag, the clock kept every hour.\n",
    )
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        results = pool.map(lambda geometry: measure("wear", geometry, str(max(1, options.days))), geometries)
        try:
            all_figures = [Figures(counts) for counts in results]
        except MeasurementFailed as error:
            print(f"The measurement failed:\n{error}", file=sys.stderr)
            return 1
    _print(all_figures)
    if options.days < ENOUGH_DAYS:
        print(f"\nThe years mean nothing before {ENOUGH_DAYS} days: littlefs has hardly changed blocks.")
    texts = [f"{f.counts['geometry']}: {text}" for f in all_figures for text in missed(f)]
    print("\nAim missed: " + "; ".join(texts) + "." if texts else "\nWithin the aim.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
