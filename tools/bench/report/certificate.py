# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The rows of a certificate's tables: hardware (HFS), optional features (C, SC, R, F, AQ), security (SEC),
limits and settings (ORS); ids as certificates have them.
"""

from typing import Any

from bench.report.facts import ABSENT, Facts
from bench.report.features import Feature, Look, by_key, by_mode, by_presence, measurands

# --- hardware -----------------------------------------------------------------------------------------------


def _any_connector(field: str, *values: Any, current: str | None = None) -> Look:
    """`current`: only connectors of that kind have such a thing."""

    def look(facts: Facts) -> str | None:
        those = [each for each in facts.connectors if current in (None, each.get("current", current))]
        told = [each[field] for each in those if field in each]
        if not told:
            return None if those or not facts.connectors else "no"
        return "yes" if any(value in values for value in told) else "no"

    return look


def _connectors(facts: Facts) -> str | None:
    if not facts.connectors:
        return None
    kinds = [_kind(each) for each in facts.connectors]
    return "; ".join([str(len(kinds)), *(kind for kind in dict.fromkeys(kinds) if kind)])


def _kind(connector: dict[str, Any]) -> str:
    """`fixed cable AC 3 phases 32 A`, as far as it is said."""
    words: list[str] = []
    cable, current, phases = (connector.get(name) for name in ("cable", "current", "phases"))
    if cable is not None:
        words.append("fixed cable" if cable == "fixed" else str(cable))
    if current is not None:
        words.append(str(current))
    if current == "AC" and phases is not None:
        words.append(f"{phases} phase{'' if phases == 1 else 's'}")
    if "rated_a" in connector:
        words.append(f"{connector['rated_a']} A")
    return " ".join(words)


def _number_of_connectors(facts: Facts) -> str:
    read = facts.read("NumberOfConnectors")
    if read is None or not facts.connectors or read == str(len(facts.connectors)):
        return ""
    return f"{len(facts.connectors)} in the description, NumberOfConnectors is {read or 'empty'}"


def _communication(facts: Facts) -> str | None:
    return "mobile network: an ICCID in BootNotification" if facts.boot.get("iccid") else None


def _readers(facts: Facts) -> str | None:
    told = facts.described.get("reader")
    return "one per connector" if told == "per_connector" else str(told) if told else None


HARDWARE: tuple[Feature, ...] = (
    Feature(
        "HFS-1",
        "detachable cable",
        _any_connector("cable", "socket"),
        cases=("TC_017_1", "TC_018_1", "TC_005_1"),
    ),
    Feature("HFS-2", "fixed cable", _any_connector("cable", "fixed"), cases=("TC_017_2", "TC_018_2")),
    Feature("HFS-3", "AC", _any_connector("current", "AC")),
    Feature("HFS-4", "DC", _any_connector("current", "DC")),
    Feature("HFS-5", "1 phase", _any_connector("phases", 1, current="AC")),
    Feature("HFS-6", "2 phases", _any_connector("phases", 2, current="AC")),
    Feature("HFS-7", "3 phases", _any_connector("phases", 3, current="AC")),
    Feature(
        "HFS-8",
        "connectors",
        _connectors,
        lambda facts: facts.read("NumberOfConnectors"),
        ("TC_001",),
        _number_of_connectors,
    ),
    Feature("HFS-9", "communication", read=_communication),
    Feature("HFS-10", "RFID readers", _readers),
    Feature("AQ-6", "IEC 61851-1 charging"),
)

# --- optional features --------------------------------------------------------------------------------------


def _milliseconds(facts: Facts) -> str | None:
    told = facts.timestamps()
    if not told:
        return None
    finer = sum("." in text for text in told)
    return f"{'yes' if finer else 'no'}, in {finer} of {len(told)} timestamps"


def _power_loss(facts: Facts, backed_up: bool) -> str | None:
    ends, backup = facts.option("power_loss"), facts.option("backup_power")
    if ends is None:
        return None
    return "yes" if ends == "stop" and (backup == "yes") == backed_up else "no"


OPTIONS: tuple[Feature, ...] = (
    by_key("C-01", "offline authorization of transactions", "LocalAuthorizeOffline", "TC_037_1", "TC_039"),
    by_presence(
        "C-02",
        "offline transactions of unknown tags",
        "AllowOfflineTxForUnknownId",
        "TC_037_2",
        "TC_037_3",
    ),
    by_presence("C-03", "MaxEnergyOnInvalidId", "MaxEnergyOnInvalidId", "TC_037_2"),
    Feature(
        "C-04",
        "authorization cache",
        lambda facts: facts.option("cache"),
        by_presence("", "", "AuthorizationCacheEnabled").read,
        ("TC_007", "TC_007_1", "TC_007_2", "TC_061", "TC_061_1", "TC_061_2"),
    ),
    by_presence("C-05", "MinimumStatusDuration", "MinimumStatusDuration"),
    by_mode(
        "C-06.1",
        "authorization kept when the cable is unplugged at the car",
        "StopTransactionOnEVSideDisconnect",
        "false",
        "TC_005_3",
    ),
    by_mode(
        "C-06.2",
        "authorization not kept then",
        "StopTransactionOnEVSideDisconnect",
        "true",
        "TC_005_1",
        "TC_005_2",
    ),
    Feature("C-07", "local start", cases=("TC_003", "TC_004_1")),
    Feature("C-08", "local stop", cases=("TC_068", "TC_069")),
    measurands("C-09.1", "MeterValuesSampledData", "TC_070"),
    measurands("C-09.2", "MeterValuesAlignedData", "TC_071"),
    by_mode(
        "C-10.1", "unlocks on unplugging at the car", "UnlockConnectorOnEVSideDisconnect", "true", "TC_005_1"
    ),
    by_mode(
        "C-10.2",
        "does not unlock then",
        "UnlockConnectorOnEVSideDisconnect",
        "false",
        "TC_005_2",
    ),
    by_key(
        "SC-1",
        "rate units",
        "ChargingScheduleAllowedChargingRateUnit",
        "FIELD_SCHEDULE_11",
        "FIELD_SCHEDULE_14",
    ),
    by_key(
        "R-1",
        "reservation of connector 0",
        "ReserveConnectorZeroSupported",
        "TC_049",
        *(f"TC_050_{number}" for number in (1, 2, 3, 4)),
    ),
    Feature("F-1", "secure firmware update", cases=("TC_080", "TC_081")),
    Feature("AQ-2", "cable lock prevents connecting before authorization"),
    Feature("AQ-4", "downloads firmware during a transaction"),
    Feature("AQ-5", "connector is selected before authorization"),
    Feature(
        "AQ-7.1",
        "StopTransaction on power loss, before going down",
        lambda facts: _power_loss(facts, True),
        cases=("TC_032_1",),
    ),
    Feature(
        "AQ-7.2",
        "StopTransaction on power loss, after being back",
        lambda facts: _power_loss(facts, False),
        cases=("TC_032_2",),
    ),
    Feature("", "milliseconds in timestamps", lambda facts: facts.option("milliseconds"), _milliseconds),
)

# --- security -----------------------------------------------------------------------------------------------


def _security_profile(number: int, *cases: str) -> Feature:
    def read(facts: Facts) -> str | None:
        now = facts.read("SecurityProfile")
        return now if now in (None, ABSENT) else "in use" if now == str(number) else f"in use is {now}"

    return Feature(f"SEC-{number}", f"security profile {number}", read=read, cases=cases)


def _connection(facts: Facts) -> str | None:
    scheme = facts.security.get("scheme")
    if not scheme:
        return None
    password = "with a password" if facts.security.get("basic_auth") else "without a password"
    return f"{scheme}, {password}"


def _too_open(facts: Facts) -> str:
    now, scheme = facts.read("SecurityProfile"), facts.security.get("scheme")
    if now in ("2", "3") and scheme == "ws":
        return f"SecurityProfile is {now}, and the connection is not encrypted"
    return ""


SECURITY: tuple[Feature, ...] = (
    Feature("", "the connection of this run", read=_connection, contradiction=_too_open),
    _security_profile(1, "TC_073", "TC_085"),
    _security_profile(2, "TC_086"),
    _security_profile(3, "TC_074", "TC_087"),
    Feature("SEC-4", "cipher suites", cases=("TC_086",)),
    Feature("AQ-1", "last central-system root certificate can be removed"),
    Feature("AQ-3", "last charge-point certificate can be removed"),
)

# --- limits and settings ------------------------------------------------------------------------------------


def _limit(row: str, key: str, end: int) -> Feature:
    def outside(facts: Facts) -> str:
        claimed, now = facts.limit(key, end), facts.read(key) or ""
        if claimed is None or not claimed.isdigit() or not now.isdigit():
            return ""
        inside = int(now) >= int(claimed) if end == 0 else int(now) <= int(claimed)
        return "" if inside else f"{key} is {now}"

    name = f"{key}, {'least' if end == 0 else 'greatest'}"
    return Feature(row, name, lambda facts: facts.limit(key, end), contradiction=outside)


def _setting(row: str, key: str, *cases: str) -> Feature:
    return by_key(row, key, key, *cases)


LIMITS: tuple[Feature, ...] = (
    _setting("ORS-1", "GetConfigurationMaxKeys", "TC_019"),
    _setting("ORS-2", "MeterValuesAlignedDataMaxLength"),
    _setting("ORS-3", "MeterValuesSampledDataMaxLength"),
    _limit("ORS-4", "MeterValueSampleInterval", 0),
    _limit("ORS-5", "MeterValueSampleInterval", 1),
    _limit("ORS-6", "HeartbeatInterval", 0),
    _limit("ORS-7", "HeartbeatInterval", 1),
    _setting("ORS-8", "StopTransactionMaxMeterValues"),
    _setting("ORS-9", "StopTxnAlignedDataMaxLength"),
    _setting("ORS-10", "StopTxnSampledDataMaxLength"),
    _setting("ORS-11", "WebSocketPingInterval"),
    _setting("ORS-12", "LocalAuthListMaxLength", "TC_043_3"),
    _setting("ORS-13", "SendLocalListMaxLength", "FIELD_LIST_4"),
    _setting("ORS-14", "ChargeProfileMaxStackLevel", "FIELD_PROFILE_12"),
    _setting("ORS-15", "ChargingScheduleMaxPeriods", "FIELD_PROFILE_11"),
    _setting("ORS-16", "SupportedFileTransferProtocols"),
    _setting("ORS-17", "CertificateSignedMaxChainSize"),
    _setting("ORS-18", "CertificateStoreMaxLength"),
    _setting("ORS-19", "MaxChargingProfilesInstalled", "FIELD_PROFILE_10"),
)


def rows(features: tuple[Feature, ...], facts: Facts) -> list[dict[str, Any]]:
    return [feature.row(facts) for feature in features]
