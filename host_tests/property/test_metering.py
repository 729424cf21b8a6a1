# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Sampled values against the official schema, schedules against a count, transaction data and its bounds."""

import json
from decimal import Decimal
from pathlib import Path

import ocpp.v16
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft4Validator

from hal.reading import Reading
from station import measurands, metering
from station.description import Description
from station.sampling import ClockAlignedSchedule, SampledSchedule
from station.transaction_data import TransactionData

NAMES = tuple(entry[0] for entry in measurands.MEASURANDS)
CONNECTORS = [
    Description({"connectors": [document]}).connectors[0]
    for document in ({}, {"phases": 3}, {"current": "DC", "nominal_v": 800})
]
SCHEMAS = Path(ocpp.v16.__file__).parent / "schemas"
METER_VALUES = Draft4Validator(json.loads((SCHEMAS / "MeterValues.json").read_text(encoding="utf-8-sig")))
STOP = Draft4Validator(json.loads((SCHEMAS / "StopTransaction.json").read_text(encoding="utf-8-sig")))

numbers = st.none() | st.integers(-(2**31), 2**31)
registers = st.none() | st.integers(0, 2**31)
phases = st.lists(numbers, max_size=3).map(tuple)
readings = st.none() | st.builds(
    Reading,
    energy_wh=registers,
    power_w=numbers,
    current_ma=phases,
    voltage_mv=phases,
    export_wh=registers,
    reactive_import_varh=registers,
    reactive_export_varh=registers,
    frequency_mhz=registers,
    temperature_dc=numbers,
    soc_pct=st.none() | st.integers(0, 100),
)
lists = st.lists(st.sampled_from(NAMES), unique=True).map(tuple)
offers = st.none() | st.tuples(st.integers(0, 10000), st.sampled_from((1, 3)))


@given(lists, readings, st.sampled_from(CONNECTORS), offers, st.tuples(registers, registers))
def test_values_fit_the_schema_and_name_only_what_was_asked(names, reading, connector, offered, interval_wh):
    values = metering.sample(names, reading, connector, offered, "Sample.Clock", interval_wh)
    found = [] if values is None else metering.sampled_values(values)
    assert (values is None) == (not found)
    if found:
        METER_VALUES.validate(
            {"connectorId": 1, "meterValue": [{"timestamp": "2026-11-20T12:00:00Z", "sampledValue": found}]}
        )
    seen = [(one["measurand"], one.get("phase")) for one in found]
    assert len(set(seen)) == len(seen)
    assert {name for name, _ in seen} <= set(names)
    order = [names.index(name) for name, _ in seen]
    assert order == sorted(order)


@given(st.integers(-(2**62), 2**62), st.integers(0, 6))
def test_decimal_loses_nothing(number, decimals):
    assert Decimal(metering.decimal(number, decimals)) == Decimal(number) / 10**decimals


@given(st.integers(0, 10**7), st.integers(1, 100), st.lists(st.integers(1, 30000), max_size=100))
def test_a_sampled_schedule_is_due_once_per_interval_that_has_passed(start, interval_s, steps):
    schedule = SampledSchedule(start, interval_s)
    now = start
    for step in steps:
        before = (now - start) // (1000 * interval_s)
        now += step
        assert schedule.due(now) == ((now - start) // (1000 * interval_s) > before)


@given(
    st.integers(946684800000, 4102444700000),
    st.sampled_from([1, 5, 20, 60, 900, 7000, 86400]),
    st.lists(st.integers(1, 40_000_000), max_size=60),
)
def test_a_clock_aligned_schedule_is_due_at_multiples_from_midnight(start, interval_s, steps):
    schedule = ClockAlignedSchedule(interval_s)
    assert schedule.due(start) is None

    def moment(utc_ms):
        return utc_ms - utc_ms % 86_400_000 % (1000 * interval_s)

    now = start
    for step in steps:
        before = moment(now)
        now += step
        due = schedule.due(now)
        if moment(now) == before:
            assert due is None
        else:
            assert due == (moment(now) if now - moment(now) < 1000 else now)


@given(
    st.sampled_from(CONNECTORS),
    lists,
    lists,
    st.integers(0, 60) | st.just(2147483647),
    st.lists(st.tuples(st.booleans(), readings), max_size=150),
)
def test_transaction_data_stays_bounded_ordered_and_valid(connector, sampled, aligned, limit, samples):
    data = TransactionData(connector, sampled, aligned, limit)
    data.begin(0, Reading(energy_wh=1), (100, 3))
    for number, (is_aligned, reading) in enumerate(samples, 1):
        data.sample(number, reading, (100, 3), is_aligned)
    data.end(len(samples) + 1, Reading(energy_wh=2), (100, 3))
    found = [(stamp, metering.sampled_values(values)) for stamp, values in data.meter_values()]
    assert len(found) <= min(max(limit, 2), 40) if limit else not found
    assert [stamp for stamp, _ in found] == sorted({stamp for stamp, _ in found})
    assert len(json.dumps(found)) < 20_000
    # After a power cut the begin is there, and the end; what was in between is not.
    restored = TransactionData(connector, sampled, aligned, limit)
    restored.restore(json.loads(json.dumps(data.state())), 0, 1)
    restored.end(len(samples) + 1, Reading(energy_wh=2), (100, 3))
    edges = [(stamp, metering.sampled_values(values)) for stamp, values in restored.meter_values()]
    assert [entry for entry in edges if entry[0] == 0] == [entry for entry in found if entry[0] == 0]
    assert [[one["measurand"] for one in values] for stamp, values in edges if stamp] == [
        [one["measurand"] for one in values if one["measurand"] != "Energy.Active.Export.Interval"]
        for stamp, values in found
        if stamp == len(samples) + 1
    ]
    if limit and measurands.DEFAULT in sampled + aligned:
        assert found[0][0] == 0
        assert found[-1][0] == len(samples) + 1
    if found:
        STOP.validate(
            {
                "transactionId": 1,
                "meterStop": 2,
                "timestamp": "2026-11-20T12:00:00Z",
                "transactionData": [
                    {"timestamp": "2026-11-20T12:00:00Z", "sampledValue": values} for _, values in found
                ],
            }
        )
