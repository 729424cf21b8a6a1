# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""One at a time, in the order of asking, at most so many in the queue. (asyncio.Lock has no limit.)"""

import asyncio


class QueueFull(Exception):
    """As many as allowed wait already."""


class Turns:
    def __init__(self, limit):
        self._limit = limit
        self._taken = False
        self._waiting = []  # an Event for each task in the queue

    async def take(self) -> None:
        """Wait for one's turn; `give()` must follow. Raises QueueFull at once."""
        if not self._taken:
            self._taken = True
            return
        if len(self._waiting) >= self._limit:
            raise QueueFull
        turn = asyncio.Event()
        self._waiting.append(turn)
        try:
            await turn.wait()
        except BaseException:  # cancelled: leave the queue, or hand on the turn just given; always re-raised
            if turn in self._waiting:
                self._waiting.remove(turn)
            else:
                self.give()
            raise

    def give(self) -> None:
        """It is the next one's turn."""
        if self._waiting:
            self._waiting.pop(0).set()
        else:
            self._taken = False
