# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""hal.parts: pins with a meaning, the lock's motor, the arithmetic of analog inputs."""

from hal.parts import lock as lock_module
from hal.parts import wired
from hal.parts.analog import Proximity, Thermistor
from hal.parts.calibration import Calibration, believable
from hal.parts.divider import lower_ohm
from hal.parts.lock import MotorLock
from hal.parts.ntc import celsius_d, table
from hal.parts.phase_switch import PhaseSwitch
from hal.parts.pins import Input, Output
from hal.parts.wired import Button, Contactor, PilotSwitch, Rcd
from hal.ticks import ticks_add
from host_tests.unit.expect import raises

try:
    from micropython import heap_lock, heap_unlock
except ImportError:  # CPython has no lock: there the loop runs without the proof

    def heap_lock():
        pass

    def heap_unlock():
        pass


class Pin:
    """As machine.Pin: `level`, and every level that was written."""

    def __init__(self, level=0):
        self.level = level
        self.written = []

    def value(self, level=None):
        if level is None:
            return self.level
        self.level = level
        self.written.append(level)
        return None


# --- pins ---


def test_input_by_its_active_level():
    for active in (0, 1):
        pin = Pin(active)
        contact = Input(pin, active)
        assert contact.on() is True
        pin.level = 1 - active
        assert contact.on() is False


def test_output_begins_off_and_writes_levels_only():
    for active in (0, 1):
        pin = Pin(active)
        output = Output(pin, active)
        assert pin.level == 1 - active and output.on() is False
        for truth in (True, 7, "x"):
            output.put(truth)
            assert pin.level == active and output.on() is True
            output.put(None)
            assert pin.level == 1 - active
        assert [level for level in pin.written if level not in (0, 1)] == []


def test_contactor_tells_its_coil_at_every_pass():
    coil = Pin(1)
    contactor = Contactor(Output(coil))
    assert coil.level == 0 and contactor.has_feedback is False
    before = len(coil.written)
    for _ in range(3):
        contactor.drive(True)
    assert coil.written[before:] == [1, 1, 1]
    assert contactor.closed() is True
    contactor.drive(False)
    assert contactor.closed() is False and coil.level == 0


def test_contactor_believes_its_feedback():
    feedback = Pin(1)
    contactor = Contactor(Output(Pin()), Input(feedback, 0))
    assert contactor.has_feedback is True
    contactor.drive(True)
    assert contactor.closed() is False  # has not followed yet
    feedback.level = 0
    assert contactor.closed() is True
    contactor.drive(False)
    assert contactor.closed() is True  # welded


def test_rcd_and_its_test_input():
    trip, test = Pin(0), Pin(1)
    rcd = Rcd(Input(trip), Output(test))
    assert rcd.tripped() is False and test.level == 0
    rcd.test(True)
    trip.level = 1
    assert test.level == 1 and rcd.tripped() is True
    rcd.test(False)
    assert test.level == 0
    Rcd(Input(trip)).test(True)  # a breaker's contact has no test input


def test_the_current_of_a_test_ends_without_whoever_began_it():
    now = 0
    wired.ticks_ms, kept = lambda: now, wired.ticks_ms
    try:
        trip, test = Pin(0), Pin(1)
        rcd = Rcd(Input(trip), Output(test))
        for begun in (0, 5000):
            now = begun
            rcd.test(True)
            ended = None
            while now < begun + 2000:
                now += 27  # each part has its turn
                rcd.tick()
                if ended is None and not test.level:
                    ended = now - begun
            assert 1000 <= ended <= 1100, ended
            rcd.test(False)
            assert test.level == 0
        rcd.test(True)
        rcd.rest()
        assert test.level == 0
        now += 100000
        rcd.tick()
        assert test.level == 0
    finally:
        wired.ticks_ms = kept


