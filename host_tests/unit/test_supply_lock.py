# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""evse.supply: the lock over whole sessions: held, unlocked, taken back, stuck."""

from host_tests.unit.evse_rig import SOCKET, B, Desk, FakeHardware


def test_holding_the_lock_over_an_unplug():
    desk = Desk(**SOCKET)
    desk.charge()
    desk.supply.hold_lock(True)
    desk.hardware.unplug()
    desk.run(5000)
    assert not desk.supply.plugged and desk.supply.cable and desk.supply.locked
    desk.supply.hold_lock(False)
    desk.run(2000)
    assert not desk.supply.cable and desk.supply.locked is False


def test_unlock_during_charging():
    desk = Desk(**SOCKET)
    desk.charge()
    desk.supply.unlock()
    passed = desk.run(5000, lambda: not desk.supply.locked)
    assert passed < 1500 and not desk.supply.energised
    desk.run(5000)
    # permission alone does not lock it again
    assert desk.supply.locked is False and desk.supply.offered_da == 0


def test_lock_takes_an_unlock_back():
    desk = Desk(**SOCKET)
    desk.hardware.plug()
    desk.run(1500)
    desk.supply.unlock()
    desk.run(1500)
    assert desk.supply.locked is False
    desk.supply.lock()
    assert desk.run(2000, lambda: desk.supply.locked) < 1000  # without permission, as nothing has begun yet
    desk.hardware.unplug()
    desk.run(2000)
    assert desk.supply.locked is False and not desk.supply.cable


def test_permission_right_after_an_unlock():
    desk = Desk(**SOCKET)
    desk.charge()
    desk.supply.permit(False)
    desk.run(3000, lambda: not desk.supply.energised)
    desk.supply.unlock()
    desk.supply.permit(True)  # before the outlet has seen either
    assert desk.run(7000, lambda: desk.supply.energised) < 7000
    assert desk.supply.locked


def test_unlock_without_a_lock_does_nothing():
    desk = Desk()
    desk.charge()
    desk.supply.unlock()
    desk.run(1000)
    assert desk.supply.energised


def test_a_stuck_lock_is_told_and_not_charged_with():
    desk = Desk(**SOCKET)
    desk.hardware.break_part("ConnectorLockFailure")
    assert desk.run(1000, lambda: desk.supply.faults) <= 40
    assert desk.supply.faults == ("ConnectorLockFailure",)
    desk.hardware.plug()
    desk.supply.permit(True)
    desk.run(10000)
    assert not desk.supply.energised and desk.supply.offered_da == 0 and desk.supply.locked is False
    desk.hardware.mend_part("ConnectorLockFailure")
    assert desk.run(10000, lambda: desk.supply.energised) < 10000
    assert desk.supply.faults == ()


def test_a_lock_that_nobody_reports_is_found_out():
    hardware = FakeHardware(socket=True)
    hardware.lock.stuck = True
    desk = Desk(hardware)
    hardware.proximity.ohm = 220
    hardware.pilot.car_mv = B
    desk.run(1500)
    assert desk.supply.faults == ()
    desk.run(1500)
    assert desk.supply.faults == ("ConnectorLockFailure",)
    drives = hardware.lock.drives
    desk.run(4200)
    assert hardware.lock.drives == drives + 2  # it goes on trying
