# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""TLS: what mbedTLS is told and which time it gets, on a `tls` module that notes both. (Real handshakes are
in host_tests/integration/test_tls.py.)"""

import errno

import log
from host_tests.unit.event_loop import run
from host_tests.unit.expect import raises
from host_tests.unit.scratch import Scratch, write
from host_tests.unit.test_certificates import DER, FROM_S, UNTIL_S, UTC_TIME, UTC_TIME_UNTIL, pem
from net import tcp
from net import tls as under_test
from net.tls import Tls, TlsStream
from net.url import OwnFault

REQUIRED = 2
OPEN = 0
CLOSED = 1


class FakeSocket:
    def __init__(self):
        self.closed = 0

    def setblocking(self, flag):
        if self.closed:
            raise OSError(9)

    def close(self):
        self.closed += 1
        assert self.closed == 1, "closed twice"


class FakeSecured:
    """As the modtls of MicroPython 1.25: with a failed handshake it lets go of the socket below."""

    def __init__(self, context, sock):
        self.context = context
        self.sock = sock
        self.outcome = None

    def write(self, view):
        for der in self.context.shown:
            assert self.context.verify_callback(memoryview(der), 0) == 0
        if isinstance(self.context.outcome, Exception):
            self.sock = None
            raise self.context.outcome
        return len(view)

    def readinto(self, view):
        return None

    def close(self):
        if self.sock is not None:
            self.sock.close()


class FakeContext:
    outcome = None
    shown = ()
    made = []
    unfit = None
    unwrapped = None

    def __init__(self, protocol):
        assert protocol == "client"
        self.authorities = []
        self.hosts = []
        FakeContext.made.append(self)

    def get_ciphers(self):
        return ["TLS-RSA-WITH-3DES-EDE-CBC-SHA", "TLS-ECDHE-ECDSA-WITH-AES-128-GCM-SHA256"]

    def set_ciphers(self, names):
        assert names == ["TLS-ECDHE-ECDSA-WITH-AES-128-GCM-SHA256"]

    def load_verify_locations(self, der):
        if isinstance(self.unfit, list):  # of one try after the other
            if self.unfit:
                raise self.unfit.pop()
        elif self.unfit is not None:
            raise self.unfit
        self.authorities.append(der)

    def wrap_socket(self, sock, server_hostname, do_handshake_on_connect):
        assert self.verify_mode == REQUIRED
        assert not do_handshake_on_connect
        self.hosts.append(server_hostname)
        if isinstance(self.unwrapped, Exception):
            raise self.unwrapped
        return FakeSecured(self, sock)


class FakeModule:
    PROTOCOL_TLS_CLIENT = "client"
    CERT_REQUIRED = REQUIRED
    SSLContext = FakeContext


class FakeRtc:
    set_to = []

    def datetime(self, value):
        FakeRtc.set_to.append(value)


class Rig:
    """`with Rig() as rig:` everything below `net.tls` is as above; afterwards as it was."""

    def __init__(self, utc_ms=1_800_000_000_000, sure=True, certificate=DER):
        self._certificate = certificate
        self._scratch = Scratch()
        self._real = under_test.tls, under_test.RTC, tcp.connect
        under_test.tls = FakeModule
        under_test.RTC = FakeRtc
        FakeContext.outcome = None
        FakeContext.shown = ()
        FakeContext.made = []
        FakeContext.unfit = FakeContext.unwrapped = None
        FakeRtc.set_to = []
        self.now = utc_ms, sure
        self.sockets = []

    def __enter__(self):
        self.folder = self._scratch.__enter__()
        if self._certificate is not None:
            write(self.folder + "/ca.der", self._certificate)
        self.tls = Tls(self.folder, lambda: self.now)
        tcp.connect = self.connect
        return self

    def __exit__(self, kind, error, traceback):
        under_test.tls, under_test.RTC, tcp.connect = self._real
        self._scratch.__exit__(kind, error, traceback)

    async def connect(self, host, port, timeout_ms):
        sock = FakeSocket()
        self.sockets.append(sock)
        return tcp.TcpStream(sock)

    def open(self):
        return run(self.tls.connect("csms.example", 443, 1000))

    def shake(self):
        """A handshake: the error, or None. Nothing is left open."""
        level, log.level = log.level, log.ERROR + 1
        stream = self.open()
        try:
            stream.write_some(b"GET /")
            return None
        except (OSError, MemoryError) as error:
            return error
        finally:
            stream.close()
            stream.close()
            log.level = level
            assert [sock.closed for sock in self.sockets] == [1] * len(self.sockets)

    def clock_s(self):
        """The controller's clock, of the last handshake."""
        year, month, day, weekday, hour, minute, second, sub = FakeRtc.set_to[-1]
        assert sub == 0
        days = (_days(year, month, day)) - _days(1970, 1, 1)
        assert weekday == (days + 3) % 7
        return days * 86400 + hour * 3600 + minute * 60 + second


