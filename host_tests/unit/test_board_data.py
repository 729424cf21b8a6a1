# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""hal.board_data: what a board's data may say; each mistake is named by its key."""

from boards.esp32_devkit.board import BOARD as ESP32
from boards.esp32_s3_w5500.board import BOARD as S3
from boards.pico_lte.board import BOARD as PICO
from boards.w5500_evb_pico.board import BOARD as WIRED_PICO
from hal import board_data, board_keys, board_sense
from hal.board_data import BoardDataError
from hal.board_sense import look as board_sense_look
from host_tests.unit.expect import raises
from station.description import Description


def changed(board: dict, path: list, value) -> dict:
    """The board with another value at `path`, a list of keys; `changed` itself takes it away."""
    board = dict(board)
    key = path[0]
    if len(path) > 1:
        if isinstance(board[key], tuple):
            rows = list(board[key])
            rows[path[1]] = changed(rows[path[1]], path[2:], value)
            board[key] = tuple(rows)
        else:
            board[key] = changed(board[key], path[1:], value)
    elif value is changed:
        del board[key]
    else:
        board[key] = value
    return board


FIRST = ["connectors", 0]
METERS = ", ".join(sorted(board_keys.meters()))
MODEM = ["links", 0]
ON_SPI = {"spi": 1, "sck": 14, "mosi": 15, "miso": 12, "cs": 13}
ADE = {"kind": "ade7953", "counts_per_v": 26000, "counts_per_a": 100000, "counts_per_w": 154}
ADE["counts_per_kwh"] = 25240000
ATM = dict(ON_SPI, kind="atm90e32", phases=3, hz=50, voltage_gain=7305, current_gain=27961)
ATM["counts_per_kwh"] = 320000
I2C = {"i2c": 1, "sda": 2, "scl": 3}
LAN = {"kind": "lan", "mdc": 23, "mdio": 24, "phy": "lan8720", "address": 0, "ref_clk": 29, "clock": "in"}

W5500 = {"kind": "w5500", "spi": 0, "sck": 26, "mosi": 27, "miso": 28, "cs": 29, "interrupt": 22}


def ethernet(**more):
    return (dict(W5500, **more),)


def test_a_w5500():
    # Its pins are free on neither board: only what they say together is looked at.
    def said(board, **more):
        found = []
        board_sense.look(changed(board, ["links"], ethernet(**more)), found)
        return found

    low, high = {"pin": 23, "active": 0}, {"pin": 23, "active": 1}
    free = dict(PICO)
    free.pop("reader", None)
    free["station"] = dict(PICO["station"], reader="none")
    assert said(free, reset=low) == []
    assert said(free) == ["links[0].reset is missing: network.WIZNET5K needs it"]
    wrong = said(free, reset=high)
    assert wrong == ["links[0].reset.active: 0 is needed, the chip rests while the pin is low"]
    assert said(free, reset=low, spi=2) == ["links[0].spi: an rp2040 has SPI0 and SPI1"]
    with_reader = dict(free, reader={"kind": "mfrc522", "spi": 0})
    assert "reader.spi: SPI0 is used already by links[0]" in said(with_reader, reset=low)
    plain = dict(ESP32)
    plain.pop("reader", None)
    plain["station"] = dict(ESP32["station"], reader="none")
    assert said(plain, spi=1) == []
    assert said(plain, spi=0) == ["links[0].spi: an esp32 has SPI1 and SPI2"]


def test_our_boards_are_right():
    for board in (PICO, ESP32, S3, WIRED_PICO):
        assert board_data.problems(board) == []
        board_data.require(board)


def test_a_car_that_sleeps_is_woken_with_the_switch_that_is_there():
    description = Description(PICO["station"])
    for part, connector in zip(PICO["connectors"], description.connectors):
        assert connector.wake_up == ("switch" if "pilot_switch" in part else "F")


