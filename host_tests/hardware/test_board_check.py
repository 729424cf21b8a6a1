# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""tools/toolchain/board_check: every board of the repository is right, and each wrong pin is named."""

import builtins

import pytest

from hal import board_data
from host_tests.fakes.chip import Chip
from host_tests.fakes.pilot_line import PilotLine
from host_tests.unit.board_variants import changed
from toolchain import board_check, chip_pins
from toolchain.chip_pins import rp2040_pins

PICO = board_check.load("pico_lte")
ESP32 = board_check.load("esp32_devkit")
S3 = board_check.load("esp32_s3_w5500")
OLIMEX = board_check.load("olimex_esp32_poe_iso")
LILYGO = board_check.load("lilygo_t_a7670")
PICO_W = board_check.load("pico_w")
FIRST = ["connectors", 0]


@pytest.mark.parametrize("name", board_check.names())
def test_every_board_can_be_built(name, capsys):
    assert board_check.problems(board_check.load(name)) == []
    assert board_check.main([name]) == 0 and capsys.readouterr().out.endswith("pins, all right\n")


def test_an_ethernet_of_the_chips_may_have_its_clock_from_outside():
    clocked = changed(changed(OLIMEX, ["links", 0, "clock"], "in"), ["links", 0, "ref_clk"], 0)
    assert board_check.problems(clocked) == []


@pytest.mark.parametrize("name", board_check.names())
def test_every_board_is_put_together_as_its_data_say(name, monkeypatch):
    """Its parts, on a model of its chip; the links are somebody else's."""
    data = changed(board_check.load(name), ["links"], ({"kind": "wifi"},))
    port = "rp2" if data["chip"] == "rp2040" else "esp32"
    chip = Chip(port)
    chip.variant = data["chip"]
    monkeypatch.setattr(builtins, "ptr32", chip.registers.pointer, raising=False)
    monkeypatch.setattr(builtins, "ptr16", chip.registers.pointer, raising=False)
    connector = data["connectors"][0]
    line = PilotLine(chip, connector["pilot"]["pwm"])
    for key in ("proximity", "temperature"):
        if key in connector:
            chip.analog[connector[key]["adc"]] = lambda us: 1650
    chip.analog[connector["pilot"]["adc"]] = line.mv
    for number, path, _ in board_data.pins(data):
        if board_data.is_input(path):
            chip.external[number] = 0
    if "spi" in data.get("reader", {}):
        chip.peers["spi", data["reader"]["spi"]] = lambda sent: bytes(len(sent))
    with chip.installed():
        board = chip.load("hal.%s.board" % port).Board(data)
    assert set(chip.pins) <= {number for number, _, _ in board_data.pins(data)}
    for path in ("contactor.coil", "contactor.alive", "rcd.test", "lock.lock", "lock.unlock"):
        part, key = path.split(".")
        if key in connector.get(part, {}) and (port, path) != ("rp2", "contactor.coil"):
            assert set(chip.pins[connector[part][key]["pin"]].writes) == {0}, path
    made = board.connectors[0]
    assert (made.contactor.closed(), made.rcd.tripped(), board.stopped()) == (False, False, False)
    # A broken wire of each is the safe thing: closed, tripped, pressed.
    for number in (connector["contactor"]["feedback"], connector["rcd"]["trip"], data["emergency_stop"]):
        if "pull" in number:
            del chip.external[number["pin"]]
        else:
            chip.external[number["pin"]] = 1  # the resistor on the carrier
    assert (made.contactor.closed(), made.rcd.tripped(), board.stopped()) == (True, True, True)


def test_all_boards_are_looked_at(capsys):
    assert board_check.main([]) == 0
    out = capsys.readouterr().out
    assert "pico_lte: 27 pins" in out and "esp32_devkit: 18 pins" in out


