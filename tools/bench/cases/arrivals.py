# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The CALLs of the charge point under test, in order, as a case reads them."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from bench.cases.expected import Expected
from bench.cases.failed import Failed
from bench.cases.judge import objection
from bench.csms import Csms
from bench.messages import FROM_STATION, Message
from bench.station import Station

# SecurityEventNotification: the charge point has started, was reset, ... (security whitepaper, A04).
BORNE = ("Heartbeat", "MeterValues", "SecurityEventNotification")
# For the CSMS's own answer to get out; it may be a late one.
_ANSWER_S = 30
# OCPP-J 4.1.1: no CALL before the last one is answered, or given up, which nobody does so soon.
_GIVEN_UP_S = 2


def _is_one_of(message: Message, choices: Sequence[Expected]) -> bool:
    return any(choice.objection(message) is None for choice in choices)


class Arrivals:
    """What has come and has not been read yet. Borne in every case are Heartbeat, MeterValues and
    SecurityEventNotification. `begin` is when the case begins.
    """

    def __init__(self, csms: Csms, station: Station):
        self._csms, self._station = csms, station
        self._unread: deque[Message] = deque()
        self._borne: set[str] = set(BORNE)
        self._tolerated: list[Expected] = []
        self._answers: dict[str, Message] = {}  # of the CSMS, by message id
        self._open: Message | None = None  # the CALL that waits for its answer
        self._overlapping: dict[str, Message] = {}  # message id -> the CALL that was still open
        self._connection = station.connections
        self._began = datetime.now(UTC)
        self._news = asyncio.Event()
        csms.hooks.append(self._note)

    def close(self) -> None:
        self._csms.hooks.remove(self._note)

    def watch(self, *actions: str) -> None:
        """From now on these must be expected too."""
        self._borne.difference_update(actions)

    def bear(self, *actions: str) -> None:
        """From now on these are borne (again)."""
        self._borne.update(actions)

    def tolerate(self, *expected: Expected) -> None:
        """From now on these may come at any time, any number of them."""
        self._tolerated += expected

    def begin(self) -> None:
        """What came before is of no interest."""
        self._unread.clear()
        self._began = datetime.now(UTC)

    def cut(self) -> None:
        """The connection is gone: what had no answer comes once more, and counts then."""
        self._unread = deque(message for message in self._unread if message.id in self._answers)

    def answer_to(self, message: Message) -> Message:
        """What the CSMS has answered. Only of messages that `one_of` returned."""
        return self._answers[message.id]

    async def next(self, seconds: float, wanted: Sequence[Expected] = ()) -> Message | None:
        """The next message that is wanted, or is neither borne nor tolerated; None: none came."""
        give_up = time.monotonic() + seconds
        while await self._until(lambda: bool(self._unread), give_up - time.monotonic()):
            message = self._unread.popleft()
            self._judge(message)
            if _is_one_of(message, wanted) or not _is_one_of(message, self._tolerated):
                return message
        return None

    async def comes(self, choices: Sequence[Expected], seconds: float) -> bool:
        """The next message is one of these. It stays unread."""
        message = await self.next(seconds, choices)
        if message is not None:
            self._unread.appendleft(message)
        return message is not None and _is_one_of(message, choices)

    async def one_of(self, choices: Sequence[Expected], seconds: float, answered: bool = True) -> Message:
        """The next message, which is one of these. `answered`: it returns once the CSMS has answered."""
        texts = " or ".join(str(choice) for choice in choices)
        message = await self.next(seconds, choices)
        if message is None:
            raise Failed(texts, f"nothing within {seconds:g} s", "it must be told")
        if not _is_one_of(message, choices):
            objections = [str(choice.objection(message)) for choice in choices]
            raise Failed(texts, str(message), " and ".join(dict.fromkeys(objections)))
        # What the case does next comes after the answer, which may be a late one.
        if answered and not await self._until(lambda: message.id in self._answers, _ANSWER_S):
            raise Failed("a connection that lasts", f"{message}, without an answer", "the answer got lost")
        return message

    def _judge(self, message: Message) -> None:
        if message.violation:
            raise Failed("messages that the schemas allow", str(message), message.violation)
        earlier = self._overlapping.pop(message.id, None)
        if earlier is not None:
            raise Failed(f"no CALL before the answer to {earlier.action}", str(message), "one at a time")
        wrong = objection(message, self._began, self._csms.books)
        if wrong is not None:
            raise Failed(f"a {message.action} that can be", str(message), wrong)

    async def _until(self, fulfilled: Callable[[], bool], seconds: float) -> bool:
        give_up = time.monotonic() + seconds
        while not fulfilled():
            self._news.clear()
            try:
                async with asyncio.timeout(give_up - time.monotonic()):
                    await self._news.wait()
            except TimeoutError:
                return False
        return True

    def _note(self, station: Station, message: Message) -> None:
        if station is not self._station:
            return
        if message.direction != FROM_STATION:
            if message.kind != "call":
                self._answers[message.id] = message
                if self._open is not None and self._open.id == message.id:
                    self._open = None
        else:
            if message.kind == "call":
                self._note_call(message)
            wrong = bool(message.violation) or message.id in self._overlapping
            if wrong or (message.kind == "call" and message.action not in self._borne):
                self._unread.append(message)
        self._news.set()

    def _note_call(self, message: Message) -> None:
        # Ids may come again: after a boot, and of a message that is repeated (errata of OCPP-J, 2025-04).
        self._answers.pop(message.id, None)
        if self._connection != self._station.connections:
            self._connection, self._open = self._station.connections, None
        if self._open is not None and message.monotonic_s - self._open.monotonic_s < _GIVEN_UP_S:
            self._overlapping[message.id] = self._open
        self._open = message
