# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Over-temperature: first less current, in steps, then none. Pure.

Users in 40 C shade reach 65 inside the box, plugs were seen at 84 (field reports); contacts are rated 90.
Stations that stop at 65 stop on summer days: here less is offered from 70 on, and charging ends at 85.
"""

# (from this many deci-degrees on, per cent of the rating); the last one stops. A step is taken back 5 K below
# its edge, the stop 10 K below: a contact that was too hot is not tried again at once.
_STEPS = ((700, 75), (750, 50), (800, 25), (850, 0))
_BACK_DC = 50
_BACK_FROM_STOP_DC = 100
_LEAST_DA = 60  # no less can be offered
# A sensor that says nothing, or what no box can be, for so long: what it guards may be hot.
_BROKEN_LOOKS = 10
_COLDEST_DC = -500
_HOTTEST_DC = 1500
_BLIND_STEP = 2
# Nothing warms by kelvins within a look; a spike of the converter or a loose contact does. Cooling waits as
# well: what says for one look that all is well may be a sensor on its way to break.
_SURE_LOOKS = 3


class Derating:
    """limit_da   what the temperature allows, None: everything
    stopped     too hot for any current (the fault OverTemperature)
    """

    __slots__ = ("limit_da", "stopped", "_rated_da", "_step", "_silent", "_looks")

    def __init__(self, rated_da: int):
        self._rated_da = rated_da
        self._step = 0  # of _STEPS, from 1; 0: cool
        self._silent = 0
        self._looks = 0  # in a row that ask for another step
        self.limit_da: int | None = None
        self.stopped = False

    def look(self, celsius_d: "int | None") -> None:
        """A measurement, several times per second; None: the sensor is broken."""
        if celsius_d is None or not _COLDEST_DC <= celsius_d <= _HOTTEST_DC:
            self._looks = 0
            if self._silent < _BROKEN_LOOKS:
                self._silent += 1
            elif self._step < _BLIND_STEP:
                self._take(_BLIND_STEP)
            return
        self._silent = 0
        step = self._step
        while step < len(_STEPS) and celsius_d > _STEPS[step][0]:
            step += 1
        while step and celsius_d < _STEPS[step - 1][0] - (
            _BACK_FROM_STOP_DC if step == len(_STEPS) else _BACK_DC
        ):
            step -= 1
        if step == self._step:
            self._looks = 0
            return
        self._looks += 1
        if self._looks >= _SURE_LOOKS:
            self._looks = 0
            self._take(step)

    def _take(self, step):
        self._step = step
        self.stopped = step == len(_STEPS)
        if step == 0 or self.stopped:
            # The stop is a fault and no limit of 0: it says what is wrong.
            self.limit_da = None
        else:
            self.limit_da = max(_LEAST_DA, self._rated_da * _STEPS[step - 1][1] // 100)
