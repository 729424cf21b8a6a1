# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
from host_tests.unit.expect import raises
from ocpp16 import schema_local_list
from ocpp16.schema import Violation, check, check_item, find
from ocpp16.schema_core import ACTIONS, REQUESTS, RESPONSES

FORMATION = "FormationViolation"
PROPERTY = "PropertyConstraintViolation"
OCCURENCE = "OccurenceConstraintViolation"
TYPE = "TypeConstraintViolation"


def request(action, payload):
    check(find(REQUESTS, action), payload)


def violation(action, payload):
    """(code, path) of what is wrong with a request."""
    error = raises(Violation, request, action, payload)
    assert error.text
    assert error.describe()
    return error.code, error.path


def profile(**changes):
    result = {
        "chargingProfileId": 1,
        "stackLevel": 0,
        "chargingProfilePurpose": "TxProfile",
        "chargingProfileKind": "Relative",
        "chargingSchedule": {
            "chargingRateUnit": "A",
            "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 16}, {"startPeriod": 60, "limit": 6.5}],
        },
    }
    result.update(changes)
    return {"idTag": "TAG", "chargingProfile": result}


def periods(*rows):
    return profile(chargingSchedule={"chargingRateUnit": "A", "chargingSchedulePeriod": list(rows)})


def test_good_requests():
    for action, payload in (
        ("ChangeAvailability", {"connectorId": 0, "type": "Inoperative"}),
        ("ChangeConfiguration", {"key": "k" * 50, "value": "v" * 500}),
        ("ChangeConfiguration", {"key": "", "value": ""}),
        ("ClearCache", {}),
        ("DataTransfer", {"vendorId": "v", "data": "x" * 5000}),
        ("GetConfiguration", {}),
        ("GetConfiguration", {"key": []}),
        ("GetConfiguration", {"key": ["a", "b" * 50]}),
        ("RemoteStartTransaction", {"idTag": "x" * 20}),
        ("RemoteStartTransaction", profile()),
        ("RemoteStartTransaction", profile(validFrom="2026-11-20T10:00:00Z", recurrencyKind="Daily")),
        ("RemoteStopTransaction", {"transactionId": -1}),
        ("RemoteStopTransaction", {"transactionId": 1700000000000}),
        ("Reset", {"type": "Hard"}),
        ("UnlockConnector", {"connectorId": 1}),
    ):
        request(action, payload)


def test_missing_field():
    assert violation("Reset", {}) == (OCCURENCE, "type")
    assert violation("ChangeConfiguration", {"key": "a"}) == (OCCURENCE, "value")
    assert violation("RemoteStartTransaction", periods({"limit": 1})) == (
        OCCURENCE,
        "chargingProfile.chargingSchedule.chargingSchedulePeriod[0].startPeriod",
    )


def test_unknown_field():
    assert violation("ClearCache", {"x": 1}) == (FORMATION, "x")
    assert violation("Reset", {"type": "Hard", "Type": "Hard"}) == (FORMATION, "Type")
    assert violation("RemoteStartTransaction", profile(extra=None)) == (FORMATION, "chargingProfile.extra")
    # A name of the table that is not one of this row's.
    assert violation("Reset", {"type": "Hard", "Soft": 1}) == (FORMATION, "Soft")
    assert len(violation("ClearCache", {"y" * 5000: 1})[1]) == 50


def test_wrong_type():
    assert violation("Reset", {"type": 1}) == (TYPE, "type")
    assert violation("Reset", {"type": None}) == (TYPE, "type")
    for bad in ("1", 1.0, True, None, [1], {}):
        assert violation("UnlockConnector", {"connectorId": bad}) == (TYPE, "connectorId")
    for bad in ("16", True, None, [], {}):
        assert violation("RemoteStartTransaction", periods({"startPeriod": 0, "limit": bad}))[0] == TYPE
    for bad in ("k", {}, 1, None):
        assert violation("GetConfiguration", {"key": bad}) == (TYPE, "key")
    assert violation("GetConfiguration", {"key": ["a", 1]}) == (TYPE, "key[1]")
    for bad in ([], "x", None, 1):
        assert violation("RemoteStartTransaction", {"idTag": "a", "chargingProfile": bad}) == (
            TYPE,
            "chargingProfile",
        )
    assert violation("RemoteStartTransaction", periods(1))[0] == TYPE


