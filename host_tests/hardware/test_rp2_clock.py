# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""hal.rp2.clock on a fake RP2040. Viper code, DMA and PIO are the emulator's to test."""

from host_tests.fakes.chip import Chip


def test_the_time_is_not_known_until_it_is_told():
    chip = Chip("rp2")
    with chip.installed():
        clock = chip.load("hal.rp2.clock").Clock()
        assert clock.utc_ms() is None
        clock.set_utc_ms(1795170600250)
        assert clock.utc_ms() // 1000 == 1795170600
        chip.advance(90 * 60 * 1000000)
        assert clock.utc_ms() // 1000 == 1795176000


def test_the_time_goes_on_after_the_32_bits_of_gmtime():
    chip = Chip("rp2")
    with chip.installed():
        clock = chip.load("hal.rp2.clock").Clock()
        for utc_ms in (2147483647000, 2147483648000, 2148595200000, 4102444799000):
            clock.set_utc_ms(utc_ms)
            assert clock.utc_ms() == utc_ms
