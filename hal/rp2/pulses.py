# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Pulses counted by a PIO state machine: it debounces and counts by itself, whatever the processor does. A
line that is noisy costs no interrupt, a flash erase or a TLS handshake no pulse.

The line is looked at every 0.5 ms; a level counts when eleven looks in a row have seen it. A pulse is the way
from one level to the other and back, so it does not matter which one means a pulse. Each raises an interrupt,
at most 90 a second, that notes the time and nothing else: a late one costs exactness of the power, no energy.
"""

import machine
import rp2

from hal.ticks import ticks_ms

_HZ = 4000  # two instructions for a look
_ISR_X = 0xA0C1  # mov(isr, x)
_PUSH = 0x8000  # push(noblock)
# Coils have the first ones (`hal.rp2.dead_man`).
_LAST_MACHINE = 7


@rp2.asm_pio()
def _pulses():
    wrap_target()  # noqa: F821
    label("low")  # noqa: F821
    set(y, 10)  # noqa: F821 # pyright: ignore[reportCallIssue]
    label("low_look")  # noqa: F821
    jmp(pin, "maybe")  # noqa: F821
    jmp("low")  # noqa: F821
    label("maybe")  # noqa: F821
    jmp(y_dec, "low_look")  # noqa: F821
    irq(rel(0))  # noqa: F821
    jmp(x_dec, "high")  # noqa: F821
    label("high")  # noqa: F821
    set(y, 10)  # noqa: F821 # pyright: ignore[reportCallIssue]
    label("high_look")  # noqa: F821
    jmp(pin, "high")  # noqa: F821
    jmp(y_dec, "high_look")  # noqa: F821
    wrap()  # noqa: F821


class PulseCounter:
    """As `hal.meter.pulse` wants it. `pin`: a machine.Pin that is an input."""

    def __init__(self, pin, number: int):
        """`number`: of the connector, from 1."""
        self.at = None
        counter = rp2.StateMachine(_LAST_MACHINE + 1 - number, _pulses, freq=_HZ, jmp_pin=pin)
        counter.irq(self._pulse, hard=True)
        counter.active(1)
        self._machine = counter

    def _pulse(self, _):
        """From the interrupt."""
        self.at = ticks_ms()

    def total(self) -> int:
        counter = self._machine  # X begins with anything; who asks counts differences
        counter.exec(_ISR_X)
        counter.exec(_PUSH)
        return -counter.get() & 0xFFFF  # it counts down


def counter_of(data: dict, number: int):
    """`data`: a PIN of the board's data."""
    pin = machine.Pin
    pull = data.get("pull")
    if pull is None:
        return PulseCounter(pin(data["pin"], pin.IN), number)
    return PulseCounter(pin(data["pin"], pin.IN, pin.PULL_UP if pull == "up" else pin.PULL_DOWN), number)
