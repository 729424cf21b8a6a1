# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The cases of the local list, of reservations, of triggered messages and of smart charging: when they apply,
and what they leave behind. That they find what they are for is in test_cases.py.
"""

from typing import Any

import pytest

from bench.cases import catalogue
from bench.cases.parameters import RESERVATION, Parameters
from bench.cases.run import FAILED, NOT_APPLICABLE, PASSED, Outcome, play
from bench.csms import Csms
from bench.messages import TO_STATION
from host_tests.integration.fake_station import FakeStation, claims
from host_tests.integration.test_cases import PARAMETERS

AT_ONCE = 16
SKIPS_WAITING = True
LONG = Parameters().longest_list
UNITS = "ChargingScheduleAllowedChargingRateUnit"


async def played(names: list[str], values: dict[str, str], **fields: Any) -> list[Outcome]:
    """With a fake whose configuration has these values too."""
    async with Csms(strict=False) as csms, FakeStation(csms.url, more=True, **fields) as fake:
        fake.configure(values)
        station = await csms.connected(fake.id)
        chosen = catalogue.chosen(names)
        return await play(chosen, csms, station, fake, claims(more=True), PARAMETERS, lambda outcome: None)


@pytest.mark.parametrize(
    ("values", "name", "verdict", "why"),
    [
        # A certified station tells 0 for both of its lengths.
        ({"LocalAuthListMaxLength": "0"}, "TC_008_1_CS", NOT_APPLICABLE, "LocalAuthListMaxLength is 0"),
        ({"LocalAuthListMaxLength": "0"}, "TC_042_2_CS", PASSED, ""),
        ({"LocalAuthListMaxLength": "0"}, "TC_043_3_CS", PASSED, ""),
        ({"SendLocalListMaxLength": "1"}, "TC_043_CS", NOT_APPLICABLE, "SendLocalListMaxLength is 1"),
        ({"SendLocalListMaxLength": "1"}, "FIELD_LIST_4_CS", PASSED, ""),
        (
            {"LocalAuthListMaxLength": str(LONG)},
            "TC_043_3_CS",
            NOT_APPLICABLE,
            f"a list of {LONG + 1} entries would be needed",
        ),
        (
            {"SendLocalListMaxLength": str(LONG)},
            "FIELD_LIST_4_CS",
            NOT_APPLICABLE,
            f"a list of {LONG + 1} entries would be needed",
        ),
        (
            {"ReserveConnectorZeroSupported": "false"},
            "TC_049_CS",
            NOT_APPLICABLE,
            "ReserveConnectorZeroSupported is false and cannot be true",
        ),
        ({"ReserveConnectorZeroSupported": "false"}, "TC_050_4_CS", PASSED, ""),
        ({}, "TC_050_4_CS", NOT_APPLICABLE, "the whole charge point can be reserved"),
        ({"LocalAuthListEnabled": "false"}, "TC_042_2_CS", PASSED, ""),
        (
            {"MaxChargingProfilesInstalled": "2"},
            "TC_066_CS",
            NOT_APPLICABLE,
            "MaxChargingProfilesInstalled is 2",
        ),
        (
            {"MaxChargingProfilesInstalled": "24"},
            "FIELD_PROFILE_10_CS",
            NOT_APPLICABLE,
            "MaxChargingProfilesInstalled is 24, and there is room for 16",
        ),
        ({"ChargingScheduleMaxPeriods": "1"}, "TC_057_CS", NOT_APPLICABLE, "ChargingScheduleMaxPeriods is 1"),
        ({"ChargingScheduleMaxPeriods": "1"}, "FIELD_PROFILE_11_CS", PASSED, ""),
        ({"ChargeProfileMaxStackLevel": "0"}, "TC_072_CS", NOT_APPLICABLE, "ChargeProfileMaxStackLevel is 0"),
        ({}, "FIELD_SCHEDULE_14_CS", NOT_APPLICABLE, "it takes both units"),
        ({UNITS: "Current"}, "FIELD_SCHEDULE_14_CS", PASSED, ""),
        ({UNITS: "Power"}, "FIELD_SCHEDULE_14_CS", PASSED, ""),
        ({UNITS: "Current"}, "FIELD_SCHEDULE_11_CS", NOT_APPLICABLE, f"{UNITS} is Current"),
        # A thousand times as many watts.
        ({UNITS: "Power"}, "TC_066_CS", PASSED, ""),
        ({UNITS: "Power"}, "FIELD_SCHEDULE_15_CS", PASSED, ""),
        ({UNITS: "Power"}, "FIELD_LIMIT_5_CS", NOT_APPLICABLE, "it takes no limits in A"),
        (
            {"ConnectorSwitch3to1PhaseSupported": "true"},
            "FIELD_SCHEDULE_12_CS",
            NOT_APPLICABLE,
            "the charge point switches phases",
        ),
    ],
)
async def test_what_a_station_can_do_decides_what_applies(values, name, verdict, why):
    (found,) = await played([name], values)
    assert found.verdict == verdict, str(found)
    assert why in found.text


async def test_a_list_as_long_as_it_may_be_is_sent():
    """A thousand entries are 60 kB: nothing between the case and the charge point minds."""
    (found,) = await played(["FIELD_LIST_4"], {"SendLocalListMaxLength": "1000"})
    assert found.verdict == PASSED, str(found)


@pytest.mark.parametrize(
    "defect", [None, "cancels-anything", "takes-duplicates", "takes-too-much", "takes-long-schedules"]
)
async def test_what_a_case_leaves_is_taken_back(defect: str | None):
    """Whether it passes or fails: no reservation, an empty list, no charging profile, the configuration as it
    was.
    """
    names = ["TC_008_1", "TC_049", "TC_052", "FIELD_LIST_3", "FIELD_LIST_4", "FIELD_RESERVE_5"]
    names += ["TC_056", "FIELD_PROFILE_11"]
    async with Csms(strict=False) as csms, FakeStation(csms.url, defect, more=True) as fake:
        station = await csms.connected(fake.id)
        before = (await station.call("GetConfiguration"))["configurationKey"]
        cases = catalogue.chosen(names)
        found = await play(cases, csms, station, fake, claims(more=True), PARAMETERS, lambda outcome: None)
        failed = [each.case.id for each in found if each.verdict == FAILED]
        assert bool(failed) == (defect is not None), failed
        assert (await station.call("GetLocalListVersion"))["listVersion"] == 0
        assert (await station.call("GetConfiguration"))["configurationKey"] == before
        told = csms.books.station(fake.id).statuses
        assert [told[number]["status"] for number in (0, 1, 2)] == ["Available"] * 3
        assert not fake.reserved and not fake.installed


@pytest.mark.parametrize(
    ("defect", "names", "fails"),
    [
        # It stays Pending; there are two reservations of one id.
        ("mute-while-pending", ["FIELD_TRIGGER_1", "FIELD_TRIGGER_2"], "FIELD_TRIGGER_1_CS"),
        ("adds-instead-of-replacing", ["FIELD_RESERVE_4", "FIELD_RESERVE_5"], "FIELD_RESERVE_4_CS"),
    ],
)
async def test_a_failed_case_costs_the_next_one_nothing(defect: str, names: list[str], fails: str):
    found = await played(names, {}, defect=defect)
    assert [each.case.id for each in found if each.verdict == FAILED] == [fails], found


async def test_a_reservation_of_a_run_that_was_killed_is_taken_back():
    """Nobody has cancelled it, and the bench that made it is gone."""
    async with Csms(strict=False) as csms, FakeStation(csms.url, more=True) as fake:
        station = await csms.connected(fake.id)
        cases = catalogue.chosen(["TC_052"])
        await station.expect("StatusNotification", connectorId=2)
        fields = {"connectorId": 2, "expiryDate": "2099-01-01T00:00:00Z", "idTag": "04A1B2C3"}
        answer = await station.call("ReserveNow", {**fields, "reservationId": RESERVATION})
        assert answer == {"status": "Accepted"}
        await station.expect("StatusNotification", connectorId=2, status="Reserved")
        found = await play(cases, csms, station, fake, claims(more=True), PARAMETERS, lambda outcome: None)
    assert [each.verdict for each in found] == [PASSED], found


async def test_nothing_of_a_profile_is_sent_to_who_has_it_not():
    async with Csms(strict=False) as csms, FakeStation(csms.url) as fake:
        station = await csms.connected(fake.id)
        cases = catalogue.chosen(["TC_031"])
        await play(cases, csms, station, fake, claims(), PARAMETERS, lambda outcome: None)
        asked = {message.action for message in station.log if message.direction == TO_STATION}
    assert "RemoteStopTransaction" not in asked and "ChangeAvailability" in asked
    assert not asked & {"SendLocalList", "CancelReservation", "ClearChargingProfile"}