def test_mistakes_and_their_sentences():
    for board, path, value, sentence in (
        (PICO, ["name"], changed, "name is missing"),
        (PICO, ["chip"], "rp2350", "chip: 'rp2350' is not one of rp2040, esp32, esp32s3"),
        (PICO, ["colour"], "red", "colour: no such key"),
        (PICO, ["connectors"], (), "connectors: there is none"),
        (PICO, ["watchdog_ms"], 9000, "watchdog_ms: the RP2040's watchdog ends at 8388"),
        (PICO, ["watchdog_ms"], "5 s", "watchdog_ms: '5 s' is not a number in 1000..60000"),
        (PICO, ["indicator"], 25, "indicator: an object is needed, not 25"),
        (PICO, ["indicator", "active"], 2, "indicator.active: 2 is not a number in 0..1"),
        (PICO, ["indicator", "active"], True, "indicator.active: True is not a number in 0..1"),
        (PICO, ["emergency_stop", "pull"], "high", "emergency_stop.pull: 'high' is not one of up, down"),
        (
            PICO,
            ["emergency_stop", "pin"],
            "GP22",
            "emergency_stop.pin: the number of a pin is needed, not 'GP22'",
        ),
        (PICO, ["indicator", "pin"], 30, "indicator.pin: there is no GPIO30 for use on an rp2040"),
        (PICO, ["indicator", "pin"], 8, "connectors[0].pilot.pwm: GPIO8 is used already by indicator.pin"),
        (PICO, MODEM + ["kind"], "lora", "links[0].kind: 'lora' is not one of lan, modem, w5500, wifi"),
        (PICO, MODEM + ["baud"], changed, "links[0].baud is missing"),
        (PICO, ["module"], "wroom", "module: needed on an esp32, and nowhere else"),
        (PICO, ["reader"], changed, "reader: the station's description says otherwise"),
        (PICO, FIRST + ["pilot", "plus_12v_mv"], changed, "connectors[0].pilot.plus_12v_mv is missing"),
        (
            PICO,
            FIRST + ["pilot", "plus_12v_mv"],
            1000,
            "connectors[0].pilot.plus_12v_mv: less than 1000 above minus_12v_mv",
        ),
        (
            PICO,
            FIRST + ["pilot", "trigger_slice"],
            changed,
            "connectors[0].pilot.trigger_slice: needed on an rp2040, and nowhere else",
        ),
        (PICO, FIRST + ["contactor", "coil"], changed, "connectors[0].contactor.coil is missing"),
        (PICO, FIRST + ["lock"], changed, "connectors[0].lock: the station's description says otherwise"),
        (
            PICO,
            FIRST + ["lock", "pulse_ms"],
            5000,
            "connectors[0].lock.pulse_ms: 5000 is not a number in 50..2000",
        ),
        (
            PICO,
            FIRST + ["proximity"],
            changed,
            "connectors[0].proximity: needed with a socket, absent with a fixed cable",
        ),
        (PICO, ["station", "connectors"], [], "station.connectors: 0, but the board has 1"),
        (
            PICO,
            FIRST + ["contactor", "alive"],
            {"pin": 24, "active": 1},
            "connectors[0].contactor.alive: an rp2040 lets go of the coil by itself",
        ),
        (
            PICO,
            FIRST + ["meter", "kind"],
            "sundial",
            "connectors[0].meter.kind: 'sundial' is not one of " + METERS,
        ),
        (
            PICO,
            FIRST + ["contactor", "coil", "active"],
            0,
            "connectors[0].contactor.coil.active: 1 is needed, off while the pin floats",
        ),
        (
            ESP32,
            FIRST + ["contactor", "alive", "active"],
            0,
            "connectors[0].contactor.alive.active: 1 is needed, off while the pin floats",
        ),
        (
            PICO,
            FIRST + ["proximity", "supply_mv"],
            5000,
            "connectors[0].proximity.supply_mv: 3300 is needed, the converter's own reference",
        ),
        (PICO, ["modbus", "uart"], 1, "links[0].uart: UART1 is used already by modbus"),
        (ESP32, ["modbus", "uart"], 0, "modbus.uart: UART0 is used already by the console"),
        (PICO, ["modbus", "direction"], 23, "modbus.direction: an object is needed, not 23"),
        (PICO, ["links"], (dict(LAN),), "links[0].kind: an rp2040 has no Ethernet of its own"),
        (PICO, ["links"], (), "links: there is none"),
        (PICO, MODEM + ["kind"], [], "links[0].kind: [] is not one of lan, modem, w5500, wifi"),
        (PICO, ["links"], (None,), "links[0]: an object is needed, not None"),
        (PICO, ["station", "connectors"], 7, "station.connectors: objects are needed, not 7"),
        (PICO, ["station", "connectors"], [7], "station.connectors: objects are needed, not [7]"),
        (PICO, ["connectors"], [PICO["connectors"][0]], "connectors: tuple is needed, not"),
        (PICO, ["connectors"], (7,), "connectors[0]: an object is needed, not 7"),
        (PICO, ["indicator", "pin"], -1, "indicator.pin: there is no GPIO-1 for use on an rp2040"),
        (
            PICO,
            FIRST + ["pilot", "adc"],
            26.0,
            "connectors[0].pilot.adc: the number of a pin is needed, not 26.0",
        ),
        (
            PICO,
            FIRST + ["pilot", "trigger_slice"],
            8,
            "connectors[0].pilot.trigger_slice: 8 is not a number in 0..7",
        ),
        (
            ESP32,
            FIRST + ["pilot", "minus_12v_mv"],
            2196,
            "connectors[0].pilot.plus_12v_mv: less than 1000 above minus_12v_mv",
        ),
        (
            PICO,
            MODEM + ["cts"],
            changed,
            "links[0].cts is missing: rts and cts are wired together or not at all",
        ),
        (
            PICO,
            MODEM + ["rts"],
            changed,
            "links[0].rts is missing: rts and cts are wired together or not at all",
        ),
        (PICO, MODEM + ["key_ms"], 0, "links[0].key_ms: 0 is not a number in 50..5000"),
        (PICO, MODEM + ["key_ms"], None, "links[0].key_ms: None is not a number in 50..5000"),
        (
            PICO,
            ["reader", "reset", "active"],
            1,
            "reader.reset.active: 0 is needed, the reader rests while the pin is low",
        ),
        (
            PICO,
            FIRST + ["pilot", "trigger_slice"],
            4,
            "connectors[0].pilot.trigger_slice: slice 4 is that of GPIO8, the pilot of connectors[0]",
        ),
        (
            PICO,
            FIRST + ["pilot", "adc"],
            29,
            "connectors[0].pilot.adc: GPIO29 is no input of the converter, which are GPIO26 to 28",
        ),
        (
            PICO,
            FIRST + ["proximity", "adc"],
            24,
            "connectors[0].proximity.adc: GPIO24 is no input of the converter, which are GPIO26 to 28",
        ),
        (
            ESP32,
            FIRST + ["temperature", "adc"],
            14,
            "connectors[0].temperature.adc: GPIO14 is no input of ADC1, which are GPIO32 to 39",
        ),
        (
            PICO,
            FIRST + ["pilot", "plus_12v_mv"],
            5000,
            "connectors[0].pilot.plus_12v_mv: 5000 is outside the converter's 0 to 3300 mV",
        ),
        (
            ESP32,
            FIRST + ["pilot", "plus_12v_mv"],
            2600,
            "connectors[0].pilot.plus_12v_mv: 2600 is outside the converter's 150 to 2450 mV",
        ),
        (
            ESP32,
            FIRST + ["pilot", "minus_12v_mv"],
            90,
            "connectors[0].pilot.minus_12v_mv: 90 is outside the converter's 150 to 2450 mV",
        ),
        (PICO, ["grid_meter", "address"], 1, "grid_meter.address: 1 is that of connectors[0].meter"),
        (PICO, ["grid_meter", "address"], 0, "grid_meter.address: 0 is not a number in 1..247"),
        (
            ESP32,
            ["grid_meter", "kind"],
            "sdm120",
            "grid_meter.kind: 'sdm120' is not one of " + ", ".join(sorted(board_keys.grid_meters())),
        ),
        (PICO, ["modbus", "stop"], 3, "modbus.stop: 3 is not a number in 1..2"),
        (PICO, ["modbus", "parity"], "mark", "modbus.parity: 'mark' is not one of none, even, odd"),
        (
            PICO,
            FIRST + ["meter"],
            {"kind": "auto", "phases": 1},
            "connectors[0].meter.address: needed where several meters share the wires, 1 to 247",
        ),
        (ESP32, ["grid_meter", "uart"], 2, "grid_meter.uart: no such key"),
        (PICO, [5], 1, "5: no such key"),
        (PICO, ["reader", None], 1, "reader.None: no such key"),
        (PICO, [("a", "b")], 1, "('a', 'b'): no such key"),
        (
            PICO,
            FIRST + ["lock", "feedback", b"pull"],
            "up",
            "connectors[0].lock.feedback.b'pull': no such key",
        ),
        (PICO, ["?button"], {"pin": 23, "active": 0}, "?button: no such key"),
        (PICO, ["modbus", "uart"], 2, "modbus.uart: an rp2040 has UART0 and UART1"),
        (PICO, ["reader", "spi"], 2, "reader.spi: an rp2040 has SPI0 and SPI1"),
        (ESP32, FIRST + ["pilot"], changed, "connectors[0].pilot is missing"),
        (ESP32, FIRST + ["meter", "parity"], "even", "connectors[0].meter.parity: no such key"),
        (ESP32, ["indicator", "pin"], 9, "indicator.pin: there is no GPIO9 for use on an esp32"),
        (ESP32, ["module"], changed, "module: needed on an esp32, and nowhere else"),
        (ESP32, ["module"], "n16r8", "module: 'n16r8' is not one of wroom, wrover"),
        (S3, ["module"], "wroom", "module: 'wroom' is not one of n4, n8, n16, n8r2, n16r2, n8r8, n16r8"),
        (S3, ["module"], changed, "module: needed on an esp32, and nowhere else"),
        (S3, ["modbus", "uart"], 0, "modbus.uart: UART0 is used already by the console"),
        (S3, ["reader", "spi"], 1, "reader.spi: SPI1 is used already by links[0]"),
        (S3, MODEM + ["spi"], 0, "links[0].spi: an esp32s3 has SPI1 and SPI2"),
        (S3, ["indicator", "pin"], 22, "indicator.pin: there is no GPIO22 for use on an esp32s3"),
        (
            S3,
            ["links"],
            (dict(LAN, mdc=45, mdio=46, ref_clk=3),),
            "links[0].kind: an esp32s3 has no Ethernet of its own",
        ),
        (
            S3,
            FIRST + ["temperature", "adc"],
            38,
            "connectors[0].temperature.adc: GPIO38 is no input of ADC1, which are GPIO1 to 10",
        ),
        (
            S3,
            FIRST + ["pilot", "plus_12v_mv"],
            2901,
            "connectors[0].pilot.plus_12v_mv: 2901 is outside the converter's 150 to 2900 mV",
        ),
        (
            S3,
            FIRST + ["contactor", "alive"],
            changed,
            "connectors[0].contactor.alive is missing: an esp32 alone cannot hold a contactor safely",
        ),
        (S3, ["reserved"], [38], "reserved: tuple is needed, not"),
        (WIRED_PICO, ["reader", "spi"], 0, "reader.spi: SPI0 is used already by links[0]"),
        (
            PICO,
            FIRST + ["contactor", "feedback", "active"],
            0,
            "connectors[0].contactor.feedback: a broken wire would be an open contactor",
        ),
        (
            ESP32,
            FIRST + ["contactor", "feedback", "active"],
            0,
            "connectors[0].contactor.feedback: a broken wire would be an open contactor",
        ),
        (
            PICO,
            FIRST + ["contactor", "feedback", "pull"],
            "down",
            "connectors[0].contactor.feedback: a broken wire would be an open contactor",
        ),
        (
            ESP32,
            FIRST + ["contactor", "alive"],
            changed,
            "connectors[0].contactor.alive is missing: an esp32 alone cannot hold a contactor safely",
        ),
    ):
        found = board_data.problems(changed(board, path, value))
        # What is repeated from a board is long.
        assert len(found) == 1 and found[0].startswith(sentence), (path, found)
        assert len(found[0]) == len(sentence) or sentence.endswith("not"), found


