# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The local list on littlefs, over a chip whose power goes in each of its operations, and one that is full.

Only where there is littlefs, which is MicroPython: on CPython `on_chip` checks that it is missing.
"""

import gc
import os

from host_tests.unit.dying_chip import dying
from host_tests.unit.expect import raises
from host_tests.unit.local_lists import (
    ACCEPTED,
    BLOCKED,
    Short,
    added,
    differential,
    finished,
    found,
    full,
    many,
    opened,
)
from host_tests.unit.open_files import OpenFiles
from station import list_update

_MOUNT = "/flash"
_LIST = _MOUNT + "/local_list"
_BLOCKS = 14
_PROG_BYTES = 256
# Made here, where the heap is still in one piece.
_BUFFERS = [bytearray(_BLOCKS * 4096) for _ in range(3)] if hasattr(gc, "mem_alloc") else []

FIRST = many(60)
ALL = many(150) + [("N", ACCEPTED)]
# (version, whether full, entries): a list, one that is merged with it, changes beside it, changes of these, a
# version alone, the changes become one with it, another list whose runs are joined, none.
STEPS = (
    (1, True, FIRST),
    (2, False, many(45, 60)),
    (3, False, [("N", ACCEPTED), (FIRST[3][0], None), (FIRST[4][0], BLOCKED)]),
    (4, False, [("N", None), (FIRST[3][0], BLOCKED)]),
    (5, False, []),
    (6, False, many(80, 0, BLOCKED)),
    (7, True, many(22)),
    (8, True, []),
)


def on_chip(test):
    """test(the module flash.board.device) where there is littlefs."""
    if not hasattr(gc, "mem_alloc"):
        raises(ImportError, __import__, "vfs")  # CPython
        return
    from tools.flash.board import device

    spared = list_update._SPARED_BYTES
    list_update._SPARED_BYTES = 4096  # the chip is small: it is copied often
    try:
        test(device)
    finally:
        list_update._SPARED_BYTES = spared
        try:
            __import__("vfs").umount(_MOUNT)
        except OSError:
            pass


def blank(device):
    """A formatted chip, in the first of the buffers."""
    chip = device.Device(image=_BUFFERS[0])
    for block in range(_BLOCKS):
        chip.ioctl(6, block)
    device.format(chip, _PROG_BYTES)
    chip.reset_counts()
    return chip


def applied(model, step):
    """(version, {tag: facts}) after a step."""
    version, is_full, entries = step
    after = {} if is_full else dict(model[1])
    for tag, facts in entries:
        if facts is None:
            after.pop(tag, None)
        else:
            after[tag] = facts
    return (version if after else 0, after)


def shown(local_list):
    entries = found(local_list, [tag for tag, _ in ALL])
    assert local_list.size == len(entries)
    return (local_list.version, entries)


def files_of(local_list):
    wanted = ["entries_%d" % entry[0] for entry in local_list.files]
    found_names = os.listdir(_LIST) if "local_list" in os.listdir(_MOUNT) else []
    return sorted(wanted), sorted([name for name in found_names if name != "head"])


def done(step):
    if step[0] != 7:
        return sent(step)
    with Short():
        return sent(step)


def sent(step):
    version, is_full, entries = step
    return finished(added(opened(_LIST), entries), version, is_full)


def _cut(device, image, act, cut_at, torn, buffer):
    """The chip after `act` on a copy of `image` in `buffer`, its power cut; None: it has fewer operations."""
    buffer[:] = image
    chip = dying(device, buffer)
    device.mount(chip, _PROG_BYTES, _MOUNT)
    chip.cut_at = chip.operations + cut_at
    chip.torn = torn
    try:
        act()
    except device.PowerCut:
        pass
    if chip.survivor is None:
        return None
    return device.Device(image=chip.survivor)


def _starts_whole(device, chip, before, after):
    """What is there after a power cut; the chip goes on."""
    device.mount(chip, _PROG_BYTES, _MOUNT)
    local_list = opened(_LIST)
    state = shown(local_list)
    assert state in (before, after), state[0]
    wanted, there = files_of(local_list)
    assert there == wanted, (there, wanted)
    return state


def test_whenever_the_power_goes():
    def test(device):
        image = blank(device).image
        buffers = _BUFFERS[1:]
        model = (0, {})
        cuts = news = doubles = 0
        for step in STEPS:
            after = applied(model, step)
            cut_at = 0
            while True:
                for torn in range(5):
                    gc.collect()
                    left = _cut(device, image, lambda step=step: done(step), cut_at, torn, buffers[0])
                    if left is None:
                        break
                    cuts += 1
                    if torn == cut_at % 5:
                        # The power goes again, while what is left over is removed.
                        act = lambda: opened(_LIST)  # noqa: E731
                        again = _cut(device, left.image, act, cut_at % 3, torn, buffers[1])
                        if again is not None:
                            left = again
                            doubles += 1
                    state = _starts_whole(device, left, model, after)
                    news += state == after
                    status = done(step)  # the CSMS sends it again
                    assert status == ("VersionMismatch" if state == after and not step[1] else "Accepted")
                    assert shown(opened(_LIST)) == after
                    left = None
                if torn == 0:
                    break
                cut_at += 1
            device.mount(device.Device(image=image), _PROG_BYTES, _MOUNT)
            assert done(step) == "Accepted"
            model = after
        print("%d cuts, %d twice, %d found the new list" % (cuts, doubles, news))
        assert cuts > 300 and doubles > 20 and 10 < news < cuts

    on_chip(test)


def test_a_full_chip_keeps_the_list():
    def test(device):
        device.mount(blank(device), _PROG_BYTES, _MOUNT)
        local_list = opened(_LIST)
        assert full(local_list, 1, FIRST) == "Accepted"
        wanted = shown(local_list)
        for blocks in range(1, _BLOCKS):
            with open(_MOUNT + "/filler_%d" % blocks, "wb") as file:
                try:
                    for _ in range(16):
                        file.write(bytes(250))
                except OSError:
                    pass
            with OpenFiles() as watched:
                status = differential(local_list, 1 + blocks, many(85 if blocks % 2 else 3, 60))
                assert watched.paths == []
            if status == "Accepted":
                wanted = shown(local_list)
            assert shown(local_list) == shown(opened(_LIST)) == wanted
            names, there = files_of(local_list)
            assert names == there
        assert status == "Failed"
        for blocks in range(1, _BLOCKS):
            os.remove(_MOUNT + "/filler_%d" % blocks)
        assert full(local_list, 99, FIRST) == "Accepted"
        assert shown(opened(_LIST)) == (99, dict(FIRST))

    on_chip(test)


def test_a_chip_that_fails_in_any_operation():
    """A worn block, which reports it: the old list or the new one, and no open file."""

    def test(device):
        device.mount(blank(device), _PROG_BYTES, _MOUNT)
        assert full(opened(_LIST), 1, FIRST) == "Accepted"
        step = (2, False, many(45, 60))
        before = (1, dict(FIRST))
        after = applied(before, step)
        failures = 0
        for bad in range(0, 60, 2):
            gc.collect()
            _BUFFERS[1][:] = _BUFFERS[0]
            chip = device.Device(image=_BUFFERS[1])
            device.mount(chip, _PROG_BYTES, _MOUNT)
            first = chip.operations + bad
            chip.failing = lambda number, block, first=first: first <= number < first + 6
            local_list = opened(_LIST)
            status = finished(added(local_list, step[2]), 2, False)
            chip.failing = None
            failures += status != "Accepted"
            assert shown(local_list) == (after if status == "Accepted" else before)
            other = chip.unplugged()
            chip = local_list = None
            device.mount(other, _PROG_BYTES, _MOUNT)
            assert shown(opened(_LIST)) in (before, after)
            other = None
        assert failures

    on_chip(test)
