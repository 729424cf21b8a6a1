# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""A real run with the FakeStation, one of whose cases fails: what the tests of the report look at."""

from datetime import UTC, datetime

from bench.cases import catalogue
from bench.cases.parameters import Parameters
from bench.cases.run import Run, play
from bench.csms import Csms
from host_tests.integration.fake_station import FakeStation, claims

# With the defect TC_012 fails; TC_017_2 does not apply to a socket; the others pass. About 3 s.
DEFECT = "stops-by-itself"
FAILS, DOES_NOT_APPLY = "TC_012_CS", "TC_017_2_CS"
CASES = ["TC_003", "TC_010", "TC_011_1", "TC_012", "TC_014", "TC_017_1", "TC_017_2", "TC_019", "TC_031"]

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>"


async def run(cases: list[str] | None = None, defect: str | None = DEFECT) -> Run:
    began = datetime.now(UTC)
    async with Csms(strict=False) as csms, FakeStation(csms.url, defect) as fake:
        station = await csms.connected(fake.id)
        chosen = catalogue.chosen(cases or CASES)
        outcomes = await play(chosen, csms, station, fake, claims(), Parameters(), lambda outcome: None)
        answer = await station.call("GetConfiguration", {}, 5)
        boot = next(message.payload for message in station.log if message.action == "BootNotification")
    rows = answer["configurationKey"]
    return Run(
        claims=claims(),
        driver="pilotlight",
        began=began,
        boot=dict(boot),
        configuration={row["key"]: (row.get("value"), row["readonly"]) for row in rows},
        security={"scheme": "ws", "basic_auth": False},
        outcomes=outcomes,
        seconds=(datetime.now(UTC) - began).total_seconds(),
    )