def with_switch(board: dict, coil: dict, feedback: dict) -> dict:
    """The board with a second contactor for L2 and L3, and what belongs to it."""
    board = changed(board, FIRST + ["phase_switch"], {"coil": coil, "feedback": feedback})
    board = changed(board, FIRST + ["meter", "kind"], "sdm630")
    row = dict(board["station"]["connectors"][0], phases=3, phase_switch=True)
    return changed(board, ["station", "connectors"], [row])


SWITCHED = with_switch(PICO, {"pin": 23, "active": 1}, {"pin": 24, "active": 1, "pull": "up"})
ROW = SWITCHED["station"]["connectors"][0]


def test_a_second_contactor():
    assert board_data.problems(SWITCHED) == []
    assert Description(SWITCHED["station"]).connectors[0].phase_switch
    pins = {path: number for number, path, _ in board_data.pins(SWITCHED)}
    assert pins["connectors[0].phase_switch.coil"] == 23
    assert not board_data.is_input("connectors[0].phase_switch.coil")
    assert board_data.is_input("connectors[0].phase_switch.feedback")
    assert board_data.problems(with_switch(ESP32, {"pin": 16, "active": 1}, {"pin": 14, "active": 1})) == []


def test_a_mirror_contact_may_be_to_the_supply():
    down = {"pin": 11, "active": 0, "pull": "down"}
    assert board_data.problems(changed(PICO, FIRST + ["contactor", "feedback"], down)) == []
    for active, pull in ((1, "down"), (0, "up")):
        wrong = with_switch(PICO, {"pin": 23, "active": 1}, {"pin": 24, "active": active, "pull": pull})
        assert board_data.problems(wrong) == [
            "connectors[0].phase_switch.feedback: a broken wire would be an open contactor"
        ]


