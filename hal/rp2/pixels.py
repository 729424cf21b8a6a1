# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""WS2812 LEDs on a PIO state machine that a DMA channel feeds. MicroPython's own `neopixel` turns interrupts
off for 30 us a LED here, 0.42 ms with 14 of them, at each change of the light; this takes nothing of the
guard's time, and goes on through an erase of the flash.

What Worldsemi's data sheets (WS2812, WS2812B of 2014, WS2812B-V5) have in common: a 0 is 0.25 to 0.38 us high
and 0.7 to 0.95 low, a 1 is 0.65 to 0.85 high and 0.58 to 0.6 low; dark for 0.28 ms ends a frame. Cycles of
50 ns: high for 7, for 7 more when the bit is 1, low for 12. Waiting for the next byte is part of the low end.
"""

import machine
import rp2

_HZ = 20000000
# The last of PIO0, whose first ones hold the coils (`hal.rp2.dead_man`); the Wi-Fi of a Pico W is on PIO1.
_NUMBER = 3
_TX_FIFO = 0x50200010 + 4 * _NUMBER
_DREQ = _NUMBER  # DREQ_PIO0_TX3
_BYTES = 0  # a byte is put on all four lanes of the bus (RP2040 datasheet 2.1.4)


@rp2.asm_pio(
    set_init=rp2.PIO.OUT_LOW,
    out_init=rp2.PIO.OUT_LOW,
    out_shiftdir=rp2.PIO.SHIFT_LEFT,
    pull_thresh=8,
    fifo_join=rp2.PIO.JOIN_TX,
)
def _bits():
    pull(ifempty)  # noqa: F821
    set(pins, 1)[6]  # noqa: F821 # pyright: ignore[reportCallIssue, reportIndexIssue]
    out(pins, 1)[6]  # noqa: F821
    set(pins, 0)[10]  # noqa: F821 # pyright: ignore[reportCallIssue, reportIndexIssue]


class Pixels:
    """`send` of `hal.parts.ws2812.Ws2812`."""

    def __init__(self, pin: int):
        wire = machine.Pin(pin, machine.Pin.OUT, value=0)
        self._machine = rp2.StateMachine(_NUMBER, _bits, freq=_HZ, set_base=wire, out_base=wire)
        self._machine.active(1)
        self._dma = rp2.DMA()
        self._control = self._dma.pack_ctrl(size=_BYTES, inc_write=False, treq_sel=_DREQ)

    def send(self, pixels: bytearray) -> None:
        """`pixels` stays as it is for 0.5 ms: nothing waits for the end."""
        if self._dma.active():
            return  # 14 LEDs take 0.44 ms, and the next change is 20 away
        self._dma.config(read=pixels, write=_TX_FIFO, count=len(pixels), ctrl=self._control, trigger=True)
