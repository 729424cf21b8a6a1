# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""What the CSMS asks, and whatever else it sends: each CALL has its answer."""

import asyncio
import json

from host_tests.unit.event_loop import run, settle
from host_tests.unit.rpc_wire import Wire
from ocpp16 import json_text
from ocpp16.rpc import CallError

BINARY = 2


def code(answers):
    """(id, code) of the one CALLERROR."""
    assert len(answers) == 1, answers
    frame = answers[0]
    assert frame[0] == 4
    assert len(frame) == 5
    assert isinstance(frame[3], str)
    assert len(frame[3]) <= 255
    assert isinstance(frame[4], dict)
    return frame[1], frame[2]


def test_a_call_is_answered():
    wire = Wire()
    assert wire.says([2, "1", "Reset", {"type": "Soft"}]) == [[3, "1", {"status": "Accepted"}]]
    assert wire.asked == [("Reset", {"type": "Soft"})]


def test_malformed_messages_get_formation_violation():
    wire = Wire()
    for text, message_id in (
        ('[2,"7","Reset",{"type":"Soft"}', "7"),
        ('[2,"7","Reset",{"type" "Soft"}]', "7"),
        ('[2,"7","Reset",{"type":"Soft",}]', "7"),
        ('[2,"7","Reset",{"type":"Soft"}]]', "7"),
        ('[2, "7" ,', "7"),
        ("[2,7,", "-1"),
        ("", "-1"),
        ("hello", "-1"),
        ("{", "-1"),
        ("[" * 100, "-1"),
    ):
        assert code(wire.says(text)) == (message_id, "FormationViolation"), text
    assert wire.asked == []


def test_wrong_frames_get_formation_violation():
    wire = Wire()
    for frame, message_id in (
        ({"a": 1}, "-1"),
        ([], "-1"),
        ("x", "-1"),
        (None, "-1"),
        ([2], "-1"),
        ([2, 5, "Reset", {}], "-1"),
        ([2, None, "Reset", {}], "-1"),
        ([2, ["a"], "Reset", {}], "-1"),
        ([2, "a"], "a"),
        ([2, "b", "Reset"], "b"),
        ([2, "c", "Reset", {"type": "Soft"}, 1], "c"),
        ([2, "d", 5, {}], "d"),
        ([2, "e", None, {}], "e"),
        ([2, "x" * 37, "Reset", {"type": "Soft"}], "x" * 37),
    ):
        assert code(wire.says(json.dumps(frame))) == (message_id, "FormationViolation"), frame
    assert wire.asked == []


def test_other_message_types_are_ignored():
    wire = Wire()
    for kind in (0, 1, 5, -2, 22, 2.0, 2.5, "2", None, [], {}, True):
        assert wire.says([kind, "1", "Reset", {"type": "Soft"}]) == []
    assert wire.asked == []


def test_binary_messages_are_dropped():
    wire = Wire()
    wire.rpc.receive(BINARY, memoryview(b'[2,"1","Reset",{"type":"Soft"}]'))
    assert wire.sent == wire.asked == []


def test_unknown_and_absent_actions():
    wire = Wire()
    assert code(wire.says([2, "1", "MakeCoffee", {}])) == ("1", "NotImplemented")
    assert code(wire.says([2, "2", "reset", {"type": "Soft"}])) == ("2", "NotImplemented")
    assert code(wire.says([2, "3", "x" * 5000, {}])) == ("3", "NotImplemented")
    assert code(wire.says([2, "4", "CancelReservation", {}])) == ("4", "NotSupported")
    assert code(wire.says([2, "5", "SignedUpdateFirmware", {}])) == ("5", "NotSupported")
    assert code(wire.says([2, "6", "BootNotification", {}])) == ("6", "NotSupported")
    # Cases 048_4 and 050_4: the answer itself says it.
    assert wire.says([2, "7", "ReserveNow", {"connectorId": 1}]) == [[3, "7", {"status": "Rejected"}]]


def test_bad_payloads_get_their_code_and_change_nothing():
    wire = Wire()
    for payload, expected in (
        ({}, "OccurenceConstraintViolation"),
        ({"type": 1}, "TypeConstraintViolation"),
        ({"type": "soft"}, "PropertyConstraintViolation"),
        ({"type": "Soft", "x": 1}, "FormationViolation"),
        ([], "FormationViolation"),
        (None, "FormationViolation"),
    ):
        assert code(wire.says([2, str(payload)[:36], "Reset", payload]))[1] == expected
    assert wire.asked == []


