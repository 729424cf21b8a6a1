# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Ping, DNS, SNTP, and what leads nowhere."""

import socket
import struct

from hypothesis import given
from hypothesis import strategies as st

from emulator.modem import ip
from emulator.modem.dns import DnsServer
from emulator.modem.internet import Internet, Routes
from host_tests.emulator_peer.board_tcp import BOARD, GATEWAY, checked, ipv4, ones_sum, udp, with_checksum
from host_tests.emulator_peer.world import NOON, World

FOREIGN = b"\x08\x08\x08\x08"


def internet(names=None, ports=None):
    routes = Routes(ports=ports or {})
    return Internet(routes, DnsServer(names or {}), lambda connection, port: None, lambda: 1, lambda: NOON)


def ask(it, packet):
    """The one answer, or None."""
    it.receive(packet, 0.0)
    answers = list(it.outgoing)
    it.outgoing.clear()
    assert len(answers) <= 1
    return checked(answers[0]) if answers else None


def query(name, kind=1, identifier=0x1234):
    labels = b"".join(bytes((len(label),)) + label.encode() for label in name.split("."))
    head = struct.pack(">HHHHHH", identifier, 0x0100, 1, 0, 0, 0)
    return head + labels + b"\0" + struct.pack(">HH", kind, 1)


def resolve(it, name, kind=1):
    """Code and address; None: silence."""
    answer = ask(it, udp(5353, 53, query(name, kind)))
    if answer is None:
        return None
    data = answer[2][8:]
    identifier, flags, questions, answers = struct.unpack(">HHHH", data[:8])
    assert identifier == 0x1234 and flags & 0x8180 == 0x8180 and questions == 1
    return flags & 15, socket.inet_ntoa(data[-4:]) if answers else None


@given(st.binary(max_size=200))
def test_checksum_is_the_one_of_rfc_1071(data):
    assert ip.checksum(data) in (ones_sum(data) ^ 0xFFFF, 0)
    even = data + b"\0" * (len(data) & 1)
    assert ip.checksum(even + struct.pack(">H", ip.checksum(data))) == 0


def test_ping():
    echo = struct.pack(">BBHHH", 8, 0, 0, 7, 1) + b"abcdefg"
    echo = echo[:2] + struct.pack(">H", ones_sum(echo) ^ 0xFFFF) + echo[4:]
    protocol, source, payload = ask(internet(), ipv4(1, echo))
    assert (protocol, source) == (1, GATEWAY)
    assert payload[0] == 0 and payload[4:] == echo[4:]


def test_names():
    it = internet({"csms.example": "10.64.0.1", "silent.example": None})
    assert resolve(it, "csms.example") == (0, "10.64.0.1")
    assert resolve(it, "CSMS.Example") == (0, "10.64.0.1")
    assert resolve(it, "csms.example", kind=28) == (0, None), "no IPv6, and that is no error"
    assert resolve(it, "other.example") == (3, None)
    assert resolve(it, "silent.example") is None
    it.dns.names["*"] = "10.64.0.9"
    assert resolve(it, "other.example") == (0, "10.64.0.9")


def test_moods():
    it = internet({"csms.example": "10.64.0.1"})
    for mood, answer in (("nxdomain", (3, None)), ("servfail", (2, None)), ("silent", None)):
        it.dns.mood = mood
        assert resolve(it, "csms.example") == answer


@given(st.binary(max_size=80))
def test_no_question_breaks_dns(data):
    DnsServer({"*": "10.64.0.1"}).answer(data)
    answer = DnsServer({"*": "10.64.0.1"}).answer(query("a")[:12] + data)
    assert answer is None or len(answer) >= 12


def test_time():
    question = b"\x1b" + bytes(39) + b"originate"[:8]
    it = internet()
    _, _, payload = ask(it, udp(5353, 123, question))
    data = payload[8:]
    assert data[0] == 0x1C and data[1] == 2 and data[24:32] == b"originat"
    assert struct.unpack(">I", data[40:44])[0] - 2208988800 == NOON
    it.tells_time = False
    assert ask(it, udp(5353, 123, question))[2][:2] == b"\x03\x03"


def test_what_is_not_there_is_said_to_be():
    it = internet()
    packet = udp(5353, 999, b"anybody?")
    protocol, source, payload = ask(it, packet)
    assert (protocol, source, payload[:2]) == (1, GATEWAY, b"\x03\x03") and payload[8:] == packet[:28]
    assert ask(it, udp(5353, 53, query("a"), FOREIGN))[2][:2] == b"\x03\x0d"
    assert ask(it, ipv4(47, b"tunnel"))[2][:2] == b"\x03\x02"
    assert ask(it, udp(5353, 5353, b"mdns", b"\xe0\0\0\xfb")) is None


def test_only_mapped_ports_are_dialled_and_only_on_loopback():
    dialled = []
    routes = Routes(ports={("10.64.0.1", 443): 8443, ("10.64.0.7", 80): 8080, ("10.64.0.1", 22): None})
    it = Internet(routes, DnsServer({}), lambda _, port: dialled.append(port), lambda: 1, lambda: NOON)
    assert routes.loopback_port(FOREIGN, 443) is None
    seventh = b"\x0a\x40\0\x07"
    for address, port in ((GATEWAY, 443), (GATEWAY, 9000), (GATEWAY, 22), (FOREIGN, 443), (seventh, 80)):
        syn = struct.pack(">HHIIBBHHH", 50000, port, 1, 0, 0x50, 2, 6400, 0, 0)
        it.receive(ipv4(6, with_checksum(6, syn, 16, address), address), 0.0)
    assert dialled == [8443, 9000, 8080]


def test_bad_packets_are_counted_and_dropped():
    it = internet()
    good = udp(5353, 999, b"x")
    bad = [
        b"",
        good[:19],
        b"\x65" + good[1:],
        good[:10] + b"\xff\xff" + good[12:],
        good[:-1] + b"y",
        good[:6] + b"\x20\x00" + good[8:],
        ipv4(17, b"short"),
        ipv4(6, bytes(19)),
        ipv4(6, bytes(20)),
        ipv4(1, b"\x08\0\0\0abcd"),
    ]
    for packet in bad:
        assert ask(it, packet) is None, packet
    assert it.counts.bad_packets == len(bad) and it.counts.last_bad == "ICMP"


PACKETS = st.builds(ipv4, st.sampled_from([1, 6, 17]), st.binary(max_size=60))


@given(st.one_of(st.binary(max_size=100), PACKETS))
def test_no_packet_breaks_it(packet):
    it = internet()
    it.receive(packet, 0.0)
    for answer in it.outgoing:
        if answer[16:20] == BOARD:
            checked(answer)


def test_names_and_pings_go_through_the_modem():
    it = World()
    it.modem.dns.names["csms.example"] = "10.64.0.1"
    it.dial()
    it.send_ip(udp(5353, 53, query("csms.example")))
    assert it.packets and checked(it.packets[-1])[2][-4:] == GATEWAY
    it.modem.faults.set("dns", "silent")
    count = len(it.packets)
    it.send_ip(udp(5353, 53, query("csms.example")))
    assert len(it.packets) == count
