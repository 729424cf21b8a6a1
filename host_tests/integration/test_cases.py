# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Who tests the tester: an honest charge point passes every case, and each defect fails the case that is
there for it, for the right reason.
"""

import asyncio
import subprocess
import sys

import pytest

from bench import conformance
from bench.cases import catalogue
from bench.cases.catalogue import Case
from bench.cases.parameters import Parameters
from bench.cases.restore import Restore
from bench.cases.run import FAILED, NOT_APPLICABLE, PASSED, Outcome, play, summary
from bench.csms import Csms
from bench.scripts import late
from host_tests.integration.fake_defects import DEFECTS
from host_tests.integration.fake_station import FakeStation, claims
from host_tests.integration.test_figures import ENVIRONMENT
from ocpp16 import profiles

AT_ONCE = 16
SKIPS_WAITING = True

PASSWORD = b"the fake's password"
# Defects in what a charge point says at the door.
SHY = ("comes-without-password", "says-another-name")

# Short, so that the tests are; but a busy machine holds things up. Each defect in time is off by 2 s or more.
PARAMETERS = Parameters(
    password=PASSWORD,
    patience_s=4,
    deviation_s=1.5,
    retry_s=3,
    heartbeat_s=1,
    connection_timeout_s=1,
    own_retry_s=8,
    restart_s=8,
    boot_s=0.5,
    settle_s=0.05,
    clock_s=2,
    attempt_s=1,
    power_up_s=15,
    limit_s=3,
)


async def outcomes(
    cases: list[Case],
    cable: str,
    defect: str | None = None,
    backup_power: bool = False,
    resumes: bool = False,
    quirky: bool = False,
    more: bool = False,
) -> list[Outcome]:
    async with Csms(strict=False) as csms:
        fake = FakeStation(
            csms.url,
            defect,
            cable,
            backup_power=backup_power,
            password=PASSWORD,
            resumes=resumes,
            quirky=quirky,
            more=more,
        )
        csms.passwords = {fake.id: PASSWORD}
        if len(cases) == 1:
            fake.configure(ONE_UNIT.get(cases[0].id, {}))
        if defect in SHY:
            csms.passwords = None  # it would not get in
        described = claims(cable, backup_power, more)
        async with fake:
            station = await csms.connected(fake.id)
            return await play(cases, csms, station, fake, described, PARAMETERS, lambda outcome: None)


FIXED = {"TC_017_2_CS", "TC_018_2_CS"}
SOCKET = {"TC_005_1_CS", "TC_017_1_CS", "TC_018_1_CS", "TC_024_CS", "TC_030_CS"}
BACKUP, NO_BACKUP = {"TC_032_1_CS"}, {"TC_032_2_CS"}
# Of a charge point without a profile, and of one that has it.
LACKS = {"TC_043_1_CS", "TC_048_4_CS", "TC_050_4_CS", "FIELD_SMART_1_CS", "FIELD_SMART_2_CS"}
# Of one that takes limits in one unit only: what it has by nature then.
ONE_UNIT = {"FIELD_SCHEDULE_14_CS": {"ChargingScheduleAllowedChargingRateUnit": "Current"}}
MORE = {each.id for each in catalogue.all_cases() if each.profile != "Core"}
PARTS = 28


# In parts: a test has 50 seconds, and some machines are busy.
@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize(
    ("cable", "backup_power", "more", "exempt"),
    [
        ("socket", False, True, FIXED | BACKUP | LACKS | set(ONE_UNIT)),
        ("fixed", True, False, SOCKET | NO_BACKUP | MORE),
    ],
)
async def test_an_honest_charge_point_passes(
    cable: str, backup_power: bool, more: bool, exempt: set[str], part: int
):
    cases = catalogue.all_cases()[part::PARTS]
    found = await outcomes(cases, cable, backup_power=backup_power, more=more)
    assert [str(each) for each in found if each.verdict == FAILED] == []
    not_played = {each.case.id for each in found if each.verdict == NOT_APPLICABLE}
    assert not_played == exempt & {each.id for each in cases}
    played = len(found) - len(not_played)
    assert summary(found) == f"{played} passed, 0 failed, {len(not_played)} not applicable"


@pytest.mark.parametrize("part", range(PARTS))
async def test_other_habits_are_borne(part: int):
    found = await outcomes(catalogue.all_cases()[part::PARTS], "socket", quirky=True, more=True)
    assert [str(each) for each in found if each.verdict == FAILED] == []


async def test_a_transaction_may_also_go_on_after_a_power_cut():
    (found,) = await outcomes(catalogue.chosen(["TC_032_2"]), "socket", resumes=True)
    assert found.verdict == PASSED, str(found)


@pytest.mark.parametrize(("defect", "name", "reason"), DEFECTS)
async def test_a_defect_fails_its_case(defect: str, name: str, reason: str):
    (case,) = catalogue.chosen([f"{name}_CS"])
    cable = "fixed" if case.id in FIXED else "socket"
    backup_power, more = case.id in BACKUP, case.id in MORE
    (found,) = await outcomes([case], cable, defect, backup_power=backup_power, more=more)
    assert found.verdict == FAILED, str(found)
    expected, came, so = found.text.splitlines()
    assert expected.startswith("expected  ") and came.startswith("came      ")
    assert so.startswith("so        ") and reason in so, found.text
    # Of what is no message there is nothing to show.
    assert found.exchange or case.id == "FIELD_MESSAGE_4_CS"


async def test_a_failed_case_costs_the_others_nothing():
    """Each leaves the charge point somewhere else: not booted, charging, with a transaction that is lost."""
    cases = catalogue.chosen(["TC_002", "TC_003", "TC_012", "TC_021"])
    for defect, fails in (
        ("mute-while-pending", ["TC_002_CS"]),
        ("never-charges", ["TC_003_CS", "TC_012_CS"]),
    ):
        found = await outcomes(cases, "socket", defect)
        assert [each.case.id for each in found if each.verdict == FAILED] == fails


async def test_a_charge_point_that_is_up_already_is_played_with():
    """A second run: it has booted long ago, and only comes back."""
    csms = Csms(strict=False)
    await csms.start()
    async with FakeStation(csms.url) as fake:
        await (await csms.connected(fake.id)).expect("StatusNotification", connectorId=2)
        await csms.stop()
        async with Csms(port=csms.port, strict=False) as second:
            station = await second.connected(fake.id)
            cases = catalogue.chosen(["TC_003"])
            found = await play(cases, second, station, fake, claims(), PARAMETERS, lambda outcome: None)
    assert [each.verdict for each in found] == [PASSED], found


async def test_a_boot_that_lasts_into_the_next_case_costs_nothing():
    """Its BootNotification has no answer yet, and the cable is still in."""
    async with Csms(strict=False) as csms, FakeStation(csms.url) as fake:
        station = await csms.connected(fake.id)
        restore = Restore(csms, station, fake, claims(), 10)
        await restore.remember()
        await fake.plug(1)
        station.mark()
        csms.script("BootNotification", late(2))
        await station.call("Reset", {"type": "Hard"})
        await station.expect("BootNotification", 10)
        await restore.before_a_case()
        assert fake.plugged == {1: False, 2: False}


class Picky(FakeStation):
    """Nobody waits longer than a minute here."""

    def _change(self, key: str, value: str) -> str:
        return "Rejected" if key == "ConnectionTimeOut" and int(value) > 60 else super()._change(key, value)


async def test_a_habit_that_is_refused_costs_nothing():
    async with Csms(strict=False) as csms, Picky(csms.url) as fake:
        station = await csms.connected(fake.id)
        cases = catalogue.chosen(["TC_003", "TC_004_2"])
        found = await play(cases, csms, station, fake, claims(), PARAMETERS, lambda outcome: None)
    assert [each.verdict for each in found] == [PASSED, PASSED], found


async def test_a_run_that_is_interrupted_leaves_the_charge_point_as_it_was():
    async with Csms(strict=False) as csms:
        fake = FakeStation(csms.url, password=PASSWORD)
        csms.passwords = {fake.id: PASSWORD}
        async with fake:
            station = await csms.connected(fake.id)
            cases = catalogue.chosen(["TC_073"])
            playing = asyncio.create_task(
                play(cases, csms, station, fake, claims(), PARAMETERS, lambda outcome: None)
            )
            while fake.password == PASSWORD:
                await asyncio.sleep(0.01)
            playing.cancel()
            with pytest.raises(asyncio.CancelledError):
                await playing
            assert fake.password == PASSWORD
            assert csms.passwords == {fake.id: PASSWORD}


def test_every_case_has_a_defect():
    """A case that no defect can fail is not a case."""
    assert {each.id for each in catalogue.all_cases()} == {f"{name}_CS" for _, name, _ in DEFECTS}


def test_the_bench_knows_which_profiles_the_firmware_has():
    """Or cases of a new one would not be played, and nobody would notice."""
    assert set(conformance.IMPLEMENTED) == set(profiles.IMPLEMENTED)


def test_cases_are_found_by_any_name():
    assert [each.id for each in catalogue.chosen(["tc_012", "TC_003_CS"])] == ["TC_003_CS", "TC_012_CS"]
    # Of an older edition, and all variants of one number.
    assert [each.id for each in catalogue.chosen(["TC_023_1"])] == ["TC_023_4_CS"]
    assert [each.id for each in catalogue.chosen(["TC_007"])] == ["TC_007_1_CS", "TC_007_2_CS"]
    assert [each.id for each in catalogue.chosen(["tc_005", "FIELD_BOOT"])] == [
        *(f"TC_005_{number}_CS" for number in (1, 2, 3)),
        *(f"FIELD_BOOT_{number}_CS" for number in (1, 2, 3, 4)),
    ]
    # One whose id is also the name of its variants.
    assert [each.id for each in catalogue.chosen(["TC_043_CS"])] == ["TC_043_CS"]
    variants = ["TC_043_CS", "TC_043_2_CS", "TC_043_3_CS", "TC_043_1_CS"]
    assert [each.id for each in catalogue.chosen(["TC_043"])] == variants
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
