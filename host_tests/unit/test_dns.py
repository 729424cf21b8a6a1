# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Names to addresses: questions, answers good and bad, servers that are slow, silent or not ours."""

import errno

from hal.ticks import ticks_add
from host_tests.unit.event_loop import run
from host_tests.unit.expect import raises
from net import dns
from net.dns import answer, is_address, question, resolve
from net.url import OwnFault

ASKED = question("csms.example", 0x1234)
OURS = b"\xc0\x0c"  # the name of the question


def record(kind, data, name=OURS):
    return name + bytes((0, kind, 0, 1, 0, 0, 0, 60, len(data) >> 8, len(data) & 255)) + data


def reply(*records, asked=ASKED, flags=b"\x81\x80"):
    return asked[:2] + flags + b"\0\1" + bytes((0, len(records))) + bytes(4) + asked[12:] + b"".join(records)


ADDRESS = record(1, bytes((192, 0, 2, 7)))


def test_a_question():
    assert ASKED == b"\x12\x34\1\0\0\1\0\0\0\0\0\0\4csms\7example\0\0\1\0\1"
    assert question("a.", 0) == question("a", 0)
    for name in ("", ".", "a..b", "x" * 64, ".".join(["x" * 60] * 5)):
        raises(ValueError, question, name, 1)


def test_answers():
    assert answer(reply(ADDRESS), ASKED) == "192.0.2.7"
    alias = record(5, b"\3www\xc0\x11")
    assert answer(reply(alias, record(1, bytes((10, 0, 0, 1)), b"\3www\7example\0")), ASKED) == "10.0.0.1"
    assert answer(reply(record(28, bytes(16)), ADDRESS), ASKED) == "192.0.2.7"
    assert answer(reply(ADDRESS).replace(b"csms", b"CsMs"), ASKED) == "192.0.2.7"


def test_there_is_none():
    assert answer(reply(), ASKED) == ""
    assert answer(reply(flags=b"\x81\x83"), ASKED) == ""
    assert answer(reply(record(28, bytes(16))), ASKED) == ""


def test_what_is_no_answer_to_it():
    other = question("other.example", 0x1234)
    for data in (
        b"",
        ASKED,
        reply(ADDRESS)[:20],
        b"\0\0" + reply(ADDRESS)[2:],
        reply(ADDRESS, asked=other),
        reply(ADDRESS, flags=b"\x83\x80"),
        reply(flags=b"\x81\x82"),
        reply(flags=b"\x81\x85"),
        reply(ADDRESS)[:-1],
        reply(ADDRESS)[:-5],
    ):
        assert answer(data, ASKED) is None, data


def test_damage_raises_nothing():
    good = reply(record(5, b"\3www\xc0\x11"), ADDRESS)
    for at in range(len(good)):
        for change in (1, 0x3F, 0xC0, 0xFF):
            damaged = bytearray(good)
            damaged[at] ^= change
            answer(bytes(damaged), ASKED)
        answer(good[:at], ASKED)


def test_addresses_are_not_asked_for():
    assert is_address("10.0.0.1") and is_address("::1") and is_address("127.0.0.1")
    assert not is_address("csms.example") and not is_address("1.2.3") and not is_address("a.b.c.d")


# --- asking ---


class FakeNetwork:
    """`socket` and the time, for `net.dns`."""

    AF_INET = 2
    SOCK_DGRAM = 2
    WHERE = ("10.0.0.53", 53)

    def __init__(self, reply_to, sender=WHERE):
        self.reply_to = reply_to
        self.sender = sender
        self.ms = 0
        self.sent_ms = []
        self.waiting = []
        self.closed = 0
        self._real = dns.socket, dns.ticks_ms, dns.asyncio

    def __enter__(self):
        dns.socket = dns.asyncio = self
        dns.ticks_ms = lambda: ticks_add(0x3FFFFFFF - 500, self.ms)  # it wraps meanwhile
        return self

    def __exit__(self, kind, error, traceback):
        dns.socket, dns.ticks_ms, dns.asyncio = self._real
        assert kind is not None or self.closed == 1

    async def sleep(self, seconds):
        self.ms += int(seconds * 1000 + 0.5)

    def socket(self, family, kind):
        return self

    def setblocking(self, flag):
        assert flag is False

    def getaddrinfo(self, host, port):
        return [(2, 2, 0, "", (host, port))]

    def sendto(self, data, where):
        assert where == self.WHERE
        self.sent_ms.append(self.ms)
        self.waiting += self.reply_to(data, len(self.sent_ms))

    def recvfrom(self, size):
        if not self.waiting:
            raise OSError(11)
        return self.waiting.pop(0)[:size], self.sender

    def close(self):
        self.closed += 1

    def resolve(self, timeout_ms=20000):
        return run(resolve("csms.example", "10.0.0.53", timeout_ms))


def good(asked, number):
    return [reply(ADDRESS, asked=asked)]


def test_asked_and_answered():
    with FakeNetwork(good) as network:
        assert network.resolve() == "192.0.2.7"
        assert network.ms < 50


def test_lost_questions_are_asked_again_less_and_less_often():
    with FakeNetwork(lambda asked, number: good(asked, number) if number == 4 else []) as network:
        assert network.resolve() == "192.0.2.7"
        assert [round(ms / 1000) for ms in network.sent_ms] == [0, 1, 3, 7]


def test_junk_before_the_answer():
    def replies(asked, number):
        return [b"", bytes(100), reply(ADDRESS, asked=b"\0\0" + asked[2:])] + good(asked, number)

    with FakeNetwork(replies) as network:
        assert network.resolve() == "192.0.2.7"


def test_nobody_answers():
    with FakeNetwork(lambda asked, number: []) as network:
        assert "no answer" in str(raises(OSError, network.resolve, 9000))
        assert 9000 <= network.ms < 9100


def test_somebody_else_answers():
    with FakeNetwork(good, ("10.0.0.66", 53)) as network:
        assert "no answer" in str(raises(OSError, network.resolve, 5000))


def test_what_is_no_name_is_not_asked_for():
    assert "no host name" in str(raises(OwnFault, run, resolve("a..b", "10.0.0.53", 1000)))


def test_an_unknown_name():
    with FakeNetwork(lambda asked, number: [reply(asked=asked, flags=b"\x81\x83")]) as network:
        error = raises(OSError, network.resolve)
        assert "unknown" in str(error) and network.ms < 50
        # A carrier may say so of every name: nothing has been heard of the far end.
        assert error.errno == errno.ENOENT


def test_a_server_with_trouble_is_asked_again():
    def replies(asked, number):
        return [reply(asked=asked, flags=b"\x81\x82")] if number < 3 else good(asked, number)

    with FakeNetwork(replies) as network:
        assert network.resolve() == "192.0.2.7"
        assert len(network.sent_ms) == 3
