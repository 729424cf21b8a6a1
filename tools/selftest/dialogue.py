# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The charger's console (docs/console.md) from the other end of the cable: what it is told, and what of its
lines is an answer.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import serial

_BAUD = 115200
_ANSWER_S = 3.0
_QUIET_S = 0.4
_START_S = 30.0  # opening the port restarts some boards
_TEST_S = 300.0
_CHUNK = 256
_PREFIX = b": "
_REPL = b">>>"
_MOST_BYTES = 4096  # of a line: what goes on longer is no console


class NoCharger(Exception):
    """The text says what is there instead."""


@dataclass(frozen=True)
class Result:
    connector: int  # 0: of the whole station
    name: str
    verdict: str  # pass, fail, absent, skipped
    text: str


@dataclass
class Findings:
    facts: dict[str, str] = field(default_factory=dict)
    results: list[Result] = field(default_factory=list)
    passed: bool = False

    @property
    def incomplete(self) -> bool:
        return any(result.verdict == "skipped" for result in self.results)


class Dialogue:
    """`port`: an open `serial.Serial`, or whatever has its read, write and in_waiting."""

    def __init__(self, port: Any):
        self._port = port
        self._rest = b""
        self._at_repl = False

    def answers(self, seconds: float) -> Iterator[str]:
        """The lines that are answers, without their prefix, for so long."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            # What waits already, or the next byte: `read` of more would wait for all of them.
            self._rest += self._port.read(max(1, min(self._port.in_waiting, _CHUNK)))
            self._at_repl = self._at_repl or _REPL in self._rest
            *lines, self._rest = self._rest.split(b"\n")
            self._rest = self._rest[-_MOST_BYTES:]
            for line in lines:
                if line.startswith(_PREFIX):
                    yield line[len(_PREFIX) :].decode("ascii", "replace").strip()

    def say(self, line: str) -> None:
        self._port.write(line.encode() + b"\r")

    def ask(self, line: str, seconds: float = _ANSWER_S) -> list[str]:
        """What it answers, the last line being `ok` or `no...`. NoCharger: nothing like that."""
        self.say(line)
        said = []
        for answer in self.answers(seconds):
            said.append(answer)
            if answer == "ok" or answer.startswith("no"):
                return said
        raise NoCharger(f"no answer to {line!r}")

    def find(self, seconds: float = _START_S) -> None:
        """Wait until a charger is there. NoCharger."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                self.say("")  # whatever was typed before is over
                for _ in self.answers(_QUIET_S):
                    pass
                self.ask("help")
                return
            except NoCharger:
                if self._at_repl:
                    raise NoCharger(
                        "MicroPython's prompt: the charger was stopped; `mpremote reset`"
                    ) from None
                if time.monotonic() >= deadline:
                    raise NoCharger("no charger answers at this port") from None

    def test(self, contactor: bool, told: Callable[[str], None]) -> Findings:
        """The whole test. `told`: each line for whoever waits. NoCharger, also when it ends in the middle."""
        findings = Findings()
        self.say("test contactor" if contactor else "test")
        for answer in self.answers(_TEST_S):
            kind, _, rest = answer.partition(" ")
            if answer.startswith("sure?"):
                self.say("yes")
            elif kind == "fact":
                name, _, text = rest.partition(" ")
                findings.facts[name] = text
            elif kind == "do":
                told(">>> " + rest)
            elif kind == "result" and rest.count("|") >= 3:
                number, name, verdict, text = rest.split("|", 3)
                result = Result(int(number) if number.isdigit() else 0, name, verdict, text)
                findings.results.append(result)
                told(as_text(result))
            elif kind == "verdict":
                # Ours as well: a result that was lost on the line shall not pass.
                findings.passed = rest == "pass" and not any(r.verdict == "fail" for r in findings.results)
                return findings
            elif kind == "no:" or answer == "no":
                raise NoCharger(f"the charger does not begin: {answer}")
        raise NoCharger("the charger has not ended its test")


def as_text(result: Result) -> str:
    where = f"connector {result.connector}" if result.connector else "station"
    return f"{result.verdict.upper():8}{where:13}{result.name:16}{result.text}"


def opened(port: str) -> Any:
    """An open port. NoCharger: it cannot be."""
    try:
        return serial.Serial(port, _BAUD, timeout=0.2, exclusive=True)
    except (OSError, serial.SerialException) as error:
        raise NoCharger(f"{port}: {error}") from None
