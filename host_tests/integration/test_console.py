# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The console and the demo, with a stand-in for the charger that can be told to misbehave."""

import asyncio
import contextlib
import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.charger import REPOSITORY
from bench.deadline import within
from bench.desk.screen import Screen, describe
from bench.messages import FROM_STATION, TO_STATION, read
from host_tests.integration.processes import processes, wait_until_gone

LAUNCHER = f"{sys.executable} {Path(__file__).with_name('stand_in.py')}"
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(REPOSITORY / "tools"), "TERM": "xterm-256color"}
ESCAPE = re.compile(r"\x1b[\[\]][0-9;?]*[A-Za-z]")


@pytest.fixture
def station(tmp_path: Path) -> str:
    """A station file whose path no other process has on its command line."""
    connector = {"cable": "fixed", "current": "AC", "phases": 1, "rated_a": 32}
    path = tmp_path / "station.json"
    path.write_text(json.dumps({"name": "Stand-in", "connectors": [connector]}))
    return str(path)


def command(station: str, *options: str) -> list[str]:
    return [
        sys.executable,
        "-m",
        "bench.desk.console",
        "--station",
        station,
        "--launcher",
        LAUNCHER,
        *options,
    ]


def piped(station: str, *lines: str, options: tuple[str, ...] = ()) -> str:
    """What the console prints when these commands are piped into it; it must end with 0 and leave nothing."""
    done = subprocess.run(
        command(station, *options), input="\n".join(lines) + "\n", env=ENVIRONMENT,
        capture_output=True, text=True, timeout=40, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    wait_until_gone(station)
    return done.stdout


def in_order(text: str, *patterns: str) -> None:
    position = 0
    for pattern in patterns:
        match = re.compile(pattern, re.MULTILINE).search(text, position)
        assert match, f"not found after position {position}: {pattern}\n{text}"
        position = match.end()


def test_a_piped_session_is_told_line_by_line_without_colour(station):
    text = piped(station, "# a comment", "plug", "wait 0.3", "tag 04A1B2C3", "wait 1.5", "meter",
                 "tag 04A1B2C3", "wait 0.3", "unplug", "wait 0.5")  # fmt: skip
    assert "\x1b" not in text and "comment" not in text
    in_order(
        text,
        r"^Pilotlight: ",
        r"^  station  Stand-in  \(1 connector: 1-phase AC 32 A, fixed cable\)",
        r"^\d\d:\d\d:\d\d\.\d{3}  → BootNotification       Nobody Stand-in$",
        r"←   Accepted, heartbeat 60 s$",
        r"→ StatusNotification     connector 1  Available$",
        r"\* connector 1  Available  pilot A  contactor open$",
        r"^Ready\. To charge a car, type:  plug",
        r"^pilotlight> plug$",
        r"→ StatusNotification     connector 1  Preparing$",
        r"^pilotlight> tag 04A1B2C3$",
        r"→ Authorize              tag 04A1B2C3$",
        r"←   Accepted$",
        r"→ StartTransaction       connector 1  tag 04A1B2C3  meter 1200 Wh$",
        r"←   Accepted, transaction 1$",
        r"\* connector 1  Charging  pilot C  contactor closed  7.36 kW$",
        r"→ MeterValues            connector 1  transaction 1  12\d\d Wh$",
        r"^  connector 1: meter 12\d\d Wh$",
        r"→ StopTransaction        transaction 1  meter 12\d\d Wh  reason Local  tag 04A1B2C3$",
        r"\* connector 1  Finishing",
        r"\* connector 1  Available",
        r"^Everything is ended",
    )


def test_what_became_of_each_tag_is_told(station):
    text = piped(station, "state", "tag 04BADBAD", "wait 1.5", "tag 04BADBAD", "wait 1.5", "tag 04D4E5F6",
                 "wait 1.5", "state")  # fmt: skip
    assert "last tag" not in text.partition("tag 04BADBAD")[0]
    refused = r"\* tag 04BADBAD  refused: CSMS: Blocked$"
    in_order(
        text,
        refused,
        r"^pilotlight> tag 04BADBAD$",
        refused,
        r"^pilotlight> tag 04D4E5F6$",
        r"\* tag 04D4E5F6  accepted: CSMS: Accepted$",
        r"^  last tag       04D4E5F6  accepted: CSMS: Accepted  \([12] s ago\)$",
    )
    assert len(re.findall(r"\* tag ", text)) == 3


def test_requests_of_the_csms_and_their_answers_are_shown(station):
    text = piped(station, "set HeartbeatInterval 30", 'send Reset {"type": "Soft"}', "wait 3")
    in_order(
        text,
        r"← ChangeConfiguration    HeartbeatInterval = 30$",
        r"→   Accepted$",
        r"← Reset                  Soft$",
        r"→   Accepted$",
        r"· the connection to the CSMS has ended$",
        r"· the charger resets itself \(exit code 3\) and is started again$",
        r"→ BootNotification ",
    )


def test_after_a_power_cut_the_charger_comes_back(station):
    text = piped(station, "power cut", "wait 4", "reboot", "wait 3")
    in_order(
        text, r"· the power is cut \(exit code 137\)", r"→ BootNotification", r"exit code 3", r"→ BootNotif"
    )


@pytest.mark.parametrize("how", ["crash-on-plug", "crash-at-start"])
def test_a_crash_is_told_and_the_console_stays(station, how):
    text = piped(station, "plug", "wait 0.5", "plug", "state", "get", options=("--set", f"Defect={how}"))
    in_order(
        text,
        r"· the charger crashed \(exit code 1\); its last words:\n    Traceback: the stand-in",
        r"· `start` starts it again, `quit` leaves$",
        r"> plug\n.*· the charger is not running; `start` starts it$",
        r"> state\n.*· the charger is not running",
        r"> get\n.*· the charger is not connected to the CSMS now",
        r"^Everything is ended",
    )


def test_a_crashed_charger_can_be_started_again(station):
    text = piped(
        station, "plug", "wait 0.5", "start", "wait 0.5", "start", options=("--set", "Defect=crash-on-plug")
    )
    in_order(
        text, r"crashed", r"> start\n(.*\n)*?.*→ BootNotification", r"> start\n.*the charger is running$"
    )


def test_wrong_commands_get_a_helpful_sentence(station):
    wrong = {
        "hlep": r"no command 'hlep', did you mean help\?",
        "plug one": r"the connector is a whole number, not 'one'  \(usage: plug \[CONNECTOR\]\)",
        "tag": r"which tag\?",
        "car wings 2": r"no 'wings'",
        "car ready": r"say what changes",
        "fault": r"which fault\?",
        "link sideways": r"up or down",
        "power": r"cut",
        "set HeartbeatInterval": r"which key and its new value",
        "reset warm": r"soft or hard",
        "availability 1": r"on or off",
        "availability 1 maybe": r"yes or no instead of 'maybe'",
        "remote-stop": r"no transaction is running$",
        "remote-stop seven": r"whole number",
        "send": r"which operation\?",
        "send Reset {": r"that is not JSON",
        "send Reset {}": r"not done: Reset call: 'type' is a required property",
        "send Nonsense {}": r"no action 'Nonsense'",
        "tags X Golden": r"one of Accepted, Blocked",
        'tag "04': r"cannot be read",
        "do dance": r"not done: no request 'dance'",
        "wait": r"how many seconds",
        "data-transfer": r"vendor",
    }
    text = piped(station, *wrong)
    in_order(text, *(re.escape(f"> {line}") + r"\n.*· .*" + sentence for line, sentence in wrong.items()))


def test_tags_can_be_shown_and_entered(station):
    text = piped(station, "tags 04123456 blocked", "plug", "wait 0.3", "tag 04123456", "wait 0.5")
    in_order(
        text, r"^  04A1B2C3 +Accepted", r"^  04123456 +Blocked", r"→ Authorize +tag 04123456", r"←   Blocked"
    )
    assert "StartTransaction" not in text


def test_help_explains_every_command(station):
    lines = [line for line in piped(station, "help").splitlines() if line.startswith("  ")]
    words = """
        plug unplug tag car fault clear meter link power reboot remote-start remote-stop set get unlock reset
        availability clear-cache data-transfer send tags state help quit
    """
    for word in words.split():
        assert any(re.match(rf"  {word}( .*)?  +\S", line) for line in lines), word


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_everything_with_code_0(station, number):
    pipe = subprocess.PIPE
    console = subprocess.Popen(command(station), stdin=pipe, stdout=pipe, stderr=pipe, env=ENVIRONMENT)
    assert console.stdout is not None
    while line := console.stdout.readline():
        if line.startswith(b"Ready"):
            break
    console.send_signal(number)
    rest, errors = console.communicate(timeout=10)
    assert (console.returncode, errors) == (0, b"") and b"Traceback" not in rest
    wait_until_gone(station)


def test_a_killed_console_leaves_no_charger_behind(station):
    console = subprocess.Popen(
        command(station), stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=ENVIRONMENT
    )
    assert console.stdout is not None
    while line := console.stdout.readline():
        if line.startswith(b"Ready"):
            break
    assert len(processes(station)) == 2
    console.kill()
    console.wait(5)
    wait_until_gone(station)


# Without a controlling terminal Ctrl-C would be a key like any other.
LOG_IN = "import os, sys; os.login_tty(0); os.execv(sys.argv[1], sys.argv[1:])"


class Terminal:
    """The console as a person has it: on a pseudo-terminal."""

    def __init__(self, *arguments: str):
        self._master, slave = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "-c", LOG_IN, *arguments],
            stdin=slave, stdout=slave, stderr=slave, env=ENVIRONMENT,
        )  # fmt: skip
        os.close(slave)
        self.text = ""
        self._modes = termios.tcgetattr(self._master)

    def until(self, pattern: str, seconds: float = 10) -> None:
        deadline = time.monotonic() + seconds
        while not re.search(pattern, ESCAPE.sub("", self.text)):
            assert time.monotonic() < deadline, f"{pattern} not seen:\n{ESCAPE.sub('', self.text)}"
            if select.select([self._master], [], [], 0.1)[0]:
                try:
                    data = os.read(self._master, 65536)
                except OSError:  # the other end has closed
                    data = b""
                assert data, f"the console ended before {pattern}:\n{ESCAPE.sub('', self.text)}"
                if b"\x1b[6n" in data:  # a terminal is asked where its cursor is
                    os.write(self._master, b"\x1b[1;1R")
                self.text += data.decode("utf-8", "replace")

    def type(self, text: str) -> None:
        os.write(self._master, text.encode())

    def end(self) -> str:
        """Read to the end, for 40 s at most; returns what was shown, without escapes. The terminal must be
        as it was found.
        """
        begun = time.monotonic()
        with contextlib.suppress(OSError):  # the other end has closed
            while time.monotonic() - begun < 40:
                if not select.select([self._master], [], [], 0.5)[0]:
                    continue
                data = os.read(self._master, 65536)
                if not data:
                    break
                if b"\x1b[6n" in data:
                    os.write(self._master, b"\x1b[1;1R")
                self.text += data.decode("utf-8", "replace")
        assert termios.tcgetattr(self._master) == self._modes
        os.close(self._master)
        self.process.wait(10)
        return ESCAPE.sub("", self.text)


