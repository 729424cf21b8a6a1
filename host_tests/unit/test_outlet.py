# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""evse.outlet: what is offered to the car, and what has to be true before the contactor closes."""

from evse import faults
from evse.guard import DIODE_BAD, DIODE_OK, DIODE_UNKNOWN
from evse.pilot import FAULT_E4, PAUSE_E4, duty_e4
from hal.ticks import ticks_add
from host_tests.unit.outlet_rig import Bench


def test_the_idle_connector():
    out = Bench().run(1000)
    assert (out.duty_e4, out.close, out.lock, out.plugged, out.cable, out.faults) == (
        PAUSE_E4,
        False,
        None,
        False,
        False,
        0,
    )


def test_a_car_without_permission_gets_a_pause():
    bench = Bench()
    out = bench.plug()
    assert out.plugged and out.cable and out.duty_e4 == PAUSE_E4
    bench.inputs.letter = "C"
    bench.inputs.diode = DIODE_OK
    assert not bench.run(5000).close


def test_permission_offers_the_limit():
    bench = Bench(limit_da=160)
    bench.plug()
    bench.inputs.permitted = True
    assert bench.run(20).duty_e4 == duty_e4(160)
    assert not bench.out.close


def test_permission_without_a_car_offers_nothing():
    bench = Bench()
    bench.inputs.permitted = True
    assert bench.run(1000).duty_e4 == PAUSE_E4


def closes(**changes):
    """A plugged car in C with everything right but `changes` (attributes of Inputs, or of the bench)."""
    bench = Bench(socket=True)
    bench.plug()
    bench.inputs.permitted = True
    bench.inputs.diode = DIODE_OK
    bench.inputs.letter = "C"
    for name, value in changes.items():
        setattr(bench if hasattr(bench, name) else bench.inputs, name, value)
    return bench.run(3000).close


def test_each_condition_keeps_the_contactor_open():
    assert closes()
    assert not closes(permitted=False)
    assert not closes(diode=DIODE_UNKNOWN)
    assert not closes(diode=DIODE_BAD)
    assert not closes(limit_da=59)
    assert not closes(locked=False, lock_follows=False)
    assert not closes(faults=faults.bit("GroundFailure"))
    assert not closes(rating_da=0)
    assert not closes(rating_da=None)
    for letter in "ABDEF":
        assert not closes(letter=letter), letter
    assert not closes(closed=True, contactor_follows=False)  # welded


def test_an_unlock_on_its_way_keeps_the_contactor_open():
    bench = Bench(socket=True)
    bench.plug()
    bench.inputs.permitted = True
    bench.inputs.diode = DIODE_OK
    bench.inputs.letter = "C"
    bench.outlet.unlock()
    assert not bench.run(3000).close


def test_nothing_is_offered_before_the_rcd_is_tested():
    bench = Bench()
    bench.inputs.permitted = True
    bench.inputs.tested = False
    bench.plug()
    assert bench.run(5000).duty_e4 == PAUSE_E4
    bench.inputs.tested = True
    assert bench.run(20).duty_e4 == duty_e4(160)
    bench.inputs.tested = False  # the day is over, or a charge: the offer goes on, the contactor waits
    assert bench.run(1000).duty_e4 == duty_e4(160)


def test_an_untested_rcd_keeps_the_contactor_open():
    assert not closes(tested=False)
    # Also where the offer goes on: after a charge the next test is under way.
    bench = Bench()
    bench.plug()
    bench.inputs.permitted = True
    bench.inputs.diode = DIODE_OK
    assert bench.run(100).duty_e4 == duty_e4(160)
    bench.inputs.tested = False
    bench.inputs.letter = "C"
    out = bench.run(2000)
    assert not out.close and out.duty_e4 == duty_e4(160)
    bench.inputs.tested = True
    assert bench.run(40).close
    bench = Bench().charge()
    bench.inputs.tested = False  # the day is over: the charge goes on
    assert bench.run(1000).close


