# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Claimed, read and proven are three things; where the first two contradict each other it is said."""

from typing import Any

import pytest

from bench.cases import catalogue
from bench.cases.run import FAILED, NOT_APPLICABLE, PASSED, Run
from bench.report import certificate, profiles
from bench.report.document import document
from bench.report.facts import Facts
from host_tests.report.made import Exchange, outcome, run

SOCKET = {"cable": "socket", "current": "AC", "phases": 3, "rated_a": 32}
DC = {"cable": "fixed", "current": "DC", "phases": 1, "rated_a": 80}


def row(of: Run, name: str) -> dict[str, Any]:
    """The row of this id, or feature, in any table."""
    facts = Facts(of)
    every = (*certificate.HARDWARE, *certificate.OPTIONS, *certificate.SECURITY, *certificate.LIMITS)
    return next(each for each in certificate.rows(every, facts) if name in (each["id"], each["feature"]))


def said(of: Run, name: str) -> tuple[str | None, str | None, str]:
    found = row(of, name)
    return found["claimed"], found["read"], found["contradiction"]


def test_of_somebody_elses_charge_point_nothing_is_stated():
    found = document(run(outcome("TC_003_CS")))
    rows = [
        each
        for name in ("profiles", "hardware", "options", "security_rows", "limits")
        for each in found[name]
    ]
    assert len(rows) > 50
    assert [each for each in rows if each["claimed"] is not None] == []
    assert [each for each in rows if each["read"] is not None] == []
    assert found["contradictions"] == [] and found["configuration"] == []


def test_hardware():
    station = run(
        described={"connectors": [SOCKET, SOCKET]}, configuration={"NumberOfConnectors": ("2", True)}
    )
    claimed = {name: row(station, f"HFS-{name}")["claimed"] for name in range(1, 8)}
    assert claimed == {1: "yes", 2: "no", 3: "yes", 4: "no", 5: "no", 6: "no", 7: "yes"}
    assert said(station, "HFS-8") == ("2; socket AC 3 phases 32 A", "2", "")


def test_a_dc_connector_has_no_phases():
    station = run(described={"connectors": [DC]})
    assert [row(station, f"HFS-{number}")["claimed"] for number in (3, 4, 5, 6, 7)] == [
        "no",
        "yes",
        "no",
        "no",
        "no",
    ]


def test_a_wrong_number_of_connectors_is_a_contradiction():
    station = run(described={"connectors": [SOCKET]}, configuration={"NumberOfConnectors": ("2", True)})
    assert said(station, "HFS-8")[2] == "1 in the description, NumberOfConnectors is 2"


@pytest.mark.parametrize(
    ("described", "told", "contradiction"),
    [
        ({"configuration": {"GetConfigurationMaxKeys": "160"}}, ("160", True), ""),
        ({"configuration": {"GetConfigurationMaxKeys": "160"}}, ("50", True), "claimed 160"),
        (
            {"configuration": {"GetConfigurationMaxKeys": "160"}},
            ("50", False),
            "claimed 160, which can be changed",
        ),
        ({"configuration": {"GetConfigurationMaxKeys": "160"}}, None, "claimed 160, there is no such key"),
        ({"absent": ["GetConfigurationMaxKeys"]}, None, ""),
        (
            {"absent": ["GetConfigurationMaxKeys"]},
            ("50", True),
            "the description says that there is no such key",
        ),
        (
            {"read_only": ["GetConfigurationMaxKeys"]},
            ("50", False),
            "claimed read-only, told as changeable",
        ),
        ({}, ("50", True), ""),
    ],
)
def test_claim_and_reading_of_a_key(described, told, contradiction):
    configuration: dict[str, tuple[str | None, bool]] = {"HeartbeatInterval": ("300", False)}
    if told is not None:
        configuration["GetConfigurationMaxKeys"] = told
    station = run(described=described, configuration=configuration)
    assert said(station, "ORS-1")[2] == contradiction
    rows = profiles.configuration(Facts(station))
    assert [each["contradiction"] for each in rows if each["key"] == "GetConfigurationMaxKeys"] in (
        [contradiction],
        [],
    )
    # Said once, though two tables show it.
    assert len(document(station)["contradictions"]) == bool(contradiction)


def test_neither_order_nor_case_of_a_list_matters():
    station = run(
        described={"configuration": {"SupportedFileTransferProtocols": "HTTP,FTP"}},
        configuration={"SupportedFileTransferProtocols": ("ftp, http", True)},
    )
    assert said(station, "ORS-16") == ("HTTP,FTP", "ftp, http", "")


@pytest.mark.parametrize(
    ("told", "keeps", "ends"),
    [
        (("true", True), "no", "yes"),
        (("false", True), "yes", "no"),
        (("true", False), "yes, can be changed", "yes, can be changed"),
    ],
)
def test_what_happens_when_the_car_leaves(told, keeps, ends):
    station = run(configuration={"StopTransactionOnEVSideDisconnect": told})
    assert (row(station, "C-06.1")["read"], row(station, "C-06.2")["read"]) == (keeps, ends)


def test_a_cache_that_is_claimed_and_is_not_there():
    described = {"options": {"cache": True}}
    without = run(described=described, configuration={"HeartbeatInterval": ("300", False)})
    assert said(without, "C-04") == ("yes", "no", "claimed yes, read no")
    with_one = run(described=described, configuration={"AuthorizationCacheEnabled": ("false", False)})
    assert said(with_one, "C-04") == ("yes", "yes, AuthorizationCacheEnabled = false", "")


def test_a_measurand_that_the_hardware_has_not():
    station = run(
        described={"measurands": ["Voltage", "Current.Import"]},
        configuration={"MeterValuesSampledData": ("Voltage,SoC", False)},
    )
    assert said(station, "C-09.1")[2] == "not among the measurands of the description: SoC"


