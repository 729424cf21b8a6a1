# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""mpremote, unmodified, and the flash: what is written stays, and a power cut leaves what it leaves on a
chip."""

import hashlib
import json
import subprocess
import time

import pytest

from emulator.emulated import POWER_CUT, EmulatorError
from toolchain import emulator
from toolchain.layout import ROOT

BLOCK = 4096
LAST = 0x1F0000
# The last 64 KB of the chip, where the file system has not come to.
RAW = """
import rp2, time
flash = rp2.Flash(start=rp2.Flash().ioctl(4, 0) * 4096 - 0x10000, len=0x10000)
"""


def test_mpremote_copies_both_ways(start, tmp_path):
    board = start()
    there, back = tmp_path / "there.bin", tmp_path / "back.bin"
    there.write_bytes(bytes(i * i % 251 for i in range(20480)))
    board.mpremote("cp", str(there), ":kept.bin")
    assert hashlib.sha256(there.read_bytes()).hexdigest() in board.mpremote("sha256sum", ":kept.bin")
    board.mpremote("cp", ":kept.bin", str(back))
    assert back.read_bytes() == there.read_bytes()
    assert "20480 kept.bin" in board.mpremote("ls")


def test_mpremote_runs_mounts_and_resets(start, tmp_path):
    board = start()
    (tmp_path / "word.py").write_text("WORD = 'mounted'\n")
    script = tmp_path / "script.py"
    script.write_text("import word\nprint(word.WORD)\n")
    assert "mounted" in board.mpremote("mount", str(tmp_path), "run", str(script))
    board.mpremote("reset")
    assert board.exec("import machine; print(machine.reset_cause())").strip() == "3"
    assert board.state()["resets"] == 1


def test_files_outlive_the_process(start, tmp_path):
    flash = tmp_path / "flash.bin"
    board = start(flash=flash)
    board.exec("with open('life', 'w') as f: f.write('first')")
    assert board.end() == 0
    board = start(flash=flash)
    assert board.exec("print(open('life').read())").strip() == "first"


def test_operations_are_counted_and_take_their_time(start):
    board = start()
    script = (
        RAW
        + """
a = time.ticks_us(); flash.ioctl(6, 3); print(time.ticks_diff(time.ticks_us(), a))
time.sleep_ms(20)  # USB has what was printed; it is looked after in flash operations too
a = time.ticks_us(); flash.writeblocks(3, bytes(512), 0); print(time.ticks_diff(time.ticks_us(), a))
"""
    )
    before = board.state()["flash"]
    erase_us, program_us = map(int, board.exec(script).split())
    after = board.state()["flash"]
    assert 45_000 < erase_us < 45_500
    assert 800 < program_us < 1000
    assert after["erases"] - before["erases"] == 1
    assert after["programs"] - before["programs"] == 2


def test_interrupts_wait_for_an_erase(start):
    """Which is why the guard must bear 45 ms of silence."""
    board = start()
    board.do("log", keep=["gp25", "erase"])
    board.exec(
        RAW
        + """
from machine import Pin, PWM
lamp = Pin(25, Pin.OUT, value=0)
pwm = PWM(Pin(8), freq=200, duty_u16=32768)
slot = bytearray(4); pulse = rp2.DMA(); again = pulse.active
level = 0
def tick(_):
    global level
    again(True)
    level = 1 - level
    lamp(level)
