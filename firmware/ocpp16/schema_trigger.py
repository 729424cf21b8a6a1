# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""OCPP 1.6 RemoteTrigger: what the charge point may receive.

Written by tools/schemas.py, do not edit; `ocpp16/schema.py` reads these rows and explains them.
"""

# fmt: off

# Requests of the CSMS.
REQUESTS = (
    "TriggerMessage", (6,
        "requestedMessage", 8,  # required
        "connectorId", 130,  # integer
    ),
)

# Answers of the CSMS to requests of the charge point.
RESPONSES = (
)
