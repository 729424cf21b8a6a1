# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The AT dialogue: lines out of pieces and junk, answers among what is not one, time-outs."""

import asyncio

from host_tests.unit.event_loop import run
from host_tests.unit.modem_rig import Clock, FakeModem
from net import at
from net.at import Dialogue, Exchange, Lines, numbers


def virtual(clock):
    at.ticks_ms = clock.now
    at.pause = clock.pause


def answer_of(lines, command="AT", prefix=None):
    exchange = Exchange(command, prefix)
    for line in lines:
        answer = exchange.take(line)
        if answer is not None:
            return answer
    return None


# --- lines ---


def test_lines_come_in_any_pieces():
    text = b"\r\n+CSQ: 21,99\r\n\r\nOK\r\n"
    whole = Lines().feed(text)
    assert whole == ["+CSQ: 21,99", "OK"]
    lines = Lines()
    single = []
    for byte in text:
        single += lines.feed(bytes((byte,)))
    assert single == whole


def test_junk_is_dropped_and_a_long_line_is_cut():
    assert Lines().feed(b"\x00\xffO\x80K\x7f\r\n") == ["OK"]
    lines = Lines()
    for _ in range(1000):
        assert lines.feed(b"x" * 64) == []
    [line] = lines.feed(b"\r")
    assert 100 < len(line) < 200
    assert lines.feed(b"OK\r") == ["OK"]


def test_half_a_line_is_forgotten():
    lines = Lines()
    lines.feed(b"+CP")
    lines.clear()
    assert lines.feed(b"OK\r\n") == ["OK"]


# --- answers ---


def test_answers_good_and_bad():
    assert answer_of(["OK"]).ok
    assert answer_of(["CONNECT 115200"], "ATD*99#").ok
    for line in ("ERROR", "+CME ERROR: 10", "+CMS ERROR: 500"):
        assert not answer_of([line]).ok
    for line in ("ERROR", "NO CARRIER", "BUSY", "NO DIALTONE", "NO ANSWER", "+CME ERROR: 30"):
        assert not answer_of([line], "ATD*99#").ok
    assert answer_of(["+CME ERROR: 10"]).error == 10
    assert answer_of(["+CME ERROR: SIM not inserted"]).error is None
    assert answer_of(["ERROR"]).error is None
    assert answer_of(["OKAY", "CONNECTED"]) is None


def test_echo_and_what_nobody_asked_for_is_no_answer():
    answer = answer_of(["AT+CSQ", "RDY", "+CPIN: READY", "+CSQ: 21,99", "PB DONE", "OK"], "AT+CSQ", "+CSQ:")
    assert answer.ok and answer.lines == ["21,99"]


def test_the_end_of_the_last_call_answers_no_command():
    for line in ("NO CARRIER", "BUSY", "CONNECT 115200"):
        assert answer_of([line, "OK"], "AT").final == "OK"
    # An OK that comes late is not how a call begins.
    assert answer_of(["OK", "CONNECT 115200"], "ATD*99#").final == "CONNECT 115200"


def test_of_lines_of_the_same_name_the_last_is_the_answer():
    answer = answer_of(["+CPIN: NOT READY", "+CPIN: READY", "OK"], "AT+CPIN?", "+CPIN:")
    assert answer.lines[-1] == "READY"
    answer = answer_of(["+CREG: %d" % number for number in range(100)] + ["OK"], "AT+CREG?", "+CREG:")
    assert answer.lines[-1] == "99" and len(answer.lines) < 20


def test_an_ok_without_what_was_asked_for_is_another_commands():
    answer = answer_of(["OK", "+CSQ: 5,99", "OK"], "AT+CSQ", "+CSQ:")
    assert answer.lines == ["5,99"]
    assert not answer_of(["ERROR"], "AT+CSQ", "+CSQ:").ok


def test_endless_answers_cost_no_more_than_some_lines():
    answer = answer_of(["+CSQ: 1,1"] * 1000 + ["OK"], "AT+CSQ", "+CSQ:")
    assert len(answer.lines) < 20


def test_fields():
    assert numbers('0,1,"00A1",7') == [0, 1, "00A1", 7]
    assert numbers("-1, ,999999999999") == ["-1", "", "999999999999"]


# --- the dialogue ---


def asked(modem, command, limit_ms, prefix=None, dialogue=None):
    virtual(modem.clock)
    dialogue = dialogue or Dialogue(modem.uart)
    return run(dialogue.ask(command, limit_ms, prefix))


def test_a_command_is_answered():
    modem = FakeModem(Clock(), running=True)
    answer = asked(modem, "AT+CSQ", 1000, "+CSQ:")
    assert answer.ok and answer.lines == ["21,99"]
    assert modem.said == ["AT+CSQ"]


def test_no_answer_takes_the_time_out_and_not_longer():
    modem = FakeModem(Clock(), running=True)
    modem.hung = "power"
    assert asked(modem, "AT", 1000) is None
    assert 1000 <= modem.clock.ms < 1050


