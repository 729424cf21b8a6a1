# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The chip: PIO on the emulated clock, timers, resets and what survives them, interrupts, flow control of the
UART."""

import concurrent.futures
import contextlib
import hashlib
import socket
import time

import pytest

from emulator.emulated import EmulatorError


def told(log: list, name: str) -> list[tuple[float, int]]:
    return [(ns, value) for ns, signal, value in log if signal == name]


# A dead man's switch: a word from the firmware, a jump written to SM0_INSTR, lets the pin be high for 101 *
# 32 cycles of 1 us.
SWITCH = """
import rp2, time
from machine import Pin, mem32
@rp2.asm_pio(set_init=rp2.PIO.OUT_LOW)
def switch():
    set(pins, 0)
    label("rest")
    jmp("rest")
    set(pins, 1)
    mov(x, y)
    label("count")
    jmp(x_dec, "count") [31]
sm = rp2.StateMachine(0, switch, freq=1_000_000, set_base=Pin(10))
sm.active(1)
sm.put(100)
sm.exec("pull()")
sm.exec("mov(y, osr)")
time.sleep_us(10)
word = (mem32[0x502000D4] & 31) + 1  # behind the rest
def feed():
    mem32[0x502000D8] = word
"""


def test_a_dead_mans_switch_falls_in_time(start):
    board = start()
    board.do("log", keep=["gp10", "contactor"])
    board.exec(SWITCH + "feed(); time.sleep_ms(50)")
    (rise, up), (fall, down) = told(board.do("log")["log"], "gp10")
    assert (up, down) == (1, 0)
    # set, mov, 101 rounds of 32 cycles
    assert abs(fall - rise - (2 + 101 * 32) * 1000) < 1000


def test_a_fed_switch_holds_and_the_contactor_follows(start):
    board = start()
    board.do("log", keep=["gp10", "contactor"])
    board.exec(SWITCH + "for _ in range(200):\n    feed(); time.sleep_ms(1)\ntime.sleep_ms(100)")
    log = board.do("log")["log"]
    (rise, _), (fall, _) = told(log, "gp10")
    assert 200e6 < fall - rise < 300e6
    (closed, _), (opened, _) = told(log, "contactor")
    assert abs(closed - rise - 30e6) < 1000
    assert abs(opened - fall - 30e6) < 1000


def test_pio_delays_and_dividers(start):
    board = start()
    board.do("log", keep=["gp12"])
    board.exec(
        """
import rp2, time
from machine import Pin
@rp2.asm_pio(set_init=rp2.PIO.OUT_LOW)
def square():
    set(pins, 1) [9]
    set(pins, 0) [29]
rp2.StateMachine(4, square, freq=100_000, set_base=Pin(12)).active(1)
time.sleep_ms(20)
rp2.StateMachine(4).active(0)
"""
    )
    edges = told(board.do("log")["log"], "gp12")
    assert len(edges) > 80
    times = [ns for ns, _ in edges]
    high = [b - a for (a, up), b in zip(edges, times[1:], strict=False) if up]
    low = [b - a for (a, up), b in zip(edges, times[1:], strict=False) if not up]
    assert all(abs(ns - 100_000) < 200 for ns in high[:-1])
    assert all(abs(ns - 300_000) < 200 for ns in low[:-1])


def test_a_waiting_machine_wakes_with_its_fifo(start):
    board = start()
    out = board.exec(
        """
import machine, rp2, time
machine.freq(125000000)  # 2 kHz cannot be made of the firmware's 200 MHz, when it had begun before this
@rp2.asm_pio()
def double():
    pull()
    mov(x, osr)
    mov(isr, invert(x))
    push()
sm = rp2.StateMachine(1, double, freq=2000)
sm.active(1)
for n in (0, 5, 0xFFFF0000):
    sm.put(n)
    print(hex(sm.get()))
