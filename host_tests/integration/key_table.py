# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The configuration keys of the profiles that are there, as the standard and the stations' certificates have
them, apart from the firmware's own table: access, types with texts that are taken and texts that are not,
certified values."""

NAMES = ("generic_socket", "loop_evs32a", "ecarplug_ac", "xcharge_c6")

ENERGY = "Energy.Active.Import.Register"
LARGEST = "2147483647"

# The keys of OCPP 1.6 edition 2 sections 9.1 to 9.3 and errata 2025-04: access where the standard lets no
# choice, type. Those marked + are required (case 019).
KEYS: dict[str, tuple[str, str]] = {
    "AllowOfflineTxForUnknownId": ("RW", "bool"),
    "AuthorizationCacheEnabled": ("RW", "bool"),
    "AuthorizeRemoteTxRequests+": ("", "bool"),
    "BlinkRepeat": ("RW", "times"),
    "ClockAlignedDataInterval+": ("RW", "seconds"),
    "ConnectionTimeOut+": ("RW", "seconds"),
    "ConnectorPhaseRotation+": ("RW", "rotation"),
    "ConnectorPhaseRotationMaxLength": ("R", "number"),
    "GetConfigurationMaxKeys+": ("R", "number"),
    "HeartbeatInterval+": ("RW", "seconds"),
    "LightIntensity": ("RW", "percent"),
    "LocalAuthorizeOffline+": ("RW", "bool"),
    "LocalPreAuthorize+": ("RW", "bool"),
    "MaxEnergyOnInvalidId": ("RW", "number"),
    "MeterValuesAlignedData+": ("RW", "measurands"),
    "MeterValuesAlignedDataMaxLength": ("R", "number"),
    "MeterValuesSampledData+": ("RW", "measurands"),
    "MeterValuesSampledDataMaxLength": ("R", "number"),
    "MeterValueSampleInterval+": ("RW", "seconds"),
    "MinimumStatusDuration": ("RW", "seconds"),
    "NumberOfConnectors+": ("R", "number"),
    "ResetRetries+": ("RW", "times"),
    "StopTransactionOnEVSideDisconnect": ("", "bool"),
    "StopTransactionOnInvalidId+": ("RW", "bool"),
    "StopTxnAlignedData+": ("RW", "measurands"),
    "StopTxnAlignedDataMaxLength": ("R", "number"),
    "StopTxnSampledData+": ("RW", "measurands"),
    "StopTxnSampledDataMaxLength": ("R", "number"),
    "SupportedFeatureProfiles+": ("R", "profiles"),
    "SupportedFeatureProfilesMaxLength": ("R", "number"),
    "TransactionMessageAttempts+": ("RW", "tries"),
    "TransactionMessageRetryInterval+": ("RW", "seconds"),
    "UnlockConnectorOnEVSideDisconnect+": ("", "bool"),
    "WebSocketPingInterval": ("RW", "seconds"),
    "MessageTimeout": ("RW", "timeout"),
    "StopTransactionMaxMeterValues": ("R", "number"),
    "ReserveConnectorZeroSupported": ("R", "bool"),
    "SecurityProfile": ("R", "number"),
    # 9.2 Local authorization list management
    "LocalAuthListEnabled": ("RW", "bool"),
    "LocalAuthListMaxLength": ("R", "number"),
    "SendLocalListMaxLength": ("R", "number"),
    # 9.4 Smart charging
    "ChargeProfileMaxStackLevel+": ("R", "number"),
    "ChargingScheduleAllowedChargingRateUnit+": ("R", "units"),
    "ChargingScheduleMaxPeriods+": ("R", "number"),
    "ConnectorSwitch3to1PhaseSupported": ("R", "bool"),
    "MaxChargingProfilesInstalled+": ("R", "number"),
}
REQUIRED = {key[:-1] for key in KEYS if key[-1] == "+"}
KINDS = {key.rstrip("+"): row for key, row in KEYS.items()}

# Keys of the table that a station does not have.
ABSENT = {
    "generic_socket": {"BlinkRepeat", "LightIntensity", "SupportedFeatureProfilesMaxLength"},
    "loop_evs32a": {"BlinkRepeat", "LightIntensity", "SupportedFeatureProfilesMaxLength"},
    "ecarplug_ac": set[str](),
    "xcharge_c6": {
        *("BlinkRepeat", "LightIntensity", "SupportedFeatureProfilesMaxLength", "MinimumStatusDuration")
    },
}
# And those it has read-only, though the standard does not ask for that. Errata 3.83: nothing to unlock.
READ_ONLY = {
    "generic_socket": set[str](),
    "loop_evs32a": {"UnlockConnectorOnEVSideDisconnect"},
    "ecarplug_ac": {"UnlockConnectorOnEVSideDisconnect"},
    "xcharge_c6": {"UnlockConnectorOnEVSideDisconnect", "StopTransactionOnEVSideDisconnect"},
}

NO_NUMBERS = (
    *(
        "",
        " ",
        "-1",
        "+1",
        "1.0",
        "1,5",
        "1e3",
        "0x10",
        "ten",
        "1 0",
        "\uff11",
        "\u0661",
        "1_0",
        "1s",
        "true",
    ),
    *("99999999999", "9" * 400, "--1", "-", "null"),
)
NO_BOOLEANS = ("", " ", "1", "0", "yes", "on", "truee", "t", "null", "true,false", "wahr")
NO_MEASURANDS = (
    *(
        "Energy",
        "Voltage.L9",
        "Energy.Active.Import.Register.L1",
        "RPM",
        "Current.Import,,Voltage",
        ",",
        "Voltage,",
    ),
    *("Voltage;Temperature", "Voltage Temperature", "*", "all", "Current.Import,NoSuchThing", "x" * 500),
)
NO_ROTATIONS = ("RST,RST", "ABC", "0.RST,0.RST", "9.RST", "0.", ".RST", "0:RST", "1", "0.RST,RST", "RST.0")

# type: (texts that are taken, as they are shown then), texts that are not
TYPES: dict[str, tuple[tuple[tuple[str, str], ...], tuple[str, ...]]] = {
    "bool": (
        (("true", "true"), ("false", "false"), ("TRUE", "true"), ("False", "false"), (" true ", "true")),
        NO_BOOLEANS,
    ),
    "seconds": (
        (("0", "0"), ("1", "1"), ("86400", "86400"), ("007", "7"), (" 61 ", "61")),
        (*NO_NUMBERS, "86401", LARGEST),
    ),
    "times": ((("0", "0"), ("1", "1"), ("1000", "1000"), ("4", "4")), (*NO_NUMBERS, "1001")),
    "tries": ((("1", "1"), ("1000", "1000"), ("5", "5")), (*NO_NUMBERS, "0", "1001")),
    "timeout": ((("1", "1"), ("3600", "3600"), ("31", "31")), (*NO_NUMBERS, "0", "3601")),
    "percent": ((("0", "0"), ("100", "100"), ("50", "50")), (*NO_NUMBERS, "101")),
    "number": ((("0", "0"), (LARGEST, LARGEST), ("17", "17")), (*NO_NUMBERS, "2147483648")),
    "rotation": ((("NotApplicable", "NotApplicable"), ("rst", "RST"), ("0.RST", "0.RST")), NO_ROTATIONS),
}

MEASURANDS = {
    "generic_socket": (
        ("", ""),
        ("Voltage", "Voltage"),
        (" current.import.l2 ,VOLTAGE.L1-N,Temperature", "Current.Import.L2,Voltage.L1-N,Temperature"),
        ("Voltage,Voltage,voltage", "Voltage"),
        ("Frequency,Power.Offered,Current.Offered", "Frequency,Power.Offered,Current.Offered"),
    ),
    "loop_evs32a": (("", ""), ("Power.Offered,Temperature", "Power.Offered,Temperature")),
    "ecarplug_ac": (("energy.active.import.register", ENERGY), ("", "")),
    "xcharge_c6": (("SoC,Current.Export", "SoC,Current.Export"), ("soc", "SoC")),
}
NOT_ON = {
    "generic_socket": ("SoC", "Current.Export", "Energy.Reactive.Import.Register", "Current.Import.N"),
    "loop_evs32a": ("SoC", "Frequency", "Voltage.L1-N"),
    "ecarplug_ac": ("Voltage", "Current.Import", f"{ENERGY},Voltage"),
    "xcharge_c6": ("Frequency", "Current.Import.L1"),
}
SHAPES = {
    "bool": "true|false",
    "measurands": r"([A-Za-z.]+(,[A-Za-z.]+)*)?",
    "rotation": r"[A-Za-z]+|\d\.[A-Za-z]+(,\d\.[A-Za-z]+)*",
    "profiles": r"[A-Za-z]+(,[A-Za-z]+)*",
    "units": r"Current|Power|Current,Power",
}


def allowed(
    name: str, key: str, rows: dict[str, tuple[str | None, bool]]
) -> tuple[list[tuple[str, str]], list[str]]:
    """(text, as shown) pairs that this key takes, and texts that it does not."""
    kind = KINDS[key][1]
    if kind != "measurands":
        good, bad = TYPES[kind]
        return list(good), list(bad)
    most = int(rows[key + "MaxLength"][0] or 0)
    good = [pair for pair in MEASURANDS[name] if len(pair[1].split(",")) <= most or not pair[1]]
    return good, [*NO_MEASURANDS, *NOT_ON[name]]


# facts of the certificates: OCA.0016.1129.CS (loop_evs32a), OCA.0016.0060.CS (ecarplug_ac), OCA.0016.0970.CS
# (xcharge_c6)
CERTIFIED = {
    "loop_evs32a": {
        "GetConfigurationMaxKeys": "160",
        "MeterValuesAlignedDataMaxLength": "8",
        "MeterValuesSampledDataMaxLength": "7",
        "StopTxnAlignedDataMaxLength": "7",
        "StopTxnSampledDataMaxLength": "6",
        "WebSocketPingInterval": "120",
        "UnlockConnectorOnEVSideDisconnect": "false",
        "NumberOfConnectors": "1",
        "LocalAuthListMaxLength": "1000",
        "SendLocalListMaxLength": "1000",
        "ReserveConnectorZeroSupported": "true",
        "ChargeProfileMaxStackLevel": "99",
        "ChargingScheduleAllowedChargingRateUnit": "Current,Power",
        "ChargingScheduleMaxPeriods": "32",
        "MaxChargingProfilesInstalled": "10",
    },
    "ecarplug_ac": {
        "LocalAuthListEnabled": "true",
        "LocalAuthListMaxLength": "0",
        "SendLocalListMaxLength": "0",
        "AllowOfflineTxForUnknownId": "true",
        "AuthorizationCacheEnabled": "false",
        "AuthorizeRemoteTxRequests": "true",
        "BlinkRepeat": "5",
        "ClockAlignedDataInterval": "60",
        "ConnectionTimeOut": "60",
        "ConnectorPhaseRotation": "RST",
        "ConnectorPhaseRotationMaxLength": "1",
        "GetConfigurationMaxKeys": "50",
        "HeartbeatInterval": "10",
        "LightIntensity": "10",
        "LocalAuthorizeOffline": "true",
        "LocalPreAuthorize": "false",
        "MaxEnergyOnInvalidId": "0",
        "MessageTimeout": "300",
        "MeterValueSampleInterval": "10",
        "MeterValuesAlignedData": ENERGY,
        "MeterValuesAlignedDataMaxLength": "10",
        "MeterValuesSampledData": ENERGY,
        "MeterValuesSampledDataMaxLength": "1",
        "MinimumStatusDuration": "0",
        "NumberOfConnectors": "1",
        "ResetRetries": "3",
        "StopTransactionMaxMeterValues": "0",
        "StopTransactionOnEVSideDisconnect": "true",
        "StopTransactionOnInvalidId": "true",
        "StopTxnAlignedDataMaxLength": "0",
        "StopTxnSampledDataMaxLength": "0",
        "SupportedFeatureProfilesMaxLength": "6",
        "TransactionMessageAttempts": "3",
        "TransactionMessageRetryInterval": "60",
        "UnlockConnectorOnEVSideDisconnect": "false",
        "WebSocketPingInterval": "0",
        "ReserveConnectorZeroSupported": "false",
        "ConnectorSwitch3to1PhaseSupported": "false",
        "ChargeProfileMaxStackLevel": "3",
        "ChargingScheduleAllowedChargingRateUnit": "Current",
        "ChargingScheduleMaxPeriods": "16",
        "MaxChargingProfilesInstalled": "24",
    },
    "xcharge_c6": {
        "GetConfigurationMaxKeys": "60",
        "MeterValuesAlignedData": ENERGY,
        "MeterValuesAlignedDataMaxLength": LARGEST,
        "MeterValuesSampledDataMaxLength": LARGEST,
        "StopTransactionMaxMeterValues": LARGEST,
        "StopTransactionOnEVSideDisconnect": "true",
        "StopTxnAlignedDataMaxLength": LARGEST,
        "StopTxnSampledDataMaxLength": LARGEST,
        "WebSocketPingInterval": "60",
        "NumberOfConnectors": "2",
        "LocalAuthListMaxLength": "50",
        "SendLocalListMaxLength": "50",
        "ReserveConnectorZeroSupported": "false",
        "ChargeProfileMaxStackLevel": "3",
        "ChargingScheduleAllowedChargingRateUnit": "Current,Power",
    },
}
# Certified, too, and of profiles that come later: not there before the profile is.
OF_LATER_PROFILES = {
    "loop_evs32a": {
        "SupportedFileTransferProtocols": "HTTP,FTP",
        "CertificateSignedMaxChainSize": "10",
        "CertificateStoreMaxLength": "10",
    },
    "ecarplug_ac": {
        "SupportedFileTransferProtocols": "HTTP,HTTPS",
    },
    "xcharge_c6": {
        "SupportedFileTransferProtocols": "HTTP,HTTPS,FTP,FTPS",
    },
}
