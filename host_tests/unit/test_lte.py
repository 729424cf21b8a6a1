# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The LTE link on a modem that works, and on modems with all that can be wrong."""

import asyncio

import log
from host_tests.unit.event_loop import run
from host_tests.unit.expect import raises
from host_tests.unit.modem_rig import BOOT_MS, Clock, FakeModem, FakePpp
from net import at, lte
from net.bearer import Parts
from net.lte import LteLink

MINUTE_MS = 60000
HOUR_MS = 3600000


class Rig:
    """The link on a fake modem, in a time of its own."""

    def __init__(self, running=False, settings=None, ticks=0, fine=False):
        self.clock = Clock(ticks)
        self.modem = FakeModem(self.clock, running)
        self.settings = settings or {}
        at.ticks_ms = lte.ticks_ms = self.clock.now
        at.pause = lte.pause = self.clock.pause
        # Hours are lived through here: looking at things less often saves most of it.
        at._LOOK_MS = 10 if fine else 50
        lte._LOOK_MS = 50 if fine else 250

    def live(self, scenario):
        """Run the link beside `scenario(rig)`, a coroutine function."""

        async def both():
            self.ppp = FakePpp(self.modem)
            self.link = LteLink(self.modem, self.settings, None, self.ppp)
            life = asyncio.create_task(self.link.run())
            try:
                await scenario(self)
            finally:
                assert not life.done(), "the link has ended"
                life.cancel()

        level, log.level = log.level, log.ERROR + 1
        try:
            run(both())
        finally:
            log.level = level

    async def until(self, condition, limit_ms):
        """Emulated milliseconds until it holds."""
        began = self.clock.ms
        while not condition():
            assert self.clock.ms - began < limit_ms, "not within %d ms: %s, %s" % (
                limit_ms,
                self.link.phase,
                self.link.trouble,
            )
            await asyncio.sleep(0)
        return self.clock.ms - began

    async def pass_ms(self, ms):
        end = self.clock.ms + ms
        while self.clock.ms < end:
            await asyncio.sleep(0)

    def said(self, beginning):
        return [command for command in self.modem.said if command.startswith(beginning)]


# --- all is well ---


def test_from_power_on_to_online():
    rig = Rig(settings={"apn": "iot.example"}, fine=True)

    async def scenario(rig):
        assert not rig.link.up()
        took_ms = await rig.until(rig.link.up, 30000)
        assert took_ms < BOOT_MS + 3000 + 6000  # the modem's own start and registration, and our share
        assert rig.modem.supplied_ms == [0]
        assert rig.modem.keyed == 1
        assert rig.link.signal_dbm() == -71
        assert rig.said("AT+CGDCONT") == ['AT+CGDCONT=1,"IP","iot.example"']
        assert rig.modem.baud == rig.modem.host_baud == 921600
        await rig.pass_ms(HOUR_MS)
        assert rig.link.up() and rig.ppp.starts == 1

    rig.live(scenario)


def test_a_modem_that_runs_already_is_not_switched():
    rig = Rig(running=True, fine=True)

    async def scenario(rig):
        assert await rig.until(rig.link.up, 15000) < 5000
        assert rig.modem.keyed == 0 and rig.modem.supplied_ms == []

    rig.live(scenario)


def test_after_a_reset_of_ours_the_modem_is_in_the_middle_of_a_call():
    rig = Rig(running=True)
    rig.modem.data = True
    rig.modem.baud = 921600

    async def scenario(rig):
        await rig.until(rig.link.up, MINUTE_MS)
        assert rig.modem.supplied_ms == []

    rig.live(scenario)


def test_who_waits_for_a_change_is_told():
    rig = Rig(running=True)

    async def scenario(rig):
        await rig.link.changed()
        assert rig.link.up()
        rig.modem.data = False
        await rig.link.changed()
        assert not rig.link.up()

    rig.live(scenario)


def test_user_and_password_go_to_ppp():
    rig = Rig(True, {"user": "me", "password": "secret", "auth": "chap"})

    async def scenario(rig):
        await rig.until(rig.link.up, MINUTE_MS)
        assert rig.ppp.logins == [("me", "secret", True)]

    rig.live(scenario)


def test_a_modem_that_knows_one_speed():
    rig = Rig(True)
    rig.modem.knows_speed = False

    async def scenario(rig):
        await rig.until(rig.link.up, MINUTE_MS)
        assert rig.modem.host_baud == 115200

    rig.live(scenario)


def test_a_board_without_supply_switch_and_key():
    rig = Rig(True)
    rig.modem.supply = rig.modem.key = None

    async def scenario(rig):
        await rig.until(rig.link.up, MINUTE_MS)
        rig.modem.hung = "radio"
        rig.modem.data = False
        await rig.pass_ms(HOUR_MS)
        rig.modem.hung = None
        await rig.until(rig.link.up, 10 * MINUTE_MS)

    rig.live(scenario)


def test_a_board_with_nothing_but_the_key():
    rig = Rig(True)
    rig.modem.supply = None

    async def scenario(rig):
        await rig.until(rig.link.up, MINUTE_MS)
        rig.modem._answers_ms = None  # it has switched itself off: under-voltage
        rig.modem.data = False
        await rig.until(lambda: not rig.link.up(), MINUTE_MS)
        await rig.until(rig.link.up, 2 * MINUTE_MS)
        assert rig.modem.keyed >= 1

    rig.live(scenario)


def test_parts_of_a_board():
    parts = Parts(key_ms=100, speeds=(115200, 460800))
    assert (parts.key_ms, parts.speeds, parts.boot_ms) == (100, (115200, 460800), Parts.boot_ms)
    assert "keys_ms" in str(raises(ValueError, Parts, keys_ms=100))


# --- the modem ---


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


# --- SIM card and network ---


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
        await in_vain(rig, 100000)
        assert rig.ppp.starts == 1  # not yet: a busy server
        await in_vain(rig, 2 * MINUTE_MS)
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
            await rig.pass_ms(50000)
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


# --- the tick counter ---


def test_ticks_wrap_at_any_moment():
    for before_ms in (100, 5000, 12000, 16000, 30000):
        rig = Rig(ticks=0x3FFFFFFF - before_ms)

        async def scenario(rig):
            await rig.until(rig.link.up, 30000)
            await rig.pass_ms(MINUTE_MS)
            assert rig.link.up()

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
