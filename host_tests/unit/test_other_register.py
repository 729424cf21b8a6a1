# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""station.transaction, station.connector: a meter that is silent, replaced, rolls over, or tells nonsense
once. The bill never goes back, has nothing of another meter's past, and all that was counted."""

from evse.mains import Mains
from evse.over_current import OverCurrent
from hal.reading import Reading
from host_tests.unit.rig import MemoryRecord, Rig
from station import metering
from station.clock import Clock
from station.description import Description
from station.site_limit import drawn_ma
from station.transaction import Transaction
from station.transaction_record import packed, restored

NOON = 1795176000000
MOST_WH = 2000  # what may have flowed between two readings
ENERGY = "Energy.Active.Import.Register"


def clock():
    clock = Clock(1, 0)
    clock.set_utc_ms(NOON)
    return clock


def begun(start_wh=1000):
    return Transaction(7, 1, "TAG", None, NOON, start_wh)


def bill(transaction, shown, most_wh=MOST_WH):
    """What is billed after each of these readings; None: silence."""
    now = clock()
    billed = []
    for energy_wh in shown:
        transaction.seen(energy_wh, now, most_wh)
        billed.append(transaction.energy_wh())
    return billed


def test_an_ordinary_life_with_silence():
    assert bill(begun(), (1000, 1010, None, None, 1040, 1040, 3040)) == [0, 10, 10, 10, 40, 40, 2040]


def test_a_meter_that_was_replaced_by_a_new_one():
    assert bill(begun(), (1500, 3, 4, 6, 10, None, 110)) == [500, 500, 500, 503, 507, 507, 607]


def test_a_meter_that_was_replaced_by_one_that_has_counted_more():
    shown = (1500, 9876543, 9876544, 9876550, 9876551)
    assert bill(begun(), shown) == [500, 500, 500, 507, 508]


def test_registers_that_roll_over():
    for end_wh in (99999990, 9999999900, 4294967295, 429496729500, 2147483647):
        shown = (end_wh - 10, end_wh, 5, 11, 17, 23)
        assert bill(begun(end_wh - 20), shown) == [10, 20, 20, 20, 32, 38], end_wh


def test_a_single_register_that_makes_no_sense_counts_for_nothing():
    for wrong in (3, 999, 3600, 99999999, 1 << 40, 0):
        assert bill(begun(), (1500, wrong, 1510, wrong, wrong, 1520))[-1] == 520, wrong
    # Nor do some of them that do not follow each other.
    assert bill(begun(), (1500, 3, 900000, 5, 700000, 12345, 9, 1520))[-1] == 520
    # With silence in between they are as sure as without.
    assert bill(begun(), (1500, 3, None, 4, None, 5, 6))[-1] == 503


def test_a_meter_that_starts_shows_nothing_yet():
    """Its register was 400 Wh: from 0 there it would be less than may have flowed."""
    assert bill(begun(400), (400, 410, 0, 0, 0, 0, 0, 412)) == [0, 10, 10, 10, 10, 10, 10, 12]
    # A new one, too: it is believed as soon as it counts.
    assert bill(begun(400), (410, 0, 0, 0, 0, 1, 2, 3, 4)) == [10] * 7 + [12, 13]
    # One that begins at 0 is no such.
    assert bill(begun(0), (0, 0, 1)) == [0, 0, 1]


def test_one_that_stays_at_0_is_a_new_one_after_a_moment():
    assert bill(begun(400), (410,) + (0,) * 59 + (1,)) == [10] * 61
    assert bill(begun(400), (410,) + (0,) * 60 + (1, 4))[-2:] == [11, 14]
    # In between it was another: the minute begins anew.
    assert bill(begun(400), (410,) + (0,) * 40 + (9000,) + (0,) * 59 + (7, 8)) == [10] * 103


def test_replaced_twice():
    shown = (1500, 3, 4, 5, 90000000, 90000001, 90000003, 90000004, 1, 2, 3, 4)
    assert bill(begun(), shown) == [500, 500, 500, 502, 502, 502, 505, 506, 506, 506, 508, 509]


def test_it_is_told_once_that_it_is_another():
    transaction, now = begun(), clock()
    assert [transaction.seen(wh, now, MOST_WH) for wh in (1500, 3, 4, 5, 6)] == [
        False,
        False,
        False,
        True,
        False,
    ]


def test_the_record_knows_the_other_meter():
    transaction = begun()
    assert len(packed(transaction)) < 14  # of an ordinary one nothing is written
    bill(transaction, (1500, 3, 4, 5))
    again = restored(packed(transaction))
    assert (again.meter_last_wh, again.offset_wh) == (1502, 1497)
    assert bill(again, (9,)) == [506]


# --- in a station of 22 kW: in 15 minutes 5526 Wh can have flowed ---


def show(rig, *registers_wh):
    connector = rig.station.connectors[0]
    for register_wh in registers_wh:
        reading = None if register_wh is None else Reading(register_wh, 0, (0,), (230000,))
        connector.metered(reading)
        if reading is not None:
            rig.energy_wh[0] = register_wh
            assert reading.energy_wh == connector.transaction.meter_last_wh


def test_a_session_over_a_replaced_meter():
    rig = Rig()
    rig.charge()
    show(rig, 1500, 3, 4, 10, None, 110)
    rig.energy_wh[0] = 120
    assert ("Stop", 1, "Local", "GOOD", 1617) in rig.tag("GOOD")
    # The next one has nothing to do with that.
    assert ("Start", 1, "GOOD", 120) in rig.tag("GOOD") + rig.step(20)


