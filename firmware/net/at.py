# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""AT dialogue with a modem (3GPP TS 27.007, ITU-T V.250): one command at a time, each with a time-out.

    dialogue = Dialogue(uart)
    answer = await dialogue.ask("AT+CSQ", 1000, "+CSQ:")

A modem talks unasked (URCs), repeats commands (echo), answers after we have given up, and at a wrong speed
or while it starts says nothing but junk. `Lines` and `Exchange` make sense of that and are pure; `Dialogue`
waits.
"""

import asyncio
import sys

from hal.ticks import ticks_add, ticks_diff, ticks_ms

# The longest line of use is the answer to AT+CGDCONT? with some long APN.
_LINE_LIMIT = 160
_LINES_LIMIT = 16
# V.250 section 5.7.1 and TS 27.007 section 9.2: what ends an answer. How a call ends answers nothing but the
# command that dials: the NO CARRIER of the last call may come at any time.
_GOOD = ("OK", "CONNECT")
_ERRORS = ("ERROR", "+CME ERROR", "+CMS ERROR")
_CALL_ENDS = ("NO CARRIER", "NO DIALTONE", "NO ANSWER", "BUSY")
_DIAL = "ATD"
# The UART is looked at so often while an answer is due; nothing is lost between, it has a buffer.
_LOOK_MS = 10
# After a time-out the answer may still come: silence of that length, and it does not.
_SETTLE_MS = 300
_SETTLE_LIMIT_MS = 2000
# A modem answers in the order in which it was asked: once it has answered this, by name, nothing older comes.
_SYNC = "AT+CMEE?"
_SYNC_PREFIX = "+CMEE:"
_SYNC_MS = 5000
_CHUNK = 64
_LOOK_BYTES = 256  # taken at one look: 15 ms of an RP2040's time
_DRAIN_CHUNKS = 64  # what a UART's buffer holds: no more can have come before


class Lines:
    """Puts lines together from what comes in pieces. Bytes that are no text are dropped, and what is longer
    than any line of use is cut: a modem that says nonsense for ever costs no more than that.
    """

    def __init__(self):
        self._line = bytearray()

    def feed(self, data) -> list:
        """The lines that are complete now, without their ends; empty ones are left out."""
        lines = []
        line = self._line
        for byte in data:
            if byte == 13 or byte == 10:
                text = str(bytes(line), "ascii").strip() if line else ""
                if text:
                    lines.append(text)
                line = self._line = bytearray()
            elif 32 <= byte < 127 and len(line) < _LINE_LIMIT:
                line.append(byte)
        return lines

    def clear(self) -> None:
        self._line = bytearray()


class Answer:
    """How a command ended.

    ok       OK or CONNECT
    final    the line that ended it: "OK", "CONNECT 115200", "+CME ERROR: 10", ...
    lines    what was said before, without the prefix that was asked for
    error    the number of a +CME ERROR, else None
    """

    def __init__(self, final, lines):
        self.final = final
        self.lines = lines
        self.ok = _is(final, _GOOD)
        self.error = None
        if final.startswith("+CM"):
            digits = final.partition(":")[2].strip()
            if digits.isdigit() and len(digits) < 6:
                self.error = int(digits)


async def _pause(ms: int) -> None:
    await asyncio.sleep(ms / 1000)


# MicroPython's own takes no memory: it is waited with after there was none.
pause = asyncio.sleep_ms if sys.implementation.name == "micropython" else _pause


def _is(line, names):
    return any(line == name or (line.startswith(name) and line[len(name)] in " :") for name in names)


class Exchange:
    """One command and what comes after it, line by line.

    With a `prefix` ("+CSQ:") the command has an answer of that name, and an OK without it belongs to
    something else: to the command before, which was given up too early.
    """

    def __init__(self, command: str, prefix=None):
        self._command = command
        self._prefix = prefix
        self._lines = []
        dials = command.startswith(_DIAL)
        self._good = _GOOD[1:] if dials else _GOOD[:1]
        self._bad = _ERRORS + _CALL_ENDS if dials else _ERRORS

    def take(self, line: str):
        """The `Answer` when this line ends it, else None. Echo and what the modem says by itself is not part
        of it; but what begins with the prefix is, of which the last line is the freshest.
        """
        if line == self._command:
            return None
        prefix = self._prefix
        if prefix is not None and line.startswith(prefix):
            if len(self._lines) == _LINES_LIMIT:
                self._lines.pop(0)
            self._lines.append(line[len(prefix) :].strip())
        elif _is(line, self._good):
            if prefix is None or self._lines:
                return Answer(line, self._lines)
        elif _is(line, self._bad):
            return Answer(line, self._lines)
        return None


def numbers(text: str) -> list:
    """The fields of an answer like `0,1,"00A1",7`: int where it is a number, else the text without quotes."""
    fields = []
    for part in text.split(","):
        part = part.strip()
        fields.append(int(part) if part.isdigit() and len(part) < 9 else part.strip('"'))
    return fields


class Dialogue:
    """`uart`: as `machine.UART`, with `any`, `read` and `write`, none of which waits (timeout=0)."""

    def __init__(self, uart):
        self._uart = uart
        self._lines = Lines()
        self._owed = False  # an answer may still come that nobody waits for
        self._talks = False

    async def ask(self, command: str, timeout_ms: int, prefix=None):
        """The `Answer`, or None when there was none in time. Raises OSError when the UART does."""
        if self._owed:
            await self._settle()
            # An OK has no name: that of a command which was given up must not be taken for this one's, and
            # this one's not for the next one's.
            if prefix is None and not await self._synchronize(min(timeout_ms, _SYNC_MS)):
                return None
        return await self._exchange(command, timeout_ms, prefix)

    async def _synchronize(self, timeout_ms):
        """False: the modem is silent. One that talks and does not know the question is taken as it is."""
        self._talks = False
        return await self._exchange(_SYNC, timeout_ms, _SYNC_PREFIX) is not None or self._talks

    async def _exchange(self, command, timeout_ms, prefix):
        self._drain()
        exchange = Exchange(command, prefix)
        self._owed = True
        self._uart.write(command.encode() + b"\r")
        deadline = ticks_add(ticks_ms(), timeout_ms)
        while True:
            line = self._line()
            if line is not None:
                self._talks = True
                answer = exchange.take(line)
                if answer is not None:
                    self._owed = False
                    return answer
            if ticks_diff(deadline, ticks_ms()) <= 0:
                return None
            # Also before the next line that is there: they may come faster than they are read, and everything
            # else would stand still for the whole time.
            await pause(_LOOK_MS if line is None else 0)

    async def escape(self, guard_ms: int) -> bool:
        """From data to command mode: `+++` with silence before and after. True: the modem said OK."""
        await pause(guard_ms)
        self._drain()
        self._uart.write(b"+++")
        deadline = ticks_add(ticks_ms(), guard_ms + 500)
        exchange = Exchange("+++")
        while ticks_diff(deadline, ticks_ms()) > 0:
            line = self._line()
            if line is not None and (exchange.take(line) is not None or _is(line, _CALL_ENDS)):
                return True
            await pause(_LOOK_MS if line is None else 0)
        return False

    def forget(self) -> None:
        """The modem was started anew, or its speed changed: what was said before means nothing."""
        self._owed = False
        self._drain()

    def _line(self):
        """The next line that is complete, else None. Not a byte more is taken: behind CONNECT the modem goes
        on with PPP at once, and what is lost of that costs seconds.
        """
        for _ in range(min(self._uart.any(), _LOOK_BYTES)):
            data = self._uart.read(1)
            if not data:
                return None
            lines = self._lines.feed(data)
            if lines:
                return lines[0]
        return None

    def _drain(self):
        for _ in range(_DRAIN_CHUNKS):
            if not self._uart.any() or not self._uart.read(_CHUNK):
                break
        self._lines.clear()

    async def _settle(self):
        """Let a late answer come and go."""
        limit = ticks_add(ticks_ms(), _SETTLE_LIMIT_MS)
        quiet = ticks_add(ticks_ms(), _SETTLE_MS)
        while ticks_diff(quiet, ticks_ms()) > 0 and ticks_diff(limit, ticks_ms()) > 0:
            if self._uart.any():
                self._drain()
                quiet = ticks_add(ticks_ms(), _SETTLE_MS)
            await pause(_LOOK_MS)
