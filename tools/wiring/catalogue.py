# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The table of docs/parts.md: every part that a board's data can name, from `hal.board_keys`, and on which of
our boards it is.
"""

from hal import board_keys
from toolchain import board_check

BEGIN = "<!-- parts: made by `make wiring` -->"
END = "<!-- /parts -->"

MODEL = "byte-level model"
EMULATED = "emulated board, byte-level model"
FAKES = "fakes of the chip"
EMULATED_PIN = "emulated board, fakes of the chip"
NO_DRIVER = "none yet"

# Of several kinds: (key, kind) -> what it is, what drives it, on what that was tried.
KINDS = {
    ("meter", "s0"): (
        "S0 pulses (DIN EN 62053-31): docs/pulse-and-chip-meters.md",
        "hal/meter/pulse.py",
        FAKES,
    ),
    ("meter", "ade7953"): ("Analog Devices ADE7953, one phase, I2C or SPI", "hal/meter/ade7953.py", MODEL),
    ("meter", "atm90e32"): ("Microchip ATM90E32, one to three phases, SPI", "hal/meter/atm90e32.py", MODEL),
    ("meter", "auto"): (
        "any of those on Modbus, found out: docs/metering.md",
        "hal/meter/detect.py, hal/meter/auto.py",
        MODEL,
    ),
    ("reader", "mfrc522"): ("NXP MFRC522 and clones, 13.56 MHz, SPI", "hal/rfid/mfrc522.py", EMULATED),
    ("reader", "pn532_i2c"): ("NXP PN532, 13.56 MHz, I2C: docs/tags.md", "hal/rfid/pn532.py", EMULATED),
    ("reader", "pn532_uart"): ("the same on a UART", "hal/rfid/pn532.py", EMULATED),
    ("reader", "rdm6300"): ("RDM6300, 125 kHz, UART", "hal/rfid/rdm6300.py", MODEL),
    ("indicator", "lamp"): ("one LED, by its rhythm", "hal/parts/lamp.py", EMULATED_PIN),
    ("temperature", "ntc"): ("NTC and a resistor to 3.3 V", "hal/parts/analog.py", EMULATED_PIN),
    ("temperature", "ds18b20"): ("DS18B20, 1-wire, with a supply", "hal/temperature/ds18b20.py", MODEL),
    ("temperature", "mcp9808"): ("MCP9808, I2C", "hal/temperature/i2c_thermometer.py", MODEL),
    ("temperature", "tmp1075"): ("TMP1075, I2C", "hal/temperature/i2c_thermometer.py", MODEL),
    ("temperature", "mcp9700a"): ("MCP9700A, analog", "hal/parts/linear.py", FAKES),
    ("indicator", "leds"): (
        "two or three LEDs, red, green, blue: docs/indicator.md",
        "hal/parts/leds.py",
        FAKES,
    ),
    ("indicator", "ws2812"): (
        "WS2812, one to fourteen: docs/indicator.md",
        "hal/parts/ws2812.py",
        EMULATED_PIN,
    ),
    ("buzzer", "active"): ("one that sounds by itself", "hal/parts/buzzer.py", FAKES),
    ("buzzer", "passive"): ("a piezo disc on PWM", "hal/parts/buzzer.py", FAKES),
    ("links", "wifi"): (
        "Wi-Fi of the chip, or of a Pico W: docs/links.md",
        "hal/parts/wifi.py, hal/esp32/wifi.py, hal/rp2/wifi.py",
        FAKES,
    ),
    ("links", "lan"): (
        "Ethernet of the ESP32's own, with a PHY (LAN8720 and others)",
        "hal/parts/ethernet.py",
        FAKES,
    ),
    ("links", "w5500"): ("WIZnet W5500, Ethernet on SPI", "hal/parts/ethernet.py", FAKES),
    ("links", "modem"): (
        "SIM7600 or A7670, LTE over UART and PPP: docs/lte.md",
        "firmware/net/lte.py",
        "emulated board with a modem; fakes of the ESP32",
    ),
}
# Meters on Modbus, by their maker's module in hal.meter.
MAKERS = {
    "eastron": "Eastron",
    "chint": "Chint",
    "abb": "ABB",
    "carlo_gavazzi": "Carlo Gavazzi",
    "pzem": "Peacefair PZEM-004T v3",
}
_EMULATED_METER = "sdm120"
# Of one kind each: key -> the same.
PLAIN = {
    "pilot": ("+/-12 V driver, divider", "hal/rp2/pilot.py, hal/esp32/pilot.py", EMULATED_PIN),
    "pilot_switch": ("relay in the pilot's line", "hal/parts/wired.py", EMULATED_PIN),
    "contactor": ("coil driver, mirror contact", "hal/parts/wired.py", EMULATED_PIN),
    "phase_switch": ("a second contactor for L2 and L3", "hal/parts/phase_switch.py", FAKES),
    "lock": ("motor lock with a feedback, H bridge", "hal/parts/lock.py", EMULATED_PIN),
    "proximity": ("coding resistor of the cable (PP)", "hal/parts/analog.py", EMULATED_PIN),
    "rcd": ("RDC-DD, or RCD with a trip contact; test current", "hal/parts/wired.py", EMULATED_PIN),
    "modbus": ("RS485 transceiver on a UART", "hal/meter/modbus.py", EMULATED),
    "emergency_stop": ("normally closed contact", "hal/parts/wired.py", EMULATED_PIN),
    "button": ("contact inside the enclosure: docs/buttons.md", "hal/parts/wired.py", FAKES),
    "start_button": ("contact for the driver: docs/buttons.md", "hal/parts/wired.py", FAKES),
    "power_fail": ("a supervisor's output, some milliseconds ahead", "hal/parts/pins.py", FAKES),
    "i2c": ("the wires that all parts on I2C share", "hal/parts/buses.py", FAKES),
}  # fmt: skip


def kinds() -> list[tuple[str, str]]:
    """(key, kind) of each part of several kinds that a board's data can name."""
    found = [("temperature", kind) for kind in board_keys.temperatures()]
    found += [("meter", kind) for kind in board_keys.meters()]
    for key, schema in board_keys.board().items():
        if isinstance(schema, list):
            found += [(key.lstrip("?"), kind) for kind in schema[0]]
    return [*found, *(("links", kind) for kind in board_keys.links())]


