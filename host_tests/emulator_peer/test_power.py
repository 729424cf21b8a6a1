# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Supply, PWRKEY, boot and shut-down."""

from hypothesis import given
from hypothesis import strategies as st

from emulator.modem.modem import a7670
from emulator.modem.power import Power, PowerTimes
from host_tests.emulator_peer.world import BOOTED, World, powered


def test_supply_key_boot():
    it = powered()
    it.say(b"AT\r")  # nobody hears it yet
    it.run(2)
    assert it.text == b"\x00\xff\xf0" and it.modem.power.state == "booting"
    it.run(3)
    assert it.text[3:] == BOOTED
    assert it.at("AT") == "AT\r\r\nOK\r\n"


def test_the_other_model_says_it_otherwise():
    it = powered(a7670())
    it.run(6)
    assert it.text[3:].startswith(b"\r\n*ATREADY: 1\r\n") and it.text.endswith(b"PB DONE\r\n")
    assert "A7670E" in it.at("AT+CGMM")


def test_a_press_without_supply_or_too_short_does_nothing():
    it = World(on=False)
    it.modem.pwrkey(True, it.now)
    it.run(1)
    assert it.modem.power.state == "unsupplied"
    it.modem.pwrkey(False, it.now)
    it.modem.supply(True, it.now)
    it.run(10)
    assert it.modem.power.state == "off" and it.text == b""
    it = powered(press_s=0.05)
    it.run(10)
    assert it.modem.power.state == "off"


def test_a_long_press_turns_it_off_and_one_press_does_one_thing():
    it = powered(press_s=60)
    assert it.modem.power.state == "on", "held all the time: no second effect"
    it.modem.pwrkey(True, it.now)
    it.run(2)
    assert it.modem.power.state == "on"
    it.run(1)
    assert it.modem.power.state == "stopping"
    it.run(2)
    assert it.modem.power.state == "off"


def test_power_off_by_command():
    it = World()
    it.dial()
    it.run(2)
    it.say(b"+++")
    it.run(2)
    assert it.at("AT+CPOF").endswith("OK\r\n")
    assert it.modem.power.state == "stopping" and it.modem.link is None
    it.run(2)
    before = it.text
    it.say(b"AT\r")
    it.run(5)
    assert it.modem.power.state == "off" and it.text == before


def test_the_supply_ends_everything_at_once():
    it = World(ports={7: "echo"})
    it.dial()
    it.connect(7)
    it.modem.supply(False, it.now)
    it.run(5)
    assert it.modem.link is None and it.modem.power.state == "unsupplied"
    assert len(it.modem.internet.connections) == 1, "the server has not heard of it"


ACTS = st.lists(
    st.tuples(st.sampled_from(["on", "off", "press", "release", "stop", "wait"]), st.floats(0, 5))
)


@given(ACTS)
def test_no_order_of_pins_wedges_the_power(acts):
    power, now = Power(PowerTimes()), 0.0
    for act, seconds in acts:
        {
            "on": lambda at: power.supply(True, at),
            "off": lambda at: power.supply(False, at),
            "press": lambda at: power.key(True, at),
            "release": lambda at: power.key(False, at),
            "stop": power.stop,
            "wait": power.step,
        }[act](now)
        now += seconds
        power.step(now)
        assert (at := power.deadline()) is None or at > now
    for act in (power.supply, power.supply):
        act(act is not power.supply, now)
    power.key(False, now)
    power.supply(False, now)
    power.supply(True, now)
    power.key(True, now)
    power.key(False, now + 0.5)
    power.step(now + 60)
    assert power.state == "on"
