# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Messages as bytes: what comes out is what the first firmware sent, whatever the record is."""

import json
from binascii import hexlify, unhexlify

import log
from hal.reading import Reading
from host_tests.unit.expect import raises
from ocpp16 import queued
from station import measurands, metering
from station.description import Description
from station.transaction import Transaction

NOON = 1795176000000
TAG = "04A1B2C3D4E5F6"
ENERGY = b"\x00"
ALL = tuple([entry[0] for entry in measurands.MEASURANDS])
SINGLE = Description({}).connectors[0]
THREE = Description({"connectors": [{"phases": 3}]}).connectors[0]
CONTEXTS = (
    "Sample.Periodic",
    "Sample.Clock",
    "Transaction.Begin",
    "Transaction.End",
    "Trigger",
    "Interruption.Begin",
    "Interruption.End",
    "Other",
    "Of another time",
)
REASONS = (
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
    "Too hot, übermäßig",
    "",
)


def transaction(number=412 * 4096 + 7, tag=TAG, meter_start_wh=1234567, started=NOON, reservation_id=None):
    made = Transaction(number, 1, tag, None, started, meter_start_wh, reservation_id)
    made.meter_last_wh = meter_start_wh + 7000
    return made


def text(stamp):
    """Stands for the time of a stamp."""
    return "at %s" % (stamp if isinstance(stamp, int) else list(stamp))


def energy(wh, context="Sample.Periodic"):
    return context, ENERGY, (wh,)


def warned(word):
    """Whether the log's last line has the word."""
    return word in log.lines()[-1]


# --- what the first firmware made of it, before it was bytes ---


def first_value(name, phase, number, context):
    """One SampledValue as the first firmware wrote it into its record."""
    for entry in measurands.MEASURANDS:
        if entry[0] == name:
            break
    _, unit, location, decimals, _, _ = entry
    shown = str(number)
    if decimals:
        sign, digits = ("-", shown[1:]) if number < 0 else ("", shown)
        digits = "0" * (decimals + 1 - len(digits)) + digits
        fraction = digits[-decimals:]
        while len(fraction) > 1 and fraction[-1] == "0":
            fraction = fraction[:-1]
        shown = sign + digits[:-decimals] + "." + fraction
    value = {"value": shown, "context": context, "measurand": name, "location": location}
    if unit is not None:
        value["unit"] = unit
    if phase is not None:
        value["phase"] = phase
    return value


def first_start(of):
    payload = {
        "connectorId": of.connector,
        "idTag": of.id_tag,
        "meterStart": of.meter_start_wh,
        "timestamp": of.started,
    }
    if of.reservation_id is not None:
        payload["reservationId"] = of.reservation_id
    return {"a": "StartTransaction", "n": of.number, "p": payload}


def first_meter_values(of, connector, stamp, values):
    entry = {"timestamp": stamp, "sampledValue": values}
    return {"a": "MeterValues", "n": of.number, "p": {"connectorId": connector, "meterValue": [entry]}}


def first_stop(of, reason, tag, stamp, data):
    payload = {"meterStop": of.meter_last_wh, "timestamp": stamp, "reason": reason}
    if tag is not None:
        payload["idTag"] = tag
    if data:
        payload["transactionData"] = [{"timestamp": at, "sampledValue": values} for at, values in data]
    return {"a": "StopTransaction", "n": of.number, "p": payload}


def same(record, entry):
    """The record gives the payload of the first firmware's record, to the byte where the order of names is
    kept.
    """
    old = json.dumps(entry, separators=(",", ":")).encode()
    assert queued.head(record) == queued.head(old) == (entry["a"], entry["n"])
    assert queued.id_tag(record) == queued.id_tag(old) == entry["p"].get("idTag")
    new = queued.payload(record, text)
    assert new == queued.payload(old, text)
    if list({"z": 1, "y": 2, "x": 3, "w": 4}) == ["z", "y", "x", "w"]:  # not so on MicroPython
        assert json.dumps(new) == json.dumps(queued.payload(old, text))
    return new


def columns_of(names, connector):
    """(columns, [(name, phase)]) for names of measurands, each of all its phases."""
    columns = metering.columns(names, connector)
    return columns, [
        (measurands.MEASURANDS[column >> 3][0], measurands.PHASES[column & 7]) for column in columns
    ]


# --- the same as ever ---