def test_mistakes_about_a_second_contactor():
    switch = FIRST + ["phase_switch"]
    for path, value, sentence in (
        (switch + ["feedback"], changed, "connectors[0].phase_switch.feedback is missing"),
        (switch + ["coil"], changed, "connectors[0].phase_switch.coil is missing"),
        (switch, True, "connectors[0].phase_switch: an object is needed, not True"),
        (
            switch + ["coil", "active"],
            0,
            "connectors[0].phase_switch.coil.active: 1 is needed, off while the pin floats",
        ),
        (switch, changed, "connectors[0].phase_switch: the station's description says otherwise"),
        (
            ["station", "connectors"],
            [dict(ROW, phase_switch=False)],
            "connectors[0].phase_switch: the station's description says otherwise",
        ),
        (
            ["station", "connectors"],
            [dict(ROW, phases=1)],
            "connectors[0].phase_switch: the station's description has no three phases",
        ),
        (
            FIRST + ["contactor", "feedback"],
            changed,
            "connectors[0].contactor.feedback is missing: phase_switch needs it",
        ),
        (
            FIRST + ["meter", "kind"],
            "sdm120",
            "connectors[0].meter.kind: the sdm120 counts one of three phases",
        ),
    ):
        found = board_data.problems(changed(SWITCHED, path, value))
        assert found == [sentence], (path, found)
    for key, number, other in (("coil", 10, "contactor.coil"), ("feedback", 23, "phase_switch.coil")):
        (found,) = board_data.problems(changed(SWITCHED, switch + [key, "pin"], number))
        assert "GPIO%d is used already by connectors[0]." % number in found
        assert "connectors[0].phase_switch." + key in found and "connectors[0]." + other in found


