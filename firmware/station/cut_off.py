# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""A transaction that a power cut has ended, until the CSMS is told so: StopTransaction(PowerLoss).

The meter starts as well as the station, and is the better witness of what was drawn until the cut: it is
asked for ten seconds, then the last known register is billed.
"""

import log
from hal.ticks import ticks_add, ticks_diff

_METER_START_MS = 10000
_METER_RETRY_MS = 500


class CutOff:
    """A register further above the last known one than `connector.most_wh` is not this transaction's, the
    meter was swapped. `done(transaction, stamp of the cut, transactionData)`.
    """

    def __init__(self, connector, transaction, now, done):
        self.transaction = transaction
        self._connector = connector
        self._stamp = transaction.cut(connector.station.clock)
        self._most_wh = transaction.meter_last_wh - transaction.offset_wh + connector.most_wh
        self._done = done
        self._limit = ticks_add(now, _METER_START_MS)
        self._ask_at = now
        self._asked = False

    def step(self, now):
        if not self._asked and ticks_diff(now, self._ask_at) >= 0:
            self._asked = True
            self._connector.station.read_meter(self._connector.number, self._answered)

    def _answered(self, reading, now):
        self._asked = False
        if reading is not None and reading.energy_wh is None:
            reading = None
        transaction = self.transaction
        # Some show 0 at first (`station.transaction`).
        starting = reading is None or reading.energy_wh == 0 < transaction.meter_last_wh
        if starting and ticks_diff(now, self._limit) < 0:
            self._ask_at = ticks_add(now, _METER_RETRY_MS)
            return
        if reading is not None and reading.energy_wh > self._most_wh:
            log.warning("connector", "the meter shows %d Wh: not of this transaction", reading.energy_wh)
            reading = None
        if reading is not None:
            transaction.seen(reading.energy_wh, self._connector.station.clock)
            reading.energy_wh = transaction.meter_last_wh
        data = self._connector.meter_values.end(transaction, reading, self._stamp, (0, 1))
        self._done(transaction, self._stamp, data)
