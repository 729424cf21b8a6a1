# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""What a connector may wait for: a car that somebody may charge, the end of a transaction, its lock."""


class Grant:
    """Somebody may charge here and has not begun yet.

    `movable`: nobody named this connector, so the grant follows the cable to another one.
    """

    __slots__ = ("tag", "parent", "movable", "reservation_id")

    def __init__(self, tag, parent, movable=False, reservation_id=None):
        self.tag = tag
        self.parent = parent
        self.movable = movable
        self.reservation_id = reservation_id


class Ending:
    """A transaction on its way to its StopTransaction.

    `limit`: ticks when the contactor is waited for no longer; after a power cut, the meter. After a power cut
    only: `cut`, the stamp of it; `most_wh`, the register that can have been reached; `ask_at`, ticks before
    which the meter is not asked again.
    """

    __slots__ = ("ask_at", "cut", "limit", "most_wh", "reason", "tag")

    def __init__(self, reason, tag, limit, cut=None, most_wh=0):
        self.reason = reason
        self.tag = tag
        self.limit = limit
        self.cut = cut
        self.most_wh = most_wh
        self.ask_at: int | None = None


class Unlocking:
    """An UnlockConnector that waits for its answer. `limit`: ticks, None until the contactor is open."""

    __slots__ = ("done", "limit")

    def __init__(self, done):
        self.done = done
        self.limit: int | None = None
