# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Messages as bytes: whatever is queued comes out again, and whatever comes out fits the official schema."""

import json
from pathlib import Path

import ocpp.v16
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft4Validator

from ocpp16 import queued
from station import measurands, metering
from station.transaction import Transaction

SCHEMAS = Path(ocpp.v16.__file__).parent / "schemas"
VALIDATORS = {
    action: Draft4Validator(json.loads((SCHEMAS / f"{action}.json").read_text(encoding="utf-8-sig")))
    for action in ("StartTransaction", "MeterValues", "StopTransaction")
}
COLUMNS = [
    place << 3 | phase
    for place in range(len(measurands.MEASURANDS))
    for phase in range(len(measurands.PHASES))
]
CONTEXTS = ["Sample.Periodic", "Sample.Clock", "Transaction.Begin", "Transaction.End", "Trigger", "Other"]
REASONS = ["EVDisconnected", "Local", "Other", "PowerLoss", "Remote", "DeAuthorized"]

integers = st.integers(-(2**62), 2**62)
numbers = st.integers(0, 2**40)
tags = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
times = st.integers(0, 2**42) | st.lists(st.integers(0, 2**40), min_size=2, max_size=4)
contexts = st.sampled_from(CONTEXTS)
reasons = st.sampled_from(REASONS)


@st.composite
def transactions(draw):
    made = Transaction(draw(numbers), draw(st.integers(1, 40)), draw(tags), None, draw(times), draw(integers))
    made.reservation_id = draw(st.none() | integers)
    made.meter_last_wh = draw(integers)
    return made


@st.composite
def values(draw):
    columns = bytes(draw(st.lists(st.sampled_from(COLUMNS), min_size=1, max_size=30)))
    row = [draw(st.none() | integers) for _ in columns]
    row[0] = draw(integers)
    return draw(contexts), columns, tuple(row)


def time_text(stamp):
    assert isinstance(stamp, int | list)
    return str(stamp)


def valid(action, record, transaction, tag):
    assert queued.head(record) == (action, transaction.number)
    assert queued.id_tag(record) == tag
    payload = queued.payload(record, time_text)
    extra = {} if action == queued.START else {"transactionId": -1}
    VALIDATORS[action].validate({**payload, **extra})
    return payload


@given(transactions())
def test_a_start_comes_out_as_it_went_in(transaction):
    wanted = {
        "connectorId": transaction.connector,
        "idTag": transaction.id_tag,
        "meterStart": transaction.meter_start_wh,
        "timestamp": str(transaction.started),
    }
    if transaction.reservation_id is not None:
        wanted["reservationId"] = transaction.reservation_id
    record = queued.start(transaction)
    assert valid(queued.START, record, transaction, transaction.id_tag) == wanted
    assert queued.expendable(record) is None


@given(transactions(), st.integers(0, 40), times, values())
def test_meter_values_come_out_as_they_went_in(transaction, connector, stamp, sample):
    record = queued.meter_values(transaction, connector, stamp, sample)
    assert valid(queued.METER, record, transaction, None) == {
        "connectorId": connector,
        "meterValue": [{"timestamp": str(stamp), "sampledValue": metering.sampled_values(sample)}],
    }
    spare = sample[0] in ("Sample.Periodic", "Sample.Clock")
    assert queued.expendable(record[:16]) == (transaction.number if spare else None)


@given(transactions(), reasons, st.none() | tags, times, st.lists(st.tuples(times, values()), max_size=40))
def test_a_stop_comes_out_as_it_went_in(transaction, reason, tag, stamp, data):
    wanted = {"meterStop": transaction.meter_last_wh, "timestamp": str(stamp), "reason": reason}
    if tag is not None:
        wanted["idTag"] = tag
    if data:
        wanted["transactionData"] = [
            {"timestamp": str(at), "sampledValue": metering.sampled_values(sample)} for at, sample in data
        ]
    record = queued.stop(transaction, reason, tag, stamp, data)
    assert valid(queued.STOP, record, transaction, tag) == wanted
    assert queued.expendable(record) is None


@given(st.text(max_size=60), st.text(max_size=60), values())
def test_words_of_nobody_survive(reason, context, sample):
    """Whatever is in no table: text that UTF-8 can carry."""
    reason, context = (text.encode("utf-8", "ignore").decode() for text in (reason, context))
    transaction = Transaction(1, 1, "T", None, 0, 0)
    sample = (context, *sample[1:])
    record = queued.stop(transaction, reason, None, 0, [(0, sample)])
    payload = queued.payload(record, time_text)
    assert payload["reason"] == reason
    assert payload["transactionData"][0]["sampledValue"] == metering.sampled_values(sample)


@given(st.binary(max_size=80) | st.binary(max_size=80).map(lambda data: b"\x12\x02" + data))
def test_bytes_of_nobody_do_no_harm(data):
    for read in (
        lambda: queued.head(data),
        lambda: queued.id_tag(data),
        lambda: queued.payload(data, lambda stamp: "a time"),
    ):
        try:
            read()
        except ValueError:
            pass
    number = queued.expendable(data)
    assert number is None or (data[0] == 0x12 and queued.head(data) == (queued.METER, number))
