# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""A simulated energy meter: integrates what flows, in integers, the remainder below one Wh kept."""

from hal.reading import Reading

_MJ_PER_WH = 3600000


class Meter:
    """Registers: wh (import), export_wh, varh; `failing`: it does not answer."""

    slow = False
    __slots__ = (
        "wh",
        "varh",
        "failing",
        "_connector",
        "_registers",
        "_phases",
        "_nominal_mv",
        "_dc",
        "_rest_mj",
        "_var_rest_mj",
    )

    def __init__(self, connector, phases, nominal_v, dc, measurands):
        self._connector = connector
        self._phases = phases
        self._nominal_mv = nominal_v * 1000
        self._dc = dc
        # Which registers this meter has, as the station's list of measurands tells.
        self._registers = (
            "Energy.Active.Export.Register" in measurands,
            "Energy.Reactive.Import.Register" in measurands,
            "Energy.Reactive.Export.Register" in measurands,
            "SoC" in measurands,
        )
        self.wh = 0
        self.varh = 0
        self.failing = False
        self._rest_mj = 0
        self._var_rest_mj = 0

    def voltage_mv(self, current_ma: int) -> int:
        """Sags by 0.1 V per ampere; a DC output has voltage only while it is switched on."""
        if self._dc and not self._connector.live():
            return 0
        return self._nominal_mv - current_ma // 10

    def power_w(self) -> int:
        car = self._connector.car
        ma = car.current_ma
        # 0.1 V times mA stays below 2**30 up to 1000 V and 100 A.
        return self.voltage_mv(ma) // 100 * ma // 10000 * self.used_phases()

    def flow(self, dt_ms: int) -> int:
        """Count `dt_ms` (at most 1000) of the present power; the whole Wh that became full."""
        if not self._connector.car.current_ma:
            return 0
        power_w = self.power_w()
        self._rest_mj += power_w * dt_ms
        grown = self._rest_mj // _MJ_PER_WH
        if grown:
            self.wh += grown
            self._rest_mj -= grown * _MJ_PER_WH
        if not self._dc:  # a charger in the car takes about 4 % reactive power
            self._var_rest_mj += power_w * dt_ms // 25
            if self._var_rest_mj >= _MJ_PER_WH:
                self.varh += self._var_rest_mj // _MJ_PER_WH
                self._var_rest_mj %= _MJ_PER_WH
        return grown

    async def read(self):
        connector = self._connector
        connector.advance()
        if self.failing:
            return None
        connector.save()  # what was once said is never unsaid, not even after kill -9
        export, reactive_import, reactive_export, soc = self._registers
        ma = connector.car.current_ma
        used = self.used_phases()
        mv = self.voltage_mv(ma)
        return Reading(
            energy_wh=self.wh,
            power_w=self.power_w(),
            current_ma=tuple([ma if phase < used else 0 for phase in range(self._phases)]),
            voltage_mv=tuple([mv if phase < used else self._nominal_mv for phase in range(self._phases)]),
            export_wh=0 if export else None,
            reactive_import_varh=self.varh if reactive_import else None,
            reactive_export_varh=0 if reactive_export else None,
            frequency_mhz=None if self._dc else 50000,
            temperature_dc=connector.celsius_d(),
            soc_pct=connector.car.soc_pct() if soc and connector.car.connected() else None,
        )

    def used_phases(self):
        return min(self._phases, self._connector.car.phases) if self._connector.three else 1
