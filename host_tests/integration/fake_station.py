# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""A charge point that exists to test the bench: as small as the cases allow, honest, or wrong in one way.

It is its own driver. `defect`: one of fake_defects.py, or None.
"""

import asyncio
import contextlib
import json
import uuid
from typing import Any, Self

import websockets
from websockets.typing import Subprotocol

from bench.cases.claims import Claims
from bench.messages import utc_text
from host_tests.integration.fake_configuration import READ_ONLY, VALUES
from host_tests.integration.fake_defects import DEFECTS

Payload = dict[str, Any]


def claims(cable: str = "socket") -> Claims:
    return Claims("Fake", ({"cable": cable}, {"cable": cable}), ("Core",), True, (), READ_ONLY)


class FakeStation:
    """`async with FakeStation(csms.url) as station:` it boots; one connection, in this process."""

    def __init__(self, url: str, defect: str | None = None, cable: str = "socket"):
        assert defect is None or defect in DEFECTS
        self.id = "FAKE"
        self._url, self._defect, self._cable = f"{url}/{self.id}", defect, cable
        self._configuration = dict(VALUES)
        if defect == "hides-a-key":
            del self._configuration["ResetRetries"]
        self._unavailable: set[int] = set()  # kept over a reset
        self._plugged = {1: False, 2: False}
        self._answers: dict[str, asyncio.Future[Payload]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._reset_task: asyncio.Task[None] | None = None
        self._boots = 0
        self._socket: websockets.ClientConnection
        self._forget()

    def _forget(self) -> None:
        self._accepted = False
        self._status = {number: self._idle(number) for number in (0, 1, 2)}
        self._tag: str | None = None  # accepted, and nothing is plugged in yet
        self._waiting: asyncio.Task[None] | None = None  # for a car
        self._parents: dict[str, str] = {}
        self._transactions: dict[int, tuple[int, str]] = {}  # connector -> id, tag

    def _idle(self, connector: int) -> str:
        if connector in self._unavailable:
            return "Unavailable"
        return "Preparing" if self._plugged.get(connector) else "Available"

    async def __aenter__(self) -> Self:
        await self._power_on()
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._reset_task is not None:
            self._reset_task.cancel()
            await asyncio.gather(self._reset_task, return_exceptions=True)
        await self._disconnect()

    # --- what a driver does ---------------------------------------------------------------------------------

    async def power_cycle(self) -> None:
        await self._disconnect()
        await self._power_on()

    async def plug(self, connector: int) -> None:
        self._plugged[connector] = True
        self._go_on(self._plugged_in(connector))

    async def unplug(self, connector: int) -> None:
        self._plugged[connector] = False
        self._go_on(self._unplugged(connector))

    async def present(self, tag: str) -> None:
        self._go_on(self._presented(tag))

    # --- sessions -------------------------------------------------------------------------------------------

    async def _plugged_in(self, connector: int) -> None:
        if self._tag is not None:
            await self._start(connector, self._tag)
        elif not self._is("is-never-preparing"):
            await self._tell(connector, "Preparing")

    async def _unplugged(self, connector: int) -> None:
        if connector in self._transactions:
            await self._stop(connector, "EVDisconnected")
        self._tag = None
        if self._status[connector] != self._idle(connector):
            await self._tell(connector, self._idle(connector))

    async def _presented(self, tag: str) -> None:
        running = self._transactions.get(1)
        if running is not None:
            if tag == running[1] or self._is("any-tag-ends-it"):
                await self._stop(1, "Local", tag)
                return
            parent = None if self._is("knows-no-family") else self._parents.get(running[1])
            if parent and await self._authorize(tag) and self._parents.get(tag) == parent:
                await self._stop(1, "Local", tag)
        elif self._is("asks-nobody") or await self._authorize(tag):
            await self._identified(1, tag)

    async def _authorize(self, tag: str) -> bool:
        info = (await self._call("Authorize", {"idTag": tag}))["idTagInfo"]
        if "parentIdTag" in info:
            self._parents[tag] = info["parentIdTag"]
        return info["status"] == "Accepted"

    async def _identified(self, connector: int, tag: str) -> None:
        if self._plugged[connector]:
            await self._start(connector, tag)
            return
        self._tag = tag
        if not self._is("is-never-preparing"):
            await self._tell(connector, "Preparing")
        if not self._is("waits-for-ever"):
            self._waiting = self._go_on(self._give_up(connector))

    async def _give_up(self, connector: int) -> None:
        await asyncio.sleep(self._seconds("ConnectionTimeOut") + (2 if self._is("gives-up-late") else 0))
        if self._tag is not None:
            self._tag = None
            await self._tell(connector, "Available")

    async def _start(self, connector: int, tag: str) -> None:
        self._tag = None
        if self._waiting is not None:
            self._waiting.cancel()
        told = "SOMEBODY" if self._is("starts-with-another-tag") else tag
        fields = {"connectorId": connector, "idTag": told, "meterStart": 100, "timestamp": utc_text()}
        if self._is("breaks-the-schema"):
            del fields["meterStart"]
        answer = await self._call("StartTransaction", fields)
        self._transactions[connector] = answer["transactionId"], tag
        if not self._is("never-charges"):
            await self._tell(connector, "Charging")

    async def _stop(self, connector: int, reason: str, tag: str | None = None) -> None:
        number, _ = self._transactions.pop(connector)
        fields = {"transactionId": number, "meterStop": 200, "timestamp": utc_text(), "reason": reason}
        if tag is not None:
            fields["idTag"] = tag
        if self._is("tells-no-reason"):
            del fields["reason"]
        resets = reason.endswith("Reset")
        broken = resets and self._is("is-unavailable-while-resetting")
        await self._tell(connector, "Unavailable" if broken else "Finishing")
        for _ in range(2 if self._is("stops-twice") else 1):
            await self._call("StopTransaction", fields)

    async def _stop_all(self, reason: str) -> None:
        for connector in list(self._transactions):
            await self._stop(connector, reason)

    # --- the CSMS's CALLs -----------------------------------------------------------------------------------

    async def _asked(self, action: str, fields: Payload) -> Payload:
        if action == "GetConfiguration":
            return self._get_configuration(fields.get("key"))
        if action == "DataTransfer":
            return {"status": "Accepted" if self._is("knows-every-vendor") else "UnknownVendorId"}
        status = "Accepted"
        if action == "ChangeConfiguration":
            status = self._change(fields["key"], fields["value"])
        elif action == "ChangeAvailability":
            self._make_available(fields["connectorId"], fields["type"] == "Operative")
        elif action == "RemoteStartTransaction":
            status = self._remote_start(fields.get("connectorId", 1), fields["idTag"])
        elif action == "RemoteStopTransaction":
            status = self._remote_stop(fields["transactionId"])
        elif action == "UnlockConnector":
            status = self._unlock(fields["connectorId"])
        elif action == "Reset":
            if self._is("resets-hard-only") and fields["type"] == "Soft":
                return {"status": "Rejected"}
            self._reset_task = asyncio.create_task(self._reset(fields["type"]))
        return {"status": status}

    def _get_configuration(self, keys: list[str] | None) -> Payload:
        if self._is("mute-while-pending") and not self._accepted:
            return {"configurationKey": []}
        locked = "HeartbeatInterval" if self._is("locks-a-key") else ""
        rows = [
            {"key": key, "readonly": key in (*READ_ONLY, locked), "value": value}
            for key, value in self._configuration.items()
            if not keys or key in keys
        ]
        if keys and self._is("limits-its-answers"):
            del rows[10:]
        unknown = [key for key in keys or [] if key not in self._configuration]
        return {"configurationKey": rows, "unknownKey": unknown}

    def _change(self, key: str, value: str) -> str:
        if key not in self._configuration and not self._is("takes-any-key"):
            return "NotSupported"
        if value.startswith("-") and not self._is("takes-any-value"):
            return "Rejected"
        if not self._is("forgets-values"):
            self._configuration[key] = value
        return "Accepted"

    def _make_available(self, connector: int, operative: bool) -> None:
        for number in (0, 1, 2) if connector == 0 else (connector,):
            (self._unavailable.discard if operative else self._unavailable.add)(number)
            if number not in self._transactions and self._status[number] != self._idle(number):
                self._go_on(self._tell(number, self._idle(number)))

    def _remote_start(self, connector: int, tag: str) -> str:
        if connector == 0:
            return "Accepted" if self._is("starts-connector-0") else "Rejected"
        if connector in self._transactions:
            return "Accepted" if self._is("starts-twice") else "Rejected"

        async def begin() -> None:
            await self._authorize(tag)
            await self._identified(connector, tag)

        self._go_on(begin())
        return "Accepted"

    def _remote_stop(self, transaction: int) -> str:
        for connector, (number, _) in self._transactions.items():
            if number == transaction:
                self._go_on(self._stop(connector, "Other" if self._is("stops-by-itself") else "Remote"))
                return "Accepted"
        return "Accepted" if self._is("stops-anything") else "Rejected"

    def _unlock(self, connector: int) -> str:
        if connector not in self._plugged:
            return "Unlocked" if self._is("unlocks-what-is-not-there") else "NotSupported"
        if self._cable == "fixed":
            if self._is("stops-when-asked-to-unlock"):
                self._go_on(self._stop_all("UnlockCommand"))
            return "Unlocked" if self._is("unlocks-what-is-fixed") else "NotSupported"
        if self._is("tells-nonsense"):
            self._go_on(self._tell(connector, "Unlocked"))
        if not self._is("goes-on-unlocked"):
            self._go_on(self._stop_all("UnlockCommand"))
        return "UnlockFailed" if self._is("never-unlocks") else "Unlocked"

    async def _reset(self, kind: str) -> None:
        await self._stop_all(f"{kind}Reset")
        if self._is("forgets-availability"):
            self._unavailable.clear()
        await self.power_cycle()

    # --- boot, and the wire ---------------------------------------------------------------------------------

    async def _power_on(self) -> None:
        self._forget()
        self._socket = await websockets.connect(self._url, subprotocols=[Subprotocol("ocpp1.6")])
        self._go_on(self._read())
        self._go_on(self._boot())

    async def _boot(self) -> None:
        nobody = {"chargePointVendor": "Nobody", "chargePointModel": "Fake"}
        while True:
            answer = await self._call("BootNotification", nobody)
            if answer["status"] == "Accepted":
                break
            if self._is("talks-while-pending"):
                await self._tell(0, "Available")
            await asyncio.sleep(0.1 if self._is("boots-early") else answer["interval"])
        self._accepted = True
        self._boots += 1
        forgets = self._is("forgets-a-connector") and self._boots > 1
        for connector in (0, 1) if forgets else (0, 1, 2):
            await self._tell(connector, self._status[connector])
        while True:
            await asyncio.sleep(answer["interval"] + (2 if self._is("beats-late") else 0))
            await self._call("Heartbeat", {})

    async def _disconnect(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._socket.close()

    def _is(self, defect: str) -> bool:
        return self._defect == defect

    def _seconds(self, key: str) -> int:
        return int(self._configuration[key])

    def _go_on(self, coroutine: Any) -> asyncio.Task[None]:
        task = asyncio.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _tell(self, connector: int, status: str) -> None:
        self._status[connector] = status
        fields = {"connectorId": connector, "errorCode": "NoError", "status": status}
        await self._call("StatusNotification", fields)

    async def _call(self, action: str, fields: Payload) -> Payload:
        number = str(uuid.uuid4())
        self._answers[number] = asyncio.get_running_loop().create_future()
        await self._socket.send(json.dumps([2, number, action, fields]))
        return await self._answers[number]

    async def _read(self) -> None:
        with contextlib.suppress(websockets.ConnectionClosed):
            while True:
                message = json.loads(await self._socket.recv())
                if message[0] == 2:
                    answer = await self._asked(message[2], message[3])
                    await self._socket.send(json.dumps([3, message[1], answer]))
                elif message[0] == 3:
                    self._answers.pop(message[1]).set_result(message[2])
