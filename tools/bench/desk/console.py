# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""`make run`: a CSMS and a simulated charger in one terminal, everything they say, and a prompt.

    python -m bench.desk.console --station loop_evs32a [--set Key=Value] [--data DIR]
    python -m bench.desk.console --demo

Commands may be piped in: each is shown and carried out in turn, the end of the input ends everything.
"""

import argparse
import asyncio
import contextlib
import signal
import sys
from pathlib import Path

from ocpp.exceptions import InternalError
from prompt_toolkit.patch_stdout import patch_stdout

from bench.charger import STATIONS, ChargerCrashed, station_file
from bench.control import ControlLost, ControlRefused
from bench.desk import demo
from bench.desk.commands import Commands, Quit, presentable
from bench.desk.driving import Driving
from bench.desk.operations import Caller, CoreOperations
from bench.desk.profiles import ProfileOperations
from bench.desk.prompt import read_lines, typed_lines
from bench.desk.records import Records
from bench.desk.screen import BOLD, CYAN, DIM, GREEN, MAGENTA, Screen, wants_colour
from bench.desk.security import SecurityOperations
from bench.desk.waiting import Waiting
from bench.desk.with_charger import CARD, Desk
from bench.ledger.database import DatabaseTrouble
from bench.station import CallRefused, NotSeen, Station
from toolchain.output import line_by_line

PROMPT = "pilotlight> "

_TROUBLES = (
    (CallRefused, ""),  # the CALLERROR is on the screen already
    (NotSeen, "the charger did not answer within 30 s"),
    (ControlLost, "the charger ended before it answered"),
    (ChargerCrashed, "the charger is not running; `start` starts it"),
    (ConnectionError, "the charger is not connected to the CSMS now; `link up` or wait a moment"),
    (ControlRefused, "not done: {error}"),
    (InternalError, "not done: {error.description}"),
    (DatabaseTrouble, "not done: {error}"),
    (ValueError, "not done: {error}"),
)


def banner(desk: Desk) -> None:
    screen, connectors = desk.screen, desk.description["connectors"]
    kinds = "; ".join(dict.fromkeys(_kind(entry) for entry in connectors))
    count = f"{len(connectors)} connectors" if len(connectors) > 1 else "1 connector"
    screen.line(
        f"Pilotlight: a simulated charger and a central system (CSMS) that talk {desk.protocol}", BOLD
    )
    screen.line(f"  station  {desk.description.get('name', '')}  ({count}: {kinds})")
    screen.line(f"  CSMS     {desk.csms.url}   charge point id {desk.station.id}")
    screen.line(
        f"  {screen.paint('→', CYAN)} the charger says   {screen.paint('←', MAGENTA)} the CSMS says   "
        f"{screen.paint('*', GREEN)} what happens at the connector   answers are indented"
    )


def first_steps(screen: Screen) -> None:
    screen.line(
        "Ready. To charge a car, type:  "
        + screen.paint("plug", BOLD)
        + "  then  "
        + screen.paint(f"tag {CARD}", BOLD)
        + "  and later  "
        + screen.paint("unplug", BOLD)
        + ".  "
        + screen.paint("help", BOLD)
        + " shows everything."
    )


def _kind(connector: dict[str, object]) -> str:
    current = "DC" if connector.get("current") == "DC" else f"{connector.get('phases', 1)}-phase AC"
    cable = "socket" if connector.get("cable") == "socket" else "fixed cable"
    return f"{current} {connector.get('rated_a', '?')} A, {cable}"


def console_commands(desk: Desk) -> Commands:
    """The car and the driver, the CSMS, the bench."""
    commands = Commands(desk.screen, _TROUBLES)
    driving = Driving(desk.charger, desk.screen)
    caller = Caller(lambda: desk.station, desk.ledger, desk.screen)
    records = Records(desk.ledger, desk.screen, lambda: desk.station, lambda _id: desk.station.connected)

    async def arrives(_seconds: float) -> Station:
        return desk.station

    commands.add("The car and the driver", driving.commands())
    commands.add("The CSMS", CoreOperations(caller).commands())
    commands.add("The CSMS: feature profiles", ProfileOperations(caller).commands())
    commands.add("The CSMS: security extension", SecurityOperations(caller).commands())
    commands.add("What the CSMS knows", records.commands())
    waiting = Waiting(arrives, caller).commands()
    commands.add("The bench", [*driving.charger_commands(), *waiting, *commands.common()])
    return commands


async def _piped_lines(screen: Screen, commands: Commands) -> None:
    """Commands from a file or another program, one after the other."""
    async for line in read_lines(sys.stdin):
        screen.line(PROMPT + presentable(line), BOLD)
        await commands.run(line)


async def _begin(desk: Desk) -> None:
    """Start the charger; tell the newcomer what to type once it is ready."""
    try:
        await desk.begin()
    except ChargerCrashed as error:
        if not desk.charger.exit_codes:  # otherwise the desk has told already
            desk.screen.trouble(str(error))
    except NotSeen as error:
        desk.screen.trouble(str(error).partition("; the last messages")[0])
    else:
        first_steps(desk.screen)


async def _converse(desk: Desk) -> None:
    desk.crash_hint = "`start` starts it again, `quit` leaves"
    commands = console_commands(desk)
    started = asyncio.create_task(_begin(desk))
    try:
        if sys.stdin.isatty():
            await typed_lines(PROMPT, commands, lambda: desk.toolbar)
        else:
            await asyncio.wait([started])  # piped commands expect a charger that has booted
            await _piped_lines(desk.screen, commands)
    finally:
        started.cancel()
        await asyncio.gather(started, return_exceptions=True)


async def run(options: argparse.Namespace) -> int:
    main_task = asyncio.current_task()
    assert main_task is not None
    for number in (signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, main_task.cancel)
    screen = Screen(colour=wants_colour(sys.stdout) and not options.no_colour)
    settings = dict(pair.split("=", 1) for pair in options.set)
    if options.demo:
        settings = demo.SETTINGS | settings
    launcher = tuple(options.launcher.split()) if options.launcher else None
    desk = Desk(
        options.station, screen, settings=settings, data=options.data, launcher=launcher, port=options.port
    )
    async with desk:
        banner(desk)
        if options.demo:
            return await demo.play(desk)
        with contextlib.suppress(Quit, EOFError, KeyboardInterrupt):
            await _converse(desk)
        screen.line("Everything is ended. Goodbye.", DIM)
    return 0


def arguments() -> argparse.Namespace:
    names = ", ".join(sorted(path.stem for path in STATIONS.glob("*.json")))
    parser = argparse.ArgumentParser(
        prog="make run", description="A CSMS and a simulated charger, with a prompt."
    )
    parser.add_argument("--station", default="loop_evs32a", help=f"a file, or one of boards/sim: {names}")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="configuration at first boot"
    )
    parser.add_argument(
        "--data",
        type=Path,
        help="keep the charger's and the CSMS's memory in this folder (default: forget it)",
    )
    parser.add_argument("--port", type=int, default=0, help="of the CSMS (default: any free one)")
    parser.add_argument("--demo", action="store_true", help="play one whole session and end")
    parser.add_argument("--no-colour", action="store_true")
    parser.add_argument("--launcher", help="another program in place of tools/charger")
    options = parser.parse_args()
    if any("=" not in pair for pair in options.set):
        parser.error("--set needs KEY=VALUE")
    try:
        station_file(options.station)
    except FileNotFoundError as error:
        parser.error(str(error))
    return options


def main() -> int:
    line_by_line()
    options = arguments()
    interactive = sys.stdin.isatty() and not options.demo
    try:
        with patch_stdout(raw=True) if interactive else contextlib.nullcontext():
            return asyncio.run(run(options))
    except (KeyboardInterrupt, asyncio.CancelledError):
        return 130 if options.demo else 0
    except (ChargerCrashed, NotSeen, DatabaseTrouble) as error:
        print(error, file=sys.stderr)
        return 1
    except OSError as error:
        print(f"cannot start: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
