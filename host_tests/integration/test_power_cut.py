# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""`make power-cut` and `make bit-rot`, shortened, and that they find what is broken."""

import os
import re
import subprocess
import sys

import pytest

from bench.charger import REPOSITORY
from flash import power_cut

ENVIRONMENT = {**os.environ, "PYTHONPATH": str(REPOSITORY / "tools")}

pytestmark = pytest.mark.timeout(300)


def tool(*options: str) -> tuple[int, str]:
    """Exit code and output of the command."""
    command = [sys.executable, "-m", "flash.power_cut", *options]
    done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, timeout=290)
    return done.returncode, done.stdout + done.stderr


def test_some_cuts_of_each_life_lose_nothing():
    code, text = tool("--every", "31", "--turn", "--stride", "41")
    last = text.splitlines()[-1]
    match = re.fullmatch(r"power-cut: (\d+) cuts, 0 lost, 0 duplicated, 0 unbootable", last)
    assert match and code == 0, text
    assert int(match.group(1)) > 150, text
    assert "other faults: none" in text, text
    assert all(int(number) > 5 for number in re.findall(r"(\d+) transactions;", text)), text


# What is broken (tools/flash/board/defects.py), the life in which it must be found, and as what.
DEFECTS = {
    "allowance": ("stop", "bill"),
    "append": ("stop", "lost"),
    "boot": ("stop", "unbootable"),
    "forgetful": ("stop", "lost"),
    "head": ("stop", "duplicated"),
    "ids": ("stop", "duplicated"),
    "keeper": ("stop", "lost"),
    "open": ("stop", "open"),
    "once": ("long", "bill"),
    "record": ("stop", "settings"),
    "samples": ("long", "bill"),
    "untold": ("long", "energy"),
    "unwarned": ("long", "bill"),
}


@pytest.mark.parametrize("defect", DEFECTS)
def test_what_is_broken_is_found(defect):
    kind, found_as = DEFECTS[defect]
    options = {
        "board": "rp2",
        "kind": kind,
        "every": 9 if kind == "stop" else 60,
        "torn": "turn",
        "stride": 0,
        "defect": defect,
    }
    totals, faults = power_cut.run("power_cut", options)
    assert totals["kinds"].get(found_as), totals
    assert faults and all(fault["faults"] for fault in faults)


# The same, with the power cut at each operation of one step.
DEFECTS_OF_A_STEP = {
    "early-removal": ("in the place of two", "profile"),
    "half": ("its changes", "list"),
    "hasty-list": ("its changes", "list"),
    "hasty-profile": ("a maximum", "profile"),
    "hasty-reservation": ("1 reserved for ALICE", "reservation"),
    "in-place": ("other changes", "list"),
    "left-tx": ("remote stop", "profile"),
    "lingering": ("cleared", "profile"),
    "mute": ("her meter is asked for", "trigger"),
    "reservation": ("ALICE begins", "reservation"),
    "serials": ("in the place of two", "profile"),
}


def cuts_during(step: str, defect, kind="stop") -> dict:
    options = {"board": "rp2", "kind": kind, "every": 1, "torn": "all", "stride": 0}
    totals, faults = power_cut.run("power_cut", {**options, "during": step, "defect": defect})
    assert totals["cuts"] and (totals["faulty"] == 0) == (faults == []), (totals, faults)
    return totals


@pytest.mark.parametrize("defect", DEFECTS_OF_A_STEP)
def test_what_breaks_a_promise_is_found(defect):
    step, found_as = DEFECTS_OF_A_STEP[defect]
    totals = cuts_during(step, defect)
    assert totals["kinds"].get(found_as), totals


def test_a_list_is_the_old_or_the_new_one_whenever_it_is_cut():
    for step in ("its changes", "a list is cut short", "other changes", "no list"):
        totals = cuts_during(step, None)
        assert totals["faulty"] == 0 and totals["cuts"] >= 10, (step, totals)


def test_a_charging_profile_is_the_old_or_the_new_one_whenever_it_is_cut():
    for kind, steps in (
        ("stop", ("in the place of two", "cleared")),
        ("resume", ("ALICE's own", "in the place of two", "CAROL leaves")),
    ):
        for step in steps:
            totals = cuts_during(step, None, kind)
            assert totals["faulty"] == 0 and totals["cuts"] >= 5, (kind, step, totals)


