# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""hal.board_data: what a board's data may say; each mistake is named by its key."""

from boards.esp32_devkit.board import BOARD as ESP32
from boards.pico_lte.board import BOARD as PICO
from hal import board_data
from hal.board_data import BoardDataError
from host_tests.unit.expect import raises


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


def test_our_boards_are_right():
    for board in (PICO, ESP32):
        assert board_data.problems(board) == []
        board_data.require(board)


def test_mistakes_and_their_sentences():
    for board, path, value, sentence in (
        (PICO, ["name"], changed, "name is missing"),
        (PICO, ["chip"], "rp2350", "chip: 'rp2350' is not one of rp2040, esp32"),
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
        (PICO, ["indicator", "pin"], 30, "indicator: there is no GPIO30 for use on an rp2040"),
        (PICO, ["indicator", "pin"], 8, "connectors[0].pilot.pwm: GPIO8 is used already by indicator"),
        (PICO, ["link", "kind"], "lora", "link.kind: 'lora' is not one of modem, wifi"),
        (PICO, ["link", "baud"], changed, "link.baud is missing"),
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
            "s0",
            "connectors[0].meter.kind: 's0' is not one of sdm120, sdm220, sdm230, sdm630",
        ),
        (ESP32, ["indicator", "pin"], 9, "indicator: there is no GPIO9 for use on an esp32"),
        (ESP32, ["module"], changed, "module: needed on an esp32, and nowhere else"),
        (
            ESP32,
            FIRST + ["contactor", "alive"],
            changed,
            "connectors[0].contactor.alive is missing: an esp32 alone cannot hold a contactor safely",
        ),
    ):
        found = board_data.problems(changed(board, path, value))
        assert found == [sentence], (path, found)


def test_all_mistakes_are_told_at_once():
    board = changed(changed(PICO, ["reader", "sck"], None), ["indicator", "pin"], "LED")
    lines = str(raises(BoardDataError, board_data.require, board)).split("\n")
    assert sorted(lines) == [
        "indicator.pin: the number of a pin is needed, not 'LED'",
        "reader.sck: the number of a pin is needed, not None",
    ]
    found = board_data.problems(changed(PICO, FIRST + ["meter"], {"kind": 3}))
    missing = ["connectors[0].meter.%s is missing" % key for key in ("address", "baud", "rx", "tx", "uart")]
    assert (
        sorted(found)
        == missing[:2]
        + ["connectors[0].meter.kind: 3 is not one of sdm120, sdm220, sdm230, sdm630"]
        + missing[2:]
    )


def test_what_is_no_board_at_all():
    assert board_data.problems(None) == ["the board: an object is needed, not None"]
    assert board_data.problems({})[0].endswith("is missing")


def test_the_pins_of_a_board_and_their_direction():
    pins = {path: number for number, path, _ in board_data.pins(PICO)}
    assert len(pins) == 27 and pins["connectors[0].pilot.adc"] == 26
    inputs = [path for path in pins if board_data.is_input(path)]
    assert sorted(pins[path] for path in inputs) == [1, 5, 6, 11, 14, 15, 16, 22, 26, 27, 28]
