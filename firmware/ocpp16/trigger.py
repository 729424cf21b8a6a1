# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""TriggerMessage: the CSMS asks for a message (the Remote Trigger profile, OCPP 1.6 section 5.17).

The answer goes out first, then the message, with what is true when it is made. What waits already is not said
twice, so that a flood of these takes no memory.
"""

_METER_FAILURE = "MeterFailure"
_OF_THE_SESSION = ("BootNotification", "Heartbeat")


def _nothing(action):
    return None


def handlers(station, session):
    """See `ocpp16.profiles`."""
    return RemoteTrigger(station, session).handlers()


class RemoteTrigger:
    def __init__(self, station, session, status_of=_nothing):
        """`status_of(action)`: the payload of a DiagnosticsStatusNotification or FirmwareStatusNotification
        of now, {"status": "Idle"} with nothing under way; None: this station sends no such message.
        """
        self._station = station
        self._session = session
        self._status_of = status_of

    def handlers(self):
        return {"TriggerMessage": self.trigger_message}

    def trigger_message(self, payload):
        action = payload["requestedMessage"]
        numbers = (None,)  # of connectors, where the message is about one
        if action == "StatusNotification":
            numbers = self._numbers(payload, 0)
        elif action == "MeterValues":
            # There is no main meter, which connector 0 would be. A meter that has failed has nothing to say.
            numbers = [
                number
                for number in self._numbers(payload, 1)
                if _METER_FAILURE not in self._station.connector(number).supply.faults
            ]
        elif action not in _OF_THE_SESSION and self._status_of(action) is None:
            return {"status": "NotImplemented"}
        # Errata 3.35 would have BootNotification rejected once it was accepted; CSMSs that have lost what it
        # says ask for it then.
        if not numbers or not self._session.takes(action, len(numbers)):
            return {"status": "Rejected"}
        return {"status": "Accepted"}, lambda: self._tell(action, numbers)

    def _numbers(self, payload, least):
        """The connectors that are meant: without connectorId all that there are."""
        every = range(least, len(self._station.connectors) + 1)
        number = payload.get("connectorId")
        if number is None:
            return every
        return (number,) if number in every else ()

    def _tell(self, action, numbers):
        session = self._session
        for number in numbers:
            if action == "StatusNotification":
                session.tell_status(number)
            elif action == "MeterValues":
                if not session.sample_waits(number):
                    connector = self._station.connector(number)
                    connector.meter_values.trigger(connector)
            elif action in _OF_THE_SESSION:
                session.tell(action)
            else:
                session.tell(action, self._status_of(action))
