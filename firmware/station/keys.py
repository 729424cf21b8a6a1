# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""THE table of configuration keys: OCPP 1.6 edition 2 chapter 9, errata 2025-04, security whitepaper ed. 3.

`python tools/keys_page.py` makes `docs/configuration.md` from it. One line per key, in the standard's order:

    name, type, access, default, needs, demand  # remark

type     kind, least, most and unit: range of a number, or of the length of a text; a station description can
         set another range
access   R, RW or W as the CSMS sees it; a station description can make an RW key R
default  at first boot, where the station description says nothing else; None: follows from the hardware
needs    what the station must have for the key to exist: ALL nothing, CACHE that option, GIVEN a value in the
         station description, else a feature profile (SECURITY: the whitepaper)
demand   the standard's word: REQuired or OPTional (within the profile)

Every value is kept over restarts. No change needs a restart: RebootRequired is never answered.
"""

_MANY = 2147483647  # the largest integer that every CSMS can hold
_INT = "int"

BOOL = ("bool", 0, 0, "")
SECONDS = (_INT, 0, 86400, "s")
TIMEOUT = (_INT, 1, 3600, "s")
ITEMS = (_INT, 0, _MANY, "items")
COUNT = (_INT, 1, _MANY, "")
NUMBER = (_INT, 0, _MANY, "")
TIMES = (_INT, 0, 1000, "times")
TRIES = (_INT, 1, 1000, "times")
ENERGY = (_INT, 0, _MANY, "Wh")
PERCENT = (_INT, 0, 100, "%")
LEVEL = (_INT, 0, 1, "")
TEXT = ("text", 0, 64, "characters")
SECRET = ("secret", 0, 0, "")
MEASURANDS = ("measurands", 0, 0, "list")
ROTATION = ("rotation", 0, 0, "list")
PROFILES = ("profiles", 0, 0, "list")
UNITS = ("units", 0, 0, "list")
PROTOCOLS = ("protocols", 0, 0, "list")

R = "R"
RW = "RW"
W = "W"

ALL = ""
CACHE = "cache"
GIVEN = "given"
FIRMWARE = "FirmwareManagement"
LIST = "LocalAuthListManagement"
RESERVATION = "Reservation"
SMART = "SmartCharging"
SECURITY = "Security"

REQ = "required"
OPT = "optional"

# fmt: off
KEYS = (
    # 9.1 Core profile
    ("AllowOfflineTxForUnknownId", BOOL, RW, "false", ALL, OPT),  # offline: tags that nobody knows may start
    ("AuthorizationCacheEnabled", BOOL, RW, "true", CACHE, OPT),
    ("AuthorizeRemoteTxRequests", BOOL, RW, "true", ALL, REQ),  # R or RW; false: start without Authorize
    ("BlinkRepeat", TIMES, RW, "5", GIVEN, OPT),
    ("ClockAlignedDataInterval", SECONDS, RW, "0", ALL, REQ),  # from midnight UTC; 0 = off
    ("ConnectionTimeOut", SECONDS, RW, "60", ALL, REQ),  # from Preparing until given up
    ("ConnectorPhaseRotation", ROTATION, RW, None, ALL, REQ),
    ("ConnectorPhaseRotationMaxLength", ITEMS, R, None, ALL, OPT),
    ("GetConfigurationMaxKeys", COUNT, R, "60", ALL, REQ),
    ("HeartbeatInterval", SECONDS, RW, "300", ALL, REQ),  # BootNotification.conf sets it too; 0 = none
    ("LightIntensity", PERCENT, RW, "100", GIVEN, OPT),
    ("LocalAuthorizeOffline", BOOL, RW, "true", ALL, REQ),  # offline: tags in list or cache may start
    ("LocalPreAuthorize", BOOL, RW, "false", ALL, REQ),  # online: they start without asking the CSMS
    ("MaxEnergyOnInvalidId", ENERGY, RW, "0", ALL, OPT),
    ("MeterValuesAlignedData", MEASURANDS, RW, None, ALL, REQ),
    ("MeterValuesAlignedDataMaxLength", ITEMS, R, "16", ALL, OPT),
    ("MeterValuesSampledData", MEASURANDS, RW, None, ALL, REQ),
    ("MeterValuesSampledDataMaxLength", ITEMS, R, "16", ALL, OPT),
    ("MeterValueSampleInterval", SECONDS, RW, "60", ALL, REQ),  # from StartTransaction; 0 = off
    ("MinimumStatusDuration", SECONDS, RW, "0", ALL, OPT),
    ("NumberOfConnectors", COUNT, R, None, ALL, REQ),
    ("ResetRetries", TIMES, RW, "3", ALL, REQ),
    ("StopTransactionOnEVSideDisconnect", BOOL, RW, "true", ALL, OPT),  # R or RW; optional since errata 3.79
    ("StopTransactionOnInvalidId", BOOL, RW, "true", ALL, REQ),
    ("StopTxnAlignedData", MEASURANDS, RW, "", ALL, REQ),
    ("StopTxnAlignedDataMaxLength", ITEMS, R, "16", ALL, OPT),
    ("StopTxnSampledData", MEASURANDS, RW, "", ALL, REQ),
    ("StopTxnSampledDataMaxLength", ITEMS, R, "16", ALL, OPT),
    ("SupportedFeatureProfiles", PROFILES, R, None, ALL, REQ),
    ("SupportedFeatureProfilesMaxLength", ITEMS, R, "6", GIVEN, OPT),  # not needed, errata 3.80
    ("TransactionMessageAttempts", TRIES, RW, "3", ALL, REQ),  # transmissions in all
    ("TransactionMessageRetryInterval", SECONDS, RW, "60", ALL, REQ),  # times the transmissions so far
    ("UnlockConnectorOnEVSideDisconnect", BOOL, RW, "true", ALL, REQ),  # R, false: fixed cables, errata 3.83
    ("WebSocketPingInterval", SECONDS, RW, "60", ALL, OPT),  # 0 = off
    # added by errata 2025-04
    ("MessageTimeout", TIMEOUT, RW, "30", ALL, OPT),  # without an answer until a request has failed
    ("StopTransactionMaxMeterValues", ITEMS, R, "20", ALL, OPT),  # in transactionData; 0 = none
    ("SupportedFileTransferProtocols", PROTOCOLS, R, "HTTP,FTP", FIRMWARE, OPT),
    # 9.2 Local authorization list management profile
    ("LocalAuthListEnabled", BOOL, RW, "true", LIST, REQ),
    ("LocalAuthListMaxLength", ITEMS, R, "1000", LIST, REQ),
    ("SendLocalListMaxLength", ITEMS, R, "1000", LIST, REQ),
    # 9.3 Reservation profile
    ("ReserveConnectorZeroSupported", BOOL, R, "true", RESERVATION, OPT),
    # 9.4 Smart charging profile
    ("ChargeProfileMaxStackLevel", NUMBER, R, "99", SMART, REQ),
    ("ChargingScheduleAllowedChargingRateUnit", UNITS, R, "Current,Power", SMART, REQ),
    ("ChargingScheduleMaxPeriods", COUNT, R, "32", SMART, REQ),
    ("ConnectorSwitch3to1PhaseSupported", BOOL, R, None, SMART, OPT),
    ("MaxChargingProfilesInstalled", COUNT, R, "10", SMART, REQ),
    # security whitepaper edition 3
    ("AuthorizationKey", SECRET, W, "", ALL, OPT),  # password of Basic authentication
    ("SecurityProfile", LEVEL, R, "0", ALL, OPT),  # 0 = none, 1 = Basic authentication
    ("CpoName", TEXT, RW, "", SECURITY, OPT),  # organisation in certificate requests
    ("AdditionalRootCertificateCheck", BOOL, R, "false", SECURITY, OPT),
    ("CertificateSignedMaxChainSize", COUNT, R, "10", SECURITY, OPT),
    ("CertificateStoreMaxLength", COUNT, R, "10", SECURITY, OPT),
)
# fmt: on


def find(name: str):
    """The line of a key, None when unknown. Names are case-insensitive (errata 3.73)."""
    wanted = name.lower()
    for entry in KEYS:
        if entry[0] == name or (len(entry[0]) == len(wanted) and entry[0].lower() == wanted):
            return entry
    return None


def row(name: str):
    """The line of a key; KeyError when the standard has no such key."""
    entry = find(name)
    if entry is None:
        raise KeyError(name)
    return entry
