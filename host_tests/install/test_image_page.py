# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""What `make image` prints for a board that is not built here."""

import os
import subprocess
import sys

import pytest

from image import page
from toolchain.layout import ROOT


def printed(board: str) -> tuple[int, str]:
    """By a Python without our packages: that of the Makefile."""
    environment = {**os.environ, "PYTHONPATH": "tools:firmware:."}
    command = [sys.executable, "-S", "-m", "image.page", board]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def test_what_is_built_here_gets_no_page():
    assert printed("pico_lte") == (0, "")


def test_an_esp32_gets_a_page_of_commands():
    code, text = printed("esp32_devkit")
    assert code == 3
    assert len(text.splitlines()) <= 45
    for part in ("esp-idf/install.sh esp32", "BOARD=ESP32_GENERIC", "erase deploy", "make configure"):
        assert part in text
    assert "FROZEN_MANIFEST=%s/boards/esp32_devkit/manifest.py" % ROOT in text


def test_a_board_that_is_not_there():
    code, text = printed("esp33")
    assert code == 1
    assert "esp32_devkit" in text


@pytest.mark.parametrize(
    ("board", "name"),
    [
        ({"chip": "rp2040", "links": ({"kind": "wifi"},)}, ("RPI_PICO_W", "")),
        ({"chip": "rp2040", "links": ({"kind": "w5500"},)}, ("W5500_EVB_PICO", "")),
        ({"chip": "rp2040", "links": ()}, ("RPI_PICO", "")),
        ({"chip": "esp32", "module": "wroom"}, ("ESP32_GENERIC", "")),
        ({"chip": "esp32", "module": "wrover"}, ("ESP32_GENERIC", "SPIRAM")),
        ({"chip": "esp32s3", "module": "n16r8"}, ("ESP32_GENERIC_S3", "SPIRAM_OCT")),
        ({"chip": "esp32", "name": "olimex_esp32_poe_iso"}, ("OLIMEX_ESP32_POE", "")),
    ],
)
def test_micropythons_name_of_a_board(board, name):
    assert page.official({"name": "x", **board}) == name
    assert any(name[0] in line for line in page.page({"name": "x", **board}))
