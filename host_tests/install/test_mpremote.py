# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Unmodified mpremote, and a board with real littlefs under MicroPython: install, start, again, power
cuts."""

import dataclasses
import json

import pytest

from host_tests.install.littlefs_board import LittlefsBoard
from install import firmware_set, flash, package
from install.board_link import BoardError, connected
from install.firmware_set import FirmwareSet

START = (firmware_set.BOARD_SIDE / "main.py").read_bytes()
SETTINGS = b'{"csms_url": "wss://example.org/", "set": {"AuthorizationKey": "secret"}}'
HALF = "pilotlight: no firmware, or half of one: run `make flash` again"


def version(number: int) -> FirmwareSet:
    """It says which it is, if all of its modules are of one version."""
    files = {
        "main.py": "import part\nfrom pack import inner\n"
        "def start():\n print('runs', part.VERSION, inner.VERSION, %d)\n" % number,
        "part.py": "VERSION = %d\n" % number + "# filled up\n" * 500,
        "pack/__init__.py": "",
        "pack/inner.py": "VERSION = %d\n" % number,
        "pack/same.py": "# the same in both\n" * 300,
        "only_%d.py" % number: "",
    }
    encoded = {name: text.encode() for name, text in files.items()}
    return FirmwareSet("esp32_devkit", "esp32", encoded, START)


def install(board: LittlefsBoard, wanted: FirmwareSet) -> bool:
    with connected(board.port) as link:
        return flash.install(link, wanted, True, lambda _: None)


def runs(number: int) -> str:
    return "runs %d %d %d" % (number, number, number)


def operations(lines: list[str]) -> int:
    return int(lines[0].split()[1])


@pytest.fixture
def image(tmp_path):
    """A board with version 1, and settings."""
    path = tmp_path / "flash.bin"
    (tmp_path / "installation.json").write_bytes(SETTINGS)
    with LittlefsBoard(path) as board:
        board.mpremote("fs", "cp", str(tmp_path / "installation.json"), ":")
        assert install(board, version(1))
        assert board.booted()[1:] == [runs(1)]
    return path


def test_install_start_again(image):
    with LittlefsBoard(image) as board:
        assert board.at_start == [runs(1)]
        assert install(board, version(2))
        assert board.booted()[1:] == [runs(2)]
        assert not install(board, version(2))
        lines = board.booted()
        assert lines[1:] == [runs(2)]
        listed = board.mpremote("fs", "ls", ":/pilotlight")
        assert listed.count("/\n") == 1  # the old one is gone
        assert board.mpremote("fs", "cat", ":/installation.json").strip() == SETTINGS.decode()


@pytest.mark.timeout(300)
def test_the_power_goes_in_the_middle_of_the_flash(image, tmp_path):
    """Real littlefs, operations done in part. Each change is cut in test_flash, on the model."""
    whole = tmp_path / "whole.bin"
    whole.write_bytes(image.read_bytes())
    with LittlefsBoard(whole) as board:
        install(board, version(2))
        count = operations(board.booted())
    assert count > 40
    for number, cut_at in enumerate(range(1, count, count // 5)):
        path = tmp_path / "cut.bin"
        path.write_bytes(image.read_bytes())
        with LittlefsBoard(path, cut_at, number % 5) as board:
            with pytest.raises(BoardError):
                install(board, version(2))
            assert board.dead()
        with LittlefsBoard(path) as board:
            assert board.at_start in ([runs(1)], [runs(2)]), cut_at
            install(board, version(2))
            assert board.booted()[1:] == [runs(2)], cut_at
            assert board.mpremote("fs", "cat", ":/installation.json").strip() == SETTINGS.decode()


def test_a_first_installation_that_is_cut_off_starts_nothing(tmp_path):
    path = tmp_path / "flash.bin"
    with LittlefsBoard(path) as board:
        install(board, version(1))
        count = operations(board.booted())
    path.unlink()
    with LittlefsBoard(path, count - 3) as board:
        with pytest.raises(BoardError):
            install(board, version(1))
        assert board.dead()
    with LittlefsBoard(path) as board:
        assert board.at_start in ([HALF], [runs(1)])
        install(board, version(1))
        assert board.booted()[1:] == [runs(1)]


def test_the_package_is_what_it_lists_and_mip_installs_it(tmp_path):
    wanted = version(2)
    path = package.write(wanted, tmp_path / "package")
    listed = json.loads(path.read_text())
    folder = path.parent
    files = {str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file()}
    assert files == {name for name, _ in listed["urls"]} | {"package.json"}
    assert all(name == url for name, url in listed["urls"])
    for name, digest in listed["sha256"].items():
        assert firmware_set.sha256((folder / name).read_bytes()) == digest
    assert listed["sha256"].keys() == {name for name, _ in listed["urls"]}
    # What makes it count comes last.
    assert [name for name, _ in listed["urls"]][-2:] == ["main.py", "pilotlight/current"]
    with LittlefsBoard(tmp_path / "flash.bin") as board:
        said = board.mpremote("mip", "install", "--target=", str(path))
        assert "Done" in said
        board.mpremote("reset")
        assert board.booted()[1:] == [runs(2)]
        assert not install(board, wanted)  # what mip has written is what make flash would have


@pytest.mark.timeout(300)
@pytest.mark.parametrize("board", firmware_set.boards())
def test_the_firmware_of_each_board(board, tmp_path):
    """Compiled, complete; and as a package."""
    wanted = firmware_set.build(board)
    assert {"main.mpy", "board.mpy", "boot_report.mpy", "charger.mpy", "hal/ticks.mpy"} <= wanted.files.keys()
    others = ("hal/sim/", "hal/rp2/" if wanted.chip.startswith("esp32") else "hal/esp32/", "_boot")
    assert not [name for name in wanted.files if name.startswith(others)]
    assert all(name.endswith(".mpy") for name in wanted.files)
    ours = {name.partition("/")[0] for name in wanted.files}
    assert not {name for name in wanted.modules if name + ".mpy" in ours or name in ours}
    assert {version for version, _, _ in wanted.formats()} == {6}
    listed = json.loads(package.write(wanted, tmp_path / "package").read_text())
    assert len(listed["urls"]) == len(wanted.files) + 2


@pytest.mark.timeout(300)
def test_the_real_firmware_is_read_from_littlefs(tmp_path):
    wanted = dataclasses.replace(firmware_set.build("esp32_devkit"), modules=())
    with LittlefsBoard(tmp_path / "flash.bin") as board:
        assert install(board, wanted)
        # As far as it can come without the chip.
        assert "no module named 'hal.linux'" in board.booted()[-1]
        assert not install(board, wanted)