control = pulse.pack_ctrl(inc_read=False, inc_write=False, treq_sel=28, irq_quiet=False)
pulse.config(read=slot, write=slot, count=1, ctrl=control)
pulse.irq(tick, hard=True); again(True)
time.sleep_ms(50)
flash.ioctl(6, 3)
time.sleep_ms(50)
"""
    )
    log = board.do("log")["log"]
    erase = [ns for ns, name, _ in log if name == "erase"]
    ticks = [ns for ns, name, _ in log if name == "gp25"]
    assert len(ticks) > 15
    assert erase[1] - erase[0] == pytest.approx(45e6)
    assert not [ns for ns in ticks if erase[0] < ns < erase[1]]
    assert min(ns for ns in ticks if ns >= erase[1]) - erase[1] < 200_000


@pytest.mark.parametrize(("operations", "torn"), [(1, "erase"), (2, "program")])
def test_a_power_cut_leaves_the_operation_half_done(start, tmp_path, operations, torn):
    flash = tmp_path / "flash.bin"
    board = start(flash=flash)
    board.exec(RAW + "flash.writeblocks(0, b'A' * 4096)")
    board.do("cut_after", operations=operations)
    with pytest.raises(EmulatorError):
        board.exec(RAW + "flash.writeblocks(0, b'B' * 4096)", timeout_s=10)
    assert board.wait(10) == POWER_CUT
    sector = flash.read_bytes()[LAST : LAST + BLOCK]
    if torn == "erase":
        assert sector[:2048] == b"\xff" * 2048
        assert b"A" in sector
        assert b"B" not in sector
    else:
        assert sector[:128] == b"B" * 128
        assert sector[128:] == b"\xff" * (BLOCK - 128)
    # And the file system beside it is as it was.
    board = start(flash=flash)
    assert board.exec("import os; print(os.listdir())").strip() == "[]"


def test_a_cut_at_a_moment_of_an_erase(start, tmp_path):
    flash = tmp_path / "flash.bin"
    board = start(flash=flash)
    board.exec(RAW + "flash.writeblocks(0, b'A' * 4096)")
    board.do("at", on="erase", after_us=11_250, then={"do": "power_cut"})
    with pytest.raises(EmulatorError):
        board.exec(RAW + "flash.ioctl(6, 0)", timeout_s=10)
    assert board.wait(10) == POWER_CUT
    sector = flash.read_bytes()[LAST : LAST + BLOCK]
    assert sector[:1024] == b"\xff" * 1024
    assert sector[1024] != 0xFF


def test_files_are_old_or_new_after_a_cut(start, tmp_path):
    """littlefs on the emulated flash, cut at each of the first operations of a rewrite."""
    flash = tmp_path / "flash.bin"
    board = start(flash=flash)
    board.exec("with open('f', 'w') as f: f.write('1' * 600)")
    for operation in range(1, 6):
        board.do("cut_after", operations=operation)
        try:
            board.exec("with open('f', 'w') as f: f.write('2' * 600)", timeout_s=10)
            break
        except EmulatorError:
            assert board.wait(10) == POWER_CUT
        board.end()
        board = start(flash=flash)
        assert board.exec("t = open('f').read(); print(len(t), set(t) in ({'1'}, {'2'}))").split() == [
            "600",
            "True",
        ]


def test_power_that_comes_back(start):
    board = start()
    board.exec(
        "import machine; from machine import Pin, mem32; mem32[0x4005800C] = 7; Pin(10, Pin.OUT, value=1)"
    )
    board.do("log", keep=["gp10", "contactor", "power"])
    board.do("power_cut", back_ms=500)
    time.sleep(0.6)
    board.wait_for_usb()
    log = board.do("log")["log"]
    (off, on) = [ns for ns, name, _ in log if name == "power"]
    assert on - off == pytest.approx(500e6)
    assert [value for _, name, value in log if name == "contactor"] == [0]
    out = board.exec(
        "import machine; from machine import mem32; print(machine.reset_cause(), mem32[0x4005800C])"
    )
    assert out.split() == ["1", "0"]


def test_time_stands_until_it_is_told_to_run(start):
    board = start(pace=None)
    assert board.state()["ns"] == 0
    # Behind the start, in which functions of the chip's ROM run: each is one step here, of some us (rom.mjs).
    assert board.run(20)["ns"] == pytest.approx(20e6, abs=1000)
    answer = board.run(1000, until="usb")
    assert answer["reached"]
    assert answer["ns"] == pytest.approx(answer["at_ns"], abs=1000)
    assert not board.run(10, until="gp10")["reached"]


def test_the_same_seed_lives_the_same_life(start):
    lives = []
    for _ in range(2):
        board = start(pace=None, seed=9)
        board.run(300)
        state = board.state()
        lives.append((state["cycles"], state["instructions"], state["idle_ns"]))
        board.end()
    assert lives[0] == lives[1]


def test_a_broken_image_is_refused_in_words(tmp_path, start, capfd):
    big = tmp_path / "big.bin"
    big.write_bytes(bytes(3 << 20))
    with pytest.raises(EmulatorError, match="exit code 2"):
        start(image=big)
    assert "does not fit" in capfd.readouterr().err


def test_node_reads_every_module():
    modules = sorted((ROOT / "tools" / "emulator").glob("*.mjs"))
    assert len(modules) > 20
    for module in modules:
        done = subprocess.run([str(emulator.node()), "--check", str(module)], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr


def test_the_lists_name_no_registry():
    lock = json.loads((ROOT / "tools" / "emulator" / "package-lock.json").read_text())
    (package,) = [row for name, row in lock["packages"].items() if name]
    assert package["integrity"].startswith("sha512-")
    assert "resolved" not in package
