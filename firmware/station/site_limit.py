# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The current that the site has for all connectors together: fixed, or what a meter at the grid connection
says is left. Pure.

Lowered at once, raised slowly: what was left all through half a minute, and only by an ampere or more. So a
load that comes and goes, or cars whose current both meters see at different moments, do not have the offer
swing. When the meter is silent, or says what cannot be, a current counts that the installer holds for safe.
"""

from evse.seen import UNSEEN, seen
from hal.ticks import ticks_diff

# Five readings: noise on the bus takes one or two of them. No setting: for what a building may add in that
# time no breaker trips (at 1.45 times its rating it has an hour, IEC 60898-1), and longer would help nobody.
SILENT_MS = 5000
_BACK_MS = 5000
_RAISE_MS = 30000
_STEP_DA = 10
_TIMES = 10  # more than ten times the limit no connection carries for long: no reading
_PHASES = 3
# The meter at the grid shows a change up to so many readings later than ours.
_LATE = 2


def drawn_ma(readings) -> tuple:
    """What the connectors draw, of their meters' readings (`hal.reading.Reading` or None), in mA: for each of
    three phases, or (sum,) when one of those that draw is connected to one phase only: nobody has told to
    which phase of the grid. Three-phase connectors are taken to have the grid's order of phases.
    """
    each = [0] * _PHASES
    total = 0
    known = True
    for reading in readings:
        amps = () if reading is None else reading.current_ma
        most = max(amps) if amps else 0
        if most > 0:
            total += most
            known = known and len(amps) == _PHASES
            if known:
                for phase in range(_PHASES):
                    each[phase] += max(0, amps[phase])
    return tuple(each) if known else (total,)


class SiteLimit:
    def __init__(self, limit_da, fallback_da=0, metered=False):
        """`limit_da`: deci-ampere for each phase; 0: there is no limit. `metered`: it is that of the grid
        connection, which the building uses too; `fallback_da` counts as long as the meter there is silent.
        """
        self._limit_da = limit_da
        self._fallback_da = min(fallback_da, limit_da)
        self._metered = metered
        self._silent = metered
        self._da = self._fallback_da if metered else limit_da
        self._heard = False  # the meter answers
        self._unheard_ms = UNSEEN  # since it did: no meter can be heard while the main loop is away
        self._looked = 0
        self._since = 0  # since then more is left than `_da`, or it answers again
        self._least_da = limit_da  # that was left since then
        self._own: list = [()] * (_LATE + 1)  # the last answers of our own meters

    def metered(self, now, grid_ma, own_ma) -> None:
        """The meter at the grid connection was read at `now`. `grid_ma`: the currents of three phases,
        negative: export; None: it was silent. `own_ma`: what `drawn_ma` says, of readings that came after it
        (a car that begins is seen by the later one only, and must not be taken for the building).
        """
        own = self._own
        own.pop(0)
        own.append(own_ma or ())
        if not self._plausible(grid_ma):
            return
        others_ma = min([_others_ma(grid_ma, each) for each in own])
        left_da = max(0, (self._limit_da * 100 - others_ma) // 100)
        if not self._heard:
            self._heard = True
            self._watch(now)
        self._unheard_ms = UNSEEN
        waited_ms = ticks_diff(now, self._since)
        if not self._silent and left_da <= self._da:
            self._da = left_da
            self._watch(now)
            return
        least_da = self._least_da = min(self._least_da, left_da)
        if self._silent:
            if waited_ms >= _BACK_MS:
                self._silent = False
                self._da = least_da
                self._watch(now)
        elif waited_ms >= _RAISE_MS:
            if least_da - self._da >= _STEP_DA or least_da == self._limit_da:
                self._da = least_da
            self._watch(now)

    def available_da(self, now) -> "int | None":
        """Deci-ampere for each phase, to be asked in every step; None: there is no limit."""
        if self._metered:
            self._unheard_ms = seen(self._unheard_ms, True, ticks_diff(now, self._looked))
            self._looked = now
            if self._unheard_ms >= SILENT_MS and self._heard:
                self._heard = False
                self._silent = True
                self._da = self._fallback_da
        return self._da if self._limit_da else None

    @property
    def why(self) -> str:
        """For people: what gives the limit, and how much it is."""
        if not self._limit_da:
            return ""
        amps = self._da / 10
        if not self._metered:
            return "site limit %.1f A" % amps
        return "grid meter silent: %.1f A" % amps if self._silent else "grid meter: %.1f A left" % amps

    def _watch(self, now):
        self._since = now
        self._least_da = self._limit_da

    def _plausible(self, grid_ma):
        if not self._metered or grid_ma is None or len(grid_ma) != _PHASES:
            return False
        most_ma = self._limit_da * 100 * _TIMES
        return all(ma is not None and -most_ma <= ma <= most_ma for ma in grid_ma)


def _others_ma(grid_ma, own_ma):
    """What the rest of the building takes of the phase that has least left. Without knowing our phases: as if
    all of ours were there where the grid carries most. Then what is left is never more than may be added to
    any phase, and does not grow less when a car begins."""
    if len(own_ma) == len(grid_ma):
        return max([grid_ma[phase] - own_ma[phase] for phase in range(len(grid_ma))])
    return max(grid_ma) - (max(own_ma) if own_ma else 0)
