# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""`make configure`: the dialogue as a process at a terminal, from a file, and on a board; and no secret
anywhere."""

import json
import os
import pty
import select
import signal
import subprocess
import time

import pytest

from host_tests.install.littlefs_board import LittlefsBoard
from host_tests.install.model_board import Flash, ModelBoard, PowerCut
from install import settings
from install.board_link import BoardLink
from install.dialogue import Dialogue
from install.places import OnBoard
from install.settings import Wrong
from toolchain.layout import ROOT, VENV

COMMAND = [str(VENV / "bin" / "python"), "-m", "install.configure"]
ENVIRONMENT = {**os.environ, "PYTHONPATH": "%s/tools:%s/firmware:%s" % (ROOT, ROOT, ROOT), "TERM": "dumb"}

KEY = "71375a742d346d56782d394b64772d32"
PASSWORD = "correct horse battery"
PIN = "4711"
SECRETS = (KEY, PASSWORD, PIN, "url-secret")
BOARD = settings.board_data("pico_lte")
_YES_OR_NO = ("Write it?", "Restart the charger")
FULL = {
    "csms_url": "wss://user:url-secret@csms.example.org/ocpp",
    "id": "CP1",
    "wifi": {"ssid": "home", "password": PASSWORD},
    "lte": {"apn": "internet", "pin": PIN},
    "set": {"AuthorizationKey": KEY, "HeartbeatInterval": "60"},
    "station": {"connectors": [{"rated_a": 16}]},
}


def told_no_secret(text: str) -> None:
    for secret in SECRETS:
        assert secret not in text


class Terminal:
    """The command at a terminal of its own; `transcript` is what a person would have seen."""

    def __init__(self, *arguments: str):
        self._process, self._master = pty.fork()
        if self._process == 0:
            os.chdir(ROOT)
            os.execve(COMMAND[0], [*COMMAND, *arguments], ENVIRONMENT)
        self.transcript = ""

    def read_until(self, words: str, timeout_s: float = 30) -> None:
        until = time.monotonic() + timeout_s
        while words not in self.transcript[self._seen() :]:
            left = until - time.monotonic()
            assert left > 0, self.transcript
            if select.select([self._master], [], [], left)[0]:
                self.transcript += os.read(self._master, 4096).decode()
        self._mark = self.transcript.index(words, self._seen()) + len(words)

    _mark = 0

    def _seen(self) -> int:
        return self._mark

    def answer(self, question: str, text: str) -> None:
        self.read_until(question)
        self.read_until("[Y/n] " if question in _YES_OR_NO else "]: ")
        os.write(self._master, text.encode() + b"\n")

    def interrupt(self) -> None:
        """Once more if nothing comes of it: CPython misses one that comes between its prompt and its read."""
        for _ in range(5):
            os.write(self._master, b"\x03")
            until = time.monotonic() + 5
            while "ended" not in self.transcript and time.monotonic() < until:
                if select.select([self._master], [], [], 1)[0]:
                    self.transcript += os.read(self._master, 4096).decode()
            if "ended" in self.transcript:
                return

    def end(self) -> int:
        while True:
            try:
                data = os.read(self._master, 4096)
            except OSError:
                break
            if not data:
                break
            self.transcript += data.decode()
        os.close(self._master)
        return os.waitstatus_to_exitcode(os.waitpid(self._process, 0)[1])

    def kill(self) -> None:
        os.kill(self._process, signal.SIGKILL)


def answer_all(terminal: Terminal) -> None:
    terminal.answer("URL of the CSMS", "http://wrong.example.org")
    terminal.read_until("begins neither with ws://")
    terminal.answer("URL of the CSMS", "wss://csms.example.org/ocpp")
    terminal.answer("Identity", "CP7")
    terminal.answer("SSID", "home")
    terminal.answer("Wi-Fi: password", "short")
    terminal.read_until("is not of 8 to 63 characters")
    terminal.answer("Wi-Fi: password", PASSWORD)
    terminal.answer("APN", "")
    terminal.answer("LTE: user", "")
    terminal.answer("LTE: password", "")
    terminal.answer("PIN", PIN)
    terminal.answer("Authorization key", KEY)
    terminal.answer("Serial number", "0815")
    terminal.answer("Write it?", "")
    terminal.answer("Restart the charger", "")


def test_the_dialogue_at_a_terminal(tmp_path):
    terminal = Terminal("--port", str(tmp_path))
    answer_all(terminal)
    assert terminal.end() == 0
    told_no_secret(terminal.transcript)
    assert "set.AuthorizationKey: set" in terminal.transcript
    path = tmp_path / "installation.json"
    assert json.loads(path.read_text()) == {
        "csms_url": "wss://csms.example.org/ocpp",
        "id": "CP7",
        "wifi": {"ssid": "home", "password": PASSWORD},
        "lte": {"pin": PIN},
        "set": {"AuthorizationKey": KEY},
        "info": {"chargePointSerialNumber": "0815"},
    }
    assert path.stat().st_mode & 0o077 == 0
    assert [entry.name for entry in tmp_path.iterdir()] == ["installation.json"]


def test_what_is_there_is_the_default_and_a_booted_charger_is_told(tmp_path):
    path = tmp_path / "installation.json"
    path.write_text(json.dumps(FULL))
    (tmp_path / "settings").write_text("")
    terminal = Terminal("--port", str(tmp_path))
    terminal.answer("URL of the CSMS", "")
    terminal.answer("Identity", "CP2")
    for question in ("SSID", "Wi-Fi: password", "APN", "LTE: user", "LTE: password"):
        terminal.answer(question, "")
    terminal.answer("PIN", "-")
    for question in ("Authorization key", "Serial number", "Write it?", "Restart the charger"):
        terminal.answer(question, "")
    assert terminal.end() == 0
    told_no_secret(terminal.transcript)
    assert "user:***@csms" in terminal.transcript
    assert "counts no more" in terminal.transcript
    assert json.loads(path.read_text()) == {**FULL, "id": "CP2", "lte": {"apn": "internet"}}


def test_ctrl_c_changes_nothing(tmp_path):
    terminal = Terminal("--port", str(tmp_path))
    terminal.answer("URL of the CSMS", "wss://csms.example.org/ocpp")
    terminal.read_until("Identity")
    terminal.interrupt()
    assert terminal.end() == 1
    assert "nothing was written" in terminal.transcript
    assert list(tmp_path.iterdir()) == []


def test_another_board_at_the_same_port_gets_nothing(tmp_path):
    """The questions take minutes, in which the charger runs: what was read before them may be another's."""
    path = tmp_path / "installation.json"
    path.write_text(json.dumps(FULL))
    terminal = Terminal("--port", str(tmp_path))
    terminal.answer("URL of the CSMS", "")
    terminal.answer("Identity", "CP2")
    for question in ("SSID", "Wi-Fi: password", "APN", "LTE: user", "LTE: password", "PIN"):
        terminal.answer(question, "")
    for question in ("Authorization key", "Serial number"):
        terminal.answer(question, "")
    path.write_text('{"id": "OTHER"}')
    terminal.answer("Write it?", "")
    terminal.answer("Restart the charger", "")
    assert terminal.end() == 1
    told_no_secret(terminal.transcript)
    assert "nothing was written" in terminal.transcript
    assert path.read_text() == '{"id": "OTHER"}'


