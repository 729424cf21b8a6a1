# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""What each pin of a chip can do, as far as a charger needs it: tables and the sentences that say what does
not fit. `problem(board, path, number)` looks at one pin.

RP2040 datasheet 1.4.3 (GPIO functions). ESP32 datasheet 2.2 (pin overview), 2.4 (strapping pins). ESP32-S3
datasheet, chapters on pins (glitches at power-up) and on strapping pins. Which pins the converter measures is
known to `hal.board_data`, which is asked before.
"""

from hal import board_data, board_keys

# path within the data -> function of the pin; what is not here is a plain input or output.
_RP2040_FUNCTIONS = {
    "modbus.tx": "tx",
    "modbus.rx": "rx",
    "links.tx": "tx",
    "links.rx": "rx",
    "links.cts": "cts",
    "links.rts": "rts",
    "links.sck": "sck",
    "links.mosi": "mosi",
    "links.miso": "miso",
    "i2c.sda": "sda",
    "i2c.scl": "scl",
    "reader.sck": "sck",
    "reader.mosi": "mosi",
    "reader.miso": "miso",
    "meter.sck": "sck",
    "meter.mosi": "mosi",
    "meter.miso": "miso",
    "reader.tx": "tx",
    "reader.rx": "rx",
}
# UART0 sits on pins 0..3, 12..15, 16..19 and 28, 29; UART1 on what is between. SPI0 on 0..7 and 16..23.
_UART = ("tx", "rx", "cts", "rts")
_SPI = ("miso", "cs", "sck", "mosi")
_I2C = ("sda", "scl")  # I2C0 on 0, 1, 4, 5 and so on, I2C1 on what is between
_BUSES = ("uart", "spi", "i2c")
_RP2040_ADC = (26, 27, 28)

_ESP32_INPUT_ONLY = (34, 35, 36, 37, 38, 39)
_ESP32_STRAPPING = (0, 2, 5, 12, 15)
_ESP32_CONSOLE = (1, 3)
_ESP32_PSRAM = (16, 17)
_ESP32_RESTLESS = (14,)  # puts out a signal while the chip starts
# What a strapping pin may carry: the first needs its pull-up, which is a button's; the second its pull-down;
# the others are wired so on boards that are sold, and start: the clock of an RMII (GPIO0 is read before the
# PHY has power), and what switches a PHY or a modem on, with a pull-down of the board's.
_STRAPPING_USES = (
    (0, "button"),
    (2, "indicator.pin"),
    (0, "links.ref_clk"),
    (12, "links.power"),
    (12, "links.supply"),
)
# What an Ethernet PHY has on the ESP32 by the chip's own wiring: they can be nowhere else (ESP32 technical
# reference 4.10, IO_MUX). Beside them the clock: into GPIO0, or out of one of these.
RMII = ((19, "TXD0"), (21, "TX_EN"), (22, "TXD1"), (25, "RXD0"), (26, "RXD1"), (27, "CRS_DV"))
_CLOCK_IN = (0,)
_CLOCK_OUT = (0, 16, 17)

_ESP32S3_STRAPPING = (0, 3, 45, 46)
_ESP32S3_CONSOLE = (43, 44)
_ESP32S3_USB = (19, 20)
_ESP32S3_OCTAL = (33, 34, 35, 36, 37)
# High for 60 us at power-up (data sheet, table 2-2); the second for 30 ms, as forums report.
_ESP32S3_RESTLESS = (18, 21)
_ESP32S3_STRAPPING_USES = ((0, "button"),)


def problem(board: dict, path: str, number: int) -> str | None:
    """Why GPIO `number` cannot be what `path` says; None: it can."""
    of_chip = {"rp2040": _rp2040, "esp32": _esp32, "esp32s3": _esp32s3}
    return of_chip[board["chip"]](board, path, number)


def conflicts(board: dict) -> list[str]:
    """What pins that are right by themselves do to each other."""
    found = _slices(board) if board["chip"] == "rp2040" else []
    return found + _taken(board)


def taken(board: dict) -> list[tuple[int, str]]:
    """(pin, what for): those that no part of the board's data can have."""
    found = list(board.get("reserved", ()))
    if any(link["kind"] == "lan" for link in board["links"]):
        found += [(number, "RMII " + what) for number, what in RMII]
    return sorted(found)


def _taken(board):
    found = []
    used = {number: path for number, path, _ in board_data.pins(board)}
    for number, what in taken(board):
        if number in used:
            found.append("%s: GPIO%d is the board's own: %s" % (used[number], number, what))
        elif number not in board_keys.pins_of(board["chip"]):
            found.append("reserved: there is no GPIO%d for use on an %s" % (number, board["chip"]))
        used[number] = what
    return found


