# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Which Wi-Fi network is tried next, and when: pure.

Nobody scans. `WLAN.scan` keeps the interpreter for 2 to 3 s, on a CYW43 for up to 10
(extmod/network_cyw43.c); on an ESP32 nobody looks at the pilot meanwhile. And a scan does not show a hidden
network. To join one that is not there costs nothing but some seconds in the background, and tells as much: so
what is visible, and how strong, is what the last try has found.
"""

# Below, a network is used only when no better one is left: a join may work there, and little else.
_WEAK_DBM = -80
# After each round in which no network took us: an access point that has just got its power back shall not
# have the whole street at its door, and one whose password is wrong may lock us out for knocking.
_FIRST_MS = 2000
_MOST_MS = 60000
_MOST_FAILURES = 1000


class Joining:
    """`networks`: (name, password) of each, in the installer's order. `draw(n)`: a random number below n.

    at       index of the one that is tried, or used
    rounds   so many rounds in a row nobody took us
    """

    def __init__(self, networks, draw):
        self.networks = networks
        self.at = 0
        self.rounds = 0
        self._draw = draw
        self._failures = [0] * len(networks)
        self._dbm = [0] * len(networks)

    def next(self):
        """(name, password) of the one to try now: that which has failed the least often since it was last
        used, of these one that was not weak, of these the first.
        """
        best = self._rank(0)
        for index in range(1, len(self.networks)):
            best = min(best, self._rank(index))
        self.at = best[2]
        return self.networks[self.at]

    def _rank(self, index):
        return self._failures[index], self._dbm[index] < _WEAK_DBM, index

    def failed(self) -> int:
        """The one at hand did not take us, or is of no use: milliseconds until the next try."""
        self._failures[self.at] = min(self._failures[self.at] + 1, _MOST_FAILURES)
        least = min(self._failures)
        if least == 0:
            return 0
        # A round is over: from here they are level again.
        self._failures = [count - least for count in self._failures]
        middle_ms = min(_FIRST_MS << min(self.rounds, 8), _MOST_MS)
        self.rounds += 1
        return middle_ms // 2 + self._draw(middle_ms)

    def joined(self, dbm) -> None:
        """We have an address there; `dbm`: how strong it is, None: not known."""
        self._dbm[self.at] = 0 if dbm is None else dbm

    def stayed(self) -> None:
        """And not for a moment only."""
        self._failures[self.at] = 0
        self.rounds = 0
