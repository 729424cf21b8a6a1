# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The facts of a board: what `boards/<name>/board.py` may say, and a check that names what is wrong with it.

`BOARD` is a dict of constants. PIN is {"pin": 9, "active": 1, "pull": "up"}: `active` is the level, 0 or 1,
that means what the key says; `pull` ("up" or "down") is optional. Keys in brackets are optional, and absent
for a part that the board does not have.

    name, chip            text; "rp2040" or "esp32"
    [module]              "wroom" or "wrover" (esp32): the latter keeps GPIO16 and 17 for its PSRAM
    connectors            tuple of
        pilot             pwm, adc: pins; plus_12v_mv, minus_12v_mv: nominal voltage at the ADC pin with +12 V
                          and -12 V on the pilot, within what the converter measures; [trigger_slice]: the PWM
                          slice that times the converter (rp2040), another one than the pilot's
        [pilot_switch]    PIN that takes the pilot off the line
        contactor         coil: PIN, active 1: off while the pin floats; [alive]: PIN, active 1, for a
                          monostable in the coil's circuit (esp32, where it is required); [feedback]: PIN,
                          active while the main contacts are closed
        [phase_switch]    the second contactor, for L2 and L3 alone: coil: PIN, active 1: one phase while the
                          pin floats; feedback: PIN, active while its contacts are closed
        [lock]            lock, unlock, feedback: PIN; pulse_ms
        [proximity]       adc, supply_mv (3300 on an rp2040), upper_ohm: divider of the coding resistor
        [temperature]     adc, supply_mv, upper_ohm, r25_ohm, beta: divider of an NTC
        [rcd]             trip: PIN; [test]: PIN
        meter             kind "sdm120", "sdm220", "sdm230" or "sdm630", uart, tx, rx, baud, address
    [grid_meter]          kind "sdm630", address: a meter at the building's grid connection, on the bus of the
                          first connector's meter; the station's option grid_meter says whether it is read
    [emergency_stop]      PIN;  [button]  PIN;  [indicator]  PIN;  [power_fail]  PIN
    [reader]              kind "mfrc522", spi, sck, mosi, miso, cs; reset: PIN, active 0
    link                  kind "wifi"; or "modem" with uart, tx, rx, [cts and rts], baud (with which the modem
                          starts), PIN power_key, supply, [key_ms]: how long the key switches it on
    watchdog_ms           at most 8388 on an rp2040
    station               what `station.station_file` describes

