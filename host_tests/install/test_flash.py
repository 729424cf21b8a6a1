# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Installing on a model of a board: what is transferred, what is refused, and the power cut at each
change."""

import contextlib
import dataclasses

import pytest
from mpremote.transport import TransportError

from host_tests.install.model_board import Flash, ModelBoard, PowerCut
from install import checks, firmware_set, flash, plan
from install.board_link import BoardError, BoardLink
from install.firmware_set import FirmwareSet
from install.plan import Step

START = (firmware_set.BOARD_SIDE / "main.py").read_bytes()
SETTINGS = {
    "/installation.json": b'{"csms_url": "wss://example.org"}',
    "/settings": b"pilotlight 1 00000000\n{}",
    "/outbox/head": b"2 00000000 1 0 {}",
    "/boot.py": b"# somebody's",
    "/crash.txt": b"--- ",
}


def mpy(text: str, size: int = 0) -> bytes:
    return b"M\x06\x00\x1f" + text.encode() * max(1, size // max(1, len(text)))


OLD = FirmwareSet(
    "esp32_devkit",
    "esp32",
    {
        "main.mpy": mpy("main 1"),
        "board.mpy": mpy("the board's, which stays", 9000),
        "evse/guard.mpy": mpy("guard 1", 5000),
        "evse/same.mpy": mpy("same", 3000),
        "gone/only_old.mpy": mpy("old", 100),
    },
    START,
)
NEW = FirmwareSet(
    "esp32_devkit",
    "esp32",
    {
        "main.mpy": mpy("main 2"),
        "board.mpy": mpy("the board's, which stays", 9000),
        "evse/guard.mpy": mpy("guard 2", 6000),
        "evse/same.mpy": mpy("same", 3000),
        "station/fresh/part.mpy": mpy("new", 100),
    },
    START + b"\n# of a later version\n",
)


def silent(_):
    pass


def install(board: ModelBoard, wanted: FirmwareSet, force: bool = False, say=silent) -> bool:
    link = BoardLink(board)
    link.take_over()
    try:
        return flash.install(link, wanted, force, say)
    finally:
        link.leave()


def board_with(wanted: FirmwareSet | None, blocks: int = 512, **answers) -> ModelBoard:
    board = ModelBoard(Flash(SETTINGS, blocks), **answers)
    if wanted is not None:
        install(board, wanted)
        assert board.boot() == wanted.files
        board.flash.changes = 0
        board.flash.touched.clear()
        board.restarts = 0
    return board


def copy_of(board: ModelBoard, cut_at: int | None) -> ModelBoard:
    other = ModelBoard(Flash({}, board.flash.blocks))
    other.flash.files, other.flash.folders = dict(board.flash.files), set(board.flash.folders)
    other.flash.cut_at = cut_at
    return other


def settled(board: ModelBoard, wanted: FirmwareSet) -> None:
    assert board.boot() == wanted.files
    ours = {"%s/%s" % (wanted.folder, name): content for name, content in wanted.files.items()}
    expected = {**SETTINGS, **ours, "/main.py": wanted.start, "/pilotlight/current": wanted.current}
    assert board.flash.files == expected
    assert {path for path in board.flash.folders if path.count("/") == 2} == {wanted.folder}


def test_a_blank_board_gets_everything_and_a_second_run_nothing():
    board = board_with(None)
    assert install(board, NEW)
    settled(board, NEW)
    board.flash.changes = 0
    assert not install(board, NEW)
    assert board.flash.changes == 0
    assert board.restarts == 2  # in both cases the charger is not left at the console


def test_only_what_has_changed_is_transferred():
    board = board_with(OLD)
    written = []
    link = BoardLink(board)
    link.take_over()
    todo = plan.steps(link.look(), NEW)
    written = sorted(step.path.removeprefix(NEW.folder + "/") for step in todo if step.do == "write")
    assert written == ["evse/guard.mpy", "main.mpy", "station/fresh/part.mpy"]
    copied = sorted(step.other.removeprefix(NEW.folder + "/") for step in todo if step.do == "copy")
    assert copied == ["board.mpy", "evse/same.mpy"]
    install(board, NEW)
    settled(board, NEW)


@pytest.mark.parametrize("blocks", [512, 42], ids=["beside", "in its place"])
def test_nothing_else_is_ever_touched(blocks):
    board = board_with(OLD, blocks)
    install(board, NEW)
    mine = ("/main.py", "/main.py.new", "/pilotlight")
    assert all(path in mine or path.startswith("/pilotlight/") for path in board.flash.touched)


# With 42 blocks the two do not fit beside each other.
@pytest.mark.parametrize("blocks", [512, 42], ids=["beside", "in its place"])
@pytest.mark.parametrize("before", [None, OLD], ids=["blank", "old"])
def test_a_power_cut_at_each_change_leaves_old_or_new(before, blocks):
    origin = board_with(before, blocks)
    whole = copy_of(origin, None)
    install(whole, NEW)
    count = whole.flash.changes
    settled(whole, NEW)
    nothing = 0
    for cut_at in range(count):
        board = copy_of(origin, cut_at)
        with pytest.raises(PowerCut):
            install(board, NEW)
        board.flash.cut_at = None
        started = board.boot()
        assert started in (None, NEW.files) or (before and started == before.files), cut_at
        nothing += started is None
        settings = {path: content for path, content in board.flash.files.items() if path in SETTINGS}
        assert settings == SETTINGS
        for wanted in (NEW, OLD):  # finished, or undone
            again = copy_of(board, None)
            install(again, wanted)
            settled(again, wanted)
        recovery = copy_of(board, None)
        install(recovery, NEW)
        for second in range(0, recovery.flash.changes, 3):
            twice = copy_of(board, second)
            with contextlib.suppress(PowerCut):
                install(twice, NEW)
            twice.flash.cut_at = None
            assert twice.boot() in (None, OLD.files, NEW.files), (cut_at, second)
            install(twice, NEW)
            settled(twice, NEW)
    if before and blocks == 512:
        assert nothing == 0  # the old one runs until the new one does
    else:
        assert 0 < nothing <= count - (1 if before else 0)


def test_a_current_that_names_what_is_half_there_does_not_count():
    board = board_with(NEW)
    for path in [path for path in board.flash.files if path.startswith(NEW.folder)]:
        del board.flash.files[path]
    board.flash.folders = {path for path in board.flash.folders if not path.startswith(NEW.folder)}
    origin = copy_of(board, None)
    whole = copy_of(board, None)
    install(whole, NEW)
    for cut_at in range(1, whole.flash.changes):
        board = copy_of(origin, cut_at)
        with pytest.raises(PowerCut):
            install(board, NEW)
        board.flash.cut_at = None
        assert board.boot() in (None, NEW.files), cut_at


def test_a_file_that_was_changed_on_the_board_is_mended():
    board = board_with(NEW)
    path = NEW.folder + "/evse/guard.mpy"
    board.flash.files[path] = b"something else"
    assert install(board, NEW)
    settled(board, NEW)


def test_a_flash_that_keeps_something_else_is_told_and_does_not_count():
    board = board_with(OLD)
    board.corrupt.add(NEW.folder + "/evse/guard.mpy")
    with pytest.raises(BoardError, match=r"guard\.mpy.*not what it was sent"):
        install(board, NEW)
    assert board.boot() == OLD.files


def test_too_small_a_file_system_is_refused_before_the_first_change():
    board = board_with(OLD, 42)
    big = dataclasses.replace(NEW, files={**NEW.files, "big.mpy": mpy("x", 100_000)})
    with pytest.raises(flash.Refused, match="bytes are missing"):
        install(board, big)
    assert board.flash.changes == 0
    assert board.boot() == OLD.files


class Pulled:
    """A cable that is pulled out while the Nth text is on its way; what had arrived was done."""

    def __init__(self, board: ModelBoard, after: int):
        self._board, self._left = board, after

    def enter_raw_repl(self):
        self._board.enter_raw_repl()

    def close(self):
        pass

    def exec_raw_no_follow(self, command):
        raise TransportError("no answer")

    def exec(self, command, data_consumer=None):
        if self._left == 0:
            raise TransportError("no answer")
        self._left -= 1
        return self._board.exec(command, data_consumer)


def test_a_cable_that_is_pulled_at_any_moment_leaves_old_or_new():
    origin = board_with(OLD)
    whole = copy_of(origin, None)
    install(whole, NEW)
    for after in range(2, len(whole.sent) - 1):
        board = copy_of(origin, None)
        link = BoardLink(Pulled(board, after))
        link.take_over()
        with pytest.raises((TransportError, BoardError)):
            flash.install(link, NEW, False, silent)
        link.leave()
        assert board.boot() in (OLD.files, NEW.files), after
        install(board, NEW)
        settled(board, NEW)


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        ({"version": (1, 23, 0, "")}, "1.23.0 is too old"),
        ({"machine": "Generic ESP32S3 module with ESP32S3"}, "this is a Generic ESP32S3"),
        ({"platform": "rp2", "machine": "Raspberry Pi Pico with RP2040"}, "Raspberry Pi Pico"),
        ({"in_image": "esp32_devkit"}, "part of this board's image (esp32_devkit)"),
        ({"heap_bytes": 60_000}, "needs an image"),
        ({"mpy": 5}, "version 6 are not read"),
        ({"without": ("network", "socket")}, "lacks what the firmware needs: network, socket"),
    ],
)
def test_a_board_that_it_does_not_run_on_is_refused_with_the_reason(answers, said):
    wanted = dataclasses.replace(NEW, modules=("os", "network", "socket"))
    board = ModelBoard(Flash(SETTINGS), **answers)
    told: list[str] = []
    with pytest.raises(flash.Refused, match="FORCE=yes"):
        install(board, wanted, say=told.append)
    assert said in "\n".join(told)
    assert board.flash.changes == 0
    assert board.restarts == 1  # the firmware that was there goes on


def test_machine_code_is_for_one_processor():
    native = dataclasses.replace(NEW, files={**NEW.files, "n.mpy": b"M\x06" + bytes([3 | 4 << 2]) + b"\x1f"})
    board = ModelBoard(Flash(SETTINGS))
    told: list[str] = []
    with pytest.raises(flash.Refused):
        install(board, native, say=told.append)
    assert "for armv6m does not run here" in "\n".join(told)


def test_forced_it_is_installed_all_the_same():
    board = ModelBoard(Flash({**SETTINGS, "/main.py": b"print('mine')"}), heap_bytes=1)
    told: list[str] = []
    with pytest.raises(flash.Refused):
        install(board, NEW)
    install(board, NEW, True, told.append)
    assert any(line.startswith("forced: ") and "somebody else's" in line for line in told)
    settled(board, NEW)


def test_another_boards_firmware_is_not_replaced_unasked():
    board = board_with(OLD)
    other = dataclasses.replace(NEW, board="esp32_other")
    told: list[str] = []
    with pytest.raises(flash.Refused):
        install(board, other, say=told.append)
    assert "esp32_devkit is installed on it" in "\n".join(told)


@pytest.mark.parametrize(
    ("content", "charging"),
    [
        (b"", False),
        (b"pilotlight 2 12345678\nnull", False),
        (b'pilotlight 2 12345678\n[7, 1, "TAG"]', True),
        (b"pilotlight 2 12345678\n[7, 1", True),
        (b"\xff\xfe", True),
    ],
)
def test_a_charging_car_is_in_the_way(content, charging):
    board = board_with(OLD)
    board.flash.files["/transaction1"] = content
    if charging:
        with pytest.raises(flash.Refused, match="a car is charging"):
            install(board, NEW)
        assert board.flash.changes == 0
        assert board.restarts == 1
    install(board, NEW, True)
    assert board.boot() == NEW.files


def test_names_of_transactions():
    assert [checks.is_transaction(name) for name in ("transaction1", "transaction12")] == [True, True]
    others = ("transaction", "transaction1.bad", "transactions", "outbox")
    assert not any(map(checks.is_transaction, others))


def test_progress_goes_by_bytes(capsys):
    board = board_with(OLD)
    capsys.readouterr()
    install(board, NEW)
    lines = capsys.readouterr().out.splitlines()
    total = sum(len(NEW.files[name]) for name in ("main.mpy", "evse/guard.mpy", "station/fresh/part.mpy"))
    total += len(NEW.start) + len(NEW.current)
    assert lines[-1].split() == [format(total, ","), "of", format(total, ","), "bytes", "100", "%"]


def test_the_plan_of_a_finished_board_is_empty():
    board = board_with(NEW)
    link = BoardLink(board)
    link.take_over()
    assert plan.steps(link.look(), NEW) == []
    board.flash.files["/pilotlight/current.new"] = b"half"
    assert plan.steps(link.look(), NEW) == [Step("remove", "/pilotlight/current.new")]
