# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Answers of a CSMS that are none: each of the charger's own requests survives them, and so does the link."""

import asyncio
import json
from collections import deque
from typing import Any

import pytest

from bench.charger import SimulatedCharger
from bench.control import ControlRefused
from bench.csms import Csms
from bench.messages import Message
from bench.scripts import raw_answer
from host_tests.integration.abuse import HEAP_SLACK
from host_tests.integration.bad_payloads import WHOLE_ANSWERS, wrong_answers
from host_tests.integration.wire import Site, Wire, confirmation, site

AT_ONCE = 8

TAG = "04A1B2C3"

# Whole texts for "{id}", none of which says anything.
USELESS: tuple[str, ...] = (
    '[3,"{id}"]',
    '[3,"{id}",{},{}]',
    '[3,"{id}",{},1,2,3]',
    '[3,"{id}",{"status":',
    '[3,"{id}",{"a":' + "[" * 300 + "]" * 300 + "}]",
    '[3,"{id}",{"a":"' + "x" * 9000 + '"}]',
    '[4,"{id}"]',
    '[4,"{id}","GenericError"]',
    '[4,"{id}","GenericError",""]',
    '[4,"{id}","InternalError","text",{}]',
    '[4,"{id}","InternalError","' + "x" * 5000 + '",{"a":[1,2]},6,7]',
    '[4,"{id}","NoSuchCode","",{}]',
    '[4,"{id}",null,null,null]',
    '[4,"{id}",5,{},"text"]',
    '[4,"{id}",[],[],[]]',
    '[4,"{id}","' + "x" * 9000 + '"]',
    '[4,"{id}",{"code":"GenericError"',
)

# And some that are not even for that request: the one behind them is.
FOR_NOBODY: tuple[str, ...] = (
    *("[3]", "[3,null,{}]", "[3,5,{}]", '[3,"",{}]', "[4]", "[4,null]", '[5,"{id}",{}]', '["3","{id}",{}]'),
    *('[3.0,"{id}",{}]', '[3,["{id}"],{}]', '[3,"{id}x",{}]', '[4,"x{id}","GenericError","",{}]', '[3,"{id}'),
)


def useless(action: str) -> list[str]:
    """Every kind of answer that cannot be used for this request."""
    wrong = [f'[3,"{{id}}",{json.dumps(payload)}]' for payload in wrong_answers(action)]
    return [*USELESS, *wrong]


class Answers:
    """Useless ones for one action after the other, then the right one."""

    def __init__(self, wire: Wire):
        self._waiting: dict[str, deque[str]] = {}
        wire.answers = self._answer

    def put(self, action: str, texts: list[str]) -> int:
        self._waiting[action] = deque(texts)
        return len(texts)

    def _answer(self, call: Message) -> dict[str, Any] | str | list[str]:
        waiting = self._waiting.get(call.action)
        if waiting:
            return waiting.popleft()
        right = json.dumps([3, "{id}", confirmation(call.action)])
        return [*FOR_NOBODY, right, right, '[4,"{id}","GenericError","",{}]']


async def test_transactions_are_told_again_until_they_are_answered():
    """As often as TransactionMessageAttempts allows: same message, same id, the next one only then."""
    settings = {
        "TransactionMessageAttempts": 1000,
        "TransactionMessageRetryInterval": 0,
        "MeterValueSampleInterval": 1,
        "HeartbeatInterval": 0,
    }
    async with site("generic_socket", **settings) as here, here.wire() as wire:
        answers = Answers(wire)
        tries = {
            action: answers.put(action, useless(action)) + 1
            for action in ("StartTransaction", "MeterValues", "StopTransaction")
        }
        assert tries["StartTransaction"] > 70
        await here.charger.do("plug", connector=1)
        await here.charger.do("tag", id=TAG)
        await wire.expect("StartTransaction", count=tries["StartTransaction"])
        await wire.expect("MeterValues", count=tries["MeterValues"])
        await wire.expect("StatusNotification", status="Charging")
        heap = await here.heap_used()
        [connector] = (await here.charger.state())["connectors"]
        assert connector["status"] == "Charging" and connector["transaction"]["transactionId"] == 4711
        await here.charger.do("tag", id=TAG)
        await wire.expect("StopTransaction", count=tries["StopTransaction"])
        await wire.expect("StatusNotification", status="Finishing")
        told = [call for call in wire.calls if call.action in tries]
        for action, count in tries.items():
            first = [call for call in told if call.action == action][:count]
            assert len({(call.id, json.dumps(call.payload)) for call in first}) == 1, action
        assert [call.action for call in told[: tries["StartTransaction"] + 1]] == [
            *["StartTransaction"] * tries["StartTransaction"],
            "MeterValues",
        ]
        assert told[-1].action == "StopTransaction" and told[-1].payload["transactionId"] == 4711
        await wire.fence()
        state = await here.charger.state()
        assert (
            state["queue_depth"] == 0 and state["heap"]["used"] < heap + HEAP_SLACK + 8000
        )  # the log's ring
        assert here.station.connections == 1