def test_a_handler_may_refuse_and_may_fail():
    def refuse(payload):
        raise CallError("PropertyConstraintViolation", "no such connector" * 50, {"have": 2})

    def fail(payload):
        raise KeyError("secret")

    def nonsense(payload):
        return {"status": 1e300 * 1e300}

    wire = Wire(Reset=refuse, ClearCache=fail, GetConfiguration=nonsense)
    [answer] = wire.says([2, "1", "Reset", {"type": "Soft"}])
    assert answer[:3] == [4, "1", "PropertyConstraintViolation"]
    assert len(answer[3]) == 255
    assert answer[4] == {"have": 2}
    [answer] = wire.says([2, "2", "ClearCache", {}])
    assert answer == [4, "2", "InternalError", "", {}]
    assert code(wire.says([2, "3", "GetConfiguration", {}])) == ("3", "InternalError")


def test_after_runs_when_the_answer_is_out():
    order = []

    def handler(payload):
        return {"status": "Accepted"}, lambda: order.append(len(wire.sent))

    def broken(payload):
        return {"status": "Accepted"}, lambda: 1 // 0

    wire = Wire(Reset=handler, ClearCache=broken)
    wire.says([2, "1", "Reset", {"type": "Soft"}])
    assert order == [1]
    assert wire.says([2, "2", "ClearCache", {}]) == [[3, "2", {"status": "Accepted"}]]


def test_coroutine_handlers():
    async def main():
        gate = asyncio.Event()
        order = []

        async def slow(payload):
            await gate.wait()
            return {"status": "Unlocked"}, lambda: order.append(len(wire.sent))

        async def failing(payload):
            await gate.wait()
            raise CallError("GenericError", "no")

        async def broken(payload):
            await gate.wait()
            raise ValueError("inside")

        wire = Wire(UnlockConnector=slow, ClearCache=failing, DataTransfer=broken)
        assert wire.says([2, "1", "UnlockConnector", {"connectorId": 1}]) == []
        # The CSMS should wait for it; one that does not is answered as well.
        assert wire.says([2, "2", "Reset", {"type": "Soft"}]) == [[3, "2", {"status": "Accepted"}]]
        assert wire.says([2, "3", "ClearCache", {}]) == []
        assert wire.says([2, "4", "DataTransfer", {"vendorId": "x"}]) == []
        gate.set()
        await settle()
        sent = wire.take()
        assert [frame[:3] for frame in sent] == [
            [3, "1", {"status": "Unlocked"}],
            [4, "3", "GenericError"],
            [4, "4", "InternalError"],
        ]
        assert "inside" not in str(sent)
        assert order == [1]

    run(main())


def unlocked_behind(gate):
    """A handler that answers once the gate is open."""

    async def slow(payload):
        await gate.wait()
        return {"status": "Unlocked"}

    return slow


def test_coroutine_handlers_are_bounded():
    async def main():
        gate = asyncio.Event()
        wire = Wire(UnlockConnector=unlocked_behind(gate))
        for i in range(4):
            assert wire.says([2, "a%d" % i, "UnlockConnector", {"connectorId": 1}]) == []
        assert code(wire.says([2, "a4", "UnlockConnector", {"connectorId": 1}])) == ("a4", "GenericError")
        gate.set()
        await settle()
        assert len(wire.take()) == 4
        assert wire.says([2, "a5", "UnlockConnector", {"connectorId": 1}]) == []
        await settle()
        assert wire.take() == [[3, "a5", {"status": "Unlocked"}]]

    run(main())


def test_an_answer_does_not_go_to_another_link():
    async def main():
        gate = asyncio.Event()
        wire = Wire(UnlockConnector=unlocked_behind(gate))
        wire.says([2, "1", "UnlockConnector", {"connectorId": 1}])
        wire.rpc.detach()
        other = []
        wire.rpc.attach(other.append)
        gate.set()
        await settle()
        assert wire.sent == other == []

    run(main())


def test_a_repeated_call_is_answered_again_but_not_executed():
    wire = Wire()
    call = [2, "1", "ChangeConfiguration", {"key": "a", "value": "1"}]
    answer = [[3, "1", {"status": "Accepted"}]]
    for _ in range(3):
        assert wire.says(call) == answer
    assert len(wire.asked) == 1
    # An error is an answer, too.
    bad = [2, "2", "Reset", {}]
    assert wire.says(bad) == wire.says(bad) != []


