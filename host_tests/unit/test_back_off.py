# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
from ocpp16.back_off import BackOff


def test_waits_grow_to_the_limit_and_go_on():
    back_off = BackOff(1000, 120000)
    middles = [1000, 2000, 4000, 8000, 16000, 32000, 64000] + [120000] * 50
    for middle_ms in middles:
        assert middle_ms // 2 <= back_off.next_ms() < middle_ms * 3 // 2


def test_after_a_success_it_begins_anew():
    back_off = BackOff(1000, 120000)
    for _ in range(9):
        back_off.next_ms()
    back_off.reset()
    assert back_off.next_ms() < 1500


def test_no_two_chargers_wait_alike():
    waits = [BackOff(60000, 120000).next_ms() for _ in range(200)]
    assert len(set(waits)) > 150
    assert min(waits) < 40000
    assert max(waits) > 80000
