# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""When the last reading of the round is as good as a new one."""

import meters as under_test
from hal.reading import Reading
from hal.ticks import ticks_add
from host_tests.unit.event_loop import run
from host_tests.unit.rig import Rig
from meters import Meters
from station.at_rest import AtRest

READING = Reading(1200, 0, (0,), (230000,))
# Just before ticks wrap.
BEGIN = 0x3FFFFE00


def at_rest():
    rest = AtRest()
    rest.ask()
    rest.take(READING, BEGIN)
    return rest


def test_what_was_read_a_moment_ago_is_what_it_shows():
    rest = at_rest()
    assert rest.reading(BEGIN) is READING
    assert rest.reading(ticks_add(BEGIN, 1999)) is READING
    assert rest.reading(ticks_add(BEGIN, 2000)) is None


def test_not_when_something_could_flow_since():
    rest = at_rest()
    rest.moved()
    assert rest.reading(BEGIN) is None


def test_not_when_something_could_flow_while_it_was_read():
    rest = at_rest()
    rest.ask()
    rest.moved()
    rest.take(READING, BEGIN)
    assert rest.reading(BEGIN) is None


def test_not_before_the_next_question_after_something_flowed():
    rest = at_rest()
    rest.moved()
    rest.take(READING, BEGIN)  # asked for before
    assert rest.reading(BEGIN) is None
    rest.ask()
    rest.take(READING, BEGIN)
    assert rest.reading(BEGIN) is READING


def test_not_of_a_meter_that_is_silent_or_has_no_register():
    rest = at_rest()
    rest.take(None, BEGIN)
    assert rest.reading(BEGIN) is None
    rest.take(Reading(None, 0, (0,), (230000,)), BEGIN)
    assert rest.reading(BEGIN) is None


class Swapped:
    """A connector's hardware: a slow meter whose register has fallen."""

    slow = True

    def __init__(self):
        self.meter = self

    async def read(self):
        return Reading(3, 0, (0,), (230000,))


def plugged(rig, asking=False):
    """The car is there, and the meter has been read in the regular round."""
    rig.supply.plug(asking)
    rig.step()
    connector = rig.station.connectors[0]
    connector.rest.ask()
    connector.rest.take(Reading(1000, 0, (0,), (230000,)), rig.now)
    return connector


def test_a_transaction_begins_with_it_at_once():
    rig = Rig()
    connector = plugged(rig)
    rig.meter_silent = True  # whoever asks the meter now waits in vain
    rig.tag("GOOD")
    assert connector.transaction.meter_start_wh == 1000


def test_the_next_transaction_is_not_begun_with_what_was_before_this_one():
    rig = Rig()
    connector = plugged(rig, asking=True)
    rig.tag("GOOD")
    rig.step(100)
    assert rig.supply.energised
    rig.energy_wh[0] = 1500
    rig.tag("GOOD")
    rig.supply.unplug()
    rig.step(100)
    rig.supply.plug()
    rig.tag("GOOD")
    rig.step(100)
    assert connector.transaction.meter_start_wh == 1500


def test_of_a_meter_that_was_swapped_the_next_transaction_begins_with_what_it_shows():
    """The one that runs is billed on as if nothing had been; the next one has nothing to do with that."""
    rig = Rig()
    connector = plugged(rig, asking=True)
    rig.tag("GOOD")
    rig.step(100)
    connector.metered(Reading(5000, 0, (0,), (230000,)))
    rig.supply.asking = False
    rig.step(100)
    meters = Meters([Swapped()], rig.station)
    rig.supply.metered = lambda now, reading: None
    real, under_test.ticks_ms = under_test.ticks_ms, lambda: rig.now
    try:
        run(meters.round())
    finally:
        under_test.ticks_ms = real
    assert connector.reading.energy_wh == 5000
    rig.meter_silent = True
    rig.tag("GOOD")
    rig.step(100)
    assert connector.transaction is None
    rig.tag("OTHER")
    assert connector.transaction.meter_start_wh == 3
