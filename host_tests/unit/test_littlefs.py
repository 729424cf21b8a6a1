# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The journal on littlefs, on a disk in RAM: how much heap a long queue takes, and what a full disk keeps.

Only where there is littlefs, which is MicroPython: on CPython `on_littlefs` checks that it is missing.
"""

import gc
import os

import log
from host_tests.unit.expect import raises
from host_tests.unit.scratch import exists
from host_tests.unit.test_thinning import expendable, padded, texts
from store import overwrite
from store.journal import Journal

_BLOCK_BYTES = 4096
_MOUNT = "/littlefs"


class Disk:
    def __init__(self, blocks):
        self.blocks = [bytearray(_BLOCK_BYTES) for _ in range(blocks)]

    def readblocks(self, block, buf, offset=0):
        buf[:] = memoryview(self.blocks[block])[offset : offset + len(buf)]

    def writeblocks(self, block, buf, offset=0):
        self.blocks[block][offset : offset + len(buf)] = buf

    def ioctl(self, op, _arg):
        return {4: len(self.blocks), 5: _BLOCK_BYTES}.get(op, 0)


def on_littlefs(blocks, test):
    """Run test(path of a directory on a new file system)."""
    if not hasattr(gc, "mem_alloc"):
        raises(ImportError, __import__, "vfs")  # CPython
        return
    vfs = __import__("vfs")
    disk = Disk(blocks)
    vfs.VfsLfs2.mkfs(disk, progsize=256)
    vfs.mount(vfs.VfsLfs2(disk, progsize=256), _MOUNT)
    assert overwrite.in_place
    try:
        test(_MOUNT + "/outbox")
    finally:
        vfs.umount(_MOUNT)


def heap_at(path, depth):
    """Bytes in use at this depth: by the journal that took the records, by one that is made anew, and by that
    one when it has delivered them.
    """
    data = b"x" * 30
    journal = Journal(path, 8176, 512 * 1024, expendable)
    for _ in range(depth):
        journal.append(data)
    journal.peek()
    gc.collect()
    found = [gc.mem_alloc()]
    journal = None
    journal = Journal(path, 8176, 512 * 1024, expendable)
    assert journal.depth == depth
    gc.collect()
    found.append(gc.mem_alloc())
    while journal.peek() is not None:
        journal.drop()
    gc.collect()
    found.append(gc.mem_alloc())
    return found


def test_heap_is_the_same_at_depth_1_and_at_depth_2000():
    def test(path):
        heap_at(path, 300)  # whatever is made once
        one = heap_at(path, 1)
        many = heap_at(path, 2000)
        differences = [many[index] - one[index] for index in range(3)]
        assert max(differences) <= 256, differences

    on_littlefs(32, test)


def test_a_full_littlefs_keeps_starts_and_ends():
    def test(path):
        overwrite.overwrite(_MOUNT + "/settings", b"x" * 300)
        journal = Journal(path, 8176, 512 * 1024, expendable)
        assert exists(path + "/reserve")
        refused = 0
        for number in range(1, 61):
            journal.append(padded("S%d" % number, 40))
            for sample in range(40):
                try:
                    journal.append(padded("%d.%d" % (number, sample), 40))
                except OSError:
                    refused += 1
            journal.append(padded("E%d" % number, 40))
        found = texts(journal)
        ends = [text for text in found if text[0] in "SE"]
        assert ends == [kind + str(number) for number in range(1, 61) for kind in "SE"]
        assert 600 < len(found) < 1800, len(found)
        assert refused < 1000, refused
        assert journal.depth == len(found)
        assert "samples are refused" in " ".join(log.lines())
        journal = Journal(path, 8176, 512 * 1024, expendable)
        assert journal.depth == len(found)
        for text in found:
            assert str(journal.peek()[1], "utf-8").rstrip() == text
            journal.drop(lazy=text[0] not in "SE")
        assert journal.peek() is None
        assert exists(path + "/reserve")
        assert len(os.listdir(path)) == 3

    on_littlefs(24, test)
