# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The CALLs of the charge point under test, in order, as a case reads them."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence

from bench.cases.expected import Expected
from bench.cases.failed import Failed
from bench.csms import Csms
from bench.messages import FROM_STATION, Message
from bench.station import Station

_BORNE = ("Heartbeat", "MeterValues")
# For the CSMS's own answer to get out; it may be a late one.
_ANSWER_S = 30


def _is_one_of(message: Message, choices: Sequence[Expected]) -> bool:
    return any(choice.objection(message) is None for choice in choices)


class Arrivals:
    """What has come and has not been read yet. Borne in every case are Heartbeat and MeterValues."""

    def __init__(self, csms: Csms, station: Station):
        self._csms, self._station = csms, station
        self._unread: deque[Message] = deque()
        self._borne = list(_BORNE)
        self._tolerated: list[Expected] = []
        self._answers: dict[str, Message] = {}  # of the CSMS, by message id
        self._news = asyncio.Event()
        csms.hooks.append(self._note)

    def close(self) -> None:
        self._csms.hooks.remove(self._note)

    def watch(self, *actions: str) -> None:
        """From now on these must be expected too."""
        self._borne = [action for action in self._borne if action not in actions]

    def tolerate(self, *expected: Expected) -> None:
        """From now on these may come at any time, any number of them."""
        self._tolerated += expected

    def forget(self) -> None:
        """What has come and was not read is of no interest."""
        self._unread.clear()

    def answer_to(self, message: Message) -> Message:
        """What the CSMS has answered. Only of messages that `one_of` returned."""
        return self._answers[message.id]

    def is_answered(self, message: Message) -> bool:
        return message.id in self._answers

    async def next(self, seconds: float, wanted: Sequence[Expected] = ()) -> Message | None:
        """The next message that is wanted, or is neither borne nor tolerated; None: none came."""
        give_up = time.monotonic() + seconds
        while await self._until(lambda: bool(self._unread), give_up - time.monotonic()):
            message = self._unread.popleft()
            if message.violation:
                raise Failed("messages that the schemas allow", str(message), message.violation)
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
        elif message.violation or (message.kind == "call" and message.action not in self._borne):
            self._unread.append(message)
        self._news.set()
