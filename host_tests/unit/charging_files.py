# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Charging profiles for the tests of those that are installed, and flash that fails on command."""

from array import array

from station.charging_profile import ABSOLUTE, DEFAULT, ChargingProfile, packed
from station.charging_profiles import ChargingProfiles
from store.record import Record

NOON = 1_795_176_000  # a second of UTC


class Keys:
    """`more`: keys that are not as usual."""

    def __init__(self, **more):
        self.values = {
            "ChargeProfileMaxStackLevel": 99,
            "ChargingScheduleAllowedChargingRateUnit": ("Current", "Power"),
            "ChargingScheduleMaxPeriods": 32,
            "MaxChargingProfilesInstalled": 10,
            "NumberOfConnectors": 2,
        }
        self.values.update(more)

    def value(self, key):
        return self.values[key]


def opened(path, resumes=True, **keys):
    """The profiles of the charger with these files, as it finds them at a start."""
    return ChargingProfiles(None if path is None else path + "/profiles", Keys(**keys), resumes)


def steps(*pairs):
    """A schedule: pairs of startPeriod and tenths."""
    found = array("i")
    for start_s, limit in pairs:
        found.append(start_s)
        found.append(limit * 4)
    return found


def profile(number, connector=1, purpose=DEFAULT, level=0, limit=160, **facts):
    """One period, unless `facts` say otherwise."""
    made = ChargingProfile(number, connector, purpose, level, ABSOLUTE, "A", steps((0, limit)))
    for name, value in facts.items():
        setattr(made, name, value)
    return made


def shown(profiles):
    """[number, limit of the first period] of each, by number."""
    return sorted([[one.number, one.periods[1] >> 2] for one in profiles.all])


def contents(profiles):
    """What they say, without serial numbers, by number."""
    return sorted([packed(one)[1:] for one in profiles.all], key=_first)


def _first(row):
    return row[0]


class Flash:
    """`with Flash() as flash:` counts what is written and removed, and fails.

    saves, removals   so many worked
    no_save, no_remove, no_load   an exception that is raised instead; None: it works
    cut_after         so many saves and removals more, then the power goes: Cut
    """

    def __init__(self):
        self.saves = self.removals = 0
        self.no_save = self.no_remove = self.no_load = None
        self.cut_after = None

    def __enter__(self):
        self._real = real = (Record.save, Record.remove, Record.load)

        def save(record, row):
            self._operation(self.no_save)
            real[0](record, row)
            self.saves += 1

        def remove(record):
            self._operation(self.no_remove)
            real[1](record)
            self.removals += 1

        def load(record):
            if self.no_load is not None:
                raise self.no_load
            return real[2](record)

        Record.save, Record.remove, Record.load = save, remove, load
        return self

    def __exit__(self, kind, error, traceback):
        Record.save, Record.remove, Record.load = self._real

    def _operation(self, error):
        if error is not None:
            raise error
        if self.cut_after is not None:
            if self.cut_after == 0:
                raise Cut
            self.cut_after -= 1


class Cut(BaseException):
    """The power is gone."""