@pytest.fixture
def terminal(station: str) -> Iterator[Terminal]:
    shown = Terminal(*command(station))
    yield shown
    if shown.process.poll() is None:
        shown.process.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_at_a_terminal_a_signal_ends_everything(terminal, station, number):
    terminal.until(r"Ready\.")
    terminal.until(r"pilotlight>")
    terminal.process.send_signal(number)
    assert "Traceback" not in terminal.end()
    assert terminal.process.returncode == 0
    wait_until_gone(station)


@pytest.mark.parametrize("key", ["\x03", "\x04", "quit\r"])
def test_at_a_terminal_ctrl_c_ctrl_d_and_quit_end_everything(terminal, station, key):
    terminal.until(r"Ready\.")
    terminal.until(r"pilotlight>")
    assert "\x1b[1;36m" in terminal.text  # the charger's requests have their colour
    terminal.type("plug\r")
    terminal.until(r"connector 1  Preparing")
    terminal.type(key)
    text = terminal.end()
    assert terminal.process.returncode == 0, text
    assert "Everything is ended" in text and "Traceback" not in text
    assert "^C" not in text and "^D" not in text  # keys are ours, the terminal does not show them
    wait_until_gone(station)


def test_what_is_being_typed_survives_messages(terminal):
    terminal.until(r"Ready\.")
    terminal.type("plug\r")
    terminal.until(r"Preparing")
    terminal.type("tag 04A1B2C3\r")
    terminal.until(r"Charging")
    terminal.type("unpl")
    before = len(terminal.text)
    terminal.until(r"MeterValues(.|\n)*MeterValues(.|\n)*pilotlight> unpl")
    after = ESCAPE.sub("", terminal.text[before:])
    assert re.search(r"MeterValues(.|\n)*pilotlight> unpl", after)
    terminal.type("ug\r")
    terminal.until(r"connector 1  Available  pilot A  contactor open(.|\n)*connector 1  Available")
    terminal.type("\x04")
    assert terminal.process.wait(10) == 0


