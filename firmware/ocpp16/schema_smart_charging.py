# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""OCPP 1.6 SmartCharging: what the charge point may receive.

Written by tools/schemas.py, do not edit; `ocpp16/schema.py` reads these rows and explains them.
"""

# fmt: off

# Requests of the CSMS.
REQUESTS = (
    "ClearChargingProfile", (6,
        "id", 66,  # integer
        "connectorId", 130,  # integer
        "chargingProfilePurpose", (5,
            "ChargePointMaxProfile",
            "TxDefaultProfile",
            "TxProfile",
        ),
        "stackLevel", 130,  # integer
    ),
    "GetCompositeSchedule", (6,
        "connectorId", 138,  # integer, required
        "duration", 138,  # integer, required
        "chargingRateUnit", (5, "A", "W"),
    ),
    "SetChargingProfile", (6,
        "connectorId", 138,  # integer, required
        "csChargingProfiles", (14,
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
)

# Answers of the CSMS to requests of the charge point.
RESPONSES = (
)
