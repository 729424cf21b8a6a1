# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Any charge point: a shell command for each stimulus, from a file such as examples/driver.toml.

    [commands]
    plug = "ssh bench-pi ./plug {connector}"
    unplug = "ssh bench-pi ./unplug {connector}"    # before each case, also when nothing is plugged in
    tag = "./present {tag}"
    leave, full = ...                               # from here on: what there is
    power_off, power_on, link_down, link_up, fault, mend, lock_failure, lock_mended, data_transfer = ...
    offered = "./pilot --amperes {connector}"       # its last line is a number

    [timing]
    timeout_s = 30                                  # for each command

A command has done it when its exit code is 0. They run in the folder of the file.
"""

import math
import re
import shlex
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.drivers import NotDone, shell

# Command -> the placeholder that it may have.
_PLACEHOLDERS = {
    "plug": "connector",
    "unplug": "connector",
    "tag": "tag",
    "leave": "connector",
    "full": "connector",
    "power_off": None,
    "power_on": None,
    "link_down": None,
    "link_up": None,
    "fault": "connector",
    "mend": "connector",
    "lock_failure": "connector",
    "lock_mended": "connector",
    "data_transfer": None,
    "offered": "connector",
}
_OBLIGATORY = ("plug", "unplug", "tag")
# One of STIMULI -> the commands that it takes.
_OPTIONAL = {
    "leave": ("leave",),
    "full": ("full",),
    "power": ("power_off", "power_on"),
    "link": ("link_down", "link_up"),
    "fault": ("fault", "mend"),
    "lock_failure": ("lock_failure", "lock_mended"),
    "data_transfer": ("data_transfer",),
    "offered": ("offered",),
}
_TIMEOUT_S = 30
# ${name} is the shell's.
_PLACEHOLDER = re.compile(r"(?<!\$)\{(\w+)\}")


class Command:
    """`commands` as `read` has checked them; `folder`: where they run; `name`: of the file, for messages."""

    def __init__(
        self,
        commands: Mapping[str, str],
        folder: Path,
        timeout_s: float = _TIMEOUT_S,
        name: str = "the driver",
    ):
        self.can = frozenset(
            stimulus for stimulus, pair in _OPTIONAL.items() if all(command in commands for command in pair)
        )
        self._commands, self._folder, self._timeout_s, self._name = commands, folder, timeout_s, name

    async def begin(self) -> None:
        """What is plugged in, the command `unplug` takes out before the first case."""

    async def plug(self, connector: int) -> None:
        await self._do("plug", connector)

    async def unplug(self, connector: int) -> None:
        await self._do("unplug", connector)

    async def leave(self, connector: int) -> None:
        await self._do("leave", connector)

    async def full(self, connector: int) -> None:
        await self._do("full", connector)

    async def present(self, tag: str) -> None:
        await self._do("tag", tag)

    async def power(self, on: bool) -> None:
        await self._do("power_on" if on else "power_off")

    async def link(self, up: bool) -> None:
        await self._do("link_up" if up else "link_down")

    async def fault(self, connector: int, present: bool) -> None:
        await self._do("fault" if present else "mend", connector)

    async def lock_failure(self, connector: int, present: bool) -> None:
        await self._do("lock_failure" if present else "lock_mended", connector)

    async def data_transfer(self) -> None:
        await self._do("data_transfer")

    async def offered(self, connector: int) -> float:
        said = await self._do("offered", connector)
        try:
            amperes = float(said)
        except ValueError:
            amperes = math.nan
        if not (math.isfinite(amperes) and amperes >= 0):
            raise NotDone(f"the command offered is to print amperes, not {said!r}")
        return amperes

    async def _do(self, command: str, value: object = "") -> str:
        """The last line that it has printed."""
        line = self._commands.get(command)
        if line is None:
            raise NotDone(f"{self._name} has no command {command}")
        line = _PLACEHOLDER.sub(lambda _: shlex.quote(str(value)), line)
        try:
            ended = await shell.run(line, self._folder, self._timeout_s)
        except (OSError, ValueError) as error:  # the folder has gone; a tag with a zero byte
            raise NotDone(f"the command {command} cannot be started: {error}") from error
        if ended.code == 0:
            return ended.last_line
        if ended.code is None:
            how = f"had not ended after {self._timeout_s:g} s"
        elif ended.code < 0:
            how = f"was ended by signal {-ended.code}"
        else:
            how = f"ended with exit code {ended.code}"
        said = f"its last line: {ended.last_line}" if ended.last_line else "it printed nothing"
        raise NotDone(f"the command {command} {how}; {said}")


def read(path: Path) -> Command:
    """The driver that the file describes. ValueError: one sentence that names the file, and the key."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise ValueError(f"{path} is no TOML: {error}") from None
    try:
        _only(document, ("commands", "timing"), "")
        commands = _table(document, "commands")
        timing = _table(document, "timing")
        _check_commands(commands)
        _only(timing, ("timeout_s",), "timing.")
        timeout_s = _seconds("timing.timeout_s", timing.get("timeout_s", _TIMEOUT_S))
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    return Command(commands, path.resolve().parent, timeout_s, path.name)


def _only(document: dict[str, Any], known: tuple[str, ...], where: str) -> None:
    for key in document:
        if key not in known:
            raise ValueError(f"{where}{key}: there is no such key; known: {', '.join(known)}")


def _table(document: dict[str, Any], key: str) -> dict[str, Any]:
    table = document.get(key, {})
    if not isinstance(table, dict):
        raise ValueError(f"{key}: a table is needed, not {table!r}")
    return table


def _seconds(where: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{where}: a number is needed, not {value!r}")
    if not (math.isfinite(value) and value > 0):
        raise ValueError(f"{where}: {value} is no time that can be waited")
    return value


def _check_commands(commands: dict[str, Any]) -> None:
    _only(commands, tuple(_PLACEHOLDERS), "commands.")
    for name, line in commands.items():
        if not isinstance(line, str):
            raise ValueError(f"commands.{name}: a text is needed, not {line!r}")
        if not line.strip():
            raise ValueError(f"commands.{name} is empty")
        _check_placeholders(name, line)
    for name in _OBLIGATORY:
        if name not in commands:
            raise ValueError(f"commands.{name} is missing")
    for pair in _OPTIONAL.values():
        missing = [name for name in pair if name not in commands]
        if 0 < len(missing) < len(pair):
            (there,) = set(pair) - set(missing)
            raise ValueError(f"commands.{there} needs commands.{missing[0]} beside it")


def _check_placeholders(name: str, line: str) -> None:
    allowed = _PLACEHOLDERS[name]
    for found in _PLACEHOLDER.finditer(line):
        if found[1] != allowed:
            known = f"{{{allowed}}} is the only one" if allowed else "it takes none"
            raise ValueError(f"commands.{name}: there is no placeholder {found[0]} here, {known}")
        # The tag comes from outside and gets quotes around it: within others it would be outside of them.
        if allowed == "tag" and _is_quoted(line[: found.start()]):
            raise ValueError(f"commands.{name}: {found[0]} must not stand within quotes; it gets its own")


def _is_quoted(before: str) -> bool:
    """What follows this beginning of a line of shell is within quotes, escaped, or in a here-document."""
    quote = ""
    escaped = False
    for character in before:
        if escaped:
            escaped = False
        elif character == "\\" and quote != "'":
            escaped = True
        elif character == quote:
            quote = ""
        elif not quote and character in "'\"":
            quote = character
    return bool(quote) or escaped or "<<" in before
