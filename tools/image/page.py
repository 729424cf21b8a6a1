# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""`make image BOARD=...` of a board whose sources are in no registry that this project fetches from: one page
that says what to run where. Exit code 3 when it was printed; 0, and nothing printed, for a board that is
built here.
"""

import importlib
import shlex
import sys

from image import frozen
from toolchain import board_check

MICROPYTHON = "v1.28.0"
ESP_IDF = "v5.5.1"  # that release's ports/esp32/README.md names it

_WHY = {
    "rp2": "the driver of its network (lib/cyw43-driver, lib/wiznet5k) is a submodule of MicroPython that "
    "Debian's sources leave out",
    "esp32": "the ESP-IDF, with its compiler, comes from Espressif only",
}


def official(board: dict) -> tuple[str, str]:
    """MicroPython's own name for such a board, and the variant of it ("" for none)."""
    chip, kinds = board["chip"], [link["kind"] for link in board.get("links", ())]
    if chip == "rp2040":
        return ("RPI_PICO_W" if "wifi" in kinds else "W5500_EVB_PICO" if "w5500" in kinds else "RPI_PICO"), ""
    if chip == "esp32s3":
        return "ESP32_GENERIC_S3", "SPIRAM_OCT" if board.get("module", "").endswith("r8") else ""
    if board["name"].startswith("olimex_esp32_poe"):
        return "OLIMEX_ESP32_POE", ""
    return "ESP32_GENERIC", "SPIRAM" if board.get("module") == "wrover" else ""


def page(board: dict) -> list[str]:
    chip = board["chip"]
    port = "rp2" if chip.startswith("rp2") else "esp32"
    name, variant = official(board)
    manifest = frozen.manifest(board["name"])
    chosen = "BOARD=%s%s" % (name, " BOARD_VARIANT=%s" % variant if variant else "")
    frozen_in = "FROZEN_MANIFEST=%s" % shlex.quote(str(manifest))
    built = "build-%s%s" % (name, "-" + variant if variant else "")
    lines = ["The image of %s is not built here: %s." % (board["name"], _WHY[port]), ""]
    lines += ["Where git, make, CMake and Python are, outside of this folder, once:", ""]
    lines += ["    git clone -b %s https://github.com/micropython/micropython.git" % MICROPYTHON]
    if port == "esp32":
        lines += [
            "    git clone -b %s --recursive https://github.com/espressif/esp-idf.git" % ESP_IDF,
            "    esp-idf/install.sh %s" % chip,
            "    . esp-idf/export.sh                       # in each new shell",
        ]
    else:
        lines += [
            "    sudo apt install gcc-arm-none-eabi libnewlib-arm-none-eabi libstdc++-arm-none-eabi-newlib"
        ]
    lines += [
        "    make -C micropython/mpy-cross",
        "    make -C micropython/ports/%s %s submodules" % (port, chosen),
        "",
        "And for each image:",
        "",
        "    make -C micropython/ports/%s %s \\" % (port, chosen),
        "        %s" % frozen_in,
        "",
        "Onto the board:",
        "",
    ]
    if port == "esp32":
        lines += ["    make -C micropython/ports/esp32 %s \\" % chosen, "        %s \\" % frozen_in]
        lines += [
            "        PORT=/dev/ttyUSB0 erase deploy",
            "",
            "`erase` takes the settings too: leave it out for a newer image.",
        ]
    else:
        lines += [
            "hold BOOTSEL while the cable goes in, and copy",
            "micropython/ports/rp2/%s/firmware.uf2 to the drive RPI-RP2." % built,
        ]
    lines += [
        "",
        "Then: make configure PORT=...",
        "",
        "Nobody has built or tried that image. What the image of pico_lte has beside the manifest is not in",
        "it: our changes to MicroPython (tools/toolchain/mends), and functions and classes in flash",
        "(docs/image.md); so it takes some 40 KB more of the heap.",
    ]
    if port == "esp32":
        where = name + (", variant %s" % variant if variant else "")
        lines += [
            "",
            "With a module that has PSRAM no image is needed: the official build, %s, of" % where,
            "https://micropython.org/download/, and  make flash BOARD=%s PORT=...  (docs/flash.md)."
            % board["name"],
        ]
    if not manifest.exists():
        lines += [
            "",
            "There is no boards/%s/manifest.py yet: that of pico_lte shows the form." % board["name"],
        ]
    return lines


def main(arguments: list[str]) -> int:
    name = arguments[0] if arguments else "pico_lte"
    if name in frozen.boards():
        return 0
    if name not in board_check.names():
        print(
            "image: there is no board %s; there are: %s." % (name, ", ".join(board_check.names())),
            file=sys.stderr,
        )
        return 1
    print("\n".join(page(importlib.import_module("boards.%s.board" % name).BOARD)))
    return 3


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
