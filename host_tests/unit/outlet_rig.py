# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""An outlet on the bench, and a clock that the tests move."""

from evse import faults
from evse.guard import DIODE_OK
from evse.outlet import Inputs, Outlet
from hal.ticks import ticks_add
from host_tests.unit.evse_rig import START, STEP_MS


class Bench:
    """An outlet whose contactor and lock obey at once unless told otherwise."""

    def __init__(self, socket=False, ventilation=False, limit_da=160, wake="none", feedback=True):
        self.outlet = Outlet(ventilation, feedback, wake)
        self.inputs = Inputs(socket=socket, locked=False if socket else None)
        self.inputs.limit_da = limit_da
        self.contactor_follows = True
        self.lock_follows = True
        self.now = START
        self.out = None

    def run(self, ms):
        for _ in range(ms // STEP_MS):
            self.now = ticks_add(self.now, STEP_MS)
            self.out = self.outlet.step(self.now, self.inputs)
            # The guard's part.
            self.inputs.driven = self.out.close and self.inputs.letter in "CD"
            if self.contactor_follows:
                self.inputs.closed = self.inputs.driven
            if self.lock_follows and self.inputs.locked is not None:
                self.inputs.locked = self.out.lock
        return self.out

    def plug(self):
        self.inputs.letter = "B"
        if self.inputs.socket:
            self.inputs.rating_da = 320
        return self.run(400)

    def charge(self):
        self.plug()
        self.inputs.permitted = True
        self.run(40)
        self.inputs.diode = DIODE_OK
        self.inputs.letter = "C"
        assert self.run(60).close
        return self

    def names(self):
        return faults.listed(self.out.faults)


def closed_after(bench):
    """The milliseconds until the first step that wants the contactor closed."""
    for count in range(1, 500):
        if bench.run(20).close:
            return count * 20
    raise AssertionError("it stays open")
