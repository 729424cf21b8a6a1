# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Names to addresses: questions, answers good and bad, servers that are slow, silent or not ours."""

import errno

from hal.ticks import ticks_add
from host_tests.unit.event_loop import run
from host_tests.unit.expect import raises
from net import dns
from net.dns import Unknown, answer, is_address, lookup, question, resolve
from net.url import OwnFault

ASKED = question("csms.example", 0x1234)
OURS = b"\xc0\x0c"  # the name of the question


def record(kind, data, name=OURS, ttl=b"\0\0\0\x3c"):
    return name + bytes((0, kind, 0, 1)) + ttl + bytes((len(data) >> 8, len(data) & 255)) + data


def reply(*records, asked=ASKED, flags=b"\x81\x80"):
    return asked[:2] + flags + b"\0\1" + bytes((0, len(records))) + bytes(4) + asked[12:] + b"".join(records)


ADDRESS = record(1, bytes((192, 0, 2, 7)))


def test_a_question():
    assert ASKED == b"\x12\x34\1\0\0\1\0\0\0\0\0\0\4csms\7example\0\0\1\0\1"
    assert question("a.", 0) == question("a", 0)
    for name in ("", ".", "a..b", "x" * 64, ".".join(["x" * 60] * 5)):
        raises(ValueError, question, name, 1)


def test_answers():
    assert answer(reply(ADDRESS), ASKED) == ("192.0.2.7", 60)
    alias = record(5, b"\3www\xc0\x11")
    meant = record(1, bytes((10, 0, 0, 1)), b"\3www\7example\0")
    assert answer(reply(alias, meant), ASKED) == ("10.0.0.1", 60)
    assert answer(reply(record(28, bytes(16)), ADDRESS), ASKED) == ("192.0.2.7", 60)
    assert answer(reply(ADDRESS).replace(b"csms", b"CsMs"), ASKED) == ("192.0.2.7", 60)


def test_how_long_it_is_good():
    data = bytes((192, 0, 2, 7))
    # RFC 2181 section 8: the top bit set is none; and no number here gets larger than a small one.
    for ttl, seconds in ((b"\0\0\0\0", 0), (b"\0\0\x0e\x11", 3601), (b"\0\1\0\0", 3600)):
        assert answer(reply(record(1, data, ttl=ttl)), ASKED) == ("192.0.2.7", seconds)
    for ttl, seconds in ((b"\x7f\xff\xff\xff", 3600), (b"\x80\0\0\1", 0), (b"\xff" * 4, 0)):
        assert answer(reply(record(1, data, ttl=ttl)), ASKED) == ("192.0.2.7", seconds)


def test_names_that_point_to_themselves_and_each_other():
    # Pointers are passed over, never followed: there is nothing to go round in.
    for name in (b"\xc0\x0c", b"\xc0\x1d", b"\xc0\x00", b"\xff\xff", b"\3www\xc0\x1d"):
        assert answer(reply(record(1, bytes((192, 0, 2, 7)), name)), ASKED) == ("192.0.2.7", 60)
    assert answer(reply(record(1, bytes(4), b"\x3f" * 400)), ASKED) is None
    assert answer(reply()[:6] + b"\xff\xff" + reply()[8:], ASKED) is None


def test_there_is_none():
    assert answer(reply(), ASKED)[0] == ""
    assert answer(reply(flags=b"\x81\x83"), ASKED)[0] == ""
    assert answer(reply(record(28, bytes(16))), ASKED)[0] == ""


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

    def __init__(self, reply_to, sender=WHERE, server="10.0.0.53"):
        self.reply_to = reply_to
        self.sender = sender
        self.server = server
        self.asked = []  # servers, in order
        self.ms = 0
        self.sent_ms = []
        self.waiting = []
        self.closed = 0
        self._real = dns.socket, dns.ticks_ms, dns.asyncio, dns.ipconfig

    def __enter__(self):
        dns.socket = dns.asyncio = self
        dns.ipconfig = self.ipconfig
        dns._kept.clear()
        dns._silent_until = None
        dns.ticks_ms = lambda: ticks_add(0x3FFFFFFF - 500, self.ms)  # it wraps meanwhile
        return self

    def __exit__(self, kind, error, traceback):
        dns.socket, dns.ticks_ms, dns.asyncio, dns.ipconfig = self._real
        dns._kept.clear()
        dns.others = ()
        assert kind is not None or self.closed == self.opened

    async def sleep(self, seconds):
        self.ms += int(seconds * 1000 + 0.5)

    opened = 0

    def socket(self, family, kind):
        self.opened += 1
        return self

    def ipconfig(self, what):
        assert what == "dns"
        return self.server

    def setblocking(self, flag):
        assert flag is False

    def getaddrinfo(self, host, port):
        return [(2, 2, 0, "", (host, port))]

    def sendto(self, data, where):
        assert where[1] == 53
        self.asked.append(where[0])
        self.sent_ms.append(self.ms)
        self.waiting += self.reply_to(data, len(self.sent_ms))

    def recvfrom(self, size):
        if not self.waiting:
            raise OSError(11)
        return self.waiting.pop(0)[:size], self.sender

    def close(self):
        self.closed += 1

    def resolve(self, timeout_ms=20000):
        return run(resolve("csms.example", ("10.0.0.53",), timeout_ms))[0]


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
    assert "no host name" in str(raises(OwnFault, run, resolve("a..b", ("10.0.0.53",), 1000)))


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


