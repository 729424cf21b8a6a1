# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""What the Local Authorization List costs: flash.local_list runs this under MicroPython, for each geometry.

    micropython tools/flash/board/local_list.py GEOMETRY ENTRIES

The last line is a JSON object of plain counts; bytes of RAM are of the heap, garbage collected.
"""

import gc
import json
import sys

from flash.board import device as chip
from station.authorization import IdTagInfo
from station.local_list import LocalList

_MOUNT = "/flash"
_BLOCKS = 256  # 1 MB
_DIFFERENTIALS = 100
_LOOKUPS = 200
_INFO = IdTagInfo("Accepted", 1795176000000, "FLEET")


class Device(chip.Device):
    """Counts reads as well."""

    reads = 0
    read_bytes = 0

    def readblocks(self, block, buf, offset=0):
        self.reads += 1
        self.read_bytes += len(buf)
        super().readblocks(block, buf, offset)


class Keys:
    def value(self, key):
        return 100000


def tag(number):
    """In no order."""
    return "04%06X" % ((number * 7919 + 13) & 0xFFFFFF)


class Heap:
    """The most that was in use above what is now."""

    def __init__(self):
        gc.collect()
        self.before = gc.mem_alloc()
        self.most = 0

    def look(self):
        gc.collect()
        self.most = max(self.most, gc.mem_alloc() - self.before)


def finish(update, version, full, heap=None):
    for turn, _ in enumerate(update.finish(version, full)):
        if heap is not None and turn % 16 == 0:
            heap.look()
    if update.status != "Accepted":
        raise RuntimeError(update.failed or update.status)


def full_list(local_list, entries, version, heaps):
    adding, merging = heaps or (None, None)
    update = local_list.update()
    for number in range(entries):
        update.add(tag(number), _INFO)
        if adding is not None and number % 20 == 19:
            adding.look()
    finish(update, version, True, merging)


def measure(geometry, entries):
    prog_bytes = chip.PROG_BYTES[geometry]
    device = Device(_BLOCKS)
    chip.format(device, prog_bytes)
    chip.mount(device, prog_bytes, _MOUNT)
    local_list = LocalList(_MOUNT + "/local_list", Keys())
    full_list(local_list, entries, 1, None)
    result = {"geometry": geometry, "prog_bytes": prog_bytes, "entries": entries}

    device.reset_counts()
    full_list(local_list, entries, 2, None)  # in the place of the one that is there
    result["full"] = [device.operations, device.erases, device.programmed_bytes]
    heaps = Heap(), Heap()
    full_list(local_list, entries, 3, heaps)
    result["heap"] = [heaps[0].most, heaps[1].most]
    gc.collect()
    result["heap_left"] = gc.mem_alloc() - heaps[0].before

    device.reset_counts()
    device.reads = device.read_bytes = 0
    local_list = LocalList(_MOUNT + "/local_list", Keys())
    result["start"] = [device.reads, device.read_bytes]

    result["lookups"] = []
    for beside in (False, True):
        if beside:
            update = local_list.update()
            update.add("NOBODY", None)
            finish(update, 4, False)
        for known in (True, False):
            device.reads = device.read_bytes = 0
            for number in range(_LOOKUPS):
                found = local_list.lookup(tag(number * 5 % entries if known else entries + number))
                if (found is not None) != known:
                    raise RuntimeError("lookup")
            result["lookups"].append([device.reads / _LOOKUPS, device.read_bytes / _LOOKUPS])

    device.reset_counts()
    for number in range(_DIFFERENTIALS):
        update = local_list.update()
        update.add(tag(number * 3), _INFO)
        finish(update, 5 + number, False)
    result["differential"] = [
        device.operations / _DIFFERENTIALS,
        device.erases / _DIFFERENTIALS,
        device.programmed_bytes / _DIFFERENTIALS,
    ]
    return result


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1], int(sys.argv[2]))))
