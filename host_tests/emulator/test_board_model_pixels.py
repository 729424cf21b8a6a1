# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""WS2812 LEDs in the place of the lamp: the waveform that the firmware's PIO program makes, in emulated time,
against the data sheets; the colours of docs/indicator.md on a string of 14, beside the guard."""

import itertools
import re
from pathlib import Path

import pytest

from emulator.guard_bench import wait_for

INDICATOR_PAGE = Path(__file__).parents[2] / "docs" / "indicator.md"
LEDS = 14
BRIGHTNESS = 64  # of 255, the default
SM3_CLKDIV = 0x50200110

SEND = """
import time
from hal.rp2.pixels import Pixels
from hal.rp2.speed import speed_up
speed_up()
pixels = Pixels(25)
for data in FRAMES:
    a = time.ticks_us()
    pixels.send(bytearray(data))
    took = time.ticks_diff(time.ticks_us(), a)
    time.sleep_ms(1)
print(took)
"""


def send(board, *frames: bytes) -> tuple[int, dict]:
    """How long the last `send` took in us, and what the LEDs have seen."""
    board.exec("")  # ends the firmware, whose lamp is on this pin
    board.do("fit", pixels=LEDS)
    took = int(board.exec(SEND.replace("FRAMES", repr(frames))))
    return took, board.do("pixels")


def test_bytes_become_what_the_leds_show(start):
    one = bytes((17 * index + 3) & 255 for index in range(3 * LEDS))
    other = bytes.fromhex("00ff0180fe7f") * (LEDS // 2)
    took, seen = send(start(), one, other)
    assert [frame["grb"] for frame in seen["frames"]] == [one.hex(), other.hex()]
    assert "".join(seen["shown"]) == other.hex()
    assert seen["odd"] == []
    print("send: %d us of the main loop, %.1f us on the wire" % (took, seen["frames"][1]["took_ns"] / 1000))


def test_the_times_are_those_of_every_data_sheet(start):
    """Of the WS2812, of the WS2812B, of its version 5: which one is on a strip nobody can tell."""
    _, seen = send(start(), bytes(range(42)), b"\xff" * 42, bytes(42), b"\xaa\x55\x0f" * 14)
    print(seen["times"])
    assert seen["odd"] == []
    assert seen["outside"] == {"WS2812": [], "WS2812B": [], "WS2812B-V5": []}, seen["times"]
    assert seen["times"]["latch"][0] > 280_000


def test_a_wrong_clock_is_seen(start):
    """Or the test above would prove nothing."""
    board = start()
    board.exec("")
    board.do("fit", pixels=LEDS)
    halved = "pixels = Pixels(25)\nimport machine\nmachine.mem32[SM3_CLKDIV] //= 2\n".replace(
        "SM3_CLKDIV", hex(SM3_CLKDIV)
    )
    script = SEND.replace("pixels = Pixels(25)\n", halved)
    board.exec(script.replace("FRAMES", "(bytes(range(42)),)"))
    seen = board.do("pixels")
    assert all(len(names) > 1 for names in seen["outside"].values()), seen


def test_a_frame_that_is_not_whole_and_a_pause_in_it_are_seen(start):
    board = start()
    board.exec("")
    board.do("fit", pixels=2)
    board.exec(
        SEND.replace("FRAMES", "(b'\\xff\\x00\\x01\\x02',)")
        + "time.sleep_ms(1)\npixels.send(bytearray(3)); time.sleep_us(120); pixels.send(bytearray(3))\n"
        + "time.sleep_ms(1)\n"
    )
    seen = board.do("pixels")
    assert seen["shown"] == ["000000", "000000"] and [frame["bits"] for frame in seen["frames"]] == [32, 48]
    assert seen["odd"][0] == "32 bits" and seen["odd"][1].startswith("a pause of ")


# The real board but for its lamp, guard and interrupt and all. GP24 tells when another indication begins.
SHOW = """
import time
from machine import Pin
from board import BOARD
from evse.guard import Guard
from evse.ticker import Ticker
from hal.rp2.board import Board
data = dict(BOARD)
del data["watchdog_ms"]
data["indicator"] = {"kind": "ws2812", "pin": 25, "count": 14}
board = Board(data)
ring = board.indicator
guard = Guard(board.connectors[0], ventilation=True)
ticker = Ticker(board, [guard])
longest = 0
def painter(_, paint=ring._painter):
    global longest
    a = time.ticks_us()
    paint(None)
    longest = max(longest, time.ticks_diff(time.ticks_us(), a))
