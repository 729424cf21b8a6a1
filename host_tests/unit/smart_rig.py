# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""A charge point with Smart Charging, asked as the CSMS asks it; and the payloads."""

import json

from host_tests.unit.rig import Rig
from ocpp16 import schema, schema_smart_charging
from ocpp16.core import Core
from ocpp16.rpc import CallError
from ocpp16.smart_charging import handlers

NOW_S = 1790000000  # what the rig's clock says at the start: 2026-09-21T14:13:20Z


def iso(offset_s=0):
    """A date-time, so many seconds after the rig's start."""
    from station import timestamp

    return timestamp.text((NOW_S + offset_s) * 1000, False)


def profile(number, purpose, rows, level=0, kind="Absolute", unit="A", start=0, **more):
    """csChargingProfiles. `rows`: (startPeriod, limit) or (startPeriod, limit, numberPhases); `start`: of
    startSchedule, seconds after the rig's start, None: without. `duration`, `least` are the schedule's.
    """
    periods = []
    for row in rows:
        period = {"startPeriod": row[0], "limit": row[1]}
        if len(row) > 2:
            period["numberPhases"] = row[2]
        periods.append(period)
    plan = {"chargingRateUnit": unit, "chargingSchedulePeriod": periods}
    if start is not None:
        plan["startSchedule"] = iso(start)
    for name, key in (("duration", "duration"), ("least", "minChargingRate")):
        if name in more:
            plan[key] = more.pop(name)
    found = {
        "chargingProfileId": number,
        "stackLevel": level,
        "chargingProfilePurpose": {
            "max": "ChargePointMaxProfile",
            "default": "TxDefaultProfile",
            "tx": "TxProfile",
        }[purpose],
        "chargingProfileKind": kind,
        "chargingSchedule": plan,
    }
    found.update(more)
    return found


class SmartRig(Rig):
    def __init__(self, **more):
        more.setdefault("profiles", ("Core", "SmartCharging"))
        Rig.__init__(self, **more)
        self.handlers = Core(self.station, lambda: "Accepted").handlers()
        self.handlers.update(handlers(self.station, None))
        self.limits = self.supply.limits

    def ask(self, action, **payload):
        """The .conf's payload, or the code of the CALLERROR."""
        try:
            row = schema.find(schema_smart_charging.REQUESTS, action)
            if row is not None:
                schema.check(row, payload)
            answer = self.handlers[action](payload)
        except schema.Violation as error:
            return error.code
        except CallError as error:
            return error.code
        if isinstance(answer, tuple):
            answer, after = answer
            if after is not None:
                after()
        self.step()
        return json.loads("".join(answer)) if isinstance(answer, list) else answer

    def set(self, connector, given):
        """The status of SetChargingProfile, or the code of the CALLERROR."""
        answer = self.ask("SetChargingProfile", connectorId=connector, csChargingProfiles=given)
        return answer if isinstance(answer, str) else answer["status"]

    def clear(self, **which):
        return self.ask("ClearChargingProfile", **which)["status"]

    def composite(self, connector=1, duration=3600, unit="A"):
        """[(startPeriod, limit), ...] of GetCompositeSchedule."""
        answer = self.ask(
            "GetCompositeSchedule", connectorId=connector, duration=duration, chargingRateUnit=unit
        )
        assert answer["status"] == "Accepted", answer
        periods = answer["chargingSchedule"]["chargingSchedulePeriod"]
        return [(period["startPeriod"], period["limit"]) for period in periods]

    def numbers(self):
        """The chargingProfileIds that are installed."""
        return sorted([one.number for one in self.station.charging.profiles.all])
