# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""What is behind the modem: one gateway with DNS, a time server, ping, and the TCP ports that are carried to
servers on loopback. Everything else is unreachable, by construction: no packet ever names an address outside.

Its own small TCP (`tcp.py`), not libslirp: that opens sockets to whatever address the board names unless it
is told not to, has to be fetched with glib for each machine, calls back into Python from C, and knows neither
a clock of its own for tests nor the faults of a radio. What one board's TCP needs of the server's end is 600
lines.
"""

import ipaddress
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from emulator.modem import ip, ntp, segment
from emulator.modem.dns import DnsServer
from emulator.modem.tcp import Connection

# A connection holds 80 KB at most; lwIP on a board has 5.
MOST_CONNECTIONS = 64
_DNS_PORT, _NTP_PORT = 53, 123

Ends = tuple[bytes, int, bytes, int]


@dataclass
class InternetCounts:
    packets: int = 0
    bad_packets: int = 0
    unreachable: int = 0
    opened: int = 0
    refused: int = 0
    retransmitted: int = 0
    # What the last bad packet was.
    last_bad: str = ""


@dataclass
class Routes:
    """ports: (address, port) as the board names them -> port on 127.0.0.1. The gateway's ports that are not
    listed lead to the same number. A port of None is closed."""

    gateway: str = "10.64.0.1"
    ports: dict[tuple[str, int], int | None] = field(default_factory=dict)

    def loopback_port(self, address: bytes, port: int) -> int | None:
        named = str(ipaddress.IPv4Address(address))
        if (named, port) in self.ports:
            return self.ports[named, port]
        return port if named == self.gateway else None

    def is_known(self, address: bytes) -> bool:
        named = str(ipaddress.IPv4Address(address))
        return named == self.gateway or any(known == named for known, _ in self.ports)


class Internet:
    """dial: called with each new connection and the loopback port it wants; it calls `accept` or `refuse` of
    the connection, then or later. initial: gives initial sequence numbers. unix_time: what the time server
    says.
    """

    def __init__(
        self,
        routes: Routes,
        dns: DnsServer,
        dial: Callable[[Connection, int], None],
        initial: Callable[[], int],
        unix_time: Callable[[], float],
    ):
        self.routes = routes
        self.dns = dns
        self.counts = InternetCounts()
        # Off: nobody answers the time server's port.
        self.tells_time = True
        # After so long without a segment a connection is forgotten, as carriers' address translation does.
        self.forget_after_s: float | None = None
        self._dial = dial
        self._initial = initial
        self._unix_time = unix_time
        self._connections: dict[Ends, Connection] = {}
        self._identification = 0
        self.outgoing: deque[bytes] = deque()

    @property
    def connections(self) -> list[Connection]:
        return list(self._connections.values())

    def receive(self, data: bytes, now: float) -> None:
        """One IP packet of the board."""
        self.counts.packets += 1
        try:
            packet = ip.parsed(data)
            if not self.routes.is_known(packet.destination):
                self._refuse_foreign(packet, data)
            elif packet.protocol == ip.TCP:
                self._receive_tcp(packet, now)
            elif packet.protocol == ip.UDP:
                self._receive_udp(packet, data)
            elif packet.protocol == ip.ICMP:
                answer = ip.echo_reply(packet)
                if answer is not None:
                    self._put(answer)
            else:
                self._unreachable(packet, ip.PROTOCOL_UNREACHABLE, data)
        except ip.BadPacket as bad:
            self.counts.bad_packets += 1
            self.counts.last_bad = str(bad)

    def step(self, now: float) -> None:
        for connection in self._connections.values():
            connection.step(now)
            if self.forget_after_s is not None and now - connection.last_heard > self.forget_after_s:
                connection.outgoing.clear()
                connection.abort()
                connection.outgoing.clear()  # the board is not told: it finds out when it speaks again
        self.collect()

    def deadline(self) -> float | None:
        times = [connection.deadline() for connection in self._connections.values()]
        if self.forget_after_s is not None:
            times += [each.last_heard + self.forget_after_s + 0.001 for each in self._connections.values()]
        return min((time for time in times if time is not None), default=None)

    def collect(self) -> None:
        """The segments of all connections become packets, those that have ended are forgotten."""
        for ends, connection in list(self._connections.items()):
            board, _, server, _ = ends
            while connection.outgoing:
                self._put(segment.composed(connection.outgoing.popleft(), server, board))
            if connection.ended:
                del self._connections[ends]
                self.counts.refused += connection.ended == "refused"
                self.counts.retransmitted += connection.retransmitted

    # --- protocols ------------------------------------------------------------------------------------------

    def _receive_tcp(self, packet: ip.Packet, now: float) -> None:
        received = segment.parsed(packet)
        ends = (packet.source, received.source_port, packet.destination, received.destination_port)
        connection = self._connections.get(ends)
        opens = received.flags & (segment.SYN | segment.ACK | segment.RST | segment.FIN) == segment.SYN
        if connection is not None and opens and connection.state == "time-wait":
            del self._connections[ends]
            connection = None
        if connection is None and opens and len(self._connections) < MOST_CONNECTIONS:
            self._open(ends, received, now)
        elif connection is not None:
            connection.receive(received, now)
        else:
            self._reset(packet, received)
        self.collect()

    def _open(self, ends: Ends, syn: segment.Segment, now: float) -> None:
        connection = Connection(syn, self._initial(), now)
        self._connections[ends] = connection
        port = self.routes.loopback_port(ends[2], ends[3])
        if port is None:
            connection.refuse()
        else:
            self.counts.opened += 1
            self._dial(connection, port)

    def _reset(self, packet: ip.Packet, received: segment.Segment) -> None:
        answer = segment.reset_for(received)
        if answer is not None:
            self.counts.refused += 1
            self._put(segment.composed(answer, packet.destination, packet.source))

    def _receive_udp(self, packet: ip.Packet, data: bytes) -> None:
        question = ip.datagram(packet)
        if question.destination_port == _DNS_PORT:
            answer = self.dns.answer(question.payload)
        elif question.destination_port == _NTP_PORT and self.tells_time:
            answer = ntp.answer(question.payload, self._unix_time())
        else:
            self._unreachable(packet, ip.PORT_UNREACHABLE, data)
            return
        if answer is not None:
            back = ip.Datagram(question.destination_port, question.source_port, answer)
            self._put(ip.udp(packet.destination, packet.source, back))

    def _refuse_foreign(self, packet: ip.Packet, data: bytes) -> None:
        """An address that leads nowhere. Multicast (mDNS) is not even refused (RFC 1122, 3.2.2)."""
        if packet.destination[0] >= 224:
            return
        if packet.protocol == ip.TCP:
            self._reset(packet, segment.parsed(packet))
        else:
            self._unreachable(packet, ip.PROHIBITED, data)

    def _unreachable(self, packet: ip.Packet, code: int, data: bytes) -> None:
        self.counts.unreachable += 1
        gateway = ipaddress.IPv4Address(self.routes.gateway).packed
        self._put(ip.unreachable(packet, code, gateway, data))

    def _put(self, packet: ip.Packet) -> None:
        self._identification += 1
        self.outgoing.append(ip.composed(packet, self._identification))
