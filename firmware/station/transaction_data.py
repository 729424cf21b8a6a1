# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""What StopTransaction.transactionData will say: begin, end and a bounded number of samples between.

OCPP 1.6 errata 3.14: both lists empty means no transaction data at all; begin and end carry every configured
measurand; when there are too many samples, every second one between begin and end goes, begin and end never.
Samples are held as tuples of integers and written out one at a time, so that neither RAM nor the message
grows with the length of a transaction.
"""

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
        sampled, aligned = self._columns
        self._both = both = sampled + tuple([column for column in aligned if column not in sampled])
        self._limit = 0
        if both and limit > 0:
            self._limit = max(2, min(limit, _SAMPLE_LIMIT, _VALUE_LIMIT // len(both)))
        # Of each series: every how many samples one is kept (doubles when too many), how many to skip now.
        self._stride = [1, 1]
        self._skip = [0, 0]
        self._interval = (metering.IntervalEnergy(), metering.IntervalEnergy(), metering.IntervalEnergy())
        self._begin = None
        self._end = None
        self._between = []

    def begin(self, stamp, reading, offered_da=None) -> None:
        """The transaction starts. `stamp`: of station.clock; `reading`: None when the meter is silent."""
        for series in self._interval:
            series.take(reading)
        if self._limit:
            self._begin = self._sample(stamp, _BEGIN, self._both, reading, offered_da, (None, None))

    def sample(self, stamp, reading, offered_da=None, aligned: bool = False) -> None:
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
            self._sample(stamp, series, self._columns[series], reading, offered_da, interval_wh)
        )
        if len(self._between) > self._limit - 2:
            self._thin()

    def end(self, stamp, reading, offered_da=None) -> None:
        """The transaction ends; its interval energy is the whole transaction's."""
        if self._limit:
            interval_wh = self._interval[_BEGIN].take(reading)
            self._end = self._sample(stamp, _END, self._both, reading, offered_da, interval_wh)

    def meter_values(self):
        """Yield (stamp, list of SampledValues) in order of time: what transactionData carries. Samples
        without any value are left out, so with a dead meter nothing may come at all."""
        for sample in [self._begin] + self._between + [self._end]:
            if sample is None:
                continue
            kind = sample[1]
            found = []
            for column, number in zip(self._both if kind >= _BEGIN else self._columns[kind], sample[2]):
                if number is not None:
                    found.append(metering.sampled_value(column, number, _CONTEXTS[kind]))
            if found:
                yield sample[0], found

    def state(self) -> list:
        """Everything, as JSON can carry it; give it to restore() of an object with the same arguments."""
        return [self._begin, self._between, self._end, self._stride]

    def restore(self, state) -> None:
        """Take over what state() gave before a restart. Interval energy starts anew."""
        self._begin, self._between, self._end, self._stride = state

    def _sample(self, stamp, kind, columns, reading, offered_da, interval_wh):
        return stamp, kind, metering.numbers(columns, reading, self._connector, offered_da, interval_wh)

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
