# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""evse.outlet: what a fault does to the contactor and the pilot, and when it is over."""

from evse import faults
from evse.guard import DIODE_BAD, DIODE_OK, DIODE_UNKNOWN
from evse.pilot import FAULT_E4, PAUSE_E4, duty_e4
from hal.ticks import ticks_add
from host_tests.unit.outlet_rig import Bench


def test_a_fault_opens_in_the_same_step():
    bench = Bench().charge()
    bench.inputs.faults = faults.bit("GroundFailure")
    out = bench.outlet.step(ticks_add(bench.now, 20), bench.inputs)
    assert not out.close and out.duty_e4 == PAUSE_E4


def opened(bench):
    """The first step in which the contactor is to be open; the milliseconds until then."""
    for count in range(1, 500):
        if not bench.run(20).close:
            return count * 20
    raise AssertionError("it stays closed")


def test_dangerous_faults_open_at_once_and_others_ask_first():
    for name in faults.names():
        bench = Bench().charge()
        bench.inputs.faults = faults.bit(name)
        if not faults.is_blocking(name):
            assert bench.run(7000).close, name
        elif faults.opens_at_once(name):
            assert opened(bench) == 20, name
        else:
            out = bench.run(20)
            assert out.close and out.duty_e4 == PAUSE_E4, name
            assert 5900 <= opened(bench) <= 6000, name


# --- what it finds by itself ---


def test_weld_is_known_within_200_ms():
    bench = Bench()
    bench.contactor_follows = False
    bench.inputs.closed = True
    bench.run(140)
    assert bench.names() == ()
    bench.run(60)
    assert bench.names() == ("ContactorWelded",)
    bench.inputs.closed = False
    bench.run(20)
    assert bench.names() == ()


def test_a_contactor_that_does_not_pull_in():
    bench = Bench().charge()
    bench.inputs.closed = False
    bench.contactor_follows = False
    bench.run(480)
    assert bench.names() == () and bench.out.close
    for _ in range(4):
        bench.run(20)
        if bench.names():
            break
    assert bench.names() == ("ContactorStuckOpen",) and not bench.out.close


def test_no_weld_check_without_a_feedback_contact():
    bench = Bench(feedback=False)
    bench.contactor_follows = False
    bench.inputs.closed = True
    bench.run(2000)
    assert bench.names() == ()
    bench.charge()
    bench.inputs.closed = False
    bench.run(2000)
    assert bench.names() == () and bench.out.close


def test_a_shorted_pilot_is_a_fault_while_it_lasts():
    bench = Bench()
    bench.plug()
    bench.inputs.permitted = True
    bench.inputs.letter = "E"
    out = bench.run(40)
    assert bench.names() == ("PilotFault",) and out.duty_e4 == PAUSE_E4 and out.plugged
    bench.inputs.letter = "B"
    out = bench.run(40)
    assert bench.names() == () and out.duty_e4 != PAUSE_E4


def test_thirty_seconds_after_a_short_under_load():
    bench = Bench().charge()
    bench.inputs.letter = "E"
    bench.inputs.driven = False  # the guard has opened
    bench.run(100)
    bench.inputs.letter = "B"
    bench.run(2000)
    for _ in range(25):
        assert bench.run(1000).duty_e4 == PAUSE_E4
    assert bench.names() == ()
    assert bench.run(6000).duty_e4 == duty_e4(160)


def test_ventilation_is_refused_until_the_car_is_gone():
    bench = Bench()
    bench.plug()
    bench.inputs.permitted = True
    bench.inputs.diode = DIODE_OK
    bench.inputs.letter = "D"
    assert not bench.run(1000).close
    assert bench.names() == ("VentilationRequired",)
    bench.inputs.letter = "C"
    assert not bench.run(1000).close
    bench.inputs.letter = "A"
    bench.run(100)
    assert bench.names() == ()
    bench.charge()


def test_a_bad_diode_ends_the_offer_until_the_car_is_gone():
    bench = Bench().charge()
    bench.inputs.diode = DIODE_BAD
    out = bench.run(20)
    assert not out.close and out.duty_e4 == PAUSE_E4 and bench.names() == ("DiodeFault",)
    bench.inputs.diode = DIODE_UNKNOWN
    bench.run(5000)
    assert bench.names() == ("DiodeFault",)
    bench.inputs.letter = "A"
    bench.run(100)
    assert bench.names() == ()


# --- state F ---


def test_state_f_after_a_fault_in_c():
    bench = Bench().charge()
    bench.run(5000)
    bench.inputs.faults = faults.bit("GroundFailure")
    bench.run(20)
    duties = []
    for _ in range(60):
        duties.append(bench.run(20).duty_e4)
        bench.inputs.letter = "F" if duties[-1] == FAULT_E4 else "B"
    # 300 ms at least (table A.5), then steady +12 V; nothing is taken for a fault of the pilot meanwhile.
    assert 15 <= duties.count(FAULT_E4) <= 25 and duties[-1] == PAUSE_E4
    assert bench.names() == () and bench.out.plugged
    bench.inputs.faults = 0
    assert bench.run(20).duty_e4 == duty_e4(160)


def test_state_f_after_a_fault_that_was_there_for_one_step_only():
    bench = Bench().charge()
    bench.run(5000)
    bench.inputs.faults = faults.bit("GroundFailure")
    bench.run(20)
    bench.inputs.faults = 0
    assert not bench.inputs.driven
    duties = []
    for _ in range(60):
        duties.append(bench.run(20).duty_e4)
        bench.inputs.letter = "F" if duties[-1] == FAULT_E4 else "B"
    assert 15 <= duties.count(FAULT_E4) <= 25 and duties[-1] == duty_e4(160)


def test_a_fault_in_b_needs_no_state_f():
    bench = Bench()
    bench.plug()
    bench.inputs.permitted = True
    bench.run(100)
    bench.inputs.faults = faults.bit("GroundFailure")
    for _ in range(50):
        assert bench.run(20).duty_e4 == PAUSE_E4


def test_a_latched_fault_ends_in_state_f_and_frees_the_plug_after_five_seconds():
    bench = Bench(socket=True).charge()
    bench.inputs.faults = faults.bit("RcdTrip")
    bench.run(60)
    bench.inputs.letter = "F"
    out = bench.run(4800)
    assert out.duty_e4 == FAULT_E4 and out.lock is True and out.plugged and bench.names() == ()
    assert bench.run(400).lock is False
    # In F only the plug in our socket tells that the car has gone.
    bench.inputs.rating_da = None
    out = bench.run(100)
    assert not out.plugged and out.duty_e4 == PAUSE_E4


def test_a_latched_fault_with_a_fixed_cable_shows_who_leaves():
    bench = Bench().charge()
    bench.inputs.faults = faults.bit("RcdTrip")
    bench.run(60)
    bench.inputs.letter = "B"
    bench.run(2000)
    assert bench.out.duty_e4 == PAUSE_E4 and bench.out.plugged
    bench.inputs.letter = "A"
    assert not bench.run(40).plugged


def test_no_state_f_while_the_feedback_says_that_it_is_closed():
    # The car has voltage: its leaving has to be seen, which state F would hide.
    bench = Bench(socket=True)
    bench.plug()
    bench.contactor_follows = False
    bench.inputs.closed = True
    bench.inputs.faults = faults.bit("ContactorWelded")
    for _ in range(300):
        assert bench.run(20).duty_e4 == PAUSE_E4
    bench.inputs.closed = False
    assert bench.run(40).duty_e4 == FAULT_E4