@pytest.mark.parametrize(
    ("board", "path", "pin", "sentence"),
    [
        (PICO, [*FIRST, "pilot", "adc"], 29, "connectors[0].pilot.adc: GPIO29 is no input of the converter"),
        (
            PICO,
            [*FIRST, "proximity", "adc"],
            24,
            "connectors[0].proximity.adc: GPIO24 is no input of the converter",
        ),
        (PICO, ["modbus", "tx"], 24, "modbus.tx: GPIO24 cannot carry TX of UART0, which GPIO0,"),
        (
            PICO,
            ["links", 0, "tx"],
            23,
            "links[0].tx: GPIO23 cannot carry TX of UART1, which GPIO4, GPIO8, GPIO20, GPIO24 can",
        ),
        (PICO, ["links", 0, "rx"], 24, "links[0].rx: GPIO24 cannot carry RX of UART1"),
        (PICO, ["links", 0, "cts"], 23, "links[0].cts: GPIO23 cannot carry CTS of UART1"),
        (PICO, ["links", 0, "rts"], 24, "links[0].rts: GPIO24 cannot carry RTS of UART1"),
        (PICO, ["reader", "sck"], 23, "reader.sck: GPIO23 cannot carry SCK of SPI0"),
        (PICO, ["reader", "mosi"], 24, "reader.mosi: GPIO24 cannot carry MOSI of SPI0"),
        (PICO, ["reader", "miso"], 23, "reader.miso: GPIO23 cannot carry MISO of SPI0, which GPIO0, GPIO4,"),
        (PICO, [*FIRST, "pilot", "pwm"], 27, "connectors[0].proximity.adc: GPIO27 is used already by"),
        (PICO, ["modbus", "uart"], 2, "modbus.uart: an rp2040 has UART0 and UART1"),
        (ESP32, [*FIRST, "pilot", "adc"], 14, "connectors[0].pilot.adc: GPIO14 is no input of ADC1"),
        (
            ESP32,
            [*FIRST, "temperature", "adc"],
            5,
            "connectors[0].temperature.adc: GPIO5 is no input of ADC1, which are GPIO32 to 39",
        ),
        (
            ESP32,
            [*FIRST, "contactor", "coil", "pin"],
            38,
            "connectors[0].contactor.coil: GPIO38 is an input only",
        ),
        (
            ESP32,
            [*FIRST, "contactor", "coil", "pin"],
            12,
            "connectors[0].contactor.coil: GPIO12 is a strapping pin",
        ),
        (
            ESP32,
            [*FIRST, "contactor", "coil", "pin"],
            14,
            "connectors[0].contactor.coil: GPIO14 puts out a signal",
        ),
        (ESP32, [*FIRST, "pilot", "pwm"], 38, "connectors[0].pilot.pwm: GPIO38 is an input only"),
        (ESP32, ["modbus", "tx"], 1, "modbus.tx: GPIO1 carries the console"),
        (ESP32, [*FIRST, "rcd", "trip", "pin"], 37, "connectors[0].rcd.trip: GPIO37 has no pull resistor"),
        (ESP32, ["button", "pin"], 2, "button: GPIO2 is a strapping pin"),
        (ESP32, ["module"], "wrover", "indicator.pin: GPIO17 belongs to the PSRAM of a WROVER"),
        (S3, ["indicator", "pin"], 35, "indicator.pin: GPIO35 belongs to the octal PSRAM of an N16R8"),
        (S3, ["indicator", "pin"], 43, "indicator.pin: GPIO43 carries the console"),
        (S3, ["indicator", "pin"], 20, "indicator.pin: GPIO20 is USB"),
        (S3, ["indicator", "pin"], 45, "indicator.pin: GPIO45 is a strapping pin"),
        (S3, [*FIRST, "temperature", "adc"], 3, "connectors[0].temperature.adc: GPIO3 is a strapping pin"),
        (
            changed(S3, ["reader", "miso"], 38),
            [*FIRST, "contactor", "coil", "pin"],
            18,
            "connectors[0].contactor.coil: GPIO18 is high for a moment while the chip starts",
        ),
        # What the chip's own Ethernet has, whatever the data say of it.
        (
            OLIMEX,
            [*FIRST, "pilot", "pwm"],
            19,
            "connectors[0].pilot.pwm: GPIO19 is the board's own: RMII TXD0",
        ),
        (OLIMEX, ["modbus", "tx"], 27, "modbus.tx: GPIO27 is the board's own: RMII CRS_DV"),
        (
            OLIMEX,
            ["links", 0, "ref_clk"],
            5,
            "links[0].ref_clk: GPIO5 is a strapping pin: it decides how the chip starts",
        ),
        (
            OLIMEX,
            ["links", 0, "clock"],
            "in",
            "links[0].ref_clk: GPIO17 cannot carry the clock of an RMII, which GPIO0 can",
        ),
        (OLIMEX, ["module"], "wrover", "links[0].ref_clk: GPIO17 belongs to the PSRAM of a WROVER"),
        (LILYGO, ["modbus", "rx"], 33, "modbus.rx: GPIO33 is the board's own: RING of the modem"),
        (LILYGO, ["modbus", "tx"], 16, "modbus.tx: GPIO16 belongs to the PSRAM of a WROVER"),
        (
            LILYGO,
            [*FIRST, "contactor", "alive", "pin"],
            12,
            "links[0].supply: GPIO12 is used already by connectors[0].contactor.alive",
        ),
        (
            PICO_W,
            ["indicator", "pin"],
            25,
            "indicator.pin: GPIO25 is the board's own: chip select of the radio",
        ),
        (PICO_W, ["reserved"], ((30, "nothing"),), "reserved: there is no GPIO30 for use on an rp2040"),
    ],
)
def test_the_wrong_pin_is_named(board, path, pin, sentence):
    found = board_check.problems(changed(board, path, pin))
    assert [line[: len(sentence)] for line in found if line.startswith(sentence)] == [sentence], found


