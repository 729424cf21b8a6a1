# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The requests of the control channel: what each does, and what is refused."""

import asyncio

from evse import faults
from host_tests.unit.control_rig import run


def test_plug_and_unplug():
    async def test(rig, client):
        assert await client.ask(do="plug", connector=1) == {"ok": True}
        assert rig.board.connectors[0].car.plugged and rig.board.connectors[0].cable
        assert await client.ask(do="plug", connector=1) == {"ok": True}
        assert await client.ask(do="unplug", connector=1, n=7) == {"ok": True, "n": 7}
        assert not rig.board.connectors[0].car.plugged
        assert await client.ask(do="plug", connector=2) == {"ok": True}
        assert rig.board.connectors[1].car.plugged and not rig.board.connectors[1].cable

    run(test)


def test_the_car():
    async def test(rig, client):
        car = rig.board.connectors[0].car
        request = {"amps": 10.5, "phases": 1, "ready": False, "delay_s": 1.5, "soc": 40, "battery_wh": 20000}
        assert (await client.ask(do="car", connector=1, react_ms=300, ventilation=True, **request))["ok"]
        assert (car.limit_ma, car.phases, car.ready, car.delay_ms) == (10500, 1, False, 1500)
        assert (car.soc_pct(), car.stored_wh, car.react_ms, car.ventilation) == (40, 8000, 300, True)
        assert (await client.ask(do="car", connector=1, soc=80))["ok"]
        assert (car.limit_ma, car.soc_pct()) == (10500, 80)  # the rest stays
        assert (await client.ask(do="car", connector=1))["ok"]

    run(test)


def test_raw_pilot_levels():
    async def test(rig, client):
        hardware = rig.board.connectors[0]
        assert (await client.ask(do="pilot", connector=1, high_mv=9000, low_mv=-12000))["ok"]
        assert hardware.read() == (9000, -12000)
        assert (await client.ask(do="pilot", connector=1, high_mv=6000))["ok"]
        assert hardware.read() == (6000, 6000)
        assert (await client.ask(do="pilot", connector=1))["ok"]
        assert hardware.read() == (12000, 12000)

    run(test)


def test_tags():
    async def test(rig, client):
        assert (await client.ask(do="tag", id="04a1b2c3"))["ok"]
        assert (await client.ask(do="tag", id="Tag-1", connector=2))["ok"]
        assert await rig.board.tag_reader.read() == ("04A1B2C3", None)
        assert await rig.board.tag_reader.read() == ("Tag-1", 2)
        for _ in range(8):
            assert (await client.ask(do="tag", id="AA"))["ok"]
        assert not (await client.ask(do="tag", id="AA"))["ok"]

    run(test)


def test_a_station_without_reader():
    async def test(rig, client):
        answer = await client.ask(do="tag", id="AA")
        assert not answer["ok"] and "reader" in answer["error"]

    run(test, station={"reader": "none"})


def test_faults_of_a_connector_and_of_the_station():
    async def test(rig, client):
        first, second = rig.board.connectors
        assert await client.ask(do="fault", name="GroundFailure", connector=1) == {
            "ok": True,
            "name": "GroundFailure",
        }
        assert (await client.ask(do="fault", name="HighTemperature", connector=2))[
            "name"
        ] == "OverTemperature"
        assert (await client.ask(do="fault", name="MREC17EVSEContactorFault", connector=2))[
            "name"
        ] == "ContactorWelded"
        assert first.fault_signals() == ("GroundFailure",) and rig.board.fault_signals() == ()
        assert second.broken_parts() == ["ContactorWelded", "OverTemperature"]
        assert (await client.ask(do="fault", name="EmergencyStop"))["ok"]
        assert (await client.ask(do="fault", name="OverTemperature"))["ok"]
        assert rig.board.fault_signals() == ("EmergencyStop", "OverTemperature")
        assert (await client.ask(do="fault", name="ConnectorLockFailure"))["ok"]  # every lock there is
        assert (
            "ConnectorLockFailure" in first.broken_parts() and "ConnectorLockFailure" in second.broken_parts()
        )

    run(test)


def test_every_fault_of_the_catalogue_can_be_raised_and_cleared():
    async def test(rig, client):
        for name in faults.names():
            for where in ({}, {"connector": 2}):
                assert (await client.ask(do="fault", name=name, **where))["ok"], name
                hardware = rig.board.connectors[1]
                assert name in hardware.broken_parts() or name in rig.board.fault_signals(), name
                assert (await client.ask(do="clear", name=name, **where))["ok"], name
                assert hardware.broken_parts() == [] and rig.board.fault_signals() == (), name

    run(test)


def test_clear_plays_the_technician():
    async def test(rig, client):
        await client.ask(do="fault", name="RcdTrip", connector=1)
        await client.ask(do="fault", name="GroundFailure", connector=1)
        assert (await client.ask(do="clear", name="RcdTrip", connector=1))["ok"]
        assert rig.board.connectors[0].fault_signals() == ("GroundFailure",)
        assert [supply.acknowledged for supply in rig.firmware.supplies] == [1, 0]
        await client.ask(do="fault", name="EmergencyStop")
        assert (await client.ask(do="clear"))["ok"]
        assert rig.board.connectors[0].fault_signals() == () and rig.board.fault_signals() == ()
        assert [supply.acknowledged for supply in rig.firmware.supplies] == [2, 1]
        assert (await client.ask(do="clear", name="RcdTrip"))["ok"]  # gone already

    run(test)


