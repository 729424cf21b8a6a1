# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""For a moment the queue's files cannot be written, and the CSMS is away: a transaction is reported all the
same, after a power cut too.
"""

import asyncio
import tempfile
from pathlib import Path

from host_tests.integration.offline import ANYBODY, said
from host_tests.integration.post import Post, installed

AT_ONCE = 2

TROUBLE = "overflow: the journal takes nothing"
WELL_AGAIN = "overflow: the journal takes records again"


async def logged(post: Post, text: str, timeout: float) -> None:
    async with asyncio.timeout(timeout):
        while not any(text in line for line in post.charger.output):
            await asyncio.sleep(0.05)


async def test_a_transaction_that_began_in_ram_outlives_a_power_cut():
    with tempfile.TemporaryDirectory() as folder:
        queue, away = Path(folder) / "outbox", Path(folder) / "away"
        async with installed(data=folder, errors=(TROUBLE,), **ANYBODY) as post:
            await post.booted()
            await post.offline()
            queue.rename(away)
            await post.charge_offline()
            await logged(post, TROUBLE, 2)
            away.rename(queue)
            await logged(post, WELL_AGAIN, 13)  # asked again after 1 s, then every 10 s
            await post.counts(2)
            post.station.mark()
            await post.charger.power_cut()
            await post.charger.start()
            start = await post.station.expect("StartTransaction", timeout=10)
            stop = await post.station.expect("StopTransaction", timeout=15, reason="PowerLoss")
            assert stop.payload["meterStop"] >= start.payload["meterStart"] + 2
            assert said(post) == ["StartTransaction", "StopTransaction"]


async def test_a_transaction_that_ended_in_ram_is_told_once_after_a_power_cut():
    with tempfile.TemporaryDirectory() as folder:
        queue, away = Path(folder) / "outbox", Path(folder) / "away"
        async with installed(data=folder, errors=(TROUBLE,), **ANYBODY) as post:
            await post.booted()
            await post.offline()
            await post.charge_offline()
            queue.rename(away)
            await post.charger.do("unplug", connector=1)
            await logged(post, TROUBLE, 5)
            away.rename(queue)
            await post.charger.power_cut()
            await post.charger.start()
            await post.station.expect("StartTransaction", timeout=10)
            await post.station.expect("StopTransaction", timeout=15)
            await post.settled()
            assert said(post) == ["StartTransaction", "StopTransaction"]
