# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The processor's clock: 200 MHz, which the RP2040 may have since 2025 with a core voltage of at least 1.15 V
(Pico SDK 2.1.1, release notes and `SYS_CLK_VREG_VOLTAGE_MIN`). MicroPython starts with 125 MHz at 1.10 V.

UARTs and SPI hang on a clock of their own, 48 MHz, and MicroPython divides the flash's clock by what the
frequency asks for. PWM, PIO and DMA do not: their constants are those of this frequency.
"""

import time

import machine

HZ = 200000000

# VREG, bits 4 to 7: VSEL (datasheet 2.10.6); through the aliases that set and clear bits.
_SET = 0x40066000
_CLEAR = 0x40067000
_MASK = 0b1111 << 4
_1_15_V = 0b1100 << 4
_SETTLE_MS = 1


def speed_up() -> None:
    """First of all: what is set up before has other times. Nothing is done when it is so already."""
    if machine.freq() == HZ:
        return
    # From 1.10 V, 0b1011, by way of 0b1111, 1.30 V, for some cycles: never below what it was.
    machine.mem32[_SET] = _1_15_V
    machine.mem32[_CLEAR] = _MASK & ~_1_15_V
    time.sleep_ms(_SETTLE_MS)
    machine.freq(HZ)
