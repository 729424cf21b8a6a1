# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""What tests of the bench's drivers share: a charge point, and two cases that are played with it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from bench.cases import catalogue, claims
from bench.cases.parameters import Parameters
from bench.cases.run import PASSED, play
from bench.charger import REPOSITORY, SimulatedCharger
from bench.csms import Csms
from bench.drivers import Driver, NotDone

EXAMPLES = REPOSITORY / "tools" / "bench" / "examples"


async def until(happened: Callable[[], bool]) -> None:
    """The test's own deadline ends this."""
    while not happened():
        await asyncio.sleep(0.02)


async def refusal(stimulus: Awaitable[None]) -> str:
    """What NotDone says."""
    with pytest.raises(NotDone) as told:
        await stimulus
    assert "\n" not in str(told.value)
    return str(told.value)


@contextlib.asynccontextmanager
async def charge_point() -> AsyncIterator[tuple[Csms, SimulatedCharger]]:
    async with (
        Csms(strict=False) as csms,
        SimulatedCharger(csms.url, station=EXAMPLES / "station.json") as charger,
    ):
        yield csms, charger


async def two_cases_pass(csms: Csms, charger: SimulatedCharger, driver: Driver) -> None:
    station = await csms.connected(charger.id)
    cases = catalogue.chosen(["TC_003", "TC_012"])
    described = claims.read(EXAMPLES / "station.json")
    found = await play(
        cases, csms, station, driver, described, Parameters(patience_s=8), lambda outcome: None
    )
    assert [(each.case.id, each.verdict) for each in found] == [
        ("TC_003_CS", PASSED),
        ("TC_012_CS", PASSED),
    ], found
