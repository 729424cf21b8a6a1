# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The parts around the chip: contactor, lock, RCD, emergency stop, and the car with its current, as the
firmware's pins see them."""

import pytest


def edges(board, name: str) -> list[tuple[float, int]]:
    return [(ns, value) for ns, signal, value in board.do("log")["log"] if signal == name]


def pins(board, script: str) -> list[str]:
    head = "import time\nfrom machine import Pin\nup = lambda n: Pin(n, Pin.IN, Pin.PULL_UP)\n"
    return board.exec(head + script).split()


CLOSE = """
coil, feedback = Pin(10, Pin.OUT, value=0), up(11)
print(feedback())
coil(1); time.sleep_ms(25); print(feedback())
time.sleep_ms(10); print(feedback())
coil(0); time.sleep_ms(40); print(feedback())
"""


def test_the_mirror_contact_follows_after_30_ms(start):
    assert pins(start(), CLOSE) == ["0", "0", "1", "0"]


@pytest.mark.parametrize(
    ("fault", "seen"),
    [
        ("contactor_welded", ["1", "1", "1", "1"]),
        ("contactor_stuck_open", ["0", "0", "0", "0"]),
        ("contactor_feedback", ["1", "1", "1", "1"]),
    ],
)
def test_broken_contactors(start, fault, seen):
    board = start()
    board.do("fault", name=fault)
    assert pins(board, CLOSE) == seen
    board.do("clear", name=fault)
    assert pins(board, CLOSE) == ["0", "0", "1", "0"]


def test_contacts_to_ground_need_the_chips_pull_up(start):
    """Or a firmware that forgets it would pass here and fail on a board."""
    board = start()
    board.do("fault", name="contactor_feedback")  # a broken wire: nothing pulls it low
    assert pins(board, "print(Pin(11, Pin.IN, None)())") == ["0"]
    assert pins(board, "print(up(11)())") == ["1"]


LOCK = """
inwards, outwards, feedback = Pin(12, Pin.OUT, value=0), Pin(13, Pin.OUT, value=0), Pin(14, Pin.IN)
def pulse(pin, ms):
    pin(1); time.sleep_ms(ms); pin(0); print(feedback())
pulse(inwards, 200); pulse(inwards, 200); pulse(outwards, 50); pulse(inwards, 600); pulse(outwards, 600)
"""


def test_the_bolt_takes_its_time_and_stays(start):
    assert pins(start(), LOCK) == ["0", "1", "0", "1", "0"]


def test_a_motor_that_is_switched_to_and_fro(start):
    """Times that are no round numbers add up to a bolt that arrives."""
    script = """
inwards, outwards, feedback = Pin(12, Pin.OUT, value=0), Pin(13, Pin.OUT, value=0), Pin(14, Pin.IN)
for us in range(7001, 9001, 37):
    inwards(1); time.sleep_us(us); inwards(0); time.sleep_us(us // 3)
print(feedback())
for us in range(7001, 9001, 37):
    outwards(1); time.sleep_us(us); outwards(0)
print(feedback())
"""
    board = start()
    assert pins(board, script) == ["1", "0"]
    assert board.state()["lock"]["position"] == 0


def test_a_stuck_bolt(start):
    board = start()
    board.do("fault", name="lock_stuck")
    assert pins(board, LOCK) == ["0"] * 5


RCD = """
test, trip = Pin(21, Pin.OUT, value=0), up(15)
print(trip())
test(1); time.sleep_ms(20); print(trip())
time.sleep_ms(10); print(trip())
test(0); time.sleep_ms(50); print(trip())
time.sleep_ms(20); print(trip())
"""


def test_the_rcd_follows_its_test(start):
    assert pins(start(), RCD) == ["0", "0", "1", "1", "0"]


@pytest.mark.parametrize(
    ("fault", "seen"), [("rcd_silent", ["0"] * 5), ("rcd_trip", ["1"] * 5), ("rcd_wire", ["1"] * 5)]
)
def test_broken_rcds(start, fault, seen):
    board = start()
    board.do("fault", name=fault)
    assert pins(board, RCD) == seen