def test_starts():
    for tag in (TAG, "x", "ÄÖÜ-標識-12345678", "A" * 20, ""):
        for meter_start_wh in (0, 1, 63, 64, 8191, 8192, 999999999, (1 << 30) - 1, 1 << 30, 1 << 40, -5):
            for started in (NOON, [3, 500], [3, 500, 120000], [1, 2, 3, 4], 0):
                for reservation_id in (None, 0, 77, -1, 2147483647):
                    of = transaction(4096, tag, meter_start_wh, started, reservation_id)
                    payload = same(queued.start(of), first_start(of))
                    assert payload["timestamp"] == text(started)


def test_meter_values_of_every_measurand_phase_and_context():
    numbers = (0, 1, -1, 5, 64, -65, 15980, 230400, -35, 1 << 30, 1 << 45, -(1 << 30), None)
    of = transaction()
    for connector in (SINGLE, THREE):
        columns, named = columns_of(ALL, connector)
        for at, context in enumerate(CONTEXTS):
            for shift in range(len(numbers)):
                row = tuple([numbers[(index + shift) % len(numbers)] for index in range(len(columns))])
                wanted = [
                    first_value(name, phase, number, context)
                    for (name, phase), number in zip(named, row)
                    if number is not None
                ]
                record = queued.meter_values(of, at, [shift, NOON], (context, columns, row))
                same(record, first_meter_values(of, at, [shift, NOON], wanted))
                assert metering.sampled_values((context, columns, row)) == wanted


def test_stops():
    columns, named = columns_of(ALL, THREE)
    numbers = tuple([None if index % 5 == 3 else 1000 * index - 3 for index in range(len(columns))])
    data = []
    entries = []
    for at, context in enumerate(CONTEXTS):
        data.append((NOON + at, (context, columns, numbers)))
        found = [
            first_value(name, phase, number, context)
            for (name, phase), number in zip(named, numbers)
            if number is not None
        ]
        entries.append((NOON + at, found))
    for reason in REASONS:
        for tag in (None, TAG, ""):
            for count in (0, 1, len(data)):
                of = transaction()
                record = queued.stop(of, reason, tag, [7, 5], data[:count])
                same(record, first_stop(of, reason, tag, [7, 5], entries[:count]))


def test_what_a_meter_says_goes_all_the_way():
    reading = Reading(1234567, -7360, (30980, None, 5), (237400, 0), temperature_dc=-315, soc_pct=40)
    values = metering.sample(ALL, reading, THREE, (320, 3), "Sample.Clock", (20, None))
    found = queued.payload(queued.meter_values(transaction(), 2, NOON, values), text)
    assert found == {
        "connectorId": 2,
        "meterValue": [{"timestamp": text(NOON), "sampledValue": metering.sampled_values(values)}],
    }
    assert len(found["meterValue"][0]["sampledValue"]) == len([n for n in values[2] if n is not None]) > 9
    assert metering.sample(ALL, Reading(), THREE, None, "Sample.Clock") is None


# --- on flash ---

# Each form as it was first written: firmware that reads it otherwise loses what waits in the field.
FORMS = (
    (
        "1184c002010654414702d00f0080a89f8dbf680112",
        ("StartTransaction", 20482, "TAG"),
        {"connectorId": 1, "idTag": "TAG", "meterStart": 1000, "timestamp": text(NOON), "reservationId": 9},
    ),
    (
        "1284c0020202020ac0a9070200b8175001",
        ("MeterValues", 20482, None),
        {
            "connectorId": 1,
            "meterValue": [
                {
                    "timestamp": "at [5, 60000]",
                    "sampledValue": [
                        {
                            "value": "1500",
                            "context": "Sample.Clock",
                            "measurand": "Energy.Active.Import.Register",
                            "location": "Outlet",
                            "unit": "Wh",
                        },
                        {
                            "value": "-0.001",
                            "context": "Sample.Clock",
                            "measurand": "Current.Import",
                            "location": "Outlet",
                            "unit": "A",
                        },
                    ],
                }
            ],
        },
    ),
    (
        "1384c00200807d0080a89f8dbf6808010080a89f8dbf68040169e0891c",
        ("StopTransaction", 20482, None),
        {
            "meterStop": 8000,
            "timestamp": text(NOON),
            "reason": "Remote",
            "transactionData": [
                {
                    "timestamp": text(NOON),
                    "sampledValue": [
                        {
                            "value": "230.0",
                            "context": "Transaction.End",
                            "measurand": "Voltage",
                            "location": "Outlet",
                            "unit": "V",
                            "phase": "L1",
                        },
                    ],
                }
            ],
        },
    ),
)


