# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The time from servers: packets good and bad, whom to believe, when to ask again."""

import asyncio

import log
from hal.ticks import ticks_add
from host_tests.unit.event_loop import run
from net import dns, sntp
from net.sntp import LEFT, Polls, Sntp, answer, request
from station.clock import Clock

NUMBER = b"\x01\x02\x03\x04\xfe\xdc\xba\x98"
NOW_MS = 1763769600250  # 2025-11-22T00:00:00.25Z
UNIX_S = 2208988800


def stamp(utc_ms):
    seconds, ms = divmod(utc_ms, 1000)
    fraction = ms * 65536 // 1000
    return ((seconds + UNIX_S) & 0xFFFFFFFF).to_bytes(4, "big") + fraction.to_bytes(2, "big") + b"\0\0"


def packet(utc_ms=NOW_MS, number=NUMBER, first=0x24, stratum=2, root=bytes(8), held_ms=0, more=b""):
    got = stamp(utc_ms - held_ms) if utc_ms is not None else bytes(8)
    sent = stamp(utc_ms) if utc_ms is not None else bytes(8)
    return bytes((first, stratum, 6, 0xE9)) + root + b"GPS\0" + stamp(NOW_MS) + number + got + sent + more


def test_a_request_tells_nothing_but_its_number():
    asked = request(NUMBER)
    assert len(asked) == 48 and asked[0] == 0x23 and asked[40:] == NUMBER and not any(asked[1:40])


def test_an_answer():
    assert answer(packet(), NUMBER) == (NOW_MS, 0)
    assert answer(packet(held_ms=120), NUMBER)[1] in (119, 120, 121)
    assert answer(packet(more=bytes(20)), NUMBER) == (NOW_MS, 0)  # with an authenticator
    assert answer(packet(first=0x1C), NUMBER) == (NOW_MS, 0)  # version 3
    assert answer(packet(first=0x64), NUMBER) == (NOW_MS, 0)  # a leap second is announced


def test_the_era_after_2036():
    for utc_ms in (
        946684800000,
        2085978495000,  # 2036-02-07T06:28:15Z: the last second of the first era
        2085978497000,
        2208988800000,  # 2040-01-01
        4102444799000,  # 2099-12-31
    ):
        assert answer(packet(utc_ms), NUMBER) == (utc_ms, 0), utc_ms
    # The second 0 of an era is how "not set" looks.
    assert answer(packet(2085978496000), NUMBER) is None


def test_what_is_no_answer():
    for wrong in (
        b"",
        packet()[:47],
        packet(number=NUMBER[:7] + b"\0"),  # to another request
        packet(number=bytes(8)),
        packet(first=0x23),  # a client
        packet(first=0x25),  # a broadcast
        packet(first=0x0C),  # version 1
        packet(first=0xE4),  # not synchronized
        packet(stratum=16),
        packet(root=b"\0\1\0\0" + bytes(4)),  # root delay of a second
        packet(root=bytes(4) + b"\0\1\0\0"),  # root dispersion
        packet(root=b"\xff\xff\xff\0" + bytes(4)),
        packet(None),
        packet(held_ms=-5),
        packet(held_ms=5000),
    ):
        assert answer(wrong, NUMBER) is None, wrong
    assert answer(packet(stratum=0), NUMBER) == LEFT


def test_damage_raises_nothing():
    good = packet()
    for at in range(48):
        for change in (1, 0x80, 0xFF):
            damaged = bytearray(good)
            damaged[at] ^= change
            answer(bytes(damaged), NUMBER)
        assert answer(good[:at], NUMBER) is None


def draw(most):
    return most // 2


def test_one_server_is_believed_two_have_to_agree():
    polls = Polls(("a",), draw)
    polls.begin()
    assert polls.heard("a", NOW_MS, 100) == (NOW_MS, 100)
    polls = Polls(("a", "b", "c"), draw)
    polls.begin()
    assert polls.heard("a", 4000000000000, 100) is None
    assert polls.heard("b", NOW_MS, 1100) is None
    assert polls.heard("c", NOW_MS + 3500, 4100) == (NOW_MS + 3500, 4100)
    polls.begin()  # what was said in another poll counts no more
    assert polls.heard("a", NOW_MS + 4000, 5000) is None


