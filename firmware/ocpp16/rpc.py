# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""OCPP-J 1.6 remote procedure calls: CALL, CALLRESULT, CALLERROR over whatever carries texts.

    rpc = Rpc(find_handler)
    rpc.attach(websocket.send)
    rpc.receive(kind, payload, oversize)          # for each message that comes
    answer = await rpc.call("Heartbeat", {}, timeout_ms=30_000)
    rpc.detach()                                  # the link is gone: calls under way raise LinkLost

`find_handler(action)` returns None or a function of the payload (already checked against the schema), which returns the
answer's payload, or (payload, after) where `after()` runs once the answer is handed over, or a coroutine that
returns either; or it raises CallError to answer a CALLERROR of its choice.
"""

import asyncio
import binascii
import json
import os

import log
from hal.ticks import ticks_add, ticks_diff, ticks_ms
from ocpp16 import json_text, schema, schema_core

_CALL = 2
_CALLRESULT = 3
_CALLERROR = 4

_TEXT = 1

_ID_LIMIT = 36  # OCPP-J 1.6 section 4.1.4
_ACTION_LIMIT = 64
_DESCRIPTION_LIMIT = 255

# OCPP-J 1.6 has no id for an error without one. "-1" is what OCPP 2.0.1 (part 4, 4.2.3) uses; a CSMS that does not
# know it drops it as an answer to nobody.
_NO_ID = "-1"

# CALLs waiting for their turn; more is a fault of ours, and must not fill the memory.
_WAITING_LIMIT = 16

# Coroutine handlers running at once. The CSMS may have one CALL outstanding (section 4.1.1), some do not care.
_RUNNING_LIMIT = 4

# An answer longer than this is not kept for a repetition: only requests that change nothing have such answers.
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


# Ids must differ from those of earlier boots (errata 2025-04, 3.1): a CSMS may still remember them.
_boot_part = binascii.hexlify(os.urandom(6)).decode()
_last_number = 0


def new_message_id() -> str:
    """An id no other message of this or an earlier boot has: 12 hexadecimal digits of chance, a dash, a counter."""
    global _last_number
    _last_number += 1
    return "%s-%d" % (_boot_part, _last_number)


class _Pending:
    """The CALL that is out."""

    def __init__(self, message_id, action, deadline):
        self.id = message_id
        self.action = action
        self.deadline = deadline
        self.settled = asyncio.Event()
        self.answer = None
        self.error = None

    def settle(self, answer, error):
        self.answer = answer
        self.error = error
        self.settled.set()


class Rpc:
    """Both directions of one charge point's messages. `tables`: modules with REQUESTS and RESPONSES, see schema.py."""

    def __init__(self, find_handler, tables=(schema_core,), receive_limit=8192):
        self.find_handler = find_handler
        self.tables = list(tables)
        self.receive_limit = receive_limit
        self.on_frame = None  # on_frame("in" or "out", text) sees every message as it is on the wire
        self._send = None
        self._pending = None
        self._waiting = []  # Events, one for each call that waits for its turn
        self._busy = False
        self._link = 0  # which attachment: an answer belongs to the link its CALL came by
        self._running = 0
        self._last_id = None
        self._last_text = b""
        self._last_answer = None

    # ---- the link

    def attach(self, send) -> None:
        """A link is there; `send(text)` queues a message and raises OSError when it cannot."""
        self._link += 1
        self._send = send
        self._last_id = None  # ids of an earlier connection may come again: some CSMSs count from 1 each time

    def detach(self) -> None:
        """The link is gone. May be called any number of times."""
        self._send = None
        pending = self._pending
        if pending is not None:
            self._pending = None
            pending.settle(None, LinkLost("link lost"))
        # Those who wait for their turn find no link when it comes.

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
        if self.on_frame:
            self.on_frame("out", text)
        return True

    # ---- our own calls

    async def call(self, action: str, payload: dict, timeout_ms: int, message_id=None) -> dict:
        """Send a CALL and return the answer's payload, checked. One is out at a time, others wait in order.

        Raises CallError, BadAnswer, CallTimeout (`timeout_ms` counts from sending), LinkLost, TooManyCalls.
        """
        await self._take_turn()
        try:
            await self._wait_for_abandoned()
            if message_id is None:
                message_id = new_message_id()
            pending = _Pending(message_id, action, ticks_add(ticks_ms(), timeout_ms))
            # Before sending: the answer of a test's peer may come within send().
            self._pending = pending
            if not self._transmit(encode([_CALL, message_id, action, payload])):
                self._pending = None
                raise LinkLost("no link")
            # A cancelled caller leaves its CALL pending: until its answer or its deadline nothing else may go out.
            await _wait_ms(pending.settled, timeout_ms)
            if not pending.settled.is_set():
                self._pending = None
                raise CallTimeout("%s: no answer within %d ms" % (action, timeout_ms))
            if pending.error is not None:
                raise pending.error
            return pending.answer
        finally:
            self._pass_turn()

    async def _take_turn(self):
        if not self._busy:
            self._busy = True
            return
        if len(self._waiting) >= _WAITING_LIMIT:
            raise TooManyCalls("%d calls wait" % _WAITING_LIMIT)
        turn = asyncio.Event()
        self._waiting.append(turn)
        try:
            await turn.wait()
        except BaseException:  # cancelled: step out of the queue, or hand on the turn just given; re-raised
            if turn in self._waiting:
                self._waiting.remove(turn)
            else:
                self._pass_turn()
            raise

    def _pass_turn(self):
        if self._waiting:
            self._waiting.pop(0).set()
        else:
            self._busy = False

    async def _wait_for_abandoned(self):
        pending = self._pending
        if pending is not None:
            await _wait_ms(pending.settled, max(1, ticks_diff(pending.deadline, ticks_ms())))
            if self._pending is pending:
                self._pending = None

    def _settle(self, message_id, answer, error):
        pending = self._pending
        self._pending = None
        if error is not None:
            log.warning("rpc", "%s (%s): %s", pending.action, message_id, error)
        pending.settle(answer, error)

    def _is_pending(self, message_id):
        return self._pending is not None and self._pending.id == message_id

    # ---- what comes in

    def receive(self, kind, payload, oversize=0) -> None:
        """Take one message as WebSocket.receive() gives it: kind, payload (a buffer of UTF-8), length if cut.

        Never raises for anything a peer can send. Answers of plain handlers are sent before this returns.
        """
        if kind != _TEXT:
            # OCPP-J has text frames only (section 3.4); a stray binary one harms nobody.
            log.warning("rpc", "binary message of %d bytes dropped", oversize or len(payload))
            return
        if self.on_frame:
            self.on_frame("in", _lenient_text(payload))
        if oversize:
            self._oversize(payload, oversize)
            return
        try:
            frame = json_text.read(payload)
        except json_text.Malformed as error:
            self._malformed(payload, error)
            return
        if not isinstance(frame, list) or not frame:
            self._refuse(_NO_ID, schema.FORMATION, "message is not [MessageTypeId, ...]")
            return
        kind = frame[0]
        message_id = frame[1] if len(frame) > 1 else None
        if kind == _CALL:
            self._call_frame(frame, message_id, payload)
        elif kind == _CALLRESULT or kind == _CALLERROR:
            # Never answered with an error: two sides could do that for ever.
            if not isinstance(message_id, str) or not self._is_pending(message_id):
                log.info("rpc", "answer to nobody dropped: %.40s", message_id)
            elif kind == _CALLRESULT:
                self._result(frame, message_id)
            else:
                self._settle(message_id, None, _error_of(frame))
        else:
            # Section 4.1.3: a message of another type is to be ignored.
            log.warning("rpc", "message of type %.40s ignored", kind)

    def _result(self, frame, message_id):
        answer = frame[2] if len(frame) > 2 else None
        action = self._pending.action
        if len(frame) != 3:
            self._settle(message_id, None, BadAnswer(schema.FORMATION, "CALLRESULT has %d elements" % len(frame)))
            return
        row = self._row("RESPONSES", action)
        try:
            if row is None:
                raise schema.Violation(schema.FORMATION, "", "no schema for the answer to " + action)
            schema.check(row, answer, True)
        except schema.Violation as error:
            self._settle(message_id, None, BadAnswer(error.code, "%s %s" % (error.path, error.text)))
            return
        self._settle(message_id, answer, None)

    def _call_frame(self, frame, message_id, raw):
        if not isinstance(message_id, str):
            self._refuse(_NO_ID, schema.FORMATION, "message id is not a string")
            return
        if len(message_id) > _ID_LIMIT:
            self._refuse(message_id, schema.FORMATION, "message id is longer than 36 characters")
            return
        if message_id == self._last_id:
            self._repeated(message_id, raw)
            return
        self._last_id = message_id
        self._last_text = binascii.crc32(raw)
        self._last_answer = None
        if len(frame) != 4:
            self._refuse(message_id, schema.FORMATION, "CALL has %d elements, not 4" % len(frame))
        elif not isinstance(frame[2], str):
            self._refuse(message_id, schema.FORMATION, "action is not a string")
        else:
            self._execute(message_id, frame[2], frame[3])

    def _repeated(self, message_id, raw):
        """The last CALL's id again: delivered twice, or used twice. It is not executed in either case."""
        if binascii.crc32(raw) != self._last_text:
            self._refuse(message_id, "GenericError", "message id used before for another message", False)
        elif self._last_answer is not None:
            log.info("rpc", "%s repeated, answered as before", message_id)
            self._transmit(self._last_answer)
        else:
            log.info("rpc", "%s repeated, being worked on or too long to say again", message_id)

    def _execute(self, message_id, action, payload):
        try:
            handler = self.find_handler(action)
            if handler is None:
                if is_action(action):
                    raise CallError("NotSupported", "%s is not supported by this charge point" % action)
                raise CallError("NotImplemented", "unknown action %s" % action[:_ACTION_LIMIT])
            row = self._row("REQUESTS", action)
            if row is None:
                raise schema.Violation(schema.FORMATION, "", "no schema for " + action)
            schema.check(row, payload)
            result = handler(payload)
            if hasattr(result, "send"):
                if self._running >= _RUNNING_LIMIT:
                    result.close()
                    raise CallError("GenericError", "too many requests at once")
                self._running += 1
                asyncio.create_task(self._finish(message_id, action, result, self._link))
                return
            self._answer(message_id, result)
        except Exception as error:  # whatever a handler does wrong, the CSMS gets an answer and the link lives
            self._answer_error(message_id, action, error)

    async def _finish(self, message_id, action, work, link):
        try:
            try:
                result = await work
                if link != self._link:
                    log.info("rpc", "%s: the CSMS that asked is gone", action)
                    return
                self._answer(message_id, result)
            except Exception as error:  # as in _execute
                if link == self._link:
                    self._answer_error(message_id, action, error)
        finally:
            self._running -= 1

    def _answer(self, message_id, result):
        after = None
        if isinstance(result, tuple):
            result, after = result
        self._reply(message_id, encode([_CALLRESULT, message_id, result]))
        if after is not None:
            after()

    def _answer_error(self, message_id, action, error):
        if isinstance(error, schema.Violation):
            self._refuse(message_id, error.code, ("%s %s" % (error.path, error.text)).strip())
        elif isinstance(error, CallError):
            self._refuse(message_id, error.code, error.description, details=error.details)
        else:
            log.error("rpc", "%s failed: %s", action, repr(error))
            self._refuse(message_id, "InternalError", "")

    def _refuse(self, message_id, code, description, keep=True, details=None):
        log.info("rpc", "CALLERROR %s: %s", code, description)
        text = encode([_CALLERROR, message_id, code, description[:_DESCRIPTION_LIMIT], details or {}])
        if keep:
            self._reply(message_id, text)
        else:
            self._transmit(text)

    def _reply(self, message_id, text):
        if message_id == self._last_id and len(text) <= _KEPT_ANSWER_LIMIT:
            self._last_answer = text
        self._transmit(text)

    # ---- messages that cannot be read

    def _malformed(self, payload, error):
        kind, message_id = scan_head(payload)
        log.warning("rpc", "malformed message: %s", error)
        if kind == _CALL or kind is None:
            self._refuse(message_id or _NO_ID, schema.FORMATION, "not JSON: %s" % error, False)
        elif self._is_pending(message_id):
            self._settle(message_id, None, BadAnswer(schema.FORMATION, "answer is not JSON: %s" % error))

    def _oversize(self, head, length):
        kind, message_id = scan_head(head)
        log.warning("rpc", "message of %d bytes is too large", length)
        text = "message of %d bytes, the limit is %d" % (length, self.receive_limit)
        if kind == _CALL or kind is None:
            self._refuse(message_id or _NO_ID, "GenericError", text, False)
        elif self._is_pending(message_id):
            self._settle(message_id, None, BadAnswer("GenericError", text))

    def _row(self, table, action):
        for module in self.tables:
            row = schema.find(getattr(module, table), action)
            if row is not None:
                return row
        return None


