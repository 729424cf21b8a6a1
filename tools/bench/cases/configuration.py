# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Core: GetConfiguration, ChangeConfiguration, DataTransfer."""

from typing import Any

from bench.cases.catalogue import case
from bench.cases.exempt import needs
from bench.cases.expected import Expected
from bench.cases.failed import Failed
from bench.cases.play import Play

# Key -> whether it is read-only; None: as the charge point likes. What OCPP 1.6 requires of a profile.
_REQUIRED: dict[str, dict[str, bool | None]] = {
    "Core": {
        "AuthorizeRemoteTxRequests": None,
        "ClockAlignedDataInterval": False,
        "ConnectionTimeOut": False,
        "ConnectorPhaseRotation": False,
        "GetConfigurationMaxKeys": True,
        "HeartbeatInterval": False,
        "LocalAuthorizeOffline": False,
        "LocalPreAuthorize": False,
        "MeterValuesAlignedData": False,
        "MeterValuesSampledData": False,
        "MeterValueSampleInterval": False,
        "NumberOfConnectors": True,
        "ResetRetries": False,
        "StopTransactionOnInvalidId": False,
        "StopTxnAlignedData": False,
        "StopTxnSampledData": False,
        "SupportedFeatureProfiles": True,
        "TransactionMessageAttempts": False,
        "TransactionMessageRetryInterval": False,
        "UnlockConnectorOnEVSideDisconnect": None,
    },
    "LocalAuthListManagement": {
        "LocalAuthListEnabled": False,
        "LocalAuthListMaxLength": True,
        "SendLocalListMaxLength": True,
    },
    "SmartCharging": {
        "ChargeProfileMaxStackLevel": True,
        "ChargingScheduleAllowedChargingRateUnit": True,
        "ChargingScheduleMaxPeriods": True,
        "MaxChargingProfilesInstalled": True,
    },
}


async def _rows(play: Play, **payload: Any) -> dict[str, Any]:
    return (await play.call("GetConfiguration", **payload)).payload


@case("Retrieve configuration")
async def tc_019(play: Play) -> None:
    profiles = await play.configured("SupportedFeatureProfiles")
    if profiles is None:
        raise Failed("SupportedFeatureProfiles", "no such key", "the key is required")
    rows = {row["key"]: row for row in (await _rows(play, key=[])).get("configurationKey", [])}
    told = [profile.strip() for profile in profiles.split(",")]
    for profile in play.claims.profiles:
        if profile not in told:
            raise Failed(profile, profiles, "the charge point is said to have this profile")
    required = {key: access for profile in told for key, access in _REQUIRED.get(profile, {}).items()}
    for key, read_only in required.items():
        if key not in rows:
            raise Failed(key, "no such key among all of them", "the key is required")
        if read_only is not None and rows[key]["readonly"] != read_only:
            raise Failed(
                f"{key} readonly={read_only}", f"readonly={rows[key]['readonly']}", "that is its access"
            )
    most = await play.configured("GetConfigurationMaxKeys") or ""
    if not most.isdigit():
        raise Failed("GetConfigurationMaxKeys, a number", most, "nobody knows how many may be asked for")
    asked = list(rows)[: min(int(most), len(rows))]
    answer = await _rows(play, key=asked)
    given = [row["key"] for row in answer.get("configurationKey", [])]
    if sorted(given) != sorted(asked) or answer.get("unknownKey"):
        raise Failed(
            f"these {len(asked)} keys", f"{len(given)} keys", "GetConfigurationMaxKeys allows so many"
        )


@case("Change configuration", exemption=needs("MeterValueSampleInterval"))
async def tc_021(play: Play) -> None:
    wanted = "90" if await play.configured("MeterValueSampleInterval") != "90" else "60"
    await play.configure("MeterValueSampleInterval", wanted)
    told = await play.configured("MeterValueSampleInterval")
    if told != wanted:
        raise Failed(f"MeterValueSampleInterval {wanted}", str(told), "the change was accepted")


@case("Configuration key that does not exist")
async def tc_040_1(play: Play) -> None:
    await play.ask("ChangeConfiguration", "NotSupported", key="Testing", value="true")
    if await play.configured("Testing") is not None:
        raise Failed("no key Testing", "there is one now", "it said that it does not support it")


@case("Configuration value that is invalid", exemption=needs("MeterValueSampleInterval"))
async def tc_040_2(play: Play) -> None:
    refusals = ("Rejected", "PropertyConstraintViolation")
    before = await play.configured("MeterValueSampleInterval")
    await play.ask("ChangeConfiguration", *refusals, key="MeterValueSampleInterval", value="-1")
    after = await play.configured("MeterValueSampleInterval")
    if after != before:
        raise Failed(f"MeterValueSampleInterval {before}", str(after), "it has refused the change")


@case("Data transfer to a charge point that knows no such vendor")
async def tc_062(play: Play) -> None:
    statuses = ("Accepted", "Rejected", "UnknownMessageId", "UnknownVendorId")
    answered = await play.ask("DataTransfer", *statuses, vendorId="com.example.unknown", data="two")
    if answered.payload["status"] == "Accepted":
        play.notes.append("DataTransfer of an unknown vendor is Accepted: allowed, but nobody can mean it")


@case("Data transfer to a CSMS that knows no such vendor", stimuli=("data_transfer",))
async def tc_064(play: Play) -> None:
    await play.data_transfer()
    (asked,) = await play.expect(Expected("DataTransfer"))
    told = play.answer_to(asked).payload.get("status")
    assert told == "UnknownVendorId", told  # our own CSMS
    await play.nothing(1)
    await play.configured("HeartbeatInterval")
