# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""`python -m bench COMMAND`: cases for OCPP 1.6J charge points, and a CSMS for the desk.

list           the cases, and whether they apply to a station
run            play cases with one charge point: our firmware, or anybody's
conformance    play cases with our firmware as every station of boards/sim
report         make the page of a report anew from its JSON
csms           a CSMS with a prompt
schedule       charging profiles and what they come to, as a chart
"""

import argparse
import asyncio
import sys
from dataclasses import replace
from pathlib import Path

from bench import report, strangers
from bench.cases import catalogue, claims
from bench.cases.parameters import Parameters
from bench.cases.restore import NotRestored
from bench.cases.run import FAILED, Outcome, Run, summary
from bench.charger import ChargerCrashed, station_file
from bench.conformance import our_claims, station_names, with_every_station, with_our_firmware
from bench.desk import csms_command
from bench.drivers import NotDone
from bench.drivers.pilotlight import Pilotlight
from bench.schedule import command as schedule_command
from bench.station import NotSeen
from toolchain.output import line_by_line

_OURS = "pilotlight"


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    listing = commands.add_parser("list", help="the cases")
    listing.add_argument("--station", metavar="FILE", help="say which of them apply to it")
    running = commands.add_parser("run", help="play cases with one charge point")
    running.add_argument(
        "--station",
        metavar="FILE",
        default="loop_evs32a",
        help="what the charge point is: a file, or the name of one in boards/sim (default: %(default)s)",
    )
    running.add_argument(
        "--driver",
        metavar="DRIVER",
        default=_OURS,
        help="pilotlight: our firmware (default); manual: you are asked; or a file with commands",
    )
    strangers.add_arguments(running)
    everything = commands.add_parser("conformance", help="play cases with every station of boards/sim")
    for command in (running, everything):
        command.add_argument("--report", type=Path, metavar="FOLDER", help="write the report there")
        command.add_argument("--connector", type=int, default=1, help="the one under test (default: 1)")
    for command in (listing, running, everything):
        command.add_argument("cases", nargs="*", metavar="CASE", help="ids, old ones too; none: all")
    again = commands.add_parser("report", help="make the page of a report anew from its JSON")
    again.add_argument("file", type=Path, metavar="FILE.json")
    csms_command.add_arguments(commands.add_parser("csms", help="a CSMS with a prompt"))
    schedule_command.add_arguments(commands.add_parser("schedule", help="a chart of charging profiles"))
    return parser.parse_args()


def show(cases: list[catalogue.Case], station: str | None) -> None:
    described = None
    if station:
        described = our_claims(station) if station in station_names() else claims.read(station_file(station))
    for case in cases:
        reason = case.not_applicable(described, Pilotlight.can) if described else None
        aliases = f" ({', '.join(case.aliases)})" if case.aliases else ""
        print(
            f"{case.id:22}{case.profile:24}{case.title}{aliases}"
            + (f": not applicable, {reason}" if reason else "")
        )


class Progress:
    """A line for each case that is over, with how many of all it is."""

    def __init__(self, total: int):
        self._total, self._done = total, 0

    def __call__(self, name: str, outcome: Outcome) -> None:
        self._done += 1
        print(
            f"{self._done:3}/{self._total} {name:15} {outcome}"
            if name
            else f"{self._done:3}/{self._total} {outcome}"
        )


async def played(options: argparse.Namespace, cases: list[catalogue.Case], runs: list[Run]) -> None:
    if options.command == "conformance":
        progress = Progress(len(cases) * len(station_names()))
        return await with_every_station(cases, Parameters(connector=options.connector), progress, runs)
    progress = Progress(len(cases))

    def tell(outcome: Outcome) -> None:
        progress("", outcome)

    if options.driver == _OURS:
        parameters = strangers.with_tags(Parameters(connector=options.connector), options)
        return await with_our_firmware(options.station, cases, parameters, tell, runs)
    parameters = replace(strangers.parameters(options), connector=options.connector)
    return await strangers.with_a_charge_point(options, cases, parameters, tell, runs)


def write_down(options: argparse.Namespace, runs: list[Run]) -> None:
    begun = [run for run in runs if run.outcomes]
    if options.report is not None and begun:
        for path in report.write(begun, options.report):
            print(f"report: {path}")


def main() -> int:
    line_by_line()
    options = arguments()
    runs: list[Run] = []
    if options.command == "csms":
        return csms_command.run(options)
    if options.command == "schedule":
        return schedule_command.run(options)
    try:
        if options.command == "report":
            print(report.again(options.file))
            return 0
        cases = catalogue.chosen(options.cases)
        if options.command == "list":
            show(cases, options.station)
            return 0
        try:
            asyncio.run(played(options, cases, runs))
        finally:
            # Also after Ctrl-C, or a crash: an hour at the bench is not to be lost.
            write_down(options, runs)
    except (ValueError, OSError, NotSeen, NotRestored, NotDone, ChargerCrashed) as error:
        print(str(error).partition("; the last messages")[0], file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    outcomes = [outcome for run in runs for outcome in run.outcomes]
    print(f"conformance: {summary(outcomes)}")
    return 1 if any(outcome.verdict == FAILED for outcome in outcomes) else 0


if __name__ == "__main__":
    sys.exit(main())