def test_what_a_modem_needs_not_say():
    link = dict(PICO["links"][0], key_ms=1000)
    del link["rts"], link["cts"]
    assert board_data.problems(changed(PICO, ["links"], (link,))) == []


def test_a_grid_meter_that_is_to_be_read_is_there():
    bare = changed(PICO, ["grid_meter"], changed)
    assert board_data.problems(bare) == []
    for board, found in (
        (bare, ["grid_meter is missing: the station's description says otherwise"]),
        (PICO, []),
    ):
        told = changed(board, ["station", "options"], {"site_a": 25, "grid_meter": True})
        assert board_data.problems(told) == found
    assert board_data.problems(changed(bare, ["station", "options"], {"site_a": 25})) == []


def test_a_meter_that_is_to_be_found():
    alone = changed(changed(PICO, ["grid_meter"], changed), FIRST + ["meter"], {"kind": "auto", "phases": 1})
    assert board_data.problems(alone) == []
    assert board_data.problems(changed(alone, FIRST + ["meter", "address"], 5)) == []
    three = changed(alone, ["station", "connectors"], [dict(PICO["station"]["connectors"][0], phases=3)])
    assert board_data.problems(three) == ["connectors[0].meter.kind: the auto counts one of three phases"]
    assert board_data.problems(changed(three, FIRST + ["meter", "phases"], 3)) == []
    assert board_data.problems(changed(alone, ["modbus"], changed)) == [
        "modbus is missing: connectors[0].meter is on it"
    ]


