# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Connections of the board through the modem, with everything a radio does to them."""

import itertools
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from emulator.modem import ip, segment
from emulator.modem.inbox import Inbox
from emulator.modem.segment import ACK, FIN, RST, SYN, Segment, plus
from emulator.modem.tcp import RECEIVE_WINDOW, SEND_BUFFER, Connection
from host_tests.emulator_peer.board_tcp import BOARD, GATEWAY, checked
from host_tests.emulator_peer.world import World


def world(**faults):
    made = World(ports={7: "echo", 9: "sink", 11: "silent"})
    made.dial()
    for name, value in faults.items():
        made.modem.faults.set(name, value)
    return made


def noise(count, seed=1):
    return Random(seed).randbytes(count)


def flags_of(packets):
    return [checked(packet)[2][13] for packet in packets if packet[9] == 6]


# --- with a whole board -------------------------------------------------------------------------------------


def test_open_echo_close():
    it = world()
    tcp = it.connect(7)
    assert tcp.state == "open" and tcp.peer_mss == 1460
    tcp.write(b"hello", it.now)
    tcp.finish(it.now)
    it.run(20, lambda: tcp.state == "closed")
    assert bytes(tcp.received) == b"hello" and tcp.peer_finished and tcp.state == "closed"
    assert not it.modem.internet.connections and it.modem.internet.counts.retransmitted == 0


def exchange(it, count, seconds, **more):
    tcp = it.connect(7, **more)
    it.run(30, lambda: tcp.state == "open")
    data = noise(count)
    tcp.write(data, it.now)
    tcp.finish(it.now)
    it.run(seconds, lambda: tcp.state in ("closed", "reset"))
    assert len(tcp.received) == count and bytes(tcp.received) == data
    assert tcp.state == "closed"
    return tcp


def test_a_megabyte_both_ways_over_a_bad_radio():
    it = world(loss=0.02, duplicate=0.02, latency_ms=20, jitter_ms=5)
    exchange(it, 1_000_000, 3000, window=16000)
    state = it.modem.state(it.now)
    assert state["lost"] > 20 and state["retransmitted"] > 10


def test_small_and_odd_boards():
    for mss, window in ((None, 6400), (64, 500), (1460, 1460), (800, 800), (200, 1)):
        exchange(world(latency_ms=5), 3000, 20000, mss=mss, window=window)


@settings(max_examples=20, deadline=None)
@given(
    st.integers(0, 2**32),
    st.floats(0, 0.25),
    st.floats(0, 0.3),
    st.floats(0, 400),
    st.integers(0, 20000),
    st.sampled_from([400, 800, 6400]),
)
def test_any_loss_duplication_and_order(seed, loss, duplicate, jitter_ms, count, window):
    it = world(latency_ms=30)
    it.modem._chance.seed(seed)
    for name, value in (("loss", loss), ("duplicate", duplicate), ("jitter_ms", jitter_ms)):
        it.modem.faults.set(name, value)
    tcp = it.connect(7, window=window)
    data = noise(count, seed)
    tcp.write(data, it.now)
    tcp.finish(it.now)
    it.run(20000, lambda: tcp.state in ("closed", "reset"))
    # Twelve in a row may be lost: then the connection ends. What came is right at any rate.
    assert data.startswith(bytes(tcp.received))
    assert tcp.state == "reset" or len(tcp.received) == count
    it.modem.faults.clear()
    it.run(300)
    assert not it.modem.internet.connections


def test_the_board_finishes_first_and_still_gets_everything():
    it = world()
    tcp = it.connect(9)
    server = it.servers[0]
    tcp.write(b"question", it.now)
    tcp.finish(it.now)
    it.run(1)
    assert bytes(server.received) == b"question" and server.connection.received_all
    assert server.connection.state == "close-wait"
    server.to_send += noise(50000)
    server.finish = True
    it.run(60, lambda: tcp.state == "closed")
    assert bytes(tcp.received) == noise(50000) and tcp.state == "closed"
    assert server.connection.ended == "closed"


def test_the_server_finishes_first_and_still_gets_everything():
    it = world()
    tcp = it.connect(9)
    server = it.servers[0]
    server.finish = True
    it.run(1)
    assert tcp.peer_finished and server.connection.state == "fin-wait-2"
    tcp.write(noise(30000), it.now)
    tcp.finish(it.now)
    it.run(30, lambda: tcp.state == "closed")
    assert bytes(server.received) == noise(30000)
    assert server.connection.state == "time-wait"
    it.run(11)
    assert server.connection.ended == "closed"


