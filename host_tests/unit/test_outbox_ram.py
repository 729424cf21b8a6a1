# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Beginnings and ends of bills that wait in RAM: how many, for how long, what a power cut leaves of them."""

import log
from hal.ticks import ticks_add
from host_tests.unit.outbox_rig import START_CONF, Bench, Keys, MemoryJournal, energy
from ocpp16 import queued
from ocpp16.outbox import Outbox
from station.transaction import Transaction
from store.overflow import RECORD_BYTES, Overflow

# The outbox has 4 KB of RAM, whatever happens; some 1.2 KB of it are the journal's and its own.
MOST_BYTES = 2560


class Ram:
    """An outbox above a journal without files that takes nothing until `files.full` is False."""

    def __init__(self):
        self.bench = Bench()
        self.files = MemoryJournal()
        self.files.full = True
        self.overflow = Overflow(self.files)
        self.outbox = Outbox(self.overflow, Keys(), self.bench.clock, True)
        self.running = {}

    def begin(self, number):
        transaction = self.bench.transaction(number)
        began = self.outbox.started(transaction)
        if began:
            self.running[number] = transaction
        return began

    def end(self, number, data=()):
        transaction = self.running.pop(number)
        return self.outbox.stopped(transaction, "Local", "TAG", self.bench.clock.stamp(), data)

    def reboot(self):
        """An outbox on what is on flash."""
        files = MemoryJournal(self.files.persisted())
        return Outbox(Overflow(files), Keys(), self.bench.clock, True)

    def samples(self, count):
        return [(self.bench.clock.stamp(), energy(100000 + at)) for at in range(count)]

    def drain(self):
        """[(action, payload)], as a CSMS that is back hears them."""
        found = []
        while True:
            message = self.outbox.message()
            if message is None:
                return found
            found.append(message[1:])
            self.outbox.answered(START_CONF if message[1] == queued.START else {})


def count(said, action):
    return len([entry for entry in said if entry[0] == action])


def kept_bytes(overflow):
    """RAM of what waits there: the bytes, and what they take beside them (`test_overflow` measures it)."""
    return sum([len(record) + RECORD_BYTES for _, record in overflow._waiting])


# --- not for long ---


def test_one_failing_write_at_the_start_is_made_good():
    """The flash is well again at once; hours of charging without samples; a power cut."""
    ram = Ram()
    assert ram.begin(5)
    ram.files.full = False
    assert ram.overflow.waiting == 1
    ram.outbox.catch_up(1000)
    assert ram.overflow.waiting == 0
    after = ram.reboot()
    assert after.journalled(5, None) == "started"
    assert after.message()[1] == "StartTransaction"


def test_a_flash_that_stays_bad_is_asked_every_10_s():
    for start in (0, 0x3FFFFFFF - 4000):  # ticks that wrap
        ram = Ram()
        now = start
        ram.outbox.catch_up(now)
        assert ram.files.asked == 0
        ram.begin(5)
        ram.begin(6)
        asked = ram.files.asked
        for _ in range(60):
            now = ticks_add(now, 1000)
            ram.outbox.catch_up(now)
        assert ram.files.asked - asked == 6
        ram.files.full = False
        for _ in range(10):
            now = ticks_add(now, 1000)
            ram.outbox.catch_up(now)
        assert ram.overflow.waiting == 0
        assert ram.files.depth == 2
        # The next trouble is not made to wait for the last one.
        ram.files.full = True
        ram.begin(7)
        ram.files.full = False
        ram.outbox.catch_up(ticks_add(now, 1000))
        assert ram.files.depth == 3


def test_nothing_is_written_while_nothing_waits():
    ram = Ram()
    ram.files.full = False
    ram.begin(5)
    asked = ram.files.asked
    ram.files.stuck = True
    for second in range(100):
        ram.outbox.catch_up(second * 1000)
    assert ram.files.asked == asked


def test_a_record_that_moves_has_the_number_that_it_has_there():
    """Who keeps the clock along with what waits looks at it."""
    ram = Ram()
    ram.begin(5)
    in_ram = ram.outbox.last_sequence
    ram.files.full = False
    ram.outbox.catch_up(1000)
    assert ram.outbox.last_sequence != in_ram
    assert ram.outbox.last_sequence == ram.files.peek()[0]


def test_a_message_under_way_moves_and_keeps_its_id():
    ram = Ram()
    ram.begin(5)
    sent = ram.outbox.message()
    ram.files.full = False
    ram.outbox.catch_up(1000)
    assert ram.outbox.message() == sent
    ram.outbox.answered(START_CONF)
    assert ram.outbox.depth == 0


def test_a_note_that_was_not_kept_is_kept_later():
    """Delivered, and the head could not be written: a power cut would have it told again."""
    ram = Ram()
    ram.files.full = False
    ram.begin(5)
    ram.outbox.answered(START_CONF)
    ram.files.full = ram.files.stuck = True
    ram.end(5)
    ram.drain()
    assert ram.reboot().journalled(5, 77) == "started"
    ram.outbox.catch_up(1000)
    ram.files.stuck = False
    ram.outbox.catch_up(2000)
    assert ram.reboot().journalled(5, 77) == "started"  # it is not asked every second
    ram.outbox.catch_up(11000)
    assert ram.reboot().journalled(5, 77) is None


