# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""OCPP-J 1.6 remote procedure calls: CALL, CALLRESULT, CALLERROR over whatever carries texts.

    rpc = Rpc(find_handler)
    rpc.attach(websocket.send)
    rpc.receive(kind, payload, oversize)          # for each message that comes
    answer = await rpc.call("Heartbeat", {}, timeout_ms=30_000)
    rpc.detach()                                  # the link is gone: calls under way raise LinkLost

`find_handler(action)` returns None or a function of the payload (already checked against the schema), which
returns the answer's payload, or (payload, after) where `after()` runs once the answer is handed over, or a
coroutine that returns either; or it raises CallError to answer a CALLERROR of its choice.
"""

import asyncio
import binascii

import log
from hal.ticks import ticks_add, ticks_diff, ticks_ms
from ocpp16 import json_text, schema, schema_core
from ocpp16.message import (
    CALL,
    CALLERROR,
    CALLRESULT,
    ID_LIMIT,
    encode,
    lenient_text,
    new_message_id,
    scan_head,
)
from ocpp16.turns import QueueFull, Turns

_TEXT = 1  # the kind of message, as WebSocket.receive() gives it

_DESCRIPTION_LIMIT = 255  # OCPP-J 1.6 section 4.2.3

# OCPP-J 1.6 has no id for an error without one. "-1" is what OCPP 2.0.1 (part 4, 4.2.3) uses; a CSMS that
# does not know it drops it as an answer to nobody.
_NO_ID = "-1"

# CALLs waiting for their turn; more is a fault of ours, and must not fill the memory.
_WAITING_LIMIT = 16

# Coroutine handlers running at once. The CSMS may have one CALL outstanding (section 4.1.1), some do not
# care.
_RUNNING_LIMIT = 4

# An answer longer than this is not kept for a repetition: only requests that change nothing have such
# answers.
_KEPT_ANSWER_LIMIT = 1024


class CallError(Exception):
    """A CALLERROR: received (raised by `call`), or raised by a handler to be sent."""

    def __init__(self, code, description="", details=None):
        super().__init__(code, description)
        self.code = code
        self.description = description
        self.details = details


class BadAnswer(CallError):
    """The CSMS answered something its schema does not allow. `code` as a CALLERROR for it would have."""


class CallTimeout(Exception):
    """No answer in time. The message may or may not have arrived."""


class LinkLost(Exception):
    """No link, or it was lost before the answer came. The message may or may not have arrived."""


class TooManyCalls(Exception):
    """More CALLs are waiting for their turn than can be meant."""


class _Pending:
    """The CALL that is out."""

    def __init__(self, message_id, action, timeout_ms, taken):
        self.id = message_id
        self.action = action
        self.taken = taken
        self.deadline = ticks_add(ticks_ms(), timeout_ms)
        self.answer = {}
        self.error = None
        self._settled = asyncio.Event()

    def settle(self, answer, error):
        if error is None and self.taken is not None:
            try:
                self.taken(answer)
            except Exception as failure:  # to be raised where the CALL was made, not where messages come in
                error = failure
        self.answer = answer
        self.error = error
        self._settled.set()

    async def wait(self) -> bool:
        """Whether it was settled before its deadline."""
        left_ms = ticks_diff(self.deadline, ticks_ms())
        if not self._settled.is_set() and left_ms > 0:
            try:
                if hasattr(asyncio, "wait_for_ms"):
                    await asyncio.wait_for_ms(self._settled.wait(), left_ms)
                else:
                    await asyncio.wait_for(self._settled.wait(), left_ms / 1000)
            except asyncio.TimeoutError:
                pass
        return self._settled.is_set()


def _nothing(argument):
    return None


class Rpc:
    """Both directions of one charge point's messages, over one link after the other.

    `tables`: modules with REQUESTS and RESPONSES (see schema.py); a profile loaded later is appended to
    `self.tables`. `receive_limit` is only named in errors.
    """

    def __init__(self, find_handler, tables=(schema_core,), receive_limit=8192, on_frame=None):
        self.find_handler = find_handler
        self.tables = list(tables)
        self.receive_limit = receive_limit
        self.on_frame = on_frame  # on_frame("in" or "out", text) sees every message as it is on the wire
        self.hear_late(_nothing, _nothing)
        self._send = None
        self._link = 0  # the number of the present link
        self._turns = Turns(_WAITING_LIMIT)
        self._pending = None
        self._running = 0
        self._last_id = None  # of the CSMS's last CALL, with a checksum of it and what was answered
        self._last_crc = 0
        self._last_answer = None

    def hear_late(self, find, take):
        """`find(message_id)`: the action, when a late answer to it is still of use; then `take(payload)`."""
        self._find_late = find
        self._take_answer = take

    # ---- the link

    def attach(self, send) -> None:
        """A link is there; `send(text)` queues a message and raises OSError when it cannot."""
        self.detach()
        self._send = send
        self._last_id = None  # ids of an earlier connection may come again: some CSMSs count from 1 each time

    def detach(self) -> None:
        """The link is gone: every call under way or waiting raises LinkLost. May be called any number of
        times."""
        self._link += 1
        self._send = None
        if self._pending is not None:
            self._settle(self._pending, None, LinkLost("link lost"))

    @property
    def attached(self) -> bool:
        return self._send is not None

    def _transmit(self, text):
        """Send; False when there is no link or it takes nothing any more."""
        if self._send is None:
            return False
        try:
            self._send(text)
        except OSError as error:
            log.warning("rpc", "cannot send: %s", error)
            return False
        self._show("out", text)
        return True

    # ---- our own calls

    async def call(self, action: str, payload: dict, timeout_ms: int, message_id=None, taken=None) -> dict:
        """Send a CALL and return the answer's payload, checked. One is out at a time, others wait in order.

        `taken(answer)` runs before the next message is looked at, which may rest on the answer and may have
        come with it (RemoteStopTransaction right behind StartTransaction.conf); the caller goes on later.

        Raises what it raises, and CallError, BadAnswer, CallTimeout (`timeout_ms` counts from sending),
        LinkLost, TooManyCalls.
        """
        link = self._link
        try:
            await self._turns.take()
        except QueueFull:
            raise TooManyCalls("%d calls wait" % _WAITING_LIMIT)
        try:
            if self._pending is not None:
                # The last caller was cancelled. Its CALL is still out, and section 4.1.1 allows one only.
                await self._pending.wait()
            # Who began to wait on an earlier link must not speak on this one before BootNotification does.
            if self._send is None or link != self._link:
                raise LinkLost("no link")
            message_id = message_id or new_message_id()
            text = encode([CALL, message_id, action, payload])
            pending = self._pending = _Pending(message_id, action, timeout_ms, taken)
            if not self._transmit(text):
                self._pending = None
                raise LinkLost("cannot send")
            if not await pending.wait():
                self._pending = None
                raise CallTimeout("%s: no answer within %d ms" % (action, timeout_ms))
            if pending.error is not None:
                raise pending.error
            return pending.answer
        finally:
            self._turns.give()

    def _settle(self, pending, answer, error):
        self._pending = None
        if error is not None:
            log.warning("rpc", "%s (%s): %s", pending.action, pending.id, error)
        pending.settle(answer, error)

    def _pending_as(self, message_id):
        """The CALL that is out, if that is its id."""
        return self._pending if self._pending is not None and self._pending.id == message_id else None

    # ---- what comes in

    def receive(self, kind, payload, oversize=0) -> None:
        """Take one message as WebSocket.receive() gives it: kind, payload (a buffer of UTF-8), length if cut.

        Never raises for anything a peer can send. Answers of plain handlers are sent before this returns.
        """
        if kind != _TEXT:
            # OCPP-J has text frames only (section 3.4); a stray binary one harms nobody.
            log.warning("rpc", "binary message of %d bytes dropped", oversize or len(payload))
            return
        self._show("in", payload)
        try:
            self._take(payload, oversize)
        except MemoryError:
            # A few KB of text can be a thousand objects. What was made of it is garbage by now; the link and
            # the station go on.
            self._last_id = None
            self._unreadable(payload, "InternalError", "not enough memory for this message")

    def _show(self, direction, message):
        """Whoever watches must not stop what is watched, nor take its memory."""
        if self.on_frame:
            try:
                self.on_frame(direction, message if isinstance(message, str) else lenient_text(message))
            except Exception as error:
                log.error("rpc", "on_frame: %s", repr(error))

    def _take(self, payload, oversize):
        if oversize:
            text = "message of %d bytes, the limit is %d" % (oversize, self.receive_limit)
            self._unreadable(payload, "GenericError", text)
            return
        try:
            frame = json_text.read(payload)
        except json_text.Malformed as error:
            self._unreadable(payload, schema.FORMATION, "not JSON: %s" % error)
            return
        if not isinstance(frame, list) or not frame:
            self._refuse(_NO_ID, schema.FORMATION, "message is not [MessageTypeId, ...]")
            return
        message_id = frame[1] if len(frame) > 1 else None
        kind = frame[0] if type(frame[0]) is int else None  # 2.0 == 2
        if kind == CALL:
            self._take_call(frame, message_id, payload)
        elif kind in (CALLRESULT, CALLERROR):
            # Never answered with an error: two sides could do that for ever.
            pending = self._pending_as(message_id)
            if pending is None:
                self._take_late(frame, message_id)
            elif kind == CALLRESULT:
                self._take_result(pending, frame)
            else:
                self._settle(pending, None, _error_of(frame))
        else:
            # Section 4.1.3: a message of another type is to be ignored.
            log.warning("rpc", "message of type %s ignored", frame[0])

    def _unreadable(self, payload, code, text):
        """Answer, or settle, what the first bytes of the message tell it was."""
        kind, message_id = scan_head(payload)
        if kind == CALL or kind is None:
            self._refuse(message_id or _NO_ID, code, text)
            return
        pending = self._pending_as(message_id)
        if pending is None:
            log.warning("rpc", "dropped: %s", text)
        else:
            self._settle(pending, None, BadAnswer(code, text))

    def _take_result(self, pending, frame):
        try:
            self._check_result(pending.action, frame)
        except schema.Violation as error:
            self._settle(pending, None, BadAnswer(error.code, error.describe()))
            return
        self._settle(pending, frame[2], None)

    def _check_result(self, action, frame):
        row = self._row("RESPONSES", action)
        if len(frame) != 3:
            raise schema.Violation(schema.FORMATION, "", "CALLRESULT has %d elements, not 3" % len(frame))
        if row is None:
            raise schema.Violation(schema.FORMATION, "", "no schema for the answer to " + action)
        schema.check(row, frame[2], True)

    def _take_late(self, frame, message_id):
        """An answer that no call waits for: to nobody, or to a message that is going to be sent again."""
        action = self._find_late(message_id) if frame[0] == CALLRESULT else None
        if action is None:
            log.info("rpc", "answer to nobody dropped: %s", message_id)
            return
        try:
            self._check_result(action, frame)
        except schema.Violation as error:
            log.warning("rpc", "late answer to %s dropped: %s", action, error.describe())
            return
        self._take_answer(frame[2])

    def _take_call(self, frame, message_id, raw):
        if not isinstance(message_id, str):
            self._refuse(_NO_ID, schema.FORMATION, "message id is not a string")
        elif len(message_id) > ID_LIMIT:
            self._refuse(message_id, schema.FORMATION, "message id is longer than %d characters" % ID_LIMIT)
        elif message_id == self._last_id:
            self._repeat(message_id, raw)
        else:
            self._last_id = message_id
            self._last_crc = binascii.crc32(raw)
            self._last_answer = None
            self._execute(frame, message_id)

    def _repeat(self, message_id, raw):
        """The last CALL's id again: delivered twice, or used twice. It is not executed in either case."""
        if binascii.crc32(raw) != self._last_crc:
            self._refuse(message_id, "GenericError", "message id was used for another message")
        elif self._last_answer is not None:
            log.info("rpc", "%s repeated, answered as before", message_id)
            self._transmit(self._last_answer)
        else:
            log.info("rpc", "%s repeated, being worked on", message_id)

    def _execute(self, frame, message_id):
        action = None
        try:
            if len(frame) != 4:
                raise CallError(schema.FORMATION, "CALL has %d elements, not 4" % len(frame))
            action, payload = frame[2], frame[3]
            if not isinstance(action, str):
                raise CallError(schema.FORMATION, "action is not a string")
            handler = self.find_handler(action)
            if handler is None:
                self._answer(message_id, action, _answer_of_absent(action))
                return
            row = self._row("REQUESTS", action)
            if row is None:
                raise ValueError("no schema")
            schema.check(row, payload)
            result = handler(payload)
            if hasattr(result, "send"):  # a coroutine, on MicroPython a generator
                if self._running >= _RUNNING_LIMIT:
                    result.close()
                    raise CallError("GenericError", "too many requests at once")
                self._running += 1
                asyncio.create_task(self._finish(message_id, action, result, self._link))
                return
        except Exception as error:  # whatever goes wrong, the CSMS gets an answer and the link lives
            self._answer_error(message_id, action, error)
            return
        self._answer(message_id, action, result)

    async def _finish(self, message_id, action, work, link):
        """Wait for a coroutine handler; its answer goes to the link the question came by, or nowhere."""
        error = result = None
        try:
            result = await work
        except Exception as failure:  # as in _execute
            error = failure
        finally:
            self._running -= 1
        if link != self._link:
            log.info("rpc", "%s: the link it came by is gone", action)
        elif error is not None:
            self._answer_error(message_id, action, error)
        else:
            self._answer(message_id, action, result)

    def _answer(self, message_id, action, result):
        result, after = result if isinstance(result, tuple) else (result, None)
        try:
            text = encode([CALLRESULT, message_id, result])
        except (TypeError, ValueError) as error:
            self._answer_error(message_id, action, error)
            return
        self._reply(message_id, text)
        if after is not None:
            try:
                after()
            except Exception as error:  # the answer is out, there is nobody to tell
                log.error("rpc", "after %s: %s", action, repr(error))

    def _answer_error(self, message_id, action, error):
        if isinstance(error, schema.Violation):
            error = CallError(error.code, error.describe())
        elif not isinstance(error, CallError):
            log.error("rpc", "%s failed: %s", action, repr(error))
            error = CallError("InternalError")
        self._reply(message_id, _error_text(message_id, error.code, error.description, error.details))

    def _refuse(self, message_id, code, description):
        """Answer a CALLERROR that is no result of a CALL, and not remembered as one."""
        self._transmit(_error_text(message_id, code, description))

    def _reply(self, message_id, text):
        if message_id == self._last_id:
            if len(text) <= _KEPT_ANSWER_LIMIT:
                self._last_answer = text
            else:
                self._last_id = None  # asked again it is carried out again
        self._transmit(text)

    def _row(self, table, action):
        for module in self.tables:
            row = schema.find(getattr(module, table), action)
            if row is not None:
                return row
        return None


