# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""OCPP 1.6 LocalAuthListManagement: what the charge point may receive.

Written by tools/schemas.py, do not edit; `ocpp16/schema.py` reads these rows and explains them.
"""

# fmt: off

# Requests of the CSMS.
REQUESTS = (
    "GetLocalListVersion", (6,),
    "SendLocalList", (6,
        "listVersion", 74,  # integer, required
        "localAuthorizationList", (22,
            "idTag", 1288,  # string, <= 20, required
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
        "updateType", (13, "Differential", "Full"),  # required
    ),
)

# Answers of the CSMS to requests of the charge point.
RESPONSES = (
)
