# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Our reader against CPython's: the same values of the same texts, and the same texts refused."""

import json
import math

from hypothesis import example, given, settings
from hypothesis import strategies as st

from ocpp16 import utf8
from ocpp16.json_text import Malformed, read

DEPTH = 8

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
numbers = st.integers(-(10**40), 10**40) | st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(texts, inner, max_size=5),
    max_leaves=15,
)


def depth(value):
    if isinstance(value, dict):
        return 1 + max((depth(item) for item in value.values()), default=0)
    if isinstance(value, list):
        return 1 + max((depth(item) for item in value), default=0)
    return 0


def refuse(text):
    raise ValueError(text)


def tame(value):
    """Whether our reader takes it: no infinity from an overflow, no half surrogates, not too deep."""
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, str):
        return not any(0xD800 <= ord(c) <= 0xDFFF for c in value)
    if isinstance(value, dict):
        return all(tame(key) and tame(item) for key, item in value.items())
    return all(tame(item) for item in value) if isinstance(value, list) else True


def expected(data):
    """(accepted, value): what is to become of these bytes, by CPython's reader and the limits we add."""
    try:
        value = json.loads(data.decode(), parse_constant=refuse)
    except (ValueError, RecursionError):
        return False, None
    return tame(value) and depth(value) <= DEPTH, value


def same(left, right):
    """Equal, and of the same types all the way down."""
    if type(left) is not type(right):
        return False
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    if isinstance(left, list):
        return len(left) == len(right) and all(map(same, left, right))
    return left == right


def judge(data):
    """Check that our reader does with `data` what it should."""
    if not utf8.is_valid(data):
        return  # never comes this far: the WebSocket closes with 1007
    accepted, value = expected(data)
    try:
        got = read(data)
    except Malformed as error:
        assert 0 <= error.offset <= len(data)
        # Only numbers of more than 64 characters are refused without being wrong.
        assert not accepted or any(len(run) > 64 for run in digit_runs(data)), (data, error)
    else:
        assert accepted, data
        assert same(got, value), data


def digit_runs(data):
    run = ""
    for c in data.decode() + " ":
        if c in "0123456789+-.eE":
            run += c
        else:
            yield run
            run = ""


separator_pairs = st.sampled_from([(",", ":"), (", ", ": "), (" ,\n", "\t:\r")])


@given(values, st.booleans(), st.sampled_from([None, 1]), separator_pairs)
def test_what_is_written_is_read(value, ascii_only, indent, separators):
    data = json.dumps(value, ensure_ascii=ascii_only, indent=indent, separators=separators).encode()
    if depth(value) <= DEPTH:
        assert same(read(data), value)
    else:
        judge(data)


pieces = st.sampled_from([
    b"{", b"}", b"[", b"]", b",", b":", b'"', b"\\", b"\\u", b"d83d", b"\\ude00", b"0", b"-", b"1", b".",
    b"e", b"E+", b"true", b"false", b"null", b"NaN", b" ", b"\n", b"\t", b"\x00", b"\x1f", b"a", b'"a"',
    b'""', b"\xc3\xa9", b"\x0c", b"1e999", b"\xef\xbb\xbf", b"/", b"b", b"/*", b"'", b"[]", b"{}", b'"a":',
])  # fmt: skip


@settings(max_examples=1000)
@given(st.lists(pieces, max_size=12).map(b"".join))
@example(b'["\\ud83d\\ude00"]')
@example(b'["\\\\"]')
@example(b"[[[[[[[[[]]]]]]]]]")
def test_heaps_of_tokens(data):
    judge(data)


@settings(max_examples=500)
@given(values, st.data())
def test_damaged_texts(value, data):
    text = bytearray(json.dumps([value], separators=(",", ":"), ensure_ascii=False).encode())
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(text)))
        what = data.draw(st.sampled_from(["drop", "insert", "replace", "cut"]))
        if what == "cut":
            del text[at:]
        else:
            text[at : at + (what != "insert")] = data.draw(pieces) if what != "drop" else b""
    judge(bytes(text))


@given(st.binary(max_size=30))
def test_noise(data):
    judge(data)


@given(st.binary(max_size=40))
def test_utf8_is_what_cpython_says(data):
    try:
        data.decode()
        valid = True
    except UnicodeDecodeError:
        valid = False
    assert utf8.is_valid(data) == valid
