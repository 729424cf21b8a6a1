# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
import asyncio
import json

from host_tests.unit.event_loop import run, settle
from ocpp16 import json_text
from ocpp16.rpc import BadAnswer, CallError, CallTimeout, LinkLost, Rpc, TooManyCalls

TEXT = 1
BINARY = 2
NOW = {"currentTime": "2026-11-20T10:00:00Z"}


class Wire:
    """An Rpc with handlers that note what they are asked, and what it sends."""

    def __init__(self, **handlers):
        self.sent = []
        self.asked = []
        self.fail = None
        self.handlers = {
            "Reset": self._note("Reset", {"status": "Accepted"}),
            "ChangeConfiguration": self._note("ChangeConfiguration", {"status": "Accepted"}),
            "GetConfiguration": self._note("GetConfiguration", {"unknownKey": ["x" * 2000]}),
        }
        self.handlers.update(handlers)
        self.rpc = Rpc(self.handlers.get)
        self.rpc.attach(self._send)

    def _note(self, action, answer):
        def handler(payload):
            self.asked.append((action, payload))
            return answer

        return handler

    def _send(self, text):
        if self.fail:
            raise self.fail
        self.sent.append(json.loads(text))

    def take(self):
        sent = self.sent
        self.sent = []
        return sent

    def says(self, text, oversize=0):
        """What is answered at once to `text` (a str, or a frame to be written as JSON)."""
        if not isinstance(text, str):
            text = json.dumps(text)
        self.rpc.receive(TEXT, memoryview(text.encode()), oversize)
        return self.take()


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


# ---- what the CSMS asks


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


def test_coroutine_handlers_are_bounded():
    async def main():
        gate = asyncio.Event()

        async def slow(payload):
            await gate.wait()
            return {"status": "Unlocked"}

        wire = Wire(UnlockConnector=slow)
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

        async def slow(payload):
            await gate.wait()
            return {"status": "Unlocked"}

        wire = Wire(UnlockConnector=slow)
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


# ---- what we ask


async def outcome(call):
    """The answer, or the exception's class name with its code."""
    try:
        return await call
    except CallError as error:
        return type(error).__name__, error.code
    except (CallTimeout, LinkLost, TooManyCalls) as error:
        return type(error).__name__


def test_call_and_answer():
    async def main():
        wire = Wire()
        task = asyncio.create_task(outcome(wire.rpc.call("Heartbeat", {}, 1000)))
        await settle()
        [[kind, message_id, action, payload]] = wire.take()
        assert (kind, action, payload) == (2, "Heartbeat", {})
        assert isinstance(message_id, str)
        assert len(message_id) <= 36
        assert wire.says([3, message_id, NOW]) == []
        assert await task == NOW
        # Answers to nobody: unknown, duplicate.
        assert wire.says([3, message_id, NOW]) == []
        assert wire.says([4, message_id, "GenericError", "", {}]) == []
        assert wire.says([3, "other", NOW]) == []
        assert wire.says([3, 5, NOW]) == []
        assert wire.says([3]) == []

    run(main())


def test_the_answer_is_taken_before_the_next_message():
    wire = Wire()
    wire.handlers["Reset"] = lambda payload: {"status": "Accepted" if taken else "Rejected"}
    taken = []

    async def main():
        call = asyncio.create_task(outcome(wire.rpc.call("Heartbeat", {}, 5000, "h", taken.append)))
        await settle()
        wire.take()
        wire.says([3, "h", NOW])
        # In the same segment as the answer; nobody else's turn has come.
        assert wire.says([2, "1", "Reset", {"type": "Soft"}])[0][2] == {"status": "Accepted"}
        assert (taken, await call) == ([NOW], NOW)

        def broken(answer):
            raise ValueError("what the caller is to know")

        call = asyncio.create_task(wire.rpc.call("Heartbeat", {}, 5000, "i", broken))
        await settle()
        wire.says([3, "i", NOW])
        try:
            await call
        except ValueError as error:
            return str(error)

    assert run(main()) == "what the caller is to know"


