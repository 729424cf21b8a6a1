# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""What StopTransaction.transactionData will say: begin, end and a bounded number of samples between.

OCPP 1.6 errata 3.14: both lists empty means no transaction data at all; begin and end carry every configured
measurand; when there are too many samples, every second one between begin and end goes, begin and end never.
Samples are held as tuples of integers and written out one at a time, so that neither RAM nor the message
grows with the length of a transaction.

The begin survives a power cut, in the record of the transaction. What came between does not: it would be a
record of some KB, written every two minutes, and the samples are most often in MeterValues as well.
"""

from hal.reading import Reading
from station import metering

# 40 samples of one measurand; with many measurands the number of values counts, each is some 130 bytes of
# JSON.
_SAMPLE_LIMIT = 40
_VALUE_LIMIT = 80
_CONTEXTS = (
    metering.SAMPLE_PERIODIC,
    metering.SAMPLE_CLOCK,
    metering.TRANSACTION_BEGIN,
    metering.TRANSACTION_END,
)
_PERIODIC = 0
_CLOCK = 1
_BEGIN = 2
_END = 3


class TransactionData:
    """The samples of one transaction.

    `sampled`, `aligned`: values of StopTxnSampledData and StopTxnAlignedData when it starts (a change counts
    from the next transaction on). `limit`: StopTransactionMaxMeterValues, counting begin and end; 0 = no
    transaction data.
    """

    def __init__(self, connector, sampled: tuple, aligned: tuple, limit: int):
        self._connector = connector
        self._columns = (metering.columns(sampled, connector), metering.columns(aligned, connector))
        first, second = self._columns
        self._both = first + bytes([column for column in second if column not in first])
        self._limit = 0
        if self._both and limit > 0:
            self._set_limit(limit)
        # Of each series: every how many samples one is kept (doubles when too many), how many to skip now.
        self._stride = [1, 1]
        self._skip = [0, 0]
        self._interval = (metering.IntervalEnergy(), metering.IntervalEnergy(), metering.IntervalEnergy())
        self._begin = None
        self._end = None
        self._between = []

    def _set_limit(self, limit):
        self._limit = max(2, min(limit, _SAMPLE_LIMIT, _VALUE_LIMIT // len(self._both)))

    def begin(self, stamp, reading, offered=None) -> None:
        """The transaction starts. `stamp`: of station.clock; `reading`: None when the meter is silent."""
        for series in self._interval:
            series.take(reading)
        if self._limit:
            self._begin = self._sample(stamp, _BEGIN, self._both, reading, offered, (None, None))

    def sample(self, stamp, reading, offered=None, aligned: bool = False) -> None:
        """A moment of MeterValueSampleInterval, or of ClockAlignedDataInterval when `aligned`."""
        series = _CLOCK if aligned else _PERIODIC
        if self._limit <= 2 or not self._columns[series]:
            return
        if self._skip[series]:
            self._skip[series] -= 1
            return
        self._skip[series] = self._stride[series] - 1
        interval_wh = self._interval[series].take(reading)
        self._between.append(
            self._sample(stamp, series, self._columns[series], reading, offered, interval_wh)
        )
        if len(self._between) > self._limit - 2:
            self._thin()

    def end(self, stamp, reading, offered=None) -> None:
        """The transaction ends; its interval energy is the whole transaction's."""
        if self._limit:
            interval_wh = self._interval[_BEGIN].take(reading)
            self._end = self._sample(stamp, _END, self._both, reading, offered, interval_wh)

    def meter_values(self):
        """Yield (stamp, (context, columns, numbers)) in order of time: what transactionData carries. Samples
        without any value are left out, so with a dead meter nothing may come at all."""
        for sample in [self._begin] + self._between + [self._end]:
            if sample is not None and not metering.empty(sample[2]):
                kind = sample[1]
                columns = self._both if kind >= _BEGIN else self._columns[kind]
                yield sample[0], (_CONTEXTS[kind], columns, sample[2])

    def state(self):
        """The begin as JSON can carry it, [column, number or None, ...]; None when there is no transaction
        data."""
        if self._begin is None:
            return None
        found = []
        for column, number in zip(self._both, self._begin[2]):
            found.append(column)
            found.append(number)
        return found

    def restore(self, state, stamp, meter_start_wh: int) -> None:
        """In the place of begin() for a transaction that a power cut interrupted. `state`: what state() gave
        before; `stamp`: of its start. What was configured then counts, for the end as well.
        """
        self._limit, limit = 0, self._limit
        self._interval[_BEGIN].take(Reading(energy_wh=meter_start_wh))
        if not _is_state(state):
            return
        # A measurand of a newer firmware, of which this one knows nothing, is left out.
        pairs = [state[at : at + 2] for at in range(0, len(state), 2) if metering.known(state[at])]
        self._both = bytes([column for column, _ in pairs])
        if pairs:
            self._set_limit(max(2, limit))
            self._begin = (stamp, _BEGIN, tuple([number for _, number in pairs]))

    def _sample(self, stamp, kind, columns, reading, offered, interval_wh):
        return stamp, kind, metering.numbers(columns, reading, self._connector, offered, interval_wh)

    def _thin(self):
        """Drop every second sample between, counted per series so that none disappears as a whole."""
        kept = []
        count = [0, 0]
        for sample in self._between:
            if count[sample[1]] % 2 == 0:
                kept.append(sample)
            count[sample[1]] += 1
        self._between = kept[: self._limit - 2]
        for series in (_PERIODIC, _CLOCK):
            if count[series]:
                # The newest sample stayed or went; the next to keep is a new stride after the newest kept.
                stride = self._stride[series] = 2 * self._stride[series]
                self._skip[series] = stride - 1 if count[series] % 2 else stride // 2 - 1


def _is_state(state):
    """A record of a transaction may hold anything: made by another firmware, or by none."""
    if not isinstance(state, list) or len(state) % 2:
        return False
    for at, value in enumerate(state):
        if value is None and at % 2:
            continue
        if not isinstance(value, int) or isinstance(value, bool) or (at % 2 == 0 and not 0 <= value < 256):
            return False
    return True
