# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Energy that no meter keeps (`hal.meter.tally`) over a power cut: the file `energy`.

It need not be written often. What a transaction has told is on flash with it, and after a power cut a tally
is no less than that (`recovered`); when the transaction is about to be told of as ended, and its record to
go, the tally is written first. So a register never goes back behind what was told, and nothing is told twice.
"""

import log
from hal.ticks import ticks_add, ticks_diff

_KEPT_MS = 900000
_AGAIN_MS = 10000  # after a flash that could not be written


class KeptEnergy:
    def __init__(self, record, tallies):
        """Gives the tallies back what they had. `record`: a `store.record.Record`; `tallies`: one per
        connector, in order, None where the meter keeps its own register."""
        self._record = record
        self._tallies = tallies
        self._due = None  # ticks; None: nothing to be written
        kept = record.load()
        if isinstance(kept, list):
            for number, (tally, state) in enumerate(zip(tallies, kept)):
                if tally is not None and state is not None and not tally.restore(state):
                    log.error("meter", "%d: no energy is known of it", number + 1)
        self._kept = self._state()

    def recovered(self, connectors) -> None:
        """What ran when the power failed has been taken up: as `station.charge_point` has it."""
        for connector, tally in zip(connectors, self._tallies):
            transaction = connector.transaction
            if transaction is None and connector.cut_off is not None:
                transaction = connector.cut_off.transaction
            if tally is not None and transaction is not None:
                tally.at_least(transaction.meter_last_wh - transaction.offset_wh)

    def keep(self, now: int) -> None:
        """To be called every second or so, while something may be written."""
        if self._due is None:
            if self._state() != self._kept:
                self._due = ticks_add(now, _KEPT_MS)
        elif ticks_diff(now, self._due) >= 0:
            self.write(now)

    def write(self, now: int) -> None:
        """Now: a transaction ends, or the power fails."""
        state = self._state()
        if state == self._kept:
            self._due = None
            return
        try:
            self._record.save(state)
        except (OSError, MemoryError) as error:
            log.failure("meter", "energy not kept", error)
            self._due = ticks_add(now, _AGAIN_MS)
            return
        self._kept = state
        self._due = None

    def _state(self):
        return [None if tally is None else tally.state() for tally in self._tallies]