def _answer_of_absent(action):
    """What a station without this action answers; raises the CallError, where that is the answer.

    Section 4.2.3: NotSupported for an action of OCPP that is not offered here, NotImplemented for any other.
    But ReserveNow.conf has a status for a station that takes no reservations (OCPP 1.6 section 5.13), and
    cases 048_4 and 050_4 want to see it.
    """
    if action == "ReserveNow":
        return {"status": "Rejected"}
    actions = schema_core.ACTIONS
    for i in range(1, len(actions), 2):
        if action in actions[i].split():
            raise CallError("NotSupported", action + " is not supported by this charge point")
    raise CallError("NotImplemented", "unknown action " + action[:64])


def _error_text(message_id, code, description, details=None):
    log.info("rpc", "CALLERROR %s: %s", code, description)
    return encode([CALLERROR, message_id, code, description[:_DESCRIPTION_LIMIT], details or {}])


def _error_of(frame):
    """The CallError in a CALLERROR frame, whatever of it is there: some CSMSs leave out the details."""
    code = frame[2] if len(frame) > 2 and isinstance(frame[2], str) else "GenericError"
    description = frame[3] if len(frame) > 3 and isinstance(frame[3], str) else ""
    return CallError(code, description[:_DESCRIPTION_LIMIT], frame[4] if len(frame) > 4 else None)