Pins are numbers of the chip (GPIO), not of its case. `problems` runs on the board as well, at each start: a
wrong board is told in words, and nothing is driven. What only the chip's tables can tell (which pin carries
which bus, or does something of its own while the chip starts) is `tools/toolchain/board_check.py`, which the
tests run over every board.
"""

PIN = "pin"  # a dict
NUMBER = "number"  # of a pin

# Name of the converter, its first and last pin, the millivolts that it measures. GPIO29 of a Pico has its own
# supply; ADC2 of the ESP32 does not work beside Wi-Fi, and ADC1 at 11 dB is linear from 150 to 2450 mV, below
# 100 mV it reads 0 (MicroPython's quick reference).
_RP2040_CONVERTER = ("the converter", 26, 28, 0, 3300)
_ESP32_CONVERTER = ("ADC1", 32, 39, 150, 2450)
_INPUTS = ("feedback", "trip", "emergency_stop", "button", "power_fail")
_RP2040_WATCHDOG_MS = 8388  # its counter has 24 bits and runs at 2 MHz


class BoardDataError(ValueError):
    """The text names every wrong key, one in a line."""


# Made when they are asked for: as dicts of the module they would stay on the heap, 1.2 KB of it, for ever.
# key: what it has to be; "?" before it: optional. A tuple: (least, most).


def _pin_keys():
    return {"pin": NUMBER, "active": (0, 1), "?pull": ("up", "down")}


def _analog(**more):
    return dict({"adc": NUMBER, "supply_mv": (1000, 5000), "upper_ohm": (100, 200000)}, **more)


def _connector():
    return {
        "pilot": {
            "pwm": NUMBER,
            "adc": NUMBER,
            "plus_12v_mv": (1, 5000),
            "minus_12v_mv": (0, 5000),
            "?trigger_slice": (0, 7),
        },
        "?pilot_switch": PIN,
        "contactor": {"coil": PIN, "?alive": PIN, "?feedback": PIN},
        "?phase_switch": {"coil": PIN, "feedback": PIN},
        "?lock": {"lock": PIN, "unlock": PIN, "feedback": PIN, "pulse_ms": (50, 2000)},
        "?proximity": _analog(),
        "?temperature": _analog(r25_ohm=(100, 200000), beta=(2000, 6000)),
        "?rcd": {"trip": PIN, "?test": PIN},
        "meter": {
            "kind": ("sdm120", "sdm220", "sdm230", "sdm630"),
            "uart": (0, 2),
            "tx": NUMBER,
            "rx": NUMBER,
            "baud": (1200, 921600),
            "address": (1, 247),
        },
    }


def _links():
    modem = {
        "kind": str,
        "uart": (0, 2),
        "tx": NUMBER,
        "rx": NUMBER,
        "?cts": NUMBER,
        "?rts": NUMBER,
        "baud": (1200, 921600),
        "power_key": PIN,
        "supply": PIN,
        "?key_ms": (50, 5000),
    }
    return {"wifi": {"kind": str}, "modem": modem}


def _board():
    return {
        "name": str,
        "chip": ("rp2040", "esp32"),
        "?module": ("wroom", "wrover"),
        "connectors": tuple,
        "?grid_meter": {"kind": ("sdm630",), "address": (1, 247)},
        "?emergency_stop": PIN,
        "?button": PIN,
        "?indicator": PIN,
        "?power_fail": PIN,
        "?reader": {
            "kind": ("mfrc522",),
            "spi": (0, 2),
            "sck": NUMBER,
            "mosi": NUMBER,
            "miso": NUMBER,
            "cs": NUMBER,
            "reset": PIN,
        },
        "link": dict,
        "watchdog_ms": (1000, 60000),
        "station": dict,
    }


def _pins_of(chip):
    if chip == "rp2040":
        return tuple(range(30))
    # 6..11 carry the flash, 20, 24 and 28..31 do not exist.
    return (0, 1, 2, 3, 4, 5) + tuple(range(12, 20)) + (21, 22, 23, 25, 26, 27) + tuple(range(32, 40))


def require(board: dict) -> None:
    """Raises BoardDataError unless `board` can be built."""
    found = problems(board)
    if found:
        raise BoardDataError("\n".join(found))


def problems(board: dict) -> list:
    """What is wrong with `board`, in words."""
    found = []
    uses = []
    _object(board, _board(), "", found, uses)
    if found:
        return found
    for index, connector in enumerate(board["connectors"]):
        _object(connector, _connector(), "connectors[%d]" % index, found, uses)
    if not board["connectors"]:
        found.append("connectors: there is none")
    link = board["link"]
    kind = link.get("kind")
    links = _links()
    if isinstance(kind, str) and kind in links:
        _object(link, links[kind], "link", found, uses)
    else:
        found.append("link.kind: %r is not one of %s" % (kind, ", ".join(sorted(links))))
    _pins_once(board["chip"], uses, found)
    if not found:
        _sense(board, found)
    return found


def pins(board: dict) -> list:
    """(number, path of its use, the innermost key) of each pin of a board without problems."""
    uses = []
    _object(board, _board(), "", [], uses)
    for index, connector in enumerate(board["connectors"]):
        _object(connector, _connector(), "connectors[%d]" % index, [], uses)
    _object(board["link"], _links()[board["link"]["kind"]], "link", [], uses)
    return [(number, path, _last(path)) for number, path, _ in uses]


def is_input(path: str) -> bool:
    """Whether the pin at the end of `path` is read, not driven."""
    return _last(path) in _INPUTS + ("adc", "rx", "cts", "miso")


def _last(path):
    return path[path.rfind(".") + 1 :]


def _object(value, schema, path, found, uses):
    """Check a dict against a schema; `uses` gets (number, path, pull) of each pin."""
    if not isinstance(value, dict):
        found.append("%s: an object is needed, not %r" % (path or "the board", value))
        return
    before = path + "." if path else ""
    known = []
    for key in schema:
        name = key.lstrip("?")
        known.append(name)
        if name in value:
            _value(value[name], schema[key], before + name, found, uses)
        elif key == name:
            found.append("%s%s is missing" % (before, name))
    for name in value:
        if name not in known:
            found.append("%s%s: no such key" % (before, name))


def _value(value, kind, path, found, uses):
    # Not `is`: a name that is compared by identity is no constant any more, in no module of the image
    # (toolchain/constants.py), and with this one the table of the configuration keys lay in RAM.
    if kind == PIN:
        _object(value, _pin_keys(), path, found, [])
        if isinstance(value, dict) and _is_int(value.get("pin")):
            uses.append((value["pin"], path, value.get("pull")))
    elif kind == NUMBER:
        if _is_int(value):
            uses.append((value, path, None))
        else:
            found.append("%s: the number of a pin is needed, not %r" % (path, value))
    elif isinstance(kind, dict):
        _object(value, kind, path, found, uses)
    elif isinstance(kind, tuple):
        _in_range(value, kind, path, found)
    elif not isinstance(value, kind):
        found.append("%s: %s is needed, not %r" % (path, kind.__name__, value))


def _in_range(value, allowed, path, found):
    if isinstance(allowed[0], str):
        if value not in allowed:
            found.append("%s: %r is not one of %s" % (path, value, ", ".join(allowed)))
    elif not _is_int(value) or not allowed[0] <= value <= allowed[1]:
        found.append("%s: %r is not a number in %d..%d" % (path, value, allowed[0], allowed[1]))


def _is_int(value):
    return isinstance(value, int) and not isinstance(value, bool)


def _pins_once(chip, uses, found):
    paths = {}
    there = _pins_of(chip)
    for number, path, _ in uses:
        if number in paths:
            found.append("%s: GPIO%d is used already by %s" % (path, number, paths[number]))
        elif number not in there:
            found.append("%s: there is no GPIO%d for use on an %s" % (path, number, chip))
        paths[number] = path


def _units(board, found):
    """Buses that the chip has. No two parts on one UART; that of an ESP32's console is taken."""
    parts = [("connectors[%d].meter" % index, row["meter"]) for index, row in enumerate(board["connectors"])]
    parts.append(("link", board["link"]))
    taken = {0: "the console"} if board["chip"] == "esp32" else {}
    for path, part in parts:
        unit = part.get("uart")
        if unit in taken:
            found.append("%s.uart: UART%d is used already by %s" % (path, unit, taken[unit]))
        elif unit == 2 and board["chip"] == "rp2040":
            found.append(path + ".uart: an rp2040 has UART0 and UART1")
        elif unit is not None:
            taken[unit] = path
    first = 1 if board["chip"] == "esp32" else 0  # of two
    if board.get("reader", {}).get("spi", first) not in (first, first + 1):
        found.append("reader.spi: an %s has SPI%d and SPI%d" % (board["chip"], first, first + 1))