def test_the_meter():
    async def test(rig, client):
        meter = rig.board.connectors[1].meter
        assert (await client.ask(do="meter", connector=2, wh=1200))["ok"]
        assert meter.wh == 1200 and not meter.failing
        assert (await client.ask(do="meter", connector=2, fail=True))["ok"]
        assert meter.wh == 1200 and meter.failing
        assert (await client.ask(do="meter", connector=2, fail=False, wh=0))["ok"]
        assert meter.wh == 0 and not meter.failing
        assert not (await client.ask(do="meter", connector=2))["ok"]

    run(test)


def test_the_meter_at_the_grid():
    station = {"connectors": [{"phases": 3}, {}], "options": {"grid_meter": True, "site_a": 25}}

    async def test(rig, client):
        meter = rig.board.grid_meter
        assert (await client.ask(do="state"))["grid_ma"] == [0, 0, 0]
        assert (await client.ask(do="grid", amps=[10, 5.5, -3]))["ok"]
        assert (await meter.read()).current_ma == (10000, 5500, -3000)
        # What our cars draw goes through it, too.
        rig.board.connectors[0].car.current_ma = 9000
        rig.board.connectors[0].car.phases = 2
        rig.board.connectors[1].car.current_ma = 16000
        assert (await meter.read()).current_ma == (35000, 14500, -3000)
        assert (await client.ask(do="state"))["grid_ma"] == [35000, 14500, -3000]
        assert (await client.ask(do="grid", fail=True))["ok"]
        assert await meter.read() is None
        assert (await client.ask(do="grid", fail=False, amps=[0, 0, 0]))["ok"]
        assert (await meter.read()).current_ma == (25000, 9000, 0)
        for fields in ({}, {"amps": 5}, {"amps": [1, 2]}, {"amps": [1, 2, "3"]}, {"amps": [0, None, 0]}):
            assert not (await client.ask(do="grid", **fields))["ok"], fields
        assert not (await client.ask(do="grid", amps=[0, 0, 1001]))["ok"]
        assert not (await client.ask(do="grid", fail=1))["ok"]

    run(test, station=station)


def test_no_meter_at_the_grid():
    async def test(rig, client):
        assert rig.board.grid_meter is None
        assert "no meter" in (await client.ask(do="grid", amps=[1, 1, 1]))["error"]
        assert "grid_ma" not in await client.ask(do="state")

    run(test)


def test_the_link():
    async def test(rig, client):
        link = rig.board.link
        changed = asyncio.create_task(link.changed())
        assert (await client.ask(do="link", up=True))["ok"]
        assert not changed.done()
        assert (await client.ask(do="link", up=False))["ok"]
        await asyncio.sleep(0.01)
        assert changed.done() and not link.up()
        assert (await client.ask(do="state"))["link"] is False
        assert (await client.ask(do="link", up=True))["ok"]
        assert link.up()

    run(test)


def test_the_ways_to_end():
    async def test(rig, client):
        assert await client.ask(do="power_cut", n="a") == {"ok": True, "n": "a"}
        assert rig.ended == ["power cut"]
        assert await client.ask(do="reboot", n="b") == {"ok": True, "n": "b"}
        assert rig.firmware.told == ["reboot"] and rig.ended == ["power cut"]

    run(test)


def test_a_warning_of_power():
    async def test(rig, client):
        board = rig.board
        assert not board.power_fails()
        assert await client.ask(do="power_fail", active=True) == {"ok": True}
        assert board.power_fails()
        assert await client.ask(do="power_fail", active=False) == {"ok": True}
        assert not board.power_fails()
        for fields in ({}, {"hold_up_ms": -1}, {"hold_up_ms": 10001}, {"hold_up_ms": 1.5}, {"active": 1}):
            assert not (await client.ask(do="power_fail", **fields))["ok"], fields
            assert not board.power_fails()
        assert await client.ask(do="power_fail", hold_up_ms=50) == {"ok": True}
        await asyncio.sleep(0.01)
        assert board.power_fails() and rig.ended == []
        await asyncio.sleep(0.3)
        assert rig.ended == ["power cut"]

    run(test)


def test_messages_of_the_charge_point_itself():
    async def test(rig, client):
        assert (await client.ask(do="security_event", type="TamperDetectionActivated", info="lid"))["ok"]
        assert (await client.ask(do="security_event", type="StartupOfTheDevice"))["ok"]
        answer = await client.ask(do="security_event", type="Never")
        assert answer == {"ok": False, "error": "not in this firmware"}
        answer = await client.ask(do="data_transfer", vendorId="org.example", messageId="m", data="d")
        assert answer == {"ok": True, "status": "Accepted"}
        assert (await client.ask(do="data_transfer", vendorId="org.example"))["ok"]
        assert not (await client.ask(do="data_transfer", vendorId="silent"))["ok"]
        assert rig.firmware.told == [
            ("TamperDetectionActivated", "lid"),
            ("StartupOfTheDevice", None),
            ("org.example", "m", "d"),
            ("org.example", None, None),
            ("silent", None, None),
        ]

    run(test)


