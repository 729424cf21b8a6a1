# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Every operation from the prompt of `python -m bench csms`, and every answer to a charge point."""

import json
import re
import tempfile
from typing import Any

import pytest
from ocpp.v16.enums import Action

from bench.desk.waiting import FROM_CHARGE_POINT
from bench.messages import TO_STATION
from host_tests.integration.charge_points import HASHES, START, Payload, charge_point, desk, write

AT_ONCE = 4


PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
CONTENT = {
    "chain.pem": PEM,
    "image.sig": "c2lnbmF0dXJl",
    "more.tags": "# new\n\nX9 blocked\n X8 parent FAMILY until 2099-01-01T00:00Z\nT1\nt2 accepted\n-X7\n",
}
_PERIODS = [{"startPeriod": 0, "limit": 16}, {"startPeriod": 600, "limit": 8.5, "numberPhases": 1}]

# line at the prompt, action, fields that the CALL must have (`...`: anything); FOLDER is a folder of files
OPERATIONS: list[tuple[str, str, Payload]] = [
    ("remote-start", "RemoteStartTransaction", {"idTag": "T1", "connectorId": 1}),
    ("remote-start X9 2", "RemoteStartTransaction", {"idTag": "X9", "connectorId": 2}),
    (
        "remote-start X9 2 0:16A 600:8.5A/1",
        "RemoteStartTransaction",
        {
            "idTag": "X9",
            "connectorId": 2,
            "chargingProfile": {
                "chargingProfileId": ...,
                "stackLevel": 0,
                "chargingProfilePurpose": "TxProfile",
                "chargingProfileKind": "Relative",
                "chargingSchedule": {"chargingRateUnit": "A", "chargingSchedulePeriod": _PERIODS},
            },
        },
    ),
    ("remote-stop 7", "RemoteStopTransaction", {"transactionId": 7}),
    ("remote-stop", "RemoteStopTransaction", {"transactionId": 1}),
    (
        "set MeterValueSampleInterval 5",
        "ChangeConfiguration",
        {"key": "MeterValueSampleInterval", "value": "5"},
    ),
    ("get", "GetConfiguration", {}),
    ("get A B", "GetConfiguration", {"key": ["A", "B"]}),
    ("unlock 2", "UnlockConnector", {"connectorId": 2}),
    ("reset hard", "Reset", {"type": "Hard"}),
    ("availability 0 off", "ChangeAvailability", {"connectorId": 0, "type": "Inoperative"}),
    ("availability 1 operative", "ChangeAvailability", {"connectorId": 1, "type": "Operative"}),
    ("clear-cache", "ClearCache", {}),
    (
        "data-transfer org.example hello a b",
        "DataTransfer",
        {"vendorId": "org.example", "messageId": "hello", "data": "a b"},
    ),
    ("trigger status 2", "TriggerMessage", {"requestedMessage": "StatusNotification", "connectorId": 2}),
    (
        "reserve T1 0 30",
        "ReserveNow",
        {"connectorId": 0, "idTag": "T1", "parentIdTag": "FAMILY", "reservationId": ..., "expiryDate": ...},
    ),
    ("cancel-reservation 5", "CancelReservation", {"reservationId": 5}),
    ("list-version", "GetLocalListVersion", {}),
    (
        "send-list",
        "SendLocalList",
        {
            "listVersion": 5,
            "updateType": "Full",
            "localAuthorizationList": [
                {"idTag": "T1", "idTagInfo": {"status": "Accepted", "parentIdTag": "FAMILY"}},
                {"idTag": "T2", "idTagInfo": {"status": "Blocked"}},
            ],
        },
    ),
    (
        "send-list X9 -T2",
        "SendLocalList",
        {
            "listVersion": 5,
            "updateType": "Differential",
            "localAuthorizationList": [{"idTag": "X9", "idTagInfo": {"status": "Accepted"}}, {"idTag": "T2"}],
        },
    ),
    (
        "send-list from FOLDER/more.tags",
        "SendLocalList",
        {
            "listVersion": 5,
            "updateType": "Differential",
            "localAuthorizationList": [
                {"idTag": "X9", "idTagInfo": {"status": "Blocked"}},
                {
                    "idTag": "X8",
                    "idTagInfo": {
                        "status": "Accepted",
                        "parentIdTag": "FAMILY",
                        "expiryDate": "2099-01-01T00:00:00.000Z",
                    },
                },
                {"idTag": "T1", "idTagInfo": {"status": "Accepted", "parentIdTag": "FAMILY"}},
                {"idTag": "T2", "idTagInfo": {"status": "Accepted"}},
                {"idTag": "X7"},
            ],
        },
    ),
    (
        "send-list full X9 version 0",
        "SendLocalList",
        {
            "listVersion": 0,
            "updateType": "Full",
            "localAuthorizationList": [{"idTag": "X9", "idTagInfo": {"status": "Accepted"}}],
        },
    ),
    (
        "profile max 0 22000W until 2099-01-01T00:00Z",
        "SetChargingProfile",
        {
            "connectorId": 0,
            "csChargingProfiles": {
                "chargingProfileId": 0,
                "stackLevel": 0,
                "chargingProfilePurpose": "ChargePointMaxProfile",
                "chargingProfileKind": "Absolute",
                "validTo": "2099-01-01T00:00:00.000Z",
                "chargingSchedule": {
                    "chargingRateUnit": "W",
                    "startSchedule": ...,
                    "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 22000}],
                },
            },
        },
    ),
    (
        "profile default 1 0:16A 600:8.5A/1 level 2 daily start 2026-11-20T18:00Z duration 3600",
        "SetChargingProfile",
        {
            "connectorId": 1,
            "csChargingProfiles": {
                "chargingProfileId": 1102,
                "stackLevel": 2,
                "chargingProfilePurpose": "TxDefaultProfile",
                "chargingProfileKind": "Recurring",
                "recurrencyKind": "Daily",
                "chargingSchedule": {
                    "duration": 3600,
                    "chargingRateUnit": "A",
                    "startSchedule": "2026-11-20T18:00:00.000Z",
                    "chargingSchedulePeriod": _PERIODS,
                },
            },
        },
    ),
    (
        "profile tx 1 10A",
        "SetChargingProfile",
        {
            "connectorId": 1,
            "csChargingProfiles": {
                "chargingProfileId": 1200,
                "transactionId": 1,
                "stackLevel": 0,
                "chargingProfilePurpose": "TxProfile",
                "chargingProfileKind": "Relative",
                "chargingSchedule": {
                    "chargingRateUnit": "A",
                    "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 10}],
                },
            },
        },
    ),
    ("clear-profile", "ClearChargingProfile", {}),
    ("clear-profile 1102", "ClearChargingProfile", {"id": 1102}),
    (
        "clear-profile tx connector 1 level 0",
        "ClearChargingProfile",
        {"chargingProfilePurpose": "TxProfile", "connectorId": 1, "stackLevel": 0},
    ),
    ("schedule", "GetCompositeSchedule", {"connectorId": 1, "duration": 3600}),
    ("schedule 2 60 w", "GetCompositeSchedule", {"connectorId": 2, "duration": 60, "chargingRateUnit": "W"}),
    (
        "diagnostics ftp://h/d/ retries 2 interval 5 from 2026-11-20T10:00Z",
        "GetDiagnostics",
        {"location": "ftp://h/d/", "retries": 2, "retryInterval": 5, "startTime": "2026-11-20T10:00:00.000Z"},
    ),
    (
        "update-firmware http://h/f.bin at 2026-11-20T10:00Z",
        "UpdateFirmware",
        {"location": "http://h/f.bin", "retrieveDate": "2026-11-20T10:00:00.000Z"},
    ),
    ("trigger-extended sign", "ExtendedTriggerMessage", {"requestedMessage": "SignChargePointCertificate"}),
    (
        "log security ftp://h/d/ until 2026-11-20T10:00Z",
        "GetLog",
        {
            "logType": "SecurityLog",
            "requestId": ...,
            "log": {"remoteLocation": "ftp://h/d/", "latestTimestamp": "2026-11-20T10:00:00.000Z"},
        },
    ),
    (
        "signed-update https://h/f.bin FOLDER/chain.pem FOLDER/image.sig install +60",
        "SignedUpdateFirmware",
        {
            "requestId": ...,
            "firmware": {
                "location": "https://h/f.bin",
                "retrieveDateTime": ...,
                "installDateTime": ...,
                "signingCertificate": PEM,
                "signature": "c2lnbmF0dXJl",
            },
        },
    ),
    ("certificate-signed FOLDER/chain.pem", "CertificateSigned", {"certificateChain": PEM}),
    (
        "install-certificate manufacturer FOLDER/chain.pem",
        "InstallCertificate",
        {"certificateType": "ManufacturerRootCertificate", "certificate": PEM},
    ),
    (
        "certificates central",
        "GetInstalledCertificateIds",
        {"certificateType": "CentralSystemRootCertificate"},
    ),
    (f"delete-certificate {json.dumps(HASHES)}", "DeleteCertificate", {"certificateHashData": HASHES}),
    ('call ClearChargingProfile {"id": 3}', "ClearChargingProfile", {"id": 3}),
    (
        'CP1: Call TriggerMessage {"requestedMessage": "Heartbeat"}',
        "TriggerMessage",
        {"requestedMessage": "Heartbeat"},
    ),
    ("ClearCache", "ClearCache", {}),
    ("GetLocalListVersion", "GetLocalListVersion", {}),
]


