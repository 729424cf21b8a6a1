# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Parts of `hal.contract` that are nothing but pins: contactor, pilot switch, RCD, button.

`Input` and `Output` are those of `hal.parts.pins`, or whatever has their methods: a coil behind a dead man's
switch (`hal.rp2`, `hal.esp32`) is an Output to `Contactor`.
"""


class Contactor:
    """A `hal.contract.Contactor`. `coil`: an Output; `feedback`: an Input that is on while the main contacts
    are closed, or None.

    The feedback is to come from a mirror contact (IEC 60947-4-1 annex F: it cannot be closed while a main
    contact is), so that a welded contactor shows.
    """

    def __init__(self, coil, feedback=None):
        self._coil = coil
        self._feedback = feedback
        self._told = False
        self.has_feedback = feedback is not None
        coil.put(False)

    def drive(self, close: bool) -> None:
        # At every pass, also when nothing has changed: a coil behind a dead man's switch lives of it.
        self._coil.put(close)
        self._told = close

    def closed(self) -> bool:
        return self._told if self._feedback is None else self._feedback.on()


class PilotSwitch:
    """A `hal.contract.PilotSwitch`. `output`: on takes the pilot off the line. At rest (no supply, no
    firmware) the pilot is on it."""

    def __init__(self, output):
        self._output = output

    def disconnect(self, apart: bool) -> None:
        self._output.put(apart)


class Rcd:
    """A `hal.contract.Rcd`. `trip`: an Input, on when residual current was found or the wire to the monitor
    is broken; `test`: an Output to the monitor's test input, or None (a breaker's trip contact has none).
    """

    def __init__(self, trip, test=None):
        self._trip = trip
        self._test = test

    def tripped(self) -> bool:
        return self._trip.on()

    def test(self, on: bool) -> None:
        if self._test is not None:
            self._test.put(on)


class Button:
    """A `hal.contract.Button`. `contact`: an Input, on while it is pressed."""

    def __init__(self, contact):
        self._contact = contact

    def pressed(self) -> bool:
        return self._contact.on()