def test_another_server_is_asked_in_turn():
    def replies(asked, number):
        return good(asked, number) if number == 4 else []

    with FakeNetwork(replies, ("10.0.0.54", 53)) as network:
        assert run(resolve("csms.example", ("10.0.0.53", "10.0.0.54"), 20000)) == ("192.0.2.7", 60)
        assert network.asked == ["10.0.0.53", "10.0.0.54"] * 2
        assert [round(ms / 1000) for ms in network.sent_ms] == [0, 1, 2, 4]


# --- remembered ---


class Resolver(FakeNetwork):
    """answers: what it says, None: nothing; ttl: seconds."""

    def __init__(self):
        super().__init__(self._reply)
        self.says = bytes((192, 0, 2, 7))
        self.flags = b"\x81\x80"
        self.ttl = b"\0\0\0\x3c"

    def _reply(self, asked, number):
        if self.says is None:
            return []
        return [reply(record(1, self.says, ttl=self.ttl), asked=asked, flags=self.flags)]

    def lookup(self, name="csms.example", timeout_ms=20000):
        """(address, milliseconds that it took)."""
        began = self.ms
        return run(lookup(name, timeout_ms)), self.ms - began


def test_an_answer_is_good_for_its_time():
    with Resolver() as network:
        assert network.lookup()[0] == "192.0.2.7"
        network.ms += 59000
        assert network.lookup() == ("192.0.2.7", 0) and len(network.asked) == 1
        network.says = bytes((192, 0, 2, 8))
        network.ms += 2000
        assert network.lookup()[0] == "192.0.2.8" and len(network.asked) == 2


def test_another_link_has_another_resolver():
    """That of the link before fell silent with it; this one may know better where the CSMS is."""
    with Resolver() as network:
        network.lookup()
        network.ms += 3600000
        network.says = None
        assert network.lookup() == ("192.0.2.7", 1800)
        network.says = bytes((10, 0, 0, 9))
        assert network.lookup() == ("192.0.2.7", 0)
        dns.doubt()
        assert network.lookup()[0] == "10.0.0.9"


def test_an_hour_at_most():
    with Resolver() as network:
        network.ttl = b"\x7f\0\0\0"
        network.lookup()
        network.ms += 3599000
        network.lookup()
        assert len(network.asked) == 1
        network.ms += 2000
        network.lookup()
        assert len(network.asked) == 2


def test_a_dead_resolver_does_not_stall_a_reconnect():
    with Resolver() as network:
        network.lookup()
        network.says = None
        network.ms += 5 * 86400000  # days without a reconnect, and then the link drops
        assert network.lookup() == ("192.0.2.7", 1800)
        # It drops again and again: nobody waits for the resolver but once in 30 s.
        waited = []
        for _ in range(10):
            network.ms += 6000
            waited.append(network.lookup()[1])
        assert waited == [0, 0, 0, 0, 1800, 0, 0, 0, 0, 1800], waited
        network.ms += 31000
        network.says = bytes((192, 0, 2, 9))
        assert network.lookup()[0] == "192.0.2.9"


def test_what_is_not_remembered_waits_as_long_as_it_may():
    with Resolver() as network:
        network.says = None
        assert "no answer" in str(raises(OSError, network.lookup, "csms.example", 9000))
        assert 9000 <= network.ms < 9100


def test_where_nobody_was_reached_is_asked_for_again():
    with Resolver() as network:
        network.ttl = b"\0\0\x0e\x10"
        network.lookup()
        network.says = bytes((192, 0, 2, 8))
        assert network.lookup()[0] == "192.0.2.7"
        dns.doubt("other.example")
        assert network.lookup()[0] == "192.0.2.7"
        dns.doubt("csms.example")
        assert network.lookup()[0] == "192.0.2.8"
        network.says = bytes((192, 0, 2, 9))
        dns.doubt()  # another link
        assert network.lookup()[0] == "192.0.2.9"


def test_a_name_that_is_gone_is_gone():
    with Resolver() as network:
        network.lookup()
        network.ms += 61000
        network.flags = b"\x81\x83"
        raises(Unknown, network.lookup)
        # A name that is made is there with the next try.
        network.flags = b"\x81\x80"
        assert network.lookup()[0] == "192.0.2.7"


def test_a_resolver_that_only_says_that_it_cannot_is_as_dead():
    with Resolver() as network:
        network.lookup()
        network.ms += 61000
        network.flags = b"\x81\x82"
        assert network.lookup() == ("192.0.2.7", 1800)


def test_four_names_are_remembered():
    with Resolver() as network:
        for name in ("a.x", "b.x", "c.x", "d.x", "e.x"):
            network.lookup(name)
        assert [row[0] for row in dns._kept] == ["b.x", "c.x", "d.x", "e.x"]
        for _ in range(3):
            network.lookup("e.x")
        assert len(dns._kept) == 4 and len(network.asked) == 5


def test_without_a_server_there_is_what_is_remembered():
    with Resolver() as network:
        network.server = "0.0.0.0"
        assert network.lookup() == ("csms.example", 0)
        dns.others = ("10.0.0.99",)
        raises(OSError, network.lookup)  # an answer from elsewhere
        assert set(network.asked) == {"10.0.0.99"}
        network.server = "10.0.0.53"
        network.lookup()
        dns.others = ()
        network.server = ""
        network.ms += 100000
        assert network.lookup() == ("192.0.2.7", 0)
        assert network.lookup("10.9.8.7") == ("10.9.8.7", 0)
