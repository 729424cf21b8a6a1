# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""OCPP 1.6 Core: what the charge point may receive.

Written by tools/schemas.py, do not edit; `ocpp16/schema.py` reads these rows and explains them.
"""

# fmt: off

# Requests of the CSMS.
REQUESTS = (
    "ChangeAvailability", (6,
        "connectorId", 138,  # integer, required
        "type", (13, "Inoperative", "Operative"),  # required
    ),
    "ChangeConfiguration", (6,
        "key", 3208,  # string, <= 50, required
        "value", 32008,  # string, <= 500, required
    ),
    "ClearCache", (6,),
    "DataTransfer", (6,
        "vendorId", 16328,  # string, <= 255, required
        "messageId", 3200,  # string, <= 50
        "data", 0,  # string
    ),
    "GetConfiguration", (6,
        "key", 3216,  # list, string, <= 50
    ),
    "RemoteStartTransaction", (6,
        "connectorId", 130,  # integer
        "idTag", 1288,  # string, <= 20, required
        "chargingProfile", (6,
            "chargingProfileId", 74,  # integer, required
            "transactionId", 2,  # integer
            "stackLevel", 138,  # integer, required
            "chargingProfilePurpose", (13,
                "ChargePointMaxProfile",
                "TxDefaultProfile",
                "TxProfile",
            ),
            "chargingProfileKind", (13, "Absolute", "Recurring", "Relative"),  # required
            "recurrencyKind", (5, "Daily", "Weekly"),
            "validFrom", 1,  # date-time
            "validTo", 1,  # date-time
            "chargingSchedule", (14,
                "duration", 130,  # integer
                "startSchedule", 1,  # date-time
                "chargingRateUnit", (13, "A", "W"),  # required
                "chargingSchedulePeriod", (30,
                    "startPeriod", 138,  # integer, required
                    "limit", 11,  # number, required
                    "numberPhases", 130,  # integer
                ),
                "minChargingRate", 3,  # number
            ),
        ),
    ),
    "RemoteStopTransaction", (6,
        "transactionId", 10,  # integer, required
    ),
    "Reset", (6,
        "type", (13, "Hard", "Soft"),  # required
    ),
    "UnlockConnector", (6,
        "connectorId", 138,  # integer, required
    ),
)

# Answers of the CSMS to requests of the charge point.
RESPONSES = (
    "Authorize", (6,
        "idTagInfo", (14,
            "expiryDate", 1,  # date-time
            "parentIdTag", 1280,  # string, <= 20
            "status", (13,
                "Accepted",
                "Blocked",
                "Expired",
                "Invalid",
                "ConcurrentTx",
            ),
        ),
    ),
    "BootNotification", (6,
        "status", (13, "Accepted", "Pending", "Rejected"),  # required
        "currentTime", 9,  # date-time, required
        "interval", 10,  # integer, required
    ),
    "DataTransfer", (6,
        "status", (13,
            "Accepted",
            "Rejected",
            "UnknownMessageId",
            "UnknownVendorId",
        ),
        "data", 0,  # string
    ),
    "Heartbeat", (6,
        "currentTime", 9,  # date-time, required
    ),
    "MeterValues", (6,),
    "StartTransaction", (6,
        "idTagInfo", (14,
            "expiryDate", 1,  # date-time
            "parentIdTag", 1280,  # string, <= 20
            "status", (13,
                "Accepted",
                "Blocked",
                "Expired",
                "Invalid",
                "ConcurrentTx",
            ),
        ),
        "transactionId", 10,  # integer, required
    ),
    "StatusNotification", (6,),
    "StopTransaction", (6,
        "idTagInfo", (6,
            "expiryDate", 1,  # date-time
            "parentIdTag", 1280,  # string, <= 20
            "status", (13,
                "Accepted",
                "Blocked",
                "Expired",
                "Invalid",
                "ConcurrentTx",
            ),
        ),
    ),
)

# Every action of OCPP 1.6, security extension included.
ACTIONS = (
    "Core", (
        "Authorize BootNotification ChangeAvailability ChangeConfiguration ClearCache DataTransfer "
        "GetConfiguration Heartbeat MeterValues RemoteStartTransaction RemoteStopTransaction Reset "
        "StartTransaction StatusNotification StopTransaction UnlockConnector"
    ),
    "FirmwareManagement", (
        "DiagnosticsStatusNotification FirmwareStatusNotification GetDiagnostics UpdateFirmware"
    ),
    "LocalAuthListManagement", (
        "GetLocalListVersion SendLocalList"
    ),
    "Reservation", (
        "CancelReservation ReserveNow"
    ),
    "SmartCharging", (
        "ClearChargingProfile GetCompositeSchedule SetChargingProfile"
    ),
    "RemoteTrigger", (
        "TriggerMessage"
    ),
    "Security", (
        "CertificateSigned DeleteCertificate ExtendedTriggerMessage GetInstalledCertificateIds "
        "GetLog InstallCertificate LogStatusNotification SecurityEventNotification SignCertificate "
        "SignedFirmwareStatusNotification SignedUpdateFirmware"
    ),
)
