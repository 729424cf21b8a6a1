# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The book with which `make outbox-bench` finds what is missing, doubled or out of order."""

from tools.flash.board.queue_book import TAG, QueueBook


def start(number):
    return ("StartTransaction", {"idTag": TAG, "meterStart": 1000 * number, "timestamp": "T%d00" % number})


def meter(number, index, transaction_id=None):
    sample = {
        "timestamp": "T%d%d0" % (number, index),
        "sampledValue": [{"value": "%d%d00" % (number, index)}],
    }
    return ("MeterValues", {"transactionId": transaction_id or number, "meterValue": [sample]})


def stop(number):
    payload = {"transactionId": number, "meterStop": 1000 * number + 999, "timestamp": "T%d99" % number}
    return ("StopTransaction", payload)


def told(*messages):
    book = QueueBook(2, 0)
    for action, payload in messages:
        book.take(action, payload)
    return book


def whole(number):
    return [start(number), meter(number, 1), meter(number, 2), stop(number)]


def test_what_comes_in_order_is_fine():
    book = told(*(whole(1) + whole(2)))
    assert book.complaints == [] and book.messages == 8 and book.thinned == 0


def test_meter_values_that_do_not_come_are_counted():
    book = told(start(1), meter(1, 2), stop(1))
    assert book.complaints == [] and book.thinned == 1


def test_what_comes_twice_is_found():
    for twice in range(4):
        messages = whole(1)
        messages.insert(twice, messages[twice])
        assert told(*messages).complaints, twice


def test_what_changes_places_is_found():
    for place in range(7):
        messages = whole(1) + whole(2)
        messages[place], messages[place + 1] = messages[place + 1], messages[place]
        assert told(*messages).complaints, place


def test_a_start_or_a_stop_that_does_not_come_is_found():
    for missing in (0, 3, 4):
        messages = whole(1) + whole(2)
        del messages[missing]
        assert told(*messages).complaints, missing


def test_another_transaction_is_found():
    assert told(start(1), meter(1, 1, 2)).complaints == ["message 2, MeterValues: of transaction 2"]
    assert told(start(1), ("StopTransaction", dict(stop(1)[1], transactionId=-1))).complaints


def test_energy_that_goes_back_is_found():
    back = ("StopTransaction", dict(stop(1)[1], meterStop=1050))
    assert told(start(1), meter(1, 1), back).complaints == [
        "message 3, StopTransaction: T199, 1050 Wh after T110, 1100 Wh"
    ]
