# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""evse.outlet: the plug in the socket: when it is locked, held and let go; a lock or a plug that fails."""

from evse import faults
from evse.pilot import PAUSE_E4
from host_tests.unit.outlet_rig import Bench


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


def test_a_restart_leaves_the_bolt_where_it_is_until_the_pilot_is_known():
    bench = Bench(socket=True)
    bench.inputs.locked = True
    bench.inputs.rating_da = 320
    bench.inputs.hold_lock = True
    bench.lock_follows = False
    assert bench.run(680).lock is True
    assert bench.run(1000).lock is True  # held, as before the restart
    bench = Bench(socket=True)
    bench.inputs.locked = True
    bench.inputs.rating_da = 320
    assert bench.run(680).lock is True
    assert bench.run(100).lock is False  # nobody holds it and no car is there


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


def test_a_weld_keeps_the_plug_in_state_f_too():
    bench = Bench(socket=True).charge()
    bench.contactor_follows = False
    bench.inputs.permitted = False
    bench.inputs.letter = "B"
    bench.inputs.driven = False
    bench.run(400)
    bench.inputs.faults = faults.bit("ContactorWelded")
    assert bench.run(20000).lock is True


def test_no_plug_is_let_go_while_the_contactor_is_told_to_be_closed():
    # Also where no feedback says so, or says it late.
    bench = Bench(socket=True, feedback=False)
    bench.contactor_follows = False
    bench.charge()
    bench.outlet.unlock()
    out = bench.run(3000)
    assert bench.inputs.driven and not bench.inputs.closed and out.lock is True
    bench.inputs.letter = "B"
    assert bench.run(60).lock is False


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
