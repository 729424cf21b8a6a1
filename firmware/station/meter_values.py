# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The meter values of one connector: MeterValues while it charges and by the clock, transactionData for the
end.
"""

import log
from hal.ticks import ticks_diff
from station import measurands, metering
from station.sampling import ClockAlignedSchedule, SampledSchedule
from station.transaction_data import TransactionData

_DEFAULT = (measurands.DEFAULT,)
# A meter that is asked for a sample and says nothing is asked again: a single silence is noise on the bus.
_TRIES = 3
_ASKED_MS = 10000  # all of that is over by then


class MeterValues:
    """since_aligned   what ...Interval of the samples by the clock counts from"""

    def __init__(self, config, described):
        """`described`: this connector in the station description (phases, nominal volts)."""
        self._config = config
        self._described = described
        self._aligned = ClockAlignedSchedule()
        self._aligned_s = 0
        self._sampled = None
        self._data = None
        self._since_sample = metering.IntervalEnergy()
        self.since_aligned = metering.IntervalEnergy()
        self._asked_at = None  # ticks: a reading for `trigger` is on its way since then

    def begin(self, connector, reading, stamp):
        """A transaction begins; `reading` is None when it is taken up again after a power cut."""
        value = self._config.value
        transaction = connector.transaction
        self._sampled = SampledSchedule(connector.station.clock.uptime_ms, value("MeterValueSampleInterval"))
        self._since_sample.take(reading)
        if reading is None:
            self._data = self._restored(transaction)
        else:
            self._data = self._new_data()
            self._data.begin(stamp, reading, self.offered(connector.supply))
            transaction.begin = self._data.state()

    def end(self, transaction, reading, stamp, offered):
        """The transaction, of this boot or one that a power cut has ended, is over: (stamp, values) for
        transactionData, oldest first.
        """
        data = self._data or self._restored(transaction)
        self._data = self._sampled = None
        data.end(stamp, reading, offered)
        return list(data.meter_values())

    def offered(self, supply):
        """(deci-ampere, phases): what the car is offered now."""
        return supply.offered_da, supply.phases or self._described.phases

    def _restored(self, transaction):
        data = self._new_data()
        data.restore(transaction.begin, transaction.started, transaction.meter_start_wh)
        return data

    def _new_data(self):
        value = self._config.value
        limit = value("StopTransactionMaxMeterValues")
        return TransactionData(
            self._described,
            value("StopTxnSampledData") or (),
            value("StopTxnAlignedData") or (),
            1 << 29 if limit is None else limit,
        )

    def step(self, connector):
        """Take what is due now."""
        config = self._config
        clock = connector.station.clock
        interval_s = config.value("ClockAlignedDataInterval")
        if interval_s != self._aligned_s:
            self._aligned_s = interval_s
            self._aligned.set_interval(interval_s)
            self.since_aligned = metering.IntervalEnergy()
        if interval_s and self.since_aligned.empty:
            # The first interval counts from here, or its sample would lack a measurand (case 071).
            self.since_aligned.take(connector.reading)
        moment = self._aligned.due(clock.utc_ms)
        if moment is not None:
            self._take(connector, clock.uptime_at(moment), True)
        if self._sampled is not None and connector.transaction is not None:
            self._sampled.set_interval(clock.uptime_ms, config.value("MeterValueSampleInterval"))
            if self._sampled.due(clock.uptime_ms):
                self._take(connector, clock.uptime_ms, False)

    def _take(self, connector, at_ms, aligned):
        """`at_ms`: the uptime that the sample is for."""
        transaction = connector.transaction

        def read(reading, now):
            if connector.transaction is transaction:
                self._tell(connector, transaction, reading, at_ms, aligned)

        connector.station.read_meter(connector.number, read)

    def _tell(self, connector, transaction, reading, at_ms, aligned):
        stamp = connector.tell(at_ms)
        connector.metered(reading)
        offered = self.offered(connector.supply)
        if aligned:
            names, series, context = "MeterValuesAlignedData", self.since_aligned, metering.SAMPLE_CLOCK
        else:
            names, series, context = "MeterValuesSampledData", self._since_sample, metering.SAMPLE_PERIODIC
        values = metering.sample(
            self._config.value(names) or _DEFAULT,
            reading,
            self._described,
            offered,
            context,
            series.take(reading),
        )
        if values is not None:
            register_wh = connector.station.wire.metered(connector.number, transaction, stamp, values)
            if transaction is not None:
                connector.books.sample_told(register_wh)
        if self._data is not None:
            self._data.sample(stamp, reading, offered, aligned)

    def trigger(self, connector):
        """Tell a sample of now, because the CSMS asks for one (section 5.17): of what MeterValuesSampledData
        says (errata 3.46), for the transaction that runs then. Of a meter that stays silent nothing is told.
        """
        station = connector.station
        now = station.now()
        if self._asked_at is not None and 0 <= ticks_diff(now, self._asked_at) < _ASKED_MS:
            return  # that one is of now as well
        self._asked_at = now
        tries = 1

        def read(reading, now):
            nonlocal tries
            if reading is None and tries < _TRIES:
                tries += 1
                station.read_meter(connector.number, read)
                return
            self._asked_at = None
            self._tell_triggered(connector, reading)

        station.read_meter(connector.number, read)

    def _tell_triggered(self, connector, reading):
        station = connector.station
        transaction = connector.transaction
        stamp = connector.tell(station.clock.uptime_ms)
        connector.metered(reading)
        values = metering.sample(
            self._config.value("MeterValuesSampledData") or _DEFAULT,
            reading,
            self._described,
            self.offered(connector.supply),
            metering.TRIGGER,
            # The series of the samples goes on as if this one were not there.
            (None, None) if transaction is None else self._since_sample.since(reading),
        )
        if values is None:
            log.warning("meter", "%d: no sample for TriggerMessage, nothing is measured", connector.number)
            return
        register_wh = station.wire.metered(connector.number, transaction, stamp, values)
        if register_wh is not None:
            connector.books.sample_told(register_wh)
        else:
            # It may be on its way past the outbox (Pending). What was told has to be billed.
            connector.books.keep(station.now())