def test_an_error_is_not_taken():
    wire = Wire()
    taken = []

    async def main():
        call = asyncio.create_task(outcome(wire.rpc.call("Heartbeat", {}, 5000, "h", taken.append)))
        await settle()
        wire.says([4, "h", "InternalError", "", {}])
        await call
        call = asyncio.create_task(outcome(wire.rpc.call("Heartbeat", {}, 5000, "i", taken.append)))
        await settle()
        wire.says([3, "i", {"currentTime": 5}])
        return await call

    assert "TypeConstraintViolation" in str(run(main()))
    assert taken == []


def test_a_given_message_id_is_used():
    async def main():
        wire = Wire()
        task = asyncio.create_task(outcome(wire.rpc.call("Heartbeat", {}, 1000, "my-id")))
        await settle()
        assert wire.take()[0][1] == "my-id"
        wire.says([3, "my-id", NOW])
        assert await task == NOW

    run(main())


def test_an_answer_may_come_while_sending():
    async def main():
        wire = Wire()
        wire.rpc.detach()
        wire.rpc.attach(lambda text: wire.says([3, json.loads(text)[1], NOW]))
        assert await outcome(wire.rpc.call("Heartbeat", {}, 1000)) == NOW

    run(main())


def ask(wire, answer, action="Heartbeat"):
    """Coroutine: the outcome of a call to which `answer(id)` is said."""

    async def asking():
        task = asyncio.create_task(outcome(wire.rpc.call(action, {}, 5000)))
        await settle()
        text = answer(wire.take()[-1][1])
        assert wire.says(text) == []
        return await task

    return asking()


def test_call_errors_and_bad_answers():
    async def main():
        wire = Wire()
        for answer, expected in (
            (lambda i: [4, i, "NotImplemented", "x", {}], ("CallError", "NotImplemented")),
            (lambda i: [4, i, "NotImplemented"], ("CallError", "NotImplemented")),
            (lambda i: [4, i], ("CallError", "GenericError")),
            (lambda i: [4, i, None, 5, "x"], ("CallError", "GenericError")),
            (lambda i: [3, i], ("BadAnswer", "FormationViolation")),
            (lambda i: [3, i, NOW, 1], ("BadAnswer", "FormationViolation")),
            (lambda i: [3, i, []], ("BadAnswer", "FormationViolation")),
            (lambda i: [3, i, {}], ("BadAnswer", "OccurenceConstraintViolation")),
            (lambda i: [3, i, {"currentTime": 5}], ("BadAnswer", "TypeConstraintViolation")),
            (lambda i: '[3,"%s",{"currentTime":' % i, ("BadAnswer", "FormationViolation")),
            (lambda i: [3, i, dict(NOW, x=1)], dict(NOW, x=1)),
        ):
            assert await ask(wire, answer) == expected

    run(main())


def test_an_answer_that_is_too_large():
    async def main():
        wire = Wire()
        task = asyncio.create_task(outcome(wire.rpc.call("Heartbeat", {}, 5000)))
        await settle()
        message_id = wire.take()[0][1]
        assert wire.says('[3,"%s",{"currentTime":"' % message_id, oversize=9000) == []
        assert await task == ("BadAnswer", "GenericError")

    run(main())


def test_bad_answer_is_a_call_error():
    assert issubclass(BadAnswer, CallError)


def test_timeout_then_the_late_answer_is_dropped():
    async def main():
        wire = Wire()
        assert await outcome(wire.rpc.call("Heartbeat", {}, 30)) == "CallTimeout"
        message_id = wire.take()[0][1]
        task = asyncio.create_task(outcome(wire.rpc.call("Heartbeat", {}, 1000)))
        await settle()
        assert wire.take()[0][1] != message_id
        assert wire.says([3, message_id, NOW]) == []
        await settle()
        assert not task.done()
        wire.rpc.detach()
        assert await task == "LinkLost"

    run(main())


