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

    `limit`: ticks when the contactor, and after a restart the meter, is waited for no longer; `ask_at`: ticks
    before which the meter is not asked again, or None.
    """

    __slots__ = ("ask_at", "limit", "reason", "tag")

    def __init__(self, reason, tag, limit):
        self.reason = reason
        self.tag = tag
        self.limit = limit
        self.ask_at: int | None = None


class Unlocking:
    """An UnlockConnector that waits for its answer. `limit`: ticks, None until the contactor is open."""

    __slots__ = ("done", "limit")

    def __init__(self, done):
        self.done = done
        self.limit: int | None = None
