# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""From reset to the guard, on the real image: what hangs on the way is restarted, nothing is driven, and
nobody who works at the REPL is cut off."""

import pytest

from emulator.emulated import Emulated

pytestmark = pytest.mark.timeout(600)

WATCHDOG_CTRL, ENABLE = 0x40058000, 1 << 30
SCRATCH1, MOUNTING = 0x40058010, 0x1CEB00D5
WATCHDOG_MS = 8400


def word(board: Emulated, address: int) -> int:
    return board.do("mem", address=address)["words"][0]


def until(board: Emulated, happened, step_ms: float = 0.2, most: int = 20000) -> None:
    """Let time pass in steps until `happened()`."""
    for _ in range(most):
        if happened():
            return
        board.run(step_ms)
    raise AssertionError("it did not come to that: " + board.do("console")["text"][-500:])


def hangs(board: Emulated) -> None:
    """The processor executes nothing more; the coil's pin was never high; the watchdog restarts it."""
    board.do("log", keep=["gp10", "gp12", "gp13", "reset"])
    board.do("fault", name="cpu_hangs")
    assert board.run(WATCHDOG_MS, until="reset", value="watchdog")["reached"]
    assert [row for row in board.do("log")["log"] if row[1] != "reset" and row[2]] == []


def test_a_hang_while_it_mounts_ends_in_a_restart_that_does_not_mount(start):
    board = start(pace=None)
    board.do("reset")
    board.run(0.1)
    until(board, lambda: word(board, SCRATCH1) == MOUNTING)
    hangs(board)
    until(board, lambda: "no storage" in board.do("console")["text"], 100, 100)
    assert "hung while it mounted" in board.do("console")["text"]
    # At the REPL, without watchdog, for whoever comes to look after it; the button tries again.
    board.run(20000)
    assert board.state()["reset_reason"] == "watchdog" and board.state()["resets"] == 2
    assert not word(board, WATCHDOG_CTRL) & ENABLE
    board.do("reset")
    until(board, lambda: board.state()["adc_conversions"] > 1000, 100, 100)


def test_a_hang_between_mounting_and_the_guard_ends_in_a_restart(start):
    board = start(pace=None)
    board.do("reset")
    board.run(0.1)
    until(board, lambda: word(board, SCRATCH1) == MOUNTING)
    until(board, lambda: not word(board, SCRATCH1) and word(board, WATCHDOG_CTRL) & ENABLE)
    assert board.state()["pilot"]["duty_e4"] != 10000  # it is in the midst of its imports
    hangs(board)
    # It mounts as ever, and the charger starts.
    until(board, lambda: board.state()["adc_conversions"] > 1000, 100, 100)
    assert "hung" not in board.do("console")["text"]


def test_a_repl_without_the_firmware_is_left_alone(start):
    board = start(pace=4)
    board.exec("import time; time.sleep(75)")  # longer than anybody feeds a watchdog
    assert board.state()["reset_reason"] == "power-up" and board.state()["resets"] == 0


def test_coil_and_motor_pins_are_driven_low_from_the_first_lines_on(start):
    board = start(pace=None)
    board.do("reset")
    board.run(0.1)
    board.do("log", keep=["gp10"])
    until(board, lambda: word(board, SCRATCH1) == MOUNTING)
    state = board.state()
    assert all(state["driven"][number] and not state["pins"][number] for number in (10, 12, 13, 21)), state
    board.run(3000)  # the charger starts, tests its RCD, unlocks; the coil is not touched
    assert [row for row in board.do("log")["log"] if row[2]] == []