def test_every_meter_on_modbus():
    for kind, (phases, _) in board_keys.MODBUS_METERS.items():
        board = changed(PICO, FIRST + ["meter", "kind"], kind)
        assert board_data.problems(board) == []
        board = changed(board, ["station", "connectors"], [dict(PICO["station"]["connectors"][0], phases=3)])
        assert (board_data.problems(board) == []) == (phases == 3), kind
        found = board_data.problems(changed(PICO, ["grid_meter", "kind"], kind))
        # The first SDM72 tells no currents, which is what the grid's meter is there for.
        assert (found == []) == (phases == 3 and kind != "sdm72"), kind
    general = changed(PICO, FIRST + ["meter"], {"kind": "pzem004t", "address": 248})
    assert len(board_data.problems(general)) == 1
    assert board_data.problems(changed(general, ["grid_meter"], changed)) == []


def test_meters_without_wires():
    bare = changed(PICO, ["modbus"], changed)
    assert board_data.problems(bare) == ["modbus is missing: connectors[0].meter is on it"]


def test_a_reader_on_a_bus_that_is_not_there():
    reader = dict(PICO["reader"], spi=0, sck=14, mosi=5, miso=12, cs=15, reset={"pin": 2, "active": 0})
    board = changed(changed(ESP32, ["reader"], reader), ["station", "reader"], "single")
    assert board_data.problems(board) == ["reader.spi: an esp32 has SPI1 and SPI2"]
    assert board_data.problems(changed(board, ["reader", "spi"], 1)) == []


def with_reader(board, reader, **more):
    board = changed(board, ["reader"], reader)
    for key, value in more.items():
        board = changed(board, [key], value)
    return changed(board, ["station", "reader"], "single")


def test_readers_on_i2c_and_uart():
    wires = {"i2c": 1, "sda": 18, "scl": 19}
    on_i2c = {"kind": "pn532_i2c"}
    on_uart = {"kind": "pn532_uart", "uart": 1, "tx": 16, "rx": 17, "reset": {"pin": 2, "active": 0}}
    slow = {"kind": "rdm6300", "uart": 0, "tx": 16, "rx": 17}
    wifi = ({"kind": "wifi"},)
    for board, sentences in (
        (with_reader(PICO, on_i2c, i2c=wires), []),
        (with_reader(PICO, on_i2c, i2c=dict(wires, hz=100000)), []),
        (with_reader(PICO, on_i2c), ["i2c is missing: reader is on it"]),
        (
            with_reader(PICO, on_i2c, i2c=dict(wires, hz=400000)),
            ["i2c.hz: 100000 is needed, a PN532 is on it"],
        ),
        (
            with_reader(PICO, on_i2c, i2c=dict(wires, hz=50000)),
            ["i2c.hz: 100000 is needed, a PN532 is on it"],
        ),
        (with_reader(PICO, dict(on_i2c, address=36), i2c=wires), ["reader.address: no such key"]),
        (
            with_reader(PICO, dict(on_i2c, reset={"pin": 2, "active": 1}), i2c=wires),
            ["reader.reset.active: 0 is needed, the reader rests while the pin is low"],
        ),
        (with_reader(PICO, on_uart), ["reader.uart: UART1 is used already by links[0]"]),
        (with_reader(PICO, on_uart, links=wifi), []),
        (with_reader(PICO, slow), ["reader.uart: UART0 is used already by modbus"]),
        (with_reader(PICO, dict(slow, uart=2)), ["reader.uart: an rp2040 has UART0 and UART1"]),
        (with_reader(ESP32, dict(slow, rx=5)), ["reader.uart: UART0 is used already by the console"]),
        (with_reader(ESP32, dict(slow, uart=1, rx=5)), []),
        (with_reader(PICO, {"kind": "rdm6300", "uart": 1, "rx": 17}, links=wifi), ["reader.tx is missing"]),
        (
            with_reader(PICO, {"kind": "pn532"}),
            ["reader.kind: 'pn532' is not one of mfrc522, pn532_i2c, pn532_uart, rdm6300"],
        ),
    ):
        assert board_data.problems(board) == sentences