a = time.ticks_us(); sm.put(1); sm.get(); print(1500 < time.ticks_diff(time.ticks_us(), a) < 4000)
"""
    )
    assert out.split() == ["0xffffffff", "0xfffffffa", "0xffff", "True"]


# A hard interrupt every millisecond: a DMA channel that a PWM wrap moves, as the firmware's guard has it.
PULSE = """
import array, rp2, time
from machine import PWM, Pin
pwm = PWM(Pin(8), freq=1000, duty_u16=32768)
pulse = rp2.DMA()
again = pulse.active
slot = bytearray(4)
at = array.array("i", [0] * 200)
n = 0
def tick(_):
    global n
    again(True)
    if n < 200:
        at[n] = time.ticks_us() & 0xFFFFF
        n += 1
control = pulse.pack_ctrl(inc_read=False, inc_write=False, treq_sel=28, irq_quiet=False)
pulse.config(read=slot, write=slot, count=1, ctrl=control)
pulse.irq(tick, hard=True)
pulse.active(True)
"""


def test_a_hard_interrupt_is_punctual(start):
    """Also while Python allocates: only interrupts that are switched off delay it."""
    board = start()
    script = """
while n < 200:
    junk = [str(i) for i in range(50)]
gaps = [at[i + 1] - at[i] & 0xFFFFF for i in range(199)]
print(min(gaps), max(gaps), sum(gaps))
"""
    least, most, all_of_them = map(int, board.exec(PULSE + script).split())
    assert 980 < least <= 1000 <= most < 1020
    assert abs(all_of_them - 199_000) < 20


def test_a_timer_comes_as_often_as_it_should(start):
    board = start()
    script = """
import time
from machine import Timer
n = 0
def tick(_):
    global n
    n += 1
a = time.ticks_us()
t = Timer(period=2, mode=Timer.PERIODIC, callback=tick)
while n < 100:
    pass
print(time.ticks_diff(time.ticks_us(), a))
"""
    assert 200_000 <= int(board.exec(script)) < 200_300


def test_the_share_of_an_interrupt_is_known(start):
    board = start()
    board.exec("")  # ends the firmware, whose pilot is on this pin
    board.do("at", on="gp8", value=1, after_us=20_000, then={"do": "irq"})
    board.do("at", on="gp8", value=1, after_us=220_000, then={"do": "irq"})
    board.exec(PULSE + "time.sleep_ms(300)")
    book = [event for event in drained(board) if event["event"] == "done"][-1]
    assert book["nanos"] == pytest.approx(200e6)
    (row,) = [row for row in book["handlers"] if row["irq"] in (11, 12)]  # DMA_IRQ_0, _1
    assert 199 <= row["count"] <= 201
    assert row["nanos"] / row["count"] <= row["longest"] < 200_000
    assert row["nanos"] / 200e6 <= book["share"] < 0.2


def test_a_starved_watchdog_resets_and_says_so(start):
    board = start()
    board.exec(
        "from machine import WDT, mem32; mem32[0x40058014] = 0x1234; mem32[0x2003F000] = 77; WDT(timeout=50)"
    )
    assert "watchdog" in wait_for_reset(board)
    out = board.exec(
        "import machine; from machine import mem32; print(machine.reset_cause(), hex(mem32[0x40058014]))"
    )
    assert out.split() == ["3", "0x1234"]
    assert board.state()["resets"] == 1


def test_the_board_lives_on_through_a_reset(start):
    board = start()
    board.do("plug")
    board.do("car", amps=10)
    board.do("log", keep=["gp10", "gp8", "contactor", "reset"])
    board.exec(
        """
