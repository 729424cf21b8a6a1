# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The offered current is one `min()` over named limits; the winner can always be named.

Names in use: "board" (rating), "cable" (proximity), "ocpp" (charging profiles), "temperature", "local"
(setting).
"""


class Limits:
    """A handful of (name, deci-ampere) pairs. Reading the winner allocates nothing."""

    __slots__ = ("_rows", "_winner")

    def __init__(self):
        self._rows = []  # [name, limit_da], in order of arrival: at most one per name
        self._winner = ("none", 0)

    def put(self, name: str, limit_da: int) -> None:
        """Set the limit called `name`, 0 or more deci-ampere; below 60 nothing can be offered."""
        if limit_da < 0:
            raise ValueError("limit %s: %d" % (name, limit_da))
        for row in self._rows:
            if row[0] == name:
                if row[1] == limit_da:
                    return
                row[1] = limit_da
                break
        else:
            self._rows.append([name, limit_da])
        self._elect()

    def drop(self, name: str) -> None:
        """Forget the limit called `name`; nothing happens when there is none."""
        for index in range(len(self._rows)):
            if self._rows[index][0] == name:
                del self._rows[index]
                self._elect()
                return

    def get(self, name: str) -> "int | None":
        for row in self._rows:
            if row[0] == name:
                return row[1]
        return None

    def winner(self) -> tuple:
        """(name, limit_da) of the lowest, the oldest of equals; ("none", 0) without any limit: offer
        nothing."""
        return self._winner

    def _elect(self):
        best = None
        for row in self._rows:
            if best is None or row[1] < best[1]:
                best = row
        self._winner = ("none", 0) if best is None else (best[0], best[1])
