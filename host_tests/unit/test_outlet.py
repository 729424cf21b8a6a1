# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""evse.outlet: what follows for the duty, the lock and the contactor from each input."""

from evse import faults
from evse.guard import DIODE_BAD, DIODE_OK, DIODE_UNKNOWN
from evse.outlet import Inputs, Outlet
from evse.pilot import FAULT_E4, PAUSE_E4, duty_e4
from evse.timer import Timer
from hal.ticks import ticks_add
from host_tests.unit.evse_rig import START, STEP_MS


class Bench:
    """An outlet whose contactor and lock obey at once unless told otherwise."""

    def __init__(self, socket=False, ventilation=False, limit_da=160, wake="none", feedback=True):
        self.outlet = Outlet(ventilation, feedback, wake)
        self.inputs = Inputs(socket=socket, locked=False if socket else None)
        self.inputs.limit_da = limit_da
        self.contactor_follows = True
        self.lock_follows = True
        self.now = START
        self.out = None

    def run(self, ms):
        for _ in range(ms // STEP_MS):
            self.now = ticks_add(self.now, STEP_MS)
            self.out = self.outlet.step(self.now, self.inputs)
            # The guard's part.
            self.inputs.driven = self.out.close and self.inputs.letter in "CD"
            if self.contactor_follows:
                self.inputs.closed = self.inputs.driven
            if self.lock_follows and self.inputs.locked is not None:
                self.inputs.locked = self.out.lock
        return self.out

    def plug(self):
        self.inputs.letter = "B"
        if self.inputs.socket:
            self.inputs.rating_da = 320
        return self.run(400)

    def charge(self):
        self.plug()
        self.inputs.permitted = True
        self.run(40)
        self.inputs.diode = DIODE_OK
        self.inputs.letter = "C"
        assert self.run(60).close
        return self

    def names(self):
        return faults.listed(self.out.faults)


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


def test_withdrawal_asks_first_and_cuts_off_after_six_seconds():
    bench = Bench().charge()
    bench.inputs.permitted = False
    out = bench.run(20)
    assert out.duty_e4 == PAUSE_E4 and out.close
    assert bench.run(5960).close
    assert not bench.run(40).close


def test_a_car_that_listens_is_not_cut_off_under_load():
    bench = Bench().charge()
    bench.inputs.permitted = False
    bench.run(2000)
    bench.inputs.letter = "B"
    bench.run(20)
    assert not bench.inputs.driven
    # The next pause has its six seconds again.
    bench.run(1000)
    bench.inputs.permitted = True
    bench.run(20)
    bench.inputs.letter = "C"
    bench.run(100)
    assert bench.inputs.driven
    bench.inputs.permitted = False
    assert bench.run(5000).close


def test_a_withdrawal_right_after_the_closing_asks_first_as_well():
    bench = Bench().charge()
    bench.inputs.permitted = False
    bench.run(1000)
    bench.inputs.letter = "B"
    bench.run(10000)
    bench.inputs.permitted = True
    bench.run(20)
    bench.inputs.letter = "C"
    while not bench.run(20).close:
        pass
    bench.inputs.permitted = False
    assert bench.run(5900).close
    assert not bench.run(200).close


def test_permission_that_comes_back_resumes_without_opening():
    bench = Bench().charge()
    bench.inputs.permitted = False
    bench.run(3000)
    bench.inputs.permitted = True
    out = bench.run(20)
    assert out.close and out.duty_e4 == duty_e4(160)
    bench.inputs.permitted = False
    assert bench.run(5900).close


def test_a_limit_below_six_ampere_is_a_pause():
    bench = Bench().charge()
    bench.inputs.limit_da = 40
    out = bench.run(20)
    assert out.duty_e4 == PAUSE_E4 and out.close
    assert not bench.run(6000).close


def test_a_fault_opens_in_the_same_step():
    bench = Bench().charge()
    bench.inputs.faults = faults.bit("GroundFailure")
    out = bench.outlet.step(ticks_add(bench.now, 20), bench.inputs)
    assert not out.close and out.duty_e4 == PAUSE_E4


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
    assert bench.run(20).duty_e4 == duty_e4(80)


def test_five_seconds_stay_over_after_a_week():
    # Ticks can only be compared within 6.2 days: the timers must not ask again after that.
    bench = Bench().charge()
    bench.run(6000)
    for _ in range(6):
        bench.now = ticks_add(bench.now, 300000000)
        bench.run(20)
    bench.inputs.limit_da = 100
    assert bench.run(20).duty_e4 == duty_e4(100)


def test_the_lock_closes_with_the_car_and_opens_without():
    bench = Bench(socket=True)
    bench.inputs.rating_da = 320
    out = bench.run(500)
    assert out.cable and not out.plugged and out.lock is False
    bench.inputs.letter = "B"
    assert bench.run(60).lock is True
    bench.inputs.letter = "A"
    assert bench.run(60).lock is False
    bench.inputs.rating_da = None
    assert bench.run(100).cable is False


def test_a_held_cable_stays_locked_until_let_go():
    bench = Bench(socket=True)
    bench.plug()
    bench.inputs.hold_lock = True
    bench.inputs.letter = "A"
    assert bench.run(5000).lock is True
    bench.inputs.hold_lock = False
    assert bench.run(60).lock is False


def test_holding_does_not_lock_what_was_free():
    bench = Bench(socket=True)
    bench.inputs.rating_da = 320
    bench.inputs.hold_lock = True
    assert bench.run(5000).lock is False


def test_unlock_releases_a_held_cable():
    bench = Bench(socket=True)
    bench.plug()
    bench.inputs.hold_lock = True
    bench.inputs.letter = "A"
    bench.run(1000)
    bench.outlet.unlock()
    assert bench.run(60).lock is False


def test_unlock_under_load_stops_first():
    bench = Bench(socket=True).charge()
    bench.outlet.unlock()
    out = bench.run(1000)
    assert out.lock is True and out.duty_e4 == PAUSE_E4 and out.close
    bench.inputs.letter = "B"
    assert bench.run(60).lock is False


def test_an_unlocked_cable_stays_free_until_the_next_permission():
    bench = Bench(socket=True).charge()
    bench.outlet.unlock()
    bench.inputs.letter = "B"
    bench.run(5000)
    assert bench.out.lock is False
    bench.inputs.permitted = False
    assert bench.run(5000).lock is False
    bench.inputs.permitted = True
    out = bench.run(100)
    assert out.lock is True and out.duty_e4 != PAUSE_E4


def test_unplugging_ends_an_unlock():
    bench = Bench(socket=True).charge()
    bench.outlet.unlock()
    bench.inputs.letter = "A"
    bench.inputs.rating_da = None
    bench.run(5000)
    bench.charge()


def test_a_welded_contactor_keeps_the_plug():
    bench = Bench(socket=True).charge()
    bench.contactor_follows = False
    bench.inputs.permitted = False
    bench.inputs.letter = "B"
    bench.inputs.driven = False
    bench.outlet.unlock()
    out = bench.run(5000)
    assert bench.names() == ("ContactorWelded",) and out.lock is True


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


def test_a_lock_that_does_not_follow():
    bench = Bench(socket=True)
    bench.lock_follows = False
    bench.plug()
    bench.run(1500)
    assert bench.names() == ()
    bench.run(500)
    assert bench.names() == ("ConnectorLockFailure",)
    bench.inputs.locked = True
    bench.run(100)
    assert bench.names() == ()


def test_a_lock_is_tried_again():
    bench = Bench(socket=True)
    bench.lock_follows = False
    bench.plug()
    tries = 0
    for _ in range(500):
        bench.run(20)
        tries += bench.out.relock
    assert 4 <= tries <= 5


def test_a_lock_that_springs_open_under_load_opens_the_contactor():
    bench = Bench(socket=True).charge()
    bench.run(500)
    bench.lock_follows = False
    bench.inputs.locked = False
    bench.run(40)
    assert bench.out.close  # a bouncing switch
    bench.run(20)
    assert not bench.out.close


def test_a_cable_that_is_pulled_under_load_opens_the_contactor():
    bench = Bench(socket=True).charge()
    bench.inputs.rating_da = None
    bench.run(60)
    assert not bench.out.close
    bench.run(500)
    assert bench.names() == ("ProximityFault",)


def test_unplugging_is_no_proximity_fault():
    bench = Bench(socket=True)
    bench.plug()
    bench.inputs.rating_da = None
    for _ in range(10):
        bench.run(20)
        assert bench.names() == ()
    bench.inputs.letter = "A"
    bench.run(1000)
    assert bench.names() == () and bench.out.cable is False


def test_the_cable_bounds_the_offer_at_once():
    bench = Bench(socket=True, limit_da=320)
    bench.inputs.rating_da = 130
    bench.inputs.letter = "B"
    bench.inputs.permitted = True
    for _ in range(100):
        bench.run(20)
        assert bench.out.duty_e4 in (PAUSE_E4, duty_e4(130))
    assert bench.out.duty_e4 == duty_e4(130)


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


def test_ventilated_rooms_charge_in_d():
    bench = Bench(ventilation=True)
    bench.plug()
    bench.inputs.permitted = True
    bench.inputs.diode = DIODE_OK
    bench.inputs.letter = "D"
    assert bench.run(100).close and bench.names() == ()


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


def test_a_restart_leaves_the_bolt_where_it_is_until_the_pilot_is_known():
    bench = Bench(socket=True)
    bench.inputs.locked = True
    bench.inputs.rating_da = 320
    bench.inputs.hold_lock = True
    bench.lock_follows = False
    assert bench.run(280).lock is True
    assert bench.run(1000).lock is True  # held, as before the restart
    bench = Bench(socket=True)
    bench.inputs.locked = True
    bench.inputs.rating_da = 320
    assert bench.run(280).lock is True
    assert bench.run(200).lock is False  # nobody holds it and no car is there


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


def test_state_f_after_a_fault_in_c():
    bench = Bench().charge()
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


def test_a_weld_keeps_the_plug_in_state_f_too():
    bench = Bench(socket=True).charge()
    bench.contactor_follows = False
    bench.inputs.permitted = False
    bench.inputs.letter = "B"
    bench.inputs.driven = False
    bench.run(400)
    bench.inputs.faults = faults.bit("ContactorWelded")
    assert bench.run(20000).lock is True


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


def test_five_seconds_after_the_car_has_left_c():
    bench = Bench().charge()
    bench.inputs.letter = "B"
    bench.run(20)
    bench.inputs.driven = False
    bench.run(600)
    bench.inputs.letter = "C"
    assert not bench.run(4000).close
    assert bench.run(800).close


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


def test_an_untested_rcd_keeps_the_contactor_open():
    assert not closes(tested=False)
    bench = Bench().charge()
    bench.inputs.tested = False  # the day is over: the charge goes on
    assert bench.run(1000).close


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


def test_a_short_charge_that_the_car_ended_twice_begins_with_6_ampere():
    bench = Bench().charge()
    for _ in range(2):
        bench.run(3000)
        bench.inputs.letter = "B"
        bench.run(20)
        bench.inputs.driven = False
        bench.run(5000)
        bench.inputs.letter = "C"
        bench.run(2000)
    assert bench.out.close and bench.out.duty_e4 == duty_e4(60)
    assert bench.run(10000).duty_e4 == duty_e4(160)


def test_a_timer_tells_once_for_all():
    timer = Timer()
    assert not timer.over(START, 0)
    timer.start(START)
    timer.start(ticks_add(START, 50))  # runs already
    assert not timer.over(ticks_add(START, 99), 100)
    assert timer.over(ticks_add(START, 100), 100)
    assert timer.over(ticks_add(START, -1000), 100)
    timer.reset()
    assert not timer.over(ticks_add(START, 200), 100)
    timer.start(ticks_add(START, 200))
    assert not timer.over(ticks_add(START, 250), 100)
