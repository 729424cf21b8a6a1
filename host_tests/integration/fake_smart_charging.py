# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The fake charge point's charging profiles, and what it offers the car by them. Those that belong to no
transaction are kept over a power cut.
"""

import asyncio
import time
from datetime import UTC, datetime

from bench.messages import utc_text
from host_tests.integration.fake_composite import (
    RATED_A,
    VOLTS,
    WATTS_OF_AN_AMPERE,
    Installed,
    Place,
    compose,
    watts,
)
from host_tests.integration.fake_profile_rules import PLACES, RULES, Bounds
from host_tests.integration.fake_sessions import FakeSessions, Transaction
from host_tests.integration.fake_wire import Payload, Refused

_LEAST_A = 6
_MAXIMUM, _TX = "ChargePointMaxProfile", "TxProfile"
_UNITS = {"A": "Current", "W": "Power"}
_OFFERED = "Current.Offered"


class FakeSmartCharging(FakeSessions):
    def __init__(self, url: str, defect: str | None, cable: str, password: bytes | None, quirky: bool):
        self._profiles: list[Installed] = []
        self._held: set[int] = set()  # connectors of which the transaction is suspended
        self._waits: Installed | None = None  # for the transaction of a remote start
        super().__init__(url, defect, cable, password, quirky)

    def _forget(self) -> None:
        if self._is("forgets-profiles"):
            self._profiles.clear()
        self._held.clear()
        super()._forget()

    @property
    def installed(self) -> bool:
        """There is a charging profile."""
        return bool(self._profiles)

    # --- what is installed ----------------------------------------------------------------------------------

    def _set_profile(self, connector: int, fields: Payload) -> str:
        new = Installed(connector, fields, since=time.time())
        wrong = self._objection(new)
        if wrong is not None:
            if self._is("keeps-profiles-it-refuses"):
                self._install(new)
            return self._refused(wrong)
        return self._install(new)

    def _refused(self, wrong: str) -> str:
        """What the standard leaves open; this is "Rejected" or a CALLERROR."""
        open_to_both = wrong in PLACES or wrong == "profiles-without-transaction"
        if open_to_both and not self._quirky:
            raise Refused("PropertyConstraintViolation")
        return "Rejected"

    def _install(self, new: Installed) -> str:
        if new.purpose == _TX:
            new.transaction = self._transactions.get(new.connector)
        kept = [each for each in self._profiles if not self._replaces(new, each)]
        room = self._seconds("MaxChargingProfilesInstalled")
        if len(kept) >= room and not self._is("has-room-for-any-number"):
            return "Rejected"
        if len(self._profiles) >= room and self._is("has-no-room-to-replace"):
            return "Rejected"
        self._profiles = [*kept, new]
        return "Accepted"

    def _replaces(self, new: Installed, old: Installed) -> bool:
        if new.number == old.number:
            return not self._is("keeps-profiles-of-the-same-id")
        same = (new.purpose, new.level) == (old.purpose, old.level)
        here = new.connector == old.connector or self._is("replaces-on-any-connector")
        started = old.fields.get("remote") and self._is("keeps-the-remote-profile")
        return same and here and not started and not self._is("keeps-profiles-of-the-same-place")

    def _objection(self, new: Installed) -> str | None:
        """Which rule it breaks."""
        running = self._transactions.get(new.connector)
        bounds = Bounds(
            self._seconds("ChargeProfileMaxStackLevel"),
            self._seconds("ChargingScheduleMaxPeriods"),
            self._configuration["ChargingScheduleAllowedChargingRateUnit"],
            None if running is None else running.number,
            time.time(),
        )
        broken = (rule for rule, breaks in RULES.items() if breaks(new, bounds))
        return next((rule for rule in broken if not self._is(f"takes-{rule}")), None)

    def _clear_profile(self, fields: Payload) -> str:
        if self._is("clears-nothing"):
            return "Accepted" if self._profiles else "Unknown"
        kept = [each for each in self._profiles if not self._is_meant(each, fields)]
        found = len(kept) < len(self._profiles)
        if fields and not found and self._is("clears-all-when-unknown"):
            kept = []
        self._profiles = kept
        return "Accepted" if found or self._is("clears-anything") else "Unknown"

    def _is_meant(self, profile: Installed, fields: Payload) -> bool:
        if "id" in fields and not self._is("looks-at-all-criteria"):
            return profile.number == fields["id"]
        if "id" not in fields and fields and self._is("clears-by-id-only"):
            return False
        has = {
            "id": profile.number,
            "connectorId": profile.connector,
            "chargingProfilePurpose": profile.purpose,
            "stackLevel": profile.level,
        }
        fields = dict(fields)
        if fields.get("connectorId") == 0 and self._is("takes-0-for-any-connector"):
            del fields["connectorId"]
        met = [has[name] == value for name, value in fields.items()]
        return any(met) or not met if self._is("clears-by-any-criterion") else all(met)

    # --- the composite schedule -----------------------------------------------------------------------------

    def _places(self, connector: int, now: float) -> list[Place]:
        return [
            Place(number, running, running.begun_s if running is not None else now)
            for number in ((1, 2) if connector == 0 else (connector,))
            for running in (self._transactions.get(number),)
        ]

    def _composite(self, connector: int, seconds: int, unit: str | None) -> Payload:
        unit = unit or ("W" if self._quirky and self._takes("W") else "A" if self._takes("A") else "W")
        refused = connector not in (0, 1, 2) and not self._is("knows-any-connector")
        refused = refused or not (self._takes(unit) or self._is("tells-in-any-unit"))
        refused = refused or (self._is("needs-a-transaction") and connector not in self._transactions)
        if refused:
            if self._quirky:
                raise Refused("PropertyConstraintViolation")
            return {"status": "Rejected"}
        start = time.time() if self._quirky else int(time.time())
        schedule: Payload = {"duration": seconds, "chargingRateUnit": unit}
        schedule["chargingSchedulePeriod"] = self._periods(connector, start, seconds, unit)
        begins = start - (3600 if self._is("begins-in-the-past") else 0)
        moment = utc_text(datetime.fromtimestamp(begins, UTC))
        if self._is("tells-startSchedule"):
            schedule["startSchedule"] = moment
        if self._is("tells-another-unit"):
            schedule["chargingRateUnit"] = "W"
        return {
            "status": "Accepted",
            "connectorId": connector,
            "scheduleStart": moment,
            "chargingSchedule": schedule,
        }

    def _periods(self, connector: int, start: float, seconds: int, unit: str) -> list[Payload]:
        places = self._places(connector, start)
        if not self._profiles and self._is("is-empty-without-profiles"):
            return []
        if self._is("leaves-out-connector-0") and connector == 0:
            return [{"startPeriod": 0, "limit": RATED_A}]
        if seconds == 0 and self._is("is-empty-without-duration"):
            return []
        share = VOLTS if self._is("divides-by-one-phase") else WATTS_OF_AN_AMPERE
        factor = 1 if unit == "W" else 1 / share
        told = compose(self._profiles, places, start, seconds, self._is)
        return [
            {"startPeriod": offset, "limit": int(limit * factor * 10 + 1e-6) / 10} for offset, limit in told
        ]

    def _takes(self, unit: str) -> bool:
        allowed = self._configuration["ChargingScheduleAllowedChargingRateUnit"]
        return _UNITS[unit] in allowed.split(",")

    # --- the car --------------------------------------------------------------------------------------------

    async def offered(self, connector: int) -> float:
        """A of each phase."""
        if connector not in self._transactions or connector in self._held:
            return 0
        return self._limit_a(connector)

    def _limit_a(self, connector: int) -> float:
        now = time.time()
        if self._is("limits-only-on-paper") or not self._profiles:
            return RATED_A
        limit = watts(self._profiles, self._places(connector, now), now, now, self._is) / WATTS_OF_AN_AMPERE
        sharing = len(self._transactions)
        maxima = [each for each in self._profiles if each.purpose == _MAXIMUM]
        if sharing > 1 and maxima and not self._is("gives-each-the-maximum"):
            together = watts(maxima, self._places(0, now), now, now, self._is) / WATTS_OF_AN_AMPERE
            limit = min(limit, together / sharing)
        return limit

    def _status_of_a_beginning(self, connector: int) -> str:
        held = self._holds(connector) and not self._is("begins-anyway")
        (self._held.add if held else self._held.discard)(connector)
        return "SuspendedEVSE" if held else super()._status_of_a_beginning(connector)

    def _holds(self, connector: int) -> bool:
        least = 0.1 if self._is("pauses-at-0-only") else _LEAST_A
        return bool(self._profiles) and self._limit_a(connector) < least

    async def _obey(self) -> None:
        """Transactions are suspended, and go on, as the limits say."""
        while True:
            await asyncio.sleep(0.02)
            for connector in list(self._transactions):
                held = self._holds(connector)
                if held == (connector in self._held) or self._is("charges-through-it"):
                    continue
                if held and self._is("stops-at-0"):
                    await self._stop(connector, "Other")
                elif held:
                    await asyncio.sleep(3 if self._is("pauses-late") else 0)
                    self._held.add(connector)
                    await self._tell(connector, "SuspendedEVSE")
                elif not self._is("never-goes-on"):
                    self._held.discard(connector)
                    await self._tell(connector, "Charging")

    async def _stop(self, connector: int, reason: str, tag: str | None = None) -> None:
        running = self._transactions[connector]
        self._held.discard(connector)
        await super()._stop(connector, reason, tag)
        if not self._is("keeps-tx-profiles"):
            self._profiles = [each for each in self._profiles if each.transaction is not running]

    def _remote_profile(self, connector: int, fields: Payload | None) -> bool:
        """A remote start is as it should be. The profile waits for its transaction."""
        self._waits = None
        if fields is None or self._is("drops-the-remote-profile"):
            return True
        if fields["chargingProfilePurpose"] != _TX:
            return self._is("takes-any-remote-profile")
        self._waits = Installed(connector, {**fields, "remote": True}, since=time.time())
        return True

    def _bound(self, connector: int, running: Transaction) -> None:
        """The transaction has begun that the profile waits for."""
        if self._waits is not None and self._waits.connector == connector:
            self._install(self._waits)
            self._waits = None

    def _metered(self, connector: int, values: list[Payload]) -> Payload:
        for value in values:
            if value["measurand"] == _OFFERED:
                lies = self._is("offers-what-it-is-rated")
                value["value"] = f"{RATED_A if lies else self._limit_a(connector):.1f}"
        return super()._metered(connector, values)
