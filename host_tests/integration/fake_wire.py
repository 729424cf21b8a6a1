# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The fake charge point's connection: what goes out, what comes in, what waits for better times."""

import abc
import asyncio
import base64
import contextlib
import itertools
import json
import uuid
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

import websockets
from websockets.typing import Subprotocol

from bench.messages import utc_text
from host_tests.integration.fake_configuration import VALUES
from host_tests.integration.fake_defects import NAMES

Payload = dict[str, Any]


class Refused(Exception):
    """CALLERROR: its code."""


class Unanswered(Exception):
    """No connection, or no answer in time."""


@dataclass
class Posted:
    """A message that waits for its delivery."""

    action: str
    fields: Payload
    answered: Callable[[Payload | None], None] | None
    number: Callable[[], int | None] | None


class FakeWire(abc.ABC):
    """Connects again whenever it can. `post` is for messages of transactions: they are delivered in order,
    with the retries of OCPP 1.6, 3.7.1, and survive a power cut.
    """

    def __init__(self, url: str, defect: str | None, password: bytes | None, quirky: bool):
        assert defect is None or defect in NAMES
        self.id = "FAKE"
        self._url, self._defect = f"{url}/{self.id}", defect
        self.password = password
        self._quirky = quirky
        self._numbers = itertools.count(1)
        self._configuration = dict(VALUES)
        self._link = True
        self.deaf = False
        self._speaking = asyncio.Lock()
        self._socket: websockets.ClientConnection | None = None
        self._answers: dict[str, asyncio.Future[list[Any]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._posted: list[Posted] = []
        self._queued = asyncio.Event()
        self._accepted = False

    # --- for the others -------------------------------------------------------------------------------------

    def _is(self, defect: str) -> bool:
        return self._defect == defect

    def _seconds(self, key: str) -> int:
        return int(self._configuration[key])

    def _on(self, key: str) -> bool:
        return self._configuration[key] == "true"

    def _go_on(self, coroutine: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    @property
    def _online(self) -> bool:
        return self._socket is not None and self._accepted

    async def _call(self, action: str, fields: Payload) -> Payload:
        """One at a time. Raises Refused, Unanswered."""
        if self._is("talks-over-itself"):
            return await self._call_now(action, fields)
        async with self._speaking:
            return await self._call_now(action, fields)

    async def _call_now(self, action: str, fields: Payload) -> Payload:
        if self._socket is None:
            raise Unanswered
        number = str(next(self._numbers) if self._quirky else uuid.uuid4())
        answer = self._answers[number] = asyncio.get_running_loop().create_future()
        with contextlib.suppress(websockets.ConnectionClosed):
            await self._socket.send(json.dumps([2, number, action, fields]))
        try:
            async with asyncio.timeout(self._seconds("MessageTimeout")):
                message = await answer
        except TimeoutError:
            raise Unanswered from None
        finally:
            self._answers.pop(number, None)
        if message[0] == 4:
            raise Refused(message[2])
        return message[2]

    def _post(
        self,
        action: str,
        fields: Payload,
        answered: Callable[[Payload | None], None] | None = None,
        number: Callable[[], int | None] | None = None,
    ) -> None:
        """`answered` hears of the answer, or of None when the message was given up. `number`: the
        transactionId, once its turn has come.
        """
        lost = self._is("forgets-offline-stops") and action == "StopTransaction"
        lost = lost or (self._is("loses-samples") and action == "MeterValues")
        if lost and not self._online:
            return
        entry = Posted(action, fields, answered, number)
        if self._is("stops-before-it-starts") and action == "StopTransaction":
            self._posted.insert(0, entry)
        else:
            self._posted.append(entry)
        self._queued.set()

    # --- to be filled in ------------------------------------------------------------------------------------

    @abc.abstractmethod
    async def _asked(self, action: str, fields: Payload) -> Payload:
        """The answer to a CALL of the CSMS. Raises Refused."""

    @abc.abstractmethod
    async def _connected(self) -> None:
        """Once more; the charge point may have been accepted already."""

    # --- inside ---------------------------------------------------------------------------------------------

    def _switch_on(self) -> None:
        self._numbers = itertools.count(1)
        self._accepted = False
        self._go_on(self._stay_connected())
        self._go_on(self._deliver())

    async def _switch_off(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._disconnect()

    async def _disconnect(self) -> None:
        if self._socket is not None:
            await self._socket.close()
            self._socket = None

    def _headers(self) -> dict[str, str]:
        if self.password is None or self._is("comes-without-password"):
            return {}
        user = "SOMEBODY" if self._is("says-another-name") else self.id
        credentials = base64.b64encode(user.encode() + b":" + self.password)
        return {"Authorization": f"Basic {credentials.decode()}"}

    async def _stay_connected(self) -> None:
        while True:
            if self._link:
                with contextlib.suppress(OSError, websockets.WebSocketException):
                    socket = await websockets.connect(
                        self._url, subprotocols=[Subprotocol("ocpp1.6")], additional_headers=self._headers()
                    )
                    self._socket = socket
                    greeting = self._go_on(self._connected())
                    await self._read(socket)
                    greeting.cancel()
                    self._socket = None
                for answer in self._answers.values():
                    if not answer.done():
                        answer.set_exception(Unanswered())
            await asyncio.sleep(0.1)

    async def _read(self, socket: websockets.ClientConnection) -> None:
        try:
            while True:
                message = json.loads(await socket.recv())
                if message[0] == 2:
                    self._go_on(self._serve(socket, message))
                elif message[1] in self._answers and not self._answers[message[1]].done():
                    self._answers[message[1]].set_result(message)
        except websockets.ConnectionClosed as closed:
            if closed.sent is not None and closed.sent.code == 1007 and self._is("dies-of-a-bad-frame"):
                self._link = False

    async def _serve(self, socket: websockets.ClientConnection, message: list[Any]) -> None:
        # What the CSMS answered just before is taken in first.
        await asyncio.sleep(0.002)
        while self._answers and self._is("waits-for-its-own-answer"):
            await asyncio.sleep(0.01)
        if not self.deaf:
            with contextlib.suppress(websockets.ConnectionClosed):
                await socket.send(json.dumps(await self._answer(message)))

    async def _answer(self, message: list[Any]) -> list[Any]:
        try:
            return [3, message[1], await self._asked(message[2], message[3])]
        except Refused as refused:
            return [4, message[1], str(refused), "", {}]

    async def _deliver(self) -> None:
        """One after the other; retries do not count while there is no connection."""
        failures = 0
        while True:
            if not self._posted or not self._online:
                self._queued.clear()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(0.1):
                        await self._queued.wait()
                continue
            entry = self._posted[0]
            if self._is("dates-by-delivery") and "timestamp" in entry.fields:
                entry.fields["timestamp"] = utc_text()
            if entry.number is not None:
                number = entry.number()
                entry.fields["transactionId"] = -1 if number is None else number
            if self._is("forgets-what-was-under-way"):
                self._posted.pop(0)
            answer: Payload | None = None
            try:
                answer = await self._call(entry.action, entry.fields)
            except Unanswered:
                if self._online and self._is("gives-up-unanswered-starts"):
                    self._posted.remove(entry)
                continue
            except Refused:
                failures += 1
                attempts = 99 if self._is("repeats-for-ever") else self._seconds("TransactionMessageAttempts")
                if failures < attempts:
                    wait_s = self._seconds("TransactionMessageRetryInterval") * failures
                    await asyncio.sleep(0 if self._is("repeats-at-once") else wait_s)
                    continue
            failures = 0
            if entry in self._posted:
                self._posted.remove(entry)
            if entry.answered is not None:
                entry.answered(answer)
