# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Notes: their order among the messages of the outbox, and what the CSMS knows."""

import log
from ocpp16.notes import Notes


class Outbox:
    """head: sequence of the oldest message or None; wait: until it may be sent."""

    depth = 0
    last_sequence = 0
    head = None
    wait = None

    def wait_ms(self, now):
        return self.wait

    def head_sequence(self):
        return self.head


def test_the_order_in_which_things_happened():
    outbox = Outbox()
    notes = Notes(outbox, 1)
    assert not notes.is_next(0) and len(notes) == 0
    notes.add("StatusNotification", {"n": 1})
    outbox.last_sequence = outbox.head = outbox.depth = 1
    outbox.wait = 0
    notes.add("StatusNotification", {"n": 2})
    assert notes.is_next(0)
    assert notes.take() == ("StatusNotification", {"n": 1}, None, None)
    assert not notes.is_next(0)  # what was queued before it goes first
    outbox.wait = 1000
    assert notes.is_next(0)  # nothing waits behind a retry but the queue
    outbox.wait = 0
    outbox.depth = 5
    assert notes.is_next(0)  # nor behind a long queue
    outbox.depth, outbox.head, outbox.wait = 0, None, None
    assert notes.is_next(0)


def test_what_the_csms_knows():
    notes = Notes(Outbox(), 1)
    available, charging = ("Available",), ("Charging",)
    assert not notes.knows(1, available)
    notes.add("StatusNotification", {}, 1, available)
    _, _, number, report = notes.take()
    notes.confirmed(number, report)
    assert notes.knows(1, available) and not notes.knows(0, available)
    notes.add("StatusNotification", {}, 1, charging)
    assert notes.knows(1, available)
    notes.take()
    assert not notes.knows(1, available) and not notes.knows(1, charging)
    notes.add("MeterValues", {})
    notes.confirmed(notes.take()[2], None)


def test_of_too_many_the_oldest_are_dropped():
    notes = Notes(Outbox(), 1)
    notes.add("StatusNotification", {}, 1, "first")
    notes.confirmed(*notes.take()[2:])
    level, log.level = log.level, log.ERROR + 1
    try:
        for count in range(33):
            notes.add("StatusNotification", {"n": count}, 1, count)
    finally:
        log.level = level
    assert len(notes) == 32 and notes.take()[1] == {"n": 1}
    assert not notes.knows(1, "first")
    notes.clear()
    assert len(notes) == 0
