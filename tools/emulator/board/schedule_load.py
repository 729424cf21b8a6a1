# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Runs on the emulated board, and on the host, for `make schedule-bench`: what the composite schedules of the
profiles in FOLDER cost, as one line of JSON. FOLDER, NOW_S and TIMES are put before this text.

The guard does its work on its timer interrupt meanwhile, where there is one.
"""

import gc
import json
import time

from evse.limits import Limits
from hal.ticks import ticks_ms
from station.charging_limits import ChargingLimits
from station.charging_profile import TX
from station.charging_profiles import ChargingProfiles
from station.composite import Place, compose, compose_station
from station.description import Description

DAY_S = 86400
VALUES = {
    "ChargeProfileMaxStackLevel": 99,
    "ChargingScheduleAllowedChargingRateUnit": ("Current", "Power"),
    "ChargingScheduleMaxPeriods": 32,
    "MaxChargingProfilesInstalled": 10,
    "NumberOfConnectors": 1,
}


class Config:
    def value(self, key):
        return VALUES[key]


def guarded():
    """The firmware's guard on its timer, as in a charger that charges."""
    try:
        from board import BOARD
        from evse.guard import Guard
        from evse.ticker import Ticker
        from hal.rp2.board import Board
    except ImportError:
        return None
    board = Board(BOARD)
    guard = Guard(board.connectors[0])
    ticker = Ticker(board, [guard])
    ticker.start()
    guard.set_duty(5000)
    ticker.live()
    return ticker


def taken(work):
    """Bytes of the heap that `work()` took, garbage included, and what it gave."""
    gc.collect()
    before = gc.mem_alloc()
    found = work()
    return gc.mem_alloc() - before, found


def measured(work):
    """[microseconds of each of TIMES, bytes of the heap, periods]."""
    work()
    took = []
    for _ in range(TIMES):  # noqa: F821
        gc.collect()
        if ticker is not None:
            ticker.live()
        begin = time.ticks_us()
        work()
        took.append(time.ticks_diff(time.ticks_us(), begin))
    heap, found = taken(work)
    return [took, heap, len(found.periods) // 2]


class Station:
    """As much of one as what limits it asks; it is its own clock, connector and supply as well."""

    number = 1
    transaction = None

    def __init__(self):
        self.connectors = [self]
        self.description = Description()
        self.clock = self.supply = self
        self.limits = Limits()
        self.utc_ms = NOW_S * 1000  # noqa: F821


def steps():
    """[microseconds of a step of the main loop in which nothing changes, bytes of the heap that it takes]."""
    charging = ChargingLimits(Station(), installed_profiles)
    now = ticks_ms()
    charging.step(now)
    before = gc.mem_alloc()
    charging.step(now)
    heap = gc.mem_alloc() - before
    begin = time.ticks_us()
    for _ in range(1000):
        charging.step(now)
    return [time.ticks_diff(time.ticks_us(), begin) / 1000, heap]


gc.threshold(-1)  # no collection in between
ticker = guarded()
config = Config()
gc.collect()
before = gc.mem_alloc()
installed_profiles = ChargingProfiles(FOLDER, config, True)  # noqa: F821
gc.collect()
installed = gc.mem_alloc() - before
profiles = installed_profiles.all
place = Place(1, 1, 230)
place.local_da = 320
for profile in profiles:
    if profile.purpose == TX:
        place.transaction = profile.transaction
place.begun_s = NOW_S  # noqa: F821
told = {
    "profiles": len(profiles),
    "periods": sum([len(profile.periods) // 2 for profile in profiles]),
    "installed": installed,
    "day": measured(lambda: compose(profiles, place, NOW_S, DAY_S, "A")),  # noqa: F821
    "station": measured(lambda: compose_station(profiles, [place], NOW_S, DAY_S, "W")),  # noqa: F821
    "answer": measured(lambda: compose(profiles, place, NOW_S, DAY_S, "A", 100)),  # noqa: F821
    "now": measured(lambda: compose(profiles, place, NOW_S, 3600, "A", 1)),  # noqa: F821
    "step": steps(),
}
print(json.dumps(told))
