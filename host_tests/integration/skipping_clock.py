# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""An event loop whose clock skips what everybody would wait for, for tests that have both ends in this
process.

Time stands still while something is computed, goes on a little with every turn of the loop, and jumps to
the next timer when nothing is under way: neither on this process's sockets nor in it. So a test of minutes
takes what it computes, and comes to the same result on a busy machine. `time.time`, `datetime.now` and
`time.monotonic` go with it.

Processes and threads live by the clock on the wall: not for tests that talk to one.
"""

import asyncio
import selectors
import time
from collections.abc import Iterator
from contextlib import contextmanager

import time_machine

_TURN_S = 20e-6  # what a turn of the loop takes: what comes later is later
# What was written to a socket on loopback is there after some turns of the kernel, a millisecond on a busy
# machine. So much is waited for before every jump, or a poll of some milliseconds would pass a hundred times
# meanwhile; and more before a long jump, which might be somebody's time-out.
_GRACE = 1 / 20
_LONG_S = 0.1
_LONG_GRACE_S = 0.005


class _Skipping:
    """A selector that skips instead of waiting."""

    def __init__(self, clock: "SkippingLoop"):
        self._clock = clock
        self._selector = selectors.DefaultSelector()

    def __getattr__(self, name: str):
        return getattr(self._selector, name)

    def select(self, timeout: float | None = None):
        self._clock.passes(_TURN_S)
        if timeout is None:
            return self._selector.select(None)
        found = self._selector.select(0)
        if found or timeout <= 0:
            return found
        time.sleep(_LONG_GRACE_S if timeout > _LONG_S else timeout * _GRACE)
        found = self._selector.select(0)
        if not found:
            self._clock.passes(timeout)
        return found


class SkippingLoop(asyncio.SelectorEventLoop):
    def __init__(self):
        self._now_s = time.monotonic()
        self._world: time_machine.Traveller | None = None
        self._last_s: float | None = None
        super().__init__(_Skipping(self))

    def time(self) -> float:
        return self._now_s

    def passes(self, seconds: float) -> None:
        self._now_s += seconds
        if self._world is not None:
            self._world.shift(seconds)

    def run_until_complete(self, future):
        with self._everywhere():
            return super().run_until_complete(future)

    @contextmanager
    def _everywhere(self) -> Iterator[None]:
        """The clocks of the process are this one's while it runs; between two runs nothing passes."""
        monotonic = time.monotonic
        with time_machine.travel(time.time() if self._last_s is None else self._last_s, tick=False) as world:
            self._world = world
            time.monotonic = self.time
            try:
                yield
            finally:
                time.monotonic = monotonic
                self._last_s = time.time()
                self._world = None
