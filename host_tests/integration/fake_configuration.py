# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The configuration of fake_station.py: what the Core profile requires, and what others add."""

READ_ONLY = (
    "GetConfigurationMaxKeys",
    "NumberOfConnectors",
    "SupportedFeatureProfiles",
    "LocalAuthListMaxLength",
    "SendLocalListMaxLength",
    "ReserveConnectorZeroSupported",
    "ChargeProfileMaxStackLevel",
    "ChargingScheduleAllowedChargingRateUnit",
    "ChargingScheduleMaxPeriods",
    "MaxChargingProfilesInstalled",
)
# Those that the fake can have; Core is always there.
PROFILES = ("LocalAuthListManagement", "Reservation", "RemoteTrigger", "SmartCharging")

VALUES = {
    "AllowOfflineTxForUnknownId": "false",
    "AuthorizationCacheEnabled": "true",
    "AuthorizeRemoteTxRequests": "true",
    "ClockAlignedDataInterval": "0",
    "ConnectionTimeOut": "30",
    "ConnectorPhaseRotation": "NotApplicable",
    "GetConfigurationMaxKeys": "50",
    "HeartbeatInterval": "300",
    "LocalAuthorizeOffline": "true",
    "LocalPreAuthorize": "true",
    "MaxEnergyOnInvalidId": "0",
    "MessageTimeout": "30",
    "MeterValueSampleInterval": "60",
    "MeterValuesAlignedData": "Energy.Active.Import.Register",
    "MeterValuesSampledData": "Energy.Active.Import.Register,Current.Import",
    "MinimumStatusDuration": "0",
    "NumberOfConnectors": "2",
    "ResetRetries": "1",
    "StopTransactionOnEVSideDisconnect": "true",
    "StopTransactionOnInvalidId": "true",
    "StopTxnAlignedData": "",
    "StopTxnSampledData": "",
    "SupportedFeatureProfiles": "Core",
    "TransactionMessageAttempts": "3",
    "TransactionMessageRetryInterval": "60",
    "UnlockConnectorOnEVSideDisconnect": "true",
}

MORE = {
    "LocalAuthListEnabled": "true",
    "LocalAuthListMaxLength": "8",
    "SendLocalListMaxLength": "6",
    "ReserveConnectorZeroSupported": "true",
    "ChargeProfileMaxStackLevel": "3",
    "ChargingScheduleAllowedChargingRateUnit": "Current,Power",
    "ChargingScheduleMaxPeriods": "6",
    "MaxChargingProfilesInstalled": "5",
    "SupportedFeatureProfiles": ",".join(("Core", *PROFILES)),
}
