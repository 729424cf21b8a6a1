# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The board's console: what is typed, what is answered, what nobody sees, and noise."""

import asyncio

import console
import log
from console import Console
from event_log import EventLog
from host_tests.unit.event_loop import run
from host_tests.unit.rig import Rig
from host_tests.unit.scratch import Scratch


class Part:
    def __init__(self, **fields):
        for name, value in fields.items():
            setattr(self, name, value)


class Desk:
    """A console whose input is a list of bytes, and what it has said."""

    def __init__(self, path=""):
        self.rig = Rig()
        self.said = ""
        self.typed = b""
        self.reboots = 0
        self.firmware = Part(
            station=self.rig.station,
            board=Part(storage=Part(path=path), name="sim", tag_reader=None, link=None),
            session=Part(connected=False, registration=None),
            supplies=[None],
            info={"chargePointModel": "M", "chargePointVendor": "V", "firmwareVersion": "9.9"},
            identity="CP7",
            url=None,
            stall_ms=1234,
            stall_at_s=56,
            self_test=None,
            state=self.state,
            request_reboot=self.reboot,
        )

    def state(self):
        connector = {"connector": 1, "status": "Available", "transaction": {"number": 7, "idTag": "04SECRET"}}
        return {
            "connected": True,
            "uptime_s": 99,
            "last_tag": ["04SECRET", "accepted", "", 1],
            "heap": {"free": 5, "used": 4},
            "stall": {},
            "connectors": [connector],
        }

    def reboot(self):
        self.reboots += 1

    def read(self):
        if not self.typed:
            return None
        char, self.typed = self.typed[:1], self.typed[1:]
        return char

    def type(self, text):
        """What it says to that, without the echo."""
        return [line[2:] for line in self.raw(text).split("\n") if line[:2] == ": "]

    def raw(self, text):
        self.typed = text if isinstance(text, bytes) else text.encode()
        self.said = ""
        kept = console.sys, console._PAUSE_MS
        console.sys = Part(stdout=Part(write=self.write))
        console._PAUSE_MS = 0
        try:
            run(Console(self.firmware, self.read).run())
        finally:
            console.sys, console._PAUSE_MS = kept
        return self.said

    def write(self, text):
        self.said += text


def test_help_and_what_it_does_not_know():
    desk = Desk()
    said = desk.type("help\r")
    assert said[-1] == "ok" and any(line.startswith("set KEY VALUE") for line in said), said
    assert desk.type("sett x\n") == ["no: `help` lists what there is"]
    for command in console._COMMANDS:
        assert command == "help" or any(line.startswith(command) for line in said), command


def test_a_line_is_echoed_and_can_be_mended():
    desk = Desk()
    assert desk.raw("statx\x7fs\r").startswith("statx\b \bs\n: ")
    assert desk.type("stx\x08ats\r")[-1] == "ok"


def test_state_without_tags():
    said = Desk().type("state\r")
    assert said == ["connected True", "uptime_s 99", "1 status Available", "1 transaction 7", "ok"], said


def test_log_and_events():
    with Scratch() as path:
        desk = Desk(path)
        book = EventLog(path, desk.rig.clock)
        book.start("Watchdog", "9.9")
        for number in range(60):
            book._write("number %d %s" % (number, "x" * 40))
        log.warning("outbox", "the console shows it")
        assert any("the console shows it" in line for line in desk.type("log\r"))
        said = desk.type("events\r")
        assert said[-1] == "ok" and "number 59" in said[-2] and 10 < len(said) < 40
        said = desk.type("events all\r")
        assert len(said) == 62 and "start Watchdog" in said[0], len(said)
        assert desk.type("events some\r") == ["no: events, or events all"]
        assert desk.type("events; rm\r") == ["no: `help` lists what there is"]


def test_keys_as_the_central_system_sets_them():
    desk = Desk()
    config = desk.rig.station.config
    assert desk.type("set HeartbeatInterval 77\r") == ["ok"] and config.value("HeartbeatInterval") == 77
    assert desk.type("get heartbeatinterval\r") == ["HeartbeatInterval=77", "ok"]
    assert desk.type("set HeartbeatInterval no\r") == ["no: Rejected"]
    assert desk.type("set NumberOfConnectors 7\r") == ["no: Rejected"]
    assert desk.type("set Nothing 7\r") == ["no: NotSupported"]
    assert desk.type("set\r") == ["no: set KEY VALUE"]
    assert desk.type("get Nothing\r") == ["no: NotSupported"]
    assert len(desk.type("get\r")) > 30
    assert desk.type("set MeterValueSampleInterval   30  \r") == ["ok"]
    assert config.value("MeterValueSampleInterval") == 30


