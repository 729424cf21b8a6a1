# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Charging profiles in the lives: what the central system sends, and what may be installed after it.

A state is {chargingProfileId: (facts, transaction)}: what the profile says and where, and our number of the
transaction to which a TxProfile belongs. Before SetChargingProfile is answered the charger is in the state
before it or in the one after it; of several that are cleared each is there or not. Every boot tells which.
"""

from station import timestamp

PURPOSES = ("ChargePointMaxProfile", "TxDefaultProfile", "TxProfile")
_TX = "TxProfile"
_KINDS = {"Absolute": 0, "Relative": 1, "Daily": 2, "Weekly": 3}
_ACTIONS = ("SetChargingProfile", "ClearChargingProfile")
_START = "RemoteStartTransaction"


def profile(number, purpose, level, limit, periods=1, **more):
    """As csChargingProfiles. `more`: of its fields; those of chargingSchedule are given to that."""
    rows = [{"startPeriod": 600 * place, "limit": limit + place % 7} for place in range(periods)]
    dates: dict = {"chargingRateUnit": "A", "chargingSchedulePeriod": rows}
    given: dict = {"chargingProfileId": number, "stackLevel": level, "chargingProfilePurpose": purpose}
    given["chargingProfileKind"] = "Absolute"
    for name, value in more.items():
        (dates if name in ("startSchedule", "duration", "minChargingRate") else given)[name] = value
    given["chargingSchedule"] = dates
    return given


def _facts(connector, given):
    """What has to be installed."""
    dates = given["chargingSchedule"]
    kind = given["chargingProfileKind"]
    rows = []
    for period in dates["chargingSchedulePeriod"]:
        rows += [period["startPeriod"], period["limit"] * 10 * 4]
    return (
        connector,
        PURPOSES.index(given["chargingProfilePurpose"]),
        given["stackLevel"],
        _KINDS[given["recurrencyKind"] if kind == "Recurring" else kind],
        dates["chargingRateUnit"],
        _second(dates, "startSchedule"),
        dates.get("duration"),
        _second(given, "validFrom"),
        _second(given, "validTo"),
        None if "minChargingRate" not in dates else 10 * dates["minChargingRate"],
        rows,
    )


def _second(fields, name):
    return None if name not in fields else timestamp.parse(fields[name], False) // 1000


def _installed(one):
    """The same of what is installed."""
    return (
        one.connector, one.purpose, one.level, one.kind, one.unit, one.start_s, one.duration_s, one.from_s,
        one.to_s, one.least, list(one.periods),
    )  # fmt: skip


def _with(state, number, facts, transaction):
    """Section 5.16: the one with its number goes, and the one in its place."""
    after = {other: one for other, one in state.items() if other != number and one[0][:3] != facts[:3]}
    after[number] = facts, transaction
    return after


def _matches(number, facts, criteria):
    if "id" in criteria:
        return number == criteria["id"]
    return (
        criteria.get("connectorId", facts[0]) == facts[0]
        and criteria.get("chargingProfilePurpose", PURPOSES[facts[1]]) == PURPOSES[facts[1]]
        and criteria.get("stackLevel", facts[2]) == facts[2]
    )


def _without(state, criteria):
    return {number: one for number, one in state.items() if not _matches(number, one[0], criteria)}


def _on_the_way(state, criteria):
    """Each of those that are cleared is there or not."""
    states = [_without(state, criteria)]
    for number, one in state.items():
        if number not in states[0]:
            more = []
            for other in states:
                more.append(dict(other))
                more[-1][number] = one
            states += more
    return states


class ChargingPromises:
    """`fault(kind, text)` hears what was not kept, of the kind "profile". `resumes`: transactions go on after
    a power cut, and their profiles with them.
    """

    def __init__(self, fault, resumes):
        self._fault = fault
        self._resumes = resumes
        self.states = [{}]
        self._asked = None  # (message id, states when it is refused, when it is accepted)
        self._starting = None  # (message id, tag, profile) of a RemoteStartTransaction
        self._started = {}  # tag -> profile of one that was accepted

    def copy(self, fault):
        other = ChargingPromises(fault, self._resumes)
        other.states = [dict(state) for state in self.states]
        return other

    # --- what is asked, answered, begun ---

    def asked(self, message_id, action, payload, running):
        """`running`: our number of the transaction of each connector, or None."""
        if action == _START and "chargingProfile" in payload:
            self._starting = message_id, payload["idTag"], payload["chargingProfile"]
        if action not in _ACTIONS:
            return
        before = self.states
        if action == "SetChargingProfile":
            given, connector = payload["csChargingProfiles"], payload["connectorId"]
            is_tx = given["chargingProfilePurpose"] == _TX
            whose = running[connector - 1] if is_tx else None
            number, facts = given["chargingProfileId"], _facts(connector, given)
            after = [_with(state, number, facts, whose) for state in before]
            between = after
        else:
            after = [_without(state, payload) for state in before]
            between = [state for one in before for state in _on_the_way(one, payload)]
        self._asked = message_id, before, after
        self.states = before + [state for state in between if state not in before]

    def answered(self, message_id, status):
        """`status` None: a CALLERROR."""
        if self._starting is not None and self._starting[0] == message_id:
            if status == "Accepted":
                self._started[self._starting[1]] = self._starting[2]
            self._starting = None
        if self._asked is None or self._asked[0] != message_id:
            return
        _, before, after = self._asked
        self._asked = None
        if status == "Unknown":
            if any(state not in after for state in before):
                self._fault("profile", "nothing was found to be cleared, of %s" % before)
        elif status is not None:
            self.states = after if status == "Accepted" else before

    def started(self, transaction):
        """It is going to be kept: from then on its profile counts, if it came with one."""
        given = self._started.pop(transaction.id_tag, None)
        if given is not None:
            facts = _facts(transaction.connector, given)
            number = given["chargingProfileId"]
            self.states = [_with(state, number, facts, transaction.number) for state in self.states]

    def rebooted(self):
        self._asked = self._starting = None
        self._started = {}
        if not self._resumes:
            self.states = [
                {number: one for number, one in state.items() if one[1] is None} for state in self.states
            ]

    def damaged(self, number):
        """Its file is: it may be gone."""
        for state in list(self.states):
            if number in state:
                self.states.append(_without(state, {"id": number}))

    # --- what is true ---

    def check(self, station):
        """Between two turns of a charger that knows its transactions."""
        if station.charging is None:
            return
        running = [one.transaction.number for one in station.connectors if one.transaction is not None]
        installed = station.charging.profiles.all
        found = {one.number: (_installed(one), one.transaction) for one in installed}
        if len(found) != len(installed):
            self._fault("profile", "two with one number: %s" % [one.number for one in installed])
        expected = []
        for state in self.states:
            expected.append({})
            for number, one in state.items():
                if one[1] is None or one[1] in running:
                    expected[-1][number] = one
        if found not in expected:
            self._fault("profile", "%s are installed, not one of %s" % (_short(found), _shorts(expected)))
        if self._asked is None:
            self.states = [found]

    def serials(self, station):
        return sorted([one.serial for one in station.charging.profiles.all])

    def numbers(self, station):
        return sorted([one.number for one in station.charging.profiles.all])


def _shorts(states):
    return [_short(state) for state in states[:4]]


def _short(state):
    return sorted(
        [(number, one[0][0], one[0][2], one[0][-1][:2], one[1] or 0) for number, one in state.items()]
    )
