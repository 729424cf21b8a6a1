# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""What the charger has answered Accepted to, which no power cut may undo: the Local Authorization List with
its version, reservations, and charging profiles (`charging`).

A list is (version, {tag: facts}), facts (status, expiry_utc_ms, parent) as in an entry of SendLocalList; None
there: the entry has none. Before an update is answered the list is the old one or the new one, whole; every
boot tells which. Looked at is each tag that was ever sent, and some that never were.
"""

from flash.board.charging import ChargingPromises
from station import timestamp

NO_LIST = (0, {})


def entries(listed):
    """(tag, facts) of each as localAuthorizationList."""
    found = []
    for tag, facts in listed:
        entry: dict = {"idTag": tag}
        if facts is not None:
            entry["idTagInfo"] = info = {"status": facts[0]}
            if facts[1] is not None:
                info["expiryDate"] = timestamp.text(facts[1])
            if facts[2] is not None:
                info["parentIdTag"] = facts[2]
        found.append(entry)
    return found


def updated(before, version, is_full, listed):
    """The list that an update makes of the list `before`."""
    content = {} if is_full else dict(before[1])
    for tag, facts in listed:
        if facts is None:
            content.pop(tag.upper(), None)
        else:
            content[tag.upper()] = facts
    return (version if content or not is_full else 0, content)


class Promises:
    """`fault(kind, text)` hears what was not kept; kinds: "list", "reservation", "profile".

    charging   `ChargingPromises`
    lists      those of which one is on flash: all but the last answer leaves one
    strangers  tags that were never sent
    """

    def __init__(self, fault, resumes):
        """`resumes`: transactions go on after a power cut."""
        self._fault = fault
        self._resumes = resumes
        self._connectors = []
        self.charging = ChargingPromises(fault, resumes)
        self.lists = [NO_LIST]
        self.strangers = ["STRANGER", "0", "ZZZZZZZZZZZZZZZZZZZZ"]
        self._tags = []
        self._update = None  # (before, after): the lists that an update finds and leaves, not answered yet
        self._asked = None  # (message id, action, payload)
        self._reserved = []  # reservationIds; of them no transaction has begun

    def copy(self, fault):
        """One that knows as much and goes its own way."""
        other = Promises(fault, self._resumes)
        other.charging = self.charging.copy(fault)
        other.lists = list(self.lists)
        other._tags = list(self._tags)
        other._reserved = list(self._reserved)
        return other

    def watch(self, charger):
        """Stand before the outbox of a charger that was just built."""
        outbox = charger.outbox
        started = outbox.started
        self._connectors = charger.station.connectors

        def on_start(transaction):
            self.charging.started(transaction)
            if transaction.reservation_id in self._reserved:
                self._reserved.remove(transaction.reservation_id)
            return started(transaction)

        outbox.started = on_start

    # --- between the central system and the charger ---

    def sends(self, version, is_full, listed):
        """SendLocalList is going to be asked with this."""
        before = self.lists
        after = [updated(one, version, is_full, listed) for one in before]
        for tag, _ in listed:
            if tag.upper() not in self._tags:
                self._tags.append(tag.upper())
        self._update = before, after
        self.lists = before + [one for one in after if one not in before]

    def asked(self, message_id, action, payload):
        self._asked = message_id, action, payload
        running = [one.transaction and one.transaction.number for one in self._connectors]
        self.charging.asked(message_id, action, payload, running)

    def answered(self, frame):
        """A CALLRESULT or CALLERROR to what was asked last, the moment it leaves the charger."""
        if self._asked is None or frame[1] != self._asked[0]:
            return
        _, action, payload = self._asked
        self._asked = None
        result = frame[2] if frame[0] == 3 else {}
        self.charging.answered(frame[1], result.get("status"))
        if action == "SendLocalList" and self._update is not None:
            before, after = self._update
            self.lists = after if result.get("status") == "Accepted" else before
            self._update = None
        elif action == "ReserveNow" and result.get("status") == "Accepted":
            if payload["reservationId"] not in self._reserved:
                self._reserved.append(payload["reservationId"])
        elif action == "GetLocalListVersion":
            self._compare_version("GetLocalListVersion says", result.get("listVersion"))

    # --- what is true ---

    def check(self, station):
        """Of a charger that was just built, or has just answered."""
        for number in self._reserved:
            if station.reservations.find(number) is None:
                self._fault("reservation", "%d was accepted, and is forgotten" % number)
        if station.local_list is not None:
            self._check_list(station.local_list)

    def _check_list(self, local_list):
        found = {}
        for tag in self._tags:
            info = local_list.lookup(tag)
            if info is not None:
                found[tag] = (info.status, info.expiry_utc_ms, info.parent)
        for tag in self.strangers:
            if tag not in self._tags and local_list.lookup(tag) is not None:
                self._fault("list", "%s is in it, and was never sent" % tag)
        if local_list.size != len(found):
            self._fault("list", "it says that it has %d entries, and has %d" % (local_list.size, len(found)))
        self._compare_version("it says that it is", local_list.version)
        if (local_list.version, found) not in self.lists:
            self._fault("list", "version %d is %s" % (local_list.version, self._difference(found)))
        elif self._update is None:
            self.lists = [(local_list.version, found)]

    def rebooted(self):
        """What was asked before nobody answers any more."""
        self._asked = self._update = None
        self.charging.rebooted()

    def _compare_version(self, what, version):
        versions = [one[0] for one in self.lists]
        if version not in versions:
            self._fault("list", "%s version %s, not one of %s" % (what, version, versions))

    def _difference(self, found):
        """From the list that it is most alike."""
        least = None
        for version, content in self.lists:
            tags = [tag for tag in self._tags if found.get(tag) != content.get(tag)]
            if least is None or len(tags) < len(least[1]):
                least = version, tags
        assert least is not None
        return "not that of version %d in %d tags, %s" % (least[0], len(least[1]), least[1][:3])
