# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""hal.board_data: what a board's data may say; each mistake is named by its key."""

from boards.esp32_devkit.board import BOARD as ESP32
from boards.esp32_s3_w5500.board import BOARD as S3
from boards.pico_lte.board import BOARD as PICO
from boards.w5500_evb_pico.board import BOARD as WIRED_PICO
from hal import board_data, board_keys
from hal.board_data import BoardDataError
from host_tests.unit.board_variants import (
    FIRST,
    LAN,
    MODEM,
    changed,
)
from host_tests.unit.expect import raises
from station.description import Description

METERS = ", ".join(sorted(board_keys.meters()))


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
