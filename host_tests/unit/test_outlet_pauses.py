# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""evse.outlet: a car that is asked to stop, and one that stops by itself and is back: how long each may take,
and how long the contactor rests."""

from evse.pilot import PAUSE_E4, duty_e4
from hal.ticks import ticks_add
from host_tests.unit.outlet_rig import Bench, closed_after


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
    bench.run(5000)
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
    bench.run(2000)
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


def test_a_car_that_leaves_c_and_is_back_at_once_has_voltage_within_three_seconds():
    # Sequence 4, also for a car that toggles: what has an offer is not kept in C any longer.
    for away_ms in (20, 600, 2000):
        bench = Bench().charge()
        bench.run(1000)
        bench.inputs.letter = "B"
        bench.run(away_ms)
        assert not bench.inputs.driven
        bench.inputs.letter = "C"
        assert not bench.run(20).close  # it has to rest
        assert 400 <= closed_after(bench) <= 2500, away_ms


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


def test_a_car_that_toggles_is_not_kept_waiting_in_c():
    bench = Bench().charge()
    for _ in range(3):
        bench.run(3000)
        assert bench.inputs.driven
        bench.inputs.letter = "B"
        bench.run(3000)
        bench.inputs.letter = "C"
        bench.run(100)
    # The third time it has to rest for long: no offer, so that sequence 4 asks for nothing.
    assert bench.out.duty_e4 == PAUSE_E4 and not bench.out.close
    bench.inputs.letter = "B"
    assert bench.run(5000).duty_e4 == PAUSE_E4
    assert bench.run(3000).duty_e4 == duty_e4(60)


def test_a_car_that_was_asked_to_stop_rests_for_a_second_and_does_not_toggle():
    bench = Bench().charge()
    for _ in range(5):
        bench.run(6000)
        assert bench.inputs.driven
        bench.inputs.permitted = False
        bench.run(1000)
        bench.inputs.letter = "B"
        bench.run(40)
        assert not bench.inputs.driven
        bench.inputs.permitted = True
        bench.inputs.letter = "C"
        assert 900 <= closed_after(bench) <= 1040
        assert bench.out.duty_e4 == duty_e4(160)  # nor does it begin gently
    # Whoever leaves has stopped for good, also when the outlet sees it late: the next car need not wait.
    bench.run(6000)
    bench.inputs.letter = "A"
    bench.inputs.driven = False
    bench.run(40)
    bench.inputs.letter = "B"
    bench.run(40)
    bench.inputs.letter = "C"
    assert 800 <= closed_after(bench) <= 1000


def test_an_opening_in_c_is_not_the_cars():
    # The main loop was away for too long, or a dead man's switch has let go.
    bench = Bench().charge()
    for _ in range(6):
        bench.run(6000)
        assert bench.inputs.driven
        bench.inputs.driven = False
        assert bench.outlet.step(ticks_add(bench.now, 10), bench.inputs).duty_e4 == duty_e4(160)
        assert closed_after(bench) <= 2520
    assert bench.out.duty_e4 == duty_e4(160)