def test_a_server_that_wants_to_be_left_alone_is_and_one_alone_is_not_enough_then():
    polls = Polls(("a", "b"), draw)
    polls.leave("a")
    assert polls.servers == ["b"]
    polls.begin()
    assert polls.heard("b", NOW_MS, 0) is None


def test_when_to_ask_again():
    polls = Polls(("a",), draw)
    gaps = [polls.pause_ms(False) for _ in range(12)]
    assert gaps[:4] == [15000, 30000, 60000, 120000] and gaps[-1] == 3600000
    assert polls.pause_ms(True) == 86400000 and polls.pause_ms(False) == 15000
    # Never sooner than RFC 4330 allows by much, and a day is no number that wraps.
    assert Polls(("a",), lambda most: 0).pause_ms(False) >= 11250
    assert Polls(("a",), lambda most: most - 1).pause_ms(True) < 1 << 29


class World:
    """`socket`, the time and chance, for `net.sntp`."""

    AF_INET = 2
    SOCK_DGRAM = 2

    def __init__(self, replies, servers=("192.0.2.1",)):
        self.replies = replies  # server -> f(request) -> packets
        self.ms = 0
        self.waiting = []
        self.sent = []
        self.open = 0
        self.polls_ms = []
        self.taken = []
        self.told = False
        self.takes = True
        self.sntp = Sntp(servers, lambda: not self.told, self._take)
        self.sntp._polls._draw = draw

    def _take(self, utc_ms):
        self.taken.append((self.ms, utc_ms))
        return self.takes

    def up(self):
        return True

    def live(self, hours):
        kept = sntp.socket, sntp.ticks_ms, sntp.asyncio, dns.ipconfig
        real = asyncio
        world = self

        class Over(Exception):
            pass

        class Asyncio:
            @staticmethod
            async def sleep(seconds):
                world.ms += int(seconds * 1000 + 0.5)
                if world.ms > hours * 3600000:
                    await real.Event().wait()
                await real.sleep(0)

        async def both():
            task = real.create_task(self.sntp.run(self))
            while self.ms <= hours * 3600000:
                await real.sleep(0)
            assert not task.done()
            task.cancel()

        sntp.socket, sntp.asyncio = self, Asyncio
        sntp.ticks_ms = lambda: ticks_add(0x3FFFFFFF - 9000, self.ms)
        dns.ipconfig = None
        level, log.level = log.level, log.ERROR + 1
        try:
            run(both())
        finally:
            log.level = level
            sntp.socket, sntp.ticks_ms, sntp.asyncio, dns.ipconfig = kept
        assert self.open == 0
        return self

    def socket(self, family, kind):
        self.open += 1
        self.waiting = []
        return self

    def setblocking(self, flag):
        assert flag is False

    def getaddrinfo(self, host, port):
        return [(2, 2, 0, "", (host, port))]

    def sendto(self, data, where):
        self.sent.append((self.ms, where[0]))
        reply = self.replies.get(where[0])
        if reply is None:
            return
        for delay_ms, answered, sender in reply(self, data):
            self.waiting.append((self.ms + delay_ms, answered, (sender or where[0], 123)))

    def recvfrom(self, size):
        if not self.waiting or self.waiting[0][0] > self.ms:
            raise OSError(11)
        _, data, sender = self.waiting.pop(0)
        return data[:size], sender

    def close(self):
        self.open -= 1


def good(off_ms=0, delay_ms=200, sender=None):
    def reply(world, asked):
        utc_ms = NOW_MS + world.ms + delay_ms // 2 + off_ms
        return [(delay_ms, packet(utc_ms, asked[40:48]), sender)]

    return reply


def error_ms(world):
    return [utc_ms - NOW_MS - ms for ms, utc_ms in world.taken]


def test_the_time_is_taken_once_a_day():
    world = World({"192.0.2.1": good()}).live(73)
    assert len(world.taken) == 4 and all(abs(off) <= 15 for off in error_ms(world)), error_ms(world)


def test_nobody_answers():
    world = World({}).live(24)
    assert world.taken == [] and 24 <= len(world.sent) <= 40


def test_where_nobody_answers_the_name_is_asked_for_again():
    """Its server may have moved, within the hour for which the address is remembered."""
    dns._kept[:] = [["192.0.2.1", "192.0.2.1", 1], ["csms.example", "192.0.2.9", 1]]
    try:
        World({}).live(1)
        assert [row[2] for row in dns._kept] == [None, 1]
        dns._kept[0][2] = 1
        World({"192.0.2.1": good()}).live(1)
        assert [row[2] for row in dns._kept] == [1, 1]
    finally:
        dns._kept.clear()


