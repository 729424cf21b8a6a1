# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The LTE link on modems that talk when nobody asked, answer too late, refuse PINs, change their speed and
take keys amiss."""

import asyncio

import log
from host_tests.unit.link_rig import HOUR_MS, MINUTE_MS, Rig
from net import lte

# What SIMCom's modems say by themselves, at any time, and what comes of a call that has ended.
TALK = [
    "RDY",
    "*ATREADY: 1",
    "+CFUN: 1",
    "SMS DONE",
    "PB DONE",
    "+CREG: 2",
    "+CEREG: 2",
    "NO CARRIER",
    "+CGEV: NW DETACH",
    "+CPIN: NOT READY",
    "VOICE CALL: END",
    "x" * 1000,
]


def pins(rig):
    return rig.said("AT+CPIN=")


# --- answers ---


def test_a_modem_that_talks_in_the_middle_of_its_answers():
    rig = Rig(True, {"apn": "iot", "pin": "1234"}, fine=True)
    rig.modem.sim = "SIM PIN"
    rig.modem.says = TALK
    rig.modem.noise = b"\xf8\x00+C\xff\r\n"

    async def scenario(rig):
        await rig.until(rig.link.up, MINUTE_MS)
        assert len(pins(rig)) == 1 and rig.modem.keyed == 0 and rig.modem.supplied_ms == []
        assert rig.link.signal_dbm() == -71

    rig.live(scenario)


def test_every_answer_comes_just_too_late():
    # 5 s is the time of most commands: each answer comes while the next one is due.
    for late_ms in (4900, 5100, 5400, 7000):
        rig = Rig(True, {"apn": "iot", "pin": "1234"})
        rig.modem.sim = "SIM PIN"

        async def scenario(rig):
            await rig.pass_ms(100)
            rig.modem.late_ms = late_ms  # noqa: B023
            await rig.pass_ms(HOUR_MS)
            assert rig.modem.pin_tries == 3
            rig.modem.late_ms = 20
            await rig.until(rig.link.up, 10 * MINUTE_MS)

        rig.live(scenario)


# --- the PIN: three tries, and the card is of no use to anybody ---


def test_a_wrong_pin_whatever_the_modem_says_of_it():
    for said in (None, "ERROR", "OK", "+CME ERROR: 100", "+CME ERROR: incorrect password"):
        rig = Rig(True, {"pin": "0000"})
        rig.modem.sim = "SIM PIN"
        card = rig.modem._card

        def answer(command):
            lines = card(command)  # noqa: B023
            return lines if command == "AT+CPIN?" else [said] if said else None  # noqa: B023

        rig.modem._card = answer

        async def scenario(rig):
            await rig.pass_ms(6 * HOUR_MS)
            assert rig.modem.pin_tries == 2 and len(pins(rig)) == 1

        rig.live(scenario)


def test_the_right_pin_without_an_answer_is_entered_again():
    rig = Rig(True, {"pin": "1234"})
    rig.modem.sim = "SIM PIN"
    card = rig.modem._card
    heard = []

    def deaf_once(command):
        if command.startswith("AT+CPIN=") and not heard:
            heard.append(command)
            return None  # it restarts in this moment
        return card(command)

    rig.modem._card = deaf_once

    async def scenario(rig):
        await rig.until(rig.link.up, MINUTE_MS)
        assert len(pins(rig)) == 2 and rig.modem.pin_tries == 3

    rig.live(scenario)


def test_a_card_that_takes_its_time_after_the_pin():
    rig = Rig(True, {"pin": "1234"})
    rig.modem.sim = "SIM PIN"
    rig.modem.pin_ms = 6000

    async def scenario(rig):
        await rig.until(rig.link.up, MINUTE_MS)
        assert rig.modem.pin_tries == 3

    rig.live(scenario)


def test_tries_that_cannot_be_counted_are_not_made():
    rig = Rig(True, {"pin": "0000"})
    rig.modem.sim = "SIM PIN"
    rig.modem.counts_tries = None

    async def scenario(rig):
        await rig.pass_ms(HOUR_MS)
        assert pins(rig) == [] and rig.link.trouble == "SIM card"

    rig.live(scenario)


def test_tries_counted_by_the_standards_command():
    rig = Rig(True, {"pin": "1234"})
    rig.modem.sim = "SIM PIN"
    rig.modem.counts_tries = "AT+CPINR"

    async def scenario(rig):
        await rig.until(rig.link.up, MINUTE_MS)
        assert len(pins(rig)) == 1

    rig.live(scenario)
    rig = Rig(True, {"pin": "0000"})
    rig.modem.sim, rig.modem.pin_tries = "SIM PIN", 1
    rig.modem.counts_tries = "AT+CPINR"

    async def waiting(rig):
        await rig.pass_ms(HOUR_MS)
        assert pins(rig) == []

    rig.live(waiting)


# --- speed and keys ---


def test_a_modem_that_was_set_to_another_speed_for_good():
    for baud in (9600, 460800, 3000000):
        rig = Rig()
        rig.modem.boot_baud = baud

        async def scenario(rig):
            await rig.until(rig.link.up, 3 * MINUTE_MS)
            assert rig.modem.boot_baud == 115200  # from now on it is found at once

        rig.live(scenario)


def test_a_modem_that_forgets_its_speed_in_the_middle_of_a_session():
    rig = Rig(True)

    async def scenario(rig):
        await rig.until(rig.link.up, MINUTE_MS)
        for _ in range(10):
            rig.modem.say_now(b"\xf8\x80\x1eRDY\r\n")
            rig.modem._start()
            await rig.until(lambda: not rig.link.up(), MINUTE_MS)
            await rig.until(rig.link.up, 2 * MINUTE_MS)
            rig.link.heard()
        assert rig.modem.supplied_ms == []

    rig.live(scenario)


def test_a_key_that_turns_a_running_modem_off():
    for supply in (True, False):
        rig = Rig(True)
        rig.modem.toggles = True
        rig.modem.data = True  # it is in a call, and says nothing when it is asked
        rig.modem.escapes = False
        if not supply:
            rig.modem.supply = None

        async def scenario(rig):
            await rig.until(rig.link.up, 5 * MINUTE_MS)

        rig.live(scenario)


# --- the firmware's own trouble ---


def test_no_memory_in_the_middle_of_a_decision():
    rig = Rig(True)
    draw = lte.random.randrange
    calls = []

    def fails(most):
        calls.append(most)
        raise MemoryError

    async def scenario(rig):
        rig.modem.dial = "NO CARRIER"
        await rig.until(lambda: len(calls) > 2, HOUR_MS)
        lte.random.randrange = draw
        rig.modem.dial = "CONNECT"
        await rig.until(rig.link.up, 5 * MINUTE_MS)

    class Random:
        randrange = staticmethod(fails)

    module, lte.random = lte.random, Random
    try:
        rig.live(scenario)
    finally:
        lte.random = module


def no_memory(*rest):
    raise MemoryError


class NoStory:
    """In the place of a bearer's generator."""

    send = staticmethod(no_memory)