def test_an_id_used_for_another_message_changes_nothing():
    wire = Wire()
    wire.says([2, "1", "ChangeConfiguration", {"key": "a", "value": "1"}])
    other = [2, "1", "ChangeConfiguration", {"key": "a", "value": "2"}]
    assert code(wire.says(other)) == ("1", "GenericError")
    assert code(wire.says([2, "1", "Reset", {"type": "Soft"}])) == ("1", "GenericError")
    assert len(wire.asked) == 1
    # The first one, once more, still has its answer.
    call = [2, "1", "ChangeConfiguration", {"key": "a", "value": "1"}]
    assert wire.says(call) == [[3, "1", {"status": "Accepted"}]]
    assert len(wire.asked) == 1


def test_a_long_answer_is_not_kept_but_made_again():
    wire = Wire()
    answer = wire.says([2, "1", "GetConfiguration", {}])
    assert answer[0][:2] == [3, "1"]
    assert wire.says([2, "1", "GetConfiguration", {}]) == answer
    assert len(wire.asked) == 2


def test_a_repetition_while_the_first_is_worked_on():
    async def main():
        gate = asyncio.Event()
        runs = []

        async def slow(payload):
            runs.append(1)
            await gate.wait()
            return {"status": "Unlocked"}

        wire = Wire(UnlockConnector=slow)
        call = [2, "1", "UnlockConnector", {"connectorId": 1}]
        assert wire.says(call) == wire.says(call) == []
        gate.set()
        await settle()
        assert wire.take() == [[3, "1", {"status": "Unlocked"}]]
        assert wire.says(call) == [[3, "1", {"status": "Unlocked"}]]
        assert runs == [1]

    run(main())


def test_ids_may_come_again_on_another_connection():
    wire = Wire()
    call = [2, "1", "Reset", {"type": "Soft"}]
    wire.says(call)
    wire.rpc.detach()
    wire.rpc.attach(wire._send)
    assert len(wire.says(call)) == 1
    assert len(wire.asked) == 2


def test_a_message_that_is_too_large():
    wire = Wire()
    [answer] = wire.says('[2,"big","ChangeConfiguration",{"key":"', oversize=20000)
    assert answer[:3] == [4, "big", "GenericError"]
    assert "20000" in answer[3]
    assert "8192" in answer[3]
    assert code(wire.says("x" * 512, oversize=20000)) == ("-1", "GenericError")
    assert wire.says('[3,"nobody",{"a":"', oversize=20000) == []
    # Where the profile is missing a long list is answered as a short one.
    for action, wanted in (("SendLocalList", "NotSupported"), ("MakeTea", "NotImplemented")):
        for text, length in (('[2,"%s","%s",{}]', 0), ('[2, "%s" ,"%s",{"listVersion":1,"x', 20000)):
            message_id = "%s-%d" % (action, length)
            assert code(wire.says(text % (message_id, action), oversize=length)) == (message_id, wanted)
    assert wire.asked == []


def test_a_full_or_broken_link_does_not_raise():
    wire = Wire()
    wire.fail = OSError("full")
    assert wire.says([2, "1", "Reset", {"type": "Soft"}]) == []
    wire.rpc.detach()
    assert wire.says([2, "2", "Reset", {"type": "Soft"}]) == []


def test_on_frame_sees_both_directions():
    wire = Wire()
    seen = []
    wire.rpc.on_frame = lambda direction, text: seen.append((direction, text))
    wire.says('[2, "1", "Reset", {"type": "Soft"}]')
    assert seen == [
        ("in", '[2, "1", "Reset", {"type": "Soft"}]'),
        ("out", '[3,"1",{"status":"Accepted"}]'),
    ]


def test_whoever_watches_does_not_stop_what_is_watched():
    def no_memory(direction, text):
        raise MemoryError("no room for an event")

    wire = Wire()
    wire.rpc.on_frame = no_memory
    assert wire.says([2, "1", "Reset", {"type": "Soft"}]) == [[3, "1", {"status": "Accepted"}]]


def test_a_message_that_does_not_fit_into_memory():
    read = json_text.read

    def no_memory(payload):
        raise MemoryError("memory allocation failed")

    wire = Wire()
    json_text.read = no_memory
    try:
        assert code(wire.says([2, "1", "GetConfiguration", {}])) == ("1", "InternalError")
        assert wire.says([3, "nobody", {}]) == []
    finally:
        json_text.read = read
    assert wire.asked == []
    assert len(wire.says([2, "1", "GetConfiguration", {}])) == 1  # once more, now that there is memory
    assert len(wire.asked) == 1

    def too_much(payload):
        raise MemoryError("memory allocation failed")

    wire = Wire(GetConfiguration=too_much)
    assert code(wire.says([2, "1", "GetConfiguration", {}])) == ("1", "InternalError")