DEFECTS = {
    "": r"^Bill: (\d+) Wh in 0 min \d+ s, card 04A1B2C3 \(meter 1200 Wh to (\d+) Wh, transaction 1, stopped",
    "crash-on-plug": r"^The demo failed: the charger ended with exit code 1$",
    "crash-at-start": r"^The demo failed: the charger ended with exit code 1$",
    "no-boot": r"^The demo failed: waited 15 s for BootNotification",
    "no-meter-values": r"^The demo failed: waited 8 s for MeterValues",
    "frozen-meter": r"^The demo failed: the car drew nothing",
    "wrong-stop": r"^The demo failed: the reason of the stop is Other, not Local$",
    "no-stop": r"^The demo failed: waited 10 s for StopTransaction",
}


def test_the_demo_tells_an_honest_charger_from_seven_defects(station):
    async def play(defect: str) -> tuple[int | None, str]:
        process = await asyncio.create_subprocess_exec(
            *command(station, "--demo", "--set", f"Defect={defect}"),
            env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        output, _ = await within(50, process.communicate())
        return process.returncode, output.decode()

    async def play_all() -> list[tuple[int | None, str]]:
        return await asyncio.gather(*(play(defect) for defect in DEFECTS))

    for (defect, verdict), (code, text) in zip(DEFECTS.items(), asyncio.run(play_all()), strict=True):
        match = re.search(verdict, text, re.MULTILINE)
        assert match, f"{defect}: {verdict} not in\n{text}"
        assert code == (1 if defect else 0), text
        assert "Traceback (" not in text
        if not defect:
            assert int(match[1]) == int(match[2]) - 1200 > 0
    wait_until_gone(station)


def test_a_station_that_does_not_exist_is_named_with_those_that_do():
    done = subprocess.run(
        command("no_such_station"), env=ENVIRONMENT, capture_output=True, text=True, timeout=20, check=False
    )
    assert done.returncode == 2 and "no_such_station" in done.stderr and "boards/sim" in done.stderr
    assert "Traceback" not in done.stderr


SAMPLE = {"value": "1523", "unit": "Wh", "context": "Transaction.Begin"}
CURRENT = {"value": "31.9", "measurand": "Current.Import", "phase": "L1", "unit": "A"}
OFFERED = {"value": "7", "measurand": "Power.Offered", "unit": "W"}
METERED = {"timestamp": "2026-11-20T10:00:00Z", "sampledValue": [SAMPLE, CURRENT, OFFERED]}


@pytest.mark.parametrize(
    ("frame", "text"),
    [
        ([2, "1", "Authorize", {"idTag": "04A1"}], "tag 04A1"),
        ([2, "1", "Heartbeat", {}], ""),
        (
            [2, "1", "StatusNotification",
             {"connectorId": 2, "status": "Faulted", "errorCode": "GroundFailure", "info": "why"}],
            "connector 2  Faulted  GroundFailure  why",
        ),
        (
            [2, "1", "MeterValues", {"connectorId": 1, "transactionId": 7, "meterValue": [METERED]}],
            "connector 1  transaction 7  Sample.Periodic/Transaction.Begin  1523 Wh  L1 31.9 A  offered 7 W",
        ),
        ([2, "1", "StopTransaction", {"transactionId": 7, "meterStop": 3400, "timestamp": "x"}],
         "transaction 7  meter 3400 Wh  reason Local"),
        ([2, "1", "GetConfiguration", {"key": ["A", "B"]}], "A B"),
        ([2, "1", "UnlockConnector", {"connectorId": 1}], "connector 1"),
        ([2, "1", "StartTransaction", {"connectorId": 1}], '{"connectorId": 1}'),
        ([4, "1", "NotImplemented", "no", {}], "CALLERROR NotImplemented no"),
    ],
)  # fmt: skip
def test_a_message_in_words(frame, text):
    assert describe(read(FROM_STATION, json.dumps(frame))) == text


def test_arrows_and_indents_tell_who_asks_and_who_answers():
    lines: list[str] = []
    screen = Screen(lines.append, colour=False)
    for direction, frame in (
        (FROM_STATION, [2, "1", "Heartbeat", {}]),
        (TO_STATION, [3, "1", {}]),
        (TO_STATION, [2, "2", "ClearCache", {}]),
        (FROM_STATION, [3, "2", {"status": "Accepted"}]),
    ):
        screen.message(read(direction, json.dumps(frame)))
    assert [line[14:] for line in lines] == ["→ Heartbeat", "←   ok", "← ClearCache", "→   Accepted"]
