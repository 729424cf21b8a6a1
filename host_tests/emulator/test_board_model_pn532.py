# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The other reader, a PN532 on I2C0 or on UART0, byte by byte, with the project's own driver on the board:
tags of every size, tags taken away, a chip that hangs, forgets, is gone, and comes back."""

from pathlib import Path

import pytest

from emulator.guard_bench import wait_for

pytestmark = pytest.mark.timeout(300)

KINDS = ("pn532_i2c", "pn532_uart")
# `step`: the time that the driver itself takes between two of its waits; `loop`: how long another task waits
# for its turn, the event loop included. A collection of garbage is no part of a step, whoever's allocation
# begins it: it is made before each. MEASURED: at the firmware's clock, which takes the host longer.
DRIVER = """
import asyncio, gc, time
from hal.parts.from_data import i2c_of
from hal.rfid.from_data import reader_of
from hal.rp2.speed import speed_up
if MEASURED:
    speed_up()
data = {"kind": KIND}
if RESET:
    data["reset"] = {"pin": 2, "active": 0}
i2c = None
if KIND == "pn532_i2c":
    i2c = i2c_of({"i2c": 0, "sda": 16, "scl": 17})
else:
    data.update({"uart": 0, "tx": 0, "rx": 1})
reader = reader_of(data, i2c)
most = [0, 0]
def timed(call):
    def measured(*arguments):
        gc.collect()
        began = time.ticks_us()
        try:
            return call(*arguments)
        finally:
            most[0] = max(most[0], time.ticks_diff(time.ticks_us(), began))
    return measured
async def told():
    while True:
        uid, _ = await reader.read()
        print("tag", uid)
async def silent():
    was = None
    while True:
        if reader.silent() != was:
            was = reader.silent()
            print("silent", was)
        await asyncio.sleep_ms(50)
async def waits():
    while True:
        most[0] = most[1] = 0
        end = time.ticks_add(time.ticks_ms(), 300)
        while time.ticks_diff(end, time.ticks_ms()) > 0:
            began = time.ticks_us()
            await asyncio.sleep_ms(1)
            most[1] = max(most[1], time.ticks_diff(time.ticks_us(), began) - 1000)
        print("most", *most)
async def main():
    asyncio.create_task(told())
    asyncio.create_task(silent())
    print("running")
    if MEASURED:
        line = reader._line
        for name in ("wake", "send", "receive"):
            setattr(line, name, timed(getattr(line, name)))
        await waits()
    while True:
        await asyncio.sleep(60)
