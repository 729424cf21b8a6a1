# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""A small TCP client on IPv4, plain on purpose (go back N, one fixed timeout); shares nothing with the
modem's."""

import socket
import struct

FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
BOARD, GATEWAY = socket.inet_aton("10.64.0.2"), socket.inet_aton("10.64.0.1")
_TIMEOUT_S = 1.5


def ones_sum(data):
    total = 0
    for (word,) in struct.iter_unpack(">H", data + b"\0" * (len(data) & 1)):
        total += word
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total


def ipv4(protocol, payload, destination=GATEWAY, source=BOARD):
    head = struct.pack(
        ">BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), 1, 0, 64, protocol, 0, source, destination
    )
    return head[:10] + struct.pack(">H", ones_sum(head) ^ 0xFFFF) + head[12:] + payload


def with_checksum(protocol, payload, at, destination=GATEWAY, source=BOARD):
    pseudo = source + destination + struct.pack(">BBH", 0, protocol, len(payload))
    check = ones_sum(pseudo + payload) ^ 0xFFFF
    return payload[:at] + struct.pack(">H", check) + payload[at + 2 :]


def udp(source_port, port, data, destination=GATEWAY):
    payload = struct.pack(">HHHH", source_port, port, 8 + len(data), 0) + data
    return ipv4(17, with_checksum(17, payload, 6, destination), destination)


def checked(packet):
    """Protocol, source and payload of an IP packet for the board; its checksums are right."""
    assert packet[0] == 0x45 and ones_sum(packet[:20]) == 0xFFFF
    assert len(packet) == struct.unpack(">H", packet[2:4])[0] and packet[16:20] == BOARD
    payload, protocol = packet[20:], packet[9]
    if protocol in (6, 17):
        assert ones_sum(packet[12:20] + struct.pack(">BBH", 0, protocol, len(payload)) + payload) == 0xFFFF
    else:
        assert ones_sum(payload) == 0xFFFF
    return protocol, packet[12:16], payload


