# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""hal.esp32.pilot on a fake ESP32 whose pilot line is a voltage over time."""

import pytest

from hal.parts.calibration import Calibration
from host_tests.fakes.chip import Chip
from host_tests.fakes.pilot_line import HIGH_MV, PilotLine

PWM_PIN, ADC_PIN = 27, 36
# 6, 16, 32, 51 and 80 A.
DUTIES_E4 = (1000, 2666, 5333, 8500, 9600)


class Rig:
    """A chip, a line and the pilot on it."""

    def __init__(self, read_us=60, **line):
        self.chip = chip = Chip("esp32")
        chip.read_us = read_us
        self.line = PilotLine(chip, PWM_PIN, **line)
        self.reads = 0
        chip.analog[ADC_PIN] = self._level
        with chip.installed():
            self.pilot = chip.load("hal.esp32.pilot").Pilot(PWM_PIN, ADC_PIN, Calibration(21960, 2690))

    def _level(self, us):
        self.reads += 1
        return self.line.mv(us)

    def set_duty(self, duty_e4):
        self.pilot.set_duty(duty_e4)
        self.chip.advance(20000)

    def samples(self, count, pause_us=14137):
        """[(result, high, low)], pauses that fall into step with nothing."""
        found = []
        for _ in range(count):
            self.chip.advance(pause_us)
            found.append((self.pilot.sample(), *self.pilot.read()))
        return found


def test_it_begins_with_steady_12_v():
    rig = Rig()
    assert rig.chip.pins[PWM_PIN].pwm.duty_u16() == 65535
    assert rig.pilot.read()[0] > 11900


@pytest.mark.parametrize(
    ("duty_e4", "duty_u16"), [(10000, 65535), (0, 0), (1000, 6553), (5333, 34950), (9999, 65529)]
)
def test_duty(duty_e4, duty_u16):
    rig = Rig()
    rig.pilot.set_duty(duty_e4)
    assert rig.chip.pins[PWM_PIN].pwm.duty_u16() == duty_u16
    # The car is never offered more than was asked, whatever is lost below 16 bits.
    assert duty_e4 in (0, 10000) or duty_u16 * 10000 <= duty_e4 * 65536
    high = sum(rig.chip.pins[PWM_PIN].pwm._high(us) for us in range(1000))
    assert abs(high - duty_e4 / 10) <= 1
    assert duty_e4 not in (0, 10000) or high == duty_e4 / 10  # steady: no edge at all


@pytest.mark.parametrize("duty_e4", DUTIES_E4)
@pytest.mark.parametrize("noise_mv", [0, 4, 8])
def test_every_state_at_every_current(duty_e4, noise_mv):
    rig = Rig(noise_mv=noise_mv)
    for state, high_mv in HIGH_MV.items():
        rig.line.state = state
        rig.set_duty(duty_e4)
        for result, high, low in rig.samples(100):
            assert result == 1, (state, high, low)
            # 8 mV of noise at the pin are 100 mV at the pilot; the edges between the states are 1500 away.
            assert abs(high - high_mv) <= 60 + 50 * noise_mv, (state, high)
            assert abs(low - (0 if state == "E" else -12000)) <= 60 + 50 * noise_mv, (state, low)


@pytest.mark.parametrize("duty_e4", [0, 10000])
def test_steady_levels(duty_e4):
    rig = Rig(noise_mv=8)
    for state, high_mv in HIGH_MV.items():
        rig.line.state = state
        rig.set_duty(duty_e4)
        expected = high_mv if duty_e4 else 0 if state == "E" else -12000
        for result, high, low in rig.samples(50):
            assert result == 1 and high == low and abs(high - expected) <= 150


@pytest.mark.parametrize("read_us", [35, 40, 50, 60, 70, 80, 90, 100, 110, 120])
def test_fast_and_slow_converters(read_us):
    # At 6 A the high phase lasts as long as one or two readings: none may fall into step with the pilot.
    rig = Rig(read_us=read_us, noise_mv=4)
    for duty_e4 in (1000, 9600):
        rig.set_duty(duty_e4)
        for state in "BC":
            rig.line.state = state
            for pause_us in (14000, 14137, 14500, 14963):
                for result, high, low in rig.samples(10, pause_us):
                    assert result == 1, (duty_e4, pause_us)
                    assert abs(high - HIGH_MV[state]) <= 300 and abs(low + 12000) <= 300, (high, low)


def test_a_burst_in_numbers():
    for read_us, periods in ((35, 3), (60, 5), (90, 7), (120, 9)):
        rig = Rig(read_us=read_us)
        assert rig.pilot.span == periods
        rig.set_duty(1000)
        reads, began = rig.reads, rig.chip.now_us
        rig.pilot.sample()
        assert rig.reads - reads == 64
        assert (periods - 1) * 1000 < rig.chip.now_us - began <= periods * 1000