def is_action(action: str) -> bool:
    """Whether OCPP 1.6 or its security extension has this action, in either direction."""
    for actions in schema_core.ACTIONS[1::2]:
        if action in actions:
            return True
    return False


def encode(frame) -> str:
    """The text of a message. Raises ValueError for what is not JSON: MicroPython would write `nan` or `<object>`."""
    text = json.dumps(frame, separators=(",", ":"))
    # The C writer gives no error. These letters are rare enough to look closely whenever they come.
    if "nan" in text or "inf" in text or "<" in text:
        _check_plain(frame)
    return text


def _check_plain(value):
    if isinstance(value, dict):
        for key in value:
            if not isinstance(key, str):
                raise ValueError("JSON key is not a string")
            _check_plain(value[key])
    elif isinstance(value, (list, tuple)):
        for item in value:
            _check_plain(item)
    elif isinstance(value, float):
        if value - value != 0:
            raise ValueError("JSON has no infinity and no NaN")
    elif value is not None and not isinstance(value, (str, int)):
        raise ValueError("not JSON: %s" % type(value).__name__)


def scan_head(payload):
    """(MessageTypeId, message id) of a message that cannot be read, each None when it is not to be seen.

    Looks at the first bytes only: `[2,"id"`, with or without space between.
    """
    text = _lenient_text(payload[:128]).lstrip()
    if text[:1] != "[":
        return None, None
    kind, comma, rest = text[1:].partition(",")
    kind = kind.strip()
    if not comma or kind not in ("2", "3", "4"):
        return None, None
    rest = rest.lstrip()
    message_id = None
    if rest[:1] == '"':
        inner, quote, _ = rest[1:].partition('"')
        if quote and inner and len(inner) <= _ID_LIMIT and "\\" not in inner:
            message_id = inner
    return int(kind), message_id


def _error_of(frame):
    """The CallError in a CALLERROR frame, whatever of it is there: some CSMSs leave out the details."""
    code = frame[2] if len(frame) > 2 and isinstance(frame[2], str) else "GenericError"
    description = frame[3] if len(frame) > 3 and isinstance(frame[3], str) else ""
    return CallError(code, description[:_DESCRIPTION_LIMIT], frame[4] if len(frame) > 4 else None)


def _lenient_text(payload):
    """`payload` as text for people; of a head that was cut, up to the cut character."""
    for cut in range(4):
        try:
            return str(payload[:len(payload) - cut], "utf-8")
        except UnicodeError:
            pass
    return ""


async def _wait_ms(event, timeout_ms):
    """Wait for `event` at most so long; the caller looks whether it is set."""
    if event.is_set():
        return
    try:
        if hasattr(asyncio, "wait_for_ms"):
            await asyncio.wait_for_ms(event.wait(), timeout_ms)
        else:
            await asyncio.wait_for(event.wait(), timeout_ms / 1000)
    except asyncio.TimeoutError:
        pass
