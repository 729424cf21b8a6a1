# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The measurands this firmware can report, in OCPP 1.6's words (7.31), and how a list of them is written in a key.

What a station really has is a subset: `measurands` in its description.
"""

# name, unit, location, decimals between the integer we hold and the unit, how it is split over phases:
#   ""   one value                    "L"  one value per phase: L1, L2, L3        "LN" per phase to neutral: L1-N, ...
# A unit of None is left out: the standard has none for frequency (errata 3.84) and power factor.
# "Celcius" is how the standard spells it (errata: keep it).
MEASURANDS = (
    ("Energy.Active.Import.Register", "Wh", "Outlet", 0, ""),
    ("Energy.Active.Import.Interval", "Wh", "Outlet", 0, ""),
    ("Energy.Active.Export.Register", "Wh", "Outlet", 0, ""),
    ("Energy.Active.Export.Interval", "Wh", "Outlet", 0, ""),
    ("Energy.Reactive.Import.Register", "varh", "Outlet", 0, ""),
    ("Energy.Reactive.Export.Register", "varh", "Outlet", 0, ""),
    ("Power.Active.Import", "W", "Outlet", 0, ""),
    ("Power.Active.Export", "W", "Outlet", 0, ""),
    ("Power.Offered", "W", "Outlet", 0, ""),
    ("Power.Factor", None, "Outlet", 3, ""),
    ("Current.Import", "A", "Outlet", 3, "L"),
    ("Current.Export", "A", "Outlet", 3, "L"),
    ("Current.Offered", "A", "Outlet", 1, ""),
    ("Voltage", "V", "Outlet", 3, "LN"),
    ("Frequency", None, "Outlet", 3, ""),
    ("Temperature", "Celcius", "Outlet", 1, ""),
    ("SoC", "Percent", "EV", 0, ""),
)

DEFAULT = "Energy.Active.Import.Register"

_PHASES = {"": (), "L": ("L1", "L2", "L3"), "LN": ("L1-N", "L2-N", "L3-N")}


def row(name: str):
    """The row of MEASURANDS with this name, whatever its case; None when we do not know it."""
    wanted = name.lower()
    for entry in MEASURANDS:
        if entry[0].lower() == wanted:
            return entry
    return None


def phases_of(entry, phase_count: int):
    """The phase texts of a row on a station with that many phases; () when it has one value without phase."""
    return _PHASES[entry[4]] if phase_count == 3 else ()


def split(item: str):
    """("Current.Import", "L1") of "Current.Import.L1"; the phase is None when the item has none, or not one of ours."""
    head, _, last = item.rpartition(".")
    phase = last.upper()
    return (head, phase) if phase in _PHASES["L"] or phase in _PHASES["LN"] else (item, None)


def parse_item(item: str, available, phase_count: int) -> str:
    """The canonical spelling of one list item; ValueError when this station has no such measurand or phase."""
    name, phase = split(item)
    entry = row(name)
    if entry is None or entry[0] not in available:
        raise ValueError("no measurand " + item[:60])
    if phase is None:
        return entry[0]
    if phase not in phases_of(entry, phase_count):
        raise ValueError("no phase " + item[:60])
    return entry[0] + "." + phase