ring._painter = painter
mark = Pin(24, Pin.OUT, value=0)
ticker.start()
print("running")
for name, seconds in NAMES:
    mark.toggle()
    ring.show(1, name)
    for _ in range(100 * seconds):
        ticker.live()
        time.sleep_ms(10)
print("over", longest, guard.trips)
"""


def documented() -> dict[str, tuple[list[int], int, int]]:
    """Name: (red, green, blue), milliseconds of light and of dark, as docs/indicator.md has them."""
    row = re.compile(r"^\| `(\w+)` \| .* \| (\d+) \| (\d+) \| (\d+) \| (\d+) \| (\d+) \|$", re.M)
    table = {}
    for name, *numbers in row.findall(INDICATOR_PAGE.read_text()):
        red, green, blue, light_ms, dark_ms = map(int, numbers)
        table[name] = ([red, green, blue], light_ms, dark_ms)
    return table


@pytest.mark.timeout(300)
def test_the_colours_and_rhythms_of_the_page_beside_the_guard(start, tmp_path, capsys):
    names = [("available", 1), ("charging", 6), ("fault", 2)]
    table = documented()
    board = start(pace=1)
    board.exec("")
    board.do("fit", pixels=LEDS)
    path = tmp_path / "show.py"
    path.write_text(SHOW.replace("NAMES", repr(names)))
    board.do("log", keep=["gp24", "pixels"])
    board.mpremote("run", "--no-follow", str(path))
    wait_for(board, "running")
    board.do("pace", factor=None)
    board.run(9200)
    board.do("pace", factor=1)
    wait_for(board, "over ")
    said = board.do("console")["text"].rpartition("over ")[2].split()
    seen = board.do("pixels")
    assert seen["odd"] == [] and seen["outside"] == {"WS2812": [], "WS2812B": [], "WS2812B-V5": []}
    log = board.do("log")["log"]
    begins = [ns for ns, name, _ in log if name == "gp24" and ns > 0][-3:]
    for (name, seconds), begin in zip(names, begins, strict=True):
        end = begin + seconds * 1e9
        (red, green, blue), light_ms, dark_ms = table[name]
        lit = bytes((level * BRIGHTNESS + 254) // 255 for level in (green, red, blue)).hex() * LEDS
        dark = "000000" * LEDS
        told = [(ns, value) for ns, signal, value in log if signal == "pixels" and begin < ns <= end]
        # What was on its way when the indication changed is told once more at most.
        assert told[0][0] - begin < 60e6
        values = [value for _, value in told if value in (lit, dark)]
        assert len(values) >= len(told) - 1 and lit in values, (name, told[:3])
        if not dark_ms:
            assert told[-1][1] == lit
            continue
        changes = [one for before, one in itertools.pairwise(told) if one[1] != before[1]]
        spans = {lit: [], dark: []}
        for (since, value), (until, _) in itertools.pairwise(changes):
            spans[value].append((until - since) / 1e6)
        assert spans[lit] and spans[dark]
        shares = [sum(spans[value]) / len(spans[value]) for value in (lit, dark)]
        with capsys.disabled():
            print("\n%s: %.0f ms of light, %.0f of dark" % (name, *shares), end="")
        assert shares[0] / sum(shares) == pytest.approx(light_ms / (light_ms + dark_ms), abs=0.03)
        assert 0.9 < sum(shares) / (light_ms + dark_ms) < 1.5
    with capsys.disabled():
        print("\none frame of %d LEDs: the main loop is away for %s us at most" % (LEDS, said[0]), end="")
