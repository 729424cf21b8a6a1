# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Connectors, and what their meters read."""

from hal.reading import Reading
from station import measurands
from station.description import Description

SINGLE = Description({"connectors": [{"nominal_v": 240}]}).connectors[0]
THREE = Description({"connectors": [{"phases": 3}]}).connectors[0]

ALL = tuple([entry[0] for entry in measurands.MEASURANDS])

FULL = Reading(
    energy_wh=123456,
    power_w=7360,
    current_ma=(15980,),
    voltage_mv=(230400,),
    export_wh=7,
    reactive_import_varh=88,
    reactive_export_varh=99,
    frequency_mhz=49987,
    temperature_dc=-35,
    soc_pct=41,
)
THREE_PHASE = Reading(
    energy_wh=0,
    power_w=11040,
    current_ma=(16000, 15900, 0),
    voltage_mv=(230000, 231500, 229950),
)