def run(*arguments: str) -> tuple[int, str]:
    done = subprocess.run(
        [*COMMAND, *arguments],
        cwd=ROOT,
        env=ENVIRONMENT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    return done.returncode, done.stdout + done.stderr


def test_without_a_terminal_no_secret_is_asked_for(tmp_path):
    code, said = run("--port", str(tmp_path))
    assert code == 1
    assert "need a terminal" in said


def test_a_file_is_laid_over_what_is_there(tmp_path):
    path = tmp_path / "installation.json"
    path.write_text(json.dumps(FULL))
    given = tmp_path / "given.json"
    given.write_text(json.dumps({"id": "CP9", "lte": None, "set": {"HeartbeatInterval": None}}))
    code, said = run("--port", str(tmp_path), "--file", str(given))
    assert code == 0, said
    told_no_secret(said)
    assert "can be read by others" in said
    wanted = {**FULL, "id": "CP9", "set": {"AuthorizationKey": KEY}}
    del wanted["lte"]
    assert json.loads(path.read_text()) == wanted


@pytest.mark.parametrize(
    "given",
    [
        '{"set": {"AuthorizationKey": "url-secret"}}',
        '{"lte": {"pin": "4711x"}}',
        '{"wifi": {"ssid": "a", "passwort": "correct horse battery"}}',
        '{"csms_url": "wss://user:url-secret/x@host/"}',
        '{"csms_url": "wss://host:url-secret/"}',
        '{"csms_url": "wss://user:url-secret\u00e4@host/"}',
        '{"wifi": "correct horse battery"}',
        '{"correct horse battery',
        '{"wifi": ' + "[" * 100000,
        '{"wifi": {"ssid": "a", "password": "correct horse battery' + "x" * 43 + '"}}',
        '{"id": "\\ud800correct horse battery"}',
        '{"wifi": {"ssid": "a", "password": "correct horse battery\\ud800"}}',
    ],
)
def test_a_wrong_file_is_refused_without_its_values(tmp_path, given):
    file = tmp_path / "given.json"
    file.write_text(given)
    code, said = run("--port", str(tmp_path), "--file", str(file))
    assert code == 1
    told_no_secret(said)
    assert "\u00e4" not in said
    assert "Nothing was written" in said
    assert not (tmp_path / "installation.json").exists()


@pytest.mark.parametrize(
    ("document", "wrong"),
    [
        ({}, None),
        (FULL, None),
        ({"set": {"AuthorisationKey": KEY}}, "AuthorisationKey: no key"),
        ({"set": {"HeartbeatInterval": "x"}}, "HeartbeatInterval=x"),
        ({"station": {"connectors": [{"rated_a": 64}]}}, "more than the board has"),
        ({"station": {"connectors": [{"phase_switch": True, "phases": 3}]}}, "station: "),
        ({"station": {"options": {"start_tag": "04A1B2C3"}}}, "the board has no start button"),
        ({"stations": {}}, "is no field"),
        ({"id": "x" * 9000}, "longer than"),
    ],
)
def test_the_checks_are_those_of_the_firmware(document, wrong):
    if wrong is None:
        settings.check(document, BOARD)
        return
    with pytest.raises(Wrong) as caught:
        settings.check(document, BOARD)
    assert wrong in str(caught.value)
    told_no_secret(str(caught.value))


def test_shown_is_no_secret():
    odd = {
        **FULL,
        "set": {"authorizationKEY": KEY, "AuthorisationKey": KEY, "HeartbeatInterval": "60"},
        "station": {"configuration": {"AuthorizationKey": KEY, "HeartbeatInterval": "60"}},
        "passwrd": PASSWORD,
    }
    text = "\n".join(settings.shown(FULL) + settings.shown(odd))
    told_no_secret(text)
    assert "set.HeartbeatInterval: 60" in text
    assert "wifi.ssid: home" in text


def scripted(answers: dict[str, list[str]], document: dict) -> tuple[dict, list[str]]:
    said: list[str] = []

    def ask(question: str) -> str:
        found = next((words for words in answers if words in question), None)
        return answers[found].pop(0) if found and answers[found] else ""

    return Dialogue(ask, ask, said.append).run(document, BOARD), said


def test_a_password_may_begin_and_end_with_a_space():
    there = {"wifi": {"ssid": "home"}}

    def answers(password):
        def ask(question):
            return password if "Wi-Fi: password" in question else " CP1 " if "Identity" in question else ""

        return Dialogue(ask, ask, [].append).run(there, None)

    assert answers(" long secret ") == {"id": "CP1", "wifi": {"ssid": "home", "password": " long secret "}}
    assert answers("  ") == {"id": "CP1", **there}
    assert answers("0f" * 32)["wifi"]["password"] == "0f" * 32


def test_a_network_is_removed_with_its_password():
    document = {"id": "CP1", "wifi": {"ssid": "home", "password": PASSWORD}}

    def ask(question):
        return "-" if "SSID" in question else ""

    assert Dialogue(ask, ask, [].append).run(document, None) == {"id": "CP1"}


def test_a_file_without_an_end():
    code, said = run("--port", str(ROOT), "--file", "/dev/zero")
    assert code == 1 and "longer than" in said


def test_a_known_board_is_asked_for_what_it_has():
    asked: list[str] = []

    def ask(question: str) -> str:
        asked.append(question)
        return ""

    assert Dialogue(ask, ask, asked.append).run(FULL, BOARD) == FULL
    text = "\n".join(asked)
    assert "LTE: APN [internet]" in text
    assert "Wi-Fi" not in text
    assert "Connector 1: rated current, A; the board's is 32 [16]" in text
    told_no_secret(text)


def test_several_networks_stay():
    document = {**FULL, "wifi": [{"ssid": "a", "password": "eight or more"}, {"ssid": "b"}]}
    said: list[str] = []
    assert Dialogue(lambda _: "", lambda _: "", said.append).run(document, None) == document
    assert said[0].startswith("wifi: the networks that are there stay")
    lines = settings.shown(document)
    assert "wifi: set" in lines and "wifi.password: not set" not in lines


def test_the_connectors_are_rated_down_not_up():
    found, said = scripted({"rated current": ["64", "x", "10"]}, {})
    assert found == {"station": {"connectors": [{"rated_a": 10}]}}
    assert ["more than the board has" in said[0], said[1]] == [True, "a whole number, please"]
    assert scripted({"rated current": ["-"]}, found)[0] == {}


def configured(board: ModelBoard, text: bytes) -> None:
    link = BoardLink(board)
    link.take_over()
    OnBoard(link).write(text)
    link.leave()


def test_a_power_cut_leaves_the_old_or_the_new_file():
    for before in (None, b'{"id": "OLD"}'):
        for cut_at in range(10):
            files = {} if before is None else {"/installation.json": before}
            board = ModelBoard(Flash(files))
            board.flash.cut_at = cut_at
            try:
                configured(board, b'{"id": "NEW"}')
            except PowerCut:
                assert board.flash.files.get("/installation.json") == before
                board.flash.cut_at = None
                configured(board, b'{"id": "NEW"}')
            assert board.flash.files == {"/installation.json": b'{"id": "NEW"}'}
    assert board.restarts == 1


@pytest.mark.timeout(120)
def test_a_board_is_configured_with_unmodified_mpremote(tmp_path):
    given = tmp_path / "given.json"
    given.write_text(json.dumps(FULL))
    given.chmod(0o600)
    with LittlefsBoard(tmp_path / "flash.bin") as board:
        code, said = run("--port", board.port, "--file", str(given))
        assert code == 0, said
        told_no_secret(said)
        board.booted()
        assert json.loads(board.mpremote("fs", "cat", ":/installation.json")) == FULL
        terminal = Terminal("--port", board.port)
        terminal.answer("URL of the CSMS", "")
        board.booted()  # it runs while he thinks
        terminal.answer("Identity", "CP3")
        for question in ("SSID", "Wi-Fi: password", "APN", "LTE: user", "LTE: password", "PIN"):
            terminal.answer(question, "")
        for question in ("Authorization key", "Serial number", "Write it?", "Restart the charger"):
            terminal.answer(question, "")
        assert terminal.end() == 0, terminal.transcript
        told_no_secret(terminal.transcript)
        board.booted()
        assert json.loads(board.mpremote("fs", "cat", ":/installation.json")) == {**FULL, "id": "CP3"}
        assert "installation.json.new" not in board.mpremote("fs", "ls")
