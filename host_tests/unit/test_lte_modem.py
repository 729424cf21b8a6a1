# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The LTE link on a modem that hangs, is missing, is slow or garbles its answers; and its supply, the
last resort."""

import asyncio

from host_tests.unit.link_rig import HOUR_MS, MINUTE_MS, Rig


def test_a_hung_modem_comes_back_by_its_supply():
    rig = Rig(True)

    async def scenario(rig):
        await rig.until(rig.link.up, MINUTE_MS)
        rig.modem.hung = "power"
        rig.modem.data = False
        await rig.until(lambda: not rig.link.up(), MINUTE_MS)
        await rig.until(rig.link.up, 3 * MINUTE_MS)
        assert len(rig.modem.supplied_ms) == 1

    rig.live(scenario)


def test_the_supply_is_the_last_resort_and_not_touched_too_often():
    rig = Rig()

    async def scenario(rig):
        hung = rig.modem
        while rig.clock.ms < 8 * HOUR_MS:
            hung.hung = "for good"
            await asyncio.sleep(0)
        times = hung.supplied_ms[1:]  # the first is the start
        gaps = [times[index + 1] - times[index] for index in range(len(times) - 1)]
        assert times[0] < 3 * MINUTE_MS
        assert gaps[0] >= 10 * MINUTE_MS and gaps[1] >= 20 * MINUTE_MS and min(gaps[3:]) >= HOUR_MS
        assert max(gaps) < HOUR_MS + 5 * MINUTE_MS
        assert hung.keyed > 20  # meanwhile nobody was idle
        hung.hung = None
        await rig.until(rig.link.up, 5 * MINUTE_MS)

    rig.live(scenario)


def test_after_weeks_online_the_supply_may_still_be_cut():
    rig = Rig()

    async def scenario(rig):
        rig.modem.hung = "power"
        await rig.until(rig.link.up, 5 * MINUTE_MS)
        assert len(rig.modem.supplied_ms) == 2
        for _ in range(20):  # days
            for _ in range(24):
                rig.clock.pass_ms(HOUR_MS - 1000)
                await rig.pass_ms(1000)
        assert rig.link.up()
        rig.modem.hung = "power"
        rig.modem.data = False
        await rig.until(lambda: not rig.link.up(), MINUTE_MS)
        await rig.until(rig.link.up, 5 * MINUTE_MS)
        assert len(rig.modem.supplied_ms) == 3

    rig.live(scenario)


def test_no_modem_at_all():
    rig = Rig()
    rig.modem.answer = lambda command: None

    async def scenario(rig):
        await rig.pass_ms(6 * HOUR_MS)
        assert not rig.link.up() and rig.link.signal_dbm() is None

    rig.live(scenario)


def test_late_answers_of_a_slow_modem():
    rig = Rig(True)
    rig.modem.late_ms = 450

    async def scenario(rig):
        await rig.until(rig.link.up, MINUTE_MS)

    rig.live(scenario)


def test_short_and_corrupt_answers():
    for csq in ("+CSQ: ", "+CSQ: x,y", "+CSQ: 99,99", "+CSQ: 199,7", "+C"):
        rig = Rig(True)
        rig.modem.csq = csq

        async def scenario(rig):
            await rig.until(rig.link.up, MINUTE_MS)
            assert rig.link.signal_dbm() is None

        rig.live(scenario)
    for registration in ("+CEREG: ", "+CEREG: 0", "+CEREG: ,", "OK", "+CME ERROR: x"):
        rig = Rig(True)
        answer = rig.modem.answer
        rig.modem.answer = lambda command: [registration, "OK"] if "REG?" in command else answer(command)  # noqa: B023

        async def waiting(rig):
            await rig.pass_ms(HOUR_MS)
            rig.modem.answer = answer  # noqa: B023
            await rig.until(rig.link.up, 10 * MINUTE_MS)

        rig.live(waiting)


def test_a_driver_that_raises():
    rig = Rig(True)

    async def scenario(rig):
        await rig.until(rig.link.up, MINUTE_MS)

        def broken(*rest):
            raise OSError("UART")

        sound, rig.modem.read, rig.modem.data = rig.modem.read, broken, False
        start, rig.ppp.start = rig.ppp.start, broken
        await rig.pass_ms(HOUR_MS)
        assert not rig.link.up()
        rig.modem.read = sound
        await rig.pass_ms(HOUR_MS)
        rig.ppp.start = start
        await rig.until(rig.link.up, 10 * MINUTE_MS)

    rig.live(scenario)