def test_the_forms_on_flash_stay_what_they_are():
    of = transaction(20482, "TAG", 1000, NOON, 9)
    made = (
        queued.start(of),
        queued.meter_values(of, 1, [5, 60000], ("Sample.Clock", b"\x00\x50", (1500, -1))),
        queued.stop(of, "Remote", None, NOON, [(NOON, ("Transaction.End", b"\x69", (230000,)))]),
    )
    for record, (form, head, payload) in zip(made, FORMS):
        assert str(hexlify(record), "ascii") == form
        assert queued.head(unhexlify(form)) + (queued.id_tag(unhexlify(form)),) == head
        assert queued.payload(unhexlify(form), text) == payload


def test_the_tables_behind_the_forms_stay_what_they_are():
    """A byte on flash is a place in these: new ones go to the end."""
    assert ALL[:17] == (
        "Energy.Active.Import.Register",
        "Energy.Active.Import.Interval",
        "Energy.Active.Export.Register",
        "Energy.Active.Export.Interval",
        "Energy.Reactive.Import.Register",
        "Energy.Reactive.Export.Register",
        "Power.Active.Import",
        "Power.Active.Export",
        "Power.Offered",
        "Power.Factor",
        "Current.Import",
        "Current.Export",
        "Current.Offered",
        "Voltage",
        "Frequency",
        "Temperature",
        "SoC",
    )
    assert len(ALL) <= 32
    assert [entry[3] for entry in measurands.MEASURANDS[:17]] == [0] * 9 + [3, 3, 3, 1, 3, 3, 1, 0]
    assert measurands.PHASES == (None, "L1", "L2", "L3", "L1-N", "L2-N", "L3-N")
    of = transaction(0)
    for place, context in enumerate(CONTEXTS[:8]):
        record = queued.meter_values(of, 1, 0, (context, ENERGY, (1,)))
        assert record[2] == place + 1, context
    for place, reason in enumerate(REASONS[:11]):
        assert queued.stop(of, reason, None, 0, [])[7:] == bytes([0, 0, place + 1, 0]), reason


def test_the_first_firmware_wrote_json():
    """What it left in the queue is sent as it would have sent it."""
    record = (
        b'{"a":"StopTransaction","n":4096,"p":{"meterStop":5,"timestamp":[1,77],"reason":"Local","idTag":"T",'
        b'"transactionData":[{"timestamp":[1,70],"sampledValue":[{"value":"1"},{"value":"2"}]}]}}'
    )
    assert queued.head(record) == ("StopTransaction", 4096)
    assert queued.id_tag(record) == "T"
    assert queued.payload(record, text) == {
        "meterStop": 5,
        "timestamp": "at [1, 77]",
        "reason": "Local",
        "idTag": "T",
        "transactionData": [
            {"timestamp": "at [1, 70]", "sampledValue": [{"value": "1"}, {"value": "2"}]},
        ],
    }
    assert queued.expendable(record) is None


def test_a_record_is_small():
    """128 bytes with the journal's 11 are what the smallest flash takes in one piece; 70 is what there is for
    each when 12,000 wait in 1 MB.
    """
    of = transaction(tag="A" * 20)
    of.connector = 2
    four = [400, 400000000, 120000, 3]
    assert len(queued.start(of)) <= 45
    of.started = four
    of.reservation_id = 1 << 30
    assert len(queued.start(of)) <= 60
    assert len(queued.stop(of, "EVDisconnected", of.id_tag, four, [])) <= 60
    assert len(queued.meter_values(of, 2, NOON, energy(1234567))) <= 20
    columns, _ = columns_of(ALL, THREE)
    assert len(queued.meter_values(of, 2, four, ("Sample.Clock", columns, (230400,) * len(columns)))) <= 117


# --- what other firmware wrote, or nobody ---


def test_measurands_of_a_newer_firmware_are_left_out():
    of = transaction()
    values = ("Sample.Periodic", bytes([31 << 3, 0, 0x57]), (5, 1500, 7))  # no such measurand, no such phase
    payload = queued.payload(queued.meter_values(of, 1, NOON, values), text)
    sampled = payload["meterValue"][0]["sampledValue"]
    assert [(one["measurand"], one["value"]) for one in sampled] == [(ALL[0], "1500")]
    assert warned("2 values left out")
    unknown = ("Sample.Periodic", bytes([31 << 3]), (5,))
    error = raises(ValueError, queued.payload, queued.meter_values(of, 1, NOON, unknown), text)
    assert "none of its values" in str(error)
    # A bill is sent with what can be said.
    payload = queued.payload(queued.stop(of, "Local", TAG, NOON, [(NOON, unknown), (NOON, values)]), text)
    assert [len(entry["sampledValue"]) for entry in payload["transactionData"]] == [1]
    assert warned("3 values left out")
    payload = queued.payload(queued.stop(of, "Local", TAG, NOON, [(NOON, unknown)]), text)
    assert payload == {"meterStop": 1241567, "timestamp": text(NOON), "reason": "Local", "idTag": TAG}


