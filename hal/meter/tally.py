# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""What a meter has counted that has no register of its own: pulses, or counts of a chip that forgets them
when it is read. Pure. `station.kept_energy` carries it over a restart.
"""


class Tally:
    """wh   whole Wh, growing only

    What is less than a Wh is kept as well: in integers, so that nothing is lost or gained however long it
    counts."""

    __slots__ = ("wh", "_per_kwh", "_rest")

    def __init__(self, per_kwh: int):
        """`per_kwh`: counts that make a kWh."""
        self._per_kwh = per_kwh
        self.wh = 0
        self._rest = 0  # thousandths of a count, less than those of a Wh

    def add(self, counts: int) -> None:
        rest = self._rest + counts * 1000
        self.wh += rest // self._per_kwh
        self._rest = rest % self._per_kwh

    def state(self) -> list:
        """For `restore`: JSON."""
        return [self.wh, self._rest, self._per_kwh]

    def restore(self, state) -> bool:
        """False: that is no state of a tally, and nothing has changed."""
        if not isinstance(state, list) or len(state) != 3:
            return False
        for value in state:
            if not isinstance(value, int) or isinstance(value, bool) or value < 0:
                return False
        wh, rest, per_kwh = state
        if rest >= per_kwh:
            return False
        self.wh = wh
        # Of a board that has another meter now: the energy is the same, its parts are others.
        self._rest = rest * self._per_kwh // per_kwh
        return True

    def at_least(self, wh: int) -> None:
        """So much was told of already, before a power cut that came before it was kept."""
        if wh > self.wh:
            self.wh = wh
            self._rest = 0
