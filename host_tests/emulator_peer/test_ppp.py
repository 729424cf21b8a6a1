# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""LCP, authentication and IPCP with a board that behaves as lwIP does, and with ones that do not."""

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from emulator.modem.options import BadPacket, unpacked
from emulator.modem.ppp import PppLink, PppSettings
from host_tests.emulator_peer.board_ppp import BoardPpp, control, frame, options, packed, unframe

ADDRESS, GATEWAY = b"\x0a\x40\x00\x02", b"\x0a\x40\x00\x01"


def link(**settings):
    made = PppLink(PppSettings(**settings), 0xCAFE, b"0123456789abcdef")
    made.start(0.0)
    return made


def talk(modem, board, until=60.0, lose=lambda: False, now=0.0):
    """Both ends, with frames lost on the way, until nothing more happens."""
    while True:
        quiet = True
        for source, sink in ((modem, board), (board, modem)):
            data = source.take()
            if data:
                quiet = False
                for raw in data.split(b"~"):
                    if raw and not lose():
                        sink.receive(b"~" + raw + b"~", now)
        if not quiet:
            continue
        due = [at for at in (modem.deadline(), board.deadline()) if at is not None]
        if not due or min(due) > until:
            return now
        now = max(now, min(due))
        modem.step(now)
        board.step(now)


def test_the_board_gets_its_address_and_dns():
    modem, board = link(), BoardPpp()
    board.start(0.0)
    talk(modem, board)
    assert modem.phase == "running" and board.address == ADDRESS
    assert (board.ipcp[129], board.ipcp[131]) == (GATEWAY, GATEWAY)
    assert 2 not in board.ipcp, "Van Jacobson was to be rejected"
    assert board.rejected_protocols == [0x8057]


def test_a_packet_goes_both_ways_and_is_short_when_agreed():
    modem, board = link(), BoardPpp()
    board.start(0.0)
    talk(modem, board)
    board.send_ip(b"\x45 from the board")
    modem.receive(board.take(), 1.0)
    assert list(modem.packets) == [b"\x45 from the board"]
    assert modem.send_ip(b"\x45\x01to the board")
    data = modem.take()
    assert data.startswith(b"~\x21\x45\x01"), "PFC, ACFC and an empty ACCM were agreed"
    assert unframe(data) == [(0x21, b"\x45\x01to the board")]


def test_no_ip_before_the_link_is_up():
    modem = link()
    assert not modem.send_ip(b"\x45")
    modem.receive(frame(0x21, b"\x45 early"), 0.0)
    assert not modem.packets


@given(st.integers(0, 10**6), st.sampled_from([0.1, 0.3]), st.sampled_from([None, "pap", "chap"]))
def test_lost_frames_only_delay_it(seed, rate, authentication):
    chance = Random(seed)
    modem = link(authentication=authentication)
    board = BoardPpp(b"user", b"secret")
    board.start(0.0)
    talk(modem, board, 90.0, lambda: chance.random() < rate)
    # Ten requests in a row may be lost, and then the link says so: never a state between.
    assert (modem.phase == "running" and board.address == ADDRESS) or modem.dead


def test_nobody_answers():
    modem = link()
    sent = 0
    now = 0.0
    while not modem.dead:
        sent += len(unframe(modem.take()))
        now = modem.deadline()
        modem.step(now)
    assert sent == 10 and now == 30.0 and "LCP" in modem.why_dead


def test_passive_waits_for_the_board():
    modem, board = link(passive=True), BoardPpp()
    assert modem.take() == b"" and modem.deadline() is None
    board.start(0.0)
    talk(modem, board)
    assert modem.phase == "running"


def test_pap():
    for user, right in ((b"user", True), (b"other", False)):
        modem = link(authentication="pap", credentials=("user", "secret"))
        board = BoardPpp(user, b"secret")
        board.start(0.0)
        talk(modem, board)
        assert board.authenticated is right
        assert (modem.phase == "running") is right and modem.dead is not right


def test_chap():
    for password, right in ((b"secret", True), (b"wrong", False)):
        modem = link(authentication="chap", credentials=("user", "secret"))
        board = BoardPpp(b"user", password)
        board.start(0.0)
        talk(modem, board)
        assert board.authenticated is right
        assert (modem.phase == "running") is right
        assert right or modem.why_dead == "authentication refused"


def test_anybody_and_nobody():
    for authentication in ("pap", "chap"):
        modem = link(authentication=authentication)
        board = BoardPpp(b"anybody", b"anything")
        board.start(0.0)
        talk(modem, board)
        assert modem.phase == "running"
        modem = link(authentication=authentication, refuse_everybody=True)
        board = BoardPpp(b"anybody", b"anything")
        board.start(0.0)
        talk(modem, board)
        assert board.authenticated is False and modem.dead


def test_a_board_that_never_authenticates():
    modem, board = link(authentication="pap"), BoardPpp()
    board._up = lambda protocol, now: None
    board.start(0.0)
    talk(modem, board, until=100.0)
    assert modem.dead and modem.why_dead == "nobody authenticated"


