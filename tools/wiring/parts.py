# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""What a board's data say about its wires, in words: parts, and the wires of each.

A part of a kind that is not known here has its keys for names: it is in the table and in the drawing all the
same.
"""

import re
from typing import Any, NamedTuple

from hal import board_data, board_keys
from toolchain import chip_pins

# How an input that is not pulled by the chip is meant: see `_contact`.
_CARRIER = "10 k to 3.3 V on the carrier"


class Wire(NamedTuple):
    """number   GPIO
    signal   what it is, two or three words
    label    what is on it, short: "UART1 TX", "high = closed"
    text     how it is wired
    """

    number: int
    signal: str
    label: str
    text: str


class Part(NamedTuple):
    """kind    "contactor", "reader", ...: the key in the data
    title   for people
    wires   in their order
    also    what else has to be connected
    """

    kind: str
    title: str
    wires: list[Wire]
    also: str


_TITLES = {
    "pilot": "Control pilot",
    "contactor": "Contactor",
    "phase_switch": "Second contactor",
    "lock": "Cable lock",
    "proximity": "Proximity contact",
    "temperature": "Temperature",
    "rcd": "Residual current monitor",
    "meter": "Energy meter",
    "modbus": "RS485 transceiver",
    "emergency_stop": "Emergency stop",
    "button": "Button",
    "power_fail": "Power fails",
    "indicator": "Lamp",
    "reader": "Tag reader",
    "i2c": "I2C",
}
_LINKS = {"lan": "Ethernet PHY", "w5500": "Ethernet W5500", "modem": "LTE modem"}
_INSIDE = {"wifi": "Wi-Fi: on the board, no wires"}
_ALSO = {
    "pilot": "+12 V, -12 V; ground is PE",
    "contactor": "coil circuit: see the mains side",
    "phase_switch": "its own interlock: docs/safety.md",
    "lock": "12 V, GND",
    "rcd": "5 V or 12 V, GND",
    "modbus": "3.3 V, GND; A, B to the meter",
    "temperature": "at the outlet's contacts",
    "mfrc522": "3.3 V, GND",
    "w5500": "3.3 V, GND; RJ45",
    "modem": "2 A in bursts; SIM, antenna",
    "lan": "on the board; RJ45",
}
# The wires of a bus, and what a kind of link or reader has beside it.
_SPI = {"sck": "SCK", "mosi": "MOSI", "miso": "MISO", "cs": "CS"}
_UART = {"tx": "TX", "rx": "RX", "cts": "CTS", "rts": "RTS"}
_I2C = {"sda": "SDA", "scl": "SCL"}
_PLAIN = {
    "interrupt": ("interrupt", "low = look", "low: something has come"),
    "mdc": ("MDC", "MDC", "on the board"),
    "mdio": ("MDIO", "MDIO", "on the board"),
    "ref_clk": ("clock", "50 MHz", "on the board: 50 MHz of the Ethernet"),
}
# part.key -> signal, what it means when it is active, and more of the wiring.
_OUTPUTS = {
    "pilot_switch": ("pilot switch", "pilot off", "relay, {level} = pilot off the line"),
    "contactor.coil": ("coil", "closed", "driver, {level} = closed, 10 k pull-down{hold}"),
    "contactor.alive": (
        "alive",
        "edges",
        "edges keep a retriggerable monostable, 90 ms, in series with the coil's supply",
    ),
    "phase_switch.coil": (
        "coil",
        "three phases",
        "driver, {level} = L2 and L3 connected, 10 k pull-down; not behind the monostable",
    ),
    "lock.lock": ("lock", "bolt out", "H bridge{limit}, {pulse} ms pulses, 10 k pull-down"),
    "lock.unlock": ("unlock", "bolt in", "H bridge{limit}, {pulse} ms pulses, 10 k pull-down"),
    "rcd.test": ("test", "test current", "{level} = test current, 10 k pull-down"),
    "reader.reset": ("reset", "reset", "{level} = reset"),
    "links.reset": ("reset", "reset", "{level} = reset"),
    "links.power_key": ("PWRKEY", "key pressed", "through a transistor: {level} = key pressed"),
    "links.supply": ("supply", "on", "switches the modem's supply, {level} = on"),
    "links.power": ("PHY supply", "on", "on the board: {level} = on"),
    "modbus.direction": ("direction", "we send", "DE and /RE of the transceiver, {level} = we send"),
    "indicator": ("lamp", "lit", "{level} = lit, through its resistor"),
}
# part.key -> signal, what it means, the contact.
_INPUTS = {
    "contactor.feedback": ("feedback", "closed", "mirror contact"),
    "phase_switch.feedback": ("feedback", "three phases", "mirror contact"),
    "lock.feedback": ("feedback", "locked", "contact"),
    "rcd.trip": ("trip", "tripped", "trip contact, normally closed,"),
    "emergency_stop": ("stop", "pressed", "normally closed contact"),
    "button": ("button", "pressed", "contact"),
    "power_fail": ("power fails", "failing", "supervisor's output"),
}
_RIGHT, _LEFT = "right", "left"
# Espressif's modules have no pin for them.
_NOT_BROUGHT_OUT = {"esp32": (37, 38), "esp32s3": (33, 34)}
# From the supply down to the outlet, as the mains go.
_SIDES = {
    _RIGHT: (
        "rcd", "modbus", "meter", "emergency_stop", "contactor", "phase_switch", "pilot", "proximity", "lock",
        "temperature",
    ),
    _LEFT: ("links", "reader", "i2c", "indicator", "button", "power_fail"),
}  # fmt: skip


def of(board: dict) -> list[Part]:
    """The parts of `board`, which is one without problems, in the order of its data."""
    found: dict[str, Part] = {}
    for number, path, key in board_data.pins(board):
        place, kind = _place(path)
        if place not in found:
            found[place] = Part(kind, _title(board, place, kind), [], _also(board, place, kind))
        found[place].wires.append(_wire(board, number, path, key, kind))
    return list(found.values())


def inside(board: dict) -> list[str]:
    """Links of the board's own that have no wires."""
    wired = {_place(path)[0] for _, path, _ in board_data.pins(board)}
    rows: list[str] = [
        row["kind"] for index, row in enumerate(board["links"]) if "links[%d]" % index not in wired
    ]
    return [_INSIDE.get(kind, kind) for kind in rows]


