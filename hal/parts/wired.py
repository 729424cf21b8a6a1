# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Parts of `hal.contract` that are nothing but pins: contactor, pilot switch, RCD, emergency stop, button.

`Input` and `Output` are those of `hal.parts.pins`, or whatever has their methods: a coil behind a dead man's
switch (`hal.rp2`, `hal.esp32`) is an Output to `Contactor`.
"""

from hal.ticks import ticks_diff, ticks_ms

# 30 ms to 1.2 s of test current are legal for a monitor of the RCMB type; a tick may come 120 ms late.
_LONGEST_TEST_MS = 1050
_CONFIRMED_MS = 2


class Contactor:
    """A `hal.contract.Contactor`. `coil`: an Output; `feedback`: an Input that is on while the main contacts
    are closed, or None; `hold_ms`: of the coil, see there.

    The feedback is to come from a mirror contact (IEC 60947-4-1 annex F: it cannot be closed while a main
    contact is), so that a welded contactor shows. To ground, with a pull-up, it is low while the main
    contacts are open: the Input is active at 1, and a broken wire is a contactor that does not open.
    """

    def __init__(self, coil, feedback=None, hold_ms=0):
        self._coil = coil
        self._feedback = feedback
        self._told = False
        self.hold_ms = hold_ms
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

    The main loop begins a test and ends it; should it be in a TLS handshake when that is due, `tick` does.
    """

    def __init__(self, trip, test=None):
        self._trip = trip
        self._test = test
        self._since = 0
        self._testing = False
        self._pulse_ms = _LONGEST_TEST_MS
        self.testable = test is not None
        self.sequence = False

    def tripped(self) -> bool:
        return self._trip.on()

    def answered(self) -> bool:
        return self._trip.on()

    def test(self, on: bool) -> None:
        if self._test is not None:
            self._since = ticks_ms()
            self._testing = on  # after the time, before the pin: `tick` may come in between
            self._test.put(on)

    def tick(self) -> None:
        """From the interrupt, every 50 ms at least."""
        output = self._test
        if output is not None and self._testing and ticks_diff(ticks_ms(), self._since) >= self._pulse_ms:
            self._testing = False
            output.put(False)

    def rest(self) -> None:
        """Nobody will call `tick` any more."""
        self.test(False)


class StopContact:
    """The emergency stop's contact, for who tells of it: on when two looks at least 2 ms apart say so. A
    spike on a long wire would end every transaction. The guard, who opens at once, asks the Input itself."""

    def __init__(self, contact):
        self._contact = contact
        self._seen = False
        self._sure = False
        self._since = 0

    def confirmed(self) -> bool:
        contact = self._contact
        if contact is None or not contact.on():
            self._seen = self._sure = False
        elif not self._seen:
            self._seen = True
            self._since = ticks_ms()
        elif not self._sure:  # once: pressed for a week the ticks would come round
            self._sure = ticks_diff(ticks_ms(), self._since) >= _CONFIRMED_MS
        return self._sure


class Button:
    """A `hal.contract.Button`. `contact`: an Input, on while it is pressed."""

    def __init__(self, contact):
        self._contact = contact

    def pressed(self) -> bool:
        return self._contact.on()