def plain() -> list[str]:
    """The keys of parts of one kind."""
    no_part = ("name", "chip", "module", "reserved", "connectors", "links", "watchdog_ms", "station")
    found = {**board_keys.connector(), **board_keys.board()}
    names = [key.lstrip("?") for key, schema in found.items() if not isinstance(schema, list)]
    return [name for name in names if name not in no_part]


def words_of(key: str, kind: str) -> tuple[str, str, str] | None:
    """What it is, what drives it, on what that was tried; None: nothing is said of it."""
    if key == "grid_meter":
        return "the same at the building's connection: docs/load-management.md", _driver(kind), MODEL
    if key == "meter" and kind in board_keys.MODBUS_METERS:
        phases, module = board_keys.MODBUS_METERS[kind]
        model = "" if module == "pzem" else " " + kind.upper()
        what = "%s%s, %s, Modbus" % (MAKERS[module], model, "one phase" if phases == 1 else "three phases")
        return what, _driver(kind), EMULATED if kind == _EMULATED_METER else MODEL
    return KINDS.get((key, kind))


def _driver(kind):
    return "hal/meter/%s.py" % board_keys.MODBUS_METERS[kind][1]


def markdown() -> str:
    boards = [board_check.load(name) for name in board_check.names()]
    lines = ["| key | kind | part | driver | tried on | boards |", "| --- | --- | --- | --- | --- | --- |"]
    rows = [(key, "", PLAIN.get(key)) for key in plain()]
    rows += [(key, kind, words_of(key, kind)) for key, kind in kinds()]
    for key, kind, words in rows:
        part, driver, tried = words or ("?", "?", "?")
        named = "`%s`" % kind if kind else ""
        there = ", ".join(board["name"] for board in boards if _has(board, key, kind))
        lines.append("| `%s` | %s | %s | %s | %s | %s |" % (key, named, part, driver, tried, there))
    return "\n".join([BEGIN, *(line.replace("  ", " ") for line in lines), END])


def _has(board, key, kind):
    rows = [board, *board["connectors"], *board["links"]]
    if key == "links":
        return any(link["kind"] == kind for link in board["links"])
    found = [row[key] for row in rows if key in row]
    return any(not kind or part["kind"] == kind for part in found)


def put(page: str) -> str:
    """docs/parts.md with its table as it has to be."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError("docs/parts.md lacks the line %s or %s" % (BEGIN, END))
    return before + markdown() + after
