# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""What the keys of a board's data say together: buses that the chip has, what its converter can measure,
what the station's description says as well. `hal.board_data` has looked at each key by itself.
"""

from hal.board_keys import MODBUS_METERS, modules_of

# Name of the converter, its first and last pin, the millivolts that it measures. GPIO29 of a Pico has its own
# supply; ADC2 of the ESP32 does not work beside Wi-Fi, and ADC1 at 11 dB is linear from 150 to 2450 mV, below
# 100 mV it reads 0 (MicroPython's quick reference). That of an ESP32-S3 is calibrated up to 2900 mV (its data
# sheet, effective range of ATTEN3); how low it goes nobody has tried, so the ESP32's 150.
_RP2040_CONVERTER = ("the converter", 26, 28, 0, 3300)
_ESP32_CONVERTER = ("ADC1", 32, 39, 150, 2450)
_ESP32S3_CONVERTER = ("ADC1", 1, 10, 150, 2900)
# An open input counts as one from 10/11 of the supply on (`hal.parts.divider`), and there the converter of an
# ESP32 ends.
_MOST_SUPPLY_MV = 3400
_RP2040_WATCHDOG_MS = 8388  # its counter has 24 bits and runs at 2 MHz


def _units(board, found):
    """Buses that the chip has. No two parts on one UART; that of an ESP32's console is taken."""
    parts = [("modbus", board["modbus"])] if "modbus" in board else []
    parts += [("links[%d]" % index, link) for index, link in enumerate(board["links"])]
    parts.append(("reader", board.get("reader", {})))
    rp2040 = board["chip"] == "rp2040"
    taken = {} if rp2040 else {0: "the console"}
    for path, part in parts:
        unit = part.get("uart")
        if unit in taken:
            found.append("%s.uart: UART%d is used already by %s" % (path, unit, taken[unit]))
        elif unit == 2 and rp2040:
            found.append(path + ".uart: an rp2040 has UART0 and UART1")
        elif unit is not None:
            taken[unit] = path
    first = 0 if rp2040 else 1  # of two; MicroPython's numbers: 1 is the S3's SPI2
    taken = {}
    # A bus for each: what is on it has its clock at rest high, or low.
    parts += [("connectors[%d].meter" % index, row["meter"]) for index, row in enumerate(board["connectors"])]
    for path, part in parts:
        unit = part.get("spi")
        if unit is None:
            continue
        if unit not in (first, first + 1):
            found.append("%s.spi: an %s has SPI%d and SPI%d" % (path, board["chip"], first, first + 1))
        elif unit in taken:
            found.append("%s.spi: SPI%d is used already by %s" % (path, unit, taken[unit]))
        taken[unit] = path


def _link(board, index, link, found):
    for key, other in (("rts", "cts"), ("cts", "rts")):
        if key not in link and other in link:
            path = "links[%d].%s" % (index, key)
            found.append(path + " is missing: rts and cts are wired together or not at all")
    if link["kind"] == "w5500":
        _ethernet(board, index, link, found)
    if link["kind"] == "lan" and board["chip"] != "esp32":
        found.append("links[%d].kind: an %s has no Ethernet of its own" % (index, board["chip"]))


def _ethernet(board, index, link, found):
    """A W5500: the pin that MicroPython's driver of the rp2 does not do without."""
    path = "links[%d]." % index
    if "reset" not in link:
        if board["chip"] == "rp2040":
            found.append(path + "reset is missing: network.WIZNET5K needs it")
    elif link["reset"]["active"] != 0:
        found.append(path + "reset.active: 0 is needed, the chip rests while the pin is low")


def look(board: dict, found: list) -> None:
    """`found` gets a line for each thing that does not go together."""
    chip = board["chip"]
    if chip == "rp2040" and board["watchdog_ms"] > _RP2040_WATCHDOG_MS:
        found.append("watchdog_ms: the RP2040's watchdog ends at %d" % _RP2040_WATCHDOG_MS)
    _module(board, found)
    if chip == "rp2040" and len(board["connectors"]) > 1:
        found.append("connectors[1]: the converter of an rp2040 samples one pilot")
    _units(board, found)
    for index, link in enumerate(board["links"]):
        _link(board, index, link, found)
    if board.get("reader", {}).get("reset", {}).get("active", 0) != 0:
        found.append("reader.reset.active: 0 is needed, the reader rests while the pin is low")
    _reader_on_i2c(board, found)
    _buzzer(board, found)
    _options(board, found)
    _broken(board, "emergency_stop", "", "no emergency stop", found)
    _addresses(board, found)
    _sensors(board, found)
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


def _module(board, found):
    modules = modules_of(board["chip"])
    if bool(modules) != ("module" in board):
        found.append("module: needed on an esp32, and nowhere else")
    elif modules and board["module"] not in modules:
        found.append("module: %r is not one of %s" % (board["module"], ", ".join(modules)))


def _reader_on_i2c(board, found):
    if board.get("reader", {}).get("kind") != "pn532_i2c":
        return
    if "i2c" not in board:
        found.append("i2c is missing: reader is on it")
    elif board["i2c"].get("hz", 100000) != 100000:
        # Faster it is not reliable, slower its answer takes more than 5 ms.
        found.append("i2c.hz: 100000 is needed, a PN532 is on it")


def _buzzer(board, found):
    """The outputs of one PWM slice have one frequency: at the buzzer's the pilot would be none."""
    buzzer = board.get("buzzer", {})
    if board["chip"] != "rp2040" or buzzer.get("kind") != "passive":
        return
    number = buzzer["pin"] >> 1 & 7
    for index, connector in enumerate(board["connectors"]):
        pilot = connector["pilot"]
        if number in (pilot["pwm"] >> 1 & 7, pilot.get("trigger_slice")):
            found.append("buzzer.pin: PWM slice %d is that of connectors[%d].pilot" % (number, index))


