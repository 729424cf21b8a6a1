# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The offered current is one `min()` over named limits; the winner can always be named.

A limit may also say with how many phases at most (OCPP's numberPhases): what a board with a switch for L2 and
L3 (`evse.phases`) then does.

Names in use: "board" (rating), "cable" (proximity), "ocpp" (charging profiles), "share" (its part of what
several connectors have together), "temperature", "local" (setting).
"""


class Limits:
    """A handful of (name, deci-ampere, phases). Reading them allocates nothing.

    three   no limit speaks against three phases
    """

    __slots__ = ("three", "_elected", "_rows", "_winner")

    def __init__(self):
        self.three = True
        self._rows = []  # [name, limit_da, phases], in order of arrival: at most one per name
        self._winner = ("none", 0)
        self._elected = True  # else there was no memory for it: the next who comes sees to it

    def put(self, name: str, limit_da: int, phases: "int | None" = None) -> None:
        """Set the limit called `name`, 0 or more deci-ampere for each phase; below 60 nothing can be offered.
        `phases`: at most so many, 1 to 3; None: this limit does not say. ValueError for other numbers."""
        if limit_da < 0 or (phases is not None and not 1 <= phases <= 3):
            raise ValueError("limit %s: %d, phases %s" % (name, limit_da, phases))
        for row in self._rows:
            if row[0] == name:
                if row[1] != limit_da or row[2] != phases:
                    self._elected = False
                    row[1] = limit_da
                    row[2] = phases
                break
        else:
            self._rows.append([name, limit_da, phases])
            self._elected = False
        if not self._elected:
            self._elect()

    def drop(self, name: str) -> None:
        """Forget the limit called `name`; nothing happens when there is none."""
        for index in range(len(self._rows)):
            if self._rows[index][0] == name:
                self._elected = False
                del self._rows[index]
                break
        if not self._elected:
            self._elect()

    def get(self, name: str) -> "int | None":
        for row in self._rows:
            if row[0] == name:
                return row[1]
        return None

    def lowest(self, but: tuple) -> int:
        """The lowest limit in deci-ampere, apart from those called so; 0 without any."""
        least = -1
        for row in self._rows:
            if row[0] not in but and (least < 0 or row[1] < least):
                least = row[1]
        return max(least, 0)

    def winner(self) -> tuple:
        """(name, limit_da) of the lowest, the oldest of equals; ("none", 0) without any limit: offer
        nothing."""
        return self._winner

    def _elect(self):
        best = None
        three = True
        for row in self._rows:
            if best is None or row[1] < best[1]:
                best = row
            if row[2] is not None and row[2] < 3:  # the switch knows one and three: of two phases one is safe
                three = False
        self.three = three
        self._winner = ("none", 0) if best is None else (best[0], best[1])
        self._elected = True
