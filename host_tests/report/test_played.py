# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""A real run, so that the report is told when the cases' words change."""

import asyncio

from bench.cases.run import FAILED, NOT_APPLICABLE, PASSED
from bench.report import performance
from bench.report.document import document
from host_tests.report import played


def test_a_real_run():
    run = asyncio.run(played.run())
    found = document(run)
    verdicts = {case["id"]: case["verdict"] for case in found["cases"]}
    assert verdicts.pop(played.FAILS) == FAILED and verdicts.pop(played.DOES_NOT_APPLY) == NOT_APPLICABLE
    assert set(verdicts.values()) == {PASSED} and len(verdicts) == len(played.CASES) - 2

    by_name = {case["id"]: case for case in found["cases"]}
    (blamed,) = [event for event in by_name[played.FAILS]["events"] if event["blamed"]]
    assert blamed["from"] == "station" and f"-> {blamed['action']} " in by_name[played.FAILS]["came"]
    deeds = [event["text"] for event in by_name["TC_011_1_CS"]["events"] if event["from"] == "driver"]
    assert deeds == ["plugs in at connector 1"]

    # The cable is in first in TC_010, and afterwards in TC_011_1.
    cases = {
        sample.case
        for outcome in run.outcomes
        for sample in performance.samples(outcome)
        if sample.measure == "remote_start"
    }
    assert cases == {"TC_010_CS"}
    assert {row["id"] for row in found["performance"] if row["samples"]} == {
        "response",
        "triggered",
        "remote_start",
    }
    assert found["profiles"][0]["result"] == FAILED
