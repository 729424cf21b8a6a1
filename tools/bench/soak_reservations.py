# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The audit of reservations: who began where, against what was reserved for whom.

- StartTransaction names a reservation only if that was accepted for its connector or any, for its tag or a
  tag of the same parent, and was neither over nor cancelled;
- none is used by two;
- whoever has reserved uses it by beginning there;
- where a reservation was in force nobody else has begun: on its connector, or for any on the last one left;
- none is accepted where a transaction runs;
- CancelReservation finds what is in force, over power cuts too, and nothing that is used, over or cancelled.

An answer that was not seen leaves it open: such a reservation may be used, and is not relied on. The
charger's clock is that of the CSMS, so that times agree to SLACK_S; those of a life in which it was never
told the time, to DATED_S. Nothing expires while it does not know the time.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from bench.soak_asked import Asked, Request
from bench.soak_record import Entry

SLACK_S = 2.0
DATED_S = 15.0

Wrong = Callable[..., None]


@dataclass
class Run:
    """A transaction as the messages tell it. `reservation`: what its start names."""

    connector: int
    tag: str
    reservation: int | None
    begun_s: float
    ended_s: float | None
    messages: list[Entry] = field(default_factory=list)
    slack_s: float = SLACK_S

    def runs_at(self, from_s: float, until_s: float) -> bool:
        """For certain, all that time."""
        later_s = float("inf") if self.ended_s is None else self.ended_s - self.slack_s
        return self.begun_s + self.slack_s < from_s and until_s < later_s


class Hold:
    """A ReserveNow that was accepted, or may have been."""

    def __init__(self, request: Request, asked: Asked):
        payload = request.payload
        self.request = request
        self.number: int = payload["reservationId"]
        self.connector: int = payload["connectorId"]
        self.tag: str = payload["idTag"]
        self.parent: str | None = payload.get("parentIdTag")
        self.expiry_s = asked.moment_s(payload["expiryDate"])
        self.from_s = request.answered_s or request.at_s
        self.until_s = self.expiry_s  # certainly in force up to then, less the slack

    @property
    def certain(self) -> bool:
        return self.request.accepted

    def admits(self, run: Run, asked: Asked) -> bool:
        return run.tag.upper() == self.tag.upper() or (
            self.parent is not None and asked.parents.get(run.tag) == self.parent
        )

    def before(self, run: Run) -> bool:
        """Has the run begun when this was in force already? On its very connector it has if it goes on
        afterwards: nothing is accepted where a transaction runs.
        """
        if run.begun_s > self.from_s + run.slack_s:
            return True
        going_on = run.ended_s is None or run.ended_s > self.from_s + run.slack_s
        return bool(self.connector) and going_on and run.begun_s > self.from_s - run.slack_s

    def covers(self, run: Run) -> bool:
        """Did the run begin, for certain, while this was in force?"""
        return self.certain and self.before(run) and run.begun_s < self.until_s - run.slack_s


def audit_reservations(asked: Asked, runs: list[Run], wrong: Wrong) -> tuple[int, int]:
    """(how many were accepted, how many were used)."""
    audit = _Audit(asked, runs, wrong)
    audit.run()
    accepted = sum(hold.certain for hold in audit.holds)
    return accepted, sum(run.reservation is not None for run in runs)


