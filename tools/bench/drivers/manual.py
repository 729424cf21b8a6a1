# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Any charge point: the person at the bench is asked to do it.

      7. Connector 1: mend the fault. Enter when done, s if you cannot:

Nobody is asked to take back what was not done: to take out a cable that is not in, to give power that is
there.
"""

import asyncio
import os
import sys
import termios
from collections.abc import Iterable
from typing import TextIO

from bench.drivers import STIMULI, NotDone

_READ_BYTES = 4096
# Stimulus -> what the person is asked to do, and to take back.
_SENTENCES = {
    "plug": (
        "plug the cable in at both ends (a fixed one into the car); the car must ask for energy.",
        "take the cable out at both ends (a fixed one out of the car).",
    ),
    "leave": ("pull the cable out of the car only; in the charge point's socket it stays.", ""),
    "full": ("make the car stop asking for energy (end the charging in the car); leave the cable in.", ""),
    "power": ("Switch the charge point's power off.", "Switch the charge point's power on."),
    "link": ("Cut the charge point's network.", "Give the charge point its network back."),
    "fault": ("cause a fault that it reports as Faulted.", "mend the fault."),
    "lock_failure": ("keep the lock of the cable from moving.", "let the lock of the cable move again."),
}
# Nobody sees a duty cycle, and it would be asked for every moment.
_UNSEEN = frozenset(("offered",))


class Manual:
    """`cannot`: those of STIMULI that this person, or this bench, cannot give. `source` must be a real file:
    a terminal, a pipe. None: standard input and output.

    `begin` comes before anything else is asked.
    """

    def __init__(
        self, cannot: Iterable[str] = (), source: TextIO | None = None, output: TextIO | None = None
    ):
        cannot = frozenset(cannot)
        unknown = cannot - set(STIMULI)
        if unknown:
            raise ValueError(f"no such stimulus: {', '.join(sorted(unknown))}; known: {', '.join(STIMULI)}")
        source = source or sys.stdin
        if source is None:
            raise ValueError("there is nobody to ask: standard input is closed")
        self.can = frozenset(STIMULI) - _UNSEEN - cannot
        self._lines = _Lines(source)
        self._output = output or sys.stdout
        self._number = 0
        self._asking = asyncio.Lock()
        self._done: set[tuple[str, int]] = set()  # stimulus and connector (0: none): what is to be taken back

    async def begin(self) -> None:
        """The charge point is as the cases find it. Raises NotDone, as all of these do."""
        await self._ask("Take every cable out, of the car and of the charge point's sockets.")

    async def plug(self, connector: int) -> None:
        await self._do("plug", connector)

    async def unplug(self, connector: int) -> None:
        await self._take_back("plug", connector)

    async def leave(self, connector: int) -> None:
        self._check("leave")
        await self._ask(f"Connector {connector}: {_SENTENCES['leave'][0]}")

    async def full(self, connector: int) -> None:
        self._check("full")
        await self._ask(f"Connector {connector}: {_SENTENCES['full'][0]}")

    async def present(self, tag: str) -> None:
        await self._ask(f"Present the tag {tag}.")

    async def power(self, on: bool) -> None:
        self._check("power")
        await (self._take_back if on else self._do)("power")

    async def link(self, up: bool) -> None:
        self._check("link")
        await (self._take_back if up else self._do)("link")

    async def fault(self, connector: int, present: bool) -> None:
        self._check("fault")
        await (self._do if present else self._take_back)("fault", connector)

    async def lock_failure(self, connector: int, present: bool) -> None:
        self._check("lock_failure")
        await (self._do if present else self._take_back)("lock_failure", connector)

    async def data_transfer(self) -> None:
        self._check("data_transfer")
        await self._ask("Make the charge point send a DataTransfer.")

    async def offered(self, connector: int) -> float:
        raise NotDone(f"nobody at the bench can {STIMULI['offered']}")

    # --- what is to be taken back ---------------------------------------------------------------------------

    def _check(self, stimulus: str) -> None:
        if stimulus not in self.can:
            raise NotDone(f"nobody at the bench can {STIMULI[stimulus]}")

    async def _do(self, stimulus: str, connector: int = 0) -> None:
        deed = (stimulus, connector)
        before = deed in self._done
        # A case that is given up does not say whether the person has done it by then.
        self._done.add(deed)
        try:
            await self._ask(_sentence(stimulus, connector, 0))
        except NotDone:
            if not before:
                self._done.discard(deed)
            raise

    async def _take_back(self, stimulus: str, connector: int = 0) -> None:
        deed = (stimulus, connector)
        if deed in self._done:
            await self._ask(_sentence(stimulus, connector, 1))
            self._done.discard(deed)

    # --- the conversation -----------------------------------------------------------------------------------

    async def _ask(self, what: str) -> None:
        """Until it is done."""
        async with self._asking:
            self._number += 1
            self._lines.forget()
            bell = "\a" if self._output.isatty() else ""
            self._say(f"{bell}{self._number:3}. {what} Enter when done, s if you cannot: ")
            while True:
                answer = await self._answer()
                if answer is None:
                    raise NotDone(f"nobody answers any more; the question was: {what}")
                if answer == "":
                    return
                if answer in ("s", "skip"):
                    raise NotDone(f"the person at the bench could not do this: {what}")
                self._say(f"     {answer!r} is no answer. Enter when done, s if you cannot: ")

    async def _answer(self) -> str | None:
        try:
            answer = await self._lines.next()
        except asyncio.CancelledError:
            self._say("\n     This is not needed any more.\n")
            raise
        if answer is None or not self._lines.echoed:
            self._say("\n")
        return None if answer is None else answer.strip().lower()

    def _say(self, text: str) -> None:
        self._output.write(text)
        self._output.flush()


def _sentence(stimulus: str, connector: int, which: int) -> str:
    text = _SENTENCES[stimulus][which]
    return f"Connector {connector}: {text}" if connector else text


class _Lines:
    """The lines of a terminal, a pipe or a file. No thread reads them: one that waits for a line cannot be
    ended.
    """

    def __init__(self, source: TextIO):
        self._source = source  # kept, so that it stays open
        self._descriptor = source.fileno()
        self._rest = b""
        self.echoed = source.isatty()  # a person sees what is typed, the end of line as well

    def forget(self) -> None:
        """At a terminal: what was typed before the question is no answer to it."""
        if self.echoed:
            self._rest = b""
            termios.tcflush(self._descriptor, termios.TCIFLUSH)

    async def next(self) -> str | None:
        """Without its end; None: the input has ended."""
        while b"\n" not in self._rest:
            await self._readable()
            try:
                data = os.read(self._descriptor, _READ_BYTES)
            except OSError:  # the terminal has gone
                data = b""
            if not data:
                line, self._rest = self._rest, b""
                return line.decode("utf-8", "replace") if line else None
            self._rest += data
        line, _, self._rest = self._rest.partition(b"\n")
        return line.decode("utf-8", "replace")

    async def _readable(self) -> None:
        loop = asyncio.get_running_loop()
        readable = asyncio.Event()
        try:
            loop.add_reader(self._descriptor, readable.set)
        except PermissionError:  # a file, which is so at any time: nothing to wait for
            return
        try:
            await readable.wait()
        finally:
            loop.remove_reader(self._descriptor)
