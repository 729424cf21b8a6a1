# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""`python -m bench run` with a charge point that is not started by the bench."""

import asyncio
import json
import signal
import sys
import tempfile
from pathlib import Path

import pytest

from bench.charger import REPOSITORY, SimulatedCharger, reserve_port
from host_tests.integration.test_figures import ENVIRONMENT

AT_ONCE = 4

EXAMPLES = REPOSITORY / "tools" / "bench" / "examples"


async def bench(*arguments: str | Path) -> tuple[int | None, str]:
    """Exit code and output of `python -m bench run`."""
    running = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench", "run", *map(str, arguments),
        env=ENVIRONMENT, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    try:
        output, _ = await running.communicate()
    finally:
        if running.returncode is None:
            running.kill()
    return running.returncode, output.decode()


@pytest.mark.parametrize("said", [("--id", "CP1"), ()])
async def test_the_examples_of_the_docs(said: tuple[str, ...]):
    with tempfile.TemporaryDirectory() as name, reserve_port() as holder:
        folder, port = Path(name), holder.getsockname()[1]
        holder.close()
        station = EXAMPLES / "station.json"
        async with SimulatedCharger(f"ws://127.0.0.1:{port}/ocpp", "CP1", station=station) as charger:
            lines = (EXAMPLES / "driver.toml").read_text().replace("7001", str(charger.control_port))
            (folder / "driver.toml").write_text(lines.replace("control.py", str(EXAMPLES / "control.py")))
            code, text = await bench(
                "--station", station, "--driver", folder / "driver.toml", "--port", str(port), *said,
                "--report", folder / "report", "TC_003", "TC_032_2", "FIELD_SESSION_5",
            )  # fmt: skip
        assert code == 0, text
        assert text.splitlines()[-1] == "conformance: 2 passed, 0 failed, 1 not applicable"
        assert "the driver cannot cut the power" in text and "CP1 is connected" in text
        assert {path.suffix for path in (folder / "report").iterdir()} == {".html", ".json", ".xml"}


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--set", "patience=3"), "--set patience=3: there is no time 'patience'; known: "),
        (("--set", "patience_s=soon"), "--set patience_s=soon: seconds are needed"),
        (("--connector", "2"), "Somebody's wall box has 1 connectors"),
        (("--password-file", "{folder}/short", "--id", "CP1"), "an AuthorizationKey has 16 to 20 characters"),
        (("--password-file", "{folder}/long"), "a password belongs to a charge point: say --id too"),
        (("--driver", "{folder}/none.toml"), "none.toml cannot be read: No such file or directory"),
        (("--cannot", "fly"), "no such stimulus: fly; known: "),
        (("--wait", "0.2"), "waited 0.2 s for a charge point to connect"),
    ],
)
async def test_what_is_wrong_is_told_in_one_sentence(arguments: tuple[str, ...], sentence: str):
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "short").write_text("secret\n")
        (Path(folder) / "long").write_text("0123456789abcdef\n")
        filled = [argument.replace("{folder}", folder) for argument in arguments]
        usual = ("--station", EXAMPLES / "station.json", "--driver", "manual", "--port", "0")
        code, text = await bench(*usual, *filled, "TC_003")
    assert code == 2
    told = text.splitlines()[-1]
    assert sentence in told and "Traceback" not in text
    assert "secret" not in text


def reported(folder: Path) -> list[str]:
    """Ids of the cases in the one report that is there."""
    (found,) = folder.glob("*.json")
    return [each["id"] for each in json.loads(found.read_text())["cases"]]


async def test_ctrl_c_keeps_what_was_played():
    with tempfile.TemporaryDirectory() as folder:
        running = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bench", "run", "--station", "xcharge_c6", "--report", folder,
            "TC_003", "TC_036", env=ENVIRONMENT, stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        assert running.stdout is not None
        try:
            first = await running.stdout.readline()
            running.send_signal(signal.SIGINT)
            rest = await running.stdout.read()
            assert await running.wait() == 130, (first + rest).decode()
        finally:
            if running.returncode is None:
                running.kill()
        assert b"TC_003_CS" in first and b"passed" in first
        assert reported(Path(folder)) == ["TC_003_CS"]
