# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The world of a charger: `premises`, the network, and what the central system asks for.

Its verbs (`configure`, `send_list`) say what is to be true afterwards, as those of a driver do: they can be
said again after a power cut.
"""

import json

from flash.board.premises import MOUNT, Premises, Stuck
from flash.board.promises import entries
from ocpp16.registration import PENDING

__all__ = ("MOUNT", "Stuck", "World")
_TURN_MS = 1000


class World(Premises):
    """answers: what the charger has answered to the last CALL: frames"""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.answers = []
        self._next_call = 0

    def link(self, up):
        self.link_up = up
        self.wait(_TURN_MS)

    def online(self):
        self.until("registered", lambda: self.charger.online)

    def pending(self):
        """The central system is not ready: until it is, the charger says only what it is asked for."""
        self.central.pending = True
        if not self._is_pending():
            self.ask("TriggerMessage", {"requestedMessage": "BootNotification"})
        self.until("pending", self._is_pending)

    def _is_pending(self):
        session = self.charger.session
        return session.connected and session.registration == PENDING

    def drained(self):
        """Everything is told."""
        self.until("told", lambda: self.charger.online and self.charger.outbox.depth == 0)

    def request(self, action, payload):
        """A CALL of the central system: the answer's payload."""
        self.until("registered", lambda: self.charger.online or self._is_pending())
        self._ask(action, payload)
        self.until("answer to " + action, lambda: self.answers)
        frame = self.answers.pop()
        if frame[0] != 3:
            raise Stuck("%s: %s" % (action, frame))
        self.wait(_TURN_MS)
        return frame[2]

    def _ask(self, action, payload):
        self._next_call += 1
        self.answers.clear()
        message_id = "c%d" % self._next_call
        self.promises.asked(message_id, action, payload)
        self.charger.receive(json.dumps([2, message_id, action, payload]))

    def answered(self, text):
        """The charger answers a CALL of the central system."""
        frame = json.loads(text)
        self.promises.answered(frame)
        self.answers.append(frame)

    def ask(self, action, payload, wanted=("Accepted",)):
        status = self.request(action, payload)["status"]
        if status not in wanted:
            raise Stuck("%s %s: %s" % (action, str(payload)[:200], status))

    def configure(self, key, value):
        self.ask("ChangeConfiguration", {"key": key, "value": value})

    def available(self, number, operative):
        kind = "Operative" if operative else "Inoperative"
        payload = {"connectorId": number, "type": kind}
        self.ask("ChangeAvailability", payload, ("Accepted", "Scheduled"))

    def reserve(self, reservation, number, tag):
        payload = {"connectorId": number, "idTag": tag, "reservationId": reservation}
        payload["expiryDate"] = "2090-01-01T00:00:00Z"
        self.ask("ReserveNow", payload)

    def reservation_used(self, reservation):
        """By one transaction that has begun, and it is gone."""
        self.drained()
        users = [row for row in self.central.rows if row.reservation == reservation]
        if len(users) != 1:
            self.fault("reservation", "%d is used by %s" % (reservation, users))
        if self.charger.station.reservations.find(reservation) is not None:
            self.fault("reservation", "%d is still there" % reservation)

    def send_list(self, version, is_full, listed):
        """The charger has this list; `listed`: (tag, facts) as in `promises`."""
        if self.list_version() != (version if listed or not is_full else 0):
            self.offer_list(version, is_full, listed, ("Accepted",))

    def list_version(self):
        return self.request("GetLocalListVersion", {})["listVersion"]

    def offer_list(self, version, is_full, listed, wanted=("Accepted", "Failed")):
        """It may take it or not."""
        self.online()
        self.promises.sends(version, is_full, listed)
        self.ask("SendLocalList", _list_payload(version, is_full, listed), wanted)
        self.promises.check(self.charger.station)

    def interrupt_list(self, version, is_full, listed):
        """The network goes while the list is on its way: the one that was there stays."""
        before = self.list_version()
        self.promises.sends(version, is_full, listed)
        self._ask("SendLocalList", _list_payload(version, is_full, listed))
        self.wait(4 * _TURN_MS)
        if self.answers:
            raise Stuck("the list has come at once")
        self.link(False)
        self.link(True)
        if self.list_version() != before:
            self.fault("list", "half a message has changed version %d" % before)
        self.promises.rebooted()
        self.promises.check(self.charger.station)

    # --- charging profiles; `given`: as csChargingProfiles, see `charging` ---

    def install(self, number, given):
        """The charger has this profile on connector `number`."""
        self.offer(number, given, ("Accepted",))

    def offer(self, number, given, wanted=("Accepted", "Rejected")):
        """It may take it or not."""
        self.online()
        self.ask("SetChargingProfile", {"connectorId": number, "csChargingProfiles": given}, wanted)

    def install_for(self, number, tag, given):
        """The same of a TxProfile: somebody charges there."""
        self.begin(number, tag)
        self.install(number, given)

    def repeat(self, number, given):
        """Which it has: nothing is to be written."""
        self.install(number, given)
        before = self.promises.charging.serials(self.charger.station)
        self.install(number, given)
        if self.promises.charging.serials(self.charger.station) != before:
            self.fault("profile", "%d is written again" % given["chargingProfileId"])

    def clear(self, criteria):
        """None that these say is there."""
        self.ask("ClearChargingProfile", criteria, ("Accepted", "Unknown"))

    def try_to_clear(self, criteria):
        """Any answer will do."""
        self.online()
        self._ask("ClearChargingProfile", criteria)
        self.until("answer to ClearChargingProfile", lambda: self.answers)
        self.wait(_TURN_MS)

    def begin_remotely(self, number, tag, given):
        """Somebody charges there whom the central system has started, with a profile."""

        def act():
            connector = self.connector(number)
            if not connector.busy and connector.grant is None:
                payload = {"connectorId": number, "idTag": tag, "chargingProfile": given}
                self.ask("RemoteStartTransaction", payload, ("Accepted", "Rejected"))

        if not self._cars.get(number):
            self.plug(number)
        self.until("%s charges at %d" % (tag, number), lambda: self.energised(number), act)

    def trigger(self, action, number):
        """The central system asks for a message about a connector, whose meter answers, and gets it."""
        self.until("meter", lambda: self.register_wh(number) is not None and not self._supply(number).faults)
        before = self.central.count(action, number)
        self.ask("TriggerMessage", {"requestedMessage": action, "connectorId": number})
        try:
            self.until(action, lambda: self.central.count(action, number) > before)
        except Stuck:
            self.fault("trigger", "%s of connector %d was accepted, and is not sent" % (action, number))
        status = self.central.statuses.get(number)
        if action == "StatusNotification" and status != self.connector(number).status_name:
            self.fault("trigger", "connector %d is told to be %s" % (number, status))

    def remote_stop(self, number):
        row = self.central.open_row(number)
        if row is not None and self.connector(number).transaction is not None:
            self.request("RemoteStopTransaction", {"transactionId": row.id})
        self.until("remote stop", lambda: not self.connector(number).busy)


def _list_payload(version, is_full, listed):
    payload = {"listVersion": version, "updateType": "Full" if is_full else "Differential"}
    payload["localAuthorizationList"] = entries(listed)
    return payload
