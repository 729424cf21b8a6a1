# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""A station of the rig over a power cut: what it had on flash, and the boot after it."""

import json

from host_tests.unit.rig import MemoryRecord, Rig
from station.clock import Clock
from station.transaction_record import restored


def kept(rig, number=1):
    return restored(json.loads(json.dumps(rig.records[number - 1].value)))


def meter(rig, energy_wh, number=1):
    """The meter's round, once a second on a board."""
    rig.energy_wh[number - 1] = energy_wh
    connector = rig.station.connectors[number - 1]
    rig._read_meter(number, lambda reading, now: connector.metered(reading))


def boot(before, energy_wh=None, resume=False, told=None, **keys):
    """The power comes back; the time is not known yet. `told`: (transaction number, stamp, register) of the
    sample that is on flash.
    """
    clock = Clock(before.clock.boot + 1, before.now, None, before.clock.floor_utc_ms, before.clock.anchors)
    records = [MemoryRecord(json.loads(json.dumps(record.value))) for record in before.records]
    rig = Rig(records=records, start_ticks=before.now, clock=clock, **keys)
    rig.energy_wh = list(before.energy_wh)
    if energy_wh is not None:
        rig.energy_wh[0] = energy_wh
    rig.wire.online = False
    if told is not None:
        rig.wire.on_flash = {told[0]: json.loads(json.dumps(told[1:]))}
    if resume:
        rig.station.description.options["power_loss"] = "resume"
    rig.station.recover(rig.now)
    return rig


def synchronise(rig, utc_ms):
    rig.clock.set_utc_ms(utc_ms)
    rig.wire.online = True


def stops(said):
    return [entry for entry in said if entry[0] == "Stop"]
