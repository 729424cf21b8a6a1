# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""A charge point that exists to test the bench: as small as the cases allow, honest, or wrong in one way.

It is its own driver. `defect`: one of fake_defects.py, or None.

    fake_wire.py       the connection, and the queue of transaction messages
    fake_sessions.py   sessions: tags, cables, transactions, meter values
    fake_list.py       the local authorization list
    fake_reservation.py   reservations
    fake_trigger.py    triggered messages
    fake_smart_charging.py   charging profiles; fake_composite.py: what they say, fake_profile_rules.py: of
                       those that it refuses
    fake_station.py    boot, what the CSMS asks, what a driver does
"""

import asyncio
from typing import Self

from bench.cases.claims import Claims
from bench.drivers import STIMULI
from host_tests.integration.fake_composite import PHASES, RATED_A, VOLTS
from host_tests.integration.fake_configuration import MORE, PROFILES, READ_ONLY
from host_tests.integration.fake_list import FakeList
from host_tests.integration.fake_reservation import FakeReservation
from host_tests.integration.fake_smart_charging import FakeSmartCharging
from host_tests.integration.fake_trigger import FakeTrigger
from host_tests.integration.fake_wire import Payload, Refused, Unanswered


def claims(cable: str = "socket", backup_power: bool = False, more: bool = False) -> Claims:
    """`more`: with the profiles that can be left out."""
    described = {"name": "Fake", "options": {"cache": True, "backup_power": backup_power}}
    each = {"cable": cable, "current": "AC", "phases": PHASES, "rated_a": RATED_A, "nominal_v": VOLTS}
    connectors = (each, each)
    profiles = ("Core", *PROFILES) if more else ("Core",)
    return Claims("Fake", connectors, profiles, True, (), READ_ONLY, described)


class FakeStation(FakeSmartCharging, FakeTrigger, FakeReservation, FakeList):
    """`async with FakeStation(csms.url) as station:` it boots; one connection, in this process.

    `resumes`: a transaction goes on after a power cut; otherwise it is ended. `quirky`: it has habits that no
    case may mind: tells all statuses whenever it connects, reports security events, sends MeterValues of a
    transaction's beginning, counts its message ids from 1 after each boot, knows whole seconds only, and does
    what the standard leaves open the other way round. `more`: it has the profiles of fake_configuration.py.
    """

    can = frozenset(STIMULI)

    def __init__(
        self,
        url: str,
        defect: str | None = None,
        cable: str = "socket",
        *,
        backup_power: bool = False,
        password: bytes | None = None,
        resumes: bool = False,
        quirky: bool = False,
        more: bool = False,
    ):
        super().__init__(url, defect, cable, password, quirky)
        self._more = more
        if more:
            self._configuration.update(MORE)
        self._backup_power, self._resumes = backup_power, resumes
        if defect == "hides-a-key":
            del self._configuration["ResetRetries"]
        self._reset_task: asyncio.Task[None] | None = None
        self._boots = 0
        self._cut: list[int] = []  # connectors whose transactions the power cut has met

    def configure(self, values: dict[str, str]) -> None:
        """Configuration keys that it has by nature."""
        self._configuration.update(values)

    @property
    def reserved(self) -> bool:
        """There is a reservation."""
        return bool(self._reservations)

    async def __aenter__(self) -> Self:
        await self.power(True)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._reset_task is not None:
            self._reset_task.cancel()
            await asyncio.gather(self._reset_task, return_exceptions=True)
        await self._switch_off()

    # --- what a driver does ---------------------------------------------------------------------------------

    async def begin(self) -> None:
        """Nothing is plugged in."""

    async def power(self, on: bool) -> None:
        if on:
            self._forget()
            self._cut = list(self._transactions)
            self._switch_on()
            self._go_on(self._meter())
            self._go_on(self._let_expire())
            self._go_on(self._obey())
            return
        if self._backup_power and not self._is("dies-silently"):
            await self._stop_all("PowerLoss")
            await asyncio.sleep(0.3)
        await self._switch_off()
        if self._is("forgets-unavailable-without-power"):
            self._unavailable.clear()

    async def link(self, up: bool) -> None:
        self._link = up
        if not up:
            await self._disconnect()

    async def plug(self, connector: int) -> None:
        self.plugged[connector], self._left[connector] = True, False
        self._go_on(self._plugged_in(connector))

    async def unplug(self, connector: int) -> None:
        self.plugged[connector] = self._left[connector] = False
        self._go_on(self._unplugged(connector))

    async def leave(self, connector: int) -> None:
        self._left[connector] = True
        if self._cable == "fixed":
            self.plugged[connector] = False
        self._go_on(self._car_gone(connector))

    async def full(self, connector: int) -> None:
        if not self._is("calls-it-charging"):
            self._go_on(self._tell(connector, "SuspendedEV"))

    async def present(self, tag: str) -> None:
        self._go_on(self._presented(tag))

    async def fault(self, connector: int, present: bool) -> None:
        (self._faulty.add if present else self._faulty.discard)(connector)
        fields = {"errorCode": "OtherError"} if present else {}
        self._go_on(self._tell(connector, self._idle(connector), **fields))

    async def lock_failure(self, connector: int, present: bool) -> None:
        (self._stuck.add if present else self._stuck.discard)(connector)
        if not present and connector in self._faulty:
            await self.fault(connector, False)

    async def data_transfer(self) -> None:
        self._go_on(self._transfer())

    async def _transfer(self) -> None:
        answer = await self._call("DataTransfer", {"vendorId": "com.example.fake"})
        if self._is("stumbles-over-a-refusal") and answer["status"] != "Accepted":
            self.deaf = True

    # --- boot -----------------------------------------------------------------------------------------------

    async def _connected(self) -> None:
        if not self._accepted:
            await self._boot()
            if self._quirky:
                event = {"type": "StartupOfTheDevice", "timestamp": self._now()}
                await self._call("SecurityEventNotification", event)
        if self._quirky:
            self._told.clear()
        await self._tell_what_changed()
        late_s = 2.0 if self._is("beats-late") else 0
        while True:
            await asyncio.sleep(self._seconds("HeartbeatInterval") + late_s)
            await self._call("Heartbeat", {})
            late_s += 1.8 if self._is("beats-slower-and-slower") else 0

    async def _boot(self) -> None:
        while not self._accepted:
            wait_s = 1
            try:
                wait_s = await self._register()
            except Refused:
                if self._is("gives-up-after-an-error"):
                    return
            except Unanswered:
                if self._socket is None or self._is("gives-up-without-an-answer"):
                    return
            if not self._accepted:
                if self._is("talks-while-pending"):
                    await self._call("DataTransfer", {"vendorId": "com.example.fake"})
                if self._is("beats-while-pending"):
                    await self._call("Heartbeat", {})
                await self._triggered_boot(0.1 if self._is("boots-early") else wait_s)
        self._boots += 1
        for connector in self._cut:
            if self._resumes:
                self._status[connector] = "Charging"
            elif self._is("forgets-the-cut"):
                del self._transactions[connector]
            else:
                await self._stop(connector, "PowerLoss")
        self._cut.clear()
        if self._is("forgets-a-connector") and self._boots > 1:
            self._told[2] = self._status[2]

    async def _register(self) -> int:
        """Seconds until it is to ask again."""
        nobody = {"chargePointVendor": "Nobody", "chargePointModel": "Fake"}
        answer = await self._call("BootNotification", nobody)
        self._accepted = answer["status"] == "Accepted"
        if self._accepted:
            self._configuration["HeartbeatInterval"] = str(answer["interval"])
        return answer["interval"]

    # --- the CSMS's CALLs -----------------------------------------------------------------------------------

    async def _asked(self, action: str, fields: Payload) -> Payload:
        self._check(action, fields)
        if action == "GetConfiguration":
            return self._get_configuration(fields.get("key"))
        if action == "DataTransfer":
            if self._is("stumbles-over-a-vendor"):
                raise Refused("InternalError")
            return {"status": "UnknownVendorId"}
        if action == "GetLocalListVersion":
            if self._more:
                return {"listVersion": self._list_version()}
            if not self._is("has-a-list"):
                raise Refused("NotSupported")
            return {"listVersion": 0}
        if action == "GetCompositeSchedule" and self._more:
            return self._composite(fields["connectorId"], fields["duration"], fields.get("chargingRateUnit"))
        return {"status": self._status_of(action, fields)}

    def _check(self, action: str, fields: Payload) -> None:
        """As far as the cases try it."""
        if self._is("swallows-anything"):
            return
        kinds = {"key": str, "value": str, "connectorId": int, "type": str}
        if self._is("takes-any-type") and isinstance(fields.get("connectorId"), str):
            return
        if self._is("cuts-off-fractions") and isinstance(fields.get("connectorId"), float):
            fields["connectorId"] = int(fields["connectorId"])
        if self._is("takes-any-enum") and fields.get("type") == "Lukewarm":
            fields["type"] = "Soft"
        needed = {
            "ChangeConfiguration": ("key", "value"),
            "UnlockConnector": ("connectorId",),
            "Reset": ("type",),
            "ChangeAvailability": ("connectorId", "type"),
        }.get(action, ())
        wrong = any(not isinstance(fields.get(name), kinds[name]) for name in needed)
        if wrong or (action == "Reset" and fields["type"] not in ("Hard", "Soft")):
            raise Refused("FormationViolation")

    def _status_of(self, action: str, fields: Payload) -> str:
        match action:
            case "ChangeConfiguration":
                return self._change(fields.get("key", ""), fields.get("value", ""))
            case "ChangeAvailability":
                return self._make_available(fields["connectorId"], fields["type"] == "Operative")
            case "ClearCache":
                if not self._is("keeps-its-cache"):
                    self._cache.clear()
                return "Accepted"
            case "RemoteStartTransaction":
                profile = fields.get("chargingProfile")
                return self._remote_start(fields.get("connectorId"), fields["idTag"], profile)
            case "RemoteStopTransaction":
                return self._remote_stop(fields["transactionId"])
            case "UnlockConnector":
                return self._unlock(fields["connectorId"])
            case "Reset":
                if self._is("resets-hard-only") and fields["type"] == "Soft":
                    return "Rejected"
                self._reset_task = asyncio.create_task(self._reset(fields["type"]))
                return "Accepted"
        if self._more:
            return self._status_of_more(action, fields)
        return self._status_of_absent(action, fields)

    def _status_of_more(self, action: str, fields: Payload) -> str:
        """Actions of the profiles that it may have."""
        match action:
            case "SendLocalList":
                return self._take_list(fields)
            case "ReserveNow":
                return self._reserve(fields)
            case "CancelReservation":
                return self._cancel(fields["reservationId"])
            case "TriggerMessage":
                return self._trigger(fields["requestedMessage"], fields.get("connectorId"))
            case "SetChargingProfile":
                return self._set_profile(fields["connectorId"], fields["csChargingProfiles"])
            case "ClearChargingProfile":
                return self._clear_profile(fields)
        return self._status_of_absent(action, fields)

    def _status_of_absent(self, action: str, fields: Payload) -> str:
        """Actions of profiles that it does not have, and of none."""
        if action == "ReserveNow":
            takes = "reserves-everything" if fields["connectorId"] == 0 else "reserves"
            return "Accepted" if self._is(takes) else "Rejected"
        if action == "SendLocalList":
            return "Accepted" if self._is("takes-a-list") else "NotSupported"
        if self._is("knows-every-action"):
            return "Accepted"
        raise Refused("NotImplemented")

    def _get_configuration(self, keys: list[str] | None) -> Payload:
        if self._is("mute-while-pending") and not self._accepted:
            return {"configurationKey": []}
        locked = "HeartbeatInterval" if self._is("locks-a-key") else ""
        rows = [
            {"key": key, "readonly": key in (*READ_ONLY, locked), "value": value}
            for key, value in self._configuration.items()
            if (not keys or key in keys)
            and not (self._is("hides-its-limits") and key.endswith("ListMaxLength"))
        ]
        if keys and self._is("limits-its-answers"):
            del rows[10:]
        unknown = [key for key in keys or [] if key not in self._configuration]
        return {"configurationKey": rows, "unknownKey": unknown}

    def _change(self, key: str, value: str) -> str:
        if key == "AuthorizationKey":
            taken = value.encode() if self._is("takes-the-hex-as-password") else bytes.fromhex(value)
            self._go_on(self._come_back_with(taken))
            return "Accepted"
        if key not in self._configuration:
            takes = "takes-long-keys" if len(key) > 50 else "takes-any-key"
            if self._is("keeps-what-it-refuses"):
                self._configuration[key] = value
            return "Accepted" if self._is(takes) else "NotSupported"
        if value.startswith("-") and not self._is("takes-any-value"):
            if self._is("keeps-what-it-refuses"):
                self._configuration[key] = value
            return "Rejected"
        if not self._is("forgets-values"):
            self._configuration[key] = value
        return "Accepted"

    async def _come_back_with(self, password: bytes) -> None:
        await asyncio.sleep(0.2)  # the answer goes out first
        self.password = password
        if not self._is("stays-with-the-old-password"):
            await self._disconnect()

    def _make_available(self, connector: int, operative: bool) -> str:
        status = "Accepted"
        for number in (0, 1, 2) if connector == 0 else (connector,):
            if number in self._transactions and not operative:
                if self._is("stops-for-availability"):
                    self._go_on(self._stop(number, "Other"))
                    continue
                self._to_be_unavailable.add(number)
                status = "Scheduled"
                continue
            self._to_be_unavailable.discard(number)
            (self._unavailable.discard if operative else self._unavailable.add)(number)
            told_again = self._is("tells-twice") and number == connector
            if number not in self._transactions and (
                self._status[number] != self._idle(number) or told_again
            ):
                self._go_on(self._tell(number, self._idle(number)))
        return status

    def _remote_start(self, connector: int | None, tag: str, profile: Payload | None = None) -> str:
        if not self._accepted:
            return "Accepted" if self._is("starts-while-pending") else "Rejected"
        if connector is None:
            car = not self._is("starts-where-no-car-is")
            connector = next((number for number, plugged in self.plugged.items() if plugged == car), 1)
        if connector == 0:
            return "Accepted" if self._is("starts-connector-0") else "Rejected"
        if connector in self._transactions:
            return "Accepted" if self._is("starts-twice") else "Rejected"
        if self._never_for(connector, tag) and not self._quirky:
            return "Rejected"
        refused = profile is not None and self._is("refuses-what-it-ignores")
        if refused or (self._more and not self._remote_profile(connector, profile)):
            return "Rejected"
        self._go_on(self._begin_remotely(connector, tag))
        return "Accepted"

    async def _begin_remotely(self, connector: int, tag: str) -> None:
        if await self._may_begin(connector, tag, remotely=True):
            await self._identified(connector, tag)

    def _remote_stop(self, transaction: int) -> str:
        for connector, running in self._transactions.items():
            if running.number == transaction:
                self._go_on(self._stop(connector, "Other" if self._is("stops-by-itself") else "Remote"))
                return "Accepted"
        return "Accepted" if self._is("stops-anything") else "Rejected"

    def _unlock(self, connector: int) -> str:
        if connector not in self.plugged:
            return "Unlocked" if self._is("unlocks-what-is-not-there") else "NotSupported"
        if self._cable == "fixed":
            if self._is("stops-when-asked-to-unlock"):
                self._go_on(self._stop_all("UnlockCommand"))
            return "Unlocked" if self._is("unlocks-what-is-fixed") else "NotSupported"
        if self._is("tells-nonsense"):
            self._go_on(self._tell(connector, "Unlocked"))
        if not self._is("goes-on-unlocked"):
            self._go_on(self._stop_all("UnlockCommand"))
        stuck = connector in self._stuck and not self._is("thinks-it-has-unlocked")
        return "UnlockFailed" if self._is("never-unlocks") or stuck else "Unlocked"

    async def _reset(self, kind: str) -> None:
        await asyncio.sleep(0.1)  # the answer goes out first
        await self._stop_all(f"{kind}Reset")
        await asyncio.sleep(0.3)
        if self._is("forgets-availability"):
            self._unavailable.clear()
        await self._switch_off()
        if self._is("falls-back-to-its-first-password"):
            self.password = b"of the factory 1"
        await self.power(True)
