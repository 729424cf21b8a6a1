# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Parts on plain pins, made from a board's data (`hal.board_data`). The only module here that knows
`machine`."""

import machine

from hal.parts.lock import MotorLock
from hal.parts.pins import Input, Output
from hal.parts.wired import PilotSwitch, Rcd


def input_of(data: "dict | None") -> "Input | None":
    """None for None: a part that the board does not have."""
    if data is None:
        return None
    pin = machine.Pin
    pull = data.get("pull")
    if pull is None:
        made = pin(data["pin"], pin.IN)
    else:
        made = pin(data["pin"], pin.IN, pin.PULL_UP if pull == "up" else pin.PULL_DOWN)
    return Input(made, data["active"])


def output_of(data: "dict | None") -> "Output | None":
    """Off from the first instant on."""
    if data is None:
        return None
    return Output(machine.Pin(data["pin"], machine.Pin.OUT, value=1 - data["active"]), data["active"])


def pilot_switch_of(data: "dict | None") -> "PilotSwitch | None":
    return None if data is None else PilotSwitch(output_of(data))


def phase_switch_of(data: "dict | None"):
    if data is None:
        return None
    from hal.parts.phase_switch import PhaseSwitch  # few boards have one

    return PhaseSwitch(output_of(data["coil"]), input_of(data["feedback"]))


def lock_of(data: "dict | None") -> "MotorLock | None":
    if data is None:
        return None
    return MotorLock(
        output_of(data["lock"]), output_of(data["unlock"]), input_of(data["feedback"]), data["pulse_ms"]
    )


def rcd_of(data: "dict | None") -> "Rcd | None":
    return None if data is None else Rcd(input_of(data["trip"]), output_of(data.get("test")))