def test_button_and_pilot_switch():
    pin = Pin(0)
    assert Button(Input(pin, 0)).pressed() is True
    pin.level = 1
    assert Button(Input(pin, 0)).pressed() is False
    relay = Pin(1)
    switch = PilotSwitch(Output(relay))
    assert relay.level == 0  # at rest the pilot is on the line
    switch.disconnect(True)
    assert relay.level == 1


def test_the_second_contactor_is_off_until_it_is_driven_and_its_contact_is_believed():
    for active in (0, 1):
        coil, feedback = Pin(1), Pin(1 - active)
        switch = PhaseSwitch(Output(coil), Input(feedback, active))
        assert coil.level == 0 and switch.three() is False
        switch.drive(True)
        assert coil.level == 1 and switch.three() is False  # has not followed yet
        feedback.level = active
        assert switch.three() is True
        switch.drive(False)
        assert coil.level == 0 and switch.three() is True  # welded


# --- lock ---


class Motor:
    """A MotorLock, ticked every 20 ms by a clock of its own that wraps on the way."""

    def __init__(self, pulse_ms=600):
        self.now = (1 << 30) - 300
        lock_module.ticks_ms = lambda: self.now
        self.lock_pin, self.unlock_pin, self.bolt = Pin(1), Pin(1), Pin(0)
        self.lock = MotorLock(Output(self.lock_pin), Output(self.unlock_pin), Input(self.bolt), pulse_ms)

    def run(self, ms, step_ms=20):
        """[(direction, milliseconds)] of what the motor did."""
        found = []
        for _ in range(ms // step_ms):
            self.lock.tick()
            assert not (self.lock_pin.level and self.unlock_pin.level)
            direction = "lock" if self.lock_pin.level else "unlock" if self.unlock_pin.level else "rest"
            if found and found[-1][0] == direction:
                found[-1][1] += step_ms
            else:
                found.append([direction, step_ms])
            self.now = ticks_add(self.now, step_ms)
        return [(direction, length) for direction, length in found]


def test_nothing_moves_unasked():
    motor = Motor()
    assert motor.lock_pin.level == 0 and motor.unlock_pin.level == 0
    assert motor.run(2000) == [("rest", 2000)]


def test_a_pulse_ends_by_itself():
    motor = Motor(600)
    motor.lock.drive(True)
    assert motor.lock_pin.level == 0  # the interrupt begins it, nobody else touches the pins
    assert motor.run(1500) == [("lock", 600), ("rest", 900)]
    motor.lock.drive(False)
    assert motor.run(1500) == [("unlock", 600), ("rest", 900)]


def test_said_again_is_another_pulse_after_a_rest():
    motor = Motor(600)
    motor.lock.drive(True)
    motor.run(200)
    motor.lock.drive(True)
    assert motor.run(2000) == [("lock", 400), ("rest", 320), ("lock", 600), ("rest", 680)]


def test_the_other_direction_ends_a_pulse_early():
    motor = Motor(600)
    motor.lock.drive(True)
    motor.run(100)
    motor.lock.drive(False)
    assert motor.run(1500) == [("rest", 320), ("unlock", 600), ("rest", 580)]


def test_the_last_word_counts():
    motor = Motor(600)
    for lock in (True, False, True):
        motor.lock.drive(lock)
    assert motor.run(1000) == [("lock", 600), ("rest", 400)]


def test_after_days_of_rest_the_lock_moves():
    # ticks_diff is right for 6.2 days only: a rest must not be measured from a pulse of last week.
    motor = Motor(600)
    motor.lock.drive(True)
    motor.run(1500)
    motor.now = ticks_add(motor.now, (1 << 29) - 1)
    motor.now = ticks_add(motor.now, 10000000)
    motor.lock.drive(False)
    assert motor.run(700) == [("unlock", 600), ("rest", 100)]


def test_late_ticks_lengthen_a_pulse_by_one_of_them_at_most():
    motor = Motor(600)
    motor.lock.drive(True)
    assert motor.run(3000, 500) == [("lock", 1000), ("rest", 2000)]


def test_feedback_of_the_bolt():
    motor = Motor()
    assert motor.lock.locked() is False
    motor.bolt.level = 1
    assert motor.lock.locked() is True


def test_the_interrupt_allocates_nothing():
    motor = Motor(40)
    contactor = Contactor(Output(motor.lock_pin), Input(motor.bolt))
    rcd = Rcd(Input(motor.bolt))
    calibration = Calibration(21960, 2690)
    lock_module.ticks_ms = Tock().now
    motor.lock_pin.written = motor.unlock_pin.written = Nowhere()
    heap_lock()
    try:
        for count in range(200):
            motor.lock.drive(count % 3 == 0)
            motor.lock.tick()
            contactor.drive(count % 2 == 0)
            contactor.closed()
            rcd.tripped()
            calibration.pilot_mv(2000 + 100 * count)
    finally:
        heap_unlock()


class Tock:
    def __init__(self):
        self.count = 0

    def now(self):
        self.count += 20
        return self.count


class Nowhere:
    def append(self, level):
        pass


# --- analog inputs ---


def test_ohm_behind_a_divider():
    for ohm in (0, 100, 220, 680, 1500, 2700, 4700):
        # RP2040: counts of its supply; ESP32: millivolts.
        for full in (4095, 3300):
            reading = full * ohm // (ohm + 1000)
            found = lower_ohm(reading, full, 1000)
            assert abs(found - ohm) <= 2 + ohm // 250, (ohm, full, found)


def test_no_plug_and_a_broken_wire_are_open():
    for reading in (3000, 3150, 3300):
        assert lower_ohm(reading, 3300, 1000) is None
    assert lower_ohm(2999, 3300, 1000) > 9900
    assert lower_ohm(-3, 3300, 1000) == 0


def test_proximity_reads_anew():
    readings = [4095, 682]
    proximity = Proximity(lambda: readings.pop(0), 4095, 1000)
    assert proximity.resistance_ohm() is None
    assert 195 <= proximity.resistance_ohm() <= 205


def test_ntc_within_a_third_of_a_kelvin():
    from math import exp

    ohms = table(10000, 3950)
    assert ohms[13] == 10000  # 25 degrees
    for celsius_half in range(-79, 250):
        celsius = celsius_half / 2
        ohm = 10000 * exp(3950 * (1 / (celsius + 273.15) - 1 / 298.15))
        assert abs(celsius_d(int(ohm), ohms) - celsius * 10) <= 3, celsius


def test_a_broken_ntc_has_no_temperature():
    ohms = table(10000, 3950)
    assert celsius_d(ohms[0], ohms) == -400 and celsius_d(ohms[-1], ohms) == 1250
    assert celsius_d(ohms[0] + 1, ohms) is None
    assert celsius_d(ohms[-1] - 1, ohms) is None
    for reading, expected in ((4095, None), (0, None), (2047, 250)):
        assert Thermistor(lambda: reading, 4095, 10000, ohms).celsius_d() == expected  # noqa: B023


# --- calibration ---


def test_calibration_through_two_points():
    calibration = Calibration(2970, 330)
    assert calibration.pilot_mv(2970) == 12000 and calibration.pilot_mv(330) == -12000
    assert calibration.pilot_mv(1650) == 0
    assert calibration.pilot_mv(2640) == 9000
    assert calibration.pilot_mv(0) == -15000


def test_a_calibration_that_cannot_be():
    for plus, minus in ((330, 2970), (500, 500), (60000, 0)):
        raises(ValueError, Calibration, plus, minus)


def test_which_calibrations_are_believed():
    assert believable(21960, 2690, 21960, 2690)
    assert believable(23400, 1300, 21960, 2690)
    assert not believable(23600, 2690, 21960, 2690)
    # A car hangs on it: 9 V instead of 12 V.
    assert not believable(19551, 2690, 21960, 2690)
