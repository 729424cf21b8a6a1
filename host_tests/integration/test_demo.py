# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""`make demo` and `make run` with the real firmware."""

import asyncio
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bench.charger import REPOSITORY, STATIONS
from bench.deadline import within
from host_tests.integration.processes import wait_until_gone

ENVIRONMENT = {**os.environ, "PYTHONPATH": str(REPOSITORY / "tools")}
CONSOLE = (sys.executable, "-m", "bench.desk.console")
STATION_NAMES = sorted(path.stem for path in STATIONS.glob("*.json"))

# The steps of a session as the screen shows them; -> is the arrow.
SESSION = r"""
→ BootNotification +\S.* firmware
←   Accepted, heartbeat
→ StatusNotification +connector 0  Available
→ StatusNotification +connector 1  Available
→ StatusNotification +connector 1  Preparing
→ Authorize +tag 04A1B2C3
→ StartTransaction +connector 1  tag 04A1B2C3  meter 1200 Wh
←   Accepted, transaction 1
\* connector 1  Charging  pilot C  contactor closed
→ MeterValues +connector 1  transaction 1  1[23]\d\d Wh
→ StopTransaction +transaction 1  meter 1[23]\d\d Wh  reason Local  tag 04A1B2C3
\* connector 1  Finishing  pilot B  contactor open
\* connector 1  Available  pilot A  contactor open
Bill: \d+ Wh in 0 min 1\d s, card 04A1B2C3 \(meter 1200 Wh to 1[23]\d\d Wh, transaction 1, stopped: Local\)
""".strip().splitlines()


def in_order(text: str, patterns: list[str]) -> None:
    position = 0
    for pattern in patterns:
        match = re.compile(pattern).search(text, position)
        assert match, f"not found after position {position}: {pattern}\n{text}"
        position = match.end()


def test_the_demo_plays_a_whole_session_on_every_station(tmp_path: Path):
    async def play(station: str) -> tuple[int | None, str]:
        process = await asyncio.create_subprocess_exec(
            *CONSOLE, "--demo", "--station", station, "--data", str(tmp_path / station),
            env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        output, _ = await within(50, process.communicate())
        return process.returncode, output.decode()

    async def play_all() -> list[tuple[int | None, str]]:
        return await asyncio.gather(*(play(station) for station in STATION_NAMES))

    for code, text in asyncio.run(play_all()):
        assert code == 0, text
        in_order(text, SESSION)
        assert "against the official schema" not in text and "Traceback" not in text
    wait_until_gone(str(tmp_path))


def run_console(station: str, data: Path, script: str) -> str:
    """What the console prints for these commands, separated by `;`. It must end with 0, leaving nothing."""
    command = [*CONSOLE, "--station", station, "--data", str(data)]
    done = subprocess.run(
        command, input=script.replace(";", "\n"), env=ENVIRONMENT, capture_output=True, text=True, timeout=45
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
    wait_until_gone(str(data))
    return done.stdout


def test_resets_and_a_power_cut_start_the_firmware_again(tmp_path: Path):
    script = "reset soft; wait 2.5; reset hard; wait 2.5; power cut; wait 3; reboot; wait 2.5; state"
    text = run_console("loop_evs32a", tmp_path / "data", script)
    again = r"is started again"
    boot = r"→ BootNotification"
    cut = r"the power is cut \(exit code 137\)"
    steps = [boot, r"← Reset +Soft", again, boot, r"← Reset +Hard", again, boot, cut, boot, again, boot]
    in_order(text, [*steps, r"CSMS +connected, registration Accepted"])
    assert "crashed" not in text


def test_the_commands_of_the_prompt_do_what_they_say(tmp_path: Path):
    script = """
        car ready no; plug; wait 1; set MeterValueSampleInterval 30; get MeterValueSampleInterval Nonsense;
        remote-start; wait 1; remote-stop; wait 1; unlock; wait 2; unplug; wait 1;
        fault GroundFailure; wait 1; clear GroundFailure; wait 1; availability 1 off; wait 1;
        meter 4321; wait 1.5; meter; link down; wait 1; plug; link up; wait 3;
        clear-cache; data-transfer org.example hello you; send GetConfiguration {}; tag 04BADBAD; wait 1
    """
    text = run_console("generic_socket", tmp_path / "data", script)
    in_order(
        text,
        [
            r"connector 1  Preparing  pilot B  contactor open",
            r"← ChangeConfiguration +MeterValueSampleInterval = 30\n.*→   Accepted",
            r"→   MeterValueSampleInterval = 30, unknown: Nonsense",
            r"← RemoteStartTransaction +tag 04A1B2C3  connector 1\n.*→   Accepted",
            r"→ StartTransaction ",
            r"← RemoteStopTransaction +transaction 1\n.*→   Accepted",
            r"→ StopTransaction .*reason Remote",
            r"← UnlockConnector +connector 1\n(.*\n)*?.*→   Unlocked",
            r"connector 1  Available  pilot A",
            r"→ StatusNotification +connector 1  Faulted  GroundFailure",
            r"→ StatusNotification +connector 1  Available",
            r"← ChangeAvailability +connector 1  Inoperative\n.*→   Accepted",
            r"→ StatusNotification +connector 1  Unavailable",
            r"connector 1: meter 4321 Wh",
            r"the connection to the CSMS has ended",
            r"the charger is connected to the CSMS",
            r"← ClearCache\n.*→   Accepted",
            r"← DataTransfer +vendorId org.example  messageId hello  data you\n.*→   UnknownVendorId",
            r"→   \d\d keys",
        ],
    )
    assert "against the official schema" not in text and "not done" not in text


@pytest.mark.parametrize("station", STATION_NAMES)
def test_every_station_boots_and_tells_all_its_connectors(station: str, tmp_path: Path):
    text = run_console(station, tmp_path / "data", "state")
    connectors = int(re.search(r"\((\d+) connectors?:", text)[1])  # pyright: ignore[reportOptionalSubscript]
    for number in range(connectors + 1):
        in_order(text, [rf"→ StatusNotification +connector {number}  Available"])
    assert "against the official schema" not in text


def test_a_killed_firmware_is_told_and_can_be_started_again(tmp_path: Path):
    data = tmp_path / "data"
    pipe = subprocess.PIPE
    console = subprocess.Popen(
        [*CONSOLE, "--data", str(data)], stdin=pipe, stdout=pipe, stderr=pipe, text=True, env=ENVIRONMENT
    )
    assert console.stdin is not None and console.stdout is not None
    lines = []
    while not lines or not lines[-1].startswith("Ready"):
        lines.append(console.stdout.readline())
        assert lines[-1], "".join(lines)
    found = subprocess.run(
        ["pgrep", "-f", f"micropython.*{data}"], capture_output=True, text=True, check=True
    )
    os.kill(int(found.stdout), signal.SIGKILL)
    time.sleep(1)
    rest, errors = console.communicate("plug\nstart\nwait 3\n", timeout=20)
    in_order(
        rest, [r"crashed \(exit code -9\)", r"is not running; `start`", r"> start", r"→ BootNotification"]
    )
    assert (console.returncode, errors) == (0, "")
    wait_until_gone(str(data))
