# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""What is frozen into a board's image: everything that the firmware imports, and nothing of other boards."""

from pathlib import Path

import pytest

from image import frozen
from toolchain import board_check, constants


@pytest.fixture(params=frozen.described())
def board(request):
    return request.param


def test_there_is_a_board_with_an_image():
    assert "pico_lte" in frozen.boards()
    assert set(frozen.boards()) <= set(frozen.described())


def test_every_board_says_what_would_be_frozen():
    assert frozen.described() == board_check.names()
    for name in frozen.described():
        chip = board_check.load(name)["chip"]
        assert frozen.port(name) == ("rp2" if chip == "rp2040" else "esp32")


def test_nothing_that_is_imported_is_missing(board):
    assert frozen.missing(frozen.files(board), frozen.built_in(board)) == []


@pytest.mark.parametrize(
    "gone", ["hal/ticks.py", "evse/pilot.py", "store/record.py", "log.py", "ocpp16/core.py"]
)
def test_a_missing_module_is_named(board, gone):
    files = frozen.files(board)
    del files[gone]
    lacking = {line.split(": ")[1] for line in frozen.missing(files, frozen.built_in(board))}
    assert lacking == {constants.dotted(gone)}


def test_names_are_those_of_the_imports(board):
    files = frozen.files(board)
    for name in ("_boot.py", "boot_report.py", "main.py", "view.py", "hal/ticks.py", "hal/__init__.py"):
        assert name in files
    assert files["evse/guard.py"].samefile(frozen.ROOT / "firmware/evse/guard.py")
    # `import board` is the board that the image is for.
    assert files["board.py"].samefile(frozen.board_folder(board) / "board.py")
    assert all(path.is_file() for path in files.values())


def test_all_of_the_firmware_is_frozen(board):
    firmware = frozen.ROOT / "firmware"
    wanted = {str(path.relative_to(firmware)) for path in firmware.rglob("*.py")}
    assert wanted <= set(frozen.files(board))


def files_of(names, folder):
    return [name for name in names if name.startswith(folder)]


def test_the_boot_is_that_of_the_chip(board):
    text = frozen.files(board)["_boot.py"].read_text()
    assert ("from esp32 import" in text) == (frozen.port(board) == "esp32") != ("import rp2" in text)


def test_nothing_of_another_board_is_frozen(board):
    names = frozen.files(board)
    others = {"rp2": "hal/esp32", "esp32": "hal/rp2"}[frozen.port(board)]
    assert not [name for name in names if name.startswith(("hal/sim", others, "host_tests", "tools"))]
    assert files_of(names, "hal/%s/" % frozen.port(board))
    assert not [name for name in names if name.startswith("boards/")]


def written(folder: Path, sources: dict[str, str]) -> dict[str, Path]:
    for name, text in sources.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return {name: folder / name for name in sources}


def test_imports_within_functions_count(tmp_path):
    files = written(tmp_path, {"a.py": "def late():\n    from b.c import d\n", "b/__init__.py": ""})
    assert frozen.missing(files) == ["a.py: b.c"]


def test_what_may_be_absent_and_what_micropython_has_is_not_missing(tmp_path):
    guarded = "try:\n    import nowhere\nexcept ImportError:\n    nowhere = None\n"
    files = written(tmp_path, {"a.py": guarded + "import json, machine\nfrom asyncio import sleep\n"})
    assert frozen.missing(files) == []


def test_another_exception_than_import_error_excuses_nothing(tmp_path):
    files = written(tmp_path, {"a.py": "try:\n    import nowhere\nexcept OSError:\n    pass\n"})
    assert frozen.missing(files) == ["a.py: nowhere"]


def test_a_module_taken_from_its_package_counts(tmp_path):
    # `ticks` is a module of the repository's hal, so it cannot be an attribute of the package.
    files = written(tmp_path, {"a.py": "from hal import ticks, other\n", "hal/__init__.py": "other = 1\n"})
    assert frozen.missing(files) == ["a.py: hal.ticks"]


def test_the_manifest_for_makemanifest_freezes_the_same_modules_from_another_folder(board):
    calls: list[tuple] = []

    def noted(name):
        return lambda *arguments, **options: calls.append((name, arguments, options))

    text = frozen.build_manifest(board, Path("/elsewhere"))
    exec(text, {name: noted(name) for name in ("include", "module", "freeze", "package")})
    *theirs, (name, (folder, names), options) = calls
    assert (name, folder, options) == ("freeze", "/elsewhere", {"opt": 2})
    assert set(names) == set(frozen.files(board))
    assert ("include", ("$(MPY_DIR)/extmod/asyncio",), {}) in theirs
    assert all(call[0] in ("include", "module") for call in theirs)
