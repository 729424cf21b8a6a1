# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""SetChargingProfile as the firmware answers it: its schema, its handler and its store, on a station that
consists of nothing else. Nothing is kept on a disk.
"""

import contextlib
import importlib
import io
import json
import re
from typing import Any

from ocpp16 import profiles, schema, smart_charging
from ocpp16.rpc import CallError
from station.charging_profile import ChargingProfile
from station.charging_profiles import ACCEPTED, ChargingProfiles
from station.clock import Clock
from station.composite import Composite, Place, compose, compose_station
from station.configuration import Configuration
from station.description import Description

_PROFILE = "SmartCharging"
_SCHEMAS = importlib.import_module("ocpp16.schema_" + profiles.MODULES[_PROFILE])
# A log line of the firmware: what was refused, and then why.
_REFUSED = re.compile(r"rejected: (.*)")


class NotTaken(ValueError):
    """The firmware would not accept it; the text says why, in its own words."""


def places(description: Description) -> list[Place]:
    """The connectors, each limited by its rating."""
    found = []
    for one in description.connectors:
        place = Place(one.number, one.phases, one.nominal_v, one.current == "DC", one.phase_switch)
        place.local_da = one.rated_da
        found.append(place)
    return found


class Installed:
    """The profiles of a station of this description at the second `now_s`, none at first.

    `running`: connector -> the transactionId that runs there, or None.
    """

    def __init__(self, description: Description, now_s: int, running: dict[int, int | None]):
        if _PROFILE not in description.profiles:
            raise NotTaken(f"{description.name} has no profile {_PROFILE}")
        self._station = _Station(description, now_s, running)
        self._handlers = smart_charging.handlers(self._station, None)

    @property
    def profiles(self) -> list[ChargingProfile]:
        return self._station.charging.profiles.all

    def take(self, payload: dict[str, Any]) -> None:
        """A SetChargingProfile. Raises NotTaken."""
        self._call("SetChargingProfile", payload)

    def clear(self, payload: dict[str, Any]) -> None:
        """A ClearChargingProfile. Raises NotTaken, also where it finds none."""
        self._call("ClearChargingProfile", payload)

    def _call(self, action: str, payload: dict[str, Any]) -> None:
        told = io.StringIO()
        try:
            schema.check(schema.find(_SCHEMAS.REQUESTS, action), payload)
            with contextlib.redirect_stdout(told):  # the firmware's log
                status = self._handlers[action](payload)["status"]
        except schema.Violation as error:
            raise NotTaken(error.describe()) from None
        except CallError as error:
            raise NotTaken(error.description) from None
        if status != ACCEPTED:
            reasons = _REFUSED.findall(told.getvalue())
            raise NotTaken(f"{status}: {reasons[-1]}" if reasons else status)

    def unit(self, connector: int) -> str:
        """In which GetCompositeSchedule answers when none is asked for."""
        pieces = self._handlers["GetCompositeSchedule"]({"connectorId": connector, "duration": 0})
        return json.loads("".join(pieces))["chargingSchedule"]["chargingRateUnit"]


class _Station:
    """What the handlers ask a `station.charge_point.ChargePoint` for."""

    def __init__(self, description: Description, now_s: int, running: dict[int, int | None]):
        self.description = description
        self.config = Configuration(description, _Forgotten(), implemented=profiles.IMPLEMENTED)
        self.clock = Clock(1, 0, rtc_utc_ms=now_s * 1000)
        self.charging = _Charging(self, now_s)
        self._connectors = {number: _Connector(transaction) for number, transaction in running.items()}

    def connector(self, number: int) -> "_Connector | None":
        return self._connectors.get(number)


class _Connector:
    ending = False

    def __init__(self, transaction: int | None):
        self.transaction = None if transaction is None else _Transaction(transaction)


class _Transaction:
    def __init__(self, number: int):
        self.number = self.transaction_id = number


class _Charging:
    def __init__(self, station: _Station, now_s: int):
        self.profiles = ChargingProfiles(None, station.config, True)
        self._places = places(station.description)
        self._now_s = now_s

    def composite(self, number: int, duration_s: int, unit: str) -> tuple[int, Composite]:
        if number:
            return self._now_s, compose([], self._places[number - 1], self._now_s, duration_s, unit)
        return self._now_s, compose_station([], self._places, self._now_s, duration_s, unit)


class _Forgotten:
    """A settings file of an empty data folder."""

    damaged = False

    def load(self) -> None:
        return None

    def save(self, value: Any) -> None:
        pass
