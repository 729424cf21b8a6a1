# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""TLS for the connections that the station opens: the server's certificate is verified, or there is no
connection (docs/tls.md).

    secure = Tls(folder, time_known)
    stream = await secure.connect(host, port, timeout_ms)       # as net.tcp.connect

Not MicroPython's `ssl`, a wrapper that sets verify_mode to CERT_NONE, but the `tls` below it.

The handshake happens in the first writes, which take the data when it is over. Each step of it is one
uninterrupted C call; with all of the server's messages there at once they follow each other without a pause
(about a second on an RP2040): the contactor guard does not depend on the event loop, everything else waits.
MicroPython's TLS sockets send no close_notify: close is abort. Behind a WebSocket's closing handshake nobody
can miss it.
"""

import errno
import gc
import os
import sys

import log
from hal import calendar
from net import certificates, tcp
from net.url import OwnFault

try:
    import tls
except ImportError:  # a build without it, or CPython
    tls = None
try:
    from machine import RTC
except ImportError:  # on a host mbedTLS looks at the host's clock
    RTC = None

# First that which is found; the certificate store of the security extension will own them.
CA_FILES = ("ca.der", "ca.pem")

# The four that OCPP's security whitepaper asks for (section 4.3, TLS with AES-GCM), and ECDHE with RSA
# certificates, which most servers have. Those of TLS 1.3 are for ports whose mbedTLS offers it, as the unix
# port's does: without them a server that chooses 1.3 finds none. The boards speak 1.2.
_CIPHERS = (
    "TLS1-3-AES-128-GCM-SHA256",
    "TLS1-3-AES-256-GCM-SHA384",
    "TLS-ECDHE-ECDSA-WITH-AES-128-GCM-SHA256",
    "TLS-ECDHE-ECDSA-WITH-AES-256-GCM-SHA384",
    "TLS-ECDHE-RSA-WITH-AES-128-GCM-SHA256",
    "TLS-ECDHE-RSA-WITH-AES-256-GCM-SHA384",
    "TLS-RSA-WITH-AES-128-GCM-SHA256",
    "TLS-RSA-WITH-AES-256-GCM-SHA384",
)

# It is later than that. (Seconds since 1970: no board had this firmware then.)
_WRITTEN_S = 1735689600  # 2025-01-01
# mbedTLS on the rp2 port takes its buffers from the heap, that for a record of 16 KB in one piece (16,717
# bytes and its list node), which a heap may not have any more after a month. So a piece of that size is kept
# between connections. All else is in pieces of 4.5 KB at most (docs/tls.md).
_BALLAST_BYTES = 16736
_HEAP_IS_OURS = sys.platform == "rp2"


class Tls:
    """`folder`: where the CA's certificates are, without a slash at its end. `now()`: (utc_ms, sure): the
    time, or, not `sure`, the earliest that it can be.
    """

    def __init__(self, folder: str, now):
        self._folder = folder
        self._now = now
        self._assumed_s = 0  # for the next handshake only
        self._ballast = None
        self._hold_ballast()

    async def connect(self, host: str, port: int, timeout_ms: int):
        """A stream that writes and reads through TLS; its first write will shake hands. Raises OSError,
        OwnFault where nothing was tried, MemoryError without memory: that is not the network's fault, and may
        need a restart.
        """
        context = self._context()
        stream = await tcp.connect(host, port, timeout_ms)
        try:
            return self._wrapped(context, stream.detach(), host)
        finally:
            stream.close()

    def _wrapped(self, context, sock, host):
        handshake = _Handshake(self, host)
        try:
            context.verify_callback = handshake.look
            self._ballast = None
            gc.collect()
            # Everything is verified by what is set here; there is no other place that opens TLS.
            context.verify_mode = tls.CERT_REQUIRED  # pyright: ignore[reportOptionalMemberAccess]
            secured = context.wrap_socket(sock, server_hostname=host, do_handshake_on_connect=False)
        except (MemoryError, ValueError, OSError) as error:
            sock.close()
            self._hold_ballast()
            if _out_of_memory(error):
                raise MemoryError("TLS")
            raise OSError("TLS: %s" % error)
        except BaseException:
            sock.close()
            raise
        return TlsStream(secured, sock, handshake)

    def _context(self):
        """A new one each time: files may have changed, and between connections it would only lie about.

        (Security profile 3 will load the charge point's own certificate here.)
        """
        if tls is None:
            raise OwnFault("this build has no TLS")
        authorities = self._authorities()
        try:
            context = tls.SSLContext(tls.PROTOCOL_TLS_CLIENT)
            context.set_ciphers([name for name in context.get_ciphers() if name in _CIPHERS])
            for der in authorities:
                _load(context, der)
        except (ValueError, OSError) as error:
            if _out_of_memory(error):
                raise MemoryError("TLS")
            raise OwnFault("CA certificate: %s" % error)
        self._set_clock()
        return context

    def _authorities(self):
        for name in CA_FILES:
            path = self._folder + "/" + name
            try:
                # No more than is there: MicroPython makes room for all that is asked for, in one piece.
                size = min(os.stat(path)[6], certificates.LONGEST) + 1
                with open(path, "rb") as file:
                    data = file.read(size)
            except OSError:
                continue
            try:
                return certificates.split(data)
            except ValueError as error:
                raise OwnFault("CA certificate, %s: %s" % (name, error))
        raise OwnFault("no CA certificate: %s is missing" % " or ".join(CA_FILES))

    # --- the time of day, without which no certificate is valid ---

    def _set_clock(self):
        """The controller's clock, which mbedTLS looks at, starts anywhere; it gets the best time we have."""
        now_ms, sure = self._now()
        self.sure = sure
        self.moment_s = now_ms // 1000
        if not sure:
            self.moment_s = max(self.moment_s, _WRITTEN_S, self._assumed_s)
        self._assumed_s = 0
        if RTC is None:
            return
        # Not time.gmtime: it ends in 2038 where integers have 32 bits, and starts in 2000 on the esp32.
        year, month, day, weekday, hour, minute, second = calendar.date(self.moment_s)
        RTC().datetime(  # pyright: ignore[reportAttributeAccessIssue] (the unix port's has none)
            (year, month, day, weekday, hour, minute, second, 0)
        )

    def failed(self, latest_s):
        """A handshake was refused, with a certificate in it that begins at `latest_s`.

        While the time is not known, that it lies before a certificate's begin says nothing: it may well be
        later, and without a connection nobody will ever tell. So the next handshake, and only that one, is
        tried with the begin for the time. All else is verified as always; what has expired before the last
        time that we know of stays expired.
        """
        if not self.sure and latest_s > self.moment_s:
            self._assumed_s = latest_s
            log.warning("tls", "the time is not known: it is tried as if a certificate had just begun")

    # --- memory ---

    def ended(self):
        self._hold_ballast()

    def _hold_ballast(self):
        if _HEAP_IS_OURS and self._ballast is None:
            try:
                self._ballast = bytearray(_BALLAST_BYTES)
            except MemoryError:
                log.warning("tls", "no %d bytes in one piece left", _BALLAST_BYTES)


class _Handshake:
    """What one handshake shows on its way."""

    def __init__(self, owner, host):
        self.owner = owner
        self.host = host
        self.over = False
        self._known = owner.sure  # the time by which the chain is verified
        self._latest_s = 0
        self._until_s = None

    def look(self, der, depth):
        """Called from mbedTLS with each certificate of the chain, whatever it thinks of it: must not raise,
        and must not keep `der`. 0: no objection of ours.

        The chain is the one that mbedTLS has found: the server's own certificate (depth 0), those between
        that are needed, and the authority's out of our file; nothing else of what was sent or is in the file.
        """
        try:
            self._latest_s = max(self._latest_s, certificates.valid_from(der))
            until_s = certificates.valid_until(der)
            self._until_s = until_s if self._until_s is None else min(self._until_s, until_s)
        except Exception:
            pass  # mbedTLS has its own opinion of it
        return 0

    def certified(self):
        if self._until_s is None or not self.over:
            return None
        return self._latest_s, self._until_s, self._known

    def refused(self, error):
        """The OSError to raise for what mbedTLS raised."""
        self.owner.failed(self._latest_s)
        text = ", ".join([line for line in str(error).split("\n") if line])
        known = "" if self.owner.sure else " (the time is not known)"
        return tcp.Refused("certificate of %s: %s%s" % (self.host, text, known))


class TlsStream(tcp.TcpStream):
    """certified   (from_s, until_s, known): from when to when, seconds since 1970, both included, all of the
    certificates are valid with which the other end was verified, and whether the time was known then or only
    assumed; None before the handshake is over
    """

    def __init__(self, secured, sock, handshake):
        super().__init__(secured)
        self._below = sock
        self._handshake = handshake

    @property
    def certified(self):
        return self._handshake.certified()

    def _take(self, view):
        try:
            return self._sock.readinto(view)
        except ValueError as error:
            raise self._handshake.refused(error)

    def _give(self, view):
        try:
            count = self._sock.write(view)
        except ValueError as error:
            raise self._handshake.refused(error)
        except OSError as error:
            if self._handshake.over:
                raise
            number = error.args[0] if error.args else 0
            if _out_of_memory(error):  # ours: it says nothing about the server, nor about the network
                raise MemoryError("TLS handshake")
            text = "TLS handshake: %s" % _why(number, error)
            # What mbedTLS does not like has come from the server.
            if number == errno.ECONNRESET or number < 0:
                raise tcp.Refused(text)
            raise OSError(number, text)
        if count:
            self._handshake.over = True
        return count

    def _free(self):
        try:
            self._sock.close()
            # A TLS socket whose handshake has failed has let go of what is below it, and leaves it open. In
            # the unix port closing twice might close somebody else's file: setblocking tells.
            self._below.setblocking(False)
            self._below.close()
        except OSError:
            pass  # closed already
        self._handshake.owner.ended()


# The codes ..._ALLOC_FAILED of SSL, X.509, public keys, elliptic curves, DHM, ciphers and hashes; and those
# of integers and ASN.1, which may stand below the code of what failed by them (mbedtls/error.h).
_NO_MEMORY = (0x7F00, 0x2880, 0x3F80, 0x4D80, 0x3400, 0x6180, 0x5180)
_NO_MEMORY_BELOW = (0x10, 0x6A)


def _out_of_memory(error):
    """Of what MicroPython's module raises: it makes ENOMEM of the first of these codes, and of one below 256
    a number of the operating system's (mbedtls_raise_error)."""
    if not isinstance(error, OSError):
        return isinstance(error, MemoryError)
    number = error.args[0] if error.args else 0
    if not isinstance(number, int):
        return False
    if number >= 0:
        return number == errno.ENOMEM or number in _NO_MEMORY_BELOW
    return -number & 0x7F80 in _NO_MEMORY or -number & 0x7F in _NO_MEMORY_BELOW


def _load(context, der):
    """Where there is no memory for it the module says that the certificate is invalid: once more, then."""
    try:
        context.load_verify_locations(der)
    except ValueError:
        gc.collect()
        context.load_verify_locations(der)


# Of mbedtls/ssl.h, with which handshakes fail most: what they mean here.
_MEANINGS = {
    -0x7200: "the server does not speak TLS",
    -0x7280: "the server hung up",
    -0x7780: "the server refused, with an alert",
}


def _why(number, error):
    if number in _MEANINGS:
        return _MEANINGS[number]
    if len(error.args) > 1:
        return error.args[1]
    return "-0x%04x" % -number if number < 0 else error
