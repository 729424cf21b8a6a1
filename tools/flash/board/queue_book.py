# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""What a central system may be told when a queue of transactions, one after the other, is delivered."""

TAG = "04A1B2C3D4E5F6"  # everybody's


class QueueBook:
    """The central system's book: what comes must be the next that there can be.

    `transaction_id`: the last one that was given.
    """

    def __init__(self, meter_values, transaction_id):
        self.messages = 0
        self.complaints = []
        self.thinned = 0  # MeterValues that did not come
        self._meter_values = meter_values
        self._meters = None  # MeterValues of the running transaction, None: none runs
        self._wh = 0
        self._time = ""
        self._id = transaction_id

    def take(self, action, payload):
        self.messages += 1
        error = self._check(action, payload)
        if error is not None and len(self.complaints) < 10:
            self.complaints.append("message %d, %s: %s" % (self.messages, action, error))

    def _check(self, action, payload):
        """What is wrong with it, or None."""
        sample = payload
        if action == "StartTransaction":
            wh = payload["meterStart"]
        elif action == "StopTransaction":
            wh = payload["meterStop"]
        else:
            sample = payload["meterValue"][0]
            wh = int(sample["sampledValue"][0]["value"])
        time, time_before, wh_before = sample["timestamp"], self._time, self._wh
        self._time, self._wh = time, wh
        complaint = self._pass(action, payload)
        if time <= time_before or wh < wh_before:
            return "%s, %d Wh after %s, %d Wh" % (time, wh, time_before, wh_before)
        return complaint

    def _pass(self, action, payload):
        """From one message of a transaction to the next."""
        meters = self._meters
        if action == "StartTransaction":
            self._id += 1
            self._meters = 0
            if meters is not None:
                return "the transaction before was not stopped"
            return None if payload["idTag"] == TAG else "of " + payload["idTag"]
        if meters is None or payload["transactionId"] != self._id:
            return "of transaction %s" % payload["transactionId"]
        if action == "MeterValues":
            self._meters = meters + 1
        else:
            self.thinned += self._meter_values - meters
            self._meters = None
        return None
