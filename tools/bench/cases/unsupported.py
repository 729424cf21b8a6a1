# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""What a charge point answers that does not have a feature profile."""

from datetime import UTC, datetime, timedelta

from bench.cases.catalogue import case
from bench.cases.charging import DEFAULT, SMART, TX, Profile
from bench.cases.exempt import lacks
from bench.cases.failed import Failed, NotApplicable
from bench.cases.play import Play
from bench.cases.smart_charging import started_with
from bench.messages import utc_text

# OCPP-J 1.6, 4.2.3: of an action that is known, or is not.
_UNSUPPORTED = ("NotSupported", "NotImplemented")
_LIST, _RESERVATION = "LocalAuthListManagement", "Reservation"


@case("Local list version, no local list")
async def tc_042_1(play: Play) -> None:
    if _LIST in play.claims.profiles:
        await play.have("LocalAuthListEnabled", False)
    answered = await play.call("GetLocalListVersion")
    told = answered.error or answered.payload["listVersion"]
    if told not in (-1, "NotSupported"):
        raise Failed("listVersion -1 or CALLERROR NotSupported", str(answered.message), "there is no list")


@case("Local list, not supported", exemption=lacks(_LIST))
async def tc_043_1(play: Play) -> None:
    entry = {"idTag": play.tag, "idTagInfo": {"status": "Accepted"}}
    fields = {"listVersion": 1, "updateType": "Full", "localAuthorizationList": [entry]}
    await play.ask("SendLocalList", "NotSupported", **fields)


async def _rejects(play: Play, connector: int) -> None:
    fields = {
        "connectorId": connector,
        "expiryDate": utc_text(datetime.now(UTC) + timedelta(hours=1)),
        "idTag": play.tag,
        "reservationId": 1,
    }
    await play.ask("ReserveNow", "Rejected", **fields)
    await play.nothing(0.5)


@case("Reservation of a connector, not supported", exemption=lacks(_RESERVATION))
async def tc_048_4(play: Play) -> None:
    await _rejects(play, play.connector)


@case("Reservation of the charge point, not supported")
async def tc_050_4(play: Play) -> None:
    """It has no reservations, or none of connector 0."""
    if _RESERVATION in play.claims.profiles and await play.can_be("ReserveConnectorZeroSupported", True):
        raise NotApplicable("the whole charge point can be reserved")
    await _rejects(play, 0)


def _profile(purpose: str, limit: float) -> Profile:
    schedule = {"chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": limit}]}
    return {
        "chargingProfileId": 1,
        "stackLevel": 0,
        "chargingProfilePurpose": purpose,
        "chargingProfileKind": "Relative",
        "chargingSchedule": schedule,
    }


@case("Smart charging, not supported", exemption=lacks(SMART))
async def field_smart_1(play: Play) -> None:
    """SetChargingProfile may say so as a status, the others by a CALLERROR only."""
    fields = {"connectorId": play.connector, "csChargingProfiles": _profile(DEFAULT, 6)}
    await play.ask("SetChargingProfile", *_UNSUPPORTED, **fields)
    await play.ask("ClearChargingProfile", *_UNSUPPORTED)
    await play.ask("GetCompositeSchedule", *_UNSUPPORTED, connectorId=play.connector, duration=60)


@case("Remote start with a profile, smart charging not supported", exemption=lacks(SMART))
async def field_smart_2(play: Play) -> None:
    """OCPP 1.6, 5.11: the profile is ignored."""
    await started_with(play, _profile(TX, 0))
