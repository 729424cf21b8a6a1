# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Answers to the CALLs of the CSMS: each is checked, carried out once, and answered whatever comes of it."""

import asyncio

import log
from ocpp16 import schema, schema_core
from ocpp16.message import CALLERROR, ID_LIMIT, encode, encode_result

DESCRIPTION_LIMIT = 255  # OCPP-J 1.6 section 4.2.3

# OCPP-J 1.6 has no id for an error without one. "-1" is what OCPP 2.0.1 (part 4, 4.2.3) uses; a CSMS that
# does not know it drops it as an answer to nobody.
_NO_ID = "-1"

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


class Answering:
    """Of one `rpc.Rpc`, which says what a handler is.

    `find_schema(table, action)`: a row of REQUESTS, None without one. `transmit(text)`: to the present link,
    or to nobody when there is none. A handler that has `begin(row, idle)` is that of an action whose CALLs
    are received as streams: it gives a `streamed.Streamed`.
    """

    def __init__(self, find_handler, find_schema, transmit):
        self._find_handler = find_handler
        self._find_schema = find_schema
        self._transmit = transmit
        self._link = 0  # the number of the present link
        self._running = 0
        self._last_id = None  # of the CSMS's last CALL, with a checksum of it and what was answered
        self._last_crc = 0
        self._last_answer = None

    def link_gone(self):
        """What is being worked on is answered to nobody."""
        self._link += 1

    def forget(self):
        """A CALL with the id of the last one is another CALL."""
        self._last_id = None

    def streams(self, action) -> bool:
        """Whether CALLs of it are received as streams."""
        return hasattr(self._find_handler(action), "begin")

    def is_absent(self, action) -> bool:
        """Whether there is nobody to take it."""
        return self._find_handler(action) is None

    def begin(self, action, message_id):
        """The `Streamed` of a CALL that begins to come."""
        row = self._find_schema("REQUESTS", action)
        # A repetition is not carried out, so nothing of it is kept; what it is shows when all of it is here.
        idle = message_id is not None and message_id == self._last_id
        return self._find_handler(action).begin(row, idle)

    def take(self, frame, message_id, crc, streamed=None):
        """A CALL: `frame`, read from a text whose CRC32 is `crc`. `streamed`: what was received of it as a
        stream. A plain handler's answer is sent before this returns. True: a coroutine is at work on it."""
        if not isinstance(message_id, str):
            self.refuse(None, schema.FORMATION, "message id is not a string")
        elif len(message_id) > ID_LIMIT:
            self.refuse(message_id, schema.FORMATION, "message id is longer than %d characters" % ID_LIMIT)
        elif message_id == self._last_id:
            self._repeat(message_id, crc)
        else:
            self._last_id = message_id
            self._last_crc = crc
            self._last_answer = None
            return self._execute(frame, message_id, streamed)
        return False

    def refuse(self, message_id, code, description):
        """Answer a CALLERROR that is no result of a CALL, and not remembered as one. `message_id`: None when
        it is not to be seen.
        """
        self._transmit(_error_text(_NO_ID if message_id is None else message_id, code, description))

    def _repeat(self, message_id, crc):
        """The last CALL's id again: delivered twice, or used twice. It is not executed in either case."""
        if crc != self._last_crc:
            self.refuse(message_id, "GenericError", "message id was used for another message")
        elif self._last_answer is not None:
            log.info("rpc", "%s repeated, answered as before", message_id)
            self._transmit(self._last_answer)
        else:
            log.info("rpc", "%s repeated, being worked on", message_id)

    def _execute(self, frame, message_id, streamed):
        action = None
        try:
            if len(frame) != 4:
                raise CallError(schema.FORMATION, "CALL has %d elements, not 4" % len(frame))
            action, payload = frame[2], frame[3]
            if not isinstance(action, str):
                raise CallError(schema.FORMATION, "action is not a string")
            handler = self._find_handler(action)
            if handler is None:
                self._answer(message_id, action, _answer_of_absent(action))
                return False
            row = self._find_schema("REQUESTS", action)
            if row is None:
                raise ValueError("no schema")
            if streamed is not None:
                streamed.check(payload)
                result = streamed.finish(payload)
            elif hasattr(handler, "begin"):
                # Its head was too long to see the action in it.
                raise CallError("GenericError", "too much space, or too long an id, before the action")
            else:
                schema.check(row, payload)
                result = handler(payload)
            if hasattr(result, "send"):  # a coroutine, on MicroPython a generator
                if self._running >= _RUNNING_LIMIT:
                    result.close()
                    raise CallError("GenericError", "too many requests at once")
                asyncio.create_task(self._finish(message_id, action, result, self._link))
                self._running += 1
                return True
        except Exception as error:  # whatever goes wrong, the CSMS gets an answer and the link lives
            self._answer_error(message_id, action, error)
            return False
        self._answer(message_id, action, result)
        return False

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
            text = encode_result(message_id, result)
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

    def _reply(self, message_id, text):
        if message_id == self._last_id:
            if len(text) <= _KEPT_ANSWER_LIMIT:
                self._last_answer = text
            else:
                self._last_id = None  # asked again it is carried out again
        self._transmit(text)


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
    return encode([CALLERROR, message_id, code, description[:DESCRIPTION_LIMIT], details or {}])