def test_no_memory_to_tell_of_no_memory():
    rig = Rig(True)

    async def scenario(rig):
        await rig.until(rig.link.up, MINUTE_MS)
        emit, log.emit = log.emit, no_memory
        level, log.level = log.level, log.INFO
        try:
            rig.link._bearer._life = NoStory()
            await rig.until(lambda: not rig.link.up(), MINUTE_MS)
            rig.modem.supply = no_memory
            await rig.pass_ms(MINUTE_MS)
        finally:
            log.emit = emit
            log.level = level
        del rig.modem.supply
        await rig.until(rig.link.up, MINUTE_MS)

    rig.live(scenario)


def test_who_waits_is_told_also_when_the_log_has_no_memory():
    rig = Rig(True)

    async def scenario(rig):
        emit, log.emit = log.emit, no_memory
        try:
            await rig.link.changed()
            assert rig.link.up()
        finally:
            log.emit = emit
        # What the bearer wanted next was done all the same: nobody takes the call for one that has ended.
        await rig.pass_ms(MINUTE_MS)
        assert rig.link.up() and len([line for line in rig.modem.said if line.startswith("ATD")]) == 1

    rig.live(scenario)


def test_after_no_memory_a_refused_pin_stays_refused():
    rig = Rig(True, {"pin": "0000"})
    rig.modem.sim = "SIM PIN"

    async def scenario(rig):
        await rig.pass_ms(HOUR_MS)
        for _ in range(3):
            rig.link._bearer._life = NoStory()
            await rig.pass_ms(HOUR_MS)
        assert len(pins(rig)) == 1 and rig.modem.pin_tries == 2

    rig.live(scenario)


