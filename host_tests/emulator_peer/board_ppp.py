# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The board's end of PPP, as lwIP behaves; shares nothing with the modem's."""

import hashlib
import struct
from collections import deque

_TABLE = []
for _byte in range(256):
    _value = _byte
    for _ in range(8):
        _value = _value >> 1 ^ 0x8408 if _value & 1 else _value >> 1
    _TABLE.append(_value)


def fcs(data):
    value = 0xFFFF
    for byte in data:
        value = value >> 8 ^ _TABLE[(value ^ byte) & 0xFF]
    return value


def frame(protocol, data, everything_escaped=True):
    data = b"\xff\x03" + struct.pack(">H", protocol) + data
    data += struct.pack("<H", fcs(data) ^ 0xFFFF)
    out = bytearray(b"~")
    for byte in data:
        if byte in (0x7D, 0x7E) or (byte < 0x20 and everything_escaped):
            out += bytes((0x7D, byte ^ 0x20))
        else:
            out.append(byte)
    return bytes(out) + b"~"


def frame_in(raw):
    """The one between two flags, (protocol, information); None: it is none."""
    plain = _plain(raw)
    return _protocol(plain[:-2]) if plain and fcs(plain) == 0xF0B8 else None


def unframe(data):
    """The frames in `data`, which ends with one: [(protocol, information)]. Fails on a wrong FCS."""
    frames = []
    for raw in data.split(b"~"):
        plain = _plain(raw)
        if plain:
            assert fcs(plain) == 0xF0B8, raw
            frames.append(_protocol(plain[:-2]))
    return frames


def _plain(raw):
    plain, escaped = bytearray(), False
    for byte in raw:
        if escaped:
            plain.append(byte ^ 0x20)
        elif byte != 0x7D:
            plain.append(byte)
        escaped = byte == 0x7D and not escaped
    return bytes(plain)


def _protocol(plain):
    if plain[:2] == b"\xff\x03":
        plain = plain[2:]
    if plain[0] & 1:
        return plain[0], plain[1:]
    return struct.unpack(">H", plain[:2])[0], plain[2:]


def control(code, number, data=b""):
    return struct.pack(">BBH", code, number, 4 + len(data)) + data


def options(data):
    found = {}
    while data:
        found[data[0]] = data[2 : data[1]]
        data = data[data[1] :]
    return found


def packed(found):
    return b"".join(bytes((kind, len(value) + 2)) + value for kind, value in found.items())


class BoardPpp:
    """frames: what came and is for others, [(protocol, information)]. address: once IPCP is done."""

    def __init__(self, user=b"", password=b"", vj=True, ipv6=True):
        self.user, self.password = user, password
        self.lcp = {2: bytes(4), 5: b"\x12\x34\x56\x78", 7: b"", 8: b""}
        self.ipcp = {3: bytes(4), 129: bytes(4), 131: bytes(4)}
        if vj:
            self.ipcp[2] = b"\x00\x2d\x0f\x01"
        self.ipv6 = ipv6
        self.out = deque()
        self.packets = deque()
        self.history = []
        self.dead = False
        self.address = None
        self.rejected_protocols = []
        self.authenticated = None
        self._rest = b""
        self._acked = {0xC021: [False, False], 0x8021: [False, False]}
        self._resend_at = None
        self._number = 0

    def start(self, now):
        self._request(0xC021, self.lcp, now)

    def deadline(self):
        return None if self.dead else self._resend_at

    def step(self, now):
        if not self.dead and self._resend_at is not None and now >= self._resend_at:
            if not all(self._acked[0xC021]):
                self._request(0xC021, self.lcp, now)
            elif not all(self._acked[0x8021]):
                self._request(0x8021, self.ipcp, now)
            else:
                self._resend_at = None

    def send_ip(self, packet):
        self.out.append(frame(0x21, packet, everything_escaped=False))

    def terminate(self):
        self.out.append(frame(0xC021, control(5, 99, b"bye")))

    def echo(self, number):
        self.out.append(frame(0xC021, control(9, number, self.lcp[5] + b"ping")))

    def take(self):
        data = b"".join(self.out)
        self.out.clear()
        return data

    def receive(self, data, now):
        whole, flag, rest = (self._rest + data).rpartition(b"~")
        self._rest = flag + rest if flag else rest
        for protocol, information in unframe(whole) if flag else []:
            self.hear(protocol, information, now)

    def hear(self, protocol, information, now):
        if protocol == 0x21:
            self.packets.append(information)
        else:
            self.history.append((protocol, information))
            self._handle(protocol, information, now)

    def _request(self, protocol, wanted, now):
        self._number += 1
        self._acked[protocol][0] = False
        self.out.append(frame(protocol, control(1, self._number, packed(wanted))))
        self._resend_at = now + 6  # lwIP's FSM_DEFTIMEOUT

    def _handle(self, protocol, information, now):
        if protocol in (0xC023, 0xC223):
            self._authenticate(protocol, information, now)
            return
        code, number, length = struct.unpack(">BBH", information[:4])
        data = information[4:length]
        wanted = self.lcp if protocol == 0xC021 else self.ipcp
        if code == 1:
            self.out.append(frame(protocol, control(2, number, data)))
            self._acked[protocol][1] = True
            if protocol == 0xC021:
                self._asks = options(data).get(3)
        elif code == 2 and number == self._number:
            self._acked[protocol][0] = True
        elif code in (3, 4) and number == self._number:
            for kind, value in options(data).items():
                if code == 4:
                    wanted.pop(kind)
                else:
                    wanted[kind] = value
            self._request(protocol, wanted, now)
        elif code == 5:
            self.out.append(frame(protocol, control(6, number)))
            self.dead = True
        elif code == 6:
            self.dead = True
        elif code == 8:
            self.rejected_protocols.append(struct.unpack(">H", data[:2])[0])
        if code in (1, 2) and all(self._acked[protocol]):
            self._up(protocol, now)

    def _up(self, protocol, now):
        if protocol == 0x8021:
            self.address = bytes(self.ipcp[3])
        elif self._asks == b"\xc0\x23":
            data = bytes((len(self.user),)) + self.user + bytes((len(self.password),)) + self.password
            self.out.append(frame(0xC023, control(1, 7, data)))
        elif self._asks is None:
            self._begin_network(now)

    def _authenticate(self, protocol, information, now):
        code, number, _ = struct.unpack(">BBH", information[:4])
        if protocol == 0xC223 and code == 1:
            challenge = information[5 : 5 + information[4]]
            value = hashlib.md5(bytes((number,)) + self.password + challenge).digest()
            self.out.append(frame(0xC223, control(2, number, b"\x10" + value + self.user)))
            return
        self.authenticated = code == (2 if protocol == 0xC023 else 3)
        if self.authenticated:
            self._begin_network(now)

    def _begin_network(self, now):
        if self.ipv6:
            self.out.append(frame(0x8057, control(1, 50, b"\x01\x0a\0\0\0\0\0\0\0\x01")))
        self._request(0x8021, self.ipcp, now)