def _days(year, month, day):
    if month < 3:
        year -= 1
        month += 12
    return 365 * year + year // 4 - year // 100 + year // 400 + (153 * (month - 3) + 2) // 5 + day


def refused(text):
    return ValueError("\n" + text + "\n")


FUTURE = "The certificate validity starts in the future"


def test_the_server_is_always_verified_by_name():
    with Rig() as rig:
        stream = rig.open()
        assert isinstance(stream, TlsStream)
        [context] = FakeContext.made
        assert context.hosts == ["csms.example"]
        assert context.authorities == [DER]
        assert stream.write_some(b"GET /") == 5
        stream.close()
        assert rig.sockets[0].closed == 1


def test_without_a_good_authority_there_is_no_connection():
    for certificate in (None, b"", b"garbage", DER[:-1]):
        with Rig(certificate=certificate) as rig:
            error = raises(OwnFault, rig.open)
            assert "CA certificate" in str(error) and "ca.der" in str(error)
            assert rig.sockets == []


def test_an_authority_that_mbedtls_does_not_take():
    with Rig() as rig:
        FakeContext.unfit = ValueError("invalid cert")
        assert "CA certificate: invalid cert" in str(raises(OwnFault, rig.open))
        assert rig.sockets == []


def test_no_memory_for_the_authority_is_no_fault_of_the_file():
    with Rig() as rig:
        for unfit in (MemoryError(), OSError(-0x2880), OSError(12)):
            FakeContext.unfit = unfit
            raises(MemoryError, rig.open)
            assert rig.sockets == []


def test_an_authority_is_invalid_only_when_it_is_so_twice():
    """modtls says "invalid cert" of one for which it has found no memory."""
    with Rig() as rig:
        FakeContext.unfit = [ValueError("invalid cert")]
        rig.open().close()
        assert FakeContext.made[0].authorities == [DER]


def test_no_memory_to_begin():
    """mbedtls_ssl_setup takes 16 KB in one piece; modtls has ENOMEM for that."""
    with Rig() as rig:
        for unwrapped in (OSError(12), MemoryError()):
            FakeContext.unwrapped = unwrapped
            raises(MemoryError, rig.open)
        FakeContext.unwrapped = OSError(5)
        assert "TLS: " in str(raises(OSError, rig.open))


def test_a_file_in_pem():
    with Rig(certificate=None) as rig:
        write(rig.folder + "/ca.pem", b"our CA\n" + pem(DER) + pem(DER))
        rig.open().close()
        assert FakeContext.made[0].authorities == [DER, DER]


def test_a_build_without_tls():
    with Rig() as rig:
        under_test.tls = None
        assert "no TLS" in str(raises(OwnFault, rig.open))


def test_a_refused_certificate_is_an_error_in_one_line():
    with Rig() as rig:
        FakeContext.outcome = refused("The certificate has expired\nThe CN does not match")
        error = rig.shake()
        assert "csms.example: The certificate has expired, The CN does not match" in str(error)
        assert "time" not in str(error)


def test_errors_of_the_network_during_the_handshake():
    with Rig() as rig:
        for outcome, text in (
            (OSError(104), "104"),
            (OSError(110), "110"),
            (OSError(-0x7200, "SSL - An invalid SSL record was received"), "does not speak TLS"),
            (OSError(-0x7280), "hung up"),
            (OSError(-0x7780, "x"), "alert"),
            (OSError(-0x6E00, "SSL - The handshake failed"), "The handshake failed"),
            (OSError(-0x6E00), "-0x6e00"),
        ):
            FakeContext.outcome = outcome
            error = rig.shake()
            assert text in str(error), (text, str(error))
            assert not isinstance(error, OwnFault)
            # Whoever refuses is there: that is no evidence against the link (hal.contract.Link).
            assert (error.errno == errno.ECONNREFUSED) == (outcome.args[0] != 110), outcome


def test_no_memory_of_our_own_says_nothing_about_the_server_nor_about_the_network():
    with Rig() as rig:
        # As mbedTLS has it: one code, or that of the part that failed and that of what it is made of. modtls
        # has ENOMEM for the first, and numbers of the operating system for those below 256.
        for number in (12, 0x10, 0x6A, -0x7F00, -0x2880, -0x3F80, -0x4D80, -0x0010, -(0x4280 + 0x10)):
            FakeContext.outcome = OSError(number)
            assert isinstance(rig.shake(), MemoryError), number


