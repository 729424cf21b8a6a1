# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The modem's end of a PPP link: LCP (RFC 1661), PAP or CHAP as authenticator (RFC 1334, 1994), IPCP with DNS
(RFC 1332, 1877). It names the board's address and carries IPv4; every other protocol is rejected, as modems
do.

Nothing here waits or reads a clock: bytes and seconds come in, bytes and IP packets are taken out.
"""

import hashlib
import ipaddress
import struct
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from emulator.modem import options
from emulator.modem.hdlc import Deframer, FrameCounts, framed
from emulator.modem.options import CONFIGURE_ACK, CONFIGURE_NAK, CONFIGURE_REJECT, Negotiation, Options

IPV4, IPCP, LCP, PAP, CHAP = 0x0021, 0x8021, 0xC021, 0xC023, 0xC223

# LCP's options (RFC 1661, 6) and IPCP's (RFC 1332, 3; RFC 1877).
_MRU, _ACCM, _AUTHENTICATION, _MAGIC, _PFC, _ACFC = 1, 2, 3, 5, 7, 8
_LENGTHS = {_MRU: 2, _ACCM: 4, _MAGIC: 4, _PFC: 0, _ACFC: 0}
_ADDRESS, _DNS_1, _DNS_2 = 3, 129, 131

_MRU_HIGHEST, _MRU_LOWEST = 1500, 128
_AUTHENTICATION_S = 30.0
# Packets that wait to be taken: the modem does so after each chunk of bytes.
_MOST_PACKETS = 256


@dataclass
class PppSettings:
    """address: the modem's; peer: the board's; authentication: None, "pap" or "chap"; credentials: who gets
    in, None: everybody."""

    address: str = "10.64.0.1"
    peer: str = "10.64.0.2"
    dns: tuple[str, str] = ("10.64.0.1", "10.64.0.1")
    authentication: str | None = None
    credentials: tuple[str, str] | None = None
    refuse_everybody: bool = False
    # Some modems wait for the board's first request.
    passive: bool = False


class PppLink:
    """From CONNECT to NO CARRIER. `phase` is one of RFC 1661, 3.2: "establish", "authenticate", "network",
    "running" (IP flows), "terminate", "dead"."""

    def __init__(self, settings: PppSettings, magic: int, challenge: bytes):
        self._settings = settings
        self._magic = struct.pack(">I", magic)
        self._challenge = challenge
        self._deframer = Deframer()
        self._out: deque[bytes] = deque()
        self.packets: deque[bytes] = deque(maxlen=_MOST_PACKETS)
        self.phase = "establish"
        self.why_dead = ""
        self._authentication_at: float | None = None
        wants: Options = {_ACCM: bytes(4), _MAGIC: self._magic, _PFC: b"", _ACFC: b""}
        if settings.authentication:
            wants[_AUTHENTICATION] = {"pap": b"\xc0\x23", "chap": b"\xc2\x23\x05"}[settings.authentication]
        self._lcp = Negotiation(self._sender(LCP), wants, _judge_lcp)
        self._ipcp = self._new_ipcp()
        self._awaits_first = settings.passive
        self._rejects = 0

    @property
    def counts(self) -> FrameCounts:
        return self._deframer.counts

    @property
    def dead(self) -> bool:
        return self.phase == "dead"

    def start(self, now: float) -> None:
        if not self._awaits_first:
            self._lcp.open(now)

    def receive(self, data: bytes, now: float) -> None:
        for protocol, information in self._deframer.feed(data):
            if self.dead:
                return
            try:
                self._dispatch(protocol, information, now)
            except options.BadPacket:
                self.counts.good -= 1
                self.counts.short += 1
            self._advance(now)

    def send_ip(self, packet: bytes) -> bool:
        """False: IP does not flow (yet, or any more)."""
        if self.phase != "running":
            return False
        self._send(IPV4, packet)
        return True

    def terminate(self, reason: str, now: float) -> None:
        if self.phase not in ("terminate", "dead"):
            self.phase = "terminate"
            self._lcp.close(reason.encode(), now)

    def step(self, now: float) -> None:
        self._lcp.step(now)
        if self.phase in ("network", "running"):
            self._ipcp.step(now)
        if self._authentication_at is not None and now >= self._authentication_at:
            self._authentication_at = None
            if self.phase == "authenticate":
                self.why_dead = "nobody authenticated"
                self.terminate("Authentication timeout", now)
        self._advance(now)

    def deadline(self) -> float | None:
        if self.dead:
            return None
        times = [self._lcp.deadline(), self._authentication_at]
        if self.phase in ("network", "running"):
            times.append(self._ipcp.deadline())
        return min((time for time in times if time is not None), default=None)

    def take(self) -> bytes:
        """What goes out on the line."""
        data = b"".join(self._out)
        self._out.clear()
        return data

    # --- frames ---------------------------------------------------------------------------------------------

    def _sender(self, protocol: int) -> Callable[[bytes], None]:
        return lambda packet: self._send(protocol, packet)

    def _send(self, protocol: int, information: bytes) -> None:
        theirs = self._lcp.theirs
        if protocol == LCP or not self._lcp.opened:
            # LCP always as if nothing had been agreed (RFC 1662, 7).
            self._out.append(framed(protocol, information))
            return
        accm = int.from_bytes(theirs.get(_ACCM, b"\xff\xff\xff\xff"), "big")
        self._out.append(framed(protocol, information, accm, _PFC in theirs, _ACFC in theirs))

    def _dispatch(self, protocol: int, information: bytes, now: float) -> None:
        if protocol == LCP:
            self._receive_lcp(information, now)
        elif self.phase in ("establish", "terminate"):
            return  # RFC 1661, 3.4: silently discarded
        elif protocol in (PAP, CHAP):
            self._receive_authentication(protocol, information, now)
        elif self.phase == "authenticate":
            return
        elif protocol == IPCP:
            code, identifier, data = options.parsed(information)
            if not self._ipcp.receive(code, identifier, data, now):
                self._send(IPCP, options.composed(options.CODE_REJECT, identifier, information))
        elif protocol == IPV4:
            if self.phase == "running":
                self.packets.append(information)
        else:
            rejected = struct.pack(">H", protocol) + information[: _MRU_HIGHEST - 6]
            self._send(LCP, options.composed(options.PROTOCOL_REJECT, self._next_identifier(), rejected))

    def _receive_lcp(self, packet: bytes, now: float) -> None:
        code, identifier, data = options.parsed(packet)
        if self._awaits_first and code == options.CONFIGURE_REQUEST:
            self._awaits_first = False
            self._lcp.open(now)
        if self._lcp.receive(code, identifier, data, now):
            if self.phase != "terminate" and not self._lcp.opened and not self._lcp.closed:
                self.phase = "establish"
            return
        if code == options.ECHO_REQUEST:
            if self._lcp.opened and len(data) >= 4:
                self._send(LCP, options.composed(options.ECHO_REPLY, identifier, self._magic + data[4:]))
        elif code == options.PROTOCOL_REJECT:
            if data[:2] == struct.pack(">H", IPCP):
                self.why_dead = "IPCP rejected"
                self.terminate("No network protocols running", now)
        elif code not in (options.ECHO_REPLY, options.DISCARD_REQUEST):
            self._send(LCP, options.composed(options.CODE_REJECT, self._next_identifier(), packet))

    def _next_identifier(self) -> int:
        self._rejects = self._rejects % 255 + 1
        return self._rejects

    # --- phases ---------------------------------------------------------------------------------------------

    def _advance(self, now: float) -> None:
        if self._lcp.closed or self._lcp.failed:
            if not self.dead:
                self.why_dead = self.why_dead or ("terminated" if self._lcp.closed else "LCP: no agreement")
            self.phase = "dead"
        elif self.phase == "establish" and self._lcp.opened:
            self._established(now)
        elif self.phase in ("network", "running"):
            if self._ipcp.closed or self._ipcp.failed:
                self.why_dead = "IPCP: no agreement"
                self.terminate("No network protocols running", now)
            else:
                self.phase = "running" if self._ipcp.opened else "network"

    def _established(self, now: float) -> None:
        self._ipcp = self._new_ipcp()
        if _AUTHENTICATION not in self._lcp.wants:
            self._begin_network(now)
            return
        self.phase = "authenticate"
        self._authentication_at = now + _AUTHENTICATION_S
        if self._lcp.wants[_AUTHENTICATION][:2] == b"\xc2\x23":
            value = bytes((len(self._challenge),)) + self._challenge + b"UMTS_CHAP_SRVR"
            self._send(CHAP, options.composed(1, 1, value))

    def _begin_network(self, now: float) -> None:
        self._authentication_at = None
        self.phase = "network"
        self._ipcp.open(now)

    def _receive_authentication(self, protocol: int, packet: bytes, now: float) -> None:
        code, identifier, data = options.parsed(packet)
        if protocol == PAP:
            if code != 1:
                return
            right = self._is_pap_right(data)
            self._send(PAP, options.composed(2 if right else 3, identifier, b"\0"))
        else:
            if code != 2:
                return
            right = self._is_chap_right(identifier, data)
            self._send(CHAP, options.composed(3 if right else 4, identifier, b""))
        if self.phase != "authenticate":
            return  # its answer was lost, and it asked again
        if right:
            self._begin_network(now)
        else:
            self.why_dead = "authentication refused"
            self.terminate("Authentication failed", now)

    def _is_pap_right(self, data: bytes) -> bool:
        try:
            user, rest = data[1 : 1 + data[0]], data[1 + data[0] :]
            password = rest[1 : 1 + rest[0]]
        except IndexError:
            raise options.BadPacket from None
        if self._settings.refuse_everybody:
            return False
        known = self._settings.credentials
        return known is None or (user, password) == (known[0].encode(), known[1].encode())

    def _is_chap_right(self, identifier: int, data: bytes) -> bool:
        if not data or len(data) < 1 + data[0]:
            raise options.BadPacket
        if self._settings.refuse_everybody:
            return False
        if self._settings.credentials is None:
            return True
        user, password = self._settings.credentials
        # RFC 1994, 4.1: MD5 of identifier, secret and challenge.
        value = hashlib.md5(bytes((identifier,)) + password.encode() + self._challenge).digest()
        return data[1 : 1 + data[0]] == value and data[1 + data[0] :] == user.encode()

    def _new_ipcp(self) -> Negotiation:
        return Negotiation(self._sender(IPCP), {_ADDRESS: _packed(self._settings.address)}, self._judge_ipcp)

    def _judge_ipcp(self, theirs: Options) -> tuple[int, Options]:
        right = {
            _ADDRESS: _packed(self._settings.peer),
            _DNS_1: _packed(self._settings.dns[0]),
            _DNS_2: _packed(self._settings.dns[1]),
        }
        unknown = {kind: value for kind, value in theirs.items() if kind not in right}
        if unknown:
            return CONFIGURE_REJECT, unknown
        better = {kind: right[kind] for kind, value in theirs.items() if value != right[kind]}
        if _ADDRESS not in theirs:
            better[_ADDRESS] = right[_ADDRESS]  # an unnumbered board is asked to want an address
        return (CONFIGURE_NAK, better) if better else (CONFIGURE_ACK, theirs)


def _judge_lcp(theirs: Options) -> tuple[int, Options]:
    unknown = {kind: value for kind, value in theirs.items() if len(value) != _LENGTHS.get(kind, -1)}
    if unknown:
        return CONFIGURE_REJECT, unknown
    mru = int.from_bytes(theirs[_MRU], "big") if _MRU in theirs else _MRU_HIGHEST
    if not _MRU_LOWEST <= mru <= _MRU_HIGHEST:
        return CONFIGURE_NAK, {_MRU: struct.pack(">H", _MRU_HIGHEST)}
    return CONFIGURE_ACK, theirs


def _packed(address: str) -> bytes:
    return ipaddress.IPv4Address(address).packed
