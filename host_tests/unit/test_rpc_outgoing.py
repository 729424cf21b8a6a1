# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""What we ask of the CSMS: one CALL at a time, and every way in which it ends."""

import asyncio
import json

from host_tests.unit.event_loop import run, settle
from host_tests.unit.rpc_wire import Wire
from ocpp16.rpc import BadAnswer, CallError, CallTimeout, LinkLost, TooManyCalls
from ocpp16.send_queue import Full

NOW = {"currentTime": "2026-11-20T10:00:00Z"}


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


# --- answers that the peer does not read leave no room ---


def test_a_call_waits_for_room():
    async def main():
        wire = Wire()
        wire.fail = Full("14000 bytes wait to be sent")
        first = asyncio.create_task(outcome(wire.rpc.call("Heartbeat", {}, 5000, "a")))
        second = asyncio.create_task(outcome(wire.rpc.call("Heartbeat", {}, 5000, "b")))
        await settle()
        assert wire.take() == [] and not first.done()
        assert wire.says([3, "a", NOW]) == []  # to nobody: it is not out
        wire.fail = None
        await asyncio.sleep(0.1)
        assert [frame[1] for frame in wire.take()] == ["a"]
        wire.says([3, "a", NOW])
        assert await first == NOW
        await settle()
        assert [frame[1] for frame in wire.take()] == ["b"]
        wire.says([3, "b", NOW])
        assert await second == NOW

    run(main())


def test_a_call_does_not_wait_for_room_for_ever():
    async def main():
        wire = Wire()
        wire.fail = Full("14000 bytes wait to be sent")
        assert await outcome(wire.rpc.call("Heartbeat", {}, 100)) == "LinkLost"
        # The link goes meanwhile; there may be another one.
        for attach in (False, True):
            call = asyncio.create_task(outcome(wire.rpc.call("Heartbeat", {}, 60000)))
            await settle()
            wire.rpc.detach()
            if attach:
                wire.fail = None
                wire.rpc.attach(wire._send)
            assert await call == "LinkLost"
            assert wire.take() == []
            wire.rpc.attach(wire._send)
            wire.fail = Full("")
        wire.fail = None
        wire.rpc.attach(lambda text: wire.says([3, json.loads(text)[1], NOW]))
        assert await outcome(wire.rpc.call("Heartbeat", {}, 1000)) == NOW

    run(main())
