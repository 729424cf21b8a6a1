# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Pulses counted by the ESP32's pulse counter, which goes on whatever the interpreter does (`esp32.PCNT`,
MicroPython 1.26 on); without it by an interrupt, which waits for the interpreter.

The counter's own filter ends at 12.8 us: 5 ms are the board's to filter (docs/pulse-and-chip-meters.md).
"""

import esp32
import machine

from hal.meter import pulse_counters

_FILTER = 1023  # of the 80 MHz clock


def counter_of(data: dict, number: int):
    """`data`: a PIN of the board's data; `number`: of the connector, from 1."""
    pin = machine.Pin
    pull = data.get("pull")
    if pull is None:
        made = pin(data["pin"], pin.IN)
    else:
        made = pin(data["pin"], pin.IN, pin.PULL_UP if pull == "up" else pin.PULL_DOWN)
    if not hasattr(esp32, "PCNT"):
        return pulse_counters.EdgeCounter(made, data["active"])
    kind = esp32.PCNT
    edge = "rising" if data["active"] else "falling"
    pcnt = kind(number - 1, max=pulse_counters.ROUND, filter=_FILTER, pin=made, **{edge: kind.INCREMENT})
    pcnt.start()
    return pulse_counters.HardwareCounter(pcnt)
