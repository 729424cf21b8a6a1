# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Any firmware over any other, the power cut twice at any change, on file systems of any size."""

import contextlib

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from host_tests.install import test_flash
from host_tests.install.model_board import Flash, ModelBoard, PowerCut
from install import flash
from install.firmware_set import FirmwareSet

_NAMES = ("a.mpy", "b.mpy", "evse/a.mpy", "evse/b.mpy", "evse/deep/a.mpy", "station/a.mpy", "station.mpy")
_CONTENTS = st.sampled_from([test_flash.mpy(text, size) for text in "xy" for size in (1, 3000, 9000)])
_FILES = st.dictionaries(st.sampled_from(_NAMES), _CONTENTS, max_size=len(_NAMES))


def firmware(number, files):
    return FirmwareSet(
        "esp32_devkit",
        "esp32",
        {"main.mpy": test_flash.mpy("main %d" % number), **files},
        test_flash.START + b"# %d\n" % number,
    )


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    old=_FILES, new=_FILES, first=st.integers(0, 60), second=st.integers(0, 60), blocks=st.integers(20, 90)
)
def test_old_or_new_or_finished_by_the_next(old, new, first, second, blocks):
    old, new = firmware(1, old), firmware(2, new)
    board = ModelBoard(Flash(test_flash.SETTINGS, blocks))
    try:
        test_flash.install(board, old)
    except flash.Refused:
        return
    for cut_at in (first, second):
        board.flash.changes, board.flash.cut_at = 0, cut_at
        with contextlib.suppress(PowerCut, flash.Refused):
            test_flash.install(board, new)
        board.flash.cut_at = None
        started = board.boot()
        assert started in (None, old.files, new.files)
        if blocks >= 80:
            assert started is not None
    try:
        test_flash.install(board, new)
    except flash.Refused:
        # Too small for the new one: then the old one was never touched.
        assert board.boot() == old.files
        return
    test_flash.settled(board, new)