def test_a_transaction_begins_with_its_profile_or_not_at_all():
    totals = cuts_during("CAROL is started with a profile", None, "resume")
    assert totals["faulty"] == 0 and totals["cuts"] >= 10, totals


def test_a_tx_profile_that_outlives_its_transaction_is_found():
    totals = cuts_during("CAROL leaves", "left-tx", "resume")
    assert totals["kinds"].get("profile"), totals


def test_a_damaged_profile_costs_no_other():
    for name in ("profile_0", "profile_1"):
        options = {"board": "rp2", "kind": "resume", "every": 7, "file": "profiles/" + name}
        totals, faults = power_cut.run("rot", options)
        assert totals["faulty"] == 0 and totals["harmed"] == totals["boots"] > 10, (name, totals, faults)


def test_a_damaged_profile_that_stops_the_boot_is_found():
    options = {"board": "rp2", "kind": "resume", "every": 31, "file": "profiles/profile_0"}
    totals, _ = power_cut.run("rot", {**options, "defect": "fussy-profiles"})
    assert totals["kinds"].get("unbootable", 0) > 3, totals


def test_damaged_files_cost_the_record_hit():
    options = {"board": "rp2", "kind": "stop", "every": 31}
    totals, faults = power_cut.run("rot", options)
    assert totals["faulty"] == 0, faults
    assert totals["boots"] > 100 and 10 < totals["harmed"] < totals["boots"], totals


def test_a_damaged_sample_costs_a_quarter_of_an_hour():
    options = {"board": "rp2", "kind": "long", "file": "outbox/00000001.seg"}
    totals, faults = power_cut.run("rot", options)
    assert totals["faulty"] == 0 and totals["harmed"] > 30, (totals, faults)


def test_a_record_that_is_older_is_found():
    options = {"board": "rp2", "kind": "long", "file": "outbox/00000001.seg", "defect": "stale"}
    totals, _ = power_cut.run("rot", options)
    assert totals["kinds"] == {"bill": totals["faulty"]} and totals["faulty"] > 30, totals


def test_damage_that_nobody_checks_is_found():
    options = {"board": "rp2", "kind": "stop", "every": 61, "defect": "unchecked"}
    totals, _ = power_cut.run("rot", options)
    assert totals["faulty"] > 5, totals


def test_a_damaged_list_is_lost_as_a_whole():
    for name in ("head", "entries_1", "entries_2"):
        options = {"board": "rp2", "kind": "stop", "every": 13, "file": "local_list/" + name}
        totals, faults = power_cut.run("rot", options)
        assert totals["faulty"] == 0 and totals["harmed"] == totals["boots"] > 10, (name, totals, faults)


def test_a_damaged_list_that_is_used_is_found():
    options = {"board": "rp2", "kind": "stop", "every": 61, "file": "local_list/entries_1"}
    totals, _ = power_cut.run("rot", {**options, "defect": "unsealed"})
    assert totals["kinds"].get("list", 0) > 5, totals


def test_the_charger_charges_while_its_flash_takes_nothing():
    totals, faults = power_cut.run("trouble", {"board": "esp32"})
    assert totals["faulty"] == 0 and totals["stories"] >= 18, faults


def test_what_gets_lost_meanwhile_is_found():
    options = {"board": "rp2", "trouble": "read-only", "defect": "forgetful"}
    totals, _ = power_cut.run("trouble", options)
    assert totals["faulty"] == totals["stories"] == 3, totals


def test_a_fault_is_an_exit_code_and_says_how_to_see_it_again():
    code, text = tool("--board", "rp2", "--kind", "stop", "--every", "60", "--turn", "--defect", "ids")
    assert code == 1, text
    assert not text.splitlines()[-1].endswith("0 lost, 0 duplicated, 0 unbootable"), text
    command = re.search(r"python -m flash\.power_cut (--board rp2 .*--cut .*)", text)
    assert command, text
    code, again = tool(*command.group(1).split())
    assert code == 1 and "duplicated: " in again and "*** the power goes during: " in again, again
