# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The one timer interrupt of the car's side: every guard, the emergency stop, the watchdog.

`tick` allocates nothing. On a board without a timer the main loop calls it (`start` says so).
"""

from hal.ticks import ticks_diff, ticks_ms

# How long the main loop may be away: lwIP looks up a name for 14 s at worst and nothing else runs, a TLS
# handshake takes 2 s. After that nobody looks at limits, temperatures and permissions: all contactors open,
# and the watchdog is no longer fed.
_AWAY_MS = 20000
_STOPPED_MS = 300  # longer than any row of flash erases; the main loop was running all that time
_COUNTED = 1000000
_SLOW_MS = 20


class Ticker:
    """period_ms   between two ticks: three samples of the fastest pilot, 20 ms where samples are of a moment
    alive       the main loop was here lately
    """

    def __init__(self, board, guards):
        """`board`: a `hal.contract.Board`; `guards`: of all its connectors."""
        self._guards = guards
        self._stopped = board.stopped
        self._watchdog = board.watchdog
        self._every_ms = board.every_ms
        self._now = ticks_ms()
        self._away_ms = 0
        self._timed = False
        self._passes = 0
        self._passes_seen = -1
        self._seen_at = 0
        self.alive = True
        self.period_ms = _SLOW_MS
        for hardware in board.connectors:
            if hardware.pilot.sample_ms:
                self.period_ms = min(self.period_ms, 3 * hardware.pilot.sample_ms)

    def start(self) -> bool:
        """From now on the board calls `tick`. False: it has no timer, `tick` is to be called at every step of
        the main loop.
        """
        self._away_ms = 0
        self._timed = self._every_ms(self.period_ms, self.tick)
        return self._timed

    def live(self) -> None:
        """The main loop is here. RuntimeError: the interrupt has stopped, and nobody looks at the pilots;
        what a board does in hardware has opened the contactors, and only a restart helps.
        """
        self._away_ms = 0
        if not self._timed:
            return
        now = ticks_ms()
        passes = self._passes
        if passes != self._passes_seen:
            self._passes_seen = passes
            self._seen_at = now
        elif ticks_diff(now, self._seen_at) >= _STOPPED_MS:
            raise RuntimeError("the guard's interrupt has stopped")

    def tick(self) -> bool:
        """The timer interrupt. True: the next sample may open a contactor, it should come again with that."""
        now = ticks_ms()
        elapsed = ticks_diff(now, self._now)
        self._now = now
        self._passes = (self._passes + 1) & 0xFFFF
        away = self._away_ms
        if elapsed > 0 and away < _COUNTED:
            # One pass counts for a second at most: what lies between two passes is no absence of the main
            # loop alone.
            away += elapsed if elapsed < 1000 else 1000  # min() takes longer
            self._away_ms = away
        alive = away < _AWAY_MS
        self.alive = alive
        stopped = self._stopped()
        doubt = False
        for guard in self._guards:
            if guard.tick(now, stopped, alive):
                doubt = True
        if alive and self._watchdog is not None:
            self._watchdog.feed()
        return doubt
