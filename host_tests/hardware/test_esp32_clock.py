# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""hal.esp32.clock on a fake ESP32."""

from host_tests.fakes.chip import Chip


def test_the_clock_lives_through_resets_and_not_through_power_cuts():
    chip = Chip("esp32")
    with chip.installed():
        clock = chip.load("hal.esp32.clock").Clock()
        assert clock.utc_ms() is None
        clock.set_utc_ms(1795170600250)
        chip.advance(1500000)
        assert clock.utc_ms() == 1795170601750
        assert chip.load("hal.esp32.clock").Clock().utc_ms() == 1795170601750
        chip.rtc_memory = b""
        assert chip.load("hal.esp32.clock").Clock().utc_ms() is None


def test_the_clock_goes_on_after_the_32_bits_of_gmtime():
    chip = Chip("esp32")
    with chip.installed():
        clock = chip.load("hal.esp32.clock").Clock()
        # 2**31 seconds after 1970, and after 2000, where this chip begins to count.
        for utc_ms in (2147483648000, 2147483648000 + 946684800000, 4102444799750):
            clock.set_utc_ms(utc_ms)
            assert clock.utc_ms() == utc_ms
