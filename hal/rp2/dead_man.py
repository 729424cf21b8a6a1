# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The contactor's coil on a dead man's switch: a PIO state machine holds the pin, counts down, and lets go
after 95 ms at most unless it is told again. Neither the processor nor interrupts take part: an interpreter
that hangs, a flash erase that takes too long, interrupts that stay off end with an open contactor. Less than
100 ms, so that the coil is off in time when the car leaves meanwhile (IEC 61851-1 table A.6); more than an
erase of 45 ms that begins 9 ms after a pass, with room for a slower flash.

The program idles in `dead` with the pin low. What it is told are instructions forced into it (RP2040
datasheet 3.5.7): `set x` starts the count anew, `jmp` lets it begin, `set pins 0` opens at once.
"""

import machine
import rp2

from hal.rp2.register import put

# In all of 91 to 95 ms; the processor's milliseconds, and the time from the guard's clock to `put`, are less
# exact.
HOLD_MS = 88

_HZ = 8000
_SET_X = 0xE020 | 25  # 26 rounds of 28 cycles at 8 kHz: 91 ms, and the round that is under way
_SET_LOW = 0xE000
_CLOSED = 2  # where the label `closed` lies in the program, from its beginning
_DEAD = 1

_PIO = 0x50200000
_ADDR = 0xD4
_INSTR = 0xD8
_MACHINE = 0x18


@rp2.asm_pio(set_init=rp2.PIO.OUT_LOW)
def _dead_man():
    set(pins, 0)  # noqa: F821 # pyright: ignore[reportCallIssue]
    label("dead")  # noqa: F821
    jmp("dead")  # noqa: F821
    set(pins, 1)  # noqa: F821 # pyright: ignore[reportCallIssue]
    label("count")  # noqa: F821
    jmp(x_dec, "count")[27]  # noqa: F821


class DeadManSwitch:
    """The output of a contactor's coil (as `hal.parts.pins.Output`): on for as long as it is told so again
    within `HOLD_MS`. After a longer silence it stays off until it has been told off, and on again."""

    def __init__(self, pin: int, machine_number: int):
        """`machine_number`: 0..7, a state machine that nobody else uses."""
        self._told = False
        state_machine = rp2.StateMachine(machine_number, _dead_man, freq=_HZ, set_base=machine.Pin(pin))
        base = _PIO + 0x100000 * (machine_number >> 2) + _MACHINE * (machine_number & 3)
        self._register = base + _INSTR
        program_at = machine.mem32[base + _ADDR]  # where it begins, as it has not run yet
        self._close = program_at + _CLOSED
        self._rest = program_at + _DEAD
        state_machine.active(1)
        self._machine = state_machine

    def put(self, on: bool) -> None:
        """From the interrupt."""
        register = self._register
        if on:
            put(register, _SET_X)
            if not self._told:
                self._told = True
                put(register, self._close)  # jmp
        else:
            put(register, _SET_LOW)
            if self._told:
                self._told = False
                put(register, self._rest)

    def on(self) -> bool:
        """What it was told last."""
        return self._told
