# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""One charge point as the CSMS sees it: its messages, calls to it, and waiting for what it sends.

A `Station` lives as long as the CSMS and goes on over reconnections; see `bench.csms` for all of it.
"""

import asyncio
import contextlib
import time
import uuid
from collections.abc import AsyncIterator, Callable
from typing import Any

from ocpp.messages import Call, CallError, CallResult
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request

from bench.books import Books
from bench.deadline import within
from bench.handlers import Handlers
from bench.messages import FROM_STATION, TO_STATION, Log, Message, read, violation
from bench.scripts import Answer, Script

Payload = dict[str, Any]
Where = Callable[[Payload], bool]


class NotSeen(AssertionError):
    """What was expected of the charge point did not come in time. The text shows what came instead."""


class CallRefused(Exception):
    """The charge point answered CALLERROR."""

    def __init__(self, action: str, code: str, description: str, details: Payload):
        super().__init__(f"{action}: {code} {description}".rstrip())
        self.action, self.code, self.description, self.details = action, code, description, details


class Station:
    """`connected`, `expect`, `call`, `log`: what tests use. The CSMS feeds it with connections."""

    def __init__(self, station_id: str, books: Books, script: Script, note: Callable[[Message], None]):
        self.id = station_id
        self.log = Log()
        self.connections = 0  # how many there have been
        self.pings: list[float] = []  # monotonic time of each WebSocket ping received, of the last 1,000
        self.request: Request | None = None  # the HTTP upgrade of the last connection: .path, .headers
        self.close_code: int | None = None  # of the last connection that ended
        self.decide: Callable[[Message], Answer | None] | None = None  # of a CALL; in place of the script
        self._books, self._script, self._note = books, script, note
        self._connection: ServerConnection | None = None
        self._handlers: Handlers | None = None
        self._changed = asyncio.Condition()
        self._seen: dict[str, int] = {}  # action -> log index from which `expect` looks
        self._mark = 0
        self._call_lock = asyncio.Lock()
        self._answers: dict[str, Message] = {}  # to our CALLs, by message id, until somebody asks for them
        self._pipe: asyncio.Queue[tuple[str | bytes, int]] | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    # --- the connection -------------------------------------------------------------------------------------

    @property
    def connected(self) -> bool:
        return self._connection is not None

    async def wait_connected(self, timeout: float = 10) -> None:
        await self._until(lambda: self.connected, timeout, "the connection")

    async def wait_disconnected(self, timeout: float = 10) -> None:
        await self._until(lambda: not self.connected, timeout, "the end of the connection")

    async def wait_connection(self, number: int, timeout: float = 10) -> None:
        """Until there have been `number` connections (`station.connections + 1`: the next one)."""
        await self._until(lambda: self.connections >= number, timeout, f"connection number {number}")

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """The CSMS's orderly end of the connection."""
        if self._connection:
            await self._connection.close(code, reason)

    def cut(self) -> None:
        """The TCP connection is reset, no close frame."""
        if self._connection:
            self._connection.transport.abort()

    def freeze(self) -> None:
        """Half-open: nothing is read or answered any more (pings neither), nothing is closed."""
        if self._connection:
            self._connection.transport.pause_reading()

    def thaw(self) -> None:
        if self._connection:
            self._connection.transport.resume_reading()

    async def serve(self, connection: ServerConnection) -> None:
        """Carry one connection until it ends. A second one of the same charge point replaces the first."""
        old, self._connection = self._connection, connection
        if old is not None:
            old.transport.abort()
        self._handlers = Handlers(self.id, _Answers(self, None), self._books)
        self.request = connection.request
        self.connections += 1
        await self._wake()
        try:
            while True:
                frame = await connection.recv()
                if self._pipe is not None:
                    self._pipe.put_nowait((frame, time.monotonic_ns()))
                else:
                    await self._receive(frame)
        except ConnectionClosed:
            pass
        finally:
            self.close_code = connection.close_code
            if self._connection is connection:
                self._connection = None
            await self._wake()

    # --- sending --------------------------------------------------------------------------------------------

    async def send_raw(self, frame: str | bytes) -> None:
        """Send any frame: text for `str`, binary for `bytes`."""
        if self._connection is None:
            raise ConnectionError(f"{self.id} is not connected")
        message = read(TO_STATION, frame)
        if message.kind in ("result", "error"):
            self._link_answer(message)
        self._record(message)
        try:
            await self._connection.send(frame)
        except ConnectionClosed as closed:
            raise ConnectionError(f"{self.id} has closed the connection: {closed}") from None
        await self._wake()

    async def send_text_frame(self, payload: bytes) -> None:
        """A text frame with these bytes, valid UTF-8 or not."""
        if self._connection is None:
            raise ConnectionError(f"{self.id} is not connected")
        await self._connection.send(payload, text=True)

    async def send_call(self, action: str, payload: Payload | None = None, check: bool = True) -> str:
        """Send a CALL and return its message id, at once. `check=False`: also what no schema allows."""
        payload = {} if payload is None else payload
        objection = violation("call", action, payload) if check else None
        if objection:
            raise ValueError(objection)
        message_id = str(uuid.uuid4())
        await self.send_raw(Call(message_id, action, payload).to_json())
        return message_id

    async def answer_to(self, message_id: str, timeout: float = 30) -> Message:
        """The CALLRESULT or CALLERROR (`.kind`) with this message id."""
        await self._until(lambda: message_id in self._answers, timeout, f"the answer to message {message_id}")
        return self._answers.pop(message_id)

    async def call(
        self, action: str, payload: Payload | None = None, timeout: float = 30, check: bool = True
    ) -> Payload:
        """Call an operation and return the answer's payload.

        One CALL at a time, as OCPP-J 4.1.1 asks. `ValueError`: the payload is no valid request;
        `CallRefused`: CALLERROR; `NotSeen`: no answer within `timeout` seconds.
        """
        async with self._call_lock:
            answer = await self.answer_to(await self.send_call(action, payload, check), timeout)
        if answer.kind == "error":
            raise CallRefused(action, answer.error_code, answer.error_description, answer.payload)
        return answer.payload

    # --- expecting ------------------------------------------------------------------------------------------

    def mark(self) -> None:
        """What has come so far is no answer to any later `expect`."""
        self._mark = self.log.next_index
        self._seen.clear()

    async def expect(
        self, action: str, timeout: float = 5, where: Where | None = None, **fields: Any
    ) -> Message:
        """The charge point's next CALL of this action (whose payload has these fields), come already or not.

        "Next" is counted per action, from `mark()` or the message that the last `expect` of that action
        returned. Others of that action in between are passed over; the order between actions is read off
        `message.index`. `NotSeen` after `timeout` seconds.
        """
        found: list[Message] = []

        def arrived() -> bool:
            start = max(self._mark, self._seen.get(action, 0))
            found[:] = [m for m in self.log.since(start) if self._is(m, action, where, fields)][:1]
            return bool(found)

        wanted = action + "".join(f" {name}={value!r}" for name, value in fields.items())
        await self._until(arrived, timeout, wanted + (" (and a condition)" if where else ""))
        self._seen[action] = found[0].index + 1
        return found[0]

    async def never(self, action: str, within_s: float, where: Where | None = None, **fields: Any) -> None:
        """No CALL of this action comes within that time; what came since the last `expect` of it counts."""
        with contextlib.suppress(NotSeen):
            message = await self.expect(action, within_s, where, **fields)
            raise AssertionError(f"{self.id} must not send this: {message}")

    def calls(self, action: str | None = None) -> list[Message]:
        """All CALLs of the charge point since `mark()`, of one action or any."""
        return [
            m
            for m in self.log.since(self._mark)
            if m.direction == FROM_STATION and m.kind == "call" and (action is None or m.action == action)
        ]

    @property
    def violations(self) -> list[Message]:
        """What the charge point sent against the official schemas or the message framing."""
        return [m for m in self.log if m.direction == FROM_STATION and m.violation]

    @contextlib.asynccontextmanager
    async def pipe(self) -> AsyncIterator["Pipe"]:
        """Bare frames with their arrival time: no record, no check, no answer until the block ends."""
        if self._connection is None:
            raise ConnectionError(f"{self.id} is not connected")
        self._pipe = asyncio.Queue()
        try:
            yield Pipe(self._connection, self._pipe)
        finally:
            self._pipe = None

    # --- inside ---------------------------------------------------------------------------------------------

    @staticmethod
    def _is(message: Message, action: str, where: Where | None, fields: Payload) -> bool:
        if message.direction != FROM_STATION or message.kind != "call" or message.action != action:
            return False
        if any(message.payload.get(name) != value for name, value in fields.items()):
            return False
        return where is None or where(message.payload)

    async def _wake(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    async def _until(self, happened: Callable[[], bool], timeout: float, wanted: str) -> None:
        async with self._changed:
            try:
                await within(timeout, self._changed.wait_for(happened))
            except TimeoutError:
                state = "connected" if self.connected else "not connected"
                last = "\n  ".join(str(message) for message in self.log.since(self.log.next_index - 12))
                raise NotSeen(
                    f"waited {timeout} s for {wanted} from {self.id} ({state}); the last messages:\n  {last}"
                ) from None

    def _record(self, message: Message) -> None:
        self.log.append(message)
        self._note(message)

    def _link_answer(self, answer: Message) -> None:
        """Find the CALL that `answer` belongs to; check the answer against that action's schema."""
        other = TO_STATION if answer.direction == FROM_STATION else FROM_STATION
        for message in reversed(self.log):
            if message.kind == "call" and message.direction == other and message.id == answer.id:
                answer.question, answer.action = message, message.action
                break
        else:
            answer.violation = answer.violation or f"answer to nobody: {answer.id}"
            return
        if answer.direction == FROM_STATION:
            if message.answered and not answer.violation:
                answer.violation = f"{message.action} {answer.id} has been answered before"
            message.answered = True
            self._answers[answer.id] = answer
        if answer.kind == "result" and not answer.violation:
            answer.violation = violation("result", answer.action, answer.payload)
        if answer.kind == "result" and answer.action == "GetConfiguration" and not answer.violation:
            self._books.configuration(self.id, answer.payload.get("configurationKey", []))

    async def _receive(self, frame: str | bytes) -> None:
        message = read(FROM_STATION, frame)
        if message.kind in ("result", "error"):
            self._link_answer(message)
        self._record(message)
        await self._wake()
        if message.kind != "call" or isinstance(frame, bytes):
            return
        answer = self._script.take(message.action) if self.decide is None else self.decide(message)
        if answer is None and self._handlers is not None:
            await self._handlers.route_message(frame)
        elif answer is not None:
            # A task, so that a delayed answer holds nothing up.
            task = asyncio.create_task(self._give(answer, message, frame))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _give(self, answer: Answer, question: Message, frame: str) -> None:
        """Do what the script says instead of the usual answer."""
        connection = self._connection
        if answer.delay_s:
            await asyncio.sleep(answer.delay_s)
        if self._connection is not connection or answer.silent:
            return
        with contextlib.suppress(ConnectionError):
            if answer.drop:
                self.cut()
            elif answer.usual:
                await Handlers(self.id, _Answers(self, answer), self._books).route_message(frame)
            elif answer.raw is not None:
                raw = answer.raw
                await self.send_raw(raw.replace("{id}", question.id) if isinstance(raw, str) else raw)
            elif answer.error is not None:
                await self.send_raw(CallError(question.id, *answer.error).to_json())
            else:
                body = answer.payload(question) if callable(answer.payload) else answer.payload
                await self.send_raw(CallResult(question.id, body).to_json())


class _Answers:
    """Where the library sends the answers it made; a script may have amendments to them."""

    def __init__(self, station: Station, answer: Answer | None):
        self._station, self._answer = station, answer

    async def send(self, text: str) -> None:
        if self._answer is not None and self._answer.amend:
            message = read(TO_STATION, text)
            if message.kind == "result":
                text = CallResult(message.id, message.payload | self._answer.amend).to_json()
        with contextlib.suppress(ConnectionError):
            await self._station.send_raw(text)


class Pipe:
    """A connection's frames as they are, for measurements: (frame, monotonic nanoseconds of arrival)."""

    def __init__(self, connection: ServerConnection, frames: asyncio.Queue[tuple[str | bytes, int]]):
        self._connection, self._frames = connection, frames

    async def send(self, text: str) -> int:
        """Send; returns the monotonic nanoseconds just before. ConnectionError when it has ended."""
        sent_ns = time.monotonic_ns()
        try:
            await self._connection.send(text)
        except ConnectionClosed as closed:
            raise ConnectionError(f"the charge point has closed the connection: {closed}") from None
        return sent_ns

    async def receive(self, timeout: float = 30) -> tuple[str | bytes, int]:
        return await within(timeout, self._frames.get())
