# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""OCPP 1.6 Reservation: what the charge point may receive.

Written by tools/schemas.py, do not edit; `ocpp16/schema.py` reads these rows and explains them.
"""

# fmt: off

# Requests of the CSMS.
REQUESTS = (
    "CancelReservation", (6,
        "reservationId", 74,  # integer, required
    ),
    "ReserveNow", (6,
        "connectorId", 138,  # integer, required
        "expiryDate", 9,  # date-time, required
        "idTag", 1288,  # string, <= 20, required
        "parentIdTag", 1280,  # string, <= 20
        "reservationId", 74,  # integer, required
    ),
)

# Answers of the CSMS to requests of the charge point.
RESPONSES = (
)