def test_an_id_of_a_lost_note_is_kept_later():
    ram = Ram()
    lost = MemoryJournal()
    lost.stuck = True
    outbox = Outbox(Overflow(lost), Keys(), ram.bench.clock, True)
    assert outbox.journalled(5, 77) == "started"
    lost.stuck = False
    outbox.catch_up(1000)
    again = Outbox(Overflow(MemoryJournal(lost.persisted())), Keys(), ram.bench.clock, True)
    assert again.journalled(5, 77) == "started"


def test_a_power_cut_while_the_stop_is_in_ram_only():
    """The record of the transaction stays (`stopped` has said False), and the next boot reports it, once."""
    for confirmed in (True, False):
        ram = Ram()
        ram.files.full = False
        assert ram.begin(5)
        if confirmed:
            ram.outbox.answered(START_CONF)
        ram.files.full = True
        assert ram.end(5) is False
        assert ram.reboot().journalled(5, 77 if confirmed else None) == "started"
        ram.files.full = False
        ram.outbox.catch_up(1000)
        assert ram.reboot().journalled(5, 77 if confirmed else None) == "stopped"
        ram.drain()
        assert ram.reboot().journalled(5, 77 if confirmed else None) is None


# --- places ---


def test_what_begins_in_ram_has_room_to_end():
    """One connector after the other, and several at once: each that began has its end."""
    for together in (1, 2, 3, 4):
        ram = Ram()
        number = 0
        began = ended = 0
        refused = False
        while not refused:
            for _ in range(together):
                number += 1
                refused = not ram.begin(number) or refused
            began += len(ram.running)
            for running in list(ram.running):
                assert ram.end(running) is False
                ended += 1
        assert began == ended >= 8
        assert kept_bytes(ram.overflow) <= MOST_BYTES
        said = ram.drain()
        assert count(said, "StartTransaction") == count(said, "StopTransaction") == began
        assert ram.begin(number + 1)  # there is room again


def test_seven_bills_and_three_that_run():
    ram = Ram()
    for number in range(7):
        assert ram.begin(number)
        ram.end(number)
    for number in (10, 11, 12):
        ram.begin(number)
    for number in list(ram.running):
        ram.end(number)
    said = ram.drain()
    assert count(said, "StartTransaction") == count(said, "StopTransaction")


def test_a_transaction_that_began_on_flash_has_its_place_too():
    """In this boot or in an earlier one."""
    for rebooted in (False, True):
        ram = Ram()
        ram.files.full = False
        for number in (1, 2, 3):
            assert ram.begin(number)
        if rebooted:
            ram.files = MemoryJournal(ram.files.persisted())
            ram.overflow = Overflow(ram.files)
            ram.outbox = Outbox(ram.overflow, Keys(), ram.bench.clock, True)
            for number in (1, 2, 3):
                assert ram.outbox.journalled(number, None) == "started"
        ram.files.full = True
        number = 10
        while ram.begin(number):
            ram.end(number)
            number += 1
        for running in (1, 2, 3):
            assert ram.end(running) is False
        said = ram.drain()
        assert count(said, "StartTransaction") == count(said, "StopTransaction") == number - 10 + 3


def test_the_longest_stop_without_data_fits_into_its_place():
    clock = Bench().clock
    stamp = (1 << 15, 1 << 41, 1 << 41, 1 << 41)
    transaction = Transaction((1 << 15) * 4096, 9, "\U0001d11e" * 20, None, stamp, 1 << 30)
    record = queued.stop(transaction, "EmergencyStop", "\U0001d11e" * 20, stamp, [])
    files = MemoryJournal()
    files.full = True
    outbox = Outbox(Overflow(files), Keys(), clock, True)
    assert len(record) <= outbox._journal._place_bytes


# --- transactionData ---


def test_a_stop_without_room_for_its_data_is_kept_without_it():
    ram = Ram()
    log.info("test", "the mark")
    for number in range(1, 8):
        assert ram.begin(number)
    for number in range(1, 8):
        assert ram.end(number, ram.samples(40)) is False
        assert kept_bytes(ram.overflow) <= MOST_BYTES
    said = ram.drain()
    stops = [payload for action, payload in said if action == "StopTransaction"]
    assert len(stops) == 7
    with_data = [payload["transactionData"] for payload in stops if "transactionData" in payload]
    assert 1 <= len(with_data) < 7
    assert {len(data) for data in with_data} == {40}
    lines = log.lines()
    last = max([index for index, line in enumerate(lines) if "the mark" in line])
    assert len([line for line in lines[last:] if "without its transactionData" in line]) == 7 - len(with_data)
    assert not [line for line in lines[last:] if "could not be kept" in line]


def test_the_largest_data_of_all_at_once_stay_below_the_bound():
    ram = Ram()
    data = [(at[0], ("Sample.Clock", bytes(range(0, 16, 8)), (1 << 30, -1 << 30))) for at in ram.samples(40)]
    for number in range(1, 40):
        if ram.begin(number):
            assert ram.end(number, data) is False
        assert kept_bytes(ram.overflow) <= MOST_BYTES
    said = ram.drain()
    assert count(said, "StartTransaction") == count(said, "StopTransaction") >= 3