def test_both_finish_at_once():
    it = world(latency_ms=100)
    tcp = it.connect(9)
    it.run(5, lambda: tcp.state == "open")
    it.run(1)
    it.servers[0].finish = True
    tcp.finish(it.now)
    it.run(2)
    assert tcp.state == "closed" and it.servers[0].connection.state == "time-wait"


def test_either_end_resets():
    it = world()
    tcp = it.connect(7)
    tcp.abort()
    it.run(1)
    assert it.servers[0].connection.ended == "reset"
    tcp = it.connect(7)
    it.servers[1].connection.abort()
    it.run(1)
    assert tcp.state == "reset" and not it.modem.internet.connections


def test_a_closed_port_and_a_foreign_address_are_refused():
    it = world()
    for port, more in ((1234, {}), (7, {"destination": b"\x08\x08\x08\x08"})):
        tcp = it.connect(port, **more)
        it.run(1)
        assert tcp.state == "reset", port
    assert it.servers == [] and it.modem.internet.counts.refused == 2


def test_a_server_that_does_not_read_closes_the_window_and_nothing_is_lost():
    it = world()
    tcp = it.connect(11)
    server = it.servers[0]
    tcp.write(noise(60000), it.now)
    it.run(200)
    assert server.connection.take(0) == b"" and len(tcp._buffer) == 60000 - RECEIVE_WINDOW
    server.does = "sink"
    it.run(200, lambda: tcp.done)
    assert bytes(server.received) == noise(60000)


def test_a_board_that_does_not_read_is_probed_and_not_given_up():
    it = world()
    tcp = it.connect(9, window=4000)
    tcp.auto_read = False
    server = it.servers[0]
    server.to_send += noise(20000)
    it.run(2000)
    assert len(tcp.received) == 4000 and server.connection.ended is None
    probes = len(it.packets)
    it.run(600)
    assert 9 <= len(it.packets) - probes <= 12, "one probe a minute"
    while len(tcp.received) < 20000:
        tcp.read(700)
        it.run(70)
    assert bytes(tcp.received) == noise(20000) and server.connection.ended is None


def test_a_board_that_has_gone_is_given_up():
    it = world()
    tcp = it.connect(9)
    it.servers[0].to_send += b"x" * 5000
    it.modem.faults.set("half_dead")
    begun = it.now
    assert it.run(2000, lambda: it.servers[0].connection.ended == "timeout")
    assert 300 < it.now - begun < 900
    assert tcp.state == "open", "the board has not heard of it"


def test_a_lost_syn_ack_comes_again():
    it = world()
    it.modem.faults.set("half_dead")
    tcp = it.connect(7)
    it.run(1)
    it.modem.faults.clear()
    it.run(10, lambda: tcp.state == "open")
    assert tcp.state == "open" and len(it.servers) == 1


def test_many_connections_at_once():
    it = world(latency_ms=10, loss=0.01)
    all_of_them = [it.connect(7) for _ in range(40)]
    for number, tcp in enumerate(all_of_them):
        tcp.write(noise(3000, number), it.now)
        tcp.finish(it.now)
    it.run(600, lambda: all(tcp.state == "closed" for tcp in all_of_them))
    for number, tcp in enumerate(all_of_them):
        assert bytes(tcp.received) == noise(3000, number)


def test_one_too_many_is_refused():
    it = world()
    states = [it.connect(9).state for _ in range(70)]
    assert states.count("open") == 64 and states.count("reset") == 6


def test_a_forgotten_connection_is_reset_when_the_board_speaks():
    it = world()
    tcp = it.connect(7)
    it.modem.internet.forget_after_s = 60.0
    it.run(61)
    assert not it.modem.internet.connections and tcp.state == "open"
    tcp.write(b"still there?", it.now)
    it.run(1)
    assert tcp.state == "reset"


def test_a_rebooted_board_may_use_the_same_port_again():
    it = world()
    it.connect(9)
    it.tcp.clear()
    again = it.connect(9)  # the same local port, an unknown sequence
    assert again.state == "syn-sent"
    # The challenge: lwIP answers an acknowledgment that it does not expect with a reset.
    challenge = checked(it.packets[-1])[2]
    assert challenge[13] == ACK
    sequence = int.from_bytes(challenge[8:12], "big")
    reset = segment.composed(Segment(50000, 9, sequence, 0, RST, 0), BOARD, GATEWAY)
    it.send_ip(ip.composed(reset, 1))
    it.run(5)
    assert again.state == "open"


# --- one connection, segment by segment ---------------------------------------------------------------------

OPENING = Segment(50000, 80, 1000, 0, SYN, 6400, mss=800)


