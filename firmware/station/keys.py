# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""THE table of configuration keys: OCPP 1.6 edition 2 chapter 9, errata 2025-04, security whitepaper ed. 3.

`python tools/keys_page.py` makes `docs/configuration.md` from it. One line per key, in the standard's order:

    name, type, access, default, least, most, needs, demand  # unit, meaning

type     bool; int; text; secret; comma-separated lists: measurands, rotation, profiles, units, protocols
access   R, RW or W as the CSMS sees it. A station description can make an RW key R.
default  at first boot, where the station description says nothing else; None: follows from the hardware
least    range of an int, or of the number of characters of a text; a station description can set another
needs    what the station must have for the key to exist: "" nothing; "cache" that option; "given": a value in
         the station description; else a feature profile ("Security" is the whitepaper)
demand   the standard's word: required or optional (within the profile)

Every value is kept over restarts. No change needs a restart: RebootRequired is never answered.
"""

# fmt: off
KEYS = (
    # 9.1 Core profile
    ("AllowOfflineTxForUnknownId", "bool", "RW", "false", 0, 0, "", "opt"),  # offline: unknown tags may start
    ("AuthorizationCacheEnabled", "bool", "RW", "true", 0, 0, "cache", "opt"),
    ("AuthorizeRemoteTxRequests", "bool", "RW", "true", 0, 0, "", "req"),  # R or RW allowed
    ("BlinkRepeat", "int", "RW", "5", 0, 1000, "given", "opt"),  # times
    ("ClockAlignedDataInterval", "int", "RW", "0", 0, 86400, "", "req"),  # s, from midnight UTC; 0 = off
    ("ConnectionTimeOut", "int", "RW", "60", 0, 86400, "", "req"),  # s, from Preparing until given up
    ("ConnectorPhaseRotation", "rotation", "RW", None, 0, 0, "", "req"),
    ("ConnectorPhaseRotationMaxLength", "int", "R", None, 0, 2147483647, "", "opt"),  # items
    ("GetConfigurationMaxKeys", "int", "R", "60", 1, 2147483647, "", "req"),
    ("HeartbeatInterval", "int", "RW", "300", 0, 86400, "", "req"),  # s; BootNotification.conf sets it too
    ("LightIntensity", "int", "RW", "100", 0, 100, "given", "opt"),  # %
    ("LocalAuthorizeOffline", "bool", "RW", "true", 0, 0, "", "req"),  # offline: known tags may start
    ("LocalPreAuthorize", "bool", "RW", "false", 0, 0, "", "req"),  # online: known tags start unasked
    ("MaxEnergyOnInvalidId", "int", "RW", "0", 0, 2147483647, "", "opt"),  # Wh
    ("MeterValuesAlignedData", "measurands", "RW", None, 0, 0, "", "req"),
    ("MeterValuesAlignedDataMaxLength", "int", "R", "16", 0, 2147483647, "", "opt"),  # items
    ("MeterValuesSampledData", "measurands", "RW", None, 0, 0, "", "req"),
    ("MeterValuesSampledDataMaxLength", "int", "R", "16", 0, 2147483647, "", "opt"),  # items
    ("MeterValueSampleInterval", "int", "RW", "60", 0, 86400, "", "req"),  # s, from StartTransaction; 0 = off
    ("MinimumStatusDuration", "int", "RW", "0", 0, 86400, "", "opt"),  # s
    ("NumberOfConnectors", "int", "R", None, 1, 2147483647, "", "req"),
    ("ResetRetries", "int", "RW", "3", 0, 1000, "", "req"),  # times
    ("StopTransactionOnEVSideDisconnect", "bool", "RW", "true", 0, 0, "", "opt"),  # R or RW, errata 3.79
    ("StopTransactionOnInvalidId", "bool", "RW", "true", 0, 0, "", "req"),
    ("StopTxnAlignedData", "measurands", "RW", "", 0, 0, "", "req"),
    ("StopTxnAlignedDataMaxLength", "int", "R", "16", 0, 2147483647, "", "opt"),  # items
    ("StopTxnSampledData", "measurands", "RW", "", 0, 0, "", "req"),
    ("StopTxnSampledDataMaxLength", "int", "R", "16", 0, 2147483647, "", "opt"),  # items
    ("SupportedFeatureProfiles", "profiles", "R", None, 0, 0, "", "req"),
    ("SupportedFeatureProfilesMaxLength", "int", "R", "6", 0, 2147483647, "given", "opt"),  # errata 3.80
    ("TransactionMessageAttempts", "int", "RW", "3", 1, 1000, "", "req"),  # transmissions in all
    ("TransactionMessageRetryInterval", "int", "RW", "60", 0, 86400, "", "req"),  # s, times tries so far
    ("UnlockConnectorOnEVSideDisconnect", "bool", "RW", "true", 0, 0, "", "req"),  # fixed cable: R, false
    ("WebSocketPingInterval", "int", "RW", "60", 0, 86400, "", "opt"),  # s; 0 = off
    # added by errata 2025-04
    ("MessageTimeout", "int", "RW", "30", 1, 3600, "", "opt"),  # s without an answer: failed
    ("StopTransactionMaxMeterValues", "int", "R", "20", 0, 2147483647, "", "opt"),  # in transactionData
    ("SupportedFileTransferProtocols", "protocols", "R", "HTTP,FTP", 0, 0, "FirmwareManagement", "opt"),
    # 9.2 Local authorization list management profile
    ("LocalAuthListEnabled", "bool", "RW", "true", 0, 0, "LocalAuthListManagement", "req"),
    ("LocalAuthListMaxLength", "int", "R", "1000", 0, 2147483647, "LocalAuthListManagement", "req"),  # tags
    ("SendLocalListMaxLength", "int", "R", "1000", 0, 2147483647, "LocalAuthListManagement", "req"),  # tags
    # 9.3 Reservation profile
    ("ReserveConnectorZeroSupported", "bool", "R", "true", 0, 0, "Reservation", "opt"),
    # 9.4 Smart charging profile
    ("ChargeProfileMaxStackLevel", "int", "R", "10", 0, 2147483647, "SmartCharging", "req"),
    ("ChargingScheduleAllowedChargingRateUnit", "units", "R", "Current,Power", 0, 0, "SmartCharging", "req"),
    ("ChargingScheduleMaxPeriods", "int", "R", "24", 1, 2147483647, "SmartCharging", "req"),
    ("ConnectorSwitch3to1PhaseSupported", "bool", "R", "false", 0, 0, "SmartCharging", "opt"),
    ("MaxChargingProfilesInstalled", "int", "R", "10", 1, 2147483647, "SmartCharging", "req"),
    # security whitepaper edition 3
    ("AuthorizationKey", "secret", "W", "", 0, 0, "", "opt"),  # password of Basic authentication
    ("SecurityProfile", "int", "R", "0", 0, 1, "", "opt"),  # 0 = none, 1 = Basic authentication
    ("CpoName", "text", "RW", "", 0, 64, "Security", "opt"),  # O= of certificate requests
    ("AdditionalRootCertificateCheck", "bool", "R", "false", 0, 0, "Security", "opt"),
    ("CertificateSignedMaxChainSize", "int", "R", "10", 1, 2147483647, "Security", "opt"),
    ("CertificateStoreMaxLength", "int", "R", "10", 1, 2147483647, "Security", "opt"),  # certificates
)
# fmt: on

NAME = 0
TYPE = 1
ACCESS = 2
DEFAULT = 3
LEAST = 4
MOST = 5
NEEDS = 6
DEMAND = 7


def row(name: str):
    """The line of a key, None when unknown. Names are case-insensitive (errata 3.73)."""
    for entry in KEYS:
        if entry[0] == name:
            return entry
    wanted = name.lower()
    for entry in KEYS:
        if len(entry[0]) == len(wanted) and entry[0].lower() == wanted:
            return entry
    return None
