# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""One direction of the air between the modem and its network: latency, jitter that reorders, loss,
duplicates, a rate."""

import heapq
import itertools
from random import Random

from emulator.modem.faults import Faults

# What waits for a slow radio; more is dropped, as in every router.
LONGEST_QUEUE_BYTES = 65536


class Radio:
    """Packets in with `offer`, out with `due`. chance: decides what is lost, so that a seed repeats a run."""

    def __init__(self, faults: Faults, chance: Random):
        self._faults = faults
        self._chance = chance
        self._queue: list[tuple[float, int, bytes]] = []
        self._order = itertools.count()
        self._queued_bytes = 0
        self._busy_until = 0.0
        self.lost = 0

    def offer(self, packet: bytes, now: float) -> None:
        faults = self._faults
        full = self._queued_bytes + len(packet) > LONGEST_QUEUE_BYTES
        if full or self._chance.random() < faults.loss:
            self.lost += 1
            return
        self._busy_until = max(self._busy_until, now)
        if faults.bits_per_s:
            self._busy_until += len(packet) * 8 / faults.bits_per_s
        for _ in range(2 if self._chance.random() < faults.duplicate else 1):
            delay_ms = faults.latency_ms + self._chance.random() * faults.jitter_ms
            heapq.heappush(self._queue, (self._busy_until + delay_ms / 1000, next(self._order), packet))
            self._queued_bytes += len(packet)

    def due(self, now: float) -> list[bytes]:
        packets = []
        while self._queue and self._queue[0][0] <= now:
            packets.append(heapq.heappop(self._queue)[2])
            self._queued_bytes -= len(packets[-1])
        return packets

    def deadline(self) -> float | None:
        return self._queue[0][0] if self._queue else None

    def forget(self) -> None:
        """The connection to the network ends, and what was in the air with it."""
        self._queue.clear()
        self._queued_bytes = 0
