# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The streaming reader against the ordinary one: the same verdict and values, whatever text and cuts."""

import json
from itertools import pairwise

from hypothesis import example, given, settings
from hypothesis import strategies as st

from host_tests.property.test_json_text import numbers, pieces, same, separator_pairs, texts
from ocpp16 import json_text, utf8
from ocpp16.json_stream import JsonStream, TooLong
from ocpp16.json_text import Malformed

FIELD = "localAuthorizationList"

scalars = st.none() | st.booleans() | numbers | texts | st.just(FIELD)
names = texts | st.just(FIELD) | st.sampled_from(["idTag", "idTagInfo", "listVersion", "updateType"])
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=4),
    max_leaves=8,
)


@st.composite
def messages(draw):
    """The text of something near to a SendLocalList.req."""
    payload = draw(st.dictionaries(names, values, max_size=4))
    if draw(st.sampled_from([True, True, True, False])):
        payload[FIELD] = draw(st.lists(values, max_size=8))
        payload = dict(draw(st.permutations(list(payload.items()))))
    frame = [2, *draw(st.lists(scalars, min_size=2, max_size=2)), payload]
    if draw(st.integers(0, 9)) == 0:
        frame.insert(draw(st.integers(0, 4)), draw(values))
    options = {"ensure_ascii": draw(st.booleans()), "indent": draw(st.sampled_from([None, 1]))}
    text = json.dumps(frame, separators=draw(separator_pairs), **options)
    if draw(st.booleans()):
        text = text.replace(FIELD, "local\\u0041uthorizationLis\\u0074")
    return text.encode()


def occurrences(data):
    """How often the list's name is a key of one object, at most."""
    most = 0

    def count(pairs):
        nonlocal most
        most = max(most, sum(key == FIELD for key, _ in pairs))

    json.loads(data, object_pairs_hook=count)
    return most


def read(data, cuts):
    """What the stream makes of it: the whole value again."""
    items = []
    stream = JsonStream(FIELD, items.append)
    cuts = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    for first, last in pairwise(cuts):
        for _ in stream.feed(memoryview(data)[first:last]):
            pass
    value = stream.end()
    if items:
        assert value[3][FIELD] == []
        value[3][FIELD] = items
    return value


def judge(data, cuts):
    if not utf8.is_valid(data):
        return  # never comes this far
    try:
        expected = json_text.read(data)
    except Malformed:
        try:
            got = read(data, cuts)
        except (Malformed, TooLong):
            return
        raise AssertionError("taken: %r as %r" % (data, got)) from None
    if occurrences(data) > 1:
        return  # what is then refused, and what not, the unit tests say
    try:
        got = read(data, cuts)
    except TooLong:
        assert len(data) > 512
        return
    assert same(got, expected)


cut_points = st.lists(st.integers(0, 2000), max_size=12) | st.just(range(5000))


@settings(max_examples=600)
@given(messages(), cut_points)
def test_messages(data, cuts):
    judge(data, cuts)


@settings(max_examples=600)
@given(messages(), cut_points, st.data())
def test_damaged_messages(data, cuts, drawn):
    text = bytearray(data)
    for _ in range(drawn.draw(st.integers(1, 3))):
        at = drawn.draw(st.integers(0, len(text)))
        what = drawn.draw(st.sampled_from(["drop", "insert", "replace", "cut"]))
        if what == "cut":
            del text[at:]
        else:
            text[at : at + (what != "insert")] = drawn.draw(pieces) if what != "drop" else b""
    judge(bytes(text), cuts)


@settings(max_examples=1000)
@given(st.lists(pieces, max_size=12).map(b"".join), cut_points, st.sampled_from([b"]}]", b"]", b"}]", b""]))
@example(b"1,", [], b"]}]")
@example(b"]", [], b"}]")
def test_heaps_of_tokens(inner, cuts, tail):
    judge(b'[2,"1","S",{"localAuthorizationList":[' + inner + tail, cuts)


@given(st.binary(max_size=40), cut_points)
def test_utf8_in_pieces_is_utf8_in_one(data, cuts):
    judge_utf8(data, cuts)


@given(st.text(max_size=20).map(str.encode), cut_points, st.binary(max_size=2), st.integers(0, 40))
def test_damaged_utf8_in_pieces(data, cuts, damage, at):
    judge_utf8(data[:at] + damage + data[at:], cuts)


def judge_utf8(data, cuts):
    cuts = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    cut = b""
    for first, last in pairwise(cuts):
        cut = utf8.continues(memoryview(data)[first:last], cut)
        if cut is None:
            break
    assert (cut == b"") == utf8.is_valid(data)
