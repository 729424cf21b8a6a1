# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""What a typed line is: its words, the command it calls, and a sentence for everything that can go wrong.

The commands themselves stand by subject: `operations`, `profiles`, `security` (the CSMS calls a charge
point), `records` (what the CSMS knows), `driving` (the car and the driver of the simulated board), `waiting`
(for scripts).
"""

import difflib
import json
import re
import shlex
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bench.books import is_secret
from bench.desk.screen import BOLD, Screen
from bench.secrecy import without_password


class Quit(Exception):
    """The person wants to leave."""


class Mistake(Exception):
    """A command written wrongly; the text says what is missing."""


class NotNow(Exception):
    """A command that is right but cannot be carried out; the text says why."""


@dataclass
class Command:
    """`usage` begins with the name; `aliases` are understood and not shown. `secret(words)`: what to ask the
    person for, without echo, before the command runs with the answer as its last word; None: nothing.
    """

    usage: str
    meaning: str
    run: Callable[[list[str]], Awaitable[None]]
    aliases: tuple[str, ...] = ()
    secret: Callable[[list[str]], str | None] | None = None

    @property
    def name(self) -> str:
        return self.usage.split()[0]


Troubles = Sequence[
    tuple[type[Exception], str]
]  # {error} is the exception's text; "": it has been said already


class Commands:
    """Carries out a typed line with `run(line)`. `Quit` when it asks to leave."""

    def __init__(self, screen: Screen, troubles: Troubles):
        self._screen, self._troubles = screen, troubles
        self._groups: list[tuple[str, list[Command]]] = []
        self._commands: dict[str, Command] = {}
        self._aliases: dict[str, Command] = {}

    def add(self, title: str, group: list[Command]) -> None:
        """A group of `help`; the first added is shown first."""
        self._groups.append((title, group))
        self._commands |= {command.name: command for command in group}
        self._aliases |= {alias: command for command in group for alias in command.aliases}

    @property
    def names(self) -> list[str]:
        return sorted(self._commands)

    async def run(self, line: str, secret: str | None = None) -> bool:
        """Carry out one line; whatever goes wrong becomes a sentence on the screen, and False."""
        try:
            words = split(line)
        except ValueError as error:
            self._screen.trouble(f"that line cannot be read: {error}")
            return False
        if not words:
            return True
        command = self._find(words[0])
        try:
            if command is None:
                raise Mistake(self._unknown(words[0]))
            await command.run([*words[1:], *([secret] if secret else [])])
        except Mistake as error:
            self._screen.trouble(str(error) + (f"  (usage: {command.usage})" if command else ""))
        except NotNow as error:
            self._screen.trouble(str(error))
        except tuple(kind for kind, _ in self._troubles) as error:
            text = next(text for kind, text in self._troubles if isinstance(error, kind))
            if text:
                self._screen.trouble(text.format(error=error))
        except Quit:
            raise
        # Whatever a charge point answers, the others are not to lose their CSMS.
        except Exception as error:
            self._screen.trouble(f"not done, for a reason nobody has thought of: {error!r}")
        else:
            return True
        return False

    def asks_for(self, line: str) -> str | None:
        """What has to be asked for without echo before this line is run; None: nothing."""
        try:
            words = split(line)
        except ValueError:
            return None
        command = self._find(words[0]) if words else None
        return command.secret(words[1:]) if command and command.secret else None

    def _find(self, word: str) -> Command | None:
        return self._commands.get(word.lower()) or self._aliases.get(word.lower())

    def _unknown(self, word: str) -> str:
        near = difflib.get_close_matches(word.lower(), self._commands, cutoff=0.55)
        if not near:
            found = difflib.get_close_matches(word.lower(), self._aliases, n=1, cutoff=0.8)
            near = [self._aliases[alias].name for alias in found]
        hint = f", did you mean {' or '.join(near)}?" if near else ";"
        return f"there is no command {word!r}{hint} `help` shows all"

    # --- commands that every prompt has ---------------------------------------------------------------------

    def common(self) -> list[Command]:
        return [
            Command("help", "this list", self._help),
            Command("quit", "end everything (Ctrl-C and Ctrl-D do too)", self._quit, ("exit",)),
        ]

    async def _help(self, words: list[str]) -> None:
        width = max(len(command.usage) for command in self._commands.values() if len(command.usage) < 40)
        for title, group in self._groups:
            self._screen.line(title, BOLD)
            for command in group:
                self._screen.line(f"  {command.usage:{width}}  {command.meaning}")

    async def _quit(self, words: list[str]) -> None:
        raise Quit


# --- words ----------------------------------------------------------------------------------------------


def split(line: str) -> list[str]:
    """A line's words as a shell has them; everything from the first brace on is one word."""
    head, brace, rest = line.partition("{")
    return [*shlex.split(head), brace + rest] if brace else shlex.split(line)


