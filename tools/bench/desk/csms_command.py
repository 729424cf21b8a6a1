# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""`python -m bench csms`: a CSMS for OCPP 1.6J on this desk, with a prompt or a script.

A script is a file or what is piped in, one command per line. It ends with code 0, and with 1 as soon as a
command fails: one that is written wrongly, a wait in vain, an answer that does not agree (unless the next
line is an `expect`). `--keep-going` carries out the rest as well.
"""

import argparse
import asyncio
import contextlib
import getpass
import io
import ipaddress
import os
import signal
import sys
from pathlib import Path
from typing import TextIO

from prompt_toolkit.patch_stdout import patch_stdout

from bench.desk.commands import Quit, presentable
from bench.desk.csms_figures import figures
from bench.desk.prompt import read_lines, typed_lines
from bench.desk.screen import BOLD, CYAN, DIM, MAGENTA, Screen, wants_colour
from bench.desk.with_charge_points import CsmsDesk, prefix
from bench.ledger.books import Ledger
from bench.ledger.database import MEMORY, DatabaseTrouble
from bench.ledger.passwords import password_bytes
from toolchain.output import line_by_line

PROMPT = "csms> "
PORT = 9000
DATABASE = "csms.sqlite"
_HEARTBEAT_S = 300


class WrongOption(Exception):
    """An option that cannot be used; the text says why."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--port", type=int, default=PORT, help=f"default: {PORT}; 0: any free one")
    parser.add_argument(
        "--host", default="127.0.0.1", help="address to listen on (default: this machine only)"
    )
    parser.add_argument(
        "--database", default=DATABASE, metavar="FILE", help=f"default: {DATABASE}; {MEMORY} keeps nothing"
    )
    parser.add_argument(
        "--password", action="append", default=[], metavar="ID[=PASSWORD]",
        help="of a charge point; asked for, not shown, when only the id is given (others see a command line)",
    )  # fmt: skip
    parser.add_argument(
        "--password-file",
        type=Path,
        metavar="FILE",
        help="lines of ID=PASSWORD; kept as hashes, so once is enough",
    )
    parser.add_argument(
        "--script", type=Path, metavar="FILE", help="commands, one per line, in place of a prompt"
    )
    parser.add_argument("--keep-going", action="store_true", help="a script goes on after a failure")
    parser.add_argument("--unknown-tag", default="Invalid", metavar="STATUS", help="of tags nobody entered")
    parser.add_argument(
        "--heartbeat", type=int, default=_HEARTBEAT_S, metavar="SECONDS", help=f"default: {_HEARTBEAT_S}"
    )
    parser.add_argument("--no-colour", action="store_true")
    parser.add_argument(
        "--figures",
        action="store_true",
        help="measure the time from a charge point's CALL to the answer, and end",
    )


