# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""_boot.py of boards/esp32_devkit: which flash is formatted, mounted, left as it is."""

import runpy
import sys
import types

from host_tests.fakes.chip import Chip
from toolchain.layout import ROOT


def boot(flash):
    """(what is mounted at /, trouble) after _boot.py ran on a chip with this flash."""
    chip = Chip("esp32")
    chip.flash.update(flash)
    report = runpy.run_path(str(ROOT / "boards/pico_lte/modules/boot_report.py"))
    module = types.ModuleType("boot_report")
    vars(module).update(trouble=None, bring_up=report["bring_up"])
    with chip.installed():
        sys.modules["boot_report"] = module
        try:
            runpy.run_path(str(ROOT / "boards/esp32_devkit/modules/_boot.py"))
            trouble = chip.load("hal.esp32.board").Storage().trouble()
        finally:
            del sys.modules["boot_report"]
    return chip.mounted.get("/"), trouble


def test_a_new_flash_is_formatted_and_mounted():
    flash = bytearray(b"\xff" * 16 * 4096)
    mounted, trouble = boot({"vfs": flash})
    assert mounted is not None and trouble is None and b"littlefs" in flash


def test_a_damaged_file_system_is_left_as_it_is():
    flash = bytearray(b"\xff" * 16 * 4096)
    flash[9 * 4096] = 0
    before = bytes(flash)
    mounted, trouble = boot({"vfs": flash})
    assert mounted is None and "left as it is" in trouble and bytes(flash) == before


def test_a_flash_without_the_partition():
    mounted, trouble = boot({"nvs": bytearray(4096)})
    assert mounted is None and trouble == "no partition is called vfs, nothing can be kept"
