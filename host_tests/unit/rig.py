# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""A charge point on the bench of the unit tests: real station code between a scripted supply and a recording
wire.

Time is a number that the tests advance; nothing sleeps.
"""

from evse.limits import Limits
from hal.reading import Reading
from hal.ticks import ticks_add
from station import metering
from station.authorization import IdTagInfo
from station.availability import Availability
from station.charge_point import ChargePoint, Numbers
from station.clock import Clock
from station.configuration import Configuration
from station.description import Description
from station.reservation import Reservations


class MemoryRecord:
    """A store record without a file."""

    damaged = False

    def __init__(self, value=None):
        self.value = value
        self.saves = 0

    def load(self):
        return self.value

    def save(self, value):
        self.value = value
        self.saves += 1


class ScriptedSupply:
    """What `evse.supply.Supply` shows to the station; the contactor obeys permission and car at once."""

    def __init__(self, number, has_lock):
        self.number = number
        self.pilot = "A"
        self.plugged = False
        self.cable = False
        self.asking = False
        self.faults = ()
        self.has_lock = has_lock
        self.locked = False if has_lock else None
        self.lock_stuck = False
        self.permitted = False
        self.limit_da = 320
        self.limit_name = "board"
        self.limits = Limits()
        self.limits.put("board", 320)
        self.phases = None
        self.shown_da = None  # a number: the pilot shows that, until the next step
        self.held = False
        self.slow_car = False  # keeps the contactor closed when permission is withdrawn
        self.latched = 0
        self.untested = False

    @property
    def live(self):
        return self.energised

    @property
    def energised(self):
        return (
            self.asking
            and self.plugged
            and not self.faults
            and (self.permitted or self.slow_car)
            and self.limit_da >= 60
        )

    @property
    def offering(self):
        return self.offered_da > 0

    @property
    def offered_da(self):
        return self.would_offer_da() if self.shown_da is None else self.shown_da

    def would_offer_da(self):
        return self.limit_da if self.permitted and self.limit_da >= 60 else 0

    def report(self, name, present):
        others = tuple([fault for fault in self.faults if fault != name])
        self.faults = (name,) + others if present else others

    def step(self, now):
        return False

    def metered(self, now, reading):
        pass

    def restore(self, latched):
        self.latched |= latched

    def permit(self, on):
        if not isinstance(on, bool):
            raise TypeError("permit takes a bool")
        self.permitted = on

    def hold_lock(self, on):
        self.held = on

    def unlock(self):
        if self.has_lock and not self.lock_stuck:
            self.locked = False

    def lock(self):
        if self.has_lock and not self.lock_stuck:
            self.locked = True

    # --- what the tests do with it ---

    def plug(self, asking=False):
        self.plugged = self.cable = True
        self.asking = asking
        self.pilot = "C" if asking else "B"
        if self.has_lock and not self.lock_stuck:
            self.locked = True

    def unplug(self, cable_stays=False):
        self.plugged = self.asking = False
        self.pilot = "A"
        self.cable = cable_stays
        if self.has_lock and not self.held:
            self.locked = False


class RecordingWire:
    def __init__(self):
        self.online = True
        self.said = []
        self.tags = {}  # tag -> IdTagInfo that Authorize answers; absent = Invalid
        self.disk_full = False
        self.journal = {}  # transaction number -> what the journal knows of it, when not "started"
        self.takes_nothing = False
        self.keeps_samples = False  # on flash, where the last message takes the place of the one before
        self.on_flash = {}  # transaction number -> (stamp, register) of its last sample
        self.reserved = []  # (idTag, reservationId or None) of each StartTransaction
        self.waiting = None  # a list: Authorize answers wait in it until the test gives them

    def authorize(self, tag, done):
        self.said.append(("Authorize", tag))
        info = self.tags.get(tag, IdTagInfo("Invalid"))
        if self.waiting is None:
            done(info)
        else:
            self.waiting.append(lambda: done(info))

    def told(self, number):
        return self.on_flash.get(number)

    def started(self, transaction):
        if self.takes_nothing:
            return False
        self.on_flash = {}
        self.reserved.append((transaction.id_tag, transaction.reservation_id))
        self.said.append(("Start", transaction.connector, transaction.id_tag, transaction.meter_start_wh))
        return True

    def stopped(self, transaction, reason, tag, stamp, data):
        self.said.append(("Stop", transaction.connector, reason, tag, transaction.meter_last_wh))
        self.stopped_at = stamp
        self.data = data
        return not self.disk_full

    def journalled(self, number, transaction_id):
        return self.journal.get(number, "started")

    def metered(self, number, transaction, stamp, values):
        self.said.append(("Meter", number, transaction.number if transaction is not None else None))
        self.told_at = stamp
        self.last_values = metering.sampled_values(values)
        if transaction is None:
            return None
        self.on_flash = {}
        for value in self.last_values:
            if self.keeps_samples and value["measurand"] == "Energy.Active.Import.Register":
                self.on_flash[transaction.number] = (stamp, int(value["value"]))
                return int(value["value"])
        return None

    def status(self, number, report, stamp):
        self.said.append(("Status", number, report[0]))
        self.last_report = report

    def take(self):
        """What was said since the last `take`."""
        said, self.said = self.said, []
        return said


class NoCache:
    def lookup(self, tag):
        return None

    def put(self, tag, info, now_utc_ms):
        return None

    def clear(self):
        return None


class Rig:
    def __init__(
        self,
        connectors=1,
        cable="fixed",
        records=None,
        start_ticks=0,
        clock=None,
        reservations=None,
        profiles=("Core",),
        directory=None,
        hardware=None,
        options=None,
        **keys,
    ):
        """`clock`: of a later boot; the first one knows the time. `reservations`: a `MemoryRecord`, for a
        station with that profile. `directory`: of charging profiles, None: they are not kept. `hardware`:
        more of each connector; `options`: of the station.
        """
        if reservations is not None:
            profiles += ("Reservation",)
        described = {
            "cable": cable,
            "lock": cable == "socket",
            "current": "AC",
            "phases": 3,
            "rated_a": 32,
            "nominal_v": 230,
        }
        described.update(hardware or {})
        description = Description(
            {
                "name": "rig",
                "connectors": [described] * connectors,
                "profiles": list(profiles),
                "options": options or {},
                "measurands": [
                    "Energy.Active.Import.Register",
                    "Energy.Active.Import.Interval",
                    "Power.Active.Import",
                ],
            }
        )
        self.now = start_ticks
        self.config = Configuration(description, MemoryRecord(), keys, profiles)
        if clock is None:
            clock = Clock(1, start_ticks)
            clock.set_utc_ms(1790000000000)
        self.clock = clock
        self.supplies = [self.supply_of(connector) for connector in description.connectors]
        self.supply = self.supplies[0]
        self.records = records or [MemoryRecord() for _ in range(connectors)]
        self.availability_record = MemoryRecord()
        self.wire = RecordingWire()
        self.energy_wh = [1000] * connectors
        self.meter_silent = False
        self.held_readings = None  # a list: readings wait in it
        self.asked_meters = 0  # how often a reading was wanted
        self.station = ChargePoint(
            description,
            self.config,
            self.clock,
            self.supplies,
            Numbers(MemoryRecord()),
            Availability(connectors, self.availability_record),
            NoCache(),
            self.records,
            self._read_meter,
            reservations=None if reservations is None else Reservations(reservations),
            profiles=self._charging_profiles(description, directory),
        )
        self.station.attach(self.wire)
        self.wire.tags = {"GOOD": IdTagInfo("Accepted"), "OTHER": IdTagInfo("Accepted")}

    def supply_of(self, connector):
        """`connector`: of the station description."""
        return ScriptedSupply(connector.number, connector.cable == "socket")

    def _charging_profiles(self, description, directory):
        if "SmartCharging" not in description.profiles:
            return None
        from station.charging_profiles import ChargingProfiles

        return ChargingProfiles(directory, self.config, description.options["power_loss"] == "resume")

    def _read_meter(self, number, done):
        self.asked_meters += 1
        reading = (
            None if self.meter_silent else Reading(self.energy_wh[number - 1], 0, (0, 0, 0), (230000,) * 3)
        )
        if self.held_readings is None:
            done(reading, self.now)
        else:
            self.held_readings.append(lambda: done(reading, self.now))

    def step(self, ms=0):
        """Advance by `ms`, in steps of at most 100 ms, and let the station look."""
        while True:
            part = min(ms, 100)
            self.now = ticks_add(self.now, part)
            self.clock.advance(self.now)
            if self.station.charging is not None:
                for supply in self.supplies:
                    supply.limit_name, supply.limit_da = supply.limits.winner()
                    supply.shown_da = 0 if supply.faults else supply.would_offer_da()
            self.station.step(self.now)
            ms -= part
            if ms <= 0:
                return self.wire.take()

    def tag(self, tag, reader=None):
        self.station.tag(tag, reader, self.now)
        return self.step()

    def charge(self, tag="GOOD", number=1):
        """Plug, swipe, charge; what was said on the way is forgotten."""
        self.supplies[number - 1].plug(asking=True)
        self.step()
        self.tag(tag)
        self.step(100)
        self.wire.take()
        connector = self.station.connectors[number - 1]
        assert connector.transaction is not None
        assert connector.status_name == "Charging"
        return connector

    def statuses(self, said):
        return [entry[2] for entry in said if entry[0] == "Status" and entry[1] == 1]
