# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Plays cases with one charge point, one after the other."""

import asyncio
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from bench.cases.catalogue import Case
from bench.cases.claims import Claims
from bench.cases.play import Failed, Parameters, Play
from bench.cases.restore import NotRestored, Restore
from bench.csms import Csms
from bench.drivers import Driver
from bench.messages import Message
from bench.station import Station

_LONGEST_S = 600  # of a case: somebody at the bench has gone for lunch

PASSED, FAILED, NOT_APPLICABLE = "passed", "failed", "not applicable"


@dataclass
class Outcome:
    """`text`: why it failed, in three lines, or why it does not apply."""

    case: Case
    verdict: str
    text: str = ""
    seconds: float = 0
    exchange: list[Message] = field(default_factory=list)

    def __str__(self) -> str:
        head = f"{self.case.id:14}{self.verdict:15}"
        if self.verdict == NOT_APPLICABLE:
            return f"{head}         {self.case.title}: {self.text}"
        lines = [f"{head}{self.seconds:6.1f} s {self.case.title}"]
        if self.verdict == FAILED:
            lines += [f"    {line}" for line in self.text.splitlines()]
            lines += [f"        {message}" for message in self.exchange]
        return "\n".join(lines)


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
) -> list[Outcome]:
    """The charge point is connected. `tell` hears of each case when it is over. NotRestored: it does not
    answer as a charge point must that is to be played with.
    """
    restore = Restore(csms, station, driver, claims)
    await restore.remember()
    outcomes = []
    for case in cases:
        reason = case.not_applicable(claims)
        if reason is not None:
            outcome = Outcome(case, NOT_APPLICABLE, reason)
        else:
            outcome = await _one(case, csms, station, driver, claims, parameters, restore)
        outcomes.append(outcome)
        tell(outcome)
    await restore.at_the_end()
    return outcomes


async def _one(
    case: Case,
    csms: Csms,
    station: Station,
    driver: Driver,
    claims: Claims,
    parameters: Parameters,
    restore: Restore,
) -> Outcome:
    began = time.monotonic()
    first = station.log.next_index
    text = ""
    for tag in (parameters.tag, parameters.other_tag):
        csms.books.tag(tag)
    try:
        await restore.before_a_case()
        first = station.log.next_index
        played = Play(csms, station, driver, claims, parameters)
        try:
            async with asyncio.timeout(_LONGEST_S) as limit:
                await case.steps(played)
                await played.ends()
        except TimeoutError as error:
            if limit.expired():
                raise Failed(
                    "the end of the case", f"nothing within {_LONGEST_S} s", "it was given up"
                ) from error
            raise
        finally:
            played.close()
    except Failed as failed:
        text = str(failed)
    except NotRestored as error:
        text = str(Failed("the precondition", _first_line(error), "the case cannot begin"))
    # Whatever becomes of a charge point, its rig or its messages, the other cases are played.
    except Exception as error:
        text = str(Failed("a charge point that goes on", _first_line(error), type(error).__name__))
    verdict = FAILED if text else PASSED
    return Outcome(case, verdict, text, time.monotonic() - began, station.log.since(first))
