# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""A flash chip under littlefs that counts, dies and fails on command. Runs under MicroPython.

NOR flash as the boards have it: an erase sets a block of 4 KB to ones, a program can only clear bits, and
power that goes in the middle leaves a part of it done. An operation is one erase or one program.
"""

import os

import vfs

BLOCK_BYTES = 4096
PROG_BYTES = {"rp2": 256, "esp32": 32, "esp32-128": 128}  # what the boards mount littlefs with
_ONES = b"\xff" * BLOCK_BYTES
_EIO = 5
_TAKEN_OVER = (
    "cut_at", "torn", "read_only", "failing", "raises", "operations", "erases", "programmed_bytes",
    "block_erases", "_must_be_erased",
)  # fmt: skip
_EROFS = 30


class PowerCut(BaseException):
    """The power is gone: nothing may catch this but the rig."""


class Device:
    """`image`: the content to begin with (it is used, not copied), None: a blank chip of `blocks` blocks.

    cut_at        the operation (counted from 0) during which the power goes; None: never
    torn          of that operation so many quarters are done: 0 nothing .. 4 all of it
    survivor      the content when the power went, None before. PowerCut was raised once; what `finally`
                  clauses and finalisers, which a real power cut does not run, still write is lost
    read_only     programs and erases raise OSError EROFS
    failing       fn(operation, block) -> True: this one is not done and reports EIO, as a worn block does
    raises        it reports by OSError, which leaves littlefs where it is, as on an esp32; else by its result
    operations    erases and programs so far; erases, programmed_bytes and block_erases count them
    """

    def __init__(self, blocks: int = 0, image: "bytearray | None" = None):
        if image is None:
            image = bytearray(BLOCK_BYTES * blocks)
            for at in range(0, len(image), BLOCK_BYTES):
                image[at : at + BLOCK_BYTES] = _ONES
        self.image = image
        self._view = memoryview(image)
        self.blocks = len(image) // BLOCK_BYTES
        self.cut_at = None
        self.torn = 0
        self.survivor = None
        self.read_only = False
        self.failing = None
        self.raises = True
        # An exception left files open: their finalisers write, and may not allocate.
        self._careful = False
        self._must_be_erased = True  # littlefs sees to it, except where an operation has failed
        self.reset_counts()

    def reset_counts(self) -> None:
        self.operations = 0
        self.erases = 0
        self.programmed_bytes = 0
        self.block_erases = [0] * self.blocks

    def unplugged(self):
        """The chip as it is found when the power was off between two operations: what finalisers of the old
        life still write does not reach it. Settings and counts are taken over.
        """
        other = Device(image=bytearray(self.image))
        self.survivor = self.image
        self._careful = True
        for name in _TAKEN_OVER:
            setattr(other, name, getattr(self, name))
        return other

    # the block protocol of MicroPython, extended form

    def readblocks(self, block, buf, offset=0):
        # Called very often: without local variables it needs no memory for a frame, which takes long to find.
        if self._careful:
            self._read(block * BLOCK_BYTES + offset, buf)
        else:
            buf[:] = self._view[block * BLOCK_BYTES + offset : block * BLOCK_BYTES + offset + len(buf)]

    def writeblocks(self, block, buf, offset=0):
        length = self._operation(block, len(buf))
        if length < 0:
            return length
        at = block * BLOCK_BYTES + offset
        image = self.image
        if not self._careful and image[at : at + length] == _ONES[:length]:
            image[at : at + length] = memoryview(buf)[:length]
        else:
            for index in range(length):
                byte = buf[index]
                if image[at + index] & byte != byte and self._must_be_erased and self.survivor is None:
                    raise RuntimeError("block %d is programmed without having been erased" % block)
                image[at + index] &= byte
        self._done(length, 0)
        return 0

    def ioctl(self, op, arg):
        if op == 4:
            return self.blocks
        if op == 5:
            return BLOCK_BYTES
        if op == 6:
            length = self._operation(arg, BLOCK_BYTES)
            if length < 0:
                return length
            at = arg * BLOCK_BYTES
            image = self.image
            if not self._careful:
                image[at : at + length] = _ONES[:length]
            else:
                for index in range(at, at + length):
                    image[index] = 0xFF
            self._done(0, 1)
            if self.survivor is None:
                self.block_erases[arg] += 1
        return 0

    # inside

    def _read(self, at, buf):
        for index in range(len(buf)):
            buf[index] = self.image[at + index]

    def _operation(self, block, length):
        """How many bytes of it are done; negative: an error number."""
        if self.survivor is not None:
            return length
        if self.read_only:
            self._careful = True
            raise OSError(_EROFS)
        number = self.operations
        if self.failing is not None and self.failing(number, block):
            self.operations += 1
            self._must_be_erased = False
            if self.raises:
                self._careful = True
                raise OSError(_EIO)
            return -_EIO
        return length * self.torn // 4 if number == self.cut_at else length

    def _done(self, programmed_bytes, erases):
        if self.survivor is not None:
            return
        number = self.operations
        self.operations += 1
        self.programmed_bytes += programmed_bytes
        self.erases += erases
        if number == self.cut_at:
            self.survivor = bytearray(self.image)
            self._careful = True
            raise PowerCut


def format(device: Device, prog_bytes: int) -> None:
    vfs.VfsLfs2.mkfs(device, progsize=prog_bytes)  # pyright: ignore[reportArgumentType]


def mount(device: Device, prog_bytes: int, path: str) -> None:
    """As at boot: nothing of an earlier mount of another device is left."""
    try:
        vfs.umount(path)
    except OSError:
        pass
    littlefs = vfs.VfsLfs2(device, progsize=prog_bytes)  # pyright: ignore[reportArgumentType]
    vfs.mount(littlefs, path)


def files(path: str) -> list:
    """(path, size) of every file below `path`."""
    found = []
    for entry in os.ilistdir(path):
        below = path + "/" + entry[0]
        if entry[1] == 0x4000:
            found += files(below)
        else:
            found.append((below, os.stat(below)[6]))
    return found
