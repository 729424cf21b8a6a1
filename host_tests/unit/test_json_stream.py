# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The streaming reader: the same verdict and the same values as json_text.read, however the text is cut."""

from host_tests.unit.expect import raises
from ocpp16 import json_text
from ocpp16.json_stream import JsonStream, TooLong
from ocpp16.json_text import Malformed

FIELD = "localAuthorizationList"


def streamed(data, size=None, take=None):
    """(message without the items, the items) of a text that comes in pieces of `size` bytes."""
    items = []
    stream = JsonStream(FIELD, take or items.append)
    data = memoryview(data)
    size = size or max(1, len(data))
    for at in range(0, len(data), size):
        for _ in stream.feed(data[at : at + size]):
            pass
    assert stream.at == len(data)
    return stream.end(), items


def whole(data, size=None):
    """The message with its items, as json_text.read gives it."""
    frame, items = streamed(data, size)
    if items:
        assert frame[3][FIELD] == []
        frame[3][FIELD] = items
    return frame


SAME = (
    '[2,"1","SendLocalList",{"listVersion":1,"localAuthorizationList":[{"idTag":"A"}],"updateType":"Full"}]',
    '[2,"1","S",{"localAuthorizationList":[],"listVersion":1}]',
    '[2,"1","S",{"localAuthorizationList":[ \n ]}]',
    '[2,"1","S",{"listVersion":1}]',
    '[2,"1","S",{}]',
    '[2,"1","S",{"localAuthorizationList":null,"x":[{"localAuthorizationList":[1]}]}]',
    '[2,"1","S",{"localAuthorizationList":{"a":[1,2]},"x":[1]}]',
    '[2,"1","S",{"localAuthorizationList":"[1,2]"}]',
    '[2,"1","S",{"x":[],"localAuthorizationList":[1,"a,b",null,[2,[]],{},-1.5,"]","}","\\"","\\\\"],"y":[[1]]}]',
    ' \t[ 2 , "1" , "S" , { "localAuthorizationList" : [ { "idTag" : "A" } , { "idTag" : "B" } ] } ] \r\n',
    '[2,"1","S",{"\\u006cocalAuthorizationList":[{"\\u0069dTag":"\\ud83d\\ude00"},{"idTag":"\U0001f600"}]}]',
    # Not where the list belongs: it is an ordinary part of the message.
    '[2,"1",{"localAuthorizationList":[1,2]},{"x":{"localAuthorizationList":[1,2]}}]',
    '[2,"1","S",{},{"localAuthorizationList":[1,2]}]',
    '[2,"1","S",[{"localAuthorizationList":[1,2]}]]',
    '{"a":2,"b":"1","c":"S","d":{"localAuthorizationList":[1,2]}}',
    '{"localAuthorizationList":[1,2]}',
    '[[2,"1","S",{"localAuthorizationList":[1,2]}]]',
    "[1,2]",
    "5",
    '"localAuthorizationList"',
)


def test_the_same_values_however_it_is_cut():
    for text in SAME:
        data = text.encode()
        expected = json_text.read(data)
        for size in (1, 2, 3, 7, 64, None):
            assert whole(data, size) == expected, (text, size)


def test_every_single_cut():
    data = SAME[10].encode()
    expected = json_text.read(data)
    for cut in range(len(data)):
        items = []
        stream = JsonStream(FIELD, items.append)
        for piece in (data[:cut], data[cut:]):
            for _ in stream.feed(piece):
                pass
        frame = stream.end()
        assert (frame[:3], items) == (expected[:3], expected[3][FIELD]), cut


def test_what_is_taken_and_what_is_left():
    frame, items = streamed(SAME[0].encode())
    assert frame == [2, "1", "SendLocalList", {"listVersion": 1, FIELD: [], "updateType": "Full"}]
    assert items == [{"idTag": "A"}]
    assert streamed(SAME[5].encode())[1] == []
    assert streamed(SAME[11].encode())[1] == []


def listed(text):
    return '[2,"1","S",{"localAuthorizationList":[%s]}]' % text


def test_what_json_text_refuses_is_refused():
    for inner in (
        ",", "1,", ",1", "1,,2", "1 2", "{}{}", "}", "{}}", "]", "[", "{", '{"a":1]', "[1}", '{"a" 1}',
        '{"a":}', "{1:2}", "01", "1.", "tru", "nul l", "NaN", "'a'", '"a', '"a\\"', '"\\x"', '"\\ud83d"',
        '"\\u12"', '"a\tb"', '"a\nb"', "\x0b1", "1\x0c", "\x0c", "\x00", "1e999", "9" * 65, "[[[[[[1]]]]]]",
    ):  # fmt: skip
        data = listed(inner).encode()
        raises(Malformed, json_text.read, data)
        for size in (1, 5, None):
            raises(Malformed, streamed, data, size)


def test_a_list_may_be_as_deep_as_in_a_whole_message():
    for inner in ("[[[[[1]]]]]", '{"a":{"b":{"c":{"d":{"e":1}}}}}'):
        assert whole(listed(inner).encode()) == json_text.read(listed(inner).encode())