def side(parts: list[Part], which: str) -> list[Part]:
    """Those that are drawn "left" or "right" of the board, from the top down; what is not known is left."""
    order = _SIDES[which]
    chosen = [part for part in parts if (part.kind in _SIDES[_RIGHT]) == (which == _RIGHT)]
    return sorted(chosen, key=lambda part: order.index(part.kind) if part.kind in order else len(order))


def _place(path: str) -> tuple[str, str]:
    """What belongs together, and its kind: connectors[0].contactor.coil is of connectors[0].contactor."""
    words = path.split(".")
    if words[0].startswith("connectors["):
        # The switch sits in the pilot's line.
        kind = "pilot" if words[1] == "pilot_switch" else words[1]
        return "%s.%s" % (words[0], kind), kind
    return words[0], words[0].partition("[")[0]


def _row(board: dict, path: str) -> Any:
    value: Any = board
    for name in re.findall(r"[^.\[\]]+", path):
        value = value[int(name)] if name.isdigit() else value[name]
    return value


def _title(board: dict, place: str, kind: str) -> str:
    row = _row(board, place)
    if kind == "links":
        return _LINKS.get(row["kind"], str(row["kind"]))
    title: str = _TITLES.get(kind, kind)
    if kind in ("reader", "indicator", "meter") and row["kind"] not in ("lamp",):
        title += " " + row["kind"].upper()
    if kind == "temperature" and row["kind"] == "ntc":
        title += ": NTC"
    if len(board["connectors"]) > 1 and place.startswith("connectors["):
        title = "%d: %s" % (int(place[len("connectors[") : place.index("]")]) + 1, title)
    return title


def _also(board, place, kind):
    row = _row(board, place)
    named = row.get("kind") if kind in ("links", "reader", "indicator", "meter") else None
    return _ALSO.get(named or kind, "")


def _wire(board, number, path, key, kind):
    owner = path.rpartition(".")[0]
    name = "%s.%s" % (kind, key) if owner else key
    if key == "pilot_switch":
        name = key
    row = _row(board, path)
    if name in _OUTPUTS:
        return Wire(number, *_output(board, row, owner, name))
    if name in _INPUTS:
        return Wire(number, *_contact(board, row, name))
    part = _row(board, owner) if owner else row
    if (kind, part.get("kind")) == ("indicator", "lamp"):  # whose pin is a number
        return Wire(number, *_output(board, part, owner, kind))
    if kind == "pilot":
        return Wire(number, *_pilot(part, key))
    if "upper_ohm" in part:
        return Wire(number, *_analog(part, kind))
    for bus, names in (("spi", _SPI), ("uart", _UART), ("i2c", _I2C)):
        if bus in part and key in names:
            label = "%s%d %s" % (bus.upper(), part[bus], names[key])
            return Wire(number, names[key], label, _bus_text(board, part, kind, key, label))
    if key in _PLAIN:
        return Wire(number, *_PLAIN[key])
    level = "%s = %s" % (_level(row), key) if isinstance(row, dict) else ""
    named = "%s of %s" % (key, part.get("kind", kind).upper())
    return Wire(number, key, level, "%s, %s" % (named, level) if level else named)