def test_bad_value():
    assert violation("Reset", {"type": "soft"}) == (PROPERTY, "type")
    assert violation("Reset", {"type": ""}) == (PROPERTY, "type")
    assert violation("ChangeConfiguration", {"key": "k" * 51, "value": ""}) == (PROPERTY, "key")
    assert violation("ChangeConfiguration", {"key": "k", "value": "v" * 501}) == (PROPERTY, "value")
    assert violation("GetConfiguration", {"key": ["k" * 51]}) == (PROPERTY, "key[0]")
    assert violation("UnlockConnector", {"connectorId": -1}) == (PROPERTY, "connectorId")
    assert violation("UnlockConnector", {"connectorId": 1 << 31}) == (PROPERTY, "connectorId")
    assert violation("RemoteStartTransaction", profile(chargingProfileId=-(1 << 31) - 1)) == (
        PROPERTY,
        "chargingProfile.chargingProfileId",
    )
    for bad in ("", "yesterday", "2026-11-20", "20261120T100000Z..", "2026-11-20T10"):
        found = violation("RemoteStartTransaction", profile(validTo=bad))
        assert found == (PROPERTY, "chargingProfile.validTo")


def test_lengths_count_characters():
    request("ChangeConfiguration", {"key": "\u20ac" * 50, "value": ""})
    assert violation("RemoteStartTransaction", {"idTag": "\u20ac" * 21}) == (PROPERTY, "idTag")


def test_limits_have_one_fraction_digit():
    for good in (0, 16, 0.1, 6.5, 15.9, 22080.1, 3.3, 1e3, 12.30):
        request("RemoteStartTransaction", periods({"startPeriod": 0, "limit": good}))
    for bad in (0.05, 16.25, 1.01, 6.001, 11040.15):
        assert violation("RemoteStartTransaction", periods({"startPeriod": 0, "limit": bad}))[0] == PROPERTY


def test_payload_must_be_an_object():
    for bad in ([], "x", None, 1, [{}]):
        assert violation("ClearCache", bad) == (FORMATION, "")
    assert raises(Violation, request, "ClearCache", []).describe() == "payload is not an object"


def test_answers_are_taken_leniently():
    row = find(RESPONSES, "Authorize")
    answer = {"idTagInfo": {"status": "Accepted", "expiryDate": None, "vendor": 1}, "more": {}}
    check(row, answer, True)
    assert answer == {"idTagInfo": {"status": "Accepted", "vendor": 1}, "more": {}}
    assert raises(Violation, check, row, {"idTagInfo": None}, True).code == TYPE
    assert raises(Violation, check, row, {"idTagInfo": {"status": None}}, True).code == TYPE
    assert raises(Violation, check, row, {}, True).code == OCCURENCE
    assert raises(Violation, check, row, {"idTagInfo": {"status": "OK"}}, True).code == PROPERTY
    assert raises(Violation, check, row, None, True).code == FORMATION
    check(row, {"idTagInfo": {"status": "Accepted", "expiryDate": "never"}}, True)
    no_text = {"idTagInfo": {"status": "Accepted", "expiryDate": 7}}
    assert raises(Violation, check, row, no_text, True).code == TYPE
    started = {"transactionId": 1 << 40, "idTagInfo": {"status": "Invalid"}}
    check(find(RESPONSES, "StartTransaction"), started, True)
    check(find(RESPONSES, "MeterValues"), {}, True)


def test_find():
    assert find(REQUESTS, "Reset")[1] == "type"
    assert find(REQUESTS, "Authorize") is None
    assert find(RESPONSES, "Reset") is None
    assert find(REQUESTS, "") is None
    assert len(REQUESTS) == 18
    assert len(RESPONSES) == 16


def test_every_action_of_the_standard_is_named_once():
    names = []
    for i in range(1, len(ACTIONS), 2):
        names.extend(ACTIONS[i].split())
    assert len(names) == len(set(names)) == 39
    assert [ACTIONS[i] for i in range(0, len(ACTIONS), 2)] == [
        "Core",
        "FirmwareManagement",
        "LocalAuthListManagement",
        "Reservation",
        "SmartCharging",
        "RemoteTrigger",
        "Security",
    ]


def test_one_item_of_a_list():
    row = find(schema_local_list.REQUESTS, "SendLocalList")
    name = "localAuthorizationList"
    check_item(row, name, 3, {"idTag": "A"})
    for value, code, path in (
        (5, TYPE, "[7]"),
        ({}, OCCURENCE, "[7].idTag"),
        ({"idTag": "x" * 21}, PROPERTY, "[7].idTag"),
        ({"idTag": "A", "idTagInfo": {"status": "ok"}}, PROPERTY, "[7].idTagInfo.status"),
        ({"idTag": "A", "x": 1}, FORMATION, "[7].x"),
    ):
        error = raises(Violation, check_item, row, name, 7, value)
        assert (error.code, error.path) == (code, name + path)
    # And of one of strings.
    row = find(REQUESTS, "GetConfiguration")
    check_item(row, "key", 0, "HeartbeatInterval")
    assert raises(Violation, check_item, row, "key", 2, 5).path == "key[2]"
