# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""How long to wait before the next try: each wait twice the last one, up to a limit, never for good."""

import random


class BackOff:
    """Waits around `first_ms`, 2 * `first_ms`, ... `most_ms`, `most_ms`, ..."""

    def __init__(self, first_ms: int, most_ms: int):
        self._first_ms = first_ms
        self._most_ms = most_ms
        self._next_ms = first_ms

    def next_ms(self) -> int:
        """The next wait, jittered by half of it either way: a thousand chargers that lost their CSMS in the
        same second must not come back in the same second.
        """
        middle_ms = self._next_ms
        self._next_ms = min(middle_ms * 2, self._most_ms)
        return middle_ms // 2 + random.randrange(middle_ms)

    def reset(self) -> None:
        """It went well: the next wait is a first one."""
        self._next_ms = self._first_ms
