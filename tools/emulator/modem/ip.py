# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""IPv4 (RFC 791), ICMP (RFC 792) and UDP (RFC 768): packets taken apart and put together."""

import struct
from dataclasses import dataclass

ICMP, TCP, UDP = 1, 6, 17

ECHO_REPLY, UNREACHABLE, ECHO_REQUEST = 0, 3, 8
# Codes of UNREACHABLE (RFC 792; RFC 1812, 5.2.7.1).
PROTOCOL_UNREACHABLE, PORT_UNREACHABLE, PROHIBITED = 2, 3, 13


class BadPacket(ValueError):
    """The text says in which way."""


@dataclass(frozen=True)
class Packet:
    """source, destination: four bytes each."""

    source: bytes
    destination: bytes
    protocol: int
    payload: bytes


@dataclass(frozen=True)
class Datagram:
    source_port: int
    destination_port: int
    payload: bytes


def checksum(data: bytes) -> int:
    """RFC 1071. Of data that holds its right checksum it is 0."""
    if len(data) & 1:
        data += b"\0"
    # The one's complement sum of 16-bit words is the number modulo 65535: one big division, in C.
    remainder = int.from_bytes(data, "big") % 0xFFFF
    return (0xFFFF - remainder) % 0xFFFF


def pseudo_header(source: bytes, destination: bytes, protocol: int, length: int) -> bytes:
    return source + destination + struct.pack(">BBH", 0, protocol, length)


def parsed(data: bytes) -> Packet:
    """Raises BadPacket, for fragments too: nothing the board sends needs them."""
    if len(data) < 20 or data[0] >> 4 != 4:
        raise BadPacket("not IPv4")
    head = (data[0] & 15) * 4
    total = int.from_bytes(data[2:4], "big")
    if not 20 <= head <= total <= len(data):
        raise BadPacket("lengths of the IP header")
    if checksum(data[:head]):
        raise BadPacket("checksum of the IP header")
    if int.from_bytes(data[6:8], "big") & 0x3FFF:
        raise BadPacket("fragment")
    return Packet(data[12:16], data[16:20], data[9], data[head:total])


def composed(packet: Packet, identification: int) -> bytes:
    head = struct.pack(
        ">BBHHHBBH4s4s",
        0x45,
        0,
        20 + len(packet.payload),
        identification & 0xFFFF,
        0x4000,  # don't fragment
        64,
        packet.protocol,
        0,
        packet.source,
        packet.destination,
    )
    return head[:10] + struct.pack(">H", checksum(head)) + head[12:] + packet.payload


def datagram(packet: Packet) -> Datagram:
    """Raises BadPacket."""
    data = packet.payload
    if len(data) < 8:
        raise BadPacket("UDP header")
    source_port, destination_port, length, check = struct.unpack_from(">HHHH", data)
    if not 8 <= length <= len(data):
        raise BadPacket("length of UDP")
    head = pseudo_header(packet.source, packet.destination, UDP, length)
    if check and checksum(head + data[:length]):
        raise BadPacket("checksum of UDP")
    return Datagram(source_port, destination_port, data[8:length])


def udp(source: bytes, destination: bytes, content: Datagram) -> Packet:
    length = 8 + len(content.payload)
    data = struct.pack(">HHHH", content.source_port, content.destination_port, length, 0) + content.payload
    check = checksum(pseudo_header(source, destination, UDP, length) + data) or 0xFFFF
    return Packet(source, destination, UDP, data[:6] + struct.pack(">H", check) + data[8:])


def echo_reply(packet: Packet) -> Packet | None:
    """The answer to a ping; None: it is none. Raises BadPacket."""
    data = packet.payload
    if len(data) < 8 or checksum(data):
        raise BadPacket("ICMP")
    if data[0] != ECHO_REQUEST:
        return None
    return _icmp(packet.destination, packet.source, bytes((ECHO_REPLY, 0)), data[4:])


def unreachable(packet: Packet, code: int, source: bytes, original: bytes) -> Packet:
    """original: the bytes of `packet`, of which the header and 8 bytes are quoted."""
    quoted = original[: (original[0] & 15) * 4 + 8]
    return _icmp(source, packet.source, bytes((UNREACHABLE, code)), bytes(4) + quoted)


def _icmp(source: bytes, destination: bytes, kind_and_code: bytes, rest: bytes) -> Packet:
    check = checksum(kind_and_code + b"\0\0" + rest)
    return Packet(source, destination, ICMP, kind_and_code + struct.pack(">H", check) + rest)
