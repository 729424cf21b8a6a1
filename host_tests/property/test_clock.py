# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Timestamps against the standard library's datetime; resolving stamps over random lives of a station."""

from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from station import timestamp
from station.clock import Clock

moments = st.integers(timestamp.EARLIEST_MS, timestamp.LATEST_MS)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@given(st.integers(-62135596800000, 253402300799999))
def test_text_is_what_datetime_writes(utc_ms):
    moment = EPOCH + timedelta(milliseconds=utc_ms)
    wanted = moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    assert timestamp.text(utc_ms) == wanted
    assert timestamp.text(utc_ms, False) == moment.strftime("%Y-%m-%dT%H:%M:%SZ").zfill(20)


@given(moments)
def test_parse_undoes_text(utc_ms):
    assert timestamp.parse(timestamp.text(utc_ms)) == utc_ms
    assert timestamp.parse(timestamp.text(utc_ms, False)) == utc_ms - utc_ms % 1000


@given(
    st.integers(timestamp.EARLIEST_MS * 1000 + 10**11, timestamp.LATEST_MS * 1000 - 10**11),
    st.integers(-23 * 60 - 59, 23 * 60 + 59),
    st.sampled_from(["seconds", "milliseconds", "microseconds"]),
)
def test_parse_reads_what_datetime_writes_in_any_zone(utc_us, offset_minutes, timespec):
    moment = (EPOCH + timedelta(microseconds=utc_us)).astimezone(timezone(timedelta(minutes=offset_minutes)))
    written = moment.isoformat(timespec=timespec)
    assert timestamp.parse(written) == (datetime.fromisoformat(written) - EPOCH) // timedelta(milliseconds=1)


@given(st.text(alphabet="0123456789-:.TtZz+ ", max_size=40) | st.text(max_size=40))
def test_parse_raises_nothing_but_value_errors(text):
    try:
        found = timestamp.parse(text)
    except ValueError:
        return
    assert timestamp.EARLIEST_MS <= found <= timestamp.LATEST_MS


@given(moments, st.integers(0, 40), st.text(max_size=2))
def test_one_damaged_place_never_gives_a_time_out_of_range(utc_ms, place, rubbish):
    text = timestamp.text(utc_ms)
    text = text[:place] + rubbish + text[place + 1 :]
    try:
        assert timestamp.EARLIEST_MS <= timestamp.parse(text) <= timestamp.LATEST_MS
    except ValueError:
        pass


# A life: boots, each with its events. (True time passes while the station is off as well.)
events = st.lists(
    st.tuples(st.sampled_from(["stamp", "sync", "keep", "run"]), st.integers(0, 10_000_000)), max_size=12
)
boots = st.lists(st.tuples(st.integers(0, 100_000_000), events), min_size=1, max_size=6)


@given(boots, st.integers(0, 1 << 30))
def test_stamps_of_any_life_resolve_in_order_and_never_into_the_future(life, ticks):
    true_ms = timestamp.parse("2026-11-20T12:00:00Z")
    memory = {}
    stamps = []  # (stamp, true time, boot learnt the time)
    exact_boots = set()
    for number, (off_ms, happenings) in enumerate(life, 1):
        true_ms += off_ms
        clock = Clock(number, ticks % (1 << 30), **memory)
        for what, amount in happenings:
            if what == "run":
                true_ms += amount
                ticks += amount
                clock.advance(ticks % (1 << 30))
            elif what == "sync":
                clock.set_utc_ms(true_ms)
                exact_boots.add(number)
                memory = {"floor_utc_ms": clock.floor_utc_ms, "anchors": clock.anchors}
            elif what == "keep":
                memory = {"floor_utc_ms": clock.floor_utc_ms, "anchors": clock.anchors}
            else:
                stamps.append((clock.stamp(), true_ms, number))
        if not happenings or number == len(life):
            memory = {"floor_utc_ms": clock.floor_utc_ms, "anchors": clock.anchors}
    clock = Clock(len(life) + 1, ticks % (1 << 30), **memory)
    clock.set_utc_ms(true_ms)
    found = [clock.resolve(stamp) for stamp, _, _ in stamps]
    for utc_ms, (_, truth, number) in zip(found, stamps, strict=True):
        assert utc_ms <= true_ms
        if number in exact_boots:
            assert utc_ms == truth
    assert found == sorted(found)
