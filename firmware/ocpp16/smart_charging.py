# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""What the CSMS may ask of us: the Smart Charging profile (OCPP 1.6 sections 5.1, 5.7 and 5.16)."""

import log
from ocpp16.rpc import CallError
from ocpp16.schema import PROPERTY
from station.charging_profile import (
    ABSOLUTE,
    DAILY,
    MAX,
    MOST,
    PURPOSES,
    RELATIVE,
    TX,
    WEEKLY,
    ChargingProfile,
    Implausible,
    schedule,
)
from station.charging_profiles import ACCEPTED, REJECTED

_UNITS = {"Current": "A", "Power": "W"}

# As text: not every MicroPython writes 8.2 as 8.2, and the schema knows nothing behind the tenths.
_HEAD = (
    '{"status":"%s","connectorId":%d,"scheduleStart":"%s","chargingSchedule":'
    '{"duration":%d,"chargingRateUnit":"%s","chargingSchedulePeriod":['
)


def handlers(station, session):
    """See `ocpp16.profiles`."""
    return SmartCharging(station).handlers()


class SmartCharging:
    def __init__(self, station):
        self._station = station
        self._charging = station.charging

    def handlers(self):
        return {
            "ClearChargingProfile": self.clear_charging_profile,
            "GetCompositeSchedule": self.get_composite_schedule,
            "SetChargingProfile": self.set_charging_profile,
        }

    def set_charging_profile(self, payload):
        station = self._station
        given = payload["csChargingProfiles"]
        number = payload["connectorId"]
        purpose = PURPOSES.index(given["chargingProfilePurpose"])
        # Errata 3.38: of a connector that cannot be.
        connector = station.connector(number)
        if number and connector is None:
            raise CallError(PROPERTY, "there is no connector %d" % number)
        if number and purpose == MAX:
            raise CallError(PROPERTY, "a ChargePointMaxProfile is set for connector 0")
        if not number and purpose == TX:
            raise CallError(PROPERTY, "a TxProfile is not set for connector 0")
        try:
            profile = read(given, number, station.clock)
        except Implausible as error:
            return _rejected(error)
        if purpose == TX:
            # Section 5.16: only for the transaction that runs there.
            transaction = connector.transaction
            meant = given.get("transactionId")
            if transaction is None or connector.ending:
                return _rejected("no transaction runs at connector %d" % number)
            if meant is not None and meant != transaction.transaction_id:
                return _rejected("transaction %d does not run at connector %d" % (meant, number))
            profile.transaction = transaction.number
        return {"status": self._charging.profiles.install(profile, station.clock.utc_s)}

    def clear_charging_profile(self, payload):
        purpose = payload.get("chargingProfilePurpose")
        cleared = self._charging.profiles.clear(
            payload.get("id"),
            payload.get("connectorId"),
            None if purpose is None else PURPOSES.index(purpose),
            payload.get("stackLevel"),
        )
        return {"status": "Accepted" if cleared else "Unknown"}

    def get_composite_schedule(self, payload):
        number = payload["connectorId"]
        units = [
            _UNITS[name] for name in self._station.config.value("ChargingScheduleAllowedChargingRateUnit")
        ]
        if number and self._station.connector(number) is None:
            return {"status": REJECTED}
        unit = payload.get("chargingRateUnit") or self._usual_unit(number, units)
        if unit not in units:
            return {"status": REJECTED}
        found = self._charging.composite(number, payload["duration"], unit)
        if found is None:
            return {"status": REJECTED}  # nobody has told the time
        begin_s, composite = found
        # Errata 3.57: chargingSchedule without startSchedule.
        begin = self._station.clock.text(begin_s * 1000, False)
        return _text(composite.periods, _HEAD % (ACCEPTED, number, begin, composite.covered_s, unit))

    def _usual_unit(self, number, units):
        described = self._station.description.connectors[max(number, 1) - 1]
        usual = "W" if described.current == "DC" else "A"
        return usual if usual in units else units[0]


def remote_profile(given, station, number):
    """The profile of a RemoteStartTransaction for connector `number` (None: any); None: such a one cannot be.
    Errata 3.41: it is a TxProfile, and becomes one of the transaction that begins.
    """
    try:
        if given["chargingProfilePurpose"] != PURPOSES[TX]:
            raise Implausible("a %s begins no transaction" % given["chargingProfilePurpose"])
        profile = read(given, number or 1, station.clock)
        station.charging.profiles.judge(profile, station.clock.utc_s)
        return profile
    except Implausible as error:
        _rejected(error)
        return None


def read(given, connector, clock):
    """The ChargingProfile of the JSON object `given`, which has passed the schema. Raises Implausible, or a
    CallError for a date that is none.
    """
    dates = given["chargingSchedule"]
    kind = _kind(given)
    rows = [
        (period["startPeriod"], _tenths(period["limit"]), period.get("numberPhases"))
        for period in dates["chargingSchedulePeriod"]
    ]
    profile = ChargingProfile(
        given["chargingProfileId"],
        connector,
        PURPOSES.index(given["chargingProfilePurpose"]),
        given["stackLevel"],
        kind,
        dates["chargingRateUnit"],
        schedule(rows),
    )
    profile.start_s = _date(dates, "startSchedule", clock)
    profile.duration_s = dates.get("duration")
    profile.from_s = _date(given, "validFrom", clock)
    profile.to_s = _date(given, "validTo", clock)
    least = dates.get("minChargingRate")
    profile.least = None if least is None else _tenths(least)
    return profile


def _kind(given):
    kind = given["chargingProfileKind"]
    if kind != "Recurring":
        return ABSOLUTE if kind == "Absolute" else RELATIVE
    if "recurrencyKind" not in given:
        raise Implausible("it recurs without recurrencyKind")
    return DAILY if given["recurrencyKind"] == "Daily" else WEEKLY


def _tenths(number):
    if isinstance(number, int):
        return min(max(number, -1), MOST) * 10
    # A float of the boards has 22 bits: beyond 400 kW the tenths are lost.
    return int(min(max(number, -1), MOST) * 10 + 0.5) if number >= 0 else -1


def _date(given, name, clock):
    """The second of UTC, or None. A date may be any: recurrences are counted from 1970 as well."""
    if name not in given:
        return None
    try:
        return clock.parse(given[name], None) // 1000
    except ValueError as error:
        raise CallError(PROPERTY, "%s is %s" % (name, error))


def _text(periods, head):
    """The pieces of the answer's text."""
    found = [head]
    for place in range(0, len(periods), 2):
        value = periods[place + 1]
        limit = value >> 2
        tenths = ".%d" % (limit % 10) if limit % 10 else ""
        phases = ',"numberPhases":%d' % (value & 3) if value & 3 else ""
        comma = "," if place else ""
        found.append(
            '%s{"startPeriod":%d,"limit":%d%s%s}' % (comma, periods[place], limit // 10, tenths, phases)
        )
    found.append("]}}")
    return found


def _rejected(why):
    log.warning("profiles", "rejected: %s", why)
    return {"status": REJECTED}