# --- the time ---


def test_the_clock_gets_the_time():
    with Rig(1_800_000_000_999, True) as rig:
        rig.open().close()
        assert rig.clock_s() == 1_800_000_000
        rig.now = 951_868_799_000, True
        rig.open().close()
        assert rig.clock_s() == 951_868_799  # 2000-02-29T23:59:59Z


def test_the_earliest_time_that_it_can_be():
    with Rig(5000, False) as rig:
        rig.open().close()
        assert rig.clock_s() == 1735689600
        rig.now = 1_800_000_000_000, False
        rig.open().close()
        assert rig.clock_s() == 1_800_000_000


def test_while_the_time_is_not_known_a_certificate_may_have_just_begun():
    with Rig(5000, False) as rig:
        FakeContext.shown = [DER]
        FakeContext.outcome = refused(FUTURE)
        assert "time is not known" in str(rig.shake())
        FakeContext.outcome = None
        assert rig.shake() is None
        assert rig.clock_s() == FROM_S
        # Once: what an impostor shows must not move the time for others.
        assert rig.shake() is None
        assert rig.clock_s() == 1735689600


def test_an_impostor_from_the_future_costs_one_try():
    with Rig(5000, False) as rig:
        far = DER.replace(b"\x17\x0d260301123045Z", b"\x17\x0d490301123045Z")
        FakeContext.shown = [far]
        FakeContext.outcome = refused(FUTURE + "\nThe certificate is not correctly signed by the trusted CA")
        assert rig.shake() is not None
        assert rig.shake() is not None
        assert rig.clock_s() > 2_400_000_000
        assert rig.shake() is not None
        assert rig.clock_s() == 1735689600


def test_the_time_being_known_a_certificate_of_tomorrow_is_refused():
    with Rig((FROM_S - 86400) * 1000, True) as rig:
        FakeContext.shown = [DER]
        FakeContext.outcome = refused(FUTURE)
        for _ in range(3):
            assert "future" in str(rig.shake())
            assert rig.clock_s() == FROM_S - 86400


def certified(rig, *shown):
    """What the connection is certified for, when the server's chain is `shown`."""
    stream = rig.open()
    FakeContext.shown = shown
    assert stream.certified is None
    stream.write_some(b"GET /")
    stream.close()
    return stream.certified


def test_the_span_in_which_the_whole_chain_is_valid():
    later = DER.replace(UTC_TIME, b"\x17\x0d260401123045Z")
    sooner = DER.replace(UTC_TIME_UNTIL, b"\x17\x0d300701000000Z")
    with Rig() as rig:
        assert certified(rig, DER) == (FROM_S, UNTIL_S, True)
        begin_s, end_s = FROM_S + 31 * 86400, 1909094400
        for chain in ((later, sooner, DER), (DER, sooner, later), (sooner, DER, later)):
            assert certified(rig, *chain) == (begin_s, end_s, True)
        rig.now = 5000, False
        assert certified(rig, later, sooner) == (begin_s, end_s, False)


def test_whether_the_time_was_known_is_that_of_the_handshake():
    with Rig(5000, False) as rig:
        FakeContext.shown = (DER,)
        stream = rig.open()
        rig.now = 1_800_000_000_000, True
        rig.open().close()
        stream.write_some(b"GET /")
        stream.close()
        assert stream.certified == (FROM_S, UNTIL_S, False)


def test_a_certificate_that_cannot_be_read_narrows_nothing():
    with Rig() as rig:
        assert certified(rig, DER, b"junk") == (FROM_S, UNTIL_S, True)
        assert certified(rig, b"junk") is None


def test_what_is_no_certificate_does_not_break_the_handshake():
    with Rig(5000, False) as rig:
        FakeContext.shown = [b"", b"\x30\x82", bytes(100)]
        FakeContext.outcome = refused("no")
        assert rig.shake() is not None
        assert rig.tls._assumed_s == 0


def test_ballast_is_held_between_connections():
    with Rig() as rig:
        under_test._HEAP_IS_OURS = True
        try:
            secure = Tls(rig.folder, lambda: rig.now)
            assert secure._ballast is not None
            stream = run(secure.connect("h", 1, 1))
            assert secure._ballast is None
            stream.close()
            assert secure._ballast is not None
        finally:
            under_test._HEAP_IS_OURS = False