def test_damage_around_the_list():
    for text in (
        "",
        " ",
        "]",
        "}",
        '[2,"1","S",{"localAuthorizationList" [1]}]',
        '[2,"1","S",{"localAuthorizationList":[1]]]',
        '[2,"1","S",{"localAuthorizationList":[1}}]',
        '[2,"1","S",{"localAuthorizationList":[1]}]]',
        '[2,"1","S",{"localAuthorizationList":[1]}] x',
        '[2,"1","S",{"localAuthorizationList":[1]},]',
        '[2,"1","S",{"localAuthorizationList":[1] "a":1}]',
        '[2,"1","S",{,"localAuthorizationList":[1]}]',
        '[2,"1","S",{[1]}]',
        "[2,1,1,{[1]}]",
        '[2,"1","S",{"a\\x":[1]}]',
        '[2,"1",,"S",{"localAuthorizationList":[1]}]',
        '[2,"1","S"}',
        "[" * 100,
        "[" * 3000,
        "[]" * 300,
    ):
        data = text.encode()
        raises(Malformed, json_text.read, data)
        for size in (1, 5, None):
            error = raises(ValueError, streamed, data, size)
            assert isinstance(error, (Malformed, TooLong)), text


def test_where_it_shows():
    """A byte of the message is named; of what is left of it only when that is said."""
    for text, said in (
        ('[2,"1","S",{"listVersion":x}]', "value expected at byte 26"),
        (
            '[2,"1","S",{"localAuthorizationList":[1,2,3],"listVersion":x}]',
            "value expected at byte 54 without localAuthorizationList, the message ends at byte 62",
        ),
        (
            '[2,"1","S",{"listVersion":    x}]',
            "value expected at byte 27 without localAuthorizationList, the message ends at byte 33",
        ),
    ):
        assert str(raises(Malformed, streamed, text.encode())) == said


def test_a_text_that_breaks_off_anywhere():
    data = SAME[0].encode()
    for end in range(len(data)):
        raises(Malformed, streamed, data[:end])


def test_a_list_that_comes_twice_is_refused():
    text = '[2,"1","S",{"localAuthorizationList":[1],"x":1,"localAuthorizationList":[2]}]'
    assert "twice" in str(raises(Malformed, streamed, text.encode()))
    # Other keys are as everywhere: the last one counts.
    text = '[2,"1","S",{"localAuthorizationList":5,"x":1,"x":2,"localAuthorizationList":[2]}]'
    assert whole(text.encode()) == [2, "1", "S", {"x": 2, FIELD: [2]}]


def test_one_element_may_not_fill_the_memory():
    for inner in ('"%s"' % ("x" * 511), "[%s]" % ("1," * 256), '{"%s":1}' % ("x" * 20_000)):
        for size in (1, 1000, None):
            data = listed('1,"a",' + inner).encode()
            error = raises(TooLong, streamed, data, size if len(data) < 999 else None)
            assert (error.element, error.limit) == (2, 512)
    longest = listed('"%s","%s"' % ("x" * 510, "y" * 510))
    assert whole(longest.encode()) == json_text.read(longest.encode())


def test_nor_may_the_rest():
    for text in (
        '[2,"1","S",{"x":"%s"' % ("x" * 800),
        '[2,"1","S",{%s' % ('"x":1,' * 200),
        '[2,"1","S",{"localAuthorizationList":[1,2],"x":"%s"}]' % ("x" * 20_000),
        '"' + "x" * 2000,
        "1" * 2000,
    ):
        error = raises(TooLong, streamed, text.encode())
        assert (error.element, error.limit) == (None, 768)


def test_white_space_takes_no_room():
    gap = " \n\t\r" * 200
    text = '[2,"1",G"S",{G"localAuthorizationList"G:[G{"idTag":G"A"G}G,G{"idTag":G"B"G}G]G}G]G'
    text = text.replace("G", gap)
    for size in (50, None):
        assert whole(text.encode(), size) == json_text.read(text.encode())
    # But within a string it is text.
    text = listed('"a%sb"' % (" " * 300))
    assert whole(text.encode()) == json_text.read(text.encode())
    # And between two halves it separates.
    raises(Malformed, streamed, listed("1" + gap + "2").encode())


def test_work_is_done_in_small_steps():
    items = []
    stream = JsonStream(FIELD, items.append)
    data = listed(",".join(['{"idTag":"%d"}' % n for n in range(100)])).encode()
    seen = -1
    steps = 0
    at = 0
    for _ in stream.feed(data):
        assert len(items) - seen <= 1 or seen < 0
        assert stream.at - at <= 256
        seen = len(items)
        at = stream.at
        steps += 1
    assert steps >= 100
    assert len(items) == 100


def test_what_the_taker_raises_comes_through():
    def take(value):
        raise MemoryError("no room")

    raises(MemoryError, streamed, SAME[0].encode(), None, take)
