# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""A meter that is replaced while the power is off and a transaction waits: nothing of the new one's past is
billed, nothing of what was counted is lost, and the other connector notices nothing.
"""

import asyncio
import json
import tempfile
from pathlib import Path

import pytest

from bench.charger import STATIONS
from host_tests.integration.post import OTHER, TAG, installed

AT_ONCE = 8

NEW_WH = 5_000_000


def resuming(folder: Path) -> Path:
    """Two connectors, and transactions that go on after a power cut."""
    description = json.loads((STATIONS / "xcharge_c6.json").read_text())
    description["options"]["power_loss"] = "resume"
    path = folder / "station.json"
    path.write_text(json.dumps(description))
    return path


@pytest.mark.parametrize("new_wh", [NEW_WH, 3])
@pytest.mark.parametrize("again_s", [None, 0.5, 1.5, 2.5])
async def test_replaced_while_the_power_was_off(new_wh, again_s):
    """`again_s`: so long after the new meter is first read the power fails once more."""
    with tempfile.TemporaryDirectory(prefix="pilotlight-") as folder:
        await replaced(resuming(Path(folder)), new_wh, again_s)


async def replaced(station, new_wh, again_s):
    async with installed(station=station, connectors=2) as post:
        await post.booted()
        starts = [await post.charge(TAG, 1), await post.charge(OTHER, 2)]
        for number, start in enumerate(starts, 1):
            await post.counts(start.payload["meterStart"] + 20, number)
        await post.settled()
        before = [(await post.connector(number))["register_wh"] for number in (1, 2)]
        await post.charger.power_cut()
        await post.charger.start()
        await post.charger.do("meter", connector=1, wh=new_wh)
        if again_s is not None:
            await asyncio.sleep(again_s)
            await post.charger.power_cut()
            await post.charger.start()
        await post.station.wait_connected()
        await asyncio.sleep(6)  # it is read once a second, and has to be sure
        went_on = [(await post.connector(number))["register_wh"] for number in (1, 2)]
        stops = []
        for number, tag in ((1, TAG), (2, OTHER)):
            await post.charger.do("tag", id=tag)
            stops.append(await post.station.expect("StopTransaction", 15, transactionId=number))
        billed = [
            stop.payload["meterStop"] - start.payload["meterStart"]
            for start, stop in zip(starts, stops, strict=True)
        ]
        registers = [(await post.connector(number))["register_wh"] for number in (1, 2)]
        flowed = [
            before[0] - starts[0].payload["meterStart"] + registers[0] - new_wh,
            registers[1] - starts[1].payload["meterStart"],
        ]
        assert 20 <= billed[0] <= flowed[0] + 2, (billed, flowed, went_on)
        assert billed[1] == flowed[1], (billed, flowed, went_on)
