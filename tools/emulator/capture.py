# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""What went over the emulated modem's UART, and when: the bytes of the emulator's log (`uart1_in`,
`uart1_out`) taken apart into PPP frames, TCP connections, TLS records, and the moments at which messages were
complete on the line. Emulated time throughout: what the host did meanwhile is not in it.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import takewhile

from emulator.modem import ip, segment
from emulator.modem.hdlc import FLAG, Deframer

SIGNALS = ["uart1_in", "uart1_out"]
INBOUND, OUTBOUND = SIGNALS  # towards the chip, from the chip

_IPV4 = 0x21
_HANDSHAKE, _DATA = 22, 23
_RECORD_HEAD = 5
# AES-GCM of TLS 1.2 (RFC 5288): nonce and tag in each record.
_RECORD_EXTRA = 8 + 16


class Unreadable(ValueError):
    """The capture does not hold what it should; in words."""


@dataclass
class Flow:
    """One direction of a TCP connection: the bytes in order, and when the frame that brought them was
    complete."""

    pieces: list[tuple[int, bytes]] = field(default_factory=list)
    _next: int | None = None
    _early: dict[int, tuple[int, bytes]] = field(default_factory=dict)

    def add(self, ns: int, received: segment.Segment) -> None:
        if received.flags & segment.SYN:
            self._next = segment.plus(received.sequence, 1)
            return
        if self._next is None or not received.data:
            return
        self._early[received.sequence] = ns, received.data
        for sequence in sorted(self._early, key=lambda number: segment.ahead(number, self._next or 0)):
            behind = segment.ahead(self._next, sequence)
            if behind < 0:
                break
            _, data = self._early.pop(sequence)
            if behind < len(data):  # else it has been there before
                self.pieces.append((ns, data[behind:]))
                self._next = segment.plus(self._next, len(data) - behind)


@dataclass
class Conversation:
    """A TCP connection of the board. opened_ns: its SYN was on the line."""

    opened_ns: int
    outbound: Flow = field(default_factory=Flow)
    inbound: Flow = field(default_factory=Flow)


@dataclass(frozen=True)
class Record:
    """Of TLS. end_ns: the frame with its last byte."""

    kind: int
    length: int
    end_ns: int


def conversations(log: Iterable[list]) -> list[Conversation]:
    """log: rows of the emulator's log, [ns, name, value]. In the order in which they were opened."""
    found: dict[tuple, Conversation] = {}
    order = []
    for ns, name, data in _packets(log):
        try:
            packet = ip.parsed(data)
            if packet.protocol != ip.TCP:
                continue
            received = segment.parsed(packet)
        except ip.BadPacket:
            continue
        outbound = name == OUTBOUND
        ends = (packet.source, received.source_port), (packet.destination, received.destination_port)
        key = ends if outbound else ends[::-1]
        opens = outbound and received.flags & (segment.SYN | segment.ACK) == segment.SYN
        if opens and (key not in found or found[key].inbound.pieces):  # else it is said again
            found[key] = Conversation(ns)
            order.append(found[key])
        if key in found:
            (found[key].outbound if outbound else found[key].inbound).add(ns, received)
    return order


def _packets(log: Iterable[list]) -> Iterator[tuple[int, str, bytes]]:
    deframers = {name: Deframer() for name in SIGNALS}
    waiting = {name: bytearray() for name in SIGNALS}
    for ns, name, value in log:
        if name not in waiting:
            continue
        waiting[name].append(value)
        if value == FLAG:
            for protocol, data in deframers[name].feed(bytes(waiting[name])):
                if protocol == _IPV4:
                    yield ns, name, data
            waiting[name].clear()


def records(flow: Flow) -> list[Record]:
    """The whole TLS records of one direction."""
    found = []
    data = bytearray()
    for ns, piece in flow.pieces:
        data += piece
        while len(data) >= _RECORD_HEAD:
            length = int.from_bytes(data[3:5], "big")
            if len(data) < _RECORD_HEAD + length:
                break
            found.append(Record(data[0], length, ns))
            del data[: _RECORD_HEAD + length]
    return found


def handshake_ms(talk: Conversation) -> float:
    """From the first byte of ClientHello on the line to the server's Finished."""
    before_data = takewhile(lambda record: record.kind != _DATA, records(talk.inbound))
    heard = [record.end_ns for record in before_data if record.kind == _HANDSHAKE]
    if not talk.outbound.pieces or not heard:
        raise Unreadable("there is no handshake in it")
    return (heard[-1] - talk.outbound.pieces[0][0]) / 1e6


def plain(flow: Flow, tls: bool) -> list[tuple[int, int]]:
    """[(ns, bytes of the application so far)]: what was complete by then. Within TLS only lengths are
    visible, which is all that is needed."""
    if tls:
        steps = [
            (record.end_ns, record.length - _RECORD_EXTRA) for record in records(flow) if record.kind == _DATA
        ]
    else:
        steps = [(ns, len(data)) for ns, data in flow.pieces]
    found = []
    total = 0
    for ns, length in steps:
        total += length
        found.append((ns, total))
    return found


def complete_at(steps: list[tuple[int, int]], lengths: list[int]) -> list[int]:
    """When each of the last messages of a direction was complete; lengths: of their WebSocket frames.

    steps: from `plain`; what comes before these messages is the HTTP upgrade. Unreadable: they do not fit.
    """
    if not steps:
        raise Unreadable("nothing was said")
    at = steps[-1][1] - sum(lengths)
    if at <= 0:
        raise Unreadable("%d bytes of messages, %d on the line" % (sum(lengths), steps[-1][1]))
    found = []
    index = 0
    for length in lengths:
        at += length
        while steps[index][1] < at:
            index += 1
        found.append(steps[index][0])
    return found


def frame_bytes(payload_bytes: int, masked: bool) -> int:
    """RFC 6455 5.2: of a frame that is not fragmented."""
    length = 2 if payload_bytes < 126 else 4 if payload_bytes < 65536 else 10
    return length + (4 if masked else 0) + payload_bytes
