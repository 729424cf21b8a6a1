# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""What the image does to a flash at boot: on CPython with a file system of this file's own, on MicroPython
with the littlefs that boards have."""

from boards.pico_lte.modules import boot_report

try:
    from vfs import VfsLfs2  # pyright: ignore[reportMissingImports]
except ImportError:
    VfsLfs2 = None

BLOCK = 4096
BLOCKS = 16


class Flash:
    """A chip in RAM. `written`: has anything been changed since it was made?"""

    def __init__(self, content=None):
        self.content = bytearray(content or b"\xff" * (BLOCK * BLOCKS))
        self.written = False
        self.fails = False

    def readblocks(self, number, buffer, offset=0):
        begin = number * BLOCK + offset
        buffer[:] = self.content[begin : begin + len(buffer)]

    def writeblocks(self, number, buffer, offset=0):
        if self.fails:
            raise OSError(5)
        begin = number * BLOCK + offset
        self.content[begin : begin + len(buffer)] = buffer
        self.written = True

    def ioctl(self, operation, argument):
        if operation == 4:
            return BLOCKS
        if operation == 5:
            return BLOCK
        if operation == 6:
            if self.fails:
                raise OSError(5)
            begin = argument * BLOCK
            self.content[begin : begin + BLOCK] = b"\xff" * BLOCK
            self.written = True
        return 0


class PlainVolume:
    """As much of a file system as `boot_report` knows: a mark in its first two blocks, one of which must be
    whole."""

    MARK = b"littlefs"

    def __init__(self, flash, progsize):
        assert progsize == 256
        block = bytearray(BLOCK)
        for number in (0, 1):
            flash.readblocks(number, block)
            if block.startswith(self.MARK):
                return
        raise OSError(84)

    @classmethod
    def mkfs(cls, flash, progsize):
        assert progsize == 256
        for number in (0, 1):
            flash.ioctl(6, number)
            flash.writeblocks(number, cls.MARK, 0)


Volume = VfsLfs2 or PlainVolume


def formatted():
    flash = Flash()
    Volume.mkfs(flash, progsize=256)
    flash.written = False
    return flash


def bring_up(flash):
    """(what boot_report says, where something was mounted)"""
    places = []
    trouble = boot_report.bring_up(flash, Volume, lambda volume, place: places.append(place))
    return trouble, places


def left_alone(flash):
    before = bytes(flash.content)
    trouble, places = bring_up(flash)
    assert places == []
    assert flash.content == before and not flash.written
    return trouble


def test_a_new_chip_is_formatted_and_mounted():
    flash = Flash()
    assert bring_up(flash) == (None, ["/"])
    assert flash.written
    # And it is the same one from then on.
    flash.written = False
    assert bring_up(flash) == (None, ["/"])
    assert not flash.written


def test_a_good_file_system_is_mounted_as_it_is():
    flash = formatted()
    before = bytes(flash.content)
    assert bring_up(flash) == (None, ["/"])
    assert flash.content == before and not flash.written


def test_one_damaged_root_block_is_no_trouble():
    flash = formatted()
    flash.content[0:64] = bytes(64)
    assert bring_up(flash) == (None, ["/"])


def test_what_does_not_mount_is_left_alone():
    for filler in (0x00, 0x5A):
        trouble = left_alone(Flash(bytes([filler]) * (BLOCK * BLOCKS)))
        assert trouble and "left as it is" in trouble and "nothing can be kept" in trouble


def test_a_single_bit_at_the_end_is_not_a_new_chip():
    flash = Flash()
    flash.content[-1] = 0xFE
    assert left_alone(flash)


def test_an_erased_root_with_data_behind_it_is_left_alone():
    flash = formatted()
    flash.content[0 : 2 * BLOCK] = b"\xff" * (2 * BLOCK)
    flash.content[5 * BLOCK : 5 * BLOCK + 4] = b"bill"
    assert left_alone(flash)


def test_a_formatting_that_was_cut_off_is_left_alone():
    whole = formatted().content
    for kept in (1, 4, 7):
        flash = Flash()
        flash.content[0:kept] = whole[0:kept]
        assert left_alone(flash)


def test_a_torn_root_is_left_alone():
    flash = formatted()
    for block in (0, 1):
        flash.content[block * BLOCK : block * BLOCK + 40] = b"\x5a" * 40
    assert left_alone(flash)


def test_a_chip_that_refuses_to_be_formatted_is_told():
    flash = Flash()
    flash.fails = True
    trouble, places = bring_up(flash)
    assert trouble and places == []


def test_a_mount_that_fails_is_told():
    def refuse(volume, place):
        raise OSError(1)

    assert "nothing can be kept" in boot_report.bring_up(formatted(), Volume, refuse)


def test_blank_means_every_byte():
    flash = Flash()
    assert boot_report.is_blank(flash)
    for position in (0, BLOCK - 1, BLOCK, BLOCK * BLOCKS - 1):
        flash.content[position] = 0x7F
        assert not boot_report.is_blank(flash)
        flash.content[position] = 0xFF


def test_no_trouble_until_something_is_found():
    assert boot_report.trouble is None
