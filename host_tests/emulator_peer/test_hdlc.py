# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Frames on the serial line."""

from hypothesis import given
from hypothesis import strategies as st

from emulator.modem.hdlc import LONGEST, Deframer, fcs16, framed
from host_tests.emulator_peer import board_ppp

PROTOCOLS = st.sampled_from([0x21, 0x8021, 0xC021, 0xC023, 0xC223, 0x8057])


def test_fcs_of_the_usual_check_string():
    assert fcs16(b"123456789") == 0x906E  # CRC-16/X-25


@given(PROTOCOLS, st.binary(max_size=1500))
def test_a_frame_is_what_another_implementation_makes(protocol, data):
    assert framed(protocol, data) == board_ppp.frame(protocol, data)
    assert board_ppp.unframe(framed(protocol, data, 0, True, True)) == [(protocol, data)]


@given(
    st.lists(st.tuples(PROTOCOLS, st.binary(min_size=1, max_size=60)), max_size=8),
    st.integers(1, 40),
    st.integers(0, 3),
)
def test_frames_come_out_however_the_stream_is_cut(frames, size, style):
    short_protocol, short_address = bool(style & 1), bool(style & 2)
    stream = b"".join(framed(protocol, data, 0, short_protocol, short_address) for protocol, data in frames)
    deframer = Deframer()
    out = []
    for at in range(0, len(stream), size):
        out += deframer.feed(stream[at : at + size])
    assert out == frames
    assert deframer.counts.good == len(frames) and deframer.counts.bad == 0


@given(st.binary(min_size=4, max_size=200), st.integers(min_value=0), st.integers(0, 7))
def test_no_single_wrong_bit_gets_through(data, at, bit):
    frame = bytearray(framed(0x21, data))
    frame[1 + at % (len(frame) - 2)] ^= 1 << bit
    deframer = Deframer()
    # A bit that makes a flag of a byte makes two damaged frames of one.
    assert deframer.feed(bytes(frame)) == []
    assert deframer.counts.bad in (1, 2) and deframer.counts.good == 0


@given(st.binary(max_size=3000))
def test_noise_is_counted_and_forgotten(noise):
    deframer = Deframer()
    deframer.feed(noise + b"~")
    assert deframer.feed(framed(0x21, b"after")) == [(0x21, b"after")]


def test_an_aborted_a_short_and_an_endless_frame():
    deframer = Deframer()
    assert deframer.feed(b"~NO CARRIER}~ab~") == []
    assert (deframer.counts.aborted, deframer.counts.short) == (1, 1)
    for _ in range(100):
        deframer.feed(b"x" * LONGEST)
    assert deframer.feed(b"~") == [] and deframer.counts.long == 1
    assert len(deframer._unfinished) <= LONGEST
    assert deframer.feed(framed(0x21, b"after")) == [(0x21, b"after")]


def test_one_flag_between_two_frames_is_enough():
    assert len(Deframer().feed(framed(0x21, b"one")[:-1] + framed(0x21, b"two"))) == 2