def test_calibration_the_wrong_way_round():
    for board in (PICO, ESP32):
        pilot = dict(board["connectors"][0]["pilot"])
        pilot["plus_12v_mv"], pilot["minus_12v_mv"] = pilot["minus_12v_mv"], pilot["plus_12v_mv"]
        found = board_data.problems(changed(board, FIRST + ["pilot"], pilot))
        assert found == ["connectors[0].pilot.plus_12v_mv: less than 1000 above minus_12v_mv"]


def test_one_pilot_for_one_converter():
    second = changed(PICO["connectors"][0], ["pilot", "pwm"], 23)
    found = board_data.problems(changed(PICO, ["connectors"], (PICO["connectors"][0], second)))
    assert any(line.startswith("connectors[1].") and "is used already" in line for line in found)
    fixed = {"cable": "fixed", "phases": 1, "rated_a": 32, "nominal_v": 230}
    first = PICO["connectors"][0]
    bare = {
        "pilot": dict(first["pilot"], pwm=23, adc=29, trigger_slice=6),
        "contactor": {"coil": {"pin": 24, "active": 1}},
        "meter": dict(first["meter"], address=3),
    }
    board = changed(PICO, ["connectors"], (first, bare))
    board = changed(board, ["station", "connectors"], [PICO["station"]["connectors"][0], fixed])
    found = board_data.problems(board)
    assert "connectors[1]: the converter of an rp2040 samples one pilot" in found, found


def test_all_mistakes_are_told_at_once():
    board = changed(changed(PICO, ["reader", "sck"], None), ["indicator", "pin"], "LED")
    lines = str(raises(BoardDataError, board_data.require, board)).split("\n")
    assert sorted(lines) == [
        "indicator.pin: the number of a pin is needed, not 'LED'",
        "reader.sck: the number of a pin is needed, not None",
    ]
    found = board_data.problems(changed(PICO, FIRST + ["meter"], {"kind": 3}))
    assert found == ["connectors[0].meter.kind: 3 is not one of " + METERS]


def test_what_is_no_board_at_all():
    assert board_data.problems(None) == ["the board: an object is needed, not None"]
    assert board_data.problems({})[0].endswith("is missing")


def test_the_pins_of_a_board_and_their_direction():
    pins = {path: number for number, path, _ in board_data.pins(PICO)}
    assert len(pins) == 27 and pins["connectors[0].pilot.adc"] == 26
    inputs = [path for path in pins if board_data.is_input(path)]
    assert sorted(pins[path] for path in inputs) == [1, 5, 6, 11, 14, 15, 16, 22, 26, 27, 28]


