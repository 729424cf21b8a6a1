# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Commands with which a script waits for what it needs, and demands it."""

import asyncio
from collections.abc import Awaitable, Callable

from ocpp.v16.enums import Action

from bench.desk.commands import Command, Mistake, NotNow, one_of, options
from bench.desk.operations import Caller
from bench.messages import TO_STATION, Message
from bench.station import NotSeen, Station

WAIT_S = 30.0
FROM_CHARGE_POINT = (
    Action.authorize,
    Action.boot_notification,
    Action.data_transfer,
    Action.diagnostics_status_notification,
    Action.firmware_status_notification,
    Action.heartbeat,
    Action.log_status_notification,
    Action.meter_values,
    Action.security_event_notification,
    Action.sign_certificate,
    Action.signed_firmware_status_notification,
    Action.start_transaction,
    Action.status_notification,
    Action.stop_transaction,
)
_CONNECTED, _DISCONNECTED = "connected", "disconnected"
_CHOICES = (*(str(action.value) for action in FROM_CHARGE_POINT), _CONNECTED, _DISCONNECTED)


class Waiting:
    """`arrives(seconds)`: the charge point that is meant, waited for when none is connected yet."""

    def __init__(self, arrives: Callable[[float], Awaitable[Station]], caller: Caller):
        self._arrives, self._caller = arrives, caller

    def commands(self) -> list[Command]:
        return [
            Command(
                "wait SECONDS | ACTION [VALUE ...] [within SECONDS]",
                "for commands from a file or a pipe; e.g. wait StatusNotification Charging connectorId=1",
                self._wait,
                ("sleep",),
            ),
            Command("mark", "what has come so far is not what a later `wait` waits for", self._mark),
            Command(
                "expect STATUS ... | FIELD=VALUE ...",
                "the last answer said so (or was that CALLERROR); e.g. expect Rejected",
                self._expect,
            ),
        ]

    async def _wait(self, words: list[str]) -> None:
        words, given = options(words, ("within",))
        if not words:
            raise Mistake("how many seconds, or which message?")
        if len(words) == 1 and words[0][:1] in "0123456789.-+":
            await asyncio.sleep(_seconds(words[0]))
            return
        action = one_of(words[0], _CHOICES, "what to wait for")
        limit = _seconds(given["within"]) if "within" in given else WAIT_S
        loop = asyncio.get_running_loop()
        until = loop.time() + limit
        station = await self._arrives(limit)
        left = max(0.0, until - loop.time())
        try:
            if action == _CONNECTED:
                await station.wait_connected(left)
            elif action == _DISCONNECTED:
                await station.wait_disconnected(left)
            else:
                seen = await station.expect(action, left, where=lambda payload: _holds(payload, words[1:]))
                await _answered(station, seen)
        except NotSeen:
            wanted = " ".join([action, *words[1:]])
            raise NotNow(f"waited {limit:g} s for {wanted} of {station.id}, which did not come") from None

    async def _mark(self, words: list[str]) -> None:
        (await self._arrives(0)).mark()

    async def _expect(self, words: list[str]) -> None:
        if not words:
            raise Mistake("what must the last answer have said?")
        last = self._caller.last
        if last is None:
            raise NotNow("no charge point has answered anything yet")
        wrong = [word for word in words if not _holds(last.payload, [word]) and word != last.error_code]
        if len(wrong) == len(words) if all("=" not in word for word in words) else wrong:
            raise NotNow(f"expected {' '.join(words)}; the answer to {last.action} was {last.said}")


async def _answered(station: Station, seen: Message) -> None:
    """Until the CSMS has answered, when its books hold the message; for a moment at most, since a charge
    point that has gone gets no answer.
    """
    for _ in range(100):
        later = station.log.since(seen.index + 1)
        if any(message.id == seen.id and message.direction == TO_STATION for message in later):
            return
        await asyncio.sleep(0.005)


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1
    if not 0 <= value < 1e9:
        raise Mistake(f"how many seconds? {text!r} is no number of seconds")
    return value


def _holds(payload: dict[str, object], words: list[str]) -> bool:
    """Every word is `field=value`, or the value of some field."""
    for word in words:
        name, equals, value = word.partition("=")
        found = [payload[name]] if equals and name in payload else [] if equals else list(payload.values())
        wanted = (value if equals else word).lower()
        if wanted not in (_text(entry) for entry in found):
            return False
    return True


def _text(value: object) -> str:
    return str(value).lower()
