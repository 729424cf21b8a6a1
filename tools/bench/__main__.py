# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""`python -m bench list`, `python -m bench run --station NAME [CASE ...]`, `python -m bench conformance`."""

import argparse
import asyncio
import sys

from bench.cases import catalogue, claims
from bench.cases.play import Parameters
from bench.cases.restore import NotRestored
from bench.cases.run import FAILED, Outcome, play, summary
from bench.charger import STATIONS, ChargerCrashed, SimulatedCharger, station_file
from bench.csms import Csms
from bench.drivers import Pilotlight
from bench.station import NotSeen
from toolchain.output import line_by_line


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Cases for OCPP 1.6J charge points.")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, purpose in (
        ("list", "the cases, and whether they apply to a station"),
        ("run", "play cases with one station"),
        ("conformance", "play cases with every station of boards/sim"),
    ):
        command = commands.add_parser(name, help=purpose, description=purpose)
        if name != "conformance":
            command.add_argument("--station", default=None if name == "list" else "loop_evs32a")
        command.add_argument("cases", nargs="*", metavar="CASE", help="ids, old ones too; none: all")
    return parser.parse_args()


def show(cases: list[catalogue.Case], station: str | None) -> None:
    described = claims.read(station_file(station)) if station else None
    for case in cases:
        reason = case.not_applicable(described) if described else None
        aliases = f" ({', '.join(case.aliases)})" if case.aliases else ""
        print(
            f"{case.id:14}{case.profile:12}{case.title}{aliases}"
            + (f": not applicable, {reason}" if reason else "")
        )


async def with_our_firmware(station: str, cases: list[catalogue.Case], prefix: str = "") -> list[Outcome]:
    def tell(outcome: Outcome) -> None:
        print(prefix + str(outcome))

    described = claims.read(station_file(station))
    outcomes: list[Outcome] = []
    try:
        async with Csms(strict=False) as csms, SimulatedCharger(csms.url, station=station) as charger:
            connected = await csms.connected(charger.id)
            driver = Pilotlight(charger)
            outcomes = await play(cases, csms, connected, driver, described, Parameters(), tell)
    except ChargerCrashed:
        if not outcomes:
            raise
        # The case in which it crashed has failed, and said so.
    return outcomes


async def with_every_station(cases: list[catalogue.Case]) -> list[Outcome]:
    names = sorted(path.stem for path in STATIONS.glob("*.json"))
    runs = [with_our_firmware(name, cases, f"{name:16}") for name in names]
    found = await asyncio.gather(*runs, return_exceptions=True)
    for name, result in zip(names, found, strict=True):
        if isinstance(result, BaseException):
            print(f"{name}: {result}", file=sys.stderr)
    errors = [result for result in found if isinstance(result, BaseException)]
    if errors:
        raise errors[0]
    return [outcome for outcomes in found if isinstance(outcomes, list) for outcome in outcomes]


def main() -> int:
    line_by_line()
    options = arguments()
    try:
        cases = catalogue.chosen(options.cases)
        if options.command == "list":
            show(cases, options.station)
            return 0
        if options.command == "run":
            outcomes = asyncio.run(with_our_firmware(options.station, cases))
        else:
            outcomes = asyncio.run(with_every_station(cases))
    except (ValueError, FileNotFoundError, NotSeen, NotRestored, ChargerCrashed) as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    print(f"conformance: {summary(outcomes)}")
    return 1 if any(outcome.verdict == FAILED for outcome in outcomes) else 0


if __name__ == "__main__":
    sys.exit(main())