def test_state_joins_the_firmware_and_the_world():
    async def test(rig, client):
        await client.ask(do="fault", name="GroundFailure", connector=2)
        state = await client.ask(do="state", n=[1, {"a": None}])
        assert state["ok"] and state["n"] == [1, {"a": None}] and state["connected"] and state["link"]
        first, second = state["connectors"]
        assert (first["connector"], first["status"], first["pilot"]) == (1, "Available", "A")
        assert (first["high_mv"], first["low_mv"], first["volts"], first["duty_e4"]) == (
            12000,
            12000,
            12,
            10000,
        )
        assert (first["contactor"], first["lock"], first["offered_a"], first["limit_a"]) == (
            False,
            False,
            0,
            32,
        )
        assert first["limit"] == "board" and first["car"]["soc"] == 40
        assert second["lock"] is None and second["broken"] == ["GroundFailure"]

    run(test)


def test_a_firmware_that_is_still_starting():
    async def test(rig, client):
        assert (await client.ask(do="plug", connector=1))["ok"]
        assert (await client.ask(do="fault", name="GroundFailure"))["ok"]
        assert (await client.ask(do="clear"))["ok"]
        assert (await client.ask(do="watch"))["ok"]
        state = await client.ask(do="state")
        assert state["connected"] is False and state["connectors"][0]["status"] is None
        for request in ({"do": "security_event", "type": "x"}, {"do": "data_transfer", "vendorId": "x"}):
            answer = await client.ask(**request)
            assert not answer["ok"] and "starting" in answer["error"]
        assert (await client.ask(do="reboot"))["ok"]
        assert rig.ended == ["reset"]

    run(test, attached=False)


BAD_REQUESTS = (
    {},
    {"do": None},
    {"do": 5},
    {"do": ["plug"]},
    {"do": ""},
    {"do": "fly"},
    {"do": "_transfer"},
    {"do": "__init__"},
    {"do": "plug"},
    {"do": "plug", "connector": 0},
    {"do": "plug", "connector": 3},
    {"do": "plug", "connector": -1},
    {"do": "plug", "connector": "1"},
    {"do": "plug", "connector": True},
    {"do": "plug", "connector": 1.5},
    {"do": "plug", "connector": None},
    {"do": "plug", "connector": [1]},
    {"do": "unplug", "connector": {}},
    {"do": "car", "connector": 9},
    {"do": "car", "connector": 1, "amps": "16"},
    {"do": "car", "connector": 1, "amps": -1},
    {"do": "car", "connector": 1, "amps": True},
    {"do": "car", "connector": 1, "amps": 1e30},
    {"do": "car", "connector": 1, "phases": 4},
    {"do": "car", "connector": 1, "phases": 1.5},
    {"do": "car", "connector": 1, "ready": 1},
    {"do": "car", "connector": 1, "ready": "true"},
    {"do": "car", "connector": 1, "delay_s": -0.1},
    {"do": "car", "connector": 1, "soc": 101},
    {"do": "car", "connector": 1, "battery_wh": 0},
    {"do": "pilot", "connector": 1, "low_mv": 5},
    {"do": "pilot", "connector": 1, "high_mv": "x"},
    {"do": "pilot", "connector": 1, "high_mv": 1000000},
    {"do": "tag"},
    {"do": "tag", "id": ""},
    {"do": "tag", "id": 5},
    {"do": "tag", "id": "A" * 41},
    {"do": "tag", "id": "AA", "connector": 3},
    {"do": "fault"},
    {"do": "fault", "name": 1},
    {"do": "fault", "name": "Nothing"},
    {"do": "fault", "name": "GroundFailure", "connector": 3},
    {"do": "clear", "name": "Nothing"},
    {"do": "clear", "connector": "all"},
    {"do": "meter", "connector": 1},
    {"do": "meter", "connector": 1, "wh": -1},
    {"do": "meter", "connector": 1, "wh": 1.5},
    {"do": "meter", "connector": 1, "wh": 10000000000},
    {"do": "meter", "connector": 1, "fail": 1},
    {"do": "link"},
    {"do": "link", "up": "yes"},
    {"do": "security_event"},
    {"do": "security_event", "type": "x", "info": 5},
    {"do": "data_transfer"},
    {"do": "data_transfer", "vendorId": "x", "data": {}},
    {"do": "data_transfer", "vendorId": "x" * 256},
)


def test_bad_requests_are_refused_with_a_reason_and_change_nothing():
    async def test(rig, client):
        before = await client.ask(do="state")
        for number, request in enumerate(BAD_REQUESTS):
            answer = await client.ask(n=number, **request)
            assert answer["ok"] is False and answer["n"] == number, request
            assert isinstance(answer["error"], str) and "failed" not in answer["error"], (request, answer)
        assert await client.ask(do="state") == before
        assert rig.firmware.told == [] and rig.ended == []

    run(test)
