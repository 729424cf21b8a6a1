# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Plays cases with one charge point, one after the other."""

import asyncio
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from bench.cases.catalogue import Case
from bench.cases.claims import Claims
from bench.cases.play import Deed, Failed, NotApplicable, Parameters, Play
from bench.cases.restore import NotRestored, Restore
from bench.csms import Csms
from bench.drivers import Driver, NotDone
from bench.messages import Message
from bench.station import Station

PASSED, FAILED, NOT_APPLICABLE = "passed", "failed", "not applicable"


@dataclass
class Outcome:
    """`text`: why it failed, in three lines, or why it does not apply."""

    case: Case
    verdict: str
    text: str = ""
    seconds: float = 0
    exchange: list[Message] = field(default_factory=list)
    deeds: list[Deed] = field(default_factory=list)

    def __str__(self) -> str:
        head = f"{self.case.id:20}{self.verdict:15}"
        if self.verdict == NOT_APPLICABLE:
            return f"{head}         {self.case.title}: {self.text}"
        lines = [f"{head}{self.seconds:6.1f} s {self.case.title}"]
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
    outcomes: list[Outcome] = []
    began = time.monotonic()
    if run is not None:
        _introduce(run, csms, station)
        outcomes = run.outcomes
    for case in cases:
        reason = case.not_applicable(claims, driver.can)
        if reason is not None:
            outcome = Outcome(case, NOT_APPLICABLE, reason)
        else:
            outcome = await _one(case, Play(csms, station, driver, claims, parameters), restore)
        outcomes.append(outcome)
        if run is not None:
            run.seconds = time.monotonic() - began
        tell(outcome)
    await restore.at_the_end()
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
    first = station.log.next_index
    verdict, text = PASSED, ""
    for tag in (parameters.tag, parameters.other_tag):
        played.csms.books.tag(tag)
    try:
        await restore.before_a_case()
        first = station.log.next_index
        played.forget()
        await _within(case, played)
    except NotApplicable as reason:
        verdict, text = NOT_APPLICABLE, str(reason)
    except Failed as failed:
        verdict, text = FAILED, str(failed)
    except NotRestored as error:
        verdict, text = FAILED, str(Failed("the precondition", _first_line(error), "the case cannot begin"))
    except NotDone as error:
        so = "the case could not be played; that is not the charge point's fault"
        verdict, text = FAILED, str(Failed("a driver that does what it is asked", str(error), so))
    # Whatever becomes of a charge point, its rig or its messages, the other cases are played.
    except Exception as error:
        so = type(error).__name__
        verdict, text = FAILED, str(Failed("a charge point that goes on", _first_line(error), so))
    exchange = station.log.since(first)
    try:
        await played.close()
    except Exception as error:
        if verdict != FAILED:
            so = f"what the case did cannot be undone: {type(error).__name__}"
            verdict, text = FAILED, str(Failed("a charge point as before", _first_line(error), so))
    return Outcome(case, verdict, text, time.monotonic() - began, exchange, played.deeds)


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
