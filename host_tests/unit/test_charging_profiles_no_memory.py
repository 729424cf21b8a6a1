# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""station.charging_profiles and station.charging_limits where memory ends at one step after the other: what
is answered is what became of it, on flash too, and the main loop goes on.
"""

import log
from evse.limits import Limits
from host_tests.unit.charging_files import NOON, contents, opened, profile
from host_tests.unit.rig import MemoryRecord
from host_tests.unit.scratch import Scratch
from host_tests.unit.smart_rig import NOW_S, SmartRig
from host_tests.unit.smart_rig import profile as given
from station import charging_limits, charging_profiles
from station.charging_profile import DEFAULT, TX, ChargingProfile
from station.charging_profiles import ACCEPTED, REJECTED, ChargingProfiles
from station.kept_clock import KeptClock
from store.record import Record


class Starving:
    """`with Starving(count):` so many steps that ask for memory get some, the next one does not: a file is
    named, written or removed, a profile packed or described, a line of the log or a tuple made.
    """

    def __init__(self, count):
        self.left = count
        self._places = (
            (ChargingProfiles, "_record"),
            (ChargingProfiles, "only"),
            (ChargingProfile, "describe"),
            (Record, "save"),
            (Record, "remove"),
            (Limits, "_elect"),
            (charging_profiles, "packed"),
            (charging_limits, "compose"),
            (log, "emit"),
        )

    def __enter__(self):
        self._real = [getattr(owner, name) for owner, name in self._places]
        for (owner, name), real in zip(self._places, self._real):
            setattr(owner, name, self._or_not(real))
        return self

    def __exit__(self, kind, error, traceback):
        for (owner, name), real in zip(self._places, self._real):
            setattr(owner, name, real)

    def _or_not(self, real):
        def asked(*arguments):
            self.left -= 1
            if self.left == -1:
                raise MemoryError("memory allocation failed")
            return real(*arguments)

        return asked


def four(path):
    profiles = opened(path)
    profiles.install(profile(7, 1, DEFAULT, 0, limit=300), NOON)
    profiles.install(profile(8, 1, DEFAULT, 1, limit=200), NOON)
    profiles.install(profile(9, 2, DEFAULT, 3, limit=100), NOON)
    profiles.install(profile(10, 1, TX, 3, limit=90, transaction=3), NOON)
    return profiles


def test_answers_when_memory_ends():
    for made in (
        lambda: profile(11, level=9),
        lambda: profile(7, limit=60),
        lambda: profile(8, 2, DEFAULT, 3, limit=60),  # in the place of two
        lambda: profile(9, 1, TX, 3, limit=60, transaction=3),
        None,
    ):
        count = 0
        while True:
            with Scratch() as path:
                profiles = four(path)
                before = contents(profiles)
                answer = None
                starving = Starving(count)
                with starving:
                    try:
                        answer = profiles.clear() if made is None else profiles.install(made(), NOON)
                    except MemoryError:
                        pass
                after = contents(profiles)
                assert after == contents(opened(path)), (count, answer)
                if made is not None:
                    assert (after != before) == (answer == ACCEPTED), (count, answer)
                    assert answer in (ACCEPTED, REJECTED, None)
                    assert profiles.install(made(), NOON) == ACCEPTED
                else:
                    assert answer is None or not after
                    profiles.clear()
                assert contents(profiles) == contents(opened(path))
            if starving.left >= 0:
                break
            count += 1
        assert count > 4


def steps_starved(prepared, done, wanted):
    """`done(rig)` with the rig of `prepared()`, memory ending at each step in turn; `wanted(rig)` then."""
    count = 0
    while True:
        rig = prepared()
        starving = Starving(count)
        with starving:
            done(rig)
        rig.step(2000)
        assert wanted(rig), count
        if starving.left >= 0:
            break
        count += 1
    assert count > 0


def test_the_main_loop_goes_on_at_a_boundary():
    def prepared():
        rig = SmartRig()
        rig.charge()
        rig.set(1, given(1, "default", [(0, 20), (10, 8)]))
        rig.step(9850)
        return rig

    steps_starved(prepared, lambda rig: rig.step(100), lambda rig: rig.limits.winner() == ("ocpp", 80))


def test_the_main_loop_goes_on_when_the_last_profile_has_gone():
    def prepared():
        rig = SmartRig()
        rig.charge()
        rig.set(1, given(1, "default", [(0, 20)]))
        rig.handlers["ClearChargingProfile"]({})
        return rig

    steps_starved(prepared, lambda rig: rig.step(100), lambda rig: rig.limits.winner() == ("board", 320))


def test_the_main_loop_goes_on_when_a_transaction_ends():
    def prepared():
        rig = SmartRig()
        rig.charge()
        rig.set(1, given(1, "tx", [(0, 20)]))
        rig.supply.asking = False
        return rig

    def ends(rig):
        rig.station.connectors[0].transaction = None
        rig.station.charging.step(rig.now)

    def wanted(rig):
        return rig.numbers() == [] and rig.limits.winner() == ("board", 320)

    steps_starved(prepared, ends, wanted)


def test_the_profile_of_a_start_that_fails_goes_when_there_is_memory():
    rig = SmartRig()
    rig.supply.plug(asking=True)
    rig.step()
    rig.wire.takes_nothing = True
    only = ChargingProfiles.only

    def fails(*arguments):
        raise MemoryError

    ChargingProfiles.only = fails
    try:
        answer = rig.ask(
            "RemoteStartTransaction", idTag="GOOD", connectorId=1, chargingProfile=given(7, "tx", [(0, 10)])
        )
        rig.step(100)
    finally:
        ChargingProfiles.only = only
    assert answer["status"] == "Accepted" and rig.station.connectors[0].transaction is None
    rig.step(2000)
    assert rig.numbers() == []


def test_a_clock_that_jumps_is_looked_at_without_memory_for_its_record():
    class Full(MemoryRecord):
        full = False

        def save(self, value):
            if self.full:
                raise MemoryError

    class NoBattery:
        def utc_ms(self):
            return None

        def set_utc_ms(self, utc_ms):
            pass

    class Queue:
        depth = last_sequence = 0

    record = Full()
    kept = KeptClock(record, NoBattery())
    rig = SmartRig(clock=kept.start(1, 0))
    kept.attach(rig.station, Queue())
    rig.clock.set_utc_ms(NOW_S * 1000)
    rig.charge()
    assert rig.set(1, given(1, "default", [(0, 20), (1800, 8)])) == "Accepted"
    rig.step(1000)
    assert rig.limits.get("ocpp") == 200
    record.full = True
    try:
        rig.clock.set_utc_ms((NOW_S + 2000) * 1000)
    except MemoryError:
        pass  # `ocpp16.registration.believe` takes it
    rig.step(100)
    assert rig.limits.get("ocpp") == 80
