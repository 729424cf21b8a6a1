# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""hal.esp32.ethernet and hal.rp2.ethernet on fake drivers: a cable that comes and goes, chips that hang."""

import asyncio

import pytest

import log
from host_tests.fakes.chip import Chip
from host_tests.fakes.pins import number_of
from host_tests.fakes.sleeping import Life

LAN = {
    "kind": "lan",
    "mdc": 23,
    "mdio": 18,
    "phy": "lan8720",
    "address": 1,
    "ref_clk": 0,
    "clock": "in",
    "power": {"pin": 16, "active": 1},
}
W5500 = {
    "kind": "w5500",
    "spi": 1,
    "sck": 14,
    "mosi": 13,
    "miso": 12,
    "cs": 15,
    "interrupt": 4,
    "reset": {"pin": 5, "active": 0},
}
PICO = dict(W5500, spi=0, sck=18, mosi=19, miso=16, cs=17, interrupt=21, reset={"pin": 20, "active": 0})
FIXED = ("10.1.2.3", "255.255.0.0", "10.1.0.1", "10.1.0.2")


class Cable(Life):
    def __init__(self, kind, fixed=None):
        chip, data = {"lan": ("esp32", LAN), "w5500": ("esp32", W5500), "pico": ("rp2", PICO)}[kind]
        fake = Chip(chip)
        self.wire = fake.wire
        with fake.installed():
            made = fake.load("hal.%s.ethernet" % chip)
            fake.load("hal.parts.ethernet").ticks_ms = lambda: fake.now_us // 1000
            super().__init__(fake, made.link_of(data, fixed))
            self.modules = fake.modules()
        log._ring[:] = [None] * len(log._ring)

    def live(self, seconds, *events):
        with self.chip.installed():  # `network` is imported when it is needed
            super().live(seconds, *events)

    def said(self):
        return [line.split(": ", 1)[1] for line in log.lines() if "ethernet: " in line]


@pytest.fixture(params=["lan", "w5500", "pico"])
def ethernet(request):
    return Cable(request.param)


def test_a_cable_that_comes_and_goes(ethernet):
    wire = ethernet.wire

    def put(cable):
        return lambda: setattr(wire, "cable", cable)

    ethernet.live(2000, (100, put(True)), (200, put(False)), (1900, put(True)))
    assert [up for _, up in ethernet.ups] == [True, False, True]
    assert [abs(second - at) <= 1 for (second, _), at in zip(ethernet.ups, (100, 200, 1900), strict=True)]
    # Nothing is wrong with a chip without a cable.
    assert wire.starts == 1 and len(wire.made) == 1
    assert ethernet.said()[:3] == ["no cable", "cable", "online as 192.168.1.20"]


def test_how_the_drivers_are_made():
    lan, w5500, pico = Cable("lan"), Cable("w5500"), Cable("pico")
    for link in (lan, w5500, pico):
        link.live(2)
    (made,) = lan.wire.made
    assert (made["phy_type"], made["phy_addr"], number_of(made["ref_clk"])) == (1, 1, 0)
    assert made["ref_clk_mode"] == lan.modules["machine"].Pin.IN and lan.chip.output(16) == 1
    (made,) = w5500.wire.made
    assert made["phy_type"] == 102 and (number_of(made["cs"]), number_of(made["int"])) == (15, 4)
    assert w5500.chip.output(5) == 1  # out of reset
    (made,) = pico.wire.made
    assert [number_of(pin) for pin in made[1:]] == [17, 20, 21]


def test_a_fixed_address():
    for kind in ("lan", "w5500", "pico"):
        ethernet = Cable(kind, FIXED)
        ethernet.wire.cable = True
        ethernet.wire.dhcp = False
        ethernet.live(5)
        assert ethernet.wire.fixed == FIXED and ethernet.link.up()
        assert "online as 10.1.2.3" in ethernet.said()


def test_a_chip_that_hangs_is_started_anew(ethernet):
    wire = ethernet.wire
    wire.cable = True
    ethernet.live(200, (20, lambda: setattr(wire, "stuck", True)))
    assert [up for _, up in ethernet.ups] == [True, False, True] and wire.starts == 2
    assert 80 <= ethernet.ups[2][0] <= 95


def test_a_network_without_dhcp_is_waited_for_with_patience(ethernet):
    wire = ethernet.wire
    wire.cable, wire.dhcp = True, False
    ethernet.live(7200, (7000, lambda: setattr(wire, "dhcp", True)))
    # 60, 120, 240, 480, 600, 600, ... s apart.
    assert 10 <= wire.starts <= 16 and ethernet.link.up()


def test_a_far_end_that_falls_silent(ethernet):
    ethernet.wire.cable = True
    ethernet.live(60, *[(second, ethernet.link.in_vain) for second in (10, 20, 30)])
    assert ethernet.wire.starts == 2 and [up for _, up in ethernet.ups] == [True, False, True]


def test_a_driver_that_fails_is_tried_again(ethernet):
    wire = ethernet.wire
    wire.cable = wire.failing = True
    ethernet.live(120, (60, lambda: setattr(wire, "failing", False)))
    assert ethernet.link.up() and 60 <= ethernet.ups[0][0] <= 72
    assert any("esp_eth_driver_install" in line for line in ethernet.said())


def test_it_lets_go_and_runs_again(ethernet):
    ethernet.wire.cable = True
    ethernet.live(5)
    asyncio.run(ethernet.link.release())
    assert not ethernet.link.up() and not ethernet.link._nic.active()
    ethernet.live(20)
    assert ethernet.link.up() and len(ethernet.wire.made) == 1


def test_a_driver_that_does_not_want_to_be_told_twice(ethernet):
    """Let go of, it is off; and so it is when it could not be started."""
    ethernet.wire.cable = ethernet.wire.strict = True
    ethernet.live(5)
    asyncio.run(ethernet.link.release())
    asyncio.run(ethernet.link.release())
    ethernet.live(20)
    assert ethernet.link.up()
    ethernet.wire.dead = True
    vain = [(second, ethernet.link.in_vain) for second in (21, 22, 23)]
    ethernet.live(120, *vain, (90, lambda: setattr(ethernet.wire, "dead", False)))
    assert ethernet.link.up() and ethernet.ups[-1][0] <= 102
    assert any("enable failed" in line for line in ethernet.said())