def test_milliseconds_are_seen_in_messages():
    exchange = Exchange()
    exchange.told(1, "StatusNotification", timestamp="2026-11-20T21:00:00.123Z")
    exchange.told(2, "MeterValues", meterValue=[{"timestamp": "2026-11-20T21:00:01Z", "sampledValue": []}])
    station = run(exchange.outcome(), described={"options": {"milliseconds": False}})
    assert said(station, "milliseconds in timestamps") == (
        "no",
        "yes, in 1 of 2 timestamps",
        "claimed no, read yes, in 1 of 2 timestamps",
    )


def test_a_limit_beside_what_is_set():
    described = {"limits": {"HeartbeatInterval": [10, 86400]}}
    station = run(described=described, configuration={"HeartbeatInterval": ("5", False)})
    assert said(station, "ORS-6") == ("10", None, "HeartbeatInterval is 5")
    assert said(station, "ORS-7") == ("86400", None, "")


def test_a_security_profile_that_the_connection_does_not_keep():
    station = run(
        configuration={"SecurityProfile": ("2", False)}, security={"scheme": "ws", "basic_auth": True}
    )
    assert said(station, "the connection of this run") == (
        None,
        "ws, with a password",
        "SecurityProfile is 2, and the connection is not encrypted",
    )
    assert row(station, "SEC-2")["read"] == "in use"
    assert row(station, "SEC-1")["read"] == "in use is 2"


def test_what_the_description_says_of_a_row_by_its_id():
    assert row(run(described={"certificate": {"HFS-9": "Wi-Fi, LTE"}}), "HFS-9")["claimed"] == "Wi-Fi, LTE"


def test_only_what_was_played_is_proof():
    station = run(
        outcome("TC_017_1_CS"), outcome("TC_018_1_CS", FAILED), outcome("TC_005_1_CS", NOT_APPLICABLE)
    )
    assert row(station, "HFS-1")["cases"] == [
        {"id": "TC_017_1_CS", "verdict": PASSED},
        {"id": "TC_018_1_CS", "verdict": FAILED},
    ]
    assert row(station, "HFS-2")["cases"] == []


def test_a_case_is_proof_under_its_older_name_too():
    station = run(outcome("TC_061_9_CS", aliases=("TC_061",)))
    assert row(station, "C-04")["cases"] == [{"id": "TC_061_9_CS", "verdict": PASSED}]


@pytest.mark.parametrize(
    ("verdicts", "in_catalogue", "result"),
    [
        ((PASSED, PASSED, NOT_APPLICABLE), 3, "passed"),
        ((PASSED, FAILED, PASSED), 3, "failed"),
        ((PASSED, PASSED), 3, "incomplete"),
        ((FAILED,), 3, "failed"),
        ((NOT_APPLICABLE, NOT_APPLICABLE), 2, "not tested"),
        ((), 0, "not tested"),
    ],
)
def test_a_profile_is_passed_only_when_all_of_it_was_played(verdicts, in_catalogue, result):
    outcomes = [outcome(f"TC_{number}_CS", verdict) for number, verdict in enumerate(verdicts)]
    facts = Facts(run(*outcomes))
    core = profiles.profiles(facts, outcomes, {"Core": in_catalogue})[0]
    assert (core["id"], core["result"]) == ("Core", result)
    assert core["passed"] + core["failed"] + core["not_applicable"] == len(verdicts)


def test_a_profile_beside_what_the_charge_point_says_of_itself():
    described = {"profiles": ["Core", "Reservation", "Security"]}
    station = run(
        described=described, configuration={"SupportedFeatureProfiles": ("Core, SmartCharging", True)}
    )
    rows = {each["id"]: each for each in profiles.profiles(Facts(station), [], {})}
    assert rows["Core"]["contradiction"] == ""
    assert rows["Reservation"]["contradiction"] == "claimed yes, SupportedFeatureProfiles says no"
    assert rows["SmartCharging"]["contradiction"] == "claimed no, SupportedFeatureProfiles says yes"
    # The standard has no entry of the security extension there.
    assert (rows["Security"]["read"], rows["Security"]["contradiction"]) == ("no such key", "")


@pytest.mark.parametrize("name", ["LocalAuthListManagement", "Reservation", "RemoteTrigger"])
def test_the_cases_of_another_profile_are_counted_as_its_own(name: str):
    cases = [each.id for each in catalogue.all_cases() if each.profile == name]
    outcomes = [outcome(each, profile=name) for each in cases]
    rows = {each["id"]: each for each in document(run(*outcomes))["profiles"]}
    assert (rows[name]["result"], rows[name]["passed"]) == ("passed", len(cases))
    assert rows["Core"]["result"] == "not tested"
    rows = {each["id"]: each for each in document(run(*outcomes[1:]))["profiles"]}
    assert (rows[name]["result"], rows[name]["catalogue"]) == ("incomplete", len(cases))


def test_the_rows_of_profiles_have_their_cases():
    wanted = {
        "R-1": ["TC_049_CS", "TC_050_4_CS"],
        "SC-1": ["FIELD_SCHEDULE_11_CS", "FIELD_SCHEDULE_14_CS"],
        "ORS-12": ["TC_043_3_CS"],
        "ORS-13": ["FIELD_LIST_4_CS"],
        "ORS-14": ["FIELD_PROFILE_12_CS"],
        "ORS-15": ["FIELD_PROFILE_11_CS"],
        "ORS-19": ["FIELD_PROFILE_10_CS"],
    }
    station = run(*(outcome(name) for names in wanted.values() for name in names))
    proven = {name: [each["id"] for each in row(station, name)["cases"]] for name in wanted}
    assert proven == wanted