from machine import Pin, PWM, WDT
import time
PWM(Pin(8), freq=1000, duty_u16=32768)
Pin(10, Pin.OUT, value=1)
time.sleep(2)
WDT(timeout=20)
""",
    )
    wait_for_reset(board)
    board.run(100)  # the contactor needs 30
    log = board.do("log")["log"]
    (reset, _) = told(log, "reset")[0]
    assert next(ns for ns, level in told(log, "gp10") if not level) == pytest.approx(reset, abs=1e6)
    (closed, _), (opened, _) = told(log, "contactor")
    assert opened - reset == pytest.approx(30e6, abs=1e6)
    state = board.state()
    # 10 A at 230 V while it was closed, less the ramp and the car's delays
    flowed_ms = (opened - closed) / 1e6
    assert 0.3 * flowed_ms / 3600 < state["meter"]["wh"] * 1e6 / (2300 * 1e3) < flowed_ms / 3600


def wait_for_reset(board) -> str:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        event = board.events.get(timeout=20)
        if event["event"] == "reset" and event["ns"] > 1e6:
            board.wait_for_usb()
            return event["value"]
    raise AssertionError("no reset")


def test_a_crash_ends_the_process(start):
    board = start()
    with pytest.raises(EmulatorError):
        board.exec("import machine; machine.bootloader()", timeout_s=10)
    assert board.wait(10) == 4


UART1 = """
import time
from machine import Pin, UART
Pin(20, Pin.OUT, value=1)
wires = dict(tx=Pin(4), rx=Pin(5), cts=Pin(6), rts=Pin(7))
uart = UART(1, 115200, flow=UART.RTS | UART.CTS, rxbuf=64, txbuf=16, **wires)
"""


def test_rts_holds_the_modem_so_that_nothing_is_lost(start):
    board = start()
    sent = bytes(range(256)) * 12
    script = (
        UART1
        + """
import binascii, hashlib
total, got = hashlib.sha256(), 0
while got < 3072:
    time.sleep_ms(20)  # the buffers of 64 and 32 are full after 8 ms
    part = uart.read() or b""
    total.update(part)
    got += len(part)
print(binascii.hexlify(total.digest()).decode())
"""
    )
    with beside(board, script) as said, modem(board) as line:
        line.sendall(sent)
        assert said().strip() == hashlib.sha256(sent).hexdigest()
    assert board.state()["uarts"][1]["overruns"] == 0


def test_without_flow_control_bytes_are_lost(start):
    """Or the test above would prove nothing."""
    board = start()
    script = (
        UART1.replace("flow=UART.RTS | UART.CTS, ", "")
        + """
got = 0
for _ in range(100):
    time.sleep_ms(20)
    got += len(uart.read() or b"")
print(got)
"""
    )
    with beside(board, script) as said, modem(board) as line:
        line.sendall(bytes(3072))
        assert 0 < int(said()) < 3072


def test_cts_holds_the_chip(start):
    board = start()
    script = (
        UART1
        + """
uart.write(b"first")
time.sleep_ms(100)
uart.write(b"second")
time.sleep_ms(300)
"""
    )
    board.do("at", on="modem_supply", after_us=50_000, then={"do": "modem", "cts": False})
    board.do("at", on="modem_supply", after_us=250_000, then={"do": "modem", "cts": True})
    board.do("watch", signals=["gp4", "modem_supply"])
    with beside(board, script) as said, modem(board) as line:
        assert receive(line, 11) == b"firstsecond"
        said()
    events = drained(board)
    supply = next(event["ns"] for event in events if event["event"] == "modem_supply")
    assert board.state()["modem"]["sent"] == 11
    done = [event["ns"] - supply for event in events if event["event"] == "done"]
    assert done == pytest.approx([50e6, 250e6])


def test_a_modem_at_another_rate_is_not_understood(start):
    board = start()
    board.do("modem", baud=460800)
    with beside(board, UART1 + "uart.write(b'AT'); time.sleep_ms(50)") as said, modem(board) as line:
        assert receive(line, 2) != b"AT"
        said()


@contextlib.contextmanager
def beside(board, script: str):
    """Run `script` on the board while the body does its part; `said()` waits for what it printed."""
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        running = pool.submit(board.exec, script, 30)
        yield lambda: running.result(40)


@contextlib.contextmanager
def modem(board):
    """The modem's end of the line, once the firmware has given it power."""
    with socket.create_connection(("127.0.0.1", board.uart1_port)) as line:
        line.settimeout(20)
        deadline = time.monotonic() + 20
        while not board.state()["modem"]["supply"]:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        yield line


def receive(line: socket.socket, count: int) -> bytes:
    got = b""
    while len(got) < count:
        got += line.recv(count - len(got))
    return got


def drained(board) -> list[dict]:
    events = []
    while not board.events.empty():
        events.append(board.events.get())
    return events
