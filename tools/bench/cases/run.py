# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Plays cases with one charge point, one after the other."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from bench.cases.catalogue import Case
from bench.cases.claims import Claims
from bench.cases.failed import Failed, NotApplicable
from bench.cases.parameters import Parameters
from bench.cases.play import Play
from bench.cases.restore import NotRestored, Restore
from bench.cases.steps import Deed
from bench.csms import Csms
from bench.deadline import within
from bench.drivers import Driver, NotDone
from bench.messages import Message
from bench.station import Station

# A charge point that is gone is not waited for again and again.
_LOST_AFTER = 2
_LOST = Failed("a charge point that is connected", "nothing any more", "the case was not played")
_LEAVING_S = 120

PASSED, FAILED, NOT_APPLICABLE = "passed", "failed", "not applicable"


@dataclass
class Outcome:
    """`text`: why it failed, in three lines, or why it does not apply. `notes`: what is no failure, but
    somebody should know. `never_began`: the charge point was not as a case must find it.
    """

    case: Case
    verdict: str
    text: str = ""
    seconds: float = 0
    exchange: list[Message] = field(default_factory=list)
    deeds: list[Deed] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    never_began: bool = False

    def fails(self, why: Failed) -> None:
        self.verdict, self.text = FAILED, str(why)

    def __str__(self) -> str:
        head = f"{self.case.id:22}{self.verdict:15}"
        if self.verdict == NOT_APPLICABLE:
            return f"{head}         {self.case.title}: {self.text}"
        lines = [f"{head}{self.seconds:6.1f} s {self.case.title}"]
        lines += [f"    note      {note}" for note in self.notes]
        if self.verdict == FAILED:
            lines += [f"    {line}" for line in self.text.splitlines()]
            lines += [f"        {message}" for message in self.exchange]
        return "\n".join(lines)


@dataclass
class Run:
    """One charge point and all that was played with it: what the report tells of.

    driver          how it was driven: pilotlight, command, manual
    boot            its last BootNotification.req
    configuration   key -> (value, read-only), as it answered before the first case
    security        "ws" or "wss", and whether it presents a password: {"scheme": ..., "basic_auth": ...}
    """

    claims: Claims
    driver: str
    began: datetime
    boot: dict[str, Any] = field(default_factory=dict)
    configuration: dict[str, tuple[str | None, bool]] = field(default_factory=dict)
    security: dict[str, Any] = field(default_factory=dict)
    outcomes: list[Outcome] = field(default_factory=list)
    seconds: float = 0


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [""])[0]


def summary(outcomes: Iterable[Outcome]) -> str:
    verdicts = [outcome.verdict for outcome in outcomes]
    return ", ".join(f"{verdicts.count(verdict)} {verdict}" for verdict in (PASSED, FAILED, NOT_APPLICABLE))


async def play(
    cases: Iterable[Case],
    csms: Csms,
    station: Station,
    driver: Driver,
    claims: Claims,
    parameters: Parameters,
    tell: Callable[[Outcome], None],
    run: Run | None = None,
) -> list[Outcome]:
    """The charge point is connected. `tell` hears of each case when it is over, and `run` is filled in as it
    goes. NotRestored: it does not answer as a charge point must that is to be played with.
    """
    claims = replace(claims, connector=parameters.connector, password=parameters.password is not None)
    restore = Restore(csms, station, driver, claims, parameters.power_up_s)
    await driver.begin()
    await restore.remember()
    # What it has counts, whatever its description leaves out.
    claims = replace(claims, cache=restore.has_cache)
    outcomes: list[Outcome] = []
    began = time.monotonic()
    if run is not None:
        _introduce(run, csms, station)
        outcomes = run.outcomes
    lost = 0  # cases in a row that could not begin
    try:
        for case in cases:
            reason = case.not_applicable(claims, driver.can)
            if reason is not None:
                outcome = Outcome(case, NOT_APPLICABLE, reason)
            elif lost >= _LOST_AFTER and not station.connected:
                outcome = Outcome(case, FAILED, str(_LOST))
            else:
                outcome = await _one(case, Play(csms, station, driver, claims, parameters), restore)
                lost = lost + 1 if outcome.never_began else 0
            outcomes.append(outcome)
            if run is not None:
                run.seconds = time.monotonic() - began
            tell(outcome)
    finally:
        # Also when somebody presses Ctrl-C: the charge point is not ours.
        with contextlib.suppress(TimeoutError):
            await within(_LEAVING_S, restore.at_the_end())
    return outcomes


def _introduce(run: Run, csms: Csms, station: Station) -> None:
    """What the charge point has said of itself by now."""
    entry = csms.books.station(station.id)
    run.boot, run.configuration = dict(entry.boot), dict(entry.configuration)
    headers = station.request.headers if station.request is not None else {}
    run.security = {"scheme": "ws", "basic_auth": "Authorization" in headers}


async def _one(case: Case, played: Play, restore: Restore) -> Outcome:
    began = time.monotonic()
    station, parameters = played.station, played.parameters
    found = Outcome(case, PASSED, deeds=played.deeds, notes=played.notes)
    first = station.log.next_index
    for tag in (parameters.tag, parameters.other_tag):
        played.csms.books.tag(tag)
    played.csms.books.tag(parameters.invalid_tag, "Invalid")
    try:
        await restore.before_a_case()
        first = station.log.next_index
        played.begin()
        await _within(case, played)
    except NotApplicable as reason:
        found.verdict, found.text = NOT_APPLICABLE, str(reason)
    except Failed as failed:
        found.fails(failed)
    except NotRestored as error:
        found.fails(Failed("the precondition", _first_line(error), "the case cannot begin"))
        found.never_began = True
    except NotDone as error:
        so = "the case could not be played; that is not the charge point's fault"
        found.fails(Failed("a driver that does what it is asked", str(error), so))
    # Whatever becomes of a charge point, its rig or its messages, the other cases are played.
    except Exception as error:
        found.fails(Failed("a charge point that goes on", _first_line(error), type(error).__name__))
    finally:
        found.exchange = station.log.since(first)
        await _close(played, found)
    found.seconds = time.monotonic() - began
    return found


async def _close(played: Play, found: Outcome) -> None:
    try:
        await played.close()
    except Exception as error:
        if found.verdict != FAILED:
            so = f"what the case did cannot be undone: {type(error).__name__}"
            found.fails(Failed("a charge point as before", _first_line(error), so))


async def _within(case: Case, played: Play) -> None:
    longest_s = played.parameters.longest_s
    try:
        async with asyncio.timeout(longest_s) as limit:
            await case.steps(played)
            await played.ends()
    except TimeoutError as error:
        if limit.expired():
            nothing = f"nothing within {longest_s:g} s"
            raise Failed("the end of the case", nothing, "it was given up") from error
        raise