def test_the_emergency_stop(start):
    board = start()
    assert pins(board, "print(up(22)())") == ["0"]
    board.do("emergency")
    assert pins(board, "print(up(22)())") == ["1"]
    board.do("emergency", pressed=False)
    assert pins(board, "print(up(22)())") == ["0"]


OFFER = """
from machine import PWM
pilot = PWM(Pin(8), freq=1000, duty_u16=0)
def offer(percent, ms):
    pilot.duty_u16(percent * 65535 // 100); time.sleep_ms(ms)
"""


def test_a_car_takes_what_it_is_offered(start):
    """16.2 A at 27 %: S2 closes after its delay, current flows once the contactor has closed, S2 opens after
    the offer has ended, and the meter has counted."""
    board = start()
    board.do("plug")
    board.do("car", amps=32, delay_s=0.3, react_s=0.1)
    board.do("log", keep=["s2", "contactor"])
    script = """
offer(100, 100)
offer(27, 1000)
Pin(10, Pin.OUT, value=1); time.sleep(3)
print("now")
offer(100, 1000)
Pin(10, Pin.OUT, value=0); time.sleep_ms(100)
"""
    board.do("at", on="contactor", after_us=2_900_000, then={"do": "state"})
    pins(board, OFFER + script)
    log = board.do("log")["log"]
    names = [(name, value) for _, name, value in log]
    assert names == [("s2", 1), ("contactor", 1), ("s2", 0), ("contactor", 0)]
    state = next(event for event in iter(board.events.get, None) if event["event"] == "done")
    assert state["car"]["offer_ma"] == pytest.approx(16200, abs=20)
    assert state["meter"]["ma"] == state["car"]["current_ma"] == pytest.approx(16200, abs=20)
    assert state["pilot"]["duty_e4"] == pytest.approx(2700, abs=2)
    assert state["pilot"]["high_mv"] == pytest.approx(5996, abs=5)
    end = board.state()
    assert end["contactor"]["opened_under_load_ma"] == 0
    # 3.03 s of 16.2 A and 230 V, less the ramps: 0.8 s up at 20 mA per ms
    assert end["meter"]["wh"] == pytest.approx((3.03 - 0.41) * 16.2 * 230 / 3600, rel=0.03)


@pytest.mark.parametrize(
    ("percent", "milliamperes"), [(5, 0), (9, 6000), (50, 30000), (90, 65000), (99, 0), (100, 0)]
)
def test_what_a_car_reads_off_the_duty(start, percent, milliamperes):
    board = start()
    board.do("plug")
    board.do("car", ready=False)
    pins(board, OFFER + "offer(%d, 20)" % percent)
    assert board.state()["car"]["offer_ma"] == pytest.approx(milliamperes, abs=30)


def test_breaking_under_load_is_seen(start):
    board = start()
    board.do("plug")
    pins(
        board,
        OFFER + "offer(27, 1000); c = Pin(10, Pin.OUT, value=1); time.sleep(2); c(0); time.sleep_ms(50)",
    )
    assert board.state()["contactor"]["opened_under_load_ma"] == 16000


def test_a_relay_takes_the_car_off_the_line(start):
    board = start()
    board.do("plug")
    pins(board, OFFER + "offer(100, 10)")
    assert board.state()["pilot"]["high_mv"] == pytest.approx(8980, abs=5)
    pins(board, OFFER + "offer(100, 10); Pin(9, Pin.OUT, value=1)")
    assert board.state()["pilot"]["high_mv"] == 12000
    assert board.state()["car"]["offer_ma"] == 0


@pytest.mark.parametrize(
    ("fault", "plateaus"),
    [("pilot_short", (0, 0)), ("diode", (12000 * 2740 // 3740, -12000 * 2740 // 3740))],
)
def test_broken_pilots(start, fault, plateaus):
    board = start()
    board.do("plug")
    board.do("fault", name=fault)
    pilot = board.state()["pilot"]
    assert (pilot["high_mv"], pilot["low_mv"]) == pytest.approx(plateaus, abs=1)


def test_a_refused_request_says_why(start):
    board = start(pace=None)
    for request in ({"what": "fly"}, {"what": "fault", "name": "gremlins"}, {"what": "car", "wings": 2}):
        with pytest.raises(Exception, match=r"no such|no field"):
            board.do(**request)
