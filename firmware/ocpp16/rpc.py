# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""OCPP-J 1.6 remote procedure calls: CALL, CALLRESULT, CALLERROR over whatever carries texts.

    rpc = Rpc(find_handler)
    rpc.attach(websocket.send)
    await rpc.hear(kind, payload, length)         # for each message that comes, and each piece of one
    answer = await rpc.call("Heartbeat", {}, timeout_ms=30_000)
    rpc.detach()                                  # the link is gone: calls under way raise LinkLost

`find_handler(action)` returns None or a function of the payload (already checked against the schema), which
returns the answer's payload, or (payload, after) where `after()` runs once the answer is handed over, or a
coroutine that returns either; or it raises CallError to answer a CALLERROR of its choice. For an action whose
CALLs may be longer than the memory it returns something that takes them as streams (see `ocpp16.streamed`).
"""

import asyncio
import binascii

import log
from hal.deadline import within
from hal.ticks import ticks_add, ticks_diff, ticks_ms
from ocpp16 import json_text, schema, schema_core
from ocpp16.answering import DESCRIPTION_LIMIT, Answering, CallError
from ocpp16.frames import PART, TEXT
from ocpp16.message import (
    CALL,
    CALLERROR,
    CALLRESULT,
    encode,
    lenient_text,
    new_message_id,
    scan_action,
    scan_head,
)
from ocpp16.send_queue import Full
from ocpp16.turns import QueueFull, Turns

# CALLs waiting for their turn; more is a fault of ours, and must not fill the memory.
_WAITING_LIMIT = 16

# How often a CALL for which there was no room is tried again, in seconds.
_ROOM_PAUSE_S = 0.05


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
                await within(self._settled.wait(), left_ms)
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

    def __init__(self, find_handler, tables=None, receive_limit=8192, on_frame=None):
        self.tables = list(tables or (schema_core,))
        self.receive_limit = receive_limit
        # on_frame("in" or "out", text) sees every message as it is on the wire; of one that comes as a stream
        # it is called with the head and, as a third argument, the length in bytes.
        self.on_frame = on_frame
        self.hear_late(_nothing, _nothing)
        self._send = None
        self._link = 0  # the number of the present link
        self._turns = Turns(_WAITING_LIMIT)
        self._pending = None
        self._answering = Answering(find_handler, self._row, self._transmit)
        self._receiving = None  # what is needed for streams, once one has come

    def hear_late(self, find, take):
        """`find(message_id)`: the action, when a late answer to it is still of use; then `take(payload)`."""
        self._find_late = find
        self._take_answer = take

    # ---- the link

    def attach(self, send) -> None:
        """A link is there; `send(text)` queues a message and raises OSError when it cannot, Full when there
        is no room now.
        """
        self.detach()
        self._send = send
        self._answering.forget()  # ids may come again: some CSMSs count from 1 each time

    def detach(self) -> None:
        """The link is gone: every call under way or waiting raises LinkLost. May be called any number of
        times."""
        self._link += 1
        self._answering.link_gone()
        if self._receiving is not None:
            self._receiving.lost()
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
            until = ticks_add(ticks_ms(), timeout_ms)
            pending = None
            while pending is None:
                pending = self._transmit_call(text, _Pending(message_id, action, timeout_ms, taken))
                if pending is None:
                    # Answers wait that the peer has not read yet. It does, or the writer gives up.
                    await asyncio.sleep(_ROOM_PAUSE_S)
                    if link != self._link or ticks_diff(until, ticks_ms()) <= 0:
                        raise LinkLost("no room to send")
            if not await pending.wait():
                self._pending = None
                raise CallTimeout("%s: no answer within %d ms" % (action, timeout_ms))
            if pending.error is not None:
                raise pending.error
            return pending.answer
        finally:
            self._turns.give()

    def _transmit_call(self, text, pending):
        """`pending`, which is out now, or None when there is no room for it."""
        if self._send is None:
            raise LinkLost("no link")
        self._pending = pending  # the answer may come while sending
        try:
            self._send(text)
        except OSError as error:
            self._pending = None
            if isinstance(error, Full):
                return None
            log.warning("rpc", "cannot send: %s", error)
            raise LinkLost("cannot send")
        self._show("out", text)
        return pending

    def _settle(self, pending, answer, error):
        self._pending = None
        if error is not None:
            log.warning("rpc", "%s (%s): %s", pending.action, pending.id, error)
        pending.settle(answer, error)

    def _pending_as(self, message_id):
        """The CALL that is out, if that is its id."""
        return self._pending if self._pending is not None and self._pending.id == message_id else None

    # ---- what comes in

    def streams(self, head):
        """Who takes the message that begins so as a stream; None: it is none. Never raises."""
        try:
            action = scan_action(head)
            if action is None or not self._answering.streams(action):
                return None
            if self._receiving is None:
                from ocpp16.receiving import Receiving

                self._receiving = Receiving(self._answering, self._show)
        except Exception as error:  # no memory, to load the handlers of a profile for instance
            log.error("rpc", "not taken as a stream: %s", repr(error))
            return None
        return self._receiving

    async def hear(self, kind, payload, length=0):
        """Take what WebSocket.receive() gives: a message, or a piece of one that `streams`. As `receive`."""
        receiving = None
        if kind == PART:
            receiving = self._receiving or self.streams(payload)
        elif kind == TEXT and not length:
            # A few KB of text can be many of objects, and take long: short ones are taken likewise.
            receiving = self.streams(payload)
            length = len(payload) if receiving else 0
        if receiving:
            await receiving.part(payload, length)
        else:
            self.receive(kind, payload, length)

    def receive(self, kind, payload, oversize=0) -> None:
        """Take one whole message: kind, payload (a buffer of UTF-8), length if only its head is here.

        Never raises for anything a peer can send. Answers of plain handlers are sent before this returns.
        """
        if kind != TEXT:
            # OCPP-J has text frames only (section 3.4); a stray binary one harms nobody.
            log.warning("rpc", "binary message of %d bytes dropped", oversize or len(payload))
            return
        self._show("in", payload)
        try:
            self._take(payload, oversize)
        except MemoryError:
            # A few KB of text can be a thousand objects. What was made of it is garbage by now; the link and
            # the station go on.
            self._answering.forget()
            self._unreadable(payload, "InternalError", "not enough memory for this message")

    def _show(self, direction, message, length=None):
        """Whoever watches must not stop what is watched, nor take its memory."""
        if self.on_frame:
            try:
                text = message if isinstance(message, str) else lenient_text(message)
                if length is None:
                    self.on_frame(direction, text)
                else:
                    self.on_frame(direction, text, length)
            except Exception as error:
                log.error("rpc", "on_frame: %s", repr(error))

    def _take(self, payload, oversize):
        if oversize:
            action = scan_action(payload)
            message_id = scan_head(payload)[1]
            if action is not None and message_id is not None and self._answering.is_absent(action):
                frame = [CALL, message_id, action, None]  # all that the answer needs
                self._answering.take(frame, message_id, binascii.crc32(payload))
                return
            text = "message of %d bytes, the limit is %d" % (oversize, self.receive_limit)
            self._unreadable(payload, "GenericError", text)
            return
        try:
            frame = json_text.read(payload)
        except json_text.Malformed as error:
            self._unreadable(payload, schema.FORMATION, "not JSON: %s" % error)
            return
        if not isinstance(frame, list) or not frame:
            self._answering.refuse(None, schema.FORMATION, "message is not [MessageTypeId, ...]")
            return
        message_id = frame[1] if len(frame) > 1 else None
        kind = frame[0] if type(frame[0]) is int else None  # 2.0 == 2
        if kind == CALL:
            self._answering.take(frame, message_id, binascii.crc32(payload))
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
            self._answering.refuse(message_id, code, text)
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

    def _row(self, table, action):
        for module in self.tables:
            row = schema.find(getattr(module, table), action)
            if row is not None:
                return row
        return None


def _error_of(frame):
    """The CallError in a CALLERROR frame, whatever of it is there: some CSMSs leave out the details."""
    code = frame[2] if len(frame) > 2 and isinstance(frame[2], str) else "GenericError"
    description = frame[3] if len(frame) > 3 and isinstance(frame[3], str) else ""
    return CallError(code, description[:DESCRIPTION_LIMIT], frame[4] if len(frame) > 4 else None)