asyncio.run(main())
"""


class Bench:
    """A board with this reader and the driver running on it; time stands but in `run`."""

    def __init__(self, board, kind: str, folder: Path, reset: bool = True, measured: bool = False):
        self.board = board
        board.exec("")  # ends the firmware, whose reader is on these pins
        board.do("fit", reader=kind)
        path = folder / "driver.py"
        path.write_text("KIND, RESET, MEASURED = %r, %r, %r\n" % (kind, reset, measured) + DRIVER)
        board.mpremote("run", "--no-follow", str(path))
        wait_for(board, "running")
        board.do("pace", factor=None)

    def run(self, ms: float) -> list[str]:
        """What the driver has said since it began, its measurements left out."""
        self.board.run(ms)
        return [line for line in self.said() if line[:4] in ("tag ", "sile")]

    def said(self) -> list[str]:
        # The last line may still be on its way.
        text = self.board.do("console")["text"].rpartition("running")[2]
        assert "Traceback" not in text, text
        return text.split("\r\n")[1:-1]

    def blocked_us(self, ms: float) -> tuple[int, int]:
        """The most in the pieces of 0.3 s that end from now on: (step, loop)."""
        before = sum(line.startswith("most") for line in self.said())
        self.board.run(ms)
        rows = [line.split()[1:] for line in self.said() if line.startswith("most")][before:]
        assert rows
        return max(int(step) for step, _ in rows), max(int(loop) for _, loop in rows)

    def reader(self) -> dict:
        return self.board.state()["reader"]


@pytest.mark.parametrize("kind", KINDS)
def test_tags_come_and_go_beside_noise_and_a_dip_of_the_supply(start, tmp_path, kind):
    bench = Bench(start(), kind, tmp_path)
    board = bench.board
    told = ["silent False"]
    assert bench.run(500) == told
    for uid in ("04a1b2c3", "04a1b2c3d4e5f6"):
        board.do("tag", id=uid, seconds=60)
        told.append("tag " + uid.upper())
        assert bench.run(600) == told  # once, however long it stays
        board.do("tag")
        bench.run(1300)
    reader = bench.reader()
    assert reader["damaged"] == reader["nacks"] == 0 and reader["resets"] == 1 and reader["commands"] > 20
    # A damaged answer is asked for once more.
    board.do("fault", name="rfid_noise", answers=1)
    board.do("tag", id="04a1b2c3", seconds=60)
    told.append("tag 04A1B2C3")
    assert bench.run(600) == told
    assert bench.reader()["nacks"] == 1 and bench.reader()["resets"] == 1
    # What it was told is gone: it is set up anew, and the tag that lies there is not told again.
    board.do("fault", name="rfid_forgets")
    assert bench.run(1500) == told
    assert bench.reader()["resets"] == 2


@pytest.mark.parametrize("kind", KINDS)
def test_a_chip_that_hangs_comes_back(start, tmp_path, kind):
    bench = Bench(start(), kind, tmp_path)
    board = bench.board
    bench.run(400)
    board.do("fault", name="rfid_hangs")
    told = ["silent False"]
    assert bench.run(1500) == told  # noticed and cured by its reset pin, before anybody was told
    assert bench.reader()["resets"] > 1 and bench.reader()["hangs"] == 1
    board.do("tag", id="04a1b2c3", seconds=60)
    told.append("tag 04A1B2C3")
    assert bench.run(400) == told
    # One that no reset helps is silent, until it is back; what lies there then is told.
    board.do("tag")
    bench.run(1300)
    board.do("fault", name="rfid_hangs", curable=False)
    told.append("silent True")
    assert bench.run(2500) == told
    board.do("tag", id="04a1b2c3d4e5f6", seconds=60)
    board.do("clear", name="rfid_hangs")
    assert bench.run(7000) in ([*told, *order] for order in (NEWS, NEWS[::-1]))


# In whatever order the two tasks have their turn.
NEWS = ["silent False", "tag 04A1B2C3D4E5F6"]


def test_a_module_that_is_plugged_in_later(start, tmp_path):
    """And a board whose reset pin is not wired."""
    board = start()
    board.do("pace", factor=4)
    bench = Bench(board, "pn532_i2c", tmp_path, reset=False)
    board.do("fault", name="rfid_dead")
    assert bench.run(1500)[-1] == "silent True"
    board.do("clear", name="rfid_dead")
    board.do("tag", id="04a1b2c3", seconds=60)
    assert sorted(bench.run(7000)[-2:]) == ["silent False", "tag 04A1B2C3"]


@pytest.mark.parametrize("kind", KINDS)
def test_how_long_the_main_loop_waits_for_it(start, tmp_path, capsys, kind):
    """Emulated time. 5 ms is what a driver may take; what is printed is for docs/tags.md."""
    bench = Bench(start(), kind, tmp_path, measured=True)
    found = {"no tag": bench.blocked_us(700)}
    bench.board.do("tag", id="04a1b2c3d4e5f6", seconds=60)
    found["a tag"] = bench.blocked_us(700)
    bench.board.do("fault", name="rfid_hangs", curable=False)
    found["it hangs"] = bench.blocked_us(700)
    with capsys.disabled():
        for what, (step, loop) in found.items():
            print("\n%s, %s: a step %d us, another task waits %d us" % (kind, what, step, loop), end="")
    assert all(step < 5000 for step, _ in found.values()), found


def test_a_write_that_nobody_acknowledges_is_told_at_once(start):
    """By the controller's own abort, not by its time-out: another part's turn would wait for it."""
    script = """
import time
from machine import I2C, Pin
i2c = I2C(0, sda=Pin(16), scl=Pin(17), freq=100000, timeout=5000)
began = time.ticks_us()
for call in (lambda: i2c.writeto(0x48, b"12"), lambda: i2c.readfrom(0x48, 2)):
    try:
        call()
        print("answered")
    except OSError as error:
        print(error.errno)
print(time.ticks_diff(time.ticks_us(), began))
"""
    board = start()
    board.do("fit", reader="pn532_i2c")
    *errors, us = board.exec(script).split()
    assert errors == ["5", "5"] and int(us) < 1000


def test_bytes_take_their_time(start):
    """41 of them, the longest transfer: 378 bits at 100 kHz, and what the controller adds to each."""
    script = """
import time
from machine import I2C, Pin
Pin(2, Pin.OUT, value=1)
time.sleep_ms(5)
i2c = I2C(0, sda=Pin(16), scl=Pin(17), freq=100000, timeout=20000)
buffer = bytearray(41)
i2c.readfrom_into(0x24, buffer)
began = time.ticks_us()
i2c.readfrom_into(0x24, buffer)
print(time.ticks_diff(time.ticks_us(), began), buffer[0])
"""
    board = start()
    board.do("fit", reader="pn532_i2c")
    us, first = board.exec(script).split()
    print("41 bytes on I2C: %s us" % us)
    assert first == "0" and 3780 < int(us) < 4200


def test_refused_requests(start):
    board = start(pace=None)
    with pytest.raises(Exception, match="no such reader"):
        board.do("fit", reader="rdm6300")
    with pytest.raises(Exception, match="no PN532"):
        board.do("fault", name="rfid_hangs")
    with pytest.raises(Exception, match="no LEDs"):
        board.do("pixels")