def test_somebody_else_answers():
    world = World({"192.0.2.1": good(9999999, sender="192.0.2.66")}).live(1)
    assert world.taken == []

    def forged(world, asked):
        return [(5, packet(4000000000000, bytes(8)), None)] + good()(world, asked)

    world = World({"192.0.2.1": forged}).live(1)
    assert len(world.taken) == 1 and abs(error_ms(world)[0]) <= 15


def test_an_answer_that_took_too_long_is_none():
    assert World({"192.0.2.1": good(delay_ms=2500)}).live(1).taken == []


def test_one_of_three_lies_and_one_is_silent():
    servers = "192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4"
    replies = {"192.0.2.1": good(10**11), "192.0.2.3": good(300), "192.0.2.4": good(-300)}
    world = World(replies, servers).live(1)
    assert len(world.taken) == 1 and abs(error_ms(world)[0]) <= 320


def test_a_kiss_of_death_ends_it():
    def kiss(world, asked):
        return [(50, packet(number=asked[40:48], stratum=0), None)]

    world = World({"192.0.2.1": kiss}).live(48)
    assert len(world.sent) == 1 and world.taken == []


def test_the_csms_has_told():
    world = World({"192.0.2.1": good()})
    world.told = True
    assert world.live(48).sent == []


def test_a_time_that_is_not_believed_is_asked_for_again():
    world = World({"192.0.2.1": good()})
    world.takes = False
    assert len(world.live(2).taken) > 5


# --- what depends on it (station.clock) ---

DAY_MS = 86400000


def test_a_hint_dates_what_happens_until_the_csms_tells():
    clock = Clock(7, 1000, floor_utc_ms=NOW_MS - DAY_MS)
    clock.advance(61000)
    stamp_before = clock.stamp()
    assert clock.hint_utc_ms(NOW_MS) and clock.known and not clock.told
    assert clock.utc_ms == NOW_MS and clock.resolve(stamp_before) == NOW_MS
    # Stamps stay open: the CSMS's word counts, also for what was dated meanwhile.
    clock.advance(62000)
    stamp_after = clock.stamp()
    clock.set_utc_ms(NOW_MS - 4000)
    assert clock.told and clock.resolve(stamp_before) == NOW_MS - 5000
    assert clock.resolve(stamp_after) == NOW_MS - 4000
    assert not clock.hint_utc_ms(NOW_MS + DAY_MS) and clock.utc_ms == NOW_MS - 4000


def test_no_certificate_is_judged_by_a_hint_and_it_is_not_kept():
    clock = Clock(7, 0, floor_utc_ms=NOW_MS)
    assert clock.hint_utc_ms(4000000000000)  # a liar: 2096
    assert clock.at_least() == (NOW_MS, False) and clock.floor_utc_ms == NOW_MS
    clock.advance(5000)
    assert clock.floor_utc_ms == NOW_MS + 5000
    assert clock.hint_utc_ms(NOW_MS + 86400) and clock.floor_utc_ms == NOW_MS + 5000  # another day
    clock.set_utc_ms(NOW_MS + 10000)
    assert clock.at_least() == (NOW_MS + 10000, True) and clock.floor_utc_ms == NOW_MS + 10000


def test_hints_that_cannot_be():
    clock = Clock(7, 0, floor_utc_ms=NOW_MS)
    for utc_ms in (NOW_MS - 1000, 0, -5, 4102444800000):
        assert not clock.hint_utc_ms(utc_ms) and not clock.known, utc_ms


def test_a_hint_sets_a_battery_kept_clock_right():
    clock = Clock(7, 0, NOW_MS + DAY_MS, NOW_MS)
    assert clock.utc_ms == NOW_MS + DAY_MS
    assert not clock.hint_utc_ms(NOW_MS - DAY_MS)
    assert clock.hint_utc_ms(NOW_MS + DAY_MS + 7000) and clock.utc_ms == NOW_MS + DAY_MS + 7000
    # Certificates are still judged by the battery's.
    assert clock.at_least() == (NOW_MS + DAY_MS, True)
