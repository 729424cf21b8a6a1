# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The command mode: lines with echo in, results and unsolicited lines out (ITU-T V.250), and the way back to
it from the data mode."""

from collections import deque
from dataclasses import dataclass, field

from emulator.modem.commands import Commands, Request
from emulator.modem.faults import Faults

# V.250, 5.2.1, wants 40; SIM7600 takes 559. What is longer gets ERROR.
LONGEST_LINE = 559
# No modem answers at once.
_THINKS_S = 0.002
# V.250's guard time S12, as these modems have it.
GUARD_S = 1.0
_CR, _LF, _BACKSPACE = 13, 10, 8


@dataclass
class _Said:
    at: float
    data: bytes
    then: list[Request] = field(default_factory=list)


class Dialogue:
    """The command line of the modem. `take` gives what is due and what is to be done once it is on the
    line."""

    def __init__(self, commands: Commands, faults: Faults):
        self._commands = commands
        self._faults = faults
        self._line = bytearray()
        self._out: deque[_Said] = deque()

    def reset(self) -> None:
        self._line.clear()
        self._out.clear()

    def feed(self, data: bytes, now: float) -> None:
        """Characters of the board. While a command changes the mode they are not heard."""
        for number, byte in enumerate(data):
            if any(said.then for said in self._out):
                return
            if self._commands.echo:
                self._say(data[number : number + 1], now, 0)
            if byte == _BACKSPACE:
                del self._line[-1:]
            elif byte == _CR:
                line = self._line.decode("latin-1")
                self._line.clear()
                self._answer(line, now)
            elif byte != _LF and len(self._line) <= LONGEST_LINE:
                self._line.append(byte)

    def unsolicited(self, text: str, now: float, delay_s: float = 0) -> None:
        """Its time does not hold up the answers."""
        said = _Said(now + delay_s, b"\r\n" + text.encode() + b"\r\n")
        place = next((at for at, other in enumerate(self._out) if other.at > said.at), len(self._out))
        self._out.insert(place, said)

    def raw(self, data: bytes, now: float) -> None:
        self._out.append(_Said(now, data))

    def take(self, now: float) -> tuple[bytes, list[Request]]:
        data, then = b"", []
        while self._out and self._out[0].at <= now and not then:
            said = self._out.popleft()
            data += said.data
            then += said.then
        return data, then

    def deadline(self) -> float | None:
        return self._out[0].at if self._out else None

    def _say(self, data: bytes, now: float, delay_s: float, then: list[Request] | None = None) -> None:
        at = now + delay_s
        answers = [said.at for said in self._out if said.at <= at]
        said = _Said(max([at, *answers]), data, then or [])
        place = next((each for each, other in enumerate(self._out) if other.at > said.at), len(self._out))
        self._out.insert(place, said)

    def _answer(self, line: str, now: float) -> None:
        if len(line) > LONGEST_LINE:
            lines, result, then = [], "ERROR", []
        else:
            begins = line.upper().find("AT")  # whatever noise is before it (V.250, 5.2.1)
            if begins < 0:
                return
            lines, result, then = self._commands.execute(line[begins + 2 :].strip(), now)
        text = "".join(f"\r\n{each}\r\n" for each in [*lines, result] if each)
        self._say(text.encode(), now, _THINKS_S + self._faults.answer_delay_ms / 1000, then)


class Escape:
    """Finds +++ with silence before and after it in what the board sends in data mode (V.250, 6.2.9; 3GPP TS
    27.005)."""

    def __init__(self) -> None:
        self._last = float("-inf")
        self._held = b""

    def start(self, now: float) -> None:
        self._last, self._held = now, b""

    def feed(self, data: bytes, now: float) -> bytes:
        """What is data for sure."""
        silent = now - self._last >= GUARD_S
        self._last = now
        if (self._held or silent) and b"+++".startswith(self._held + data):
            self._held += data
            return b""
        held, self._held = self._held, b""
        return held + data

    def deadline(self) -> float | None:
        return self._last + GUARD_S if self._held else None

    def step(self, now: float) -> tuple[bool, bytes]:
        """Whether the command mode is wanted, and plus signs that were data after all."""
        at = self.deadline()
        if at is None or now < at:
            return False, b""
        held, self._held = self._held, b""
        return (True, b"") if held == b"+++" else (False, held)