def test_who_asks_is_told_that_what_has_flowed_is_not_known():
    rig = Rig()
    connector = rig.charge()
    for shown_wh, unknown in ((1500, 0), (3, 1), (4, 1), (5, 0), (9, 0), (0, 1), (9, 0), (None, 1), (10, 0)):
        assert bool(connector.metered(Reading(shown_wh, 0))) == bool(unknown), shown_wh
    rig.tag("GOOD")
    assert connector.transaction is None
    assert not connector.metered(Reading(3, 0)) and connector.metered(Reading(None, 0))


def test_a_session_over_a_meter_with_a_higher_register():
    rig = Rig()
    rig.charge()
    show(rig, 1500, 7000000, 7000001, 7000002)
    assert ("Stop", 1, "Local", "GOOD", 1502) in rig.tag("GOOD")


def test_a_replaced_meter_while_idle_is_the_new_base():
    for register_wh in (5, 7000000):
        rig = Rig()
        rig.station.connectors[0].metered(Reading(1000, 0, (0,), (230000,)))
        rig.energy_wh[0] = register_wh
        rig.charge()
        rig.energy_wh[0] += 12
        assert ("Stop", 1, "Local", "GOOD", register_wh + 12) in rig.tag("GOOD")


def test_a_meter_that_knows_energy_and_power_only():
    """The first SDM72: no voltage, no current; what it cannot say is left out, and nothing fails for it."""
    everything = "Voltage,Current.Import,Power.Factor,Power.Active.Import,Energy.Active.Import.Register"
    description = Description({"connectors": [{"phases": 3, "rated_a": 32, "nominal_v": 230}]})
    reading = Reading(1234, 7200)
    values = metering.sample(
        everything.split(","), reading, description.connectors[0], None, metering.SAMPLE_PERIODIC
    )
    said = [(one["measurand"], one["value"]) for one in metering.sampled_values(values)]
    assert said == [("Power.Active.Import", "7200"), ("Energy.Active.Import.Register", "1234")]
    over, mains = OverCurrent(), Mains(230)
    for _ in range(20):
        over.look(1000, reading.current_ma, 60, 60)
        mains.look(1000, reading.voltage_mv)
    assert not over.present and not mains.under and not mains.over
    # For load management it is as if it drew nothing: what the grid's meter sees is then the building's.
    assert drawn_ma([reading]) == (0, 0, 0)
    rig = Rig()
    connector = rig.charge()
    connector.metered(reading)
    assert connector.transaction.meter_last_wh == 1234


def boot(before, energy_wh, **station):
    after = Rig(records=[MemoryRecord(before.records[0].value)], **station)
    after.energy_wh[0] = energy_wh
    after.station.recover(after.now)
    return after


def test_a_power_cut_after_the_meter_was_replaced():
    before = Rig()
    before.charge()
    show(before, 1500, 3, 4, 5)  # 1502 Wh are on flash: it was written when that was sure
    for energy_wh, billed_wh in ((40, 1537), (5, 1502), (5 + 5526, 1502 + 5526), (5 + 5527, 1502), (1, 1502)):
        after = boot(before, energy_wh)
        assert ("Stop", 1, "PowerLoss", None, billed_wh) in after.step(20), energy_wh


def test_a_session_goes_on_after_a_power_cut_with_another_meter():
    before = Rig()
    before.charge()
    show(before, 1500)
    before.station.connectors[0].books.keep(before.now)
    after = boot(before, 7000000, options={"power_loss": "resume"})
    after.supplies[0].plug(asking=True)
    after.step(100)
    show(after, 7000000, 7000001, 7000002, 7000010)
    assert ("Stop", 1, "Local", "GOOD", 1510) in after.tag("GOOD")


def test_intervals_by_the_clock_have_nothing_of_another_meter():
    interval = "Energy.Active.Import.Interval"

    def moment(rig, energy_wh):
        """Of 5 s in which the meter shows that: the interval that is told, "" for none."""
        rig.energy_wh[0] = energy_wh
        rig.wire.last_values = []
        for _ in range(5):
            rig.step(1000)
            rig.station.connectors[0].metered(Reading(rig.energy_wh[0], 0))
        return "".join([one["value"] for one in rig.wire.last_values if one["measurand"] == interval])

    keys = {"ClockAlignedDataInterval": "5", "MeterValuesAlignedData": ENERGY + "," + interval}
    for other_wh in (7000000, 5):
        # Replaced while nobody charges.
        rig = Rig(**keys)
        assert [moment(rig, wh) for wh in (1000, 1004, 1004)][1:] == ["4", "0"]
        assert [moment(rig, other_wh + wh) for wh in (0, 3, 3)] == ["0", "3", "0"]
        # During a session: what was billed goes on, and ends with it.
        rig = Rig(**keys)
        moment(rig, 1000)
        rig.charge()
        assert [moment(rig, wh) for wh in (1100, other_wh, other_wh + 10)][::2] == ["100", "10"]
        rig.tag("GOOD")
        assert rig.station.connectors[0].transaction is None
        assert moment(rig, other_wh + 10) == "0" and moment(rig, other_wh + 12) == "2"


def test_after_a_power_cut_a_meter_that_shows_nothing_yet_is_waited_for():
    before = Rig()
    before.charge()
    show(before, 1500)
    before.station.connectors[0].books.keep(before.now)
    after = boot(before, 0)
    assert [entry for entry in after.step(3000) if entry[0] == "Stop"] == []
    after.energy_wh[0] = 1512
    assert ("Stop", 1, "PowerLoss", None, 1512) in after.step(1000)
    # A new one shows it as well.
    after = boot(before, 0)
    assert ("Stop", 1, "PowerLoss", None, 1500) in after.step(12000)
    # Who has begun at 0 is not waited for.
    before = Rig()
    before.energy_wh[0] = 0
    before.charge()
    assert ("Stop", 1, "PowerLoss", None, 0) in boot(before, 0).step(100)