def _sense(board, found):
    """What the keys say together."""
    chip = board["chip"]
    if chip == "rp2040" and board["watchdog_ms"] > _RP2040_WATCHDOG_MS:
        found.append("watchdog_ms: the RP2040's watchdog ends at %d" % _RP2040_WATCHDOG_MS)
    if (chip == "esp32") != ("module" in board):
        found.append("module: needed on an esp32, and nowhere else")
    if (chip == "esp32") != (board["link"]["kind"] == "wifi"):
        found.append("link.kind: an esp32 has Wi-Fi here, an rp2040 a modem")
    if chip == "rp2040" and len(board["connectors"]) > 1:
        found.append("connectors[1]: the converter of an rp2040 samples one pilot")
    _units(board, found)
    for key, other in (("rts", "cts"), ("cts", "rts")):
        if key not in board["link"] and other in board["link"]:
            found.append("link.%s is missing: rts and cts are wired together or not at all" % key)
    if board.get("reader", {}).get("reset", {}).get("active", 0) != 0:
        found.append("reader.reset.active: 0 is needed, the reader rests while the pin is low")
    _grid_meter(board, found)
    rows = board["station"].get("connectors", [{}])
    if not isinstance(rows, (list, tuple)) or not all(isinstance(row, dict) for row in rows):
        found.append("station.connectors: objects are needed, not %r" % (rows,))
        return
    if len(rows) != len(board["connectors"]):
        found.append("station.connectors: %d, but the board has %d" % (len(rows), len(board["connectors"])))
        return
    for index, connector in enumerate(board["connectors"]):
        path = "connectors[%d]." % index
        _converter(chip, connector, path, found)
        _parts(chip, connector, path, found)
        row = rows[index]
        socket = row.get("cable", "fixed") == "socket"
        if socket != ("proximity" in connector):
            found.append(path + "proximity: needed with a socket, absent with a fixed cable")
        if row.get("lock", socket) != ("lock" in connector):
            found.append(path + "lock: the station's description says otherwise")
        _phases(connector, row, path, found)
    if (board["station"].get("reader", "single") == "none") != ("reader" not in board):
        found.append("reader: the station's description says otherwise")