def matches(found: Any, wanted: Any) -> bool:
    if wanted is ...:
        return found is not None
    if isinstance(wanted, dict) and isinstance(found, dict):
        return found.keys() == wanted.keys() and all(matches(found[key], wanted[key]) for key in wanted)
    return found == wanted


@pytest.mark.parametrize(
    ("line", "action", "fields"), OPERATIONS, ids=[entry[0][:40] for entry in OPERATIONS]
)
async def test_an_operation_of_the_prompt_is_a_call_that_the_schema_allows(line, action, fields):
    with tempfile.TemporaryDirectory() as folder:
        for name, text in CONTENT.items():
            write(folder, name, text)
        async with desk() as (here, lines), charge_point(here.csms.url) as point:
            here.ledger.tag("T1", parent="FAMILY")
            here.ledger.tag("T2", status="Blocked")
            await point.ask("StartTransaction", START)
            assert await here.commands.run(line.replace("FOLDER", folder)), lines
            assert point.calls[-1][0] == action
            assert matches(point.calls[-1][1], fields), point.calls[-1][1]
            assert here.caller.last is not None and here.caller.last.agreed
            assert not here.csms.station("CP1").violations
    when = r"\d\d:\d\d:\d\d\.\d{3}  CP1 {7}  "
    assert any(re.match(when + f"← {action}", text) for text in lines), lines
    assert any(re.match(when + "→   ", text) for text in lines), lines


