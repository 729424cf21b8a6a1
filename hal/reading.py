# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""One answer of an energy meter: integers only (floats have 24 bits on the boards)."""


class Reading:
    """What a meter said at one moment; a register that the meter does not have is None.

    energy_wh, export_wh        active energy registers, import and export, in Wh, absolute and monotonic
    reactive_import_varh, reactive_export_varh
    power_w                     active power, import positive
    current_ma                  tuple per phase: (L1,) or (L1, L2, L3), in mA; negative = export
    voltage_mv                  tuple per phase to neutral, in mV
    frequency_mhz               mains frequency in millihertz
    temperature_dc              deci-degrees Celsius of the connector
    soc_pct                     the vehicle's state of charge, where the hardware knows it (DC)
    """

    __slots__ = (
        "energy_wh",
        "export_wh",
        "reactive_import_varh",
        "reactive_export_varh",
        "power_w",
        "current_ma",
        "voltage_mv",
        "frequency_mhz",
        "temperature_dc",
        "soc_pct",
    )

    def __init__(
        self,
        energy_wh=None,
        power_w=None,
        current_ma=None,
        voltage_mv=None,
        export_wh=None,
        reactive_import_varh=None,
        reactive_export_varh=None,
        frequency_mhz=None,
        temperature_dc=None,
        soc_pct=None,
    ):
        self.energy_wh = energy_wh
        self.export_wh = export_wh
        self.reactive_import_varh = reactive_import_varh
        self.reactive_export_varh = reactive_export_varh
        self.power_w = power_w
        self.current_ma = current_ma or ()
        self.voltage_mv = voltage_mv or ()
        self.frequency_mhz = frequency_mhz
        self.temperature_dc = temperature_dc
        self.soc_pct = soc_pct
