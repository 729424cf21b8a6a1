# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Transaction-related messages as they wait in the outbox: bytes, and payloads from them. Pure.

A charger may be offline for weeks: of some 40 bytes, a thousand transactions with their samples fit a
megabyte, of the JSON text they would not. docs/files.md has the formats. The first byte says which message in
which form it is; "{" is the JSON that the first firmware wrote, which `ocpp16.queued_json` still reads.

What only the moment of sending knows is put in then: `time_text(stamp)` gives the text of a time, and the
outbox adds the transactionId.
"""

import log
from ocpp16 import packed, payloads
from station import metering

START = "StartTransaction"
METER = "MeterValues"
STOP = "StopTransaction"

# The low half tells the message, the high half its form. A form may grow at its end, where an older firmware
# does not look; a change of anything else is another form.
_START_1 = 0x11
_METER_1 = 0x12
_STOP_1 = 0x13
_JSON = 0x7B
_ACTIONS = {_START_1: START, _METER_1: METER, _STOP_1: STOP}

# A word of these is one byte, its place from 1; of another one the text follows a 0. New ones go to the end.
_CONTEXTS = (
    metering.SAMPLE_PERIODIC,
    metering.SAMPLE_CLOCK,
    metering.TRANSACTION_BEGIN,
    metering.TRANSACTION_END,
    metering.TRIGGER,
    "Interruption.Begin",
    "Interruption.End",
    "Other",
)
_EXPENDABLE = (1, 2)  # of the contexts
_REASONS = (
    "EmergencyStop",
    "EVDisconnected",
    "HardReset",
    "Local",
    "Other",
    "PowerLoss",
    "Reboot",
    "Remote",
    "SoftReset",
    "UnlockCommand",
    "DeAuthorized",
)


# --- writing ---


def start(transaction) -> bytes:
    """StartTransaction of a `station.transaction.Transaction`."""
    out = _begun(_START_1, transaction, transaction.id_tag)
    packed.put(out, transaction.connector)
    packed.put(out, transaction.meter_start_wh)
    packed.put_stamp(out, transaction.started)
    if transaction.reservation_id is None:
        out.append(0)
    else:
        out.append(1)
        packed.put(out, transaction.reservation_id)
    return bytes(out)


def meter_values(transaction, connector, stamp, values) -> bytes:
    """MeterValues of a transaction. `values`: (context, columns, numbers) of `station.metering`."""
    out = bytearray([_METER_1])
    packed.put(out, transaction.number)
    packed.put_word(out, values[0], _CONTEXTS)
    packed.put(out, connector)
    packed.put_stamp(out, stamp)
    _put_numbers(out, values)
    return bytes(out)


def stop(transaction, reason, tag, stamp, data) -> bytes:
    """StopTransaction. `data`: list of (stamp, values). The reason is always said: some CSMSs cannot do
    without.
    """
    out = _begun(_STOP_1, transaction, tag)
    packed.put(out, transaction.meter_last_wh)
    packed.put_stamp(out, stamp)
    packed.put_word(out, reason, _REASONS)
    out.append(len(data))
    for at, values in data:
        packed.put_stamp(out, at)
        packed.put_word(out, values[0], _CONTEXTS)
        _put_numbers(out, values)
    return bytes(out)


def _begun(kind, transaction, tag):
    out = bytearray([kind])
    packed.put(out, transaction.number)
    if tag is None:
        out.append(0)
    else:
        out.append(1)
        packed.put_text(out, tag)
    return out


def _put_numbers(out, values):
    _, columns, numbers = values
    count_at = len(out)
    out.append(0)
    for column, number in zip(columns, numbers):
        if number is not None:
            out[count_at] += 1
            out.append(column)
            packed.put(out, number)


# --- reading ---


def head(data):
    """(action, transaction number) of a record; ValueError with what is wrong with it."""
    try:
        if data[0] == _JSON:
            return _json().head(data)
        return _action(data), packed.signed(packed.number_behind(data, 0)[0])
    except (IndexError, KeyError, TypeError):
        raise ValueError("it is cut short or not ours")


def id_tag(data):
    """The idTag of a StartTransaction or StopTransaction, None without one. ValueError as above."""
    try:
        if data[0] == _JSON:
            return _json().id_tag(data)
        if _action(data) == METER:
            return None
        reader = packed.Reader(data)
        reader.number()
        return reader.optional(reader.text)
    except (IndexError, KeyError, TypeError):
        raise ValueError("it is cut short or not ours")


def register(data):
    """(stamp, energy register in Wh) of a MeterValues; None without a register, and of JSON."""
    try:
        if data[0] != _METER_1:
            return None
        reader = packed.Reader(data)
        reader.number()
        reader.word(_CONTEXTS)
        reader.number()
        stamp = reader.stamp()
        for _ in range(reader.byte()):
            column = reader.byte()
            number = reader.number()
            if column == metering.REGISTER:
                return stamp, number
    except (IndexError, ValueError):
        pass
    return None


def payload(data, time_text) -> dict:
    """The payload of a record, without transactionId. ValueError with what is wrong with it."""
    try:
        if data[0] == _JSON:
            return _json().payload(data, time_text)
        reader = packed.Reader(data)
        reader.number()  # of the transaction
        made = _BUILDERS[_action(data)](reader, time_text)
        if reader.unknown:
            log.warning(
                "queued", "%d values left out: measurands that this firmware does not know", reader.unknown
            )
        return made
    except (IndexError, KeyError, TypeError):
        raise ValueError("it is cut short or not ours")


def expendable(data):
    """The number of the transaction of a record that may go when there is no room for all: MeterValues in
    the middle of it. None for everything else, whatever it is.

    The first 16 bytes of the record are enough.
    """
    try:
        if data[0] == _METER_1:
            number, at = packed.number_behind(data, 0)
            if data[at + 1] in _EXPENDABLE:
                return packed.signed(number)
    except IndexError:
        pass
    return None


def _json():
    # Hardly ever, and never again when the queue of the first firmware is told.
    from ocpp16 import queued_json

    return queued_json


def _action(data):
    if data[0] not in _ACTIONS:
        raise ValueError("it has form %#x, of another firmware" % data[0])
    return _ACTIONS[data[0]]


def _sampled_values(reader, context):
    found = []
    for _ in range(reader.byte()):
        column = reader.byte()
        number = reader.number()
        if metering.known(column):
            found.append(metering.sampled_value(column, number, context))
        else:
            reader.unknown += 1
    return found


def _start_payload(reader, time_text):
    tag = reader.optional(reader.text)
    connector = reader.number()
    meter_start_wh = reader.number()
    made = {
        "connectorId": connector,
        "idTag": tag,
        "meterStart": meter_start_wh,
        "timestamp": time_text(reader.stamp()),
    }
    reservation_id = reader.optional(reader.number)
    if reservation_id is not None:
        made["reservationId"] = reservation_id
    return made


def _meter_payload(reader, time_text):
    context = reader.word(_CONTEXTS)
    connector = reader.number()
    text = time_text(reader.stamp())
    found = _sampled_values(reader, context)
    if not found:
        raise ValueError("none of its values is known")
    return payloads.meter_values(connector, text, found)


def _stop_payload(reader, time_text):
    tag = reader.optional(reader.text)
    meter_stop_wh = reader.number()
    text = time_text(reader.stamp())
    made = {"meterStop": meter_stop_wh, "timestamp": text, "reason": reader.word(_REASONS)}
    if tag is not None:
        made["idTag"] = tag
    data = []
    for _ in range(reader.byte()):
        text = time_text(reader.stamp())
        found = _sampled_values(reader, reader.word(_CONTEXTS))
        if found:
            data.append(payloads.meter_value(text, found))
    if data:
        made["transactionData"] = data
    return made


_BUILDERS = {START: _start_payload, METER: _meter_payload, STOP: _stop_payload}