def test_what_others_have_set_does_nothing_to_a_terminal():
    desk = Desk()
    desk.firmware.identity = "a\x1b[2J\n: ok"
    said = desk.raw("stats\r")
    assert ": id a?[2J?: ok\n" in said and "\x1b" not in said, said


def test_a_secret_behind_an_equals_sign():
    """As `get` shows the others."""
    desk = Desk()
    said = desk.raw("set AuthorizationKey=0123456789abcdef\r")
    assert "0123" not in said and "set AuthorizationKey" in said, said
    assert desk.raw("set HeartbeatInterval=7\r").startswith("set HeartbeatInterval=7")


def test_a_secret_is_neither_shown_nor_taken():
    desk = Desk()
    config = desk.rig.station.config
    config.change("AuthorizationKey", "0123456789abcdef")
    assert desk.type("get AuthorizationKey\r") == ["AuthorizationKey=(secret)", "ok"]
    assert "0123456789" not in desk.raw("get\r")
    for line in (
        "set AuthorizationKey hunter2hunter2hunter2\r",
        "set  authorizationkey  hunter2hunter2hunter2\r",
    ):
        said = desk.raw(line)
        assert "hunter" not in said and "configure" in said, said
    assert config.value("AuthorizationKey") == b"0123456789abcdef"
    assert not any("hunter" in line for line in log.lines())


def test_stats():
    with Scratch() as path:
        desk = Desk(path)
        EventLog(path, desk.rig.clock).start("PowerUp", "9.9")
        said = desk.type("stats\r")
        for line in (
            "firmware 9.9",
            "id CP7",
            "heap_free 5",
            "longest_stall 1234 ms, at 56 s",
            "starts_PowerUp 1",
        ):
            assert line in said, said


def test_reboot():
    desk = Desk()
    assert desk.type("reboot\r") == ["ok"] and desk.reboots == 1


def test_noise_is_no_command_and_a_long_line_nothing():
    desk = Desk()
    noise = bytes(list(range(256))) * 20
    assert desk.type(noise + b"\r") != ["ok"]
    assert desk.type(b"reboot\x01") == [] and desk.reboots == 0
    # mpremote begins with these: nothing is said to that.
    assert desk.raw(b"\r\x01\r\x02\r\n") == ""
    assert desk.type("x" * 5000 + "\rhelp\r")[0] == "no: longer than 560 characters"
    assert desk.type("re\xc3boot\r") == ["no: `help` lists what there is"] and desk.reboots == 0


def test_a_command_that_fails_ends_nothing():
    desk = Desk()

    def broken():
        raise OSError(5)

    desk.firmware.state = broken
    assert desk.type("state\rreboot\r") == ["no: it failed", "ok"]


def test_the_contactor_asks_first():
    class Test:
        def __init__(self, firmware, contactor):
            self.contactor = contactor
            self.results = []
            self.prompt = ""
            self.passed = True
            begun.append(self)

        def step(self, now):
            if not self.results:
                self.results.append((1, "pilot +12 V", "pass", "12000 mV"))
                return True
            return False

        def stop(self):
            pass

    import self_test

    begun = []
    desk = Desk()
    kept = self_test.SelfTest
    self_test.SelfTest = Test
    said = []

    async def type_them(lines):
        desk.said = ""
        console.sys = Part(stdout=Part(write=desk.write))
        it = Console(desk.firmware, desk.read)
        try:
            for line in lines:
                desk.typed = line.encode() + b"\r"
                await it.run()
            await asyncio.sleep(0.2)
        finally:
            console.sys = real
        said[:] = [row[2:] for row in desk.said.split("\n") if row[:2] == ": "]

    real = console.sys
    try:
        run(type_them(["test contactor", "no"]))
        assert not begun and said[-1] == "no: not confirmed", said
        run(type_them(["test contactor", "yes"]))
        assert begun.pop().contactor is True
        assert "result 1|pilot +12 V|pass|12000 mV" in said and said[-1] == "verdict pass", said
        assert "fact id CP7" in said and desk.firmware.self_test is None
        run(type_them(["yes", "test"]))
        assert begun.pop().contactor is False and said[0] == "no: `help` lists what there is"
        run(type_them(["test", "test"]))
        assert "no: one is under way" in said and len(begun) == 1
        run(type_them(["stop", "test everything"]))
        assert said == ["no: none is under way", "no: test, or test contactor"]
    finally:
        self_test.SelfTest = kept