def test_every_operation_of_the_standard_is_among_them():
    assert {action for _, action, _ in OPERATIONS} | {action.value for action in FROM_CHARGE_POINT} == {
        action.value for action in Action
    }


_NOW = "2026-11-20T10:00:00Z"
# What a charge point can say, and what must be in the answer.
SAID: dict[str, tuple[Payload, set[str]]] = {
    "Authorize": ({"idTag": "T1"}, {"idTagInfo"}),
    "BootNotification": (
        {"chargePointVendor": "V", "chargePointModel": "M"},
        {"status", "interval", "currentTime"},
    ),
    "DataTransfer": ({"vendorId": "V"}, {"status"}),
    "DiagnosticsStatusNotification": ({"status": "Idle"}, set()),
    "FirmwareStatusNotification": ({"status": "Installed"}, set()),
    "Heartbeat": ({}, {"currentTime"}),
    "LogStatusNotification": ({"status": "Uploaded", "requestId": 1}, set()),
    "MeterValues": (
        {"connectorId": 1, "meterValue": [{"timestamp": _NOW, "sampledValue": [{"value": "1"}]}]},
        set(),
    ),
    "SecurityEventNotification": ({"type": "Tamper", "timestamp": _NOW, "techInfo": "seal"}, set()),
    "SignCertificate": ({"csr": "-----BEGIN CERTIFICATE REQUEST-----"}, {"status"}),
    "SignedFirmwareStatusNotification": ({"status": "Installed", "requestId": 1}, set()),
    "StartTransaction": (START, {"transactionId", "idTagInfo"}),
    "StatusNotification": ({"connectorId": 1, "errorCode": "NoError", "status": "Available"}, set()),
    "StopTransaction": ({"transactionId": 1, "meterStop": 5, "timestamp": _NOW}, set()),
}


async def test_everything_that_a_charge_point_can_say_is_answered():
    assert SAID.keys() == {action.value for action in FROM_CHARGE_POINT}
    async with desk() as (here, _lines), charge_point(here.csms.url) as point:
        for action, (payload, fields) in SAID.items():
            assert (await point.ask(action, payload)).keys() == fields, action
        sent = [m for m in here.csms.station("CP1").log if m.direction == TO_STATION and m.violation]
        assert sent == []
        assert here.ledger.station("CP1").security_events == [SAID["SecurityEventNotification"][0]]