def opened(window=6400):
    it = Connection(OPENING, 5000, 0.0)
    it.accept(0.0)
    it.outgoing.clear()
    it.receive(Segment(50000, 80, 1001, 5001, ACK, window), 0.05)
    assert it.state == "established" and not it.outgoing
    return it


def sent(it):
    out = list(it.outgoing)
    it.outgoing.clear()
    return out


def test_the_syn_ack():
    it = Connection(OPENING, 5000, 0.0)
    assert it.deadline() is None and not it.outgoing
    it.receive(OPENING, 1.0)  # it is impatient, the server still rings
    assert not it.outgoing
    it.accept(1.5)
    (answer,) = sent(it)
    assert (answer.flags, answer.sequence, answer.acknowledgment) == (SYN | ACK, 5000, 1001)
    assert answer.mss == 1460 and answer.window == RECEIVE_WINDOW
    it.receive(OPENING, 2.0)
    assert [each.flags for each in sent(it)] == [SYN | ACK]


def test_an_unanswered_syn_ack_ends():
    it = Connection(OPENING, 5000, 0.0)
    it.accept(0.0)
    times = []
    while not it.ended:
        times.append(it.deadline())
        it.step(times[-1])
    assert it.ended == "timeout"
    assert [later - earlier for earlier, later in itertools.pairwise(times)] == [6, 12, 24, 48, 60]


def test_a_wrong_acknowledgment_of_the_syn_is_reset():
    it = Connection(OPENING, 5000, 0.0)
    it.accept(0.0)
    sent(it)
    it.receive(Segment(50000, 80, 1001, 7777, ACK, 6400), 0.1)
    (answer,) = sent(it)
    assert (answer.flags, answer.sequence) == (RST, 7777) and it.state == "syn-received"


def test_data_is_cut_to_the_boards_segments_and_window():
    it = opened(window=2000)
    it.write(b"x" * 5000, 1.0)
    assert [len(each.data) for each in sent(it)] == [800, 800]  # 400 more would be a crumb
    it.receive(Segment(50000, 80, 1001, 5801, ACK, 2000), 1.1)
    assert [(each.sequence, len(each.data)) for each in sent(it)] == [(6601, 800)]


def test_three_duplicates_resend_the_first_at_once():
    it = opened()
    it.write(b"x" * 4800, 1.0)
    assert len(sent(it)) == 6
    it.receive(Segment(50000, 80, 1001, 5801, ACK, 6400), 1.1)
    for _ in range(3):
        assert not sent(it)
        it.receive(Segment(50000, 80, 1001, 5801, ACK, 6400), 1.2)
    assert [each.sequence for each in sent(it)] == [5801]
    # A partial acknowledgment: the next hole.
    it.receive(Segment(50000, 80, 1001, 7401, ACK, 6400), 1.3)
    assert [each.sequence for each in sent(it)] == [7401]
    it.receive(Segment(50000, 80, 1001, 9801, ACK, 6400), 1.4)
    assert it.deadline() is None and not sent(it)


def test_the_timer_doubles_and_recovers():
    it = opened()
    it.write(b"x" * 1600, 1.0)
    sent(it)
    first = it.deadline()
    assert first == 2.0, "a round trip of 50 ms: the lowest timeout"
    it.step(first)
    assert [len(each.data) for each in sent(it)] == [800]
    assert it.deadline() == first + 2
    it.step(it.deadline())
    assert it.deadline() == first + 2 + 4
    it.receive(Segment(50000, 80, 1001, 6601, ACK, 6400), 9.0)
    it.write(b"y", 9.0)
    assert it.deadline() == 10.0


def test_out_of_order_is_acknowledged_as_a_gap_and_kept():
    it = opened()
    it.receive(Segment(50000, 80, 1006, 5001, ACK, 6400, b"world"), 1.0)
    assert [each.acknowledgment for each in sent(it)] == [1001]
    it.receive(Segment(50000, 80, 1001, 5001, ACK, 6400, b"hello"), 1.1)
    assert [each.acknowledgment for each in sent(it)] == [1011]
    assert it.take(100) == b"helloworld"


def test_a_fin_that_came_early_waits_for_the_data():
    it = opened()
    it.receive(Segment(50000, 80, 1006, 5001, FIN | ACK, 6400), 1.0)
    assert it.state == "established" and not it.received_all
    it.receive(Segment(50000, 80, 1001, 5001, ACK, 6400, b"hello"), 1.1)
    assert it.state == "close-wait"
    assert sent(it)[-1].acknowledgment == 1007
    assert it.take(100) == b"hello" and it.received_all


def test_a_keepalive_is_answered():
    it = opened()
    it.receive(Segment(50000, 80, 1000, 5001, ACK, 6400), 1.0)
    assert [(each.flags, each.acknowledgment) for each in sent(it)] == [(ACK, 1001)]