class BoardTcp:
    """send(packet): to the network. window: what is offered; `read` makes room. mss: None sends no option.
    state: "syn-sent", "open", "closed", "reset"."""

    def __init__(self, send, port, local_port=50000, now=0.0, mss=800, window=6400, destination=GATEWAY):
        self._send, self._port, self._local, self._mss = send, port, local_port, mss
        self._destination = destination
        self._capacity = window
        self.state = "syn-sent"
        self.received = bytearray()
        self.unread = 0
        self.auto_read = True
        self.peer_finished = False
        self.peer_mss = None
        self.sent_twice = 0
        self._early = {}
        self._fin_seen = None
        self._iss = self._una = self._next = 0xFFFFFF00  # wraps soon
        self._rcv = 0
        self._buffer = bytearray()
        self._base = self._iss + 1 & 0xFFFFFFFF
        self._finish = self._fin_sent = False
        self._fin_acked = False
        self._peer_window = 1
        self._at = now
        self.step(now)

    @property
    def done(self):
        """Everything was sent and acknowledged."""
        return not self._buffer and (self._fin_acked or not self._finish)

    def write(self, data, now):
        self._buffer += data
        self._push(now)

    def finish(self, now):
        self._finish = True
        self._push(now)

    def abort(self):
        self._emit(RST | ACK, self._next)
        self.state = "reset"

    def read(self, count):
        count = min(count, self.unread)
        self.unread -= count
        if count:
            self._emit(ACK, self._next)

    def deadline(self):
        return self._at if self.state in ("syn-sent", "open") else None

    def step(self, now):
        if self._at is None or now < self._at or self.state not in ("syn-sent", "open"):
            return
        self._at = now + _TIMEOUT_S
        if self.state == "syn-sent":
            option = b"" if self._mss is None else struct.pack(">BBH", 2, 4, self._mss)
            self._emit(SYN, self._iss, option=option)
            self._next = self._iss + 1 & 0xFFFFFFFF
            return
        if not self._buffer and not (self._fin_sent and not self._fin_acked):
            self._at = None
            return
        self.sent_twice += 1
        if self._peer_window == 0:
            self._emit(ACK, self._una, bytes(self._buffer[:1]))
        else:
            self._next = self._una
            self._fin_sent = False
            self._push(now)

    def receive(self, packet, now):
        protocol, source, payload = checked(packet)
        if protocol != 6 or source != self._destination:
            return
        source_port, port, seq, ack, offset, flags, window = struct.unpack(">HHIIBBH", payload[:16])
        if (source_port, port) != (self._port, self._local) or self.state == "reset":
            return
        head = (offset >> 4) * 4
        if flags & RST:
            self.state = "reset"
            return
        if self.state == "syn-sent":
            if flags & (SYN | ACK) == SYN | ACK and ack == self._base:
                assert payload[20:22] == b"\x02\x04"
                self.peer_mss = struct.unpack(">H", payload[22:24])[0]
                self._rcv = seq + 1 & 0xFFFFFFFF
                self._una = self._next = ack
                self._peer_window = window
                self.state = "open"
                self._at = None
                self._emit(ACK, self._next)
                self._push(now)
            return
        self._acknowledged(ack, window, now)
        data = payload[head:]
        assert self._mss is None or len(data) <= self._mss
        if data or flags & (FIN | SYN):
            self._take(seq, data, flags)
            self._emit(ACK, self._next)
        self._push(now)
        if self.peer_finished and self._fin_acked:
            self.state = "closed"

    def _acknowledged(self, ack, window, now):
        count = ack - self._una & 0xFFFFFFFF
        end = len(self._buffer) + (1 if self._fin_sent else 0)
        if 0 < count <= max(end, self._next - self._una & 0xFFFFFFFF):
            if count > len(self._buffer):
                self._fin_acked = True
            del self._buffer[: min(count, len(self._buffer))]
            self._una = ack
            if (self._next - self._una & 0xFFFFFFFF) > 0x7FFFFFFF:
                self._next = self._una
            self._at = now + _TIMEOUT_S
        if window and not self._peer_window:
            self._next = self._una
        self._peer_window = window

    def _take(self, seq, data, flags):
        if flags & SYN:
            return
        start = seq - self._rcv & 0xFFFFFFFF
        if start > 0x7FFFFFFF:  # old
            cut = 0x100000000 - start
            if flags & FIN and cut <= len(data):
                self._fin_seen = seq + len(data) & 0xFFFFFFFF
            data, start = data[cut:], 0
        elif flags & FIN:
            self._fin_seen = seq + len(data) & 0xFFFFFFFF
        window = self._capacity - self.unread
        if not window and len(data) == 1:
            return  # a probe
        assert start + len(data) <= window, "beyond the window"
        if data:
            self._early[self._rcv + start & 0xFFFFFFFF] = data
        while True:
            piece = self._early.pop(self._rcv, None)
            if piece is None:
                break
            self.received += piece
            self._rcv = self._rcv + len(piece) & 0xFFFFFFFF
            if not self.auto_read:
                self.unread += len(piece)
        if self._fin_seen == self._rcv and not self.peer_finished:
            self.peer_finished = True
            self._rcv = self._rcv + 1 & 0xFFFFFFFF

    def _push(self, now):
        if self.state != "open":
            return
        while True:
            offset = self._next - self._una & 0xFFFFFFFF
            size = min(len(self._buffer) - offset, self._mss or 536, self._peer_window - offset)
            if size <= 0:
                break
            self._emit(ACK | PSH, self._next, bytes(self._buffer[offset : offset + size]))
            self._next = self._next + size & 0xFFFFFFFF
        if self._finish and not self._fin_sent and len(self._buffer) == (self._next - self._una & 0xFFFFFFFF):
            self._fin_sent = True
            self._emit(ACK | FIN, self._next)
            self._next = self._next + 1 & 0xFFFFFFFF
        if self._at is None and (self._buffer or (self._fin_sent and not self._fin_acked)):
            self._at = now + _TIMEOUT_S

    def _emit(self, flags, seq, data=b"", option=b""):
        window = self._capacity - self.unread
        words = (20 + len(option)) // 4 << 4
        ack = self._rcv if flags & ACK else 0
        payload = struct.pack(">HHIIBBHHH", self._local, self._port, seq, ack, words, flags, window, 0, 0)
        payload = with_checksum(6, payload + option + data, 16, self._destination)
        self._send(ipv4(6, payload, self._destination))