async def test_numbers_of_reservations_and_certificates_are_remembered():
    async with desk() as (here, lines), charge_point(here.csms.url) as point:
        for line in (
            "reserve T1",
            "reserve T1 2",
            "cancel-reservation",
            "certificates",
            "delete-certificate 1",
        ):
            assert await here.commands.run(line), lines
        first, second, cancelled, _, deleted = [payload for _, payload in point.calls]
        assert second["reservationId"] > first["reservationId"]
        assert cancelled == {"reservationId": second["reservationId"]}
        assert deleted == {"certificateHashData": HASHES}
        assert not await here.commands.run("delete-certificate 2")
        await here.commands.run("schedule")
        assert [line.split() for line in lines[-2:]] == [
            ["from", "0", "s", "16", "A"],
            ["from", "600", "s", "8.5", "A"],
        ]


WRONG = {
    "rset soft": r"no command 'rset', did you mean .*reset",
    "triggermesage boot": r"did you mean trigger or",
    "call TriggerMesage {}": r"has no action 'TriggerMesage', did you mean TriggerMessage\?",
    'call Reset {"type": "Warm"}': r"not done: Reset call: type: 'Warm' is not one of",
    "call Reset [1]": r"JSON",
    "trigger weather": r"the message is one of BootNotification",
    "trigger": r"which message\?",
    "profile max 0": r"a limit is missing",
    "profile sometimes 1 8A": r"the purpose",
    "profile default 1 8A 600:7000W": r"in A or in W",
    "profile default 1 600:8A": r"starts at 0",
    "profile default 1 8A level": r"a value is missing after 'level'",
    "reserve T1 1 0": r"one minute at least",
    "cancel-reservation": r"nothing has been reserved",
    "send-list full -T1": r"differential",
    "send-list from /nowhere/x.tags": r"'/nowhere/x.tags' cannot be read",
    f"send-list from {__file__}": r"cannot be read",
    "send-list version new": r"the version is a whole number",
    "diagnostics nowhere": r"one URL is needed",
    "update-firmware http://h/f at tomorrow": r"`at` is a time like",
    "certificate-signed /nowhere/x.pem": r"'/nowhere/x.pem' cannot be read",
    f"install-certificate central {__file__}": r"is no PEM file",
    "delete-certificate 3": r"listed no certificate 3",
    "remote-stop": r"no transaction is running",
    "remote-start": r"knows no tag yet",
    "transactions 12": r"there is no transaction 12",
    "configuration": r"nothing is known of CP1 yet",
    "wait Nonsense": r"what to wait for is one of",
    "wait Heartbeat within 0.05": r"waited 0.05 s for Heartbeat of CP1, which did not come",
    "wait": r"how many seconds",
    "expect Accepted": r"no charge point has answered",
    "password CP1": r"the password is asked for",
    "CP9: get": r"CP9 is not connected",
    'tag "04': r"cannot be read",
}


async def test_a_wrong_line_gets_a_sentence_and_sends_nothing():
    async with desk() as (here, lines), charge_point(here.csms.url) as point:
        for line, sentence in WRONG.items():
            assert not await here.commands.run(line), line
            assert re.search(sentence, lines[-1]), (line, lines[-1])
        assert point.calls == []


async def test_an_answer_that_is_an_error_or_a_refusal_is_not_an_agreement():
    refusals: dict[str, Payload] = {
        "ClearCache": {"status": "Rejected"},
        "Reset": {"error": "NotImplemented"},
        "GetLocalListVersion": {"listVersion": -1},
    }
    async with desk() as (here, lines), charge_point(here.csms.url, **refusals) as point:
        assert await here.commands.run("clear-cache")
        assert here.caller.last is not None and not here.caller.last.agreed
        assert await here.commands.run("expect rejected") and not await here.commands.run("expect Accepted")
        assert not await here.commands.run("reset soft")
        assert "CALLERROR NotImplemented" in lines[-1]
        assert await here.commands.run("expect NotImplemented")
        assert not await here.commands.run("send-list")
        assert point.calls[-1][0] == "GetLocalListVersion" and "no local list" in lines[-1]