async def test_authorize_without_an_answer_lets_nobody_charge():
    async with site("generic_socket", HeartbeatInterval=0) as here, here.wire() as wire:
        answers = Answers(wire)
        count = answers.put("Authorize", useless("Authorize"))
        await here.charger.do("plug", connector=1)
        await wire.expect("StatusNotification", status="Preparing")
        for number in range(count):
            tag = f"04A1B2{number:02X}"
            await here.charger.do("tag", id=tag)
            await wire.expect("Authorize", idTag=tag)
            assert await _decided(here, tag) == "refused"
        assert "StartTransaction" not in [call.action for call in wire.calls]
        await here.charger.do("tag", id=TAG)
        await wire.expect("StartTransaction")
        assert here.station.connections == 1


async def _decided(here: Site, tag: str) -> str:
    for _ in range(100):
        last = (await here.charger.state())["last_tag"]
        if last and last[0] == tag:
            return last[1]
        await asyncio.sleep(0.01)
    raise AssertionError(f"nothing was decided on {tag}")


async def test_data_transfer_without_an_answer_is_told_to_who_asked():
    async with site("generic_socket", HeartbeatInterval=0) as here, here.wire() as wire:
        answers = Answers(wire)
        for _ in range(answers.put("DataTransfer", useless("DataTransfer"))):
            with pytest.raises(ControlRefused, match="did not answer"):
                await here.charger.do("data_transfer", vendorId="v")
        assert (await here.charger.do("data_transfer", vendorId="v"))["status"] == "Accepted"
        assert here.station.connections == 1


async def test_statuses_go_on_and_are_told_again_on_the_next_connection():
    async with site("generic_socket", HeartbeatInterval=0) as here:
        async with here.wire() as wire:
            answers = Answers(wire)
            texts = useless("StatusNotification")
            texts += [USELESS[0]] * (1 - len(texts) % 2)  # the last one is of an Inoperative
            for number in range(answers.put("StatusNotification", texts)):
                kind, status = ("Operative", "Available") if number % 2 else ("Inoperative", "Unavailable")
                assert await wire.call("ChangeAvailability", {"connectorId": 1, "type": kind}) == {
                    "status": "Accepted"
                }
                told = await wire.expect("StatusNotification", count=number + 1)
                assert (told.payload["connectorId"], told.payload["status"]) == (1, status)
            await wire.fence()
            assert len(wire.calls) == len(texts)
            assert here.station.connections == 1
        # That the connector is Unavailable has never been confirmed; that the station is Available has.
        here.station.mark()
        here.station.cut()
        await here.station.expect("StatusNotification", 10, connectorId=1, status="Unavailable")
        await here.station.never("StatusNotification", 0.3, connectorId=0)


async def _heartbeats() -> None:
    async with site("generic_socket") as here, here.wire() as wire:
        answers = Answers(wire)
        texts = [
            *USELESS[:1],
            *USELESS[9:10],
            *useless("Heartbeat")[len(USELESS) :: 4],
            '[3,"{id}",{"currentTime":"x"}]',
        ]
        count = answers.put("Heartbeat", texts)
        await wire.call("ChangeConfiguration", {"key": "HeartbeatInterval", "value": "1"})
        clock = (await here.charger.state())["time"]
        await wire.expect("Heartbeat", timeout=30, count=count + 2)
        assert (await here.charger.state())["time"][:16] >= clock[:16]  # nobody's time was taken for one
        assert here.station.connections == 1


async def test_heartbeats_go_on_and_boot_notification_is_told_again():
    """One charger for each kind of answer, at once: the wait between two BootNotifications is up to 22 s."""
    texts = ['[3,"{id}"]', '[4,"{id}","InternalError","",{}]', '[3,"{id}",{}]', '[3,"{id}",{"status":']
    wrong = WHOLE_ANSWERS["BootNotification"]
    for name, value in (("status", "accepted"), ("interval", "300"), ("currentTime", 5)):
        texts.append(json.dumps([3, "{id}", wrong | {name: value}]))
    await asyncio.gather(_heartbeats(), *(_boot(text) for text in texts))


async def _boot(text: str) -> None:
    async with Csms(strict=False) as csms:
        csms.script("BootNotification", raw_answer(text))
        async with SimulatedCharger(csms.url, station="generic_socket") as charger:
            station = await csms.connected("CP1")
            first = await station.expect("BootNotification")
            await charger.do("plug", connector=1)
            assert (await station.call("GetConfiguration", {"key": ["HeartbeatInterval"]}))[
                "configurationKey"
            ]
            second = await station.expect("BootNotification", 25)
            assert second.payload == first.payload and second.id != first.id
            await station.expect("StatusNotification", connectorId=1)
            assert [call.action for call in station.calls()[:3]] == [
                "BootNotification",
                "BootNotification",
                "StatusNotification",
            ]
            assert station.connections == 1