def test_one_call_is_out_at_a_time_in_order():
    async def main():
        wire = Wire()
        calls = [wire.rpc.call("Heartbeat", {}, 1000, "id%d" % i) for i in range(5)]
        tasks = [asyncio.create_task(outcome(call)) for call in calls]
        for i in range(5):
            await settle()
            sent = wire.take()
            assert [frame[1] for frame in sent] == ["id%d" % i]
            wire.says([3, "id%d" % i, NOW])
        for task in tasks:
            assert await task == NOW

    run(main())


def test_the_queue_of_calls_is_bounded():
    async def main():
        wire = Wire()
        tasks = [asyncio.create_task(outcome(wire.rpc.call("Heartbeat", {}, 1000))) for _ in range(18)]
        await settle(30)
        assert tasks[17].done()
        assert await tasks[17] == "TooManyCalls"
        wire.rpc.detach()
        for task in tasks[:17]:
            assert await task == "LinkLost"

    run(main())


def test_without_a_link():
    async def main():
        wire = Wire()
        wire.rpc.detach()
        assert not wire.rpc.attached
        assert await outcome(wire.rpc.call("Heartbeat", {}, 1000)) == "LinkLost"
        wire.rpc.attach(wire._send)
        assert wire.rpc.attached
        wire.fail = OSError("full")
        assert await outcome(wire.rpc.call("Heartbeat", {}, 1000)) == "LinkLost"
        wire.fail = None
        assert await ask(wire, lambda i: [3, i, NOW]) == NOW

    run(main())


def test_who_waited_on_the_old_link_does_not_speak_on_the_new_one():
    async def main():
        wire = Wire()
        tasks = [asyncio.create_task(outcome(wire.rpc.call("Heartbeat", {}, 1000))) for _ in range(3)]
        await settle()
        assert len(wire.take()) == 1
        wire.rpc.attach(wire._send)
        for task in tasks:
            assert await task == "LinkLost"
        assert wire.take() == []

    run(main())


def test_the_call_of_a_cancelled_caller_stays_out():
    async def main():
        wire = Wire()
        first = asyncio.create_task(wire.rpc.call("Heartbeat", {}, 200, "first"))
        await settle()
        first.cancel()
        try:
            await first
            raise AssertionError("not cancelled")
        except asyncio.CancelledError:
            pass
        second = asyncio.create_task(outcome(wire.rpc.call("Heartbeat", {}, 1000, "second")))
        await settle()
        assert [frame[1] for frame in wire.take()] == ["first"]
        wire.says([3, "first", NOW])
        await settle()
        assert [frame[1] for frame in wire.take()] == ["second"]
        wire.says([3, "second", NOW])
        assert await second == NOW
        # Nor does it block for ever when no answer comes.
        third = asyncio.create_task(wire.rpc.call("Heartbeat", {}, 50, "third"))
        await settle()
        third.cancel()
        await settle()
        fourth = asyncio.create_task(outcome(wire.rpc.call("Heartbeat", {}, 20, "fourth")))
        assert await fourth == "CallTimeout"
        assert [frame[1] for frame in wire.take()] == ["third", "fourth"]

    run(main())


def test_a_call_that_is_not_json_leaves_nothing_behind():
    async def main():
        wire = Wire()
        try:
            await wire.rpc.call("Heartbeat", {"x": 1e300 * 1e300}, 1000)
            raise AssertionError("was sent")
        except ValueError:
            pass
        assert await ask(wire, lambda i: [3, i, NOW]) == NOW

    run(main())


def test_both_directions_at_once():
    async def main():
        wire = Wire()
        task = asyncio.create_task(outcome(wire.rpc.call("Heartbeat", {}, 1000, "mine")))
        await settle()
        wire.take()
        # A CALL with the id of ours is another thing.
        assert wire.says([2, "mine", "Reset", {"type": "Soft"}]) == [[3, "mine", {"status": "Accepted"}]]
        assert not task.done()
        wire.says([3, "mine", NOW])
        assert await task == NOW

    run(main())