def test_a_converter_that_is_too_slow_is_told():
    with pytest.raises(OSError, match="a reading takes 160 us"):
        Rig(read_us=158)


def test_a_change_of_state_is_seen_by_the_next_burst():
    rig = Rig(noise_mv=4)
    rig.set_duty(2666)
    for state in "BCBADCEB":
        rig.line.state = state
        ((result, high, _),) = rig.samples(1)
        assert result == 1 and abs(high - HIGH_MV[state]) < 300


def test_a_car_that_leaves_within_a_burst_is_seen_in_the_next():
    rig = Rig()
    rig.line.state = "C"
    rig.set_duty(5333)
    leaves = rig.chip.now_us + 14000 + 2500
    state_at = rig.line.pilot_mv

    def pilot_mv(us):
        rig.line.state = "C" if us < leaves else "B"
        return state_at(us)

    rig.line.pilot_mv = pilot_mv
    (_, high, _), (result, later, _) = rig.samples(2, 14000)
    assert 5900 < high < 9100 and result == 1 and later > 8900


def test_a_car_without_diode():
    rig = Rig(noise_mv=4)
    rig.line.diode = False
    for duty_e4 in DUTIES_E4:
        for state in "BCD":
            rig.line.state = state
            rig.set_duty(duty_e4)
            for result, high, low in rig.samples(5):
                assert result == 1 and abs(high - HIGH_MV[state]) < 300 and abs(low + HIGH_MV[state]) < 500


@pytest.mark.parametrize("level_mv", [12000, 9000, 6000, 3000, -12000])
def test_a_line_that_stands_still_while_pwm_is_told(level_mv):
    rig = Rig(noise_mv=4)
    rig.set_duty(2666)
    before = rig.samples(1)[0]
    rig.line.forced_mv = level_mv
    found = rig.samples(20)
    assert {result for result, _, _ in found} == {-1}
    # The last believed levels stay: a failure is told by the result, not by a level that nobody measured.
    assert found[-1][1:] == before[1:]


def test_a_converter_that_is_stuck():
    for stuck_mv in (0, 269, 1600, 2196, 3300):
        rig = Rig()
        rig.set_duty(2666)
        rig.chip.analog[ADC_PIN] = lambda us, level=stuck_mv: level
        assert [result for result, _, _ in rig.samples(5)] == [-1] * 5, stuck_mv


def test_an_oscillator_with_another_duty_than_told():
    rig = Rig()
    rig.set_duty(2666)
    rig.chip.pins[PWM_PIN].pwm._duty = 6553
    assert [result for result, _, _ in rig.samples(5)] == [-1] * 5
    rig.chip.pins[PWM_PIN].pwm._duty = 65535
    assert [result for result, _, _ in rig.samples(5)] == [-1] * 5


def test_a_pwm_that_runs_although_it_was_stopped():
    rig = Rig()
    for duty_e4 in (0, 10000):
        rig.set_duty(duty_e4)
        rig.chip.pins[PWM_PIN].pwm._duty = 17471
        assert [result for result, _, _ in rig.samples(5)] == [-1] * 5


def test_a_source_that_has_lost_its_negative_supply():
    rig = Rig()
    rig.set_duty(0)
    rig.line.forced_mv = 9000
    assert rig.samples(1)[0][0] == -1


def test_nothing_is_said_while_a_new_duty_settles():
    rig = Rig()
    rig.pilot.set_duty(2666)
    assert rig.pilot.sample() == 0
    rig.chip.advance(2000)
    assert rig.pilot.sample() == 1
    rig.pilot.set_duty(2666)  # the same again is no change
    assert rig.pilot.sample() == 1


def test_a_converter_that_fails_is_not_believed_and_comes_back():
    rig = Rig()
    good = rig.chip.analog[ADC_PIN]

    def broken(us):
        raise OSError(263, "ESP_ERR_TIMEOUT")

    rig.chip.analog[ADC_PIN] = broken
    assert rig.pilot.sample() == -1
    rig.chip.analog[ADC_PIN] = good
    assert rig.pilot.sample() == 1


def test_a_burst_is_not_begun_within_a_burst():
    rig = Rig()
    rig.set_duty(2666)
    inner = []

    def level(us):
        inner.append(rig.pilot.sample())  # a timer's callback comes between two readings
        return rig.line.mv(us)

    rig.chip.analog[ADC_PIN] = level
    assert rig.pilot.sample() == 1
    assert inner == [0] * 64