class _Audit:
    def __init__(self, asked: Asked, runs: list[Run], wrong: Wrong):
        self._asked = asked
        self._wrong = wrong
        self._runs = runs
        for run in runs:
            begin, end = asked.life(run.begun_s)
            run.slack_s = SLACK_S if asked.told_the_time(begin, end) else DATED_S
        self._requests = asked.of("ReserveNow", "CancelReservation")
        self.holds = [
            Hold(request, asked)
            for request in self._requests
            if request.action == "ReserveNow" and (request.open or request.accepted)
        ]
        for hold in self.holds:
            self._end(hold)

    def _end(self, hold: Hold) -> None:
        """When it may have ended at the earliest."""
        for request in self._requests:
            later = request.at_s > hold.request.at_s and request.payload["reservationId"] == hold.number
            if later and (request.action == "CancelReservation" or request.open or request.accepted):
                hold.until_s = min(hold.until_s, request.at_s)
        for run in self._runs:
            if run.reservation == hold.number and run.begun_s > hold.request.at_s - run.slack_s:
                hold.until_s = min(hold.until_s, run.begun_s)

    def run(self) -> None:
        for run in self._runs:
            if run.reservation is not None:
                self._used(run, run.reservation)
            else:
                self._not_named(run)
        for number in {run.reservation for run in self._runs} - {None}:
            users = [run for run in self._runs if run.reservation == number]
            if len(users) > sum(hold.number == number for hold in self.holds):
                self._wrong(f"reservation {number} used by {len(users)}", *users[-1].messages)
        for hold in self.holds:
            if hold.certain:
                self._strangers(hold)
                self._where_one_runs(hold)
        for request in self._requests:
            if request.action == "CancelReservation" and not request.open:
                self._cancelled(request)

    # --- who began ---

    def _used(self, run: Run, number: int) -> None:
        holds = [hold for hold in self.holds if hold.number == number]
        why = "never accepted"
        for reason, holds_good in (
            ("on another connector", lambda hold: hold.connector in (0, run.connector)),
            ("by a stranger", lambda hold: hold.admits(run, self._asked)),
            ("before it was there", lambda hold: hold.request.at_s < run.begun_s + run.slack_s),
            ("when it was over", lambda hold: self._unexpired(hold, run)),
            ("when it was cancelled", lambda hold: not self._gone(hold, run.begun_s - run.slack_s)),
        ):
            if not holds:
                break
            why = reason
            holds = [hold for hold in holds if holds_good(hold)]
        if not holds:
            self._wrong(f"reservation {number} was used {why}", *run.messages)

    def _unexpired(self, hold: Hold, run: Run) -> bool:
        begin, _ = self._asked.life(run.begun_s)
        known = self._asked.told_the_time(begin, run.begun_s)
        return not known or hold.expiry_s > run.begun_s - run.slack_s

    def _gone(self, hold: Hold, at_s: float) -> bool:
        """Was it cancelled for certain by then?"""
        return any(
            request.action == "CancelReservation"
            and request.payload["reservationId"] == hold.number
            and request.accepted
            and request.at_s > hold.request.at_s
            and (request.answered_s or 0) < at_s
            for request in self._requests
        )

    def _not_named(self, run: Run) -> None:
        for hold in self.holds:
            own = hold.connector in (0, run.connector) and hold.tag.upper() == run.tag.upper()
            if own and hold.covers(run):
                self._wrong(f"reservation {hold.number} is not named", *run.messages)

    def _strangers(self, hold: Hold) -> None:
        for run in self._runs:
            if hold.admits(run, self._asked) or not hold.covers(run):
                continue
            if hold.connector == run.connector:
                text = f"connector {run.connector} was reserved, and tag {run.tag} has begun there"
                self._wrong(f"{text}: reservation {hold.number}", *run.messages)
            elif not hold.connector and run.reservation is None and self._last_one(run):
                text = f"a connector was to be kept, and tag {run.tag} has begun on the last one"
                self._wrong(f"{text}: reservation {hold.number}", *run.messages)

    def _last_one(self, run: Run) -> bool:
        """Was the other connector (there are two) taken for certain?"""
        from_s, until_s = run.begun_s - run.slack_s, run.begun_s + run.slack_s
        return any(
            other.connector != run.connector and other.runs_at(from_s, until_s) for other in self._runs
        )

    def _where_one_runs(self, hold: Hold) -> None:
        for run in self._runs:
            if run.connector == hold.connector and run.runs_at(hold.request.at_s, hold.from_s):
                text = f"reservation {hold.number} was accepted where a transaction runs"
                self._wrong(text, hold.request, *run.messages)

    # --- what was cancelled ---

    def _cancelled(self, request: Request) -> None:
        """A CancelReservation that was answered."""
        number = request.payload["reservationId"]
        earlier = [hold for hold in self.holds if hold.number == number and hold.request.at_s < request.at_s]
        if request.accepted:
            if not any(self._may_be_there(hold, request) for hold in earlier):
                self._wrong(f"reservation {number} was cancelled, and cannot have been there", request)
        elif earlier and self._must_be_there(earlier[-1], request):
            self._wrong(f"reservation {number} is lost", earlier[-1].request, request)

    def _may_be_there(self, hold: Hold, request: Request) -> bool:
        if self._gone(hold, request.at_s):
            return False
        if any(
            run.reservation == hold.number and run.begun_s + run.slack_s < request.at_s for run in self._runs
        ):
            return False
        begin, _ = self._asked.life(request.at_s)
        known = self._asked.told_the_time(begin, request.at_s - SLACK_S)
        return not known or hold.expiry_s + SLACK_S > request.at_s

    def _must_be_there(self, hold: Hold, request: Request) -> bool:
        if not hold.certain or hold.request.open:
            return False
        asked_before = any(
            other is not request
            and other.payload["reservationId"] == hold.number
            and hold.request.at_s < other.at_s < request.at_s
            and (other.action == "CancelReservation" or other.open)
            for other in self._requests
        )
        used = any(run.reservation == hold.number for run in self._runs)
        return not (asked_before or used) and hold.expiry_s > (request.answered_s or 0) + SLACK_S