def test_the_trigger_needs_a_slice_of_its_own():
    assert board_check.problems(changed(PICO, [*FIRST, "pilot", "trigger_slice"], 4)) == [
        "connectors[0].pilot.trigger_slice: slice 4 is that of GPIO8, the pilot of connectors[0]"
    ]


def test_a_pin_used_twice_is_named():
    wrong = changed(PICO, ["indicator", "pin"], 10)
    assert board_check.problems(wrong) == [
        "connectors[0].contactor.coil: GPIO10 is used already by indicator.pin"
    ]


def two_pilots(**pilot):
    first = PICO["connectors"][0]
    second = {
        "pilot": {**first["pilot"], "pwm": 24, "adc": 28, "trigger_slice": 6, **pilot},
        "contactor": {"coil": {"pin": 23, "active": 1}},
        "meter": {**first["meter"], "address": 3},
    }
    kept = {name: part for name, part in first.items() if name not in ("lock", "proximity", "temperature")}
    fixed = {"cable": "fixed", "phases": 1, "rated_a": 32, "nominal_v": 230}
    board = changed(PICO, ["station", "connectors"], [fixed, fixed])
    return changed(board, ["connectors"], (kept, second))


@pytest.mark.parametrize(
    ("pilot", "sentences"),
    [
        ({"pwm": 27}, []),
        (
            {"pwm": 24},
            ["connectors[1].pilot.pwm: GPIO24 shares PWM slice 4 with GPIO8, the pilot of connectors[0]"],
        ),
        ({"pwm": 29, "trigger_slice": 5}, ["connectors[1].pilot.trigger_slice: that of connectors[0] too"]),
        (
            {"pwm": 29, "trigger_slice": 4},
            ["connectors[1].pilot.trigger_slice: slice 4 is that of GPIO8, the pilot of connectors[0]"],
        ),
    ],
)
def test_slices_of_two_pilots(pilot, sentences):
    board = two_pilots(**pilot)
    # `hal.board_data` has refused a second pilot on this chip; the slices are looked at all the same.
    assert "connectors[1]: the converter of an rp2040 samples one pilot" in board_check.problems(board)
    wrong_pin = chip_pins.problem(board, "connectors[1].pilot.pwm", board["connectors"][1]["pilot"]["pwm"])
    found = ["connectors[1].pilot.pwm: " + wrong_pin] if wrong_pin else []
    found += chip_pins.conflicts(board)
    if pilot == {"pwm": 27}:
        # Slice 5 is the first pilot's trigger; and GPIO27 is an input of the converter.
        assert found == [
            "connectors[1].pilot.pwm: GPIO27 is one of three inputs of the converter",
            "connectors[0].pilot.trigger_slice: slice 5 is that of GPIO27, the pilot of connectors[1]",
        ]
    else:
        assert found == sentences


@pytest.mark.parametrize(
    ("board", "key", "mv", "range_mv"),
    [
        (ESP32, "plus_12v_mv", 2600, "150 to 2450"),
        (ESP32, "minus_12v_mv", 90, "150 to 2450"),
        (PICO, "plus_12v_mv", 3400, "0 to 3300"),
    ],
)
def test_calibration_beyond_the_converter(board, key, mv, range_mv):
    found = board_check.problems(changed(board, [*FIRST, "pilot", key], mv))
    assert found == ["connectors[0].pilot.%s: %d is outside the converter's %s mV" % (key, mv, range_mv)]


def test_the_stations_description_is_checked_too(capsys, monkeypatch):
    wrong = changed(PICO, ["station", "profiles"], ["Cooking"])
    monkeypatch.setattr(board_check, "load", lambda name: wrong)
    assert board_check.main(["pico_lte"]) == 1
    assert capsys.readouterr().out.startswith("pico_lte: station.profiles: 'Cooking' is not one of ")


def test_a_bus_may_read_a_pin_that_is_an_input_only():
    assert board_check.problems(changed(ESP32, ["modbus", "rx"], 38)) == []


def test_functions_of_the_rp2040():
    # RP2040 datasheet, table 2.
    for function, unit, pins in (
        ("tx", 0, [0, 12, 16, 28]),
        ("rx", 0, [1, 13, 17, 29]),
        ("cts", 0, [2, 14, 18]),
        ("rts", 0, [3, 15, 19]),
        ("tx", 1, [4, 8, 20, 24]),
        ("rx", 1, [5, 9, 21, 25]),
        ("cts", 1, [6, 10, 22, 26]),
        ("rts", 1, [7, 11, 23, 27]),
        ("miso", 0, [0, 4, 16, 20]),
        ("sck", 0, [2, 6, 18, 22]),
        ("mosi", 0, [3, 7, 19, 23]),
        ("miso", 1, [8, 12, 24, 28]),
        ("sck", 1, [10, 14, 26]),
        ("mosi", 1, [11, 15, 27]),
    ):
        assert rp2040_pins(function, unit) == pins, (function, unit)