def test_a_board_that_refuses_to_authenticate_is_let_in():
    modem, board = link(authentication="chap"), BoardPpp()
    request = unframe(modem.take())[-1][1]
    number = request[1]
    modem.receive(frame(0xC021, control(4, number, packed({3: options(request[4:])[3]}))), 0.1)
    board.start(0.2)
    talk(modem, board, now=0.2)
    assert modem.phase == "running"


def test_echo_is_answered_with_the_modems_magic():
    modem, board = link(), BoardPpp()
    board.start(0.0)
    talk(modem, board)
    board.echo(77)
    modem.receive(board.take(), 1.0)
    assert unframe(modem.take()) == [(0xC021, control(10, 77, b"\0\0\xca\xfeping"))]


def test_either_end_terminates():
    modem, board = link(), BoardPpp()
    board.start(0.0)
    talk(modem, board)
    board.terminate()
    modem.receive(board.take(), 1.0)
    assert unframe(modem.take()) == [(0xC021, control(6, 99))]
    assert modem.dead and modem.why_dead == "terminated" and not modem.send_ip(b"\x45")

    modem, board = link(), BoardPpp()
    board.start(0.0)
    talk(modem, board)
    modem.terminate("Network", 1.0)
    talk(modem, board, now=1.0)
    assert modem.dead and board.dead


def test_terminating_ends_without_an_answer():
    modem, board = link(), BoardPpp()
    board.start(0.0)
    talk(modem, board)
    modem.terminate("Network", 1.0)
    assert len(unframe(modem.take())) == 1
    modem.step(4.0)
    assert len(unframe(modem.take())) == 1
    modem.step(7.0)
    assert modem.dead and modem.deadline() is None


def test_a_board_that_begins_anew_gets_through():
    modem, board = link(), BoardPpp()
    board.start(0.0)
    talk(modem, board)
    again = BoardPpp()  # rebooted, and dialled again without a hang-up
    again.start(5.0)
    modem.receive(again.take(), 5.0)
    assert modem.phase == "establish" and not modem.send_ip(b"\x45")
    talk(modem, again, now=5.0)
    assert modem.phase == "running" and again.address == ADDRESS


def test_lcp_options_that_are_unknown_wrong_or_too_large():
    modem = link()
    modem.take()
    wanted = {2: bytes(4), 13: b"\x06", 5: b"abcd"}
    modem.receive(frame(0xC021, control(1, 9, packed(wanted))), 0.0)
    assert unframe(modem.take()) == [(0xC021, control(4, 9, packed({13: b"\x06"})))]
    modem.receive(frame(0xC021, control(1, 10, packed({1: b"\x10\x00"}))), 0.0)
    assert unframe(modem.take()) == [(0xC021, control(3, 10, packed({1: b"\x05\xdc"})))]
    modem.receive(frame(0xC021, control(1, 11, packed({1: b"\x05\xdc"}))), 0.0)
    assert unframe(modem.take()) == [(0xC021, control(2, 11, packed({1: b"\x05\xdc"})))]


def test_unknown_codes_are_rejected():
    modem, board = link(), BoardPpp()
    board.start(0.0)
    talk(modem, board)
    packet = control(200, 5, b"what")
    modem.receive(frame(0xC021, packet) + frame(0x8021, packet), 1.0)
    (_, first), (_, second) = unframe(modem.take())
    assert first[0] == second[0] == 7 and first[4:] == second[4:] == packet


def test_ipcp_rejected_ends_the_link():
    modem, board = link(), BoardPpp()
    board._begin_network = lambda now: board.out.append(frame(0xC021, control(8, 1, b"\x80\x21")))
    board.start(0.0)
    talk(modem, board)
    assert modem.dead and modem.why_dead == "IPCP rejected"


def test_options_whose_lengths_lie():
    for data in (b"\x01", b"\x01\x01", b"\x01\x05ab", b"\x01\x04abc\x00"):
        try:
            unpacked(data)
        except BadPacket:
            continue
        raise AssertionError(data)
    assert unpacked(b"\x07\x02\x01\x04\x05\xdc") == {7: b"", 1: b"\x05\xdc"}


CODED = st.builds(
    control,
    st.integers(0, 20),
    st.integers(0, 12),
    st.one_of(st.binary(max_size=30), st.just(b"\x02\x06\0\0\0\0")),
)
ANY_FRAME = st.builds(
    frame,
    st.sampled_from([0x21, 0x8021, 0xC021, 0xC023, 0xC223, 0x8057]),
    st.one_of(CODED, st.binary(max_size=40)),
)


@given(
    st.lists(st.one_of(ANY_FRAME, st.binary(max_size=40)), max_size=30),
    st.sampled_from([None, "pap", "chap"]),
)
def test_nothing_that_comes_breaks_it(pieces, authentication):
    modem = link(authentication=authentication)
    now = 0.0
    for piece in pieces:
        now += 0.7
        modem.receive(piece, now)
        modem.step(now)
        unframe(modem.take())
    assert len(modem.packets) <= 256
    # Left alone it comes to an end, or is up.
    for _ in range(60):
        at = modem.deadline()
        if at is None:
            break
        modem.step(at)
    assert modem.deadline() is None
