# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""How long something has lasted, whatever the wrap of the ticks. Pure."""

from hal.ticks import ticks_diff


class Timer:
    """Runs from `start` until `reset`. `over` stays right however long it runs: ticks are compared only until
    then."""

    __slots__ = ("running", "_since", "_over")

    def __init__(self):
        self.running = False
        self._since = 0
        self._over = False

    def start(self, now: int) -> None:
        """Start unless it runs."""
        if not self.running:
            self.running = True
            self._since = now
            self._over = False

    def reset(self) -> None:
        self.running = False

    def over(self, now: int, after_ms: int) -> bool:
        """It runs since `after_ms` or longer; to be asked at every step with the same `after_ms`."""
        if self.running and not self._over and ticks_diff(now, self._since) >= after_ms:
            self._over = True
        return self.running and self._over


class Stopwatch:
    """Milliseconds between two looks, and never more than a minute: whoever was away longer has other
    worries."""

    __slots__ = ("_last", "_known")

    MOST_MS = 60000

    def __init__(self):
        self._last = 0
        self._known = False

    def lap(self, now: int) -> int:
        """Milliseconds since the last call, 0 at the first."""
        elapsed = ticks_diff(now, self._last) if self._known else 0
        self._last = now
        self._known = True
        return min(max(elapsed, 0), self.MOST_MS)


LONG_AGO_MS = 100000000


def longer(since_ms: int, dt_ms: int) -> int:
    """A count of milliseconds after `dt_ms` more; it stops at `LONG_AGO_MS`, about a day."""
    since_ms += dt_ms
    return min(since_ms, LONG_AGO_MS)
