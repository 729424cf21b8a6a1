# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""`make flash` and `make configure` with unmodified mpremote over USB: a Pico with MicroPython as it is
downloaded, and a board with an image of ours.

The charger does not fit into a Pico's RAM when it is loaded from files, and a stock image for it has no
network: so the whole of it is transferred, and a small firmware is started.
"""

import json
import time

import pytest

from emulator.emulated import POWER_CUT, Emulated, EmulatorError
from image import stock
from install import firmware_set, flash
from install.board_link import BoardError, connected
from install.firmware_set import FirmwareSet
from install.places import opened
from toolchain import bytecode

pytestmark = pytest.mark.timeout(600)

START = (firmware_set.BOARD_SIDE / "main.py").read_bytes()
SETTINGS = {"csms_url": "wss://csms.example.org/", "wifi": {"ssid": "home", "password": "not to be seen"}}


def firmware(number: int, folder) -> FirmwareSet:
    """It answers with its number, if all of its modules are of one version and machine code runs."""
    texts = {
        "main.py": "import board, part\nfrom pack import inner\n\n\ndef start():\n    pass\n\n\n"
        "def answer():\n    return (%d, part.NUMBER, inner.twice(%d), board.NUMBER)\n" % (number, number),
        "board.py": "NUMBER = 7\n",
        "part.py": "NUMBER = %d\n" % number
        + "".join("A%d = 'a text of some length'\n" % n for n in range(200)),
        "pack/inner.py": "import micropython\n\n\n@micropython.viper\n"
        "def twice(x: int) -> int:\n    return x * 2\n",
    }
    cross = bytecode.compiler()
    assert cross
    files = {}
    for name, text in texts.items():
        source = folder / str(number) / name
        source.parent.mkdir(parents=True, exist_ok=True)
        source.write_text(text)
        output = source.with_suffix(".mpy")
        bytecode.translate(cross, name, source, output, "-march=armv6m")
        files[name.removesuffix(".py") + ".mpy"] = output.read_bytes()
    return FirmwareSet("pico_lte", "rp2040", files, START)


@pytest.fixture(scope="session")
def stock_image():
    return stock.make(print)


def port(board: Emulated) -> str:
    return "socket://127.0.0.1:%d" % board.usb_port


def install(board: Emulated, wanted: FirmwareSet, force: bool = False) -> tuple[bool, list[str]]:
    said: list[str] = []
    with connected(port(board)) as link:
        return flash.install(link, wanted, force, said.append), said


def answer(board: Emulated) -> str:
    """Of what runs after the reset: `resume` makes no other one."""
    until = time.monotonic() + 60
    while True:
        try:
            return board.mpremote("resume", "exec", "print(main.answer())", timeout_s=20).strip()
        except EmulatorError:
            assert time.monotonic() < until
            time.sleep(0.5)


def test_a_small_firmware_is_installed_started_replaced_and_cut_off(start, stock_image, tmp_path):
    chip = tmp_path / "flash.bin"
    first, second = firmware(1, tmp_path), firmware(2, tmp_path)
    board = start(image=stock_image, flash=chip)
    (tmp_path / "installation.json").write_text(json.dumps(SETTINGS))
    board.mpremote("cp", str(tmp_path / "installation.json"), ":")
    changed, said = install(board, first)
    assert changed
    assert "MicroPython 1.25" in said[0]
    assert answer(board) == "(1, 1, 2, 7)"
    changed, said = install(board, first)
    assert not changed
    assert "nothing to transfer" in said[-1]
    assert answer(board) == "(1, 1, 2, 7)"
    # The power goes in the middle of a flash operation.
    for operations in (3, 12):
        board.do("cut_after", operations=operations)
        with pytest.raises((BoardError, EmulatorError)):
            install(board, second)
        assert board.wait(60) == POWER_CUT
        board = start(image=None, flash=chip)
        assert answer(board) in ("(1, 1, 2, 7)", "(2, 2, 4, 7)")
    changed, said = install(board, second)
    assert answer(board) == "(2, 2, 4, 7)"
    listed = board.mpremote("fs", "ls", ":/pilotlight")
    assert listed.count("/\n") == 1
    assert json.loads(board.mpremote("fs", "cat", ":installation.json")) == SETTINGS


def test_the_whole_firmware_is_refused_and_forced_it_is_transferred(start, stock_image):
    wanted = firmware_set.build("pico_lte")
    board = start(image=stock_image)
    said: list[str] = []
    with pytest.raises(flash.Refused), connected(port(board)) as link:
        flash.install(link, wanted, False, said.append)
    text = "\n".join(said)
    assert "lacks what the firmware needs: network, socket" in text
    assert "it needs an image" in text
    assert "pilotlight" not in board.mpremote("fs", "ls")
    began = time.monotonic()
    changed, said = install(board, wanted, True)
    assert changed
    print("%s; %.0f s of the host" % (said[-1], time.monotonic() - began))
    changed, said = install(board, wanted, True)
    assert not changed


def test_a_board_with_our_image_is_configured_and_not_flashed(start):
    wanted = firmware_set.build("pico_lte")
    board = start()
    with pytest.raises(flash.Refused), connected(port(board)) as link:
        flash.install(link, wanted, False, lambda _: None)
    with opened(port(board), False) as place:
        assert place.board() == "pico_lte"
        place.write(json.dumps(SETTINGS).encode())
        place.stay()
    assert json.loads(board.mpremote("fs", "cat", ":installation.json")) == SETTINGS
    with opened(port(board), False) as place:
        assert json.loads(place.read()) == SETTINGS
        place.stay()
