# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""What the CSMS may ask of us: the Reservation profile (OCPP 1.6 sections 5.2 and 5.13)."""

from ocpp16.rpc import CallError
from ocpp16.schema import PROPERTY
from station.authorization import normalise
from station.reservation import Reservation


def handlers(station, session):
    """See `ocpp16.profiles`."""
    return Reserving(station).handlers()


class Reserving:
    def __init__(self, station):
        self._station = station

    def handlers(self):
        return {"CancelReservation": self.cancel_reservation, "ReserveNow": self.reserve_now}

    def reserve_now(self, payload):
        station = self._station
        number = payload["connectorId"]
        if number < 0:
            raise CallError(PROPERTY, "connectorId is negative")
        try:
            normalise(payload["idTag"])
        except ValueError as error:
            raise CallError(PROPERTY, "idTag: %s" % error)
        try:
            expiry_utc_ms = station.clock.parse(payload["expiryDate"], True)
        except ValueError as error:
            raise CallError(PROPERTY, "expiryDate is %s" % error)
        parent = payload.get("parentIdTag") or None
        reservation = Reservation(payload["reservationId"], number, payload["idTag"], parent, expiry_utc_ms)
        return {"status": station.reserve(reservation)}

    def cancel_reservation(self, payload):
        return {"status": self._station.reservations.cancel(payload["reservationId"])}
