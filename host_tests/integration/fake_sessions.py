# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The fake charge point's sessions: who may charge, and what is told of it."""

import asyncio
import functools
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from bench.messages import parse_utc, utc_text
from host_tests.integration.fake_wire import FakeWire, Payload, Unanswered

REGISTER = "Energy.Active.Import.Register"


@dataclass
class Transaction:
    """`number`: what the CSMS calls it, -1: it never said, None: it has not said yet."""

    tag: str
    number: int | None = None
    sampled_s: float = 0  # when the last sample was due
    begun_s: float = 0
    over: bool = False


@dataclass
class Cached:
    status: str
    parent: str | None = None
    until: datetime | None = None


class FakeSessions(FakeWire):
    """Connectors 1 and 2. What is kept over a power cut: availability, cache, transactions, the queue."""

    def __init__(self, url: str, defect: str | None, cable: str, password: bytes | None, quirky: bool):
        super().__init__(url, defect, password, quirky)
        self._cable = cable
        self._unavailable: set[int] = set()
        self._to_be_unavailable: set[int] = set()  # once their transactions are over
        self._faulty: set[int] = set()
        self._stuck: set[int] = set()  # locks
        self.plugged = {1: False, 2: False}
        self._left = {1: False, 2: False}  # the cable is in the socket only
        self._cache: dict[str, Cached] = {}
        self._transactions: dict[int, Transaction] = {}
        self._forget()

    def _forget(self) -> None:
        """What is lost without power."""
        self._status = {number: self._idle(number) for number in (0, 1, 2)}
        self._told: dict[int, str] = {}
        self._granted: tuple[int, str] | None = None  # connector and tag: accepted, nothing is plugged in yet
        self._waiting: asyncio.Task[None] | None = None  # for a car
        self._parents: dict[str, str | None] = {}

    def _idle(self, connector: int) -> str:
        if connector in self._faulty:
            return "Faulted"
        if connector in self._unavailable:
            return "Unavailable"
        return "Preparing" if self.plugged.get(connector) else "Available"

    def _free(self, connector: int) -> bool:
        usable = connector not in self._unavailable and connector not in self._transactions
        return usable and (connector not in self._faulty or self._is("charges-when-faulted"))

    # --- status ---------------------------------------------------------------------------------------------

    async def _tell(self, connector: int, status: str, **fields: Any) -> None:
        self._status[connector] = status
        if not self._accepted and not self._is("tells-while-pending"):
            return
        code = fields.pop("errorCode", "NoError")
        self._told[connector] = status
        try:
            await self._call(
                "StatusNotification",
                {"connectorId": connector, "errorCode": code, "status": status, **fields},
            )
        except Unanswered:
            self._told.pop(connector, None)

    async def _tell_what_changed(self) -> None:
        for connector, status in self._status.items():
            if self._told.get(connector) != status:
                await self._tell(connector, status)

    # --- a cable, a tag -------------------------------------------------------------------------------------

    async def _plugged_in(self, connector: int) -> None:
        if self._granted is not None and self._granted[0] == connector:
            await self._start(connector, self._granted[1])
        elif self._free(connector) and not self._is("is-never-preparing"):
            await self._tell(connector, self._idle(connector))

    async def _unplugged(self, connector: int) -> None:
        if connector in self._transactions:
            await self._stop(connector, "EVDisconnected")
        self._granted = None
        if self._is("is-available-once-unplugged"):
            await self._tell(connector, "Available")
        elif self._status[connector] != self._idle(connector):
            await self._tell(connector, self._idle(connector))

    async def _car_gone(self, connector: int) -> None:
        """The cable has left the car."""
        if connector not in self._transactions:
            return
        if self._on("StopTransactionOnEVSideDisconnect") or self._is("stops-at-once"):
            reason = "Local" if self._is("gives-another-reason") else "EVDisconnected"
            await self._stop(connector, reason)
        else:
            info = {} if self._is("gives-no-info") else {"info": "EV side disconnected"}
            await self._tell(connector, "SuspendedEV", **info)

    async def _presented(self, tag: str) -> None:
        for connector, running in list(self._transactions.items()):
            if tag == running.tag or self._is("any-tag-ends-it"):
                await self._stop(connector, "Local", tag)
                return
        free = [number for number in (1, 2) if self._free(number)]
        if not free:
            await self._presented_in_vain(tag)
            return
        waiting = [number for number in free if self.plugged[number]]
        connector = (waiting or free)[0]
        if await self._may_begin(connector, tag):
            await self._identified(connector, tag)

    async def _presented_in_vain(self, tag: str) -> None:
        """A relative of the one who charges may end it."""
        for connector, running in list(self._transactions.items()):
            parent = None if self._is("knows-no-family") else self._parents.get(running.tag)
            asks = parent or self._is("asks-about-foreign-tags")
            if not asks or not await self._authorize(tag):
                continue
            if parent and (self._parents.get(tag) == parent or self._is("any-family-ends-it")):
                await self._stop(connector, "Local", tag)

    # --- who may --------------------------------------------------------------------------------------------

    async def _may_begin(self, connector: int, tag: str, remotely: bool = False) -> bool:
        """At this connector."""
        if self._is("asks-nobody"):
            return True
        allowed = await self._authorize(tag, remotely)
        return allowed or (remotely and self._is("starts-the-refused"))

    def _known(self, tag: str) -> Cached | None:
        """Without asking."""
        return self._cache.get(tag)

    async def _authorize(self, tag: str, remotely: bool = False) -> bool:
        known = self._known(tag)
        if known is not None and known.until is not None and known.until < datetime.now(UTC):
            known = known if self._is("knows-no-expiry") else None
        if not self._online:
            if known is not None and known.status != "Accepted":
                return False
            allowed = self._on("AllowOfflineTxForUnknownId") or known is not None
            return allowed and not self._is("needs-a-csms")
        accepted = known is not None and known.status == "Accepted"
        asks = remotely and self._is("asks-about-remote-tags")
        if accepted and self._on("LocalPreAuthorize") and not asks:
            return True
        info = (await self._call("Authorize", {"idTag": tag}))["idTagInfo"]
        self._learn(tag, info)
        blocked = info["status"] in ("Blocked", "Expired") and self._is("starts-the-blocked")
        return info["status"] == "Accepted" or blocked or self._is("trusts-anybody")

    def _learn(self, tag: str, info: Payload) -> None:
        self._parents[tag] = info.get("parentIdTag")
        if self._on("AuthorizationCacheEnabled") and not self._is("caches-nothing"):
            until = parse_utc(info["expiryDate"]) if "expiryDate" in info else None
            self._cache[tag] = Cached(info["status"], info.get("parentIdTag"), until)

    async def _identified(self, connector: int, tag: str) -> None:
        if self.plugged[connector]:
            await self._start(connector, tag)
            return
        self._granted = connector, tag
        if not self._is("is-never-preparing"):
            await self._tell(connector, "Preparing")
        if not self._is("waits-for-ever"):
            self._waiting = self._go_on(self._give_up(connector))

    async def _give_up(self, connector: int) -> None:
        await asyncio.sleep(self._seconds("ConnectionTimeOut") + (2 if self._is("gives-up-late") else 0))
        if self._granted is not None:
            self._granted = None
            await self._tell(connector, self._idle(connector))

    # --- transactions ---------------------------------------------------------------------------------------

    def _now(self) -> str:
        away = timedelta(hours=5 if self._is("lives-in-another-zone") else 0)
        text = utc_text(datetime.now(UTC) - away)
        return text.partition(".")[0] + "Z" if self._quirky else text

    async def _start(self, connector: int, tag: str) -> None:
        self._granted = None
        if self._waiting is not None:
            self._waiting.cancel()
        if connector in self._stuck and not self._is("locks-nothing"):
            self._faulty.add(connector)
            await self._tell(connector, "Faulted", errorCode="ConnectorLockFailure")
            return
        told = "SOMEBODY" if self._is("starts-with-another-tag") else tag
        fields = {"connectorId": connector, "idTag": told, "meterStart": 100, "timestamp": self._now()}
        if self._is("knows-no-time") and not self._accepted:
            fields["timestamp"] = utc_text(datetime(1970, 1, 1, tzinfo=UTC))
        if self._is("breaks-the-schema"):
            del fields["meterStart"]
        fields |= self._reservation_used(connector, tag)
        now = time.time()
        running = self._transactions[connector] = Transaction(tag, sampled_s=now, begun_s=now)
        self._bound(connector, running)
        self._post("StartTransaction", fields, lambda answer: self._begun(connector, running, answer))
        if self._quirky:
            self._sample(connector, running, "MeterValuesSampledData", "Transaction.Begin")
        if not self._is("never-charges"):
            await self._tell(connector, self._status_of_a_beginning(connector))

    def _bound(self, connector: int, running: Transaction) -> None:
        """A transaction has begun."""

    def _status_of_a_beginning(self, connector: int) -> str:
        return "Charging"

    def _reservation_used(self, connector: int, tag: str) -> Payload:
        """What StartTransaction says of a reservation."""
        return {}

    def _begun(self, connector: int, running: Transaction, answer: Payload | None) -> None:
        running.number = -1 if answer is None else answer["transactionId"]
        if answer is None:
            return
        info = answer["idTagInfo"]
        self._learn(running.tag, info)
        if info["status"] != "Accepted" and not running.over:
            self._go_on(self._deauthorized(connector, running))

    async def _deauthorized(self, connector: int, running: Transaction) -> None:
        # What was told of it while there was no connection goes first.
        await asyncio.sleep(0.3)
        if running.over:
            return
        if self._on("StopTransactionOnInvalidId"):
            if not self._is("keeps-the-deauthorized"):
                await self._stop(connector, "DeAuthorized")
        elif not self._is("charges-on"):
            await self._tell(connector, "SuspendedEVSE")

    async def _stop(self, connector: int, reason: str, tag: str | None = None) -> None:
        running = self._transactions.pop(connector)
        running.over = True
        meter = 50 if self._is("counts-backwards") else 200
        fields = {"meterStop": meter, "timestamp": self._now(), "reason": reason}
        if tag is not None:
            fields["idTag"] = tag
        if self._is("tells-no-reason"):
            del fields["reason"]
        for _ in range(2 if self._is("stops-twice") else 1):
            ended = functools.partial(self._ended, running.tag)
            self._post("StopTransaction", fields, ended, lambda: running.number)
        await self._tell(connector, self._status_after(connector, reason))
        if connector in self._to_be_unavailable:
            self._to_be_unavailable.discard(connector)
            self._unavailable.add(connector)
            await self._tell(connector, "Unavailable")

    def _status_after(self, connector: int, reason: str) -> str:
        if reason.endswith("Reset") and self._is("is-unavailable-while-resetting"):
            return "Unavailable"
        fixed_and_gone = self._cable == "fixed" and self._left[connector]
        return "Available" if fixed_and_gone or self._is("frees-what-is-plugged") else "Finishing"

    def _ended(self, tag: str, answer: Payload | None) -> None:
        if answer is not None and "idTagInfo" in answer:
            self._learn(tag, answer["idTagInfo"])

    async def _stop_all(self, reason: str) -> None:
        for connector in list(self._transactions):
            await self._stop(connector, reason)

    # --- meter values ---------------------------------------------------------------------------------------

    async def _meter(self) -> None:
        aligned = 0
        while True:
            await asyncio.sleep(0.02)
            now_s = time.time()
            every_s = self._seconds("MeterValueSampleInterval") + (1.5 if self._is("samples-late") else 0)
            for connector, running in self._transactions.items():
                if self._seconds("MeterValueSampleInterval") and now_s >= running.sampled_s + every_s:
                    running.sampled_s += every_s
                    self._sample(connector, running, "MeterValuesSampledData", "Sample.Periodic")
            clock_s = self._seconds("ClockAlignedDataInterval")
            shift_s = clock_s / 2 if self._is("is-not-aligned") else 0
            if clock_s and int((now_s + shift_s) / clock_s) != aligned:
                first, aligned = aligned == 0, int((now_s + shift_s) / clock_s)
                for connector, running in self._transactions.items():
                    context = "Sample.Periodic" if self._is("knows-one-context") else "Sample.Clock"
                    if not first:
                        self._sample(connector, running, "MeterValuesAlignedData", context)
            if not clock_s:
                aligned = 0

    def _sample(self, connector: int, running: Transaction, key: str, context: str) -> None:
        values = self._values(key, context)
        self._post("MeterValues", self._metered(connector, values), None, lambda: running.number)

    def _metered(self, connector: int, values: list[Payload]) -> Payload:
        return {
            "connectorId": connector,
            "meterValue": [{"timestamp": self._now(), "sampledValue": values}],
        }

    def _values(self, key: str, context: str) -> list[Payload]:
        names = self._configuration[key].split(",")
        if self._is("leaves-out-a-measurand"):
            del names[-1]
        return [{"value": "150", "context": context, "measurand": name} for name in names]