def bare(**parts) -> dict:
    """The Pico's board with room on its pins, and these parts at its connector; `i2c` at the board."""
    board = dict(PICO)
    i2c = parts.pop("i2c", None)
    for name in ("reader", "grid_meter"):
        del board[name]
    board["station"] = dict(board["station"], reader="none")
    board["station"]["connectors"] = [dict(PICO["station"]["connectors"][0], cable="fixed", lock=False)]
    connector = dict(PICO["connectors"][0])
    for name in ("lock", "proximity", "rcd"):
        del connector[name]
    connector.update(parts)
    board["connectors"] = (connector,)
    board["links"] = ({"kind": "wifi"},)
    if i2c is not None:
        board["i2c"] = i2c
    return board


def test_meters_that_are_not_on_modbus():
    pulse = {"kind": "s0", "pulse": {"pin": 16, "active": 0, "pull": "up"}, "imp_per_kwh": 1000}
    for meter, i2c in ((pulse, None), (dict(ADE), I2C), (dict(ADE, **ON_SPI), None), (ATM, None)):
        board = bare(meter=meter, i2c=i2c)
        assert board_data.problems(board) == [], meter
    assert board_data.is_input("connectors[0].meter.pulse")
    where = "connectors[0].meter"
    for meter, i2c, sentence in (
        (dict(ADE), None, "i2c is missing: connectors[0].meter is on it"),
        (dict(ADE, spi=1), None, where + ".sck is missing: its SPI has five keys, its I2C none"),
        (dict(ATM, spi=2), None, where + ".spi: an rp2040 has SPI0 and SPI1"),
        (dict(ATM, phases=2), None, where + ".phases: 1 or 3"),
        (dict(ATM, hz=55), None, where + ".hz: 50 or 60"),
        (dict(pulse, imp_per_kwh=0), None, where + ".imp_per_kwh: 0 is not a number in 1..100000"),
    ):
        assert board_data.problems(bare(meter=meter, i2c=i2c)) == [sentence], meter
    board = bare(meter=pulse)
    board["grid_meter"] = PICO["grid_meter"]
    assert board_data.problems(board) == [
        where + ".kind: with a grid_meter one is needed that tells the current"
    ]
    # A reader's clock rests low, a meter's high.
    board = bare(meter=ATM)
    board["reader"] = {"kind": "mfrc522", "spi": 1, "sck": 18, "mosi": 19, "miso": 20, "cs": 17}
    board["reader"]["reset"] = {"pin": 21, "active": 0}
    board["station"]["reader"] = "single"
    assert board_data.problems(board) == [where + ".spi: SPI1 is used already by reader"]


def test_a_meter_of_one_phase_for_three():
    for meter, fine in ((ADE, False), (dict(ATM, phases=1), False), (ATM, True)):
        board = bare(meter=meter, i2c=I2C)
        board["station"]["connectors"][0]["phases"] = 3
        found = board_data.problems(board)
        name = meter["kind"]
        assert found == (
            [] if fine else ["connectors[0].meter.kind: the %s counts one of three phases" % name]
        )


def test_temperature_sensors():
    for sensor, i2c, sentence in (
        ({"kind": "ds18b20", "data": 16}, None, None),
        ({"kind": "mcp9700a", "adc": 28}, None, None),
        ({"kind": "mcp9808", "address": 0x18}, I2C, None),
        ({"kind": "tmp1075", "address": 0x48}, I2C, None),
        (
            {"kind": "tmp1075", "address": 0x18},
            I2C,
            "connectors[0].temperature.address: 24 is not a number in 72..79",
        ),
        ({"kind": "mcp9808", "address": 0x18}, None, "i2c is missing: connectors[0].temperature is on it"),
        (
            {"kind": "mcp9700a", "adc": 22},
            None,
            "connectors[0].temperature.adc: GPIO22 is used already by emergency_stop",
        ),
    ):
        found = board_data.problems(bare(temperature=sensor, i2c=i2c))
        assert found == ([] if sentence is None else [sentence]), sensor
    twice = bare(temperature={"kind": "mcp9808", "address": 0x18}, i2c=I2C)
    second = dict(twice["connectors"][0])
    twice["connectors"] += (second,)
    found = []
    board_sense_look(twice, found)
    assert "connectors[1].temperature: the address 24 on I2C is that of connectors[0].temperature" in found