def _level(row):
    return "high" if row["active"] else "low"


def _output(board, row, owner, name):
    signal, meaning, text = _OUTPUTS[name]
    esp32 = board["chip"] != "rp2040"
    hold = "" if esp32 else "; a PIO state machine lets go of it after 95 ms"
    limit = " with current limit" if esp32 else ""
    pulse = _row(board, owner).get("pulse_ms", 0) if name.startswith("lock.") else 0
    text = text.format(level=_level(row), hold=hold, limit=limit, pulse=pulse)
    label = meaning if meaning == "edges" else "%s = %s" % (_level(row), meaning)
    return signal, label, text


def _contact(board, row, name):
    """An input. Without a pull of the chip's it has a resistor on the carrier where the pin has no other way,
    and is driven by its part where it has."""
    signal, meaning, contact = _INPUTS[name]
    label = "%s = %s" % (_level(row), meaning)
    pull = row.get("pull")
    no_pull = board["chip"] == "esp32" and row["pin"] >= 34
    if pull is None and not no_pull:
        return signal, label, "driven, " + label
    to = "3.3 V" if pull == "down" else "ground"
    text = "%s to %s" % (contact, to)
    if name.endswith("switch.feedback"):
        text += ", closed while L2 and L3 are off"
    elif name.endswith("contactor.feedback"):
        text += ", closed while the main contacts are open"
    text += "; %s" % label
    if row["active"] == (0 if pull == "down" else 1):
        text += " or a broken wire"
    if no_pull:
        text += "; " + _CARRIER
    return signal, label, text


def _pilot(row, key):
    if key == "pwm":
        return "PWM", "1 kHz", "to the +/-12 V driver, high = +12 V; 1 kohm source resistor to the pilot"
    plus, minus = row["plus_12v_mv"], row["minus_12v_mv"]
    text = "divider or amplifier: pin = pilot * %.4g + %d mV: +12 V is %d mV, -12 V is %d mV" % (
        (plus - minus) / 24000,
        (plus + minus) // 2,
        plus,
        minus,
    )
    return "voltage", "%d to %d mV" % (minus, plus), text


def _analog(row, kind):
    supply = "%.3g V" % (row["supply_mv"] / 1000)
    upper = "%g kohm" % (row["upper_ohm"] / 1000)
    if kind == "proximity":
        return (
            "voltage",
            "analog",
            "%s to %s; contact PP to ground through the plug's resistor"
            % (
                upper,
                supply,
            ),
        )
    text = "NTC %g k, B %d, to ground; %s to %s" % (row["r25_ohm"] / 1000, row["beta"], upper, supply)
    return "voltage", "analog", text


def _bus_text(board, part, kind, key, label):
    if kind == "modbus":
        direction = "" if "direction" in part else " with automatic direction"
        ends = {"tx": "DI", "rx": "RO"}
        text = "%s: %s of an RS485 transceiver%s" % (label, ends.get(key, key), direction)
        return text if key != "tx" else "%s, %d 8N1: %s" % (text, part["baud"], meters(board))
    if kind == "links" and part["kind"] == "modem":
        flow = ", RTS/CTS" if "rts" in part else ", no flow control"
        return "%s, modem, %d 8N1%s" % (label, part["baud"], flow)
    return "%s, %s" % (label, part.get("kind", kind).upper())


def meters(board: dict) -> str:
    """Those on Modbus, with their addresses."""
    rows = [connector["meter"] for connector in board["connectors"]]
    found = [
        "%s, address %d" % (row["kind"].upper(), row["address"])
        for row in rows
        if row["kind"] in board_keys.MODBUS_METERS
    ]
    if "grid_meter" in board:
        grid = board["grid_meter"]
        found.append(
            "where the building is measured %s, address %d" % (grid["kind"].upper(), grid["address"])
        )
    return "; ".join(found)


def left_over(board: dict) -> tuple[list[int], list[int]]:
    """Pins that nothing has and that can be plain: (outputs or inputs, inputs only)."""
    used = {number for number, _, _ in board_data.pins(board)}
    used |= {number for number, _ in chip_pins.taken(board)}
    used.update(_NOT_BROUGHT_OUT.get(board["chip"], ()))
    free = [number for number in board_keys.pins_of(board["chip"]) if number not in used]

    def fits(number, path):
        asked = {**board, "power_fail": {"pin": number, "active": 1}}
        return chip_pins.problem(asked, path, number) is None

    outputs = [number for number in free if fits(number, "pilot_switch")]
    inputs = [number for number in free if number not in outputs and fits(number, "power_fail")]
    return outputs, inputs