def presentable(line: str) -> str:
    """A line as it may be shown: without the password that it may hold."""
    line = without_password(line)
    if "authorizationkey" in line.lower():
        line = re.sub(r"\{.*", "{ *** }", line)
        line = re.sub(r"(?i)(authorizationkey\W+).*", r"\1***", line)
    return re.sub(r"(?i)^(\s*(?:\S+:\s+)?[\"']?passwords?[\"']?\s+\S+\s+)(?!none\s*$).*", r"\1***", line)


def whole(text: str, what: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise Mistake(f"{what} is a whole number, not {text!r}") from None


def moment(text: str, what: str) -> datetime:
    """`now`, `+90` (seconds from now), or a time of ISO 8601; one without an offset is local."""
    now = datetime.now(UTC)
    if text.lower() == "now":
        return now
    try:
        if text.startswith("+"):
            return now + timedelta(seconds=float(text))
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        example = "2026-11-20T18:00 (local time), 2026-11-20T17:00Z, +600 (seconds from now)"
        raise Mistake(f"{what} is a time like {example}, not {text!r}") from None


def yes(text: str) -> bool:
    if text.lower() in ("yes", "true", "on", "1"):
        return True
    if text.lower() in ("no", "false", "off", "0"):
        return False
    raise Mistake(f"say yes or no instead of {text!r}")


def one_of(text: str, choices: Sequence[str], what: str) -> str:
    """The choice that `text` means: without regard to case, or its beginning when only one begins so."""
    exact = [choice for choice in choices if choice.lower() == text.lower()]
    found = exact or [choice for choice in choices if text and choice.lower().startswith(text.lower())]
    if len(found) != 1:
        raise Mistake(f"{what} is one of {', '.join(choices)}, not {text!r}")
    return found[0]


def options(words: list[str], known: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """Words without their `name value` pairs, and those: [URL, retries, 3] -> [URL], {retries: 3}."""
    rest, found = [], {}
    remaining = iter(words)
    for word in remaining:
        if word.lower() not in known:
            rest.append(word)
            continue
        value = next(remaining, None)
        if value is None:
            raise Mistake(f"a value is missing after {word!r}")
        found[word.lower()] = value
    return rest, found


def connector(words: list[str], at: int = 0) -> dict[str, int]:
    """`{"connector": N}` when a connector stands there, as the last word."""
    if len(words) > at + 1:
        raise Mistake(f"too many words after {words[at]!r}")
    return {"connector": whole(words[at], "the connector")} if len(words) > at else {}


def file_bytes(name: str, what: str) -> bytes:
    """The content of a file that a command names."""
    try:
        return Path(name).expanduser().read_bytes()
    except OSError as error:
        raise Mistake(f"{what} is a file; {name!r} cannot be read: {error.strerror}") from None


def json_object(words: list[str]) -> dict[str, Any]:
    if not words:
        return {}
    try:
        value = json.loads(" ".join(words))
    except json.JSONDecodeError as error:
        raise Mistake(f"that is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise Mistake("a JSON object in braces is needed")
    return value


def secret_value(action: str, payload: dict[str, Any]) -> bool:
    """A request with a value that must not be seen: ChangeConfiguration of AuthorizationKey."""
    return action == "ChangeConfiguration" and is_secret(payload.get("key"))