def _options(board, found):
    options = board["station"].get("options")
    if not isinstance(options, dict):
        return
    if "grid_meter" not in board and options.get("grid_meter"):
        found.append("grid_meter is missing: the station's description says otherwise")
    if "start_button" not in board and options.get("start_tag"):
        found.append("start_button is missing: the station's description has a start_tag")


def _addresses(board, found):
    """Of the meters on Modbus: each has its own, and there is a bus for them."""
    meters = [("connectors[%d].meter" % index, row["meter"]) for index, row in enumerate(board["connectors"])]
    if "grid_meter" in board:
        meters.append(("grid_meter", board["grid_meter"]))
    meters = [row for row in meters if row[1]["kind"] in MODBUS_METERS or row[1]["kind"] == "auto"]
    taken = {}
    for path, meter in meters:
        address = meter.get("address", 0)
        if len(meters) > 1 and address in (0, 248):
            # Whoever else answers would be taken for it.
            found.append("%s.address: needed where several meters share the wires, 1 to 247" % path)
        elif address in taken:
            found.append("%s.address: %d is that of %s" % (path, address, taken[address]))
        elif "modbus" not in board and not taken:
            found.append("modbus is missing: %s is on it" % path)
        taken[address] = path


def _sensors(board, found):
    """Meters and thermometers that are not on Modbus: their bus is there, and each has its place on it."""
    on_i2c = {}
    for index, row in enumerate(board["connectors"]):
        for key in ("meter", "temperature"):
            part = row.get(key, {"kind": None})
            path = "connectors[%d].%s" % (index, key)
            kind = part["kind"]
            missing = [name for name in ("spi", "sck", "mosi", "miso", "cs") if name not in part]
            if kind == "ade7953" and 0 < len(missing) < 5:
                found.append("%s.%s is missing: its SPI has five keys, its I2C none" % (path, missing[0]))
            elif kind in ("mcp9808", "tmp1075") or (kind == "ade7953" and missing):
                address = part.get("address", 0x38)
                if "i2c" not in board:
                    found.append("i2c is missing: %s is on it" % path)
                elif address in on_i2c:
                    found.append("%s: the address %d on I2C is that of %s" % (path, address, on_i2c[address]))
                on_i2c[address] = path
            if kind == "s0" and "grid_meter" in board:
                # What our connectors draw would be taken for the building's, and the car starve itself.
                found.append(path + ".kind: with a grid_meter one is needed that tells the current")
            if kind == "atm90e32" and part["phases"] == 2:
                found.append(path + ".phases: 1 or 3")
            if kind == "atm90e32" and part["hz"] not in (50, 60):
                found.append(path + ".hz: 50 or 60")


def _converter(chip, connector, path, found):
    """What the converter can measure, and when."""
    converter = _RP2040_CONVERTER
    if chip != "rp2040":
        converter = _ESP32_CONVERTER if chip == "esp32" else _ESP32S3_CONVERTER
    name, first, last, least, most = converter
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
    meter = connector["meter"]  # one of pulses does not say how many it counts
    counted = 1 if meter["kind"] == "ade7953" else meter.get("phases", 3)
    counted = MODBUS_METERS.get(meter["kind"], (counted,))[0]
    if row.get("phases", 1) == 3 and counted != 3:
        found.append(path + "meter.kind: the %s counts one of three phases" % meter["kind"])


def _broken(part, key, path, what, found):
    """With a broken wire an input says yes. Without a pull of the chip's it is a contact to ground and a
    resistor to the supply."""
    wire = part.get(key)
    if wire and wire["active"] != (0 if wire.get("pull") == "down" else 1):
        found.append("%s%s: a broken wire would be %s" % (path, key, what))


def _parts(chip, connector, path, found):
    """What the chip asks of the other parts of one connector."""
    for part, key in (("contactor", "coil"), ("contactor", "alive"), ("phase_switch", "coil")):
        if connector.get(part, {}).get(key, {}).get("active", 1) != 1:
            # A pin that floats, as all of them do in a reset, must not close it.
            found.append("%s%s.%s.active: 1 is needed, off while the pin floats" % (path, part, key))
    for key in ("proximity", "temperature"):
        supply_mv = connector.get(key, {}).get("supply_mv", 3300)
        if chip == "rp2040" and supply_mv != 3300:
            found.append(path + key + ".supply_mv: 3300 is needed, the converter's own reference")
        elif supply_mv > _MOST_SUPPLY_MV:
            found.append(
                "%s%s.supply_mv: %d at most, or a broken wire is none" % (path, key, _MOST_SUPPLY_MV)
            )
    for part in ("contactor", "phase_switch"):
        _broken(connector.get(part, {}), "feedback", path + part + ".", "an open contactor", found)
    rcd = connector.get("rcd", {})
    for key in ("trip", "trip_ac", "error"):
        _broken(rcd, key, path + "rcd.", "no trip", found)
    bolt = connector.get("lock", {}).get("feedback", {})
    if "pull" in bolt and bolt["active"] == (bolt["pull"] == "up"):
        found.append(path + "lock.feedback: a broken wire would be a locked plug")
    if "trip_ac" in rcd and "test" not in rcd:
        found.append(path + "rcd.test is missing: a monitor with trip_ac has one")
    if "error" in rcd and "trip_ac" not in rcd:
        found.append(path + "rcd.trip_ac is missing: a monitor with error has one")
    alive = "alive" in connector["contactor"]
    if chip != "rp2040" and not alive:
        found.append(path + "contactor.alive is missing: an esp32 alone cannot hold a contactor safely")
    if chip == "rp2040" and alive:
        found.append(path + "contactor.alive: an rp2040 lets go of the coil by itself")