def test_a_late_answer_is_not_the_next_commands():
    modem = FakeModem(Clock(), running=True)
    virtual(modem.clock)
    dialogue = Dialogue(modem.uart)
    modem.late_ms = 1200
    assert asked(modem, "AT+CFUN=1", 1000, None, dialogue) is None
    modem.late_ms = 20
    modem.sim = "missing"
    answer = asked(modem, "AT+CPIN=1", 1000, None, dialogue)
    assert answer.final == "+CME ERROR: 10"


def test_a_modem_that_never_stops_talking_does_not_hold_us():
    modem = FakeModem(Clock(), running=True)
    virtual(modem.clock)
    dialogue = Dialogue(modem.uart)
    modem.hung = "power"
    assert asked(modem, "AT", 100, None, dialogue) is None
    modem.any = lambda: 64
    talk = [0]

    def read(size):
        talk[0] += 1
        modem.clock.pass_ms(1)
        return b"\r" if talk[0] % 8 == 0 else b"x" * size

    modem.read = read
    began = modem.clock.ms
    assert asked(modem, "AT", 500, None, dialogue) is None
    assert modem.clock.ms - began < 4000


def longest_gap(modem, work):
    """Run it on a modem that says short lines without end, a millisecond each read: how long another task had
    to wait for its turn."""
    virtual(modem.clock)
    talk = [0]

    def read(size):
        talk[0] += 1
        modem.clock.pass_ms(1)
        return b"\r" if talk[0] % 8 == 0 else b"x" * size

    modem.any = lambda: 4096
    modem.read = read
    gaps = []

    async def other():
        before = modem.clock.ms
        while True:
            await asyncio.sleep(0)
            gaps.append(modem.clock.ms - before)
            before = modem.clock.ms

    async def both():
        task = asyncio.create_task(other())
        await asyncio.sleep(0)
        await work(Dialogue(modem.uart))
        await asyncio.sleep(0)
        task.cancel()

    run(both())
    return max(gaps)


def test_lines_that_come_faster_than_they_are_read_stop_nobody_else():
    for work in (lambda dialogue: dialogue.ask("AT", 5000), lambda dialogue: dialogue.escape(50)):
        modem = FakeModem(Clock(), running=True)
        gap_ms = longest_gap(modem, work)
        assert gap_ms < 100, gap_ms


def test_a_line_without_an_end_in_front_of_an_answer():
    modem = FakeModem(Clock(), running=True)
    modem.noise = b"x" * 10000
    assert asked(modem, "AT+CSQ", 5000, "+CSQ:").lines == ["21,99"]
    assert modem.clock.ms < 5000


def test_an_answer_that_is_late_once_shifts_nothing():
    modem = FakeModem(Clock(), running=True)
    virtual(modem.clock)
    dialogue = Dialogue(modem.uart)
    for late_ms in (1100, 1600, 2900):  # the last one: after all patience for it
        modem.late_ms = late_ms
        assert asked(modem, "AT+CFUN=1", 1000, None, dialogue) is None
        modem.late_ms = 400
        modem.dial = "NO CARRIER"
        answer = asked(modem, "ATD*99#", 5000, None, dialogue)
        assert answer.final == "NO CARRIER"
        modem.sim = "missing"
        assert asked(modem, "AT+CPIN=1", 5000, None, dialogue).final == "+CME ERROR: 10"
        assert asked(modem, "AT", 5000, None, dialogue).ok


def test_a_modem_that_does_not_know_how_to_be_asked_in_step():
    modem = FakeModem(Clock(), running=True)
    virtual(modem.clock)
    shown = modem._shown
    modem._shown = lambda command: [] if command == "AT+CMEE?" else shown(command)
    dialogue = Dialogue(modem.uart)
    modem.late_ms = 1200
    assert asked(modem, "AT+CFUN=1", 1000, None, dialogue) is None
    modem.late_ms = 20
    assert asked(modem, "AT", 1000, None, dialogue).ok


def test_junk_in_front_of_an_answer():
    modem = FakeModem(Clock(), running=True)
    modem.noise = b"\xf8\x00\xc1\x80"
    assert asked(modem, "AT", 1000).ok


def test_behind_connect_nothing_is_taken():
    modem = FakeModem(Clock(), running=True)
    modem.late_ms = 0
    virtual(modem.clock)
    dialogue = Dialogue(modem.uart)
    modem.write = lambda data: modem.say_now(b"\r\nCONNECT 150000000\r\n~\xff}#\xc0!}!}!")
    answer = run(dialogue.ask("ATD*99#", 1000))
    assert answer.final == "CONNECT 150000000"
    assert modem.read(100) == b"\n~\xff}#\xc0!}!}!"


def test_out_of_data_mode():
    modem = FakeModem(Clock(), running=True)
    modem.data = True
    virtual(modem.clock)
    dialogue = Dialogue(modem.uart)
    assert run(dialogue.escape(1000))
    assert not modem.data
    modem.data, modem.escapes = True, False
    assert not run(dialogue.escape(1000))
