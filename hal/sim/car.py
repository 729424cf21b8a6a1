# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""A simulated electric car: reads the offer off the pilot, closes S2, draws current, fills its battery. Pure.

Its reading of the duty cycle is its own (annex A of IEC 61851-1 as a car has it), not the firmware's: an
error in the one does not hide behind the same error in the other.
"""

_RAMP_UP = 20  # mA per ms: 32 A in 1.6 s
_RAMP_DOWN = 400
_CONTACT_MS = 100  # from the plug in the inlet to a pilot that the car holds down


def offer_ma(duty_e4: int) -> int:
    """Milliampere a car may draw at this duty, 0: none. Whole per cents of the standard: below 8 no, 97 and
    more no."""
    if duty_e4 < 800 or duty_e4 > 9700:
        return 0
    if duty_e4 < 1000:
        return 6000
    if duty_e4 <= 8500:
        return duty_e4 * 6
    return min(80000, (duty_e4 - 6400) * 25)


class Car:
    """Settings: limit_ma, phases, ready, delay_ms (offer to S2), react_ms (end of the offer to S2 open),
    ventilation (asks with D instead of C), battery_wh, stored_wh. Behaviour: plugged, s2, current_ma (per
    phase)."""

    __slots__ = (
        "limit_ma",
        "phases",
        "ready",
        "delay_ms",
        "react_ms",
        "ventilation",
        "battery_wh",
        "stored_wh",
        "plugged",
        "s2",
        "current_ma",
        "_contact_ms",
        "_wait_ms",
        "_stop_ms",
    )

    def __init__(self, limit_ma, phases):
        self.limit_ma = limit_ma
        self.phases = phases
        self.ready = True
        self.delay_ms = 500
        self.react_ms = 150
        self.ventilation = False
        self.battery_wh = 60000
        self.stored_wh = 24000
        self.plugged = False
        self.unplug()

    def plug(self) -> None:
        self.plugged = True

    def unplug(self) -> None:
        self.plugged = False
        self.s2 = False
        self.current_ma = 0
        self._contact_ms = 0
        self._wait_ms = 0
        self._stop_ms = 0

    def connected(self) -> bool:
        """Its resistor loads the pilot."""
        return self.plugged and self._contact_ms >= _CONTACT_MS

    def soc_pct(self) -> int:
        return min(100, self.stored_wh * 100 // self.battery_wh)

    def set_soc(self, soc_pct) -> None:
        self.stored_wh = int(self.battery_wh * soc_pct // 100)

    def set_battery(self, battery_wh: int) -> None:
        """Another battery, as full as the one before."""
        soc_pct = self.soc_pct()
        self.battery_wh = battery_wh
        self.set_soc(soc_pct)

    def wants(self) -> bool:
        return self.ready and self.stored_wh < self.battery_wh

    def step(self, dt_ms: int, duty_e4: int, live: bool) -> None:
        """Live through `dt_ms` milliseconds with this duty on the pilot; `live`: there is voltage on the
        contacts."""
        if not self.plugged:
            return
        if self._contact_ms < _CONTACT_MS:
            self._contact_ms += dt_ms
            return
        offer = offer_ma(duty_e4)
        if offer and self.wants():
            self._stop_ms = 0
            if not self.s2:
                self._wait_ms += dt_ms
                if self._wait_ms >= self.delay_ms:
                    self.s2 = True
            target = min(offer, self.limit_ma, self._taper_ma())
        else:
            # The current goes first, then S2: it opens without load.
            self._wait_ms = 0
            target = 0
            if self.s2:
                self._stop_ms += dt_ms
                if self._stop_ms >= self.react_ms:
                    self.s2 = False
        if not (live and self.s2):
            self.current_ma = 0
        elif self.current_ma < target:
            self.current_ma = min(target, self.current_ma + _RAMP_UP * dt_ms)
        else:
            self.current_ma = max(target, self.current_ma - _RAMP_DOWN * dt_ms)

    def _taper_ma(self):
        # The last per cents go in slowly: from 95 % down to half the current at 99 %.
        soc = self.soc_pct()
        if soc < 95:
            return self.limit_ma
        return self.limit_ma * (104 - soc) // 10
