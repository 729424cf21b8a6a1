# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""A pin with a meaning: the level that means "yes" is the board's business, not that of who asks.

All of it may be called from a hard interrupt: nothing is allocated.
"""


class Input:
    """`pin`: a machine.Pin that is an input; `active`: the level, 0 or 1, at which it means yes."""

    __slots__ = ("_active", "_level")

    def __init__(self, pin, active=1):
        # A bound method made once: looked up in the interrupt it would be allocated there.
        self._level = pin.value
        self._active = active

    def on(self) -> bool:
        return self._level() == self._active


class Output:
    """`pin`: a machine.Pin that is an output; `active`: the level, 0 or 1, that means yes. Who makes the pin
    gives it the level of "no" in the same call: a coil must not twitch between the two.
    """

    __slots__ = ("_active", "_level")

    def __init__(self, pin, active=1):
        self._level = pin.value
        self._active = active
        self.put(False)

    def put(self, on: bool) -> None:
        # Truth only: whatever is asked for, the pin gets 0 or 1.
        self._level(self._active if on else 1 - self._active)

    def on(self) -> bool:
        """What it was told last, read back from the pin."""
        return self._level() == self._active
