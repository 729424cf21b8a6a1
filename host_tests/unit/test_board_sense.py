# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""hal.board_sense: what the parts of a board need of each other, of its buses and of its chip."""

from boards.esp32_devkit.board import BOARD as ESP32
from boards.pico_lte.board import BOARD as PICO
from hal import board_data, board_keys, board_sense
from hal.board_sense import look as board_sense_look
from host_tests.unit.board_variants import (
    ADE,
    ATM,
    FIRST,
    I2C,
    ON_SPI,
    W5500,
    bare,
    changed,
    with_switch,
)
from station.description import Description


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


def test_a_broken_wire_is_never_what_is_dangerous():
    rcd = FIRST + ["rcd"]
    for path, told in (
        (rcd + ["trip"], "no trip"),
        (rcd + ["trip_ac"], "no trip"),
        (rcd + ["error"], "no trip"),
        (["emergency_stop"], "no emergency stop"),
        (FIRST + ["lock", "feedback"], "a locked plug"),
    ):
        board = PICO
        for key, pin in (("trip_ac", 23), ("error", 24)):
            if path[-1] in ("trip_ac", "error"):
                board = changed(board, rcd + [key], {"pin": pin, "active": 1, "pull": "up"})
        pin = 14 if "lock" in path else {"trip": 15, "trip_ac": 23, "error": 24}.get(path[-1], 22)
        line = "%s: a broken wire would be %s" % (".".join(path[2:]) or path[0], told)
        line = ("" if path[0] == "emergency_stop" else "connectors[0].") + line
        locks = path[-1] == "feedback"
        for active, pull in ((1, "down"), (0, "up"), (1, "up"), (0, "down"), (0, None), (1, None)):
            data = {"pin": pin, "active": active}
            if pull:
                data["pull"] = pull
            # Without a pull of the chip's: for the lock a resistor that nobody here knows of.
            fine = pull is None if locks else False
            fine = fine or (active == (0 if pull == "down" else 1)) != locks
            assert board_data.problems(changed(board, path, data)) == ([] if fine else [line]), (path, data)


def test_a_divider_whose_broken_wire_nobody_could_see():
    """The converter of an ESP32 ends at 3.1 V: at 5 V an open contact would be a plug of 13 A."""
    for key in ("proximity", "temperature"):
        for supply_mv, fine in ((3300, True), (3400, True), (3401, False), (5000, False)):
            found = board_data.problems(changed(ESP32, FIRST + [key, "supply_mv"], supply_mv))
            line = "connectors[0].%s.supply_mv: 3400 at most, or a broken wire is none" % key
            assert found == ([] if fine else [line]), found


def test_the_wires_on_i2c_are_not_so_slow_that_the_loop_waits():
    """A register of a thermometer is 45 bits, two are read in a row: 9 ms at 10 kHz."""
    for hz, fine in ((100000, True), (400000, True), (50000, True), (49999, False), (10000, False)):
        found = board_data.problems(bare(i2c=dict(I2C, hz=hz)))
        assert (found == []) == fine, found


def test_a_start_tag_is_for_a_board_with_the_button():
    told = changed(PICO, ["station", "options"], {"start_tag": "HOME"})
    assert board_data.problems(told) == ["start_button is missing: the station's description has a start_tag"]
    button = {"pin": 23, "active": 0, "pull": "up"}
    assert board_data.problems(changed(told, ["start_button"], button)) == []
    assert board_data.problems(changed(PICO, ["station", "options"], {"start_tag": ""})) == []


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