def test_no_memory_every_ten_minutes_does_not_wear_the_supply():
    rig = Rig()
    rig.modem.key = lambda pressed: None  # it never starts

    async def scenario(rig):
        for _ in range(24):
            await rig.pass_ms(10 * MINUTE_MS)
            rig.link._bearer._life = NoStory()
        times = rig.modem.supplied_ms[1:]
        gaps = [times[index + 1] - times[index] for index in range(len(times) - 1)]
        assert len(times) < 8, times
        assert gaps[0] >= 10 * MINUTE_MS and gaps[1] >= 20 * MINUTE_MS and min(gaps[3:]) >= HOUR_MS, gaps

    rig.live(scenario)


def test_after_no_memory_in_a_call_it_is_hung_up_and_no_key_is_pressed():
    """The key would turn some modems off."""
    for escapes in (True, False):
        rig = Rig(True)
        rig.modem.toggles = True
        rig.modem.escapes = escapes

        async def scenario(rig):
            await rig.until(rig.link.up, MINUTE_MS)
            rig.link._bearer._life = NoStory()
            await rig.until(lambda: not rig.link.up(), MINUTE_MS)
            took_ms = await rig.until(rig.link.up, 5 * MINUTE_MS)
            assert rig.ppp.starts == 2
            if rig.modem.escapes:
                assert rig.modem.keyed == 0 and rig.modem.supplied_ms == [] and took_ms < 10000

        rig.live(scenario)


def test_after_no_memory_the_key_is_let_go():
    rig = Rig()

    async def scenario(rig):
        key, pressed = rig.modem.key, []
        rig.modem.key = lambda on: (pressed.append(on), key(on))
        await rig.until(lambda: pressed == [True], MINUTE_MS)
        rig.link._bearer._life = NoStory()
        await rig.until(lambda: len(pressed) > 1, MINUTE_MS)
        assert pressed == [True, False]
        await rig.until(rig.link.up, MINUTE_MS)

    rig.live(scenario)


def test_secrets_are_not_logged():
    lines = []
    rig = Rig(True, {"pin": "4711", "apn": "secret.apn", "user": "secretuser", "password": "secretword"})
    rig.modem.sim = "SIM PIN"
    rig.modem.pin = "4711"

    async def scenario(rig):
        rig.modem.dial = "ERROR"
        await asyncio.sleep(0)
        log.level = log.DEBUG
        await rig.pass_ms(3 * MINUTE_MS)
        rig.modem.dial = "CONNECT"
        await rig.until(rig.link.up, 5 * MINUTE_MS)

    emit, log.emit = log.emit, lambda *arguments: lines.append(repr(arguments))
    try:
        rig.live(scenario)
    finally:
        log.emit = emit
    said = "".join(lines)
    assert "AT+CPIN=" in said and "AT+CGDCONT=" in said, said
    for secret in ("4711", "secret"):
        assert secret not in said


# --- a link that comes and goes ---


async def flap(rig, ms, up_ms, useful):
    """For `ms` each call ends after `up_ms`. How long the link was up."""
    end = rig.clock.ms + ms
    up = began = 0
    while rig.clock.ms < end:
        if rig.link.up():
            if useful:
                rig.link.heard()
            if not began:
                began = rig.clock.ms
            elif rig.clock.ms - began >= up_ms:
                rig.modem.data = False
        elif began:
            up += rig.clock.ms - began
            began = 0
        await asyncio.sleep(0)
    return up


def test_an_hour_of_calls_that_end_after_twenty_seconds():
    rig = Rig(True)

    async def scenario(rig):
        up_ms = await flap(rig, HOUR_MS, 20000, True)
        # What it is good for is used: most of the hour something got through.
        assert up_ms > HOUR_MS * 2 // 3, up_ms
        assert len(rig.said("ATD")) < 180 and not rig.said("AT+CFUN") and rig.modem.supplied_ms == []
        assert await rig.until(rig.link.up, MINUTE_MS) < 15000

    rig.live(scenario)


def test_an_hour_of_calls_that_end_at_once():
    rig = Rig(True)

    async def scenario(rig):
        await flap(rig, HOUR_MS, 1000, False)
        # The radio, the supply, and longer and longer pauses: not every second.
        assert 15 < len(rig.said("ATD")) < 120, len(rig.said("ATD"))
        assert 1 <= len(rig.modem.supplied_ms) <= 4
        began = rig.clock.ms
        while not rig.link.up() or rig.modem.clock.ms - began < 5000:
            await asyncio.sleep(0)
        assert rig.clock.ms - began < 4 * MINUTE_MS
        await rig.pass_ms(HOUR_MS)
        assert rig.link.up()

    rig.live(scenario)
