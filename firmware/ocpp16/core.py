# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""What the CSMS may ask of us: the Core profile (OCPP 1.6 section 5).

A handler takes a payload that has passed the schema and gives the .conf's payload, or (payload, what to do
once the answer is on its way), or a coroutine of the payload.
"""

import asyncio

from ocpp16.rpc import CallError

_BAD_VALUE = "PropertyConstraintViolation"


class Core:
    def __init__(self, station, registration):
        """`registration()` -> the status of the last BootNotification.conf, None before the first."""
        self._station = station
        self._registration = registration

    def handlers(self):
        return {
            "ChangeAvailability": self.change_availability,
            "ChangeConfiguration": self.change_configuration,
            "ClearCache": self.clear_cache,
            "DataTransfer": self.data_transfer,
            "GetConfiguration": self.get_configuration,
            "RemoteStartTransaction": self.remote_start_transaction,
            "RemoteStopTransaction": self.remote_stop_transaction,
            "Reset": self.reset,
            "UnlockConnector": self.unlock_connector,
        }

    def change_availability(self, payload):
        number = payload["connectorId"]
        if number < 0:
            raise CallError(_BAD_VALUE, "connectorId is negative")
        operative = payload["type"] == "Operative"
        return {"status": self._station.change_availability(number, operative)}

    def change_configuration(self, payload):
        return {"status": self._station.config.change(payload["key"], payload["value"])}

    def clear_cache(self, payload):
        cache = self._station.cache
        if cache is None:
            return {"status": "Rejected"}  # errata 3.23: there is no cache
        try:
            cache.clear()
        except OSError:
            return {"status": "Rejected"}
        return {"status": "Accepted"}

    def data_transfer(self, payload):
        # No vendor extension is implemented, so no vendorId is known.
        return {"status": "UnknownVendorId"}

    def get_configuration(self, payload):
        config = self._station.config
        keys = payload.get("key")
        most = config.value("GetConfigurationMaxKeys")
        if keys and len(keys) > most:
            raise CallError(
                "OccurenceConstraintViolation", "more than GetConfigurationMaxKeys (%d) keys" % most
            )
        rows, unknown = config.rows(keys or None)
        conf = {"configurationKey": [_configuration_key(row) for row in rows]}
        if unknown:
            conf["unknownKey"] = unknown
        return conf

    def remote_start_transaction(self, payload):
        number = payload.get("connectorId")
        if number is not None and number < 0:
            raise CallError(_BAD_VALUE, "connectorId is negative")
        if self._registration() != "Accepted":
            return {"status": "Rejected"}  # section 4.2: none while Pending
        station = self._station
        profile = None
        # Stations without SmartCharging ignore it (section 5.11).
        if "chargingProfile" in payload and station.charging is not None:
            from ocpp16 import smart_charging  # few do send one

            profile = smart_charging.remote_profile(payload["chargingProfile"], station, number)
            if profile is None:
                return {"status": "Rejected"}
        status, begin = station.admission.remote_start(payload["idTag"], number, station.now(), profile)
        return {"status": status}, begin

    def remote_stop_transaction(self, payload):
        if self._registration() != "Accepted":
            return {"status": "Rejected"}
        status, end = self._station.admission.remote_stop(payload["transactionId"])
        return {"status": status}, end

    def reset(self, payload):
        return {"status": "Accepted"}, lambda: self._station.close(payload["type"])

    async def unlock_connector(self, payload):
        connector = self._station.connector(payload["connectorId"])
        if connector is None:
            return {"status": "NotSupported"}
        answer = []
        answered = asyncio.Event()

        def done(status):
            answer.append(status)
            answered.set()

        # The connector answers within its own limits: the stop of a transaction and the travel of the lock.
        connector.unlock(done, self._station.now())
        if not answer:
            await answered.wait()
        return {"status": answer[0]}


def _configuration_key(row):
    key, readonly, text = row
    entry = {"key": key, "readonly": readonly}
    if text is not None:
        entry["value"] = text
    return entry
