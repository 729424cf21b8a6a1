# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The console of a charger, its event log and its self-test, over a serial port that is a pseudo-terminal."""

import asyncio
import contextlib
import re
import sys
import time
from datetime import UTC, datetime

import pytest
import serial

from bench.csms import Csms
from selftest import __main__ as command
from selftest import calibration, page
from selftest.dialogue import Dialogue, Findings, NoCharger, Result, opened
from selftest.simulated import running

TAG = "04A1B2C3"


@contextlib.contextmanager
def console(charger):
    with contextlib.closing(opened(charger.port)) as port:
        dialogue = Dialogue(port)
        dialogue.find()
        yield dialogue


def examined(charger, contactor=True, tag=True):
    told = []

    def listen(line):
        told.append(line)
        if tag and line.startswith(">>>"):
            charger.do(do="tag", id=TAG)

    with console(charger) as dialogue:
        return dialogue.test(contactor, listen)


def found(findings):
    return {(result.connector, result.name): (result.verdict, result.text) for result in findings.results}


def failed(findings):
    return {key for key, (verdict, _) in found(findings).items() if verdict == "fail"}


async def test_a_good_charger_with_a_central_system_passes(tmp_path):
    async with Csms() as csms:

        def whole():
            with running("generic_socket", "--csms", csms.url, "--id", "CP/../1") as charger:
                return examined(charger)

        findings = await asyncio.to_thread(whole)
    assert findings.passed and not findings.incomplete, findings
    rows = found(findings)
    assert rows[1, "contactor"][0] == rows[1, "RCD"][0] == rows[1, "lock"][0] == "pass"
    assert rows[0, "central system"] == ("pass", "connected without TLS, registered")
    assert rows[0, "time"][1].startswith(datetime.now(UTC).strftime("%Y-%m"))
    assert findings.facts["id"] == "CP/../1" and findings.facts["firmware"] == "0.1.0"
    now = datetime(2026, 11, 22, 3, 4, 5, tzinfo=UTC)
    paths = page.write(findings, tmp_path / "pages", now)
    assert [path.name for path in paths] == ["CP____1-20261122-030405" + kind for kind in (".txt", ".html")]
    plain = paths[0].read_text()
    assert "Verdict: PASSED\n" in plain and "Signature" in plain and "0.1.0" in plain


@pytest.mark.parametrize(
    ("breaks", "where", "text"),
    [
        ({"do": "fault", "name": "ContactorWelded"}, (1, "contactor"), "closed, and was told to be open"),
        (
            {"do": "fault", "name": "ConnectorLockFailure", "silent": True},
            (1, "lock"),
            "not locked after 2000 ms",
        ),
        ({"do": "fault", "name": "RcdTrip"}, (1, "RCD"), "it has tripped before the test"),
        ({"do": "meter", "connector": 1, "fail": True}, (1, "meter"), "does not answer"),
        (
            {"do": "pilot", "connector": 1, "high_mv": 11000},
            (1, "pilot +12 V"),
            "11000 mV, 11400 to 12600 wanted",
        ),
        ({"do": "reader", "silent": True}, (0, "tag reader"), "does not answer"),
        ({"do": "link", "up": False}, (0, "network"), "down; signal: no radio, or not known"),
    ],
    ids=lambda value: value.get("name", value["do"]) if isinstance(value, dict) else "",
)
def test_what_is_broken_shows(breaks, where, text):
    with running("generic_socket") as charger:
        with console(charger):
            pass
        charger.do(**breaks)
        time.sleep(0.5)
        findings = examined(charger)
    assert not findings.passed
    assert found(findings)[where] == ("fail", text), findings.results
    # What follows of it: the fault, and a contactor that is not closed because of it.
    assert failed(findings) <= {where, (1, "faults"), (1, "contactor"), (1, "pilot -12 V")}, findings.results


def test_a_car_ends_it_and_a_session_is_not_disturbed():
    with running("loop_evs32a", "--set", "AllowOfflineTxForUnknownId=true") as charger:
        with console(charger):
            pass
        charger.do(do="plug", connector=1)
        charger.do(do="tag", id=TAG)
        deadline = time.monotonic() + 15
        while not charger.do(do="state")["connectors"][0].get("power_w"):
            assert time.monotonic() < deadline
            time.sleep(0.1)
        findings = examined(charger)
        state = charger.do(do="state")["connectors"][0]
        assert state["contactor"] and state["transaction"], state
    assert found(findings)[1, "parts"] == ("fail", "not tried: a transaction runs")
    assert (1, "contactor") not in found(findings)


def test_nobody_answers_and_no_port(tmp_path, capsys):
    with pytest.raises(NoCharger):
        opened(str(tmp_path / "no-such-port"))

    class Repl:
        in_waiting = 0

        def write(self, data):
            pass

        def read(self, count):
            time.sleep(0.01)
            return b">>> "

    with pytest.raises(NoCharger, match="mpremote reset"):
        Dialogue(Repl()).find(seconds=0.1)


