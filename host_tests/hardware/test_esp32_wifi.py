# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""hal.esp32.wifi on a fake radio: it comes up, never gives up, and tells who waits for it."""

import asyncio

import pytest

import log
from host_tests.fakes.chip import Chip


class Over(BaseException):
    """The test has seen enough. Wi-Fi is not to catch it, as it is not to catch a cancellation."""


def live_with(sleep_ms, coroutine):
    """Run it with this in the place of MicroPython's `asyncio.sleep_ms`."""
    before = getattr(asyncio, "sleep_ms", None)  # what another test's module has put there
    asyncio.sleep_ms = sleep_ms
    try:
        asyncio.run(coroutine)
    finally:
        if before is None:
            del asyncio.sleep_ms
        else:
            asyncio.sleep_ms = before


class Air:
    """A Wifi that runs in a loop whose sleeps move the chip's clock."""

    def __init__(self, ssid="home", password="secret"):
        self.chip = Chip("esp32")
        self.radio = self.chip.radio
        with self.chip.installed():
            module = self.chip.load("hal.esp32.wifi")
            module.ticks_ms = lambda: self.chip.now_us // 1000
            self.wifi = module.Wifi(ssid, password)
        self.ups = []

    def live(self, seconds, *events):
        """`events`: (second, function)."""
        waiting = sorted(events, key=lambda event: event[0], reverse=True)
        real = asyncio.sleep

        async def sleep_ms(ms):
            self.chip.advance(ms * 1000)
            while waiting and waiting[-1][0] * 1000000 <= self.chip.now_us:
                waiting.pop()[1]()
            await real(0)
            if self.chip.now_us >= seconds * 1000000:
                raise Over

        async def watch():
            while True:
                await self.wifi.changed()
                self.ups.append((self.chip.now_us // 1000000, self.wifi.up()))

        async def both():
            watcher = asyncio.create_task(watch())
            await real(0)
            try:
                await self.wifi.run()
            except Over:
                watcher.cancel()

        self.wifi._event = asyncio.Event()
        live_with(sleep_ms, both())


def test_wifi_comes_up_and_tells():
    air = Air()
    air.radio.networks["home"] = "secret"
    air.live(10)
    assert air.ups == [(0, True)] and air.wifi.signal_dbm() == -60 and air.radio.tries == 1
    assert air.radio.settings == {"pm": 0}


def test_wifi_never_gives_up():
    air = Air()
    air.live(
        400,
        (300, lambda: air.radio.networks.update(home="secret")),
        (350, air.radio.networks.clear),
        (380, lambda: air.radio.networks.update(home="secret")),
    )
    assert [up for _, up in air.ups] == [True, False, True]
    assert air.ups[0][0] < 325 and air.ups[1][0] <= 351 and air.wifi.up()
    assert 10 < air.radio.tries < 25


def test_a_wrong_password_is_tried_again_and_again():
    air = Air(password="wrong")
    air.radio.networks["home"] = "secret"
    air.live(100)
    assert air.ups == [] and air.wifi.signal_dbm() is None and 4 <= air.radio.tries <= 6


def test_an_association_that_only_looks_alive_is_made_anew():
    air = Air()
    air.radio.networks["home"] = "secret"
    air.live(60, *[(second, air.wifi.in_vain) for second in (10, 20, 30)])
    assert air.radio.tries == 2 and [up for _, up in air.ups] == [True, False, True]
    other = Air()
    other.radio.networks["home"] = "secret"
    other.live(
        60,
        (10, other.wifi.in_vain),
        (20, other.wifi.in_vain),
        (25, other.wifi.heard),
        (30, other.wifi.in_vain),
    )
    assert other.radio.tries == 1


@pytest.mark.parametrize("method", ["active", "config", "connect", "disconnect"])
def test_a_driver_that_fails_does_not_end_the_link(method):
    air = Air()
    air.radio.networks["home"] = "secret"
    air.radio.failing.add(method)
    # Until the far end falls silent there is no reason to disconnect.
    vain = [(second, air.wifi.in_vain) for second in (10, 20, 30)]
    air.live(120, *vain, (60, air.radio.failing.clear))
    assert air.wifi.up() and air.wifi.signal_dbm() == -60
    # It is tried again, and not so often that the log tells nothing else.
    assert 1 <= air.radio.failures <= 15


def test_an_association_that_came_by_itself_is_no_end():
    air = Air()

    def joins():  # between our disconnect and our connect
        air.radio.networks["home"] = "secret"
        air.radio.joined = "home"

    air.live(60, (20.4, joins))
    assert air.wifi.up()


def test_wifi_can_be_cancelled():
    air = Air()
    air.radio.failing.add("connect")

    async def cancelled():
        task = asyncio.create_task(air.wifi.run())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    async def sleep_ms(ms):
        await asyncio.sleep(ms / 1000)

    live_with(sleep_ms, cancelled())


def test_no_signal_where_the_driver_has_none():
    air = Air()
    air.radio.networks["home"] = "secret"
    seen = []

    def drop_and_ask():
        air.radio.networks.clear()  # the firmware has not looked yet
        seen.append((air.wifi.up(), air.wifi.signal_dbm()))

    air.live(20, (10, drop_and_ask))
    assert seen == [(True, None)]


def test_no_memory_to_tell_of_a_driver_that_fails(monkeypatch):
    air = Air()
    air.radio.networks["home"] = "secret"
    air.radio.failing.add("connect")

    def full(*rest):
        raise MemoryError

    monkeypatch.setattr(log, "emit", full)
    air.live(60, (30, air.radio.failing.clear))
    assert air.wifi.up()
