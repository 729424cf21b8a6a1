# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""`python -m bench schedule` as a process: what it prints and writes, and how it ends."""

import json
import os
import shutil
import subprocess
import sys

import pytest

from bench.charger import REPOSITORY
from bench.schedule import pages
from host_tests.integration.schedules import NOW, payload

ENVIRONMENT = {**os.environ, "PYTHONPATH": str(REPOSITORY / "tools")}


def schedule(folder, *words, **environment) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "bench", "schedule", *words]
    return subprocess.run(
        command, cwd=folder, env={**ENVIRONMENT, **environment}, capture_output=True, text=True
    )


def written(folder) -> set[str]:
    return {path.name for path in folder.iterdir()}


@pytest.fixture
def night(tmp_path):
    shutil.copy(pages.EXAMPLES / "night-tariff.json", tmp_path / "night.json")
    return tmp_path


def test_a_table_and_both_charts_beside_the_file(night):
    done = schedule(night, "night.json")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "Generic three-phase socket, connector 1: 36 h from 2026-11-21 16:00:00 UTC",
        "from, s  UTC                  limit  phases  by",
        "      0  2026-11-21 16:00:00   10 A  3       TxDefaultProfile 1, level 0",
        "  21600  2026-11-21 22:00:00   32 A  3       TxDefaultProfile 2, level 1",
        "  43200  2026-11-22 04:00:00   20 A  3       TxDefaultProfile 2, level 1",
        "  50400  2026-11-22 06:00:00   10 A  3       TxDefaultProfile 1, level 0",
        " 108000  2026-11-22 22:00:00   32 A  3       TxDefaultProfile 2, level 1",
        "chart: night.png",
        "chart: night.svg",
    ]
    assert written(night) == {"night.json", "night.png", "night.svg"}
    assert (night / "night.png").read_bytes().startswith(b"\x89PNG")
    assert (night / "night.svg").read_bytes() == (
        REPOSITORY / "docs/pictures/schedule-night-tariff.svg"
    ).read_bytes()


def test_only_the_chart_that_is_named_and_another_interval(night):
    options = (
        "--svg",
        "here.svg",
        "--from",
        "2026-11-22T05:00:00Z",
        "--hours",
        "1.5",
        "--unit",
        "W",
        "--connector",
        "0",
    )
    done = schedule(night, "night.json", *options)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "Generic three-phase socket, the whole station (connector 0): 90 min from 2026-11-22 05:00:00 UTC",
        "from, s  UTC                    limit  phases  by",
        "      0  2026-11-22 05:00:00  13800 W  3       sum of the connectors",
        "   3600  2026-11-22 06:00:00   6900 W  3       sum of the connectors",
        "chart: here.svg",
    ]
    assert written(night) == {"night.json", "here.svg"}


GOOD = json.dumps([payload(1, 7, [(0, 8)])])
REFUSED = json.dumps([payload(1, 7, [(5, 8)])])
WRONG = (
    ("{", (), "mine.json: no JSON: "),
    ('{"profiles": [NaN]}', (), "mine.json: no JSON: NaN is no number of JSON"),
    ('{"profiles": [1e999]}', (), "mine.json: no JSON: 1e999 is no number of JSON"),
    ("[" * 100_000, (), "mine.json: no JSON: "),
    ("\x00", (), "mine.json: no JSON: "),
    ("5", (), "mine.json: an object is needed, or a list of SetChargingProfile payloads"),
    ("{}", (), "mine.json: profiles: missing"),
    (REFUSED, (), "mine.json: profiles[0] (chargingProfileId 7): Rejected: startPeriod 5: "),
    (GOOD, ("--hours", "0"), "--hours: more than 0 are needed, not 0"),
    (GOOD, ("--hours", "nan"), "--hours: more than 0 are needed, not nan"),
    (GOOD, ("--from", "noon"), "mine.json: --from: not a date-time: noon"),
    (GOOD, ("--connector", "4"), "mine.json: connector: the station has 1 to 1,"),
)  # fmt: skip


@pytest.mark.parametrize(("text", "options", "said"), WRONG)
def test_what_is_wrong_is_one_line_and_code_2(text, options, said, tmp_path):
    (tmp_path / "mine.json").write_text(text)
    done = schedule(tmp_path, "mine.json", *options)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(said) and done.stderr.count("\n") == 1
    assert written(tmp_path) == {"mine.json"}


def test_a_file_that_is_not_there(tmp_path):
    done = schedule(tmp_path, "none.json")
    assert (done.returncode, done.stderr) == (2, "none.json: No such file or directory\n")


def test_a_chart_that_cannot_be_written(night):
    done = schedule(night, "night.json", "--png", "nowhere/chart.png")
    assert (done.returncode, done.stderr) == (2, "nowhere/chart.png: No such file or directory\n")


def test_the_library_is_needed_for_the_chart_only(night):
    """Set-up installs it for `make schedule` and for the tests."""
    hidden = night / "hidden"
    hidden.mkdir()
    (hidden / "matplotlib.py").write_text("raise ModuleNotFoundError('none', name='matplotlib')\n")
    path = os.pathsep.join((str(hidden), ENVIRONMENT["PYTHONPATH"]))
    done = schedule(night, "night.json", PYTHONPATH=path)
    assert done.returncode == 2 and len(done.stdout.splitlines()) == 7
    assert done.stderr == "a chart needs the package matplotlib: `make schedule FILE=...` installs it\n"
    listed = subprocess.run(
        [sys.executable, "-m", "bench", "list"], env={**ENVIRONMENT, "PYTHONPATH": path}, capture_output=True
    )
    assert listed.returncode == 0, listed.stderr


def test_the_moment_of_the_file_stays_when_another_interval_is_asked_for(tmp_path):
    """A profile that ends before it was valid when it came."""
    document = {"now": NOW, "profiles": [payload(1, 1, [(0, 8)], validTo="2026-11-21T09:00:00Z")]}
    (tmp_path / "mine.json").write_text(json.dumps(document))
    done = schedule(tmp_path, "mine.json", "--from", "2026-11-21T08:30:00Z", "--hours", "1", "--png", "a.png")
    assert done.returncode == 0, done.stderr
    assert [line.split()[3] for line in done.stdout.splitlines()[2:4]] == ["8", "32"]