def _rp2040(board, path, number):
    if number in _RP2040_ADC and _wants_swing(path):
        return "GPIO%d is one of three inputs of the converter" % number
    part, _, key = path.rpartition(".")
    function = _RP2040_FUNCTIONS.get("%s.%s" % (part.rsplit(".", maxsplit=1)[-1].partition("[")[0], key))
    if function is None:
        return None
    row = _row(board, part)
    (bus,) = [key for key in _BUSES if key in row]
    unit = row[bus]
    able = rp2040_pins(function, unit)
    if number not in able:
        name = "%s%d" % (bus.upper(), unit)
        pins = ", ".join("GPIO%d" % pin for pin in able)
        return "GPIO%d cannot carry %s of %s, which %s can" % (number, function.upper(), name, pins)
    return None


def _wants_swing(path):
    return path.endswith(".pwm")


def rp2040_pins(function: str, unit: int) -> list[int]:
    """The pins that can carry `function` (tx, rx, cts, rts, sck, mosi, miso, sda, scl) of a bus's `unit`."""
    if function in _I2C:
        return [pin for pin in range(30) if pin % 4 == 2 * unit + _I2C.index(function)]
    if function in _UART:
        return [pin for pin in range(30) if pin % 4 == _UART.index(function) and (pin + 4) // 8 % 2 == unit]
    return [pin for pin in range(30) if pin % 4 == _SPI.index(function) and pin // 8 % 2 == unit]


def _esp32(board, path, number):
    reads = board_data.is_input(path)
    if number in _ESP32_PSRAM and board["module"] == "wrover":
        return "GPIO%d belongs to the PSRAM of a WROVER" % number
    if number in _ESP32_CONSOLE:
        return "GPIO%d carries the console" % number
    if number in _ESP32_INPUT_ONLY:
        if not reads:
            return "GPIO%d is an input only" % number
        row = _row(board, path)
        if isinstance(row, dict) and row.get("pull"):  # the pins of a bus, or of the converter, are numbers
            return "GPIO%d has no pull resistor" % number
    if number in _ESP32_STRAPPING and (number, _plain(path)) not in _STRAPPING_USES:
        return "GPIO%d is a strapping pin: it decides how the chip starts" % number
    if number in _ESP32_RESTLESS and not reads:
        return "GPIO%d puts out a signal while the chip starts" % number
    if path.endswith(".ref_clk"):
        able = _CLOCK_IN if _row(board, path.rpartition(".")[0])["clock"] == "in" else _CLOCK_OUT
        if number not in able:
            return "GPIO%d cannot carry the clock of an RMII, which %s can" % (
                number,
                ", ".join("GPIO%d" % pin for pin in able),
            )
    return None


def _esp32s3(board, path, number):
    if number in _ESP32S3_OCTAL and board["module"].endswith("r8"):
        return "GPIO%d belongs to the octal PSRAM of an %s" % (number, board["module"].upper())
    if number in _ESP32S3_CONSOLE:
        return "GPIO%d carries the console" % number
    if number in _ESP32S3_USB:
        return "GPIO%d is USB" % number
    if number in _ESP32S3_STRAPPING and (number, path) not in _ESP32S3_STRAPPING_USES:
        return "GPIO%d is a strapping pin: it decides how the chip starts" % number
    if number in _ESP32S3_RESTLESS and not board_data.is_input(path):
        return "GPIO%d is high for a moment while the chip starts" % number
    return None


def _plain(path):
    """Without the number of the row: links[0].power is links.power."""
    head, bracket, tail = path.partition("[")
    return head + tail.partition("]")[2] if bracket else path


def _slices(board):
    """PWM slices: the trigger of the converter needs one of its own, and two pilots cannot share an
    output."""
    found = []
    pilots = [connector["pilot"] for connector in board["connectors"]]
    for index, pilot in enumerate(pilots):
        where = "connectors[%d].pilot." % index
        for other_index, other in enumerate(pilots):
            if _slice(other["pwm"]) == pilot["trigger_slice"]:
                found.append(
                    "%strigger_slice: slice %d is that of GPIO%d, the pilot of connectors[%d]"
                    % (where, pilot["trigger_slice"], other["pwm"], other_index)
                )
            if other_index < index and _slice(other["pwm"]) == _slice(pilot["pwm"]):
                found.append(
                    "%spwm: GPIO%d shares PWM slice %d with GPIO%d, the pilot of connectors[%d]"
                    % (where, pilot["pwm"], _slice(pilot["pwm"]), other["pwm"], other_index)
                )
            if other_index < index and other["trigger_slice"] == pilot["trigger_slice"]:
                found.append("%strigger_slice: that of connectors[%d] too" % (where, other_index))
    return found


def _slice(number):
    return number >> 1 & 7


def _row(board, path):
    """The object at `path`, such as connectors[0].lock.unlock."""
    value = board
    for name in path.split("."):
        name, _, index = name.partition("[")
        value = value[name]
        if index:
            value = value[int(index.rstrip("]"))]
    return value
