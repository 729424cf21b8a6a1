# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The measurands this firmware can report, in OCPP 1.6's words (7.31), and how a key lists them.

What a station really has is a subset: `measurands` in its description.
"""

# name, unit, location, decimals between the integer we hold and the unit, phases, source
# A unit of None is left out: the standard has none for frequency (errata 3.84) and power factor.
# "Celcius" is how the standard spells it (errata: keep it).
# phases  "" one value; "L" one per phase: L1, L2, L3; "LN" one per phase to neutral: L1-N, L2-N, L3-N
# source  attribute of hal.reading.Reading, "+" or "-" before it: only what flows to the car or to the grid;
#         "" computed in station.metering
# The place of a row and its decimals are in the records of ocpp16.queued: new rows go to the end.
_WH = "Wh"
_OUTLET = "Outlet"
MEASURANDS = (
    ("Energy.Active.Import.Register", _WH, _OUTLET, 0, "", "energy_wh"),
    ("Energy.Active.Import.Interval", _WH, _OUTLET, 0, "", ""),
    ("Energy.Active.Export.Register", _WH, _OUTLET, 0, "", "export_wh"),
    ("Energy.Active.Export.Interval", _WH, _OUTLET, 0, "", ""),
    ("Energy.Reactive.Import.Register", "varh", _OUTLET, 0, "", "reactive_import_varh"),
    ("Energy.Reactive.Export.Register", "varh", _OUTLET, 0, "", "reactive_export_varh"),
    ("Power.Active.Import", "W", _OUTLET, 0, "", "+power_w"),
    ("Power.Active.Export", "W", _OUTLET, 0, "", "-power_w"),
    ("Power.Offered", "W", _OUTLET, 0, "", ""),
    ("Power.Factor", None, _OUTLET, 3, "", ""),
    ("Current.Import", "A", _OUTLET, 3, "L", "+current_ma"),
    ("Current.Export", "A", _OUTLET, 3, "L", "-current_ma"),
    ("Current.Offered", "A", _OUTLET, 1, "", ""),
    ("Voltage", "V", _OUTLET, 3, "LN", "voltage_mv"),
    ("Frequency", None, _OUTLET, 3, "", "frequency_mhz"),
    ("Temperature", "Celcius", _OUTLET, 1, "", "temperature_dc"),
    ("SoC", "Percent", "EV", 0, "", "soc_pct"),
)

DEFAULT = "Energy.Active.Import.Register"

# Their places are in those records as well.
PHASES = (None, "L1", "L2", "L3", "L1-N", "L2-N", "L3-N")
_PHASES = {"": (), "L": PHASES[1:4], "LN": PHASES[4:]}


def index(name: str):
    """The place in MEASURANDS of this name, whatever its case; None when we do not know it."""
    wanted = name.lower()
    for place, entry in enumerate(MEASURANDS):
        if entry[0].lower() == wanted:
            return place
    return None


def find(name: str):
    """The row of MEASURANDS with this name, whatever its case; None when we do not know it."""
    place = index(name)
    return None if place is None else MEASURANDS[place]


def row(name: str):
    """The same; KeyError when we do not know it."""
    entry = find(name)
    if entry is None:
        raise KeyError(name)
    return entry


def phases_of(entry, phase_count: int):
    """The phase texts of a row on a station with that many phases; () when it has one value without phase."""
    return _PHASES[entry[4]] if phase_count == 3 else ()


def split(item: str):
    """("Current.Import", "L1") of "Current.Import.L1"; the phase is None when the item has none of ours."""
    head, _, last = item.rpartition(".")
    phase = last.upper()
    return (head, phase) if phase in _PHASES["L"] or phase in _PHASES["LN"] else (item, None)


def parse_item(item: str, available, phase_count: int) -> str:
    """The canonical spelling of a list item; ValueError when this station has no such measurand or phase."""
    name, phase = split(item)
    entry = find(name)
    if entry is None or entry[0] not in available:
        raise ValueError("no measurand " + item[:60])
    if phase is None:
        return entry[0]
    if phase not in phases_of(entry, phase_count):
        raise ValueError("no phase " + item[:60])
    return entry[0] + "." + phase
