# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The LTE link and its network: SIM card and PIN, registration, calls that do not come about or drop, and
links that are up but dead."""

import asyncio

import log
from host_tests.unit.event_loop import run
from host_tests.unit.link_rig import HOUR_MS, MINUTE_MS, Rig
from host_tests.unit.modem_rig import FakePpp
from net.lte import LteLink

# --- SIM card ---


def test_the_pin_is_entered():
    rig = Rig(True, {"pin": "1234"})
    rig.modem.sim = "SIM PIN"

    async def scenario(rig):
        await rig.until(rig.link.up, MINUTE_MS)
        assert rig.said("AT+CPIN=") == ["AT+CPIN=1234"]

    rig.live(scenario)


def test_a_wrong_pin_is_tried_once():
    rig = Rig(True, {"pin": "0000"})
    rig.modem.sim = "SIM PIN"

    async def scenario(rig):
        await rig.pass_ms(6 * HOUR_MS)
        assert rig.modem.pin_tries == 2

    rig.live(scenario)
    # Restarts do not use up the card either.
    card = rig.modem
    for _ in range(5):
        rig = Rig(True, {"pin": "0000"})
        rig.modem.sim, rig.modem.pin_tries = card.sim, card.pin_tries
        rig.live(scenario_of_a_boot)
        card = rig.modem
    assert card.sim == "SIM PIN" and card.pin_tries == 1


async def scenario_of_a_boot(rig):
    await rig.pass_ms(HOUR_MS)


def test_no_pin_is_set():
    rig = Rig(True)
    rig.modem.sim = "SIM PIN"

    async def scenario(rig):
        await rig.pass_ms(HOUR_MS)
        assert rig.said("AT+CPIN=") == []

    rig.live(scenario)


def test_a_missing_sim_card_may_come():
    for state in ("missing", "SIM PUK"):
        rig = Rig(True)
        rig.modem.sim = state

        async def scenario(rig):
            await rig.pass_ms(3 * HOUR_MS)
            assert not rig.link.up() and rig.link.trouble == "SIM card"
            rig.modem.sim = "READY"
            await rig.until(rig.link.up, 5 * MINUTE_MS)

        rig.live(scenario)


# --- registration and calls ---


def test_denied_registration_does_not_end_it():
    rig = Rig(True)
    rig.modem.denied = True

    async def scenario(rig):
        await rig.pass_ms(6 * HOUR_MS)
        assert not rig.link.up() and rig.link.trouble == "no network", rig.link.trouble
        assert 3 < len(rig.modem.supplied_ms) < 9, rig.modem.supplied_ms
        rig.modem.denied = False
        await rig.until(rig.link.up, 5 * MINUTE_MS)

    rig.live(scenario)


def test_a_radio_that_hangs_is_restarted():
    rig = Rig(True)
    rig.modem.hung_radio = True

    async def scenario(rig):
        await rig.until(rig.link.up, 5 * MINUTE_MS)
        assert rig.said("AT+CFUN") == ["AT+CFUN=0", "AT+CFUN=1"]
        assert rig.modem.supplied_ms == []

    rig.live(scenario)


def test_dialling_fails_for_a_while():
    for dial in ("NO CARRIER", "ERROR", "+CME ERROR: 30", "BUSY", None):
        rig = Rig(True)
        rig.modem.dial = dial

        async def scenario(rig):
            await rig.pass_ms(2 * HOUR_MS)
            assert not rig.link.up()
            assert 20 < len(rig.said("ATD")) < 400
            rig.modem.dial = "CONNECT"
            await rig.until(rig.link.up, 5 * MINUTE_MS)

        rig.live(scenario)


# --- PPP ---


def test_ppp_that_never_comes_up():
    rig = Rig(True)
    rig.modem.ppp = False

    async def scenario(rig):
        await rig.pass_ms(HOUR_MS)
        assert not rig.link.up()
        assert 10 < rig.ppp.starts < 80
        assert 1 <= len(rig.modem.supplied_ms) <= 4
        rig.modem.ppp = True
        await rig.until(rig.link.up, 5 * MINUTE_MS)

    rig.live(scenario)


def test_a_call_that_drops_each_minute_is_dialled_again_at_once():
    rig = Rig(True)

    async def scenario(rig):
        for _ in range(50):
            await rig.until(rig.link.up, MINUTE_MS)
            rig.link.heard()
            await rig.pass_ms(65000)
            rig.modem.data = False
            assert await rig.until(lambda: not rig.link.up(), 2000) <= 1000
            assert await rig.until(rig.link.up, MINUTE_MS) < 15000
        assert rig.modem.supplied_ms == []

    rig.live(scenario)


def test_a_zombie_keeps_the_uart_for_twelve_seconds():
    rig = Rig(True)

    async def scenario(rig):
        await rig.until(rig.link.up, MINUTE_MS)
        rig.ppp.zombie = True
        rig.modem.hung = "power"
        await rig.pass_ms(HOUR_MS)
        assert rig.link.up()  # as lwIP believes: nobody has missed anything
        began = rig.clock.ms
        while rig.link.up():
            rig.link.in_vain()
            await rig.pass_ms(30000)
        assert rig.clock.ms - began < 4 * MINUTE_MS
        rig.ppp.zombie = False
        await rig.until(rig.link.up, 4 * MINUTE_MS)
        assert len(rig.modem.supplied_ms) == 1

    rig.live(scenario)


# --- up, but dead ---


async def in_vain(rig, ms):
    """The session above: tries, each of which takes its time and comes to nothing."""
    end = rig.clock.ms + ms
    while rig.clock.ms < end and not rig.modem.reaches:
        if rig.link.up():
            rig.link.in_vain()
        await rig.pass_ms(40000)


def test_dead_links_are_dialled_again_then_more():
    rig = Rig(True)

    async def scenario(rig):
        await rig.until(rig.link.up, MINUTE_MS)
        rig.modem.reaches = False
        await in_vain(rig, 25000)
        assert rig.ppp.starts == 1  # not yet: a busy server
        await in_vain(rig, MINUTE_MS)
        assert rig.ppp.starts == 2 and rig.modem.supplied_ms == [] and not rig.said("AT+CFUN")
        await in_vain(rig, 4 * MINUTE_MS)
        assert rig.said("AT+CFUN")
        await in_vain(rig, 4 * MINUTE_MS)
        assert len(rig.modem.supplied_ms) == 1
        await in_vain(rig, 6 * HOUR_MS)
        assert 3 < len(rig.modem.supplied_ms) < 9
        rig.modem.reaches = True
        rig.link.heard()
        starts = rig.ppp.starts
        await rig.pass_ms(HOUR_MS)
        assert rig.link.up() and rig.ppp.starts <= starts + 1

    rig.live(scenario)


def test_one_word_from_the_far_end_and_all_is_forgotten():
    rig = Rig(True)

    async def scenario(rig):
        await rig.until(rig.link.up, MINUTE_MS)
        for _ in range(500):
            rig.link.in_vain()
            await rig.pass_ms(20000)
            rig.link.in_vain()
            await rig.pass_ms(5000)
            rig.link.heard()
            rig.link.in_vain()
            await rig.pass_ms(50000)
            rig.link.heard()
        assert rig.ppp.starts == 1

    rig.live(scenario)


def test_evidence_of_last_week_counts_for_nothing():
    rig = Rig(True)

    async def scenario(rig):
        await rig.until(rig.link.up, MINUTE_MS)
        for _ in range(12):
            rig.link.in_vain()
            await rig.pass_ms(3 * HOUR_MS)
        assert rig.ppp.starts == 1

    rig.live(scenario)


# --- another link is used (net.links) ---


async def away_and_back(rig, at_ms):
    """The link is left at that moment, for an hour, and is taken up again."""
    life = asyncio.create_task(rig.link.run())
    await rig.pass_ms(at_ms)
    life.cancel()
    for _ in range(5):
        await asyncio.sleep(0)
    assert life.done()
    await rig.link.release()
    assert not rig.link.up() and rig.ppp.idle()
    assert rig.modem._pressed_ms is None  # for an hour
    rig.clock.pass_ms(HOUR_MS)  # nobody asks it anything
    life = asyncio.create_task(rig.link.run())
    try:
        took_ms = await rig.until(rig.link.up, 2 * MINUTE_MS)
    finally:
        life.cancel()
    return took_ms


def lived(at_ms):
    rig = Rig()
    found = []

    async def both():
        rig.ppp = FakePpp(rig.modem)
        rig.link = LteLink(rig.modem, {}, None, rig.ppp)
        found.append(await away_and_back(rig, at_ms))

    level, log.level = log.level, log.ERROR + 1
    try:
        run(both())
    finally:
        log.level = level
    return found[0], rig


def test_the_link_lets_go_and_is_taken_up_again():
    took_ms, rig = lived(MINUTE_MS)
    assert took_ms < 8000 and rig.modem.alive
    # The modem stayed on: its key was pressed for the first start only.
    assert rig.modem.keyed == 1


def test_it_may_be_left_at_any_moment():
    for at_ms in (0, 700, 1400, 2800, 4200, 5600, 7000, 8400, 20000):
        lived(at_ms)
