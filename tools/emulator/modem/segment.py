# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""TCP segments (RFC 9293, 3.1) and the arithmetic of their sequence numbers."""

import struct
from dataclasses import dataclass

from emulator.modem import ip

FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16

_MODULUS = 1 << 32
_END, _NOTHING, _MSS = 0, 1, 2


def ahead(later: int, earlier: int) -> int:
    """How far `later` is ahead of `earlier`; negative when it is behind (RFC 9293, 3.4)."""
    distance = (later - earlier) % _MODULUS
    return distance - _MODULUS if distance >= _MODULUS // 2 else distance


def plus(number: int, distance: int) -> int:
    return (number + distance) % _MODULUS


@dataclass(frozen=True)
class Segment:
    """mss: the option, of a SYN only."""

    source_port: int
    destination_port: int
    sequence: int
    acknowledgment: int
    flags: int
    window: int
    data: bytes = b""
    mss: int | None = None

    @property
    def length(self) -> int:
        """In sequence numbers: SYN and FIN count (RFC 9293, 3.4)."""
        return len(self.data) + bool(self.flags & SYN) + bool(self.flags & FIN)


def parsed(packet: ip.Packet) -> Segment:
    """Raises ip.BadPacket."""
    data = packet.payload
    if len(data) < 20:
        raise ip.BadPacket("TCP header")
    if ip.checksum(ip.pseudo_header(packet.source, packet.destination, ip.TCP, len(data)) + data):
        raise ip.BadPacket("checksum of TCP")
    source, destination, sequence, acknowledgment, offset, flags, window = struct.unpack_from(
        ">HHIIBBH", data
    )
    head = (offset >> 4) * 4
    if not 20 <= head <= len(data):
        raise ip.BadPacket("length of the TCP header")
    mss = _mss(data[20:head]) if flags & SYN else None
    return Segment(source, destination, sequence, acknowledgment, flags & 63, window, data[head:], mss)


def composed(segment: Segment, source: bytes, destination: bytes) -> ip.Packet:
    option = b"" if segment.mss is None else struct.pack(">BBH", _MSS, 4, segment.mss)
    data = struct.pack(
        ">HHIIBBHHH",
        segment.source_port,
        segment.destination_port,
        segment.sequence,
        segment.acknowledgment,
        (20 + len(option)) // 4 << 4,
        segment.flags,
        segment.window,
        0,
        0,
    )
    data += option + segment.data
    check = ip.checksum(ip.pseudo_header(source, destination, ip.TCP, len(data)) + data)
    return ip.Packet(source, destination, ip.TCP, data[:16] + struct.pack(">H", check) + data[18:])


def reset_for(segment: Segment) -> Segment | None:
    """What is said to a segment of no connection (RFC 9293, 3.5.2, group 1); None: it is a reset itself."""
    if segment.flags & RST:
        return None
    source, destination = segment.destination_port, segment.source_port
    if segment.flags & ACK:
        return Segment(source, destination, segment.acknowledgment, 0, RST, 0)
    expected = plus(segment.sequence, segment.length)
    return Segment(source, destination, 0, expected, RST | ACK, 0)


def _mss(option: bytes) -> int | None:
    while option and option[0] != _END:
        if option[0] == _NOTHING:
            option = option[1:]
            continue
        if len(option) < 2 or not 2 <= option[1] <= len(option):
            return None
        if option[0] == _MSS and option[1] == 4:
            return int.from_bytes(option[2:4], "big")
        option = option[option[1] :]
    return None
