# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""A queue of weeks, filled and drained: flash.outbox_bench runs this under MicroPython.

    micropython tools/flash/board/outbox_bench.py GEOMETRY TRANSACTIONS METER_VALUES BLOCKS

The last line is a JSON object: counts, bytes, and times of this host.
"""

import gc
import json
import os
import sys
import time

import charger
from flash.board import device as chip
from flash.board.queue_book import TAG, QueueBook
from flash.board.site import MOUNT, Site

_SAMPLE_S = 60
_BETWEEN_MS = 60000


class Brackets:
    """RAM of the outbox with all that it stands on: what is in use before the first part is made and after
    the last one.
    """

    def __init__(self):
        self.bytes = 0
        self._before = 0
        self._journal = charger.Journal
        self._outbox = charger.Outbox
        charger.Journal = self._first
        charger.Outbox = self._last

    def _first(self, *arguments, **named):
        gc.collect()
        self._before = gc.mem_alloc()
        return self._journal(*arguments, **named)

    def _last(self, *arguments, **named):
        outbox = self._outbox(*arguments, **named)
        gc.collect()
        self.bytes = gc.mem_alloc() - self._before
        return outbox


class Bench:
    def __init__(self, geometry, transactions, meter_values, blocks):
        keys = {"MeterValueSampleInterval": str(_SAMPLE_S), "AllowOfflineTxForUnknownId": "true"}
        self.site = Site(geometry, keys, blocks)
        self.copy = bytearray(len(self.site.device.image))  # now: later no piece of the heap is that large
        self.brackets = Brackets()
        self.transactions = transactions
        self.meter_values = meter_values
        self.slowest_append = 0
        self.slowest_delivery = 0

    def boot(self):
        """Switch on. {"ms": to build and recover(), "outbox_bytes"}"""
        site = self.site
        site.mount()
        started = time.ticks_ms()
        site.build()
        site.charger.start()
        ended = time.ticks_ms()
        site.wait(1)
        return {
            "ms": time.ticks_diff(ended, started),
            "outbox_bytes": self.brackets.bytes,
        }

    def _kept(self, function):
        device = self.site.device

        def counted(*arguments):
            operations = device.operations
            result = function(*arguments)
            self.slowest_append = max(self.slowest_append, device.operations - operations)
            return result

        return counted

    def fill(self):
        """How many transactions could begin."""
        site = self.site
        outbox = site.charger.outbox
        for name in ("started", "metered", "stopped"):
            setattr(outbox, name, self._kept(getattr(outbox, name)))
        for number in range(self.transactions):
            site.begin(TAG)
            if not site.charging:
                return number
            site.wait(_SAMPLE_S * 1000 * self.meter_values + _SAMPLE_S * 500)
            site.end(TAG)
            site.wait(_BETWEEN_MS)
        return self.transactions

    def drain(self, expected):
        """Milliseconds of this host, the central system's part included; all that waits is delivered."""
        device = self.site.device
        operations = device.operations

        def heard(action, payload):
            nonlocal operations
            self.slowest_delivery = max(self.slowest_delivery, device.operations - operations)
            expected.take(action, payload)
            operations = device.operations

        self.site.on_message = heard
        started = time.ticks_ms()
        self.site.link(True)
        return time.ticks_diff(time.ticks_ms(), started)


def _outbox_flash(root):
    return sum([size for path, size in chip.files(root + "/outbox")])


def _free_blocks(root):
    return os.statvfs(root)[3]


def measure(geometry, transactions, meter_values, blocks):
    bench = Bench(geometry, transactions, meter_values, blocks)
    site = bench.site
    bench.boot()  # first settings, the time; and what is imported with the first transaction
    site.begin(TAG)
    site.wait(_SAMPLE_S * 1500)
    site.end(TAG)
    site.link(False)
    empty = bench.boot()
    empty_blocks = _free_blocks(MOUNT)
    empty_bytes = _outbox_flash(MOUNT)
    begun = bench.fill()
    result = {
        "geometry": geometry,
        "prog_bytes": chip.PROG_BYTES[geometry],
        "asked": transactions,
        "wanted": transactions * (meter_values + 2),
        "begun": begun,
        "depth": site.charger.outbox.depth,
        "flash_bytes": _outbox_flash(MOUNT) - empty_bytes,
        "flash_blocks": empty_blocks - _free_blocks(MOUNT),
        "empty": empty,
        "full": bench.boot(),
    }
    # The same with a transaction that the power interrupts: recover() looks for it in the queue.
    bench.copy[:] = site.device.image
    site.begin(TAG)
    result["interrupted"] = bench.boot() if site.charging else None
    site.device.image[:] = bench.copy
    bench.boot()
    expected = QueueBook(meter_values, site.transactions)
    result["drain_ms"] = bench.drain(expected)
    result["delivered"] = expected.messages
    result["thinned"] = expected.thinned
    result["complaints"] = expected.complaints
    result["left"] = site.charger.outbox.depth
    result["slowest_append"] = bench.slowest_append
    result["slowest_delivery"] = bench.slowest_delivery
    return result


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1], *[int(number) for number in sys.argv[2:]])))
