# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The audit of the local authorization list: what the charger said and did against what the list can have
been.

An update that was answered is in the list or not, one whose answer was not seen leaves both open: `States`
has every list that there can have been, and when. By it

- GetLocalListVersion answers with the version of one of them; at the end, with one that has as many entries
  as the charger says;
- an update is Accepted only where it can be carried out, and refused only where it cannot, or another one is
  being finished;
- a tag that is Accepted in all of them is not refused while the CSMS cannot be asked, and is not asked for
  where LocalPreAuthorize is on;
- a tag that is Blocked in all of them is not accepted, and never charges, unless the CSMS itself has said
  that it may.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from bench.soak_asked import ACCEPTED, Asked, Request

BLOCKED = "Blocked"
# A charger that has the whole message works on it for so long at most, the answer seen or not.
_WORK_S = 20
# Authorize waits for what is on its way. By so much may the beginning of a transaction be dated wrong, which
# the power cut off before the time was known.
_ASKED_S = 10
_DATED_S = 15

Wrong = Callable[..., None]


@dataclass
class State:
    """A list: `tags` in upper case."""

    version: int = 0
    tags: dict[str, str] = field(default_factory=dict)

    def after(self, payload: dict[str, Any]) -> "State | None":
        """As the update makes it; None: it must be refused."""
        version, full = payload["listVersion"], payload["updateType"] == "Full"
        entries = payload.get("localAuthorizationList", [])
        if len({entry["idTag"].upper() for entry in entries}) < len(entries):
            return None
        if not full and version <= self.version:
            return None
        if full and not entries:
            return State()
        tags = {} if full else dict(self.tags)
        for entry in entries:
            tag = entry["idTag"].upper()
            if "idTagInfo" in entry:
                tags[tag] = entry["idTagInfo"]["status"]
            elif full:
                return None
            else:
                tags.pop(tag, None)
        return State(version, tags)


class States:
    """The lists that there can have been."""

    def __init__(self, asked: Asked, wrong: Wrong):
        self._wrong = wrong
        self._now = [State()]
        self._spans: list[tuple[float, float, list[State]]] = []  # (from, until, lists)
        self._since = float("-inf")
        self._settled_s = float("-inf")  # until then an update may be at work
        for request in asked.of("SendLocalList", "GetLocalListVersion"):
            if request.action == "SendLocalList":
                self._update(request)
            elif request.answer is not None:
                self._version(request)

    def between(self, from_s: float, until_s: float) -> list[State]:
        spans = [*self._spans, (self._since, float("inf"), self._now)]
        return [
            state for begin, end, states in spans if begin <= until_s and end >= from_s for state in states
        ]

    def statuses(self, tag: str, from_s: float, until_s: float) -> set[str | None]:
        """What the list can have said of a tag in that time; None: nothing."""
        return {state.tags.get(tag.upper()) for state in self.between(from_s, until_s)}

    def _update(self, request: Request) -> None:
        after = [state.after(request.payload) for state in self._now]
        made = [state for state in after if state is not None]
        if request.open:
            self._become(request, _each_once([*self._now, *made]), request.at_s)
            self._settled_s = max(self._settled_s, request.at_s + _WORK_S)
            return
        answered_s = request.answered_s or 0
        if request.accepted:
            if not made:
                self._wrong("an update was accepted that cannot be carried out", request)
            self._become(request, _each_once(made) or self._now, answered_s)
        elif len(made) == len(self._now) and request.at_s > self._settled_s:
            self._wrong(f"an update was refused: {request.status}", request)
        self._settled_s = max(self._settled_s, answered_s)

    def _become(self, request: Request, states: list[State], until_s: float) -> None:
        """From the request on these; up to `until_s` perhaps the old ones still."""
        self._spans.append((self._since, until_s, self._now))
        self._since, self._now = request.at_s, states

    def _version(self, request: Request) -> None:
        version = (request.answer or {}).get("listVersion")
        answered_s = request.answered_s or request.at_s
        may = {state.version for state in self.between(request.at_s, answered_s)}
        if version not in may:
            self._wrong(f"the list has version {version}, where it can be {may}", request)
        elif request.at_s > self._settled_s:
            # An answer that was not seen is known by this.
            known = [state for state in self._now if state.version == version]
            if len(known) < len(self._now):
                self._become(request, known, answered_s)


def _each_once(states: Iterable[State]) -> list[State]:
    each: list[State] = []
    for state in states:
        if state not in each:
            each.append(state)
    return each


def audit_lists(asked: Asked, begun: list[tuple[str, float]], wrong: Wrong) -> tuple[int, int]:
    """(updates answered Accepted, swipes that the list has decided). `begun`: tag and time of each
    transaction; `wrong(text, *messages)` is told of what does not agree.
    """
    states = States(asked, wrong)
    updates = asked.of("SendLocalList")
    if updates:
        _at_the_end(asked, states, wrong)
    welcome = {call.payload["idTag"] for call in asked.calls if _is_welcome(call)}
    for tag, at_s in begun:
        if tag not in welcome and states.statuses(tag, at_s - _DATED_S, at_s + _DATED_S) == {BLOCKED}:
            wrong(f"tag {tag} has charged, and is Blocked in the list")
    if asked.pre_authorize:
        for call in asked.calls:
            if call.action == "Authorize":
                tag, at_s = call.payload["idTag"], call.at_s
                if states.statuses(tag, at_s - _ASKED_S, at_s) == {ACCEPTED}:
                    wrong(f"tag {tag} is asked for, and is Accepted in the list", call)
    return sum(update.accepted for update in updates), sum(
        _swipe(swipe, states, wrong) for swipe in asked.swipes
    )


def _is_welcome(call) -> bool:
    return call.action == "Authorize" and call.status == ACCEPTED


def _swipe(swipe, states: States, wrong: Wrong) -> bool:
    """Was it decided by the list?"""
    listed = states.statuses(swipe.tag, swipe.at_s - 1, swipe.at_s + 1)
    if listed == {ACCEPTED} and swipe.outcome == "refused" and swipe.why.startswith("offline"):
        wrong(f"tag {swipe.tag} was refused offline, and is Accepted in the list", swipe)
    if listed == {BLOCKED} and swipe.outcome == "accepted" and swipe.why.startswith(("offline", "in ")):
        wrong(f"tag {swipe.tag} was accepted, and is Blocked in the list", swipe)
    return "local list" in swipe.why


def _at_the_end(asked: Asked, states: States, wrong: Wrong) -> None:
    last = asked.of("SendLocalList", "GetLocalListVersion")[-1]
    if last.action != "GetLocalListVersion" or last.answer is None:
        wrong("the version of the list was not told at the end", last)
        return
    version = last.answer["listVersion"]
    sizes = {len(state.tags) for state in states.between(last.at_s, last.at_s) if state.version == version}
    if asked.list_size not in sizes:
        wrong(f"the list has {asked.list_size} entries, where it can have {sizes}", last)
