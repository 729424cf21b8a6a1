# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Charging profiles on littlefs, over a chip whose power goes in each of its operations, or that fails in it.

Only where there is littlefs, which is MicroPython: on CPython `on_chip` checks that it is missing.
"""

import gc

from host_tests.unit.charging_files import NOON, contents, opened, profile, steps
from host_tests.unit.dying_chip import dying
from host_tests.unit.expect import raises
from station import charging_profiles
from station.charging_profile import DEFAULT, MAX, TX

_MOUNT = "/flash"
_BLOCKS = 12
_PROG_BYTES = 256
# Made here, where the heap is still in one piece: the chip as a step finds it, after a cut, after another.
_BUFFERS = [bytearray(_BLOCKS * 4096) for _ in range(3)] if hasattr(gc, "mem_alloc") else []

LONG = steps(*[(900 * number, 60 + 7 * number) for number in range(32)])


def _set(*words, **facts):
    return lambda profiles: profiles.install(profile(*words, **facts), NOON) == "Accepted"


def _clear(*criteria):
    return lambda profiles: profiles.clear(*criteria)


# Each is done to what the one before it has left.
STEPS = (
    _set(1, 0, MAX, limit=300),
    _set(2, 0, DEFAULT, 1, periods=LONG),
    _set(3, 1, DEFAULT, 1),
    _set(4, 1, DEFAULT, 2, periods=LONG),
    _set(3, 1, DEFAULT, 3, limit=90),  # the same number
    _set(5, 1, DEFAULT, 3, limit=80),  # the same place
    _set(4, 1, DEFAULT, 3, limit=70),  # both at once
    _set(6, 2, TX, 1, transaction=3, periods=LONG),
    _set(2, 2, TX, 1, transaction=3),  # both, of another purpose
    _clear(4),
    _set(5, 1, DEFAULT, 3, periods=LONG),
    _set(7, 1, DEFAULT, 4),
    _clear(7),
    lambda profiles: profiles.only([]) is None,
    _clear(),
)
_SEVERAL = (14,)  # of STEPS: those that change several, one after the other


def on_chip(test):
    """test(the module flash.board.device) where there is littlefs."""
    if not hasattr(gc, "mem_alloc"):
        raises(ImportError, __import__, "vfs")  # CPython
        return
    from tools.flash.board import device

    try:
        test(device)
    finally:
        try:
            __import__("vfs").umount(_MOUNT)
        except OSError:
            pass


def _mounted(device, image):
    gc.collect()
    chip = dying(device, image)
    device.mount(chip, _PROG_BYTES, _MOUNT)
    return chip


def _blank(device):
    """A formatted chip in the first of the buffers."""
    chip = device.Device(image=_BUFFERS[0])
    for block in range(_BLOCKS):
        chip.ioctl(6, block)
    device.format(chip, _PROG_BYTES)
    return _BUFFERS[0]


def _cut(device, image, act, cut_at, torn, buffer):
    """`buffer` with the content of `image` after `act`, its power cut; None: it has fewer operations."""
    buffer[:] = image
    chip = _mounted(device, buffer)
    chip.cut_at = chip.operations + cut_at
    chip.torn = torn
    try:
        act(opened(_MOUNT))
    except device.PowerCut:
        pass
    return None if chip.survivor is None else buffer


def _numbers(rows):
    return [row[0] for row in rows]


def _live(device):
    """(power cuts, how many found the new ones); every step cut at each of its operations, in five ways."""
    image, first, second = _blank(device), _BUFFERS[1], _BUFFERS[2]
    before = []
    cuts = news = 0
    for number, step in enumerate(STEPS):
        first[:] = image
        _mounted(device, first)
        profiles = opened(_MOUNT)
        assert step(profiles)
        after = contents(profiles)
        cut_at = 0
        left = image
        while left is not None:
            for torn in range(5):
                left = _cut(device, image, step, cut_at, torn, first)
                if left is None:
                    break
                cuts += 1
                # It goes again, while what is left over is removed.
                again = _cut(device, left, _nothing, torn % 2, torn, second)
                left = left if again is None else again
                _mounted(device, left)
                found = contents(opened(_MOUNT))
                if number in _SEVERAL:
                    assert [row for row in found if row not in before] == []
                else:
                    assert found in (before, after), (number, cut_at, torn, _numbers(found))
                news += found == after
                step(opened(_MOUNT))  # the CSMS sends it again
                assert contents(opened(_MOUNT)) == after, (number, cut_at, torn)
            cut_at += 1
        _mounted(device, image)
        assert step(opened(_MOUNT))
        before = after
        assert contents(opened(_MOUNT)) == after
    assert before == []
    assert __import__("os").listdir(_MOUNT + "/profiles") == []
    return cuts, news


def _nothing(profiles):
    return None


def test_whenever_the_power_goes():
    def test(device):
        cuts, news = _live(device)
        print("%d cuts, %d found the new ones" % (cuts, news))
        assert cuts > 100 and 10 < news < cuts

    on_chip(test)


class _Broken:
    """`with _Broken(owner, name, value):` the firmware is not as it is."""

    def __init__(self, owner, name, value):
        self.what = owner, name, getattr(owner, name)
        setattr(owner, name, value)

    def __enter__(self):
        return self

    def __exit__(self, kind, error, traceback):
        setattr(*self.what)


def _removing_first(profiles, new, out):
    for one in out:
        profiles._record(one.slot).remove()
        one.slot = None
    _KEEP(profiles, new, out)


_KEEP = charging_profiles.ChargingProfiles._keep


def test_what_is_broken_is_found():
    def by_slot(one):
        return one.slot

    def test(device):
        with _Broken(charging_profiles.ChargingProfiles, "_keep", _removing_first):
            raises(AssertionError, _live, device)
        with _Broken(charging_profiles, "_by_serial", by_slot):
            raises(AssertionError, _live, device)
        with _Broken(charging_profiles.ChargingProfiles, "_leave", _nothing_left):
            raises(AssertionError, _live, device)

    on_chip(test)


def _nothing_left(profiles, over):
    return None


def test_a_chip_that_fails_in_any_operation():
    """A worn block, which reports it: what is Accepted is there after a restart, and nothing else."""

    def test(device):
        image = _blank(device)
        _mounted(device, image)
        profiles = opened(_MOUNT)
        for step in STEPS[:5]:
            assert step(profiles)
        before = contents(profiles)
        refused = taken = 0
        for raising in (False, True):
            for step in STEPS[5:7]:
                for bad in range(16):
                    _BUFFERS[1][:] = image
                    chip = _mounted(device, _BUFFERS[1])
                    chip.raises = raising
                    profiles = opened(_MOUNT)
                    first = chip.operations + bad
                    chip.failing = lambda number, block, first=first: first <= number < first + 8
                    accepted = step(profiles)
                    refused += not accepted
                    taken += accepted
                    now = contents(profiles)
                    assert (now != before) == accepted
                    profiles = chip = None
                    _mounted(device, _BUFFERS[1])
                    assert contents(opened(_MOUNT)) == now, (raising, bad)
        assert refused > 2 and taken > 5, (refused, taken)

    on_chip(test)