def test_a_reset_outside_the_window_is_no_reset():
    it = opened()
    it.receive(Segment(50000, 80, 1001 + 70000, 0, RST, 0), 1.0)
    assert it.ended is None
    it.receive(Segment(50000, 80, 1001, 0, RST, 0), 1.0)
    assert it.ended == "reset"


def test_an_abandoned_connection_ends_with_a_reset():
    it = opened()
    it.finish(1.0)
    sent(it)
    it.receive(Segment(50000, 80, 1001, 5002, ACK, 6400), 1.1)
    it.abandon(2.0)
    assert it.state == "fin-wait-2" and it.deadline() == 62.0
    it.step(62.0)
    assert it.ended == "aborted" and [each.flags for each in sent(it)] == [RST | ACK]


def test_a_fin_in_time_wait_is_acknowledged_again():
    it = opened()
    it.finish(1.0)
    it.receive(Segment(50000, 80, 1001, 5002, ACK, 6400), 1.1)
    fin = Segment(50000, 80, 1001, 5002, FIN | ACK, 6400)
    it.receive(fin, 1.2)
    assert it.state == "time-wait"
    sent(it)
    it.receive(fin, 9.0)
    assert [each.acknowledgment for each in sent(it)] == [1002] and it.deadline() == 19.0


RELATIVE = st.one_of(st.integers(-20, 20), st.integers(-20000, 20000), st.integers(0, 2**32 - 1))
SEGMENTS = st.builds(
    lambda sequence, acknowledgment, flags, window, data: Segment(
        50000, 80, plus(1001, sequence), plus(5001, acknowledgment), flags, window, data
    ),
    RELATIVE,
    RELATIVE,
    st.sampled_from([0, ACK, ACK, ACK, FIN | ACK, SYN, SYN | ACK, RST, FIN, 63]),
    st.sampled_from([0, 1, 100, 6400, 65535]),
    st.one_of(st.just(b""), st.binary(max_size=50), st.just(b"x" * 1460)),
)
ACTS = st.one_of(
    SEGMENTS,
    st.tuples(st.just("write"), st.integers(1, 5000)),
    st.tuples(st.just("take"), st.integers(1, 30000)),
    st.tuples(st.sampled_from(["finish", "wait", "abandon"]), st.just(0)),
)


@settings(max_examples=100, deadline=None)
@given(st.lists(ACTS, max_size=40))
def test_no_segment_breaks_it_and_it_always_ends(acts):
    it, now = opened(), 1.0
    for act in acts:
        now += 0.01
        if isinstance(act, Segment):
            it.receive(act, now)
        elif act[0] == "write":
            it.write(b"w" * min(act[1], it.room), now)
        elif act[0] == "take":
            it.take(act[1])
        elif act[0] == "finish":
            it.finish(now)
        elif act[0] == "abandon":
            it.abandon(now)
        elif (at := it.deadline()) is not None:
            now = max(now, at)
            it.step(now)
        assert len(it._buffer) <= SEND_BUFFER and len(it._inbox) <= RECEIVE_WINDOW
        assert all(0 <= each.window <= RECEIVE_WINDOW for each in it.outgoing)
        it.outgoing.clear()
    it.abandon(now)
    for _ in range(40):
        if it.ended or (at := it.deadline()) is None:
            break
        it.step(max(now, at))
    assert it.ended and it.deadline() is None


# --- the inbox ----------------------------------------------------------------------------------------------


@settings(max_examples=100, deadline=None)
@given(st.data(), st.binary(min_size=1, max_size=300), st.sampled_from([0, 2**32 - 100, 2**31 - 50]))
def test_any_pieces_in_any_order_make_the_same_stream(data, stream, first):
    ends = st.integers(0, len(stream))
    cuts = data.draw(st.lists(st.tuples(ends, ends), max_size=12))
    pieces = [(min(pair), max(pair)) for pair in cuts]
    step = data.draw(st.integers(1, 100))
    pieces += [(at, min(at + step, len(stream))) for at in range(0, len(stream), step)]
    pieces = data.draw(st.permutations(pieces))
    inbox = Inbox(first, 1000)
    for _ in range(2):  # what found no place comes again
        for start, end in pieces:
            flags = FIN | ACK if end == len(stream) else ACK
            piece = Segment(1, 2, plus(first, start), 0, flags, 0, stream[start:end])
            if inbox.accepts(piece.sequence, piece.length):
                inbox.put(piece)
    assert inbox.take(1000) == stream and inbox.finished
    assert inbox.next == plus(first, len(stream) + 1)
