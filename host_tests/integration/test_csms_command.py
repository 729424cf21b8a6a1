# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""`python -m bench csms` as a process: scripts and their exit codes, passwords, who can reach it."""

import argparse
import asyncio
import contextlib
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import websockets

from bench.charger import REPOSITORY
from bench.deadline import within
from bench.desk.csms_command import add_arguments
from bench.ledger.books import Ledger
from host_tests.integration.charge_points import START, Payload, charge_point, everything, write
from host_tests.integration.test_console import Terminal

AT_ONCE = 4

COMMAND = [sys.executable, "-m", "bench.desk.csms_command"]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(REPOSITORY / "tools"), "TERM": "xterm-256color"}
SECRET = "correct-horse-battery"


class Process:
    """The CSMS as a process of its own, told what to do through a pipe."""

    def __init__(self, process: asyncio.subprocess.Process):
        self.process = process
        self.url = ""
        self.lines: list[str] = []

    @classmethod
    @contextlib.asynccontextmanager
    async def started(cls, *options: str, folder: str) -> AsyncIterator["Process"]:
        process = await asyncio.create_subprocess_exec(
            *COMMAND, "--port=0", *options, cwd=folder, env=ENVIRONMENT,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        here = cls(process)
        try:
            await here.until("charge points connect to")
            here.url = here.lines[-1].split()[-1].removesuffix("/ID")
            yield here
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()

    async def until(self, text: str) -> str:
        assert self.process.stdout is not None
        while line := (await within(20, self.process.stdout.readline())).decode().rstrip():
            self.lines.append(line)
            if text in line:
                return line
        raise AssertionError(f"{text!r} not seen:\n" + "\n".join(self.lines))

    def say(self, *lines: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("".join(line + "\n" for line in lines).encode())

    async def end(self) -> int:
        """The end of the input; the exit code."""
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.close()
        self.lines += (await within(20, self.process.stdout.read())).decode().splitlines()
        return await within(20, self.process.wait())


async def play(*script: str, options: tuple[str, ...] = (), **answers: Payload) -> tuple[int, str]:
    """Exit code and screen of a script with one charge point, which starts a transaction when asked to."""
    with tempfile.TemporaryDirectory() as folder:
        file = write(folder, "script", "\n".join(script) + "\n")
        async with Process.started(f"--script={file}", *options, folder=folder) as csms:
            with contextlib.suppress(websockets.ConnectionClosed, OSError, TimeoutError):
                async with charge_point(csms.url, **answers) as point:
                    await point.ask("BootNotification", {"chargePointVendor": "V", "chargePointModel": "M"})
                    while csms.process.returncode is None and not point.gone:
                        if point.calls[-1:] and point.calls[-1][0] == "RemoteStartTransaction":
                            await point.ask("StartTransaction", START)
                            break
                        await asyncio.sleep(0.01)
                    await point.ended()
            code = await csms.end()
            return code, "\n".join(csms.lines)


async def test_a_script_waits_for_what_it_needs_and_ends_with_0():
    script = (
        *("# a comment", "", "wait BootNotification within 20", "tags T1 accepted"),
        *("set HeartbeatInterval 60", "remote-start T1", "wait StartTransaction T1", "transactions running"),
        *("sleep 0.1", "quit", "nonsense"),
    )
    code, text = await play(*script)
    assert code == 0, text
    assert "comment" not in text and "nonsense" not in text
    # The charge point may be there before the script is.
    assert re.search(r"\d\d:\d\d:\d\d\.\d{3}  CP1 +→ BootNotification +V M", text), text
    steps = (
        r"csms> wait BootNotification",
        r"csms> tags T1",
        r"CP1 +← ChangeConfiguration +HeartbeatInterval = 60\n.*CP1 +→   Accepted", r"→ StartTransaction",
        r"1  CP1 connector 1  tag T1 .* running",
    )  # fmt: skip
    position = 0
    for step in steps:
        match = re.compile(step).search(text, position)
        assert match, (step, text)
        position = match.end()


REFUSING: dict[str, Payload] = {"ClearCache": {"status": "Rejected"}, "Reset": {"error": "NotSupported"}}


@pytest.mark.parametrize(
    ("script", "options", "code", "last"),
    [
        (("clear-cache", "expect Rejected", "unlock"), (), 0, "UnlockConnector"),
        (("reset soft", "expect NotSupported", "unlock"), (), 0, "UnlockConnector"),
        (("clear-cache", "unlock"), (), 1, "ClearCache was answered Rejected"),
        (("reset soft", "unlock"), (), 1, "Reset was answered NotSupported"),
        (("clear-cache",), (), 1, "ClearCache was answered Rejected"),
        (
            ("clear-cache", "expect Accepted", "unlock"),
            (),
            1,
            "expected Accepted; the answer to ClearCache was",
        ),
        (("unlok", "unlock"), (), 1, "no command 'unlok'"),
        (("wait Heartbeat within 0.1", "unlock"), (), 1, "which did not come"),
        (("unlok", "clear-cache", "unlock"), ("--keep-going",), 1, "the script failed (2)"),
    ],
)
async def test_a_script_ends_with_1_where_something_fails(script, options, code, last):
    found, text = await play("wait BootNotification within 20", *script, options=options, **REFUSING)
    assert found == code and last in text, text
    went_on = "← UnlockConnector" in text
    assert went_on is (code == 0 or bool(options)), text


async def test_commands_that_are_piped_in_are_a_script():
    with tempfile.TemporaryDirectory() as folder:
        async with Process.started(folder=folder) as csms:
            csms.say("tags T1 accepted", "password CP1 " + SECRET, "password")
            assert await csms.end() == 0
            text = "\n".join(csms.lines)
            assert "csms> password CP1 ***" in text and "CP1: with a password" in text
        async with Process.started(folder=folder) as csms:
            csms.say("tags", "nonsense")
            assert await csms.end() == 1
            assert "with a password           CP1" in "\n".join(csms.lines)
        assert re.search("T1 +Accepted", "\n".join(csms.lines))
        stored = everything(folder)
        assert SECRET not in text and SECRET.encode() not in stored


async def test_passwords_of_the_options_are_needed_and_not_shown():
    with tempfile.TemporaryDirectory() as folder:
        write(folder, "passwords", f"# ours\nCP2={SECRET}\n")
        options = ("--password", "CP1=other-secret", "--password-file", "passwords")
        async with Process.started(*options, folder=folder) as csms:
            for name, password in (("CP1", b"other-secret"), ("CP2", SECRET.encode())):
                async with charge_point(csms.url, name, password) as point:
                    assert "currentTime" in await point.ask("Heartbeat", {})
            for name, password in (("CP1", SECRET.encode()), ("CP3", None)):
                with pytest.raises(websockets.InvalidStatus) as refused:
                    async with charge_point(csms.url, name, password):
                        pass
                assert refused.value.response.status_code == 401
            await csms.until("refused /ocpp/CP3")
            await csms.end()
            text = "\n".join(csms.lines)
            stored = everything(folder, "csms.sqlite*")
        for secret in (SECRET, "other-secret"):
            assert secret not in text and secret.encode() not in stored and stored


def listening(pid: int) -> set[str]:
    """Local addresses on which the process listens, as /proc has them: hexadecimal, address:port."""
    inodes = set()
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            inodes.add(os.readlink(entry).removeprefix("socket:[").removesuffix("]"))
    found = set()
    for name in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{name}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and fields[9] in inodes:
                found.add(fields[1])
    return found


async def test_nobody_outside_this_machine_reaches_it_unless_asked_for():
    with tempfile.TemporaryDirectory() as folder:
        async with Process.started(folder=folder) as csms:
            addresses = {entry.partition(":")[0] for entry in listening(csms.process.pid)}
            assert addresses == {"0100007F"}  # 127.0.0.1
            await csms.end()
            assert "anybody in this network" not in "\n".join(csms.lines)
        async with Process.started("--host=0.0.0.0", folder=folder) as csms:
            addresses = {entry.partition(":")[0] for entry in listening(csms.process.pid)}
            assert addresses == {"00000000"}
            await csms.end()
            assert re.search("anybody in this network.*`password ID`", "\n".join(csms.lines))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_served_csms_ends_with_a_signal_and_keeps_everything(number):
    with tempfile.TemporaryDirectory() as folder:
        async with Process.started(folder=folder) as csms:
            csms.say("serve")
            await csms.until("csms> serve")
            async with charge_point(csms.url) as point:
                await point.ask("StartTransaction", START)
                csms.process.send_signal(number)
                assert await csms.end() == 0, csms.lines
                await point.ended()
        assert "Traceback" not in "\n".join(csms.lines)
        assert os.listdir(folder) == ["csms.sqlite"]
        with Ledger(Path(folder, "csms.sqlite")) as ledger:
            assert ledger.transactions[1].tag == "T1"


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--database=README",), "is no SQLite database"),
        (("--database=nowhere/csms.sqlite",), "no such folder"),
        (("--script=nowhere",), "--script nowhere"),
        (("--password-file=README",), "entry 1 is not ID=PASSWORD"),
        (("--unknown-tag=Golden",), "--unknown-tag"),
        (("--port=70000",), "--port 70000"),
        (("--host=192.0.2.1",), "cannot start"),
    ],
)
async def test_what_cannot_work_is_told_in_one_line_with_code_2(options, sentence):
    with tempfile.TemporaryDirectory() as folder:
        write(folder, "README", "Dear reader, " * 400)
        process = await asyncio.create_subprocess_exec(
            *COMMAND, "--port=0", *options, cwd=folder, env=ENVIRONMENT,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        _, errors = await within(20, process.communicate())
        assert process.returncode == 2
        assert sentence in errors.decode() and errors.decode().count("\n") == 1, errors.decode()


async def test_a_second_csms_on_the_same_file_is_refused():
    with tempfile.TemporaryDirectory() as folder:
        async with Process.started(folder=folder):
            process = await asyncio.create_subprocess_exec(
                *COMMAND, "--port=0", cwd=folder, env=ENVIRONMENT,
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            )  # fmt: skip
            output, _ = await within(20, process.communicate())
            assert process.returncode == 2 and b"in use by another CSMS" in output


def test_options_stand_in_a_parser_of_somebody_else():
    parser = argparse.ArgumentParser()
    add_arguments(parser.add_subparsers().add_parser("csms"))
    options = parser.parse_args(["csms", "--port", "1234", "--keep-going"])
    assert (options.port, options.host, options.keep_going) == (1234, "127.0.0.1", True)


def test_at_a_terminal_there_is_a_prompt_and_a_password_is_not_shown(tmp_path: Path):
    database = tmp_path / "csms.sqlite"
    terminal = Terminal(*COMMAND, "--port=0", f"--database={database}")
    try:
        terminal.until(r"csms>")
        terminal.type("password CP1\r")
        terminal.until(r"password of CP1 \(not shown\):")
        terminal.type(SECRET + "\r")
        terminal.until(r"CP1: with a password")
        terminal.type("get\r")
        terminal.until(r"no charge point is connected")
        terminal.type("\x04")
        text = terminal.end()
    finally:
        if terminal.process.poll() is None:
            terminal.process.kill()
    assert terminal.process.returncode == 0, text
    assert SECRET not in terminal.text and "Traceback" not in text
    assert SECRET.encode() not in database.read_bytes()