def run(options: argparse.Namespace) -> int:
    """The process's exit code: 0, 1 (a script failed), 2 (cannot start), 130 (a script was interrupted)."""
    line_by_line()
    if options.figures:
        return figures()
    interactive = options.script is None and sys.stdin.isatty()
    try:
        passwords = _passwords(options)
        with Ledger(options.database, options.unknown_tag) as ledger:
            ledger.heartbeat_interval_s = options.heartbeat
            with patch_stdout(raw=True) if interactive else contextlib.nullcontext():
                return asyncio.run(_run(options, ledger, passwords, interactive))
    except (WrongOption, DatabaseTrouble) as error:
        print(f"cannot start: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # whoever read our lines has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        print(f"cannot start: {error.strerror or error}", file=sys.stderr)
        return 2
    except (KeyboardInterrupt, asyncio.CancelledError):
        return 0 if interactive else 130


def _passwords(options: argparse.Namespace) -> dict[str, str]:
    """Charge point -> password, from the options. WrongOption."""
    if options.unknown_tag not in ("Accepted", "Blocked", "Expired", "Invalid"):
        raise WrongOption(
            f"--unknown-tag is Accepted, Blocked, Expired or Invalid, not {options.unknown_tag}"
        )
    if not 0 <= options.port < 65536:
        raise WrongOption(f"--port {options.port} is no port")
    lines = []
    if options.password_file is not None:
        try:
            lines = options.password_file.read_text("utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise WrongOption(f"--password-file {options.password_file}: {error}") from None
    pairs = [line for line in lines if line.strip() and not line.startswith("#")]
    found = {}
    for number, pair in enumerate(pairs, 1):
        name, equals, password = pair.partition("=")
        if not (name.strip() and equals and password):
            raise WrongOption(f"--password-file {options.password_file}: entry {number} is not ID=PASSWORD")
        found[name.strip()] = password
    for pair in options.password:
        name, equals, password = pair.partition("=")
        if not equals:
            password = getpass.getpass(f"password of {name} (not shown): ")
        if not (name and password):
            raise WrongOption("--password needs ID, or ID=PASSWORD")
        found[name] = password
    return found


async def _run(
    options: argparse.Namespace, ledger: Ledger, passwords: dict[str, str], interactive: bool
) -> int:
    main_task = asyncio.current_task()
    assert main_task is not None
    for number in (signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, main_task.cancel)
    screen = Screen(colour=wants_colour(sys.stdout) and not options.no_colour)
    desk = CsmsDesk(ledger, screen, host=options.host, port=options.port, interactive=interactive)
    for name, password in passwords.items():
        await desk.passwords.set(name, password_bytes(password))
    script = _opened(options.script) if options.script else sys.stdin
    async with desk.csms:
        _banner(desk, options)
        code = 0
        if interactive:
            screen.line("`help` shows what can be typed; Ctrl-D ends.")
            with contextlib.suppress(Quit, EOFError, KeyboardInterrupt):
                await typed_lines(PROMPT, desk.commands, lambda: desk.toolbar, desk.words)
        else:
            code = await Script(desk, options.keep_going).play(script)
        # What ends with us is no news.
        desk.csms.hooks.clear()
        desk.csms.connection_hooks.clear()
    return code


def _opened(path: Path) -> TextIO:
    try:
        return io.StringIO(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise WrongOption(f"--script {path}: {error}") from None


class Script:
    """Lines carried out one after the other."""

    def __init__(self, desk: CsmsDesk, keep_going: bool):
        self._desk, self._keep_going = desk, keep_going
        self.failures = 0
        self._refused = ""  # the last answer did not agree; the next line may have expected that

    async def play(self, stream: TextIO) -> int:
        with contextlib.suppress(Quit):
            async for line in read_lines(stream):
                words = prefix(line)[1].split()
                if words[:1] != ["expect"]:
                    self._settle()
                if self.failures and not self._keep_going:
                    break
                await self._play(line)
                if self.failures and not self._keep_going:
                    break
        self._settle()
        if self.failures:
            self._desk.screen.trouble(
                f"the script failed ({self.failures})" if self._keep_going else "the script failed"
            )
        return 1 if self.failures else 0

    async def _play(self, line: str) -> None:
        caller = self._desk.caller
        self._refused, before = "", caller.last
        self._desk.screen.line(PROMPT + presentable(line), BOLD)
        done = await self._desk.commands.run(line)
        answer = caller.last
        if answer is not None and answer is not before and not answer.agreed:
            self._refused = f"{answer.action} was answered {answer.said}"
        elif not done:
            self.failures += 1

    def _settle(self) -> None:
        if self._refused:
            self._desk.screen.trouble(self._refused + "; `expect` in the next line would have allowed that")
            self.failures += 1
        self._refused = ""


def _banner(desk: CsmsDesk, options: argparse.Namespace) -> None:
    screen = desk.screen
    screen.line("Pilotlight: a central system (CSMS) for OCPP 1.6J", BOLD)
    screen.line(f"  charge points connect to  {desk.csms.url}/ID")
    kept = (
        "nowhere, it is forgotten at the end"
        if options.database == MEMORY
        else Path(options.database).resolve()
    )
    screen.line(f"  everything is kept in     {kept}")
    known = desk.passwords.stations()
    if known:
        screen.row(f"  with a password           {', '.join(known)}; all others are refused")
    elif not _loopback(options.host):
        screen.trouble(
            f"this CSMS listens on {options.host}: anybody in this network can reach it as any charge point. "
            "`password ID` sets a charge point's password; from the first one on nobody comes in without. "
            "Nothing is encrypted."
        )
    screen.line(
        f"  {screen.paint('→', CYAN)} a charge point says   {screen.paint('←', MAGENTA)} the CSMS says   "
        "answers are indented"
    )
    if known and not _loopback(options.host):
        screen.note(
            f"this CSMS listens on {options.host}, for this network; passwords travel unencrypted", DIM
        )


def _loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench csms", description="A CSMS for OCPP 1.6J.")
    add_arguments(parser)
    return run(parser.parse_args())


if __name__ == "__main__":
    sys.exit(main())
