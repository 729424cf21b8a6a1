# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The second lane of host_tests/unit: each test runs on CPython and again as `NAME[micropython]`; the count
at the end.

Each unit test file is run once by host_tests/micropython/run.py in a MicroPython process of its own; the
items of that lane report what the process said about their test. A test of which it said nothing (the file
does not import there, or the process died) has failed.
"""

import collections
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tools"))

from host_tests import scheduling
from toolchain import interpreter

# What tools print into a pipe must come in time without it: few of those who run them have it set.
os.environ.pop("PYTHONUNBUFFERED", None)

UNIT = ROOT / "host_tests" / "unit"
# Sources are compiled in the process itself, which a board's frozen image is not: room for the compiler and
# the test.
HEAP = "600k"
TIMEOUT_S = 120


class Outcome:
    """What one run of a file under MicroPython said. failed: test name -> True or False. texts: what it
    printed."""

    def __init__(self, output: str, exit_text: str):
        self.failed = {}
        self.texts = {}
        text = []
        for line in output.splitlines():
            word, _, test = line.partition(" ")
            if word in ("#ok", "#failed"):
                self.failed[test] = word == "#failed"
                self.texts[test] = "\n".join(text).strip()
                text = []
            else:
                text.append(line)
        self.rest = "\n".join([*text, exit_text])


def run_under_micropython(path: Path) -> Outcome:
    micropython = interpreter.find()
    command = [str(micropython.path), "-X", "heapsize=" + HEAP, "host_tests/micropython/run.py", str(path)]
    environment = {**os.environ, "MICROPYPATH": "%s:%s/firmware:.frozen" % (ROOT, ROOT)}
    try:
        done = subprocess.run(
            command,
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=TIMEOUT_S,
        )
    except subprocess.TimeoutExpired as expired:
        return Outcome((expired.stdout or b"").decode(errors="replace"), "no end after %d s" % TIMEOUT_S)
    return Outcome(done.stdout.decode(errors="replace"), "exit code %d" % done.returncode)


class MicroPythonFailure(Exception):
    """Carries the text that MicroPython printed."""


class MicroPythonTest(pytest.Item):
    def __init__(self, *, test: str, file: "UnitTests", **keywords):
        super().__init__(**keywords)
        self.test = test
        self.file = file
        self.add_marker(pytest.mark.timeout(TIMEOUT_S + 10))

    def runtest(self):
        outcome = self.file.outcome()
        if self.test not in outcome.failed:
            raise MicroPythonFailure("MicroPython did not report this test. Its last words:\n" + outcome.rest)
        if outcome.failed[self.test]:
            raise MicroPythonFailure(outcome.texts[self.test])

    def repr_failure(self, excinfo, style=None):
        if isinstance(excinfo.value, MicroPythonFailure):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self):
        return self.path, None, self.name


class UnitTests(pytest.Module):
    """A file of host_tests/unit: every test once per lane."""

    _outcome: Outcome | None = None

    def collect(self):
        for item in super().collect():
            if not isinstance(item, pytest.Function):
                raise self.CollectError("%s: unit tests are plain functions" % item.nodeid)
            yield item
            name = item.name + "[micropython]"
            yield MicroPythonTest.from_parent(self, name=name, test=item.name, file=self)

    def outcome(self) -> Outcome:
        if self._outcome is None:
            self._outcome = run_under_micropython(self.path)
        return self._outcome


def pytest_pycollect_makemodule(module_path, parent):
    return UnitTests.from_parent(parent, path=module_path) if module_path.parent == UNIT else None


def pytest_collection_modifyitems(items):
    """Files in the order in which the workers take them."""
    count = collections.Counter(item.path for item in items)
    items.sort(key=lambda item: (scheduling.place(item.path.name, count[item.path]), str(item.path)))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    return scheduling.OneWaits(config, log) if config.option.dist == "loadfile" else None


def pytest_report_header():
    return "unit tests run on CPython and on %s, heap %s" % (interpreter.find(), HEAP)


def pytest_configure(config):
    if not hasattr(config, "workerinput"):  # the one process that sees all results
        config.pluginmanager.register(Count(config), "pilotlight-count")


class Count:
    """Prints the last line of `make test`: how many tests passed and failed, from pytest's own reports."""

    def __init__(self, config):
        self.config = config
        self.exit_code = None

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, exitstatus):
        self.exit_code = int(exitstatus)

    @pytest.hookimpl(trylast=True)
    def pytest_unconfigure(self):
        reporter = self.config.pluginmanager.get_plugin("terminalreporter")
        if reporter is None or self.config.option.collectonly:
            return
        number = {key: len(reporter.stats.get(key, ())) for key in ("passed", "failed", "error", "skipped")}
        failed = number["failed"] + number["error"]
        if self.exit_code not in (0, 1) and not failed:
            failed = 1  # pytest itself was stopped or broke: not a pass, whatever ran until then
        line = "%d passed, %d failed" % (number["passed"], failed)
        if number["skipped"]:
            line += ", %d skipped" % number["skipped"]
        for report in reporter.stats.get("passed", []) + reporter.stats.get("failed", []):
            for name, text in report.user_properties:
                if name == "result":  # what a long test found, its seed
                    print(text)
        print(line, flush=True)