def test_a_form_of_a_newer_firmware_is_named():
    for function, arguments in ((queued.head, ()), (queued.id_tag, ()), (queued.payload, (text,))):
        error = raises(ValueError, function, b"\x21\x02\x01\x06TAG", *arguments)
        assert "0x21" in str(error)


def test_fields_that_a_newer_firmware_added_at_the_end_are_passed_over():
    of = transaction()
    for record in (
        queued.start(of),
        queued.meter_values(of, 1, NOON, energy(5)),
        queued.stop(of, "Local", None, NOON, [(NOON, energy(6))]),
    ):
        assert queued.payload(record + b"\x05more\xff", text) == queued.payload(record, text)


def records():
    of = transaction(1234567, TAG, 1 << 40, [3, 4, 5], 3)
    data = [(NOON, energy(5)), ([1, 2], ("Custom", ENERGY, (-9,)))]
    return (
        queued.start(of),
        queued.meter_values(of, 1, NOON, energy(5)),
        queued.meter_values(of, 1, [1, 2, 3], ("Custom", ENERGY, (5,))),
        queued.stop(of, "Local", TAG, NOON, data),
        queued.stop(of, "Custom", None, NOON, data),
        b'{"a":"MeterValues","n":1,"p":{"connectorId":1,"meterValue":[{"timestamp":5,"sampledValue":[]}]}}',
    )


def harmless(record):
    """Whatever it is: it can be read, or a ValueError tells why not."""
    for function, arguments in ((queued.head, ()), (queued.id_tag, ()), (queued.payload, (text,))):
        try:
            function(record, *arguments)
        except ValueError:
            pass
    assert queued.register(record) is None or record[0] == 0x12
    number = queued.expendable(record)
    assert number is None or record[0] == 0x12


def test_no_record_is_the_end():
    for record in records():
        for length in range(len(record)):
            cut = record[:length]
            harmless(cut)
            if record[0] != 0x7B and length:
                raises(ValueError, queued.payload, cut, text)
        for at in range(len(record)):
            for value in (0, 1, 0x7F, 0x80, 0xFF, record[at] ^ 0x10):
                harmless(record[:at] + bytes([value]) + record[at + 1 :])
    for record in (b"", b"{}", b"[]", b"{", b"\x12\xff" * 40, b"\x11" + b"\xff" * 100, bytes(300)):
        harmless(record)


def test_the_register_of_a_sample():
    of = transaction()
    for values, wanted in (
        (energy(5), 5),
        (energy(0), 0),
        (("Sample.Clock", b"\x68\x00\x50", (230000, 1 << 40, -1)), 1 << 40),
        (("Sample.Clock", b"\x68\x50", (230000, -1)), None),
    ):
        for stamp in ([1, 2, 3], NOON):
            found = queued.register(queued.meter_values(of, 1, stamp, values))
            assert found == (None if wanted is None else (stamp, wanted))
        assert metering.register_wh(values) == wanted
    assert queued.register(queued.start(of)) is None
    assert queued.register(queued.stop(of, "Local", TAG, NOON, [(NOON, energy(5))])) is None
    column = metering.columns(("Energy.Active.Import.Register",), THREE)
    assert column == bytes([metering.REGISTER])


# --- what may go when there is no room for all ---


def test_samples_in_the_middle_are_expendable():
    for number in (0, 1, 63, 64, 4096, 412 * 4096 + 7, (1 << 30) - 1, 1 << 30, 1 << 40):
        of = transaction(number)
        for context in CONTEXTS:
            record = queued.meter_values(of, 1, NOON, energy(5, context))
            middle = context in ("Sample.Periodic", "Sample.Clock")
            assert queued.expendable(record) == (number if middle else None)
            assert queued.expendable(record[:16]) == queued.expendable(record)
            assert queued.expendable(memoryview(record)) == queued.expendable(record)
        for record in (queued.start(of), queued.stop(of, "Local", TAG, NOON, [(NOON, energy(5))])):
            assert queued.expendable(record) is None