def test_the_command(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["selftest", "--contactor", "no", "--out", str(tmp_path)])
    assert command.main() == 0
    said = capsys.readouterr().out
    assert "PASSED, NOT COMPLETE" in said and "SKIPPED" in said, said
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".html", ".txt"]
    monkeypatch.setattr(sys, "argv", ["selftest", "--port", str(tmp_path / "none"), "--out", str(tmp_path)])
    assert command.main() == 2


def test_the_page_and_what_it_offers():
    results = [
        Result(1, "pilot +12 V", "pass", "12240 mV, 11400 to 12600 wanted"),
        Result(1, "pilot -12 V", "pass", "-12000 mV, -12600 to -11400 wanted"),
        Result(0, "network", "fail", "<script>"),
    ]
    findings = Findings({"id": "A<B", "board": "pico_lte"}, results, passed=False)
    now = datetime(2026, 11, 22, 3, 4, 5, tzinfo=UTC)
    text = page.as_html(findings, now)
    assert "FAILED" in text and "<script>" not in text and "A&lt;B" in text and "Signature" in text
    # 1 % more than nominal at the top: the line through both points is steeper by that.
    assert '"plus_12v_mv": 2996, "minus_12v_mv": 330' in page.as_plain(findings, now)
    assert calibration.calibrated(2970, 330, 12000, -12000) == (2970, 330)
    findings.facts["board"] = "../sim"
    assert calibration.offer(findings) == []


def test_a_result_that_was_lost_on_the_line_does_not_pass():
    class Line:
        in_waiting = 4096

        def __init__(self):
            self.text = b"noise\xff: no\r\n: result 1|lock|fail|stuck\r\n     12345 W x: y\r\n"
            self.text += b": result 2|x\n: verdict pass\n"

        def write(self, data):
            pass

        def read(self, count):
            text, self.text = self.text[:count], self.text[count:]
            return text

    findings = Dialogue(Line()).test(False, lambda line: None)
    assert not findings.passed and len(findings.results) == 1


def test_the_console_of_a_running_charger(tmp_path):
    with running(
        "loop_evs32a", "--id", "CP9", "--set", "AuthorizationKey=0123456789abcdef", data=tmp_path
    ) as charger:
        with console(charger) as dialogue:
            state = dialogue.ask("state")
            assert "connected False" in state and "1 status Available" in state and state[-1] == "ok"
            assert dialogue.ask("set HeartbeatInterval 77") == ["ok"]
            assert dialogue.ask("get HeartbeatInterval") == ["HeartbeatInterval=77", "ok"]
            assert dialogue.ask("get AuthorizationKey") == ["AuthorizationKey=(secret)", "ok"]
            assert dialogue.ask("set AuthorizationKey fedcba9876543210")[-1].startswith("no: a secret")
            stats = dialogue.ask("stats")
            assert any(re.fullmatch(r"heap_free \d+", line) for line in stats), stats
            assert any(re.fullmatch(r"longest_stall \d+ ms, at \d+ s", line) for line in stats), stats
            assert "starts_PowerUp 1" in stats and "id CP9" in stats
            assert any("started by PowerUp" in line for line in dialogue.ask("log"))
            charger.do(do="fault", name="GroundFailure", connector=1)
            time.sleep(0.3)
            events = dialogue.ask("events")
            assert any("start PowerUp, boot 1" in line for line in events), events
            assert any(line.endswith("set HeartbeatInterval to 77") for line in events), events
            assert any(line.endswith("connector 1: GroundFailure (GroundFailure)") for line in events), events
            assert not any("fedcba98" in line or "01234567" in line for line in events)
        shown = charger.do(do="state")
        assert shown["stall"]["ms"] > 0
        charger.do(do="power_cut")
    with running("loop_evs32a", "--id", "CP9", data=tmp_path) as charger, console(charger) as dialogue:
        events = dialogue.ask("events all")
        assert any("start PowerUp, boot 2" in line for line in events), events
        assert any(line.endswith("set HeartbeatInterval to 77") for line in events)
        assert dialogue.ask("reboot") == ["ok"]
    content = (tmp_path / "events").read_bytes()
    assert content.isascii() and b"0123456789abcdef" not in content


def test_noise_on_the_line_changes_nothing():
    with running("loop_evs32a") as charger, contextlib.closing(opened(charger.port)) as port:
        dialogue = Dialogue(port)
        dialogue.find()
        for chunk in (bytes(range(256)) * 4, b"\r\x01\x02\x04", b"x" * 3000 + b"\r", b"\xff\xfe\xc3" * 100):
            port.write(chunk)
            time.sleep(0.2)
        time.sleep(8)  # 64 characters each 0.1 s
        dialogue.find()
        assert dialogue.ask("set HeartbeatInterval 78")[-1] == "ok"
        assert isinstance(port, serial.Serial)
        assert charger.do(do="state")["connectors"][0]["status"] == "Available"
