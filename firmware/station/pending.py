# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""What a connector may wait for: a car that somebody may charge, the end of a transaction, its lock."""


class Grant:
    """Somebody may charge here and has not begun yet.

    `follows`: nobody named this connector, so the grant follows a cable that is plugged in at another one
    after this uptime; None: it stays. `reservation`: the one that is used, or None. `car`: it is for the car
    that was there when it was given. `profile`: the TxProfile of the RemoteStartTransaction, or None.
    """

    __slots__ = ("car", "follows", "parent", "profile", "reservation", "tag")

    def __init__(self, tag, parent, follows=None, profile=None):
        self.tag = tag
        self.parent = parent
        self.follows = follows
        self.reservation = None
        self.car = False
        self.profile = profile


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
