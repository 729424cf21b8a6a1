# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""What a CSMS may do wrong: the firmware answers with the right CALLERROR, changes nothing, and goes on.

On an idle station, and while a car charges and MeterValues go out every second.
"""

import json
import re
from typing import Any

from bench.messages import violation
from host_tests.integration.abuse import NO_ID, abused, both, differences, refusals
from host_tests.integration.bad_payloads import FORMATION, cases

AT_ONCE = 4

# ---- texts that are not JSON

VALID = '[2,"id-1","ChangeConfiguration",{"key":"HeartbeatInterval","value":"77"}]'

NOT_JSON = (
    *(
        "",
        " ",
        "hello",
        "[",
        "]",
        "{",
        "}",
        '"',
        "[2",
        "[2,",
        "[,]",
        "[2,]",
        "nan",
        "NaN",
        "-",
        "+2",
        "tru",
        "[]]",
    ),
    *("[2;3]", "2,", "\ufeff" + VALID, "\x00", "[" * 8000, "[2,[" * 2000, '{"a":' * 1500, "<html></html>"),
    "GET / HTTP/1.1\r\n\r\n",
    '[2,"id-1","Reset",{"type":"Hard"}]]',
    '[2,"id-1","Reset",{"type":"Hard"}][2,"id-2","Reset",{"type":"Hard"}]',
    '[2,"id-1","Reset",{"type":"Hard"}] x',
    '[2,"id-1","Reset",{"type":"Hard"},]',
    '[2,"id-1","Reset",{"type":"Hard",}]',
    "[2,'id-1','Reset',{'type':'Hard'}]",
    '[2,"id-1","Reset",{type:"Hard"}]',
    '[2,"id-1","Reset",{"type":Hard}]',
    '[2,"id-1","Reset",{"type" "Hard"}]',
    '[2,"id-1","Reset",{"type":"Hard"}',
    '[2,"id-1","Reset",{5:"Hard"}]',
    '[2,"id-1" "Reset",{"type":"Hard"}]',
    '[2,"id-1","Reset",{"type":"Hard"}/*x*/]',
    '[2,"id-1","Re\nset",{"type":"Hard"}]',
    '[2,"id-1","Reset",{"type":"Ha\\qrd"}]',
    '[2,"id-1","Reset",{"type":"\\u00"}]',
    '[2,"id-1","DataTransfer",{"vendorId":"\\ud800"}]',
    '[2,"id-1","DataTransfer",{"vendorId":"\\udc00\\ud800"}]',
    '[2,"id-1","RemoteStopTransaction",{"transactionId":01}]',
    '[2,"id-1","RemoteStopTransaction",{"transactionId":1.}]',
    '[2,"id-1","RemoteStopTransaction",{"transactionId":.5}]',
    '[2,"id-1","RemoteStopTransaction",{"transactionId":1e}]',
    '[2,"id-1","RemoteStopTransaction",{"transactionId":0x1}]',
    '[2,"id-1","RemoteStopTransaction",{"transactionId":NaN}]',
    '[2,"id-1","RemoteStopTransaction",{"transactionId":Infinity}]',
    '[2,"id-1","RemoteStopTransaction",{"transactionId":1e999}]',
    '[2,"id-1","RemoteStopTransaction",{"transactionId":' + "9" * 3000 + "}]",
    '[2,"id-1","DataTransfer",{"vendorId":"v","data":' + "[" * 500 + "]" * 500 + "}]",
    '[2,"id-1","DataTransfer",{"vendorId":"v","data":' + '{"a":' * 50 + "1" + "}" * 50 + "}]",
    "[2," + '"i"' * 1000,
)


def not_json() -> list[str]:
    """The list above; every beginning of a good message; one with each of its signs left out, or put in."""
    texts = [*NOT_JSON, *(VALID[:end] for end in range(1, len(VALID)))]
    for at, char in enumerate(VALID):
        if char in '[]{},:"':
            texts += [VALID[:at] + VALID[at + 1 :], VALID[:at] + char + VALID[at:]]
        texts.append(VALID[:at] + "\x01" + VALID[at:])
    return [text for text in texts if text in NOT_JSON or not _loads(text)]


def _loads(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def seen_id(text: str) -> str | None:
    """The id that a reader of the first bytes can see; None when they say that it is an answer."""
    head = re.match(r'\s*\[\s*([234])\s*,\s*(?:"([^"\\]{1,36})")?', text)
    if head is None:
        return NO_ID
    return None if head[1] != "2" else head[2] or NO_ID


@both
async def test_what_is_no_json(charging: bool):
    async with abused(charging) as (_, wire):
        texts = not_json()
        assert len(texts) > 200
        for text in texts:
            assert refusals(await wire.replies(text)) == [(seen_id(text), FORMATION)], text[:200]


# ---- JSON that is no OCPP-J message

FRAMES: tuple[tuple[Any, tuple[str, str] | None], ...] = (
    *((value, (NO_ID, FORMATION)) for value in ({}, {"2": "a"}, "text", "", 5, 2, 1.5, True, None, [])),
    # CALLs of 1 to 6 elements
    ([2], (NO_ID, FORMATION)),
    ([2, "a"], ("a", FORMATION)),
    ([2, "b", "Reset"], ("b", FORMATION)),
    ([2, "c", "Reset", {"type": "Hard"}, {}], ("c", FORMATION)),
    ([2, "d", "Reset", {"type": "Hard"}, {}, 1], ("d", FORMATION)),
    ([2, "e", {"type": "Hard"}, "Reset"], ("e", FORMATION)),
    # ids
    *(
        ([2, value, "Reset", {"type": "Hard"}], (NO_ID, FORMATION))
        for value in (5, 0, 1.5, True, None, [], {}, ["f"], {"id": "f"})
    ),
    *(
        ([2, value, "Reset", {"type": "Hard"}], (value, FORMATION))
        for value in ("f" * 37, "ä" * 37, "\U0001f50c" * 37, "f" * 500, "f" * 5000)
    ),
    # actions
    *(
        ([2, f"g{n}", value, {"type": "Hard"}], (f"g{n}", FORMATION))
        for n, value in enumerate((5, None, True, [], {}, ["Reset"]))
    ),
    *(
        ([2, f"h{n}", value, {"type": "Hard"}], (f"h{n}", "NotImplemented"))
        for n, value in enumerate(("", " ", "reset", "RESET", "Reset ", " Reset", "ResetRequest"))
    ),
    ([2, "h", "MakeCoffee", {}], ("h", "NotImplemented")),
    ([2, "h", "ä" * 300, {}], ("h", "NotImplemented")),
    ([2, "h", "x" * 5000, {}], ("h", "NotImplemented")),
    # OCPP 2.0.1 is another protocol
    ([2, "i", "GetVariables", {}], ("i", "NotImplemented")),
    # MessageTypeIds that OCPP-J 1.6 does not have are to be ignored (section 4.1.3)
    *(
        ([value, "j", "Reset", {"type": "Hard"}], None)
        for value in (0, 1, 5, -2, 22, 2**31, 2**32 + 2, 10**20, "2", "", "CALL", 2.0, 2.5, True, False, None,
                      [2], {"2": 2})
    ),
    # answers to nobody, whatever their shape
    *(([kind], None) for kind in (3, 4)),
    *(([kind, value], None) for kind in (3, 4) for value in ("k", "", 5, None, [], {}, "k" * 5000)),
    *(([kind, "k", {}], None) for kind in (3, 4)),
    *(([kind, "k", {"status": "Accepted"}, 1, 2, 3], None) for kind in (3, 4)),
    ([3, "k", None], None),
    ([4, "k", "GenericError", "", {}], None),
    ([4, "k", "NoSuchCode", 5, []], None),
    ([4, NO_ID, FORMATION, "", {}], None),
)  # fmt: skip


@both
async def test_frames_of_the_wrong_shape(charging: bool):
    async with abused(charging) as (_, wire):
        for frame, expected in FRAMES:
            text = json.dumps(frame, ensure_ascii=False)
            assert refusals(await wire.replies(text)) == ([expected] if expected else []), text[:200]
        # Binary messages are none of OCPP-J's.
        for payload in (b"", b"\x00" * 300, VALID.encode(), b"\xff" * 9000):
            await wire.station.send_raw(payload)
            assert await wire.fence() == [], payload[:50]


# ---- actions of other profiles

ABSENT: dict[str, dict[str, Any]] = {
    "GetDiagnostics": {"location": "ftp://127.0.0.1/x"},
    "UpdateFirmware": {"location": "ftp://127.0.0.1/x", "retrieveDate": "2026-11-20T10:00:00Z"},
    "ExtendedTriggerMessage": {"requestedMessage": "Heartbeat"},
    "CertificateSigned": {"certificateChain": "-"},
    "DeleteCertificate": {
        "certificateHashData": {
            "hashAlgorithm": "SHA256",
            "issuerNameHash": "a",
            "issuerKeyHash": "b",
            "serialNumber": "1",
        }
    },
    "GetInstalledCertificateIds": {"certificateType": "CentralSystemRootCertificate"},
    "GetLog": {"logType": "SecurityLog", "requestId": 1, "log": {"remoteLocation": "ftp://127.0.0.1/x"}},
    "InstallCertificate": {"certificateType": "CentralSystemRootCertificate", "certificate": "-"},
    "SignedUpdateFirmware": {
        "requestId": 1,
        "firmware": {
            "location": "ftp://127.0.0.1/x",
            "retrieveDateTime": "2026-11-20T10:00:00Z",
            "signingCertificate": "-",
            "signature": "-",
        },
    },
}

FROM_THE_CHARGE_POINT = (
    *("Authorize", "BootNotification", "Heartbeat", "MeterValues", "StartTransaction", "StatusNotification"),
    *(
        "StopTransaction",
        "DiagnosticsStatusNotification",
        "FirmwareStatusNotification",
        "LogStatusNotification",
    ),
    *("SecurityEventNotification", "SignCertificate", "SignedFirmwareStatusNotification"),
)


@both
async def test_actions_that_are_not_offered(charging: bool):
    async with abused(charging) as (_, wire):
        for number, (action, payload) in enumerate(ABSENT.items()):
            assert violation("call", action, payload) is None
            for sent in (payload, {}, None, {"extra": 1}):
                [reply] = await wire.replies([2, f"{number}", action, sent])
                assert reply[:3] == [4, f"{number}", "NotSupported"] and action in reply[3]
        for action in FROM_THE_CHARGE_POINT:
            [reply] = await wire.replies([2, f"own-{action}", action, {}])
            assert reply[:3] == [4, f"own-{action}", "NotSupported"], action


# ---- payloads that the schemas do not allow


@both
async def test_wrong_payloads(charging: bool):
    every = list(cases())
    assert len(every) > 500
    for case in every:  # our idea of wrong is that of the official schemas
        if case.by_schema:
            assert violation("call", case.action, case.payload), str(case)
    async with abused(charging) as (here, wire):
        before = await here.probe(wire)
        for number, case in enumerate(every):
            replies = await wire.replies([2, f"case-{number}", case.action, case.payload])
            assert refusals(replies) == [(f"case-{number}", case.code)], f"{case}: {replies}"
            if number % 20 == 19:
                differ = differences(before, await here.probe(wire))
                assert not differ, f"{differ} after one of 20 up to {case}"
