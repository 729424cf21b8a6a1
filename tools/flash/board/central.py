# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""A central system that outlives the charger's power cuts and forgets nothing.

It answers at once, in the call itself, so that no event loop is needed. A message that comes again with its
id is answered as before and counted as the retry it is; anything else that comes twice is another message.
"""

import json

_CALL = 2
_REGISTER = "Energy.Active.Import.Register"
REFUSED = "MALLORY"  # Authorize lets this tag in, StartTransaction does not
LISTED = "ERIN"  # the local list lets this tag in: nobody has to ask
BLOCKED = "FRANK"  # and not this one


class Row:
    """One transaction as the central system knows it. Registers in Wh, moments as the texts that came.

    reservation: reservationId, or None; meters: (register, moment) of every MeterValues; stop: (register,
    moment, reason) or None
    """

    def __init__(self, transaction_id, payload):
        self.id = transaction_id
        self.connector = payload["connectorId"]
        self.tag = payload["idTag"]
        self.start_wh = payload["meterStart"]
        self.started = payload["timestamp"]
        self.reservation = payload.get("reservationId")
        self.meters = []
        self.stop = None

    def copy(self):
        payload = {"connectorId": self.connector, "idTag": self.tag, "meterStart": self.start_wh}
        payload["timestamp"] = self.started
        other = Row(self.id, payload)
        other.reservation = self.reservation
        other.meters = list(self.meters)
        other.stop = self.stop
        return other

    @property
    def key(self):
        return self.connector, self.tag, self.start_wh

    def __repr__(self):
        return "%d (connector %d, %s, from %d Wh)" % (self.id, self.connector, self.tag, self.start_wh)


class Central:
    """`utc_text()`: the true time. `meters_forget`: a transaction may begin below the register with which the
    one before it ended.

    said           every message with a transaction, once: (action, ...), see `_said`
    rows           every transaction, in the order in which their starts came
    registers      {connector: [register, ...]} in the order of all messages
    faults         (kind, text) of what no sound charger sends
    retries        messages that came again with their id
    lose_answer    so many more messages with a transaction until an answer is lost with the connection
    refuse         so many CALLs with MeterValues are answered with a CALLERROR
    pending        BootNotification is answered with Pending
    statuses       {connector: the status that was told last}
    """

    def __init__(self, utc_text, meters_forget=False):
        self._utc_text = utc_text
        self._meters_forget = meters_forget
        self.said = []
        self.rows = []
        self.registers = {}
        self.faults = []
        self.retries = 0
        self.lose_answer = None
        self.refuse = 0
        self.pending = False
        self.statuses = {}
        self._told = {}  # (action, connector): how many, of MeterValues only those that were asked for
        self._answers = {}  # message id -> (what it said, the answer's payload)

    def copy(self, utc_text):
        """One that knows as much and goes its own way."""
        other = Central(utc_text, self._meters_forget)
        other.said = list(self.said)
        other.rows = [row.copy() for row in self.rows]
        other.registers = {connector: list(seen) for connector, seen in self.registers.items()}
        other.statuses = dict(self.statuses)
        other._told = dict(self._told)
        other._answers = dict(self._answers)
        return other

    def count(self, action, connector):
        """How many StatusNotifications, or MeterValues that TriggerMessage has asked for."""
        return self._told.get((action, connector), 0)

    def open_row(self, connector):
        """The last transaction that was begun on it and not ended, or None."""
        for row in reversed(self.rows):
            if row.connector == connector and row.stop is None:
                return row
        return None

    def take(self, text):
        """The text of the answer to a charger's message, None when it gets lost with the connection."""
        frame = json.loads(text)
        if frame[0] != _CALL:
            return None
        message_id, action, payload = frame[1], frame[2], frame[3]
        if action == "MeterValues" and self.refuse:
            self.refuse -= 1
            return json.dumps([4, message_id, "InternalError", "", {}])
        answer = self._answer(message_id, action, payload)
        if self.lose_answer is not None and action in ("StartTransaction", "StopTransaction", "MeterValues"):
            self.lose_answer -= 1
            if self.lose_answer <= 0:
                self.lose_answer = None
                return None
        return json.dumps([3, message_id, answer])

    def _answer(self, message_id, action, payload):
        if action == "BootNotification":
            status = "Pending" if self.pending else "Accepted"
            return {"status": status, "interval": 600, "currentTime": self._utc_text()}
        if action == "Heartbeat":
            return {"currentTime": self._utc_text()}
        if action == "Authorize":
            if payload["idTag"] == LISTED:
                self.faults.append(("list", "asked about %s, who is in it" % LISTED))
            return {"idTagInfo": {"status": "Accepted"}}
        if action == "StatusNotification":
            self.statuses[payload["connectorId"]] = payload["status"]
        if action == "StatusNotification" or _is_triggered(action, payload):
            key = action, payload["connectorId"]
            self._told[key] = self._told.get(key, 0) + 1
            if "transactionId" not in payload:
                return {}  # it is no transaction's
        if action not in ("StartTransaction", "StopTransaction", "MeterValues"):
            return {}
        said = _said(action, payload)
        if message_id in self._answers:
            before, answer = self._answers[message_id]
            if before != said:
                # A central system that remembers ids takes it for the old message, and never sees this one.
                self.faults.append(("lost", "%s of %s used again for %s" % (before, message_id, said)))
            self.retries += 1
            return answer
        self.said.append(said)
        answer = getattr(self, "_" + action)(payload)
        self._answers[message_id] = (said, answer)
        return answer

    # named as the actions are

    def _StartTransaction(self, payload):  # noqa: N802
        row = Row(1000 + len(self.rows), payload)
        self.rows.append(row)
        if row.tag == BLOCKED:
            self.faults.append(("list", "%s charges" % BLOCKED))
        if self._meters_forget:
            self.registers[row.connector] = []
        self._register(row, row.start_wh)
        return {
            "transactionId": row.id,
            "idTagInfo": {"status": "Blocked" if row.tag == REFUSED else "Accepted"},
        }

    def _MeterValues(self, payload):  # noqa: N802
        row = self._row(payload, "MeterValues")
        if row is None:
            return {}
        for value in payload["meterValue"]:
            register = _register_of(value["sampledValue"])
            if row.stop is not None:
                self.faults.append(("order", "MeterValues of %s after its StopTransaction" % row))
            if not self.pending:  # else it went past the outbox, of which the ledger keeps the books
                row.meters.append((register, value["timestamp"]))
            self._register(row, register)
        return {}

    def _StopTransaction(self, payload):  # noqa: N802
        row = self._row(payload, "StopTransaction")
        if row is None:
            return {}
        if row.stop is not None:
            self.faults.append(("duplicated", "StopTransaction of %s" % row))
            return {}
        row.stop = (payload["meterStop"], payload["timestamp"], payload.get("reason"))
        if row.tag == REFUSED and payload.get("reason") not in ("DeAuthorized", "PowerLoss"):
            self.faults.append(("order", "%s ends with %s" % (row, payload.get("reason"))))
        self._register(row, payload["meterStop"])
        moment = row.started
        for at in [at for _, at in row.meters] + [payload["timestamp"]]:
            if at < moment:
                self.faults.append(("order", "%s behind %s in %s" % (at, moment, row)))
            moment = at
        return {"idTagInfo": {"status": "Accepted"}}

    def _row(self, payload, action):
        number = payload.get("transactionId")
        for row in self.rows:
            if row.id == number:
                if payload.get("connectorId", row.connector) != row.connector:
                    self.faults.append(("order", "%s of %s for another connector" % (action, row)))
                return row
        self.faults.append(("lost", "%s of transaction %s, which was never begun" % (action, number)))
        return None

    def _register(self, row, register_wh):
        seen = self.registers.setdefault(row.connector, [])
        if seen and register_wh < seen[-1]:
            self.faults.append(("energy", "%d Wh after %d Wh in %s" % (register_wh, seen[-1], row)))
        seen.append(register_wh)


def _said(action, payload):
    """What makes it the same message: times and ids may be known better when it is sent again."""
    if action == "StartTransaction":
        return action, payload["connectorId"], payload["idTag"], payload["meterStart"]
    if action == "StopTransaction":
        return action, payload["meterStop"], payload.get("reason")
    return action, payload["connectorId"], _register_of(payload["meterValue"][0]["sampledValue"])


def _is_triggered(action, payload):
    return action == "MeterValues" and any(
        value.get("context") == "Trigger"
        for meter_value in payload["meterValue"]
        for value in meter_value["sampledValue"]
    )


def _register_of(values):
    for value in values:
        if value.get("measurand", _REGISTER) == _REGISTER:
            return int(value["value"])
    return None
