# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""`make bench` and `make heap`, shortened. No figure of time is asserted; that the heap does not grow is."""

import os
import re
import subprocess
import sys
from pathlib import Path

from bench.charger import REPOSITORY
from host_tests.integration.processes import processes

ENVIRONMENT = {**os.environ, "PYTHONPATH": str(REPOSITORY / "tools")}


def figures(module: str, *options: str) -> tuple[int, str]:
    """Exit code and output; no process that it started may be left."""
    command = [sys.executable, "-m", module, *options]
    pipe, both = subprocess.PIPE, subprocess.STDOUT
    with subprocess.Popen(
        command, env=ENVIRONMENT, stdout=pipe, stderr=both, text=True, start_new_session=True
    ) as tool:
        text, _ = tool.communicate(timeout=55)
        left = [pid for pid in processes("bench.") if os.getsid(pid) == tool.pid and pid != tool.pid]
    assert not left, left
    return tool.returncode, text


def test_the_heap_does_not_grow_between_the_first_and_the_second_thousand_messages():
    code, text = figures("bench.heap", "--messages", "2000", "--charging", "3")
    assert code == 0, text
    assert re.search(r"^after boot +\d+,\d{3} +\d+,\d{3} ", text, re.MULTILINE), text
    assert re.search(r"^charging, 3 s, .*\d", text, re.MULTILINE), text
    assert re.search(r"^message 2,000 ", text, re.MULTILINE) and text.endswith("No leak.\n"), text


def test_a_leak_is_found():
    launcher = f"{sys.executable} {Path(__file__).with_name('stand_in.py')} --set Defect=leak"
    code, text = figures("bench.heap", "--messages", "8000", "--charging", "2", "--launcher", launcher)
    assert code == 1 and text.endswith("The firmware loses memory.\n"), text


def test_both_charge_points_are_measured_side_by_side():
    code, text = figures("bench.speed", "--samples", "4", "--calls", "200")
    assert code == 0, text
    row = r" +(\d+\.\d\d) +\d+\.\d\d +\d+\.\d\d" * 2 + r" +(\d+\.\d\d)$"
    for title in (
        r"GetConfiguration, all \d\d keys",
        "GetConfiguration, one key",
        "ChangeConfiguration",
        "RemoteStart to StartTransaction",
        "RemoteStop to StopTransaction",
    ):
        match = re.search(f"^{title}{row}", text, re.MULTILINE)
        assert match, f"{title}\n{text}"
        ours, rival, ratio = (float(figure) for figure in match.groups())
        assert abs(ours / rival - ratio) <= 0.05 * ratio + 0.02
    assert re.search(r"^messages per second, one at a time +\d+ +\d+ +\d+\.\d\d$", text, re.MULTILINE)
    assert re.search(r"contactor opened first \(ours only, 5 samples\): p50 \d", text)
    assert re.search(r"^(Slower than CPython: |Nowhere slower)", text, re.MULTILINE)
