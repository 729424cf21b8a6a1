# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""`make run`: a CSMS and a simulated charger in one terminal, everything they say, and a prompt.

    python -m bench.console --station loop_evs32a [--set Key=Value] [--data DIR]
    python -m bench.console --demo

Commands may be piped in: each is shown and carried out in turn, the end of the input ends everything.
"""

import argparse
import asyncio
import contextlib
import signal
import sys
import threading
from pathlib import Path

from prompt_toolkit import PromptSession
from prompt_toolkit.auto_suggest import AutoSuggestFromHistory
from prompt_toolkit.completion import WordCompleter
from prompt_toolkit.input.vt100 import Vt100Input
from prompt_toolkit.patch_stdout import patch_stdout
from prompt_toolkit.styles import Style

from bench import demo
from bench.charger import STATIONS, ChargerCrashed, station_file
from bench.commands import Commands, Quit
from bench.desk import CARD, Desk
from bench.screen import BOLD, CYAN, DIM, GREEN, MAGENTA, Screen, wants_colour
from bench.station import NotSeen
from toolchain.output import line_by_line

PROMPT = "pilotlight> "


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


class _Keys(Vt100Input):
    """The keyboard. It stays with us while a message is printed above the prompt: in the terminal's own line
    mode, which the library restores for that moment, Ctrl-D would be lost and other keys shown twice.
    """

    def cooked_mode(self) -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext()


async def _typed_lines(desk: Desk, commands: Commands) -> None:
    """A person at the terminal: the prompt stays at the bottom, messages scroll above it."""
    keys = _Keys(sys.stdin)
    session: PromptSession[str] = PromptSession(
        PROMPT,
        completer=WordCompleter(commands.names, sentence=True),
        complete_while_typing=False,
        auto_suggest=AutoSuggestFromHistory(),
        bottom_toolbar=lambda: desk.toolbar,
        refresh_interval=0.5,
        style=Style.from_dict({"bottom-toolbar": "noreverse fg:ansigray bg:ansiblack"}),
        interrupt_exception=EOFError,
        input=keys,
    )
    lines: asyncio.Queue[str] = asyncio.Queue()

    async def carry_out() -> None:
        while True:
            await commands.run(await lines.get())

    # The prompt is there all the time, also while a command waits for its answer.
    working = asyncio.create_task(carry_out())
    typing: asyncio.Task[str] | None = None
    with keys.raw_mode():  # also between one prompt and the next
        try:
            while True:
                typing = asyncio.create_task(session.prompt_async())
                await asyncio.wait({typing, working}, return_when=asyncio.FIRST_COMPLETED)
                if working.done():
                    return working.result()
                lines.put_nowait(typing.result())
        finally:
            # The prompt gives the terminal back before we do, or it would stay as the prompt had it.
            for task in (typing, working):
                if task is not None:
                    task.cancel()
                    await asyncio.wait([task])


async def _piped_lines(screen: Screen, commands: Commands) -> None:
    """Commands from a file or another program, one after the other."""
    loop = asyncio.get_running_loop()
    lines: asyncio.Queue[str | None] = asyncio.Queue()

    def read() -> None:
        # A thread, because asyncio cannot wait for a file; daemon, because readline cannot be cancelled.
        with contextlib.suppress(RuntimeError, ValueError):  # the loop has ended
            for line in sys.stdin:
                loop.call_soon_threadsafe(lines.put_nowait, line)
            loop.call_soon_threadsafe(lines.put_nowait, None)

    threading.Thread(target=read, daemon=True).start()
    while (line := await lines.get()) is not None:
        if line.strip() and not line.lstrip().startswith("#"):
            screen.line(PROMPT + line.strip(), BOLD)
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
    commands = Commands(desk.csms, desk.station, desk.charger, desk.screen)
    started = asyncio.create_task(_begin(desk))
    try:
        if sys.stdin.isatty():
            await _typed_lines(desk, commands)
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
        "--data", type=Path, help="keep the charger's memory in this folder (default: forget it)"
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
    except (ChargerCrashed, NotSeen) as error:
        print(error, file=sys.stderr)
        return 1
    except OSError as error:
        print(f"cannot start: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
