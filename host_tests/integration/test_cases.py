# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Who tests the tester: an honest charge point passes every case, and each defect fails the case that is
there for it, for the right reason.
"""

import subprocess
import sys

import pytest

from bench.cases import catalogue
from bench.cases.catalogue import Case
from bench.cases.play import Parameters
from bench.cases.run import FAILED, NOT_APPLICABLE, Outcome, play, summary
from bench.csms import Csms
from host_tests.integration.fake_defects import DEFECTS
from host_tests.integration.fake_station import FakeStation, claims
from host_tests.integration.test_figures import ENVIRONMENT

AT_ONCE = 12

# Short, so that the tests are; but a busy machine holds things up. Each defect in time is off by 2 s or more.
PARAMETERS = Parameters(
    patience_s=4, deviation_s=1.5, retry_s=3, heartbeat_s=1, connection_timeout_s=1, restart_s=8
)


async def outcomes(cases: list[Case], cable: str, defect: str | None = None) -> list[Outcome]:
    async with Csms(strict=False) as csms, FakeStation(csms.url, defect, cable) as fake:
        station = await csms.connected(fake.id)
        return await play(cases, csms, station, fake, claims(cable), PARAMETERS, lambda outcome: None)


# In two parts: a test has 50 seconds, and some machines are busy.
@pytest.mark.parametrize("part", [0, 1])
@pytest.mark.parametrize(
    ("cable", "exempt"),
    [("socket", {"TC_017_2_CS", "TC_018_2_CS"}), ("fixed", {"TC_017_1_CS", "TC_018_1_CS"})],
)
async def test_an_honest_charge_point_passes(cable: str, exempt: set[str], part: int):
    cases = catalogue.all_cases()[part::2]
    found = await outcomes(cases, cable)
    assert [each for each in found if each.verdict == FAILED] == []
    not_played = {each.case.id for each in found if each.verdict == NOT_APPLICABLE}
    assert not_played == exempt & {each.id for each in cases}
    played = len(found) - len(not_played)
    assert summary(found) == f"{played} passed, 0 failed, {len(not_played)} not applicable"


@pytest.mark.parametrize("defect", DEFECTS)
async def test_a_defect_fails_its_case(defect: str):
    name, reason = DEFECTS[defect]
    (case,) = catalogue.chosen([name])
    cable = "fixed" if case.not_applicable(claims("socket")) else "socket"
    (found,) = await outcomes([case], cable, defect)
    assert found.verdict == FAILED
    expected, came, so = found.text.splitlines()
    assert expected.startswith("expected  ") and came.startswith("came      ")
    assert so.startswith("so        ") and reason in so, found.text
    assert found.exchange


async def test_a_failed_case_costs_the_others_nothing():
    """Each leaves the charge point somewhere else: not booted, charging, with a transaction that is lost."""
    cases = catalogue.chosen(["TC_002", "TC_003", "TC_012", "TC_021"])
    for defect, fails in (
        ("mute-while-pending", ["TC_002_CS"]),
        ("never-charges", ["TC_003_CS", "TC_012_CS"]),
    ):
        found = await outcomes(cases, "socket", defect)
        assert [each.case.id for each in found if each.verdict == FAILED] == fails


def test_every_case_has_a_defect():
    """A case that no defect can fail is not a case."""
    assert {each.id for each in catalogue.all_cases()} == {name for name, _ in DEFECTS.values()}


def test_cases_are_found_by_any_name():
    assert [each.id for each in catalogue.chosen(["tc_012", "TC_003_CS"])] == ["TC_003_CS", "TC_012_CS"]
    with pytest.raises(ValueError, match="TC_999"):
        catalogue.chosen(["TC_003", "TC_999"])


# --- the command ---


def bench(*arguments: str) -> tuple[int, str]:
    """Exit code and output of `python -m bench`."""
    command = [sys.executable, "-m", "bench", *arguments]
    done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, timeout=50)
    return done.returncode, done.stdout + done.stderr


def test_the_list_says_what_applies():
    code, text = bench("list", "--station", "generic_socket")
    assert code == 0
    lines = text.splitlines()
    assert [line.split()[0] for line in lines] == [each.id for each in catalogue.all_cases()]
    assert [line for line in lines if line.startswith("TC_017_2_CS") and "the cable can be detached" in line]


def test_our_firmware_is_played_with():
    code, text = bench("run", "--station", "generic_socket", "TC_015", "TC_017_2")
    assert code == 0, text
    assert text.splitlines()[-1] == "conformance: 1 passed, 0 failed, 1 not applicable"


def test_what_is_not_there_is_told():
    code, text = bench("run", "TC_999")
    assert (code, text) == (2, "no such case: TC_999\n")
    code, text = bench("run", "--station", "nowhere")
    assert code == 2 and "nowhere" in text and "generic_socket" in text