def _grid_meter(board, found):
    options = board["station"].get("options")
    if "grid_meter" not in board:
        if isinstance(options, dict) and options.get("grid_meter"):
            found.append("grid_meter is missing: the station's description says otherwise")
    elif board["grid_meter"]["address"] == board["connectors"][0]["meter"]["address"]:
        found.append("grid_meter.address: %d is connectors[0].meter's" % board["grid_meter"]["address"])


def _converter(chip, connector, path, found):
    """What the converter can measure, and when."""
    name, first, last, least, most = _RP2040_CONVERTER if chip == "rp2040" else _ESP32_CONVERTER
    for key in ("pilot", "proximity", "temperature"):
        number = connector.get(key, {}).get("adc", first)
        if not first <= number <= last:
            found.append(
                "%s%s.adc: GPIO%d is no input of %s, which are GPIO%d to %d"
                % (path, key, number, name, first, last)
            )
    pilot = connector["pilot"]
    for key in ("plus_12v_mv", "minus_12v_mv"):
        if not least <= pilot[key] <= most:
            found.append(
                "%spilot.%s: %d is outside the converter's %d to %d mV" % (path, key, pilot[key], least, most)
            )
    # Below 1 V over 24 V of the pilot one count of the converter's noise moves the pilot by 0.2 V.
    if pilot["plus_12v_mv"] - pilot["minus_12v_mv"] < 1000:
        found.append(path + "pilot.plus_12v_mv: less than 1000 above minus_12v_mv")
    if (chip == "rp2040") != ("trigger_slice" in pilot):
        found.append(path + "pilot.trigger_slice: needed on an rp2040, and nowhere else")
    elif chip == "rp2040" and pilot["trigger_slice"] == pilot["pwm"] >> 1 & 7:
        # It would run at 16 times the pilot's frequency, and the pilot with it.
        found.append(
            "%spilot.trigger_slice: slice %d is that of GPIO%d, the pilot of %s"
            % (path, pilot["trigger_slice"], pilot["pwm"], path[:-1])
        )


def _phases(connector, row, path, found):
    """What belongs to three phases, and to a switch for two of them."""
    switch = "phase_switch" in connector
    if row.get("phase_switch", False) != switch:
        found.append(path + "phase_switch: the station's description says otherwise")
    elif switch and row.get("phases", 1) != 3:
        found.append(path + "phase_switch: the station's description has no three phases")
    if switch and "feedback" not in connector["contactor"]:
        # It never moves with the main contactor closed: somebody has to know that it is open.
        found.append(path + "contactor.feedback is missing: phase_switch needs it")
    if row.get("phases", 1) == 3 and connector["meter"]["kind"] != "sdm630":
        found.append(path + "meter.kind: the %s counts one of three phases" % connector["meter"]["kind"])


def _parts(chip, connector, path, found):
    """What the chip asks of the other parts of one connector."""
    for part, key in (("contactor", "coil"), ("contactor", "alive"), ("phase_switch", "coil")):
        if connector.get(part, {}).get(key, {}).get("active", 1) != 1:
            # A pin that floats, as all of them do in a reset, must not close it.
            found.append("%s%s.%s.active: 1 is needed, off while the pin floats" % (path, part, key))
    for key in ("proximity", "temperature"):
        if chip == "rp2040" and connector.get(key, {}).get("supply_mv", 3300) != 3300:
            found.append(path + key + ".supply_mv: 3300 is needed, the converter's own reference")
    alive = "alive" in connector["contactor"]
    if chip == "esp32" and not alive:
        found.append(path + "contactor.alive is missing: an esp32 alone cannot hold a contactor safely")
    if chip == "rp2040" and alive:
        found.append(path + "contactor.alive: an rp2040 lets go of the coil by itself")
