# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""What the event log costs, and what a power cut leaves of it: flash.event_log runs this under MicroPython.

    micropython tools/flash/board/events.py GEOMETRY

The last line is a JSON object of plain counts.
"""

import json
import os
import sys

import vfs

import event_log
from event_log import EventLog
from flash.board.device import PROG_BYTES, Device, PowerCut
from station.clock import Clock

_MOUNT = "/flash"
_BLOCKS = 64
_LINES = 600  # some times around the ring
_TEXT = "connector 1: RcdTrip (GroundFailure), and what else there is to say of it: %d"
_CUT_LINES = 40
_CUT_ROUND = 180  # lines before: the ring turns while the power is cut


def mounted(chip, geometry, blank=False):
    if blank:
        vfs.VfsLfs2.mkfs(chip, progsize=PROG_BYTES[geometry])
    vfs.mount(vfs.VfsLfs2(chip, progsize=PROG_BYTES[geometry]), _MOUNT)


def opened(boot=1):
    clock = Clock(boot, 0)
    book = EventLog(_MOUNT, clock)
    book._lines = 1000000
    return book, clock


def cost(geometry):
    """(erases, bytes programmed) of a line, the ring turning."""
    chip = Device(_BLOCKS)
    mounted(chip, geometry, True)
    book, _ = opened()
    book.start("PowerUp", "0.1.0")
    chip.reset_counts()
    for number in range(_LINES):
        book._write(_TEXT % number)
    vfs.umount(_MOUNT)
    return chip.erases / _LINES, chip.programmed_bytes / _LINES


def restarting(geometry):
    """Erases of 1,000 starts none of which lasts."""
    chip = Device(_BLOCKS)
    mounted(chip, geometry, True)
    chip.reset_counts()
    for boot in range(1, 1001):
        book = EventLog(_MOUNT, Clock(boot, 0))
        book.start("Watchdog", "0.1.0")
        book.tell("what each of them says")
    vfs.umount(_MOUNT)
    return chip.erases


def numbers():
    """Of the lines that are there, in order."""
    found = []
    for name in event_log.NAMES:
        at = 0
        while True:
            texts, after = event_log.some(_MOUNT + name, at)
            if after == at:
                break
            at = after
            found += [int(text.split(" ")[-1]) for text in texts if text is not None and "RcdTrip" in text]
    return found


def cuts(geometry):
    """(cuts, lives in which anything but the line under way is lost or wrong)."""
    chip = Device(_BLOCKS)
    mounted(chip, geometry, True)
    book, _ = opened()
    for number in range(_CUT_ROUND):
        book._write(_TEXT % number)
    vfs.umount(_MOUNT)
    image = bytes(chip.image)
    tried = wrong = 0
    at = 0
    while True:
        chip = Device(image=bytearray(image))
        setattr(chip, "cut_at", at)  # noqa: B010 (of a Device it is None at first)
        chip.torn = at % 5
        number = _CUT_ROUND
        try:
            mounted(chip, geometry)
            book, _ = opened(2)
            book.start("PowerUp", "0.1.0")
            while number < _CUT_ROUND + _CUT_LINES:
                book._write(_TEXT % number)
                number += 1
        except PowerCut:
            pass
        vfs.umount(_MOUNT)
        if chip.survivor is None:
            return tried, wrong
        tried += 1
        chip = Device(image=chip.survivor)
        mounted(chip, geometry)
        book, _ = opened(3)
        book.start("PowerUp", "0.1.0")
        book._write(_TEXT % 9999)
        found = numbers()
        # Without a gap up to what was written, and perhaps the one that was under way.
        whole = [one for one in found if one != 9999]
        good = found[-1:] == [9999] and whole == list(range(whole[0], whole[-1] + 1))
        if not good or whole[-1] not in (number - 1, number) or len(whole) < _CUT_LINES:
            wrong += 1
        for name in event_log.NAMES:
            try:
                if os.stat(_MOUNT + name)[6] > 16384:
                    wrong += 1
            except OSError:
                pass
        vfs.umount(_MOUNT)
        at += 1


def main(geometry):
    erases, programmed = cost(geometry)
    tried, wrong = cuts(geometry)
    counts = {
        "geometry": geometry,
        "erases": erases,
        "bytes": programmed,
        "restarts": restarting(geometry),
        "cuts": tried,
        "wrong": wrong,
    }
    print(json.dumps(counts))


if __name__ == "__main__":
    main(sys.argv[1])
