# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""What is pending - Ctrl-C, scheduled functions - while the image is in the middle of something that must not
be left, or entered, there: littlefs, and the guard's interrupt."""

import socket
import time

import pytest

from emulator.guard_bench import wait_for

pytestmark = pytest.mark.timeout(300)

# A hard interrupt every millisecond as the guard's is, soft timers, and a file that is written meanwhile.
# It all stands in functions: while a module's dict grows, an interrupt finds no name in it.
WRITER = """
import rp2
from machine import PWM, Pin, Timer

ticks = scheduled = 0
pwm = PWM(Pin(8), freq=1000, duty_u16=32768)
pulse = rp2.DMA()
again = pulse.active

def tick(_):
    global ticks
    again(True)
    if ticks < 1000000:
        ticks += 1

def later(_):
    global scheduled
    scheduled += 1

def write():
    slot = bytearray(4)
    control = pulse.pack_ctrl(inc_read=False, inc_write=False, treq_sel=28, irq_quiet=False)
    pulse.config(read=slot, write=slot, count=1, ctrl=control)
    pulse.irq(tick, hard=True)
    pulse.active(True)
    timer = Timer(-1, period=5, mode=Timer.PERIODIC, callback=later)
    content = bytes(40000)
    interrupted = torn = within = 0
    inside = False
    print("running")
    while interrupted < 8:
        try:
            while True:
                with open("big", "wb") as file:
                    inside = True
                    before = scheduled
                    file.write(content)
                    after = scheduled
                    inside = False
                    within += after - before
        except KeyboardInterrupt:
            interrupted += 1
            torn += inside
            inside = False
            print("got", interrupted)
    was = ticks
    timer.deinit()
    for _ in range(20000):
        pass
    print("interrupted", interrupted, "torn", torn, "within", within)
    print("scheduled", scheduled > 20, "ticks", ticks > was)

write()
"""


def test_neither_littlefs_nor_a_hard_interrupt_is_left_by_ctrl_c(start, tmp_path):
    """Ctrl-C comes while a file is being written: it waits until the write has returned, and the interrupts
    that come in between are not ended by it. What is scheduled waits as well."""
    board = start(pace=2)
    path = tmp_path / "writer.py"
    path.write_text(WRITER)
    board.mpremote("run", "--no-follow", str(path))
    wait_for(board, "running")
    with socket.create_connection(("127.0.0.1", board.usb_port)) as line:
        for number in range(1, 9):
            time.sleep(0.2 + 0.05 * number)
            line.sendall(b"\x03")
            wait_for(board, "got %d" % number)
    wait_for(board, "ticks")
    said = board.do("console")["text"].rpartition("running")[2]
    assert "interrupted 8 torn 0 within 0" in said and "scheduled True ticks True" in said, said
    assert "Uncaught" not in said
