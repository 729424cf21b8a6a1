# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""hal.esp32.wifi and hal.rp2.wifi on a fake radio: they come up, never give up, say why, and tell
who waits."""

import asyncio

import pytest

import log
from host_tests.fakes.chip import Chip
from host_tests.fakes.sleeping import Life

HOME = [("home", "long secret")]


class Air(Life):
    def __init__(self, chip, networks=HOME):
        fake = Chip(chip)
        self.radio = fake.radio
        with fake.installed():
            made = fake.load("hal.%s.wifi" % chip)
            shared = fake.load("hal.parts.wifi")
            shared.ticks_ms = lambda: fake.now_us // 1000
            super().__init__(fake, made.link_of(networks))
        # Half of the pauses is chance: the middle of it, so that what is counted is counted.
        self.link._joining._draw = lambda most: most // 2
        log._ring[:] = [None] * len(log._ring)

    def said(self):
        return [line.split(": ", 1)[1] for line in log.lines() if "wifi: " in line]


@pytest.fixture(params=["esp32", "rp2"])
def air(request):
    return Air(request.param)


@pytest.fixture(params=["esp32", "rp2"])
def chip(request):
    return request.param


def test_it_comes_up_and_tells(air):
    air.radio.networks["home"] = "long secret"
    air.live(10)
    assert air.ups == [(0, True)] and air.link.signal_dbm() == -60 and air.radio.tries == 1
    assert air.said() == ["home: joined"]


def test_a_strength_that_the_driver_does_not_tell_is_none(air):
    """esp_exceptions has a RuntimeError for each code that it has no name for."""
    air.radio.networks["home"] = "long secret"
    air.live(10)

    class Unknown:
        def status(self, *param):
            raise RuntimeError("Wifi Unknown Error 0x300f")

    air.link._wlan = Unknown()
    assert air.link.up() and air.link.signal_dbm() is None


def test_power_saving_is_off_and_nobody_tries_beside_us():
    for name, settings in (("esp32", {"pm": 0, "reconnects": 0}), ("rp2", {"pm": 0xA11140})):
        air = Air(name)
        air.radio.networks["home"] = "long secret"
        air.live(5)
        assert air.radio.settings == settings


def test_an_open_network_has_no_password(chip):
    air = Air(chip, [("open", "")])
    air.radio.networks["open"] = ""
    air.live(10)
    assert air.link.up()


def test_it_never_gives_up(air):
    air.live(
        630,
        (500, lambda: air.radio.networks.update(home="long secret")),
        (575, air.radio.networks.clear),
        (585, lambda: air.radio.networks.update(home="long secret")),
    )
    assert [up for _, up in air.ups] == [True, False, True]
    assert air.ups[0][0] < 562 and air.ups[1][0] <= 576 and air.link.up()
    # 2, 4, 8, ... 60 s apart; the esp32 needs 20 s for each but the first to say the same again.
    assert (8 if air.radio.esp32 else 12) < air.radio.tries < 25


def test_why_is_told_once_and_without_the_password(air):
    air.radio.networks["home"] = "another secret"
    air.live(300, (200, air.radio.networks.clear))
    said = air.said()
    assert air.ups == [] and air.link.signal_dbm() is None
    assert [line for line in said if "home" in line] == ["home: wrong password", "home: no such network"]
    assert not any("secret" in line for line in log.lines())


def test_an_access_point_that_does_not_answer_or_gives_no_address(air):
    air.radio.networks["home"] = "long secret"
    air.radio.mute = True

    def hears():
        air.radio.mute, air.radio.no_dhcp = False, True

    air.live(200, (60, hears), (150, lambda: setattr(air.radio, "no_dhcp", False)))
    assert air.link.up() and air.ups[0][0] >= 150
    said = [line for line in air.said() if line.startswith("home: no")]
    # The ESP32's driver does not tell the one from the other.
    first = "home: no address within 20 s (DHCP)" if air.radio.esp32 else "home: no answer within 20 s"
    assert said[0] == first and said[-1] == "home: no address within 20 s (DHCP)"


def test_of_several_networks_the_first_that_is_there(chip):
    air = Air(chip, [("attic", "secret one"), ("home", "long secret"), ("guest", "")])
    air.radio.networks.update(home="long secret", guest="")
    # It stays where it is, although the attic is back, and moves on when that goes.
    back = 30, lambda: air.radio.networks.update(attic="secret one")
    air.live(100, back, (60, lambda: air.radio.networks.pop("home")))
    assert air.radio.asked_for == ["attic", "home", "home", "guest"] and air.link.up()
    assert air.ups[0][0] <= 2 and air.ups[2][0] <= 65


def test_what_became_of_the_last_try_says_nothing_of_this_one(chip):
    """A network that is away comes first, the other one takes its time."""
    air = Air(chip, [("attic", "secret one"), ("home", "long secret")])
    air.radio.networks["home"] = "long secret"
    air.radio.looks = 10
    air.live(60)
    assert air.radio.asked_for == ["attic", "home"] and air.link.up()
    assert [line for line in air.said() if "home" in line] == ["home: joined"]


def test_a_weak_network_is_used_when_no_better_one_is_left(chip):
    air = Air(chip, [("far", "secret one"), ("near", "long secret")])
    air.radio.networks.update(far="secret one", near="long secret")
    air.radio.strength["far"] = -85

    def break_off():
        networks = dict(air.radio.networks)
        air.radio.networks.clear()
        air.link._wlan.isconnected()
        air.radio.networks.update(networks)

    air.live(60, (30, break_off))
    assert air.radio.asked_for == ["far", "near"]


def test_an_association_that_only_looks_alive_is_made_anew(chip):
    air = Air(chip)
    air.radio.networks["home"] = "long secret"
    air.live(60, *[(second, air.link.in_vain) for second in (10, 20, 30)])
    assert air.radio.tries == 2 and [up for _, up in air.ups] == [True, False, True]
    other = Air(chip)
    other.radio.networks["home"] = "long secret"
    vain = [(second, other.link.in_vain) for second in (10, 20, 30)]
    other.live(60, *vain, (25, other.link.heard))
    assert other.radio.tries == 1


def test_a_radio_that_is_stuck_is_started_anew(air):
    air.radio.networks["home"] = "long secret"
    air.radio.asleep = True
    air.live(900)
    # Some minutes: 20 s for each try, and the pauses between them.
    assert air.link.up() and 180 < air.ups[0][0] < 420 and air.radio.starts == 2
    assert "the radio is started anew" in air.said()


def test_an_access_point_that_throws_us_out_at_once_is_not_hammered(air):
    air.radio.networks["home"] = "long secret"

    def out():
        air.radio.joined = air.radio.asked = None
        air.radio.verdict = "lost"

    air.live(300, *[(second / 2, out) for second in range(1, 600)])
    assert 5 < air.radio.tries < 60


@pytest.mark.parametrize("method", ["active", "config", "connect", "disconnect"])
def test_a_driver_that_fails_does_not_end_the_link(air, method):
    air.radio.networks["home"] = "long secret"
    air.radio.failing.add(method)
    # Until the far end falls silent there is no reason to disconnect.
    vain = [(second, air.link.in_vain) for second in (10, 20, 30)]
    air.live(120, *vain, (60, air.radio.failing.clear))
    assert air.link.up() and air.link.signal_dbm() == -60
    # It is tried again, and not so often that the log tells nothing else.
    assert 1 <= air.radio.failures <= 15


def test_no_signal_where_the_driver_has_none():
    air = Air("esp32")
    air.radio.networks["home"] = "long secret"
    seen = []

    def drop_and_ask():
        air.radio.networks.clear()  # the firmware has not looked yet
        seen.append((air.link.up(), air.link.signal_dbm()))

    air.live(20, (10, drop_and_ask))
    assert seen == [(True, None)]


def test_no_memory_to_tell_of_a_driver_that_fails(air, monkeypatch):
    air.radio.networks["home"] = "long secret"
    air.radio.failing.add("connect")

    def full(*rest):
        raise MemoryError

    monkeypatch.setattr(log, "emit", full)
    air.live(60, (30, lambda: (air.radio.failing.clear(), monkeypatch.undo())))
    assert air.link.up()


def test_it_can_be_cancelled_and_let_go_and_run_again(air):
    air.radio.networks["home"] = "long secret"

    async def cancelled():
        air.link._event = asyncio.Event()
        task = asyncio.create_task(air.link.run())
        await asyncio.sleep(0.01)
        assert air.link.up()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await air.link.release()

    asyncio.run(cancelled())
    # Off: the port would go on sending everything there.
    assert not air.link.up() and not air.radio.active and air.radio.joined is None
    air.live(10)
    assert air.link.up() and air.radio.starts == 2