def test_ventilated_rooms_charge_in_d():
    bench = Bench(ventilation=True)
    bench.plug()
    bench.inputs.permitted = True
    bench.inputs.diode = DIODE_OK
    bench.inputs.letter = "D"
    assert bench.run(100).close and bench.names() == ()


def test_duty_changes_keep_five_seconds_apart_except_for_a_pause():
    bench = Bench().charge()
    bench.run(5000)
    bench.inputs.limit_da = 100
    assert bench.run(20).duty_e4 == duty_e4(100)
    bench.inputs.limit_da = 200
    assert bench.run(4960).duty_e4 == duty_e4(100)
    assert bench.run(40).duty_e4 == duty_e4(200)
    bench.inputs.limit_da = 0
    assert bench.run(20).duty_e4 == PAUSE_E4
    bench.inputs.limit_da = 80
    assert bench.run(4940).duty_e4 == PAUSE_E4
    assert bench.run(40).duty_e4 == duty_e4(80)


def test_five_seconds_stay_over_after_a_week():
    # Ticks can only be compared within 6.2 days: the timers must not ask again after that.
    bench = Bench().charge()
    bench.run(6000)
    for _ in range(6):
        bench.now = ticks_add(bench.now, 300000000)
        bench.run(20)
    bench.inputs.limit_da = 100
    assert bench.run(20).duty_e4 == duty_e4(100)


def test_the_cable_bounds_the_offer_at_once():
    bench = Bench(socket=True, limit_da=320)
    bench.inputs.rating_da = 130
    bench.inputs.letter = "B"
    bench.inputs.permitted = True
    for _ in range(100):
        bench.run(20)
        assert bench.out.duty_e4 in (PAUSE_E4, duty_e4(130))
    assert bench.out.duty_e4 == duty_e4(130)


def test_a_car_that_is_in_c_already_gets_three_seconds_without_an_offer():
    bench = Bench()
    bench.inputs.letter = "C"
    bench.inputs.permitted = True
    assert bench.run(2900).duty_e4 == PAUSE_E4
    bench.inputs.letter = "B"
    assert bench.run(40).duty_e4 == duty_e4(160)
    # Simplified pilot: it has no S2 and stays.
    bench = Bench()
    bench.inputs.letter = "C"
    bench.inputs.permitted = True
    bench.inputs.diode = DIODE_OK
    assert bench.run(2900).duty_e4 == PAUSE_E4
    out = bench.run(300)
    assert out.duty_e4 == duty_e4(160) and out.close


def test_switching_phases_asks_the_car_to_stop():
    bench = Bench().charge()
    bench.inputs.hold = True
    out = bench.run(20)
    assert out.close and out.duty_e4 == PAUSE_E4
    bench.inputs.letter = "B"
    bench.run(60)
    bench.inputs.apart = True
    bench.inputs.letter = "A"  # the pilot shows its source alone
    out = bench.run(5000)
    assert out.apart and out.plugged and out.duty_e4 == PAUSE_E4
    bench.inputs.apart = False
    bench.inputs.hold = False
    bench.run(60)
    bench.inputs.letter = "B"
    out = bench.run(1000)
    assert not out.apart and out.plugged and out.duty_e4 == duty_e4(160)


def test_a_sleeping_car_is_woken_with_state_f():
    bench = Bench(wake="F")
    bench.plug()
    bench.inputs.permitted = True
    bench.inputs.diode = DIODE_OK
    duties = [bench.run(100).duty_e4 for _ in range(880)]
    assert set(duties) == {duty_e4(160)}
    duties = [bench.run(20).duty_e4 for _ in range(500)]
    assert 195 <= duties.count(FAULT_E4) <= 205 and 36 <= duties.count(PAUSE_E4) <= 39
    assert duties[-1] == duty_e4(160) and bench.out.plugged
    # Once.
    duties = [bench.run(1000).duty_e4 for _ in range(300)]
    assert set(duties) == {duty_e4(160)}
