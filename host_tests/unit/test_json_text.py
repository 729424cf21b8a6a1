# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
import gc

from host_tests.unit.expect import raises
from ocpp16.json_text import Malformed, read


def value(text):
    return read(text.encode())


def offset(text, **options):
    data = text if isinstance(text, bytes) else text.encode()
    return raises(Malformed, read, data, **options).offset


def test_values():
    for text, expected in (
        ("0", 0),
        ("-0", 0),
        ("-12", -12),
        ("1234567890123456789012", 1234567890123456789012),
        ("true", True),
        ("false", False),
        ("null", None),
        ('""', ""),
        ('"a"', "a"),
        ("[]", []),
        ("{}", {}),
        ("[ ]", []),
        ("{\t}", {}),
        ("[1,2]", [1, 2]),
        ('{"a":1,"b":[{}]}', {"a": 1, "b": [{}]}),
        (' \r\n\t[ 1 , { "a" : "b" } , [ ] ] \n', [1, {"a": "b"}, []]),
        ('[2,"id","Reset",{"type":"Soft"}]', [2, "id", "Reset", {"type": "Soft"}]),
    ):
        got = value(text)
        assert got == expected, (text, got)
        assert type(got) is type(expected), text


def test_types_of_numbers():
    assert type(value("1")) is int
    for text in ("1.0", "1e0", "1E+0", "10e-1", "0.1e1"):
        assert type(value(text)) is float
        assert value(text) == 1.0
    assert value("-16.5") == -16.5
    assert value("0.0") == 0
    assert value("[1.5,2]") == [1.5, 2]


def test_the_last_of_equal_keys_stays():
    assert value('{"a":1,"a":2}') == {"a": 2}


def test_every_kind_of_buffer():
    for kind in (bytes, bytearray, memoryview):
        assert read(kind(b"[1]")) == [1]
    assert read(memoryview(b"xx[1]yy")[2:5]) == [1]


def test_what_micropython_s_own_reader_takes_is_refused():
    for text in (
        '{"a" 1}',
        "[1,]",
        "[1,2",
        "[01]",
        "[1 2]",
        "[,1]",
        "[1,,2]",
        '{"a":1,}',
        "{1:2}",
        "{a:1}",
        '{"a":}',
        '{"a"}',
        "[1.]",
        "[.5]",
        "[1.e1]",
        "[1e]",
        "[1e+]",
        "[-]",
        "[+1]",
        "[--1]",
        "[0x1]",
        "[1e400]",
        "[-1e999]",
        '["\t"]',
        '["\n"]',
        '["\x00"]',
        '["\x1f"]',
        '["\\x"]',
        '["\\u12"]',
        '["\\u12g4"]',
        '["\\',
        '["a',
        '"\\"',
        "tru",
        "[nul]",
        "[True]",
        "[NaN]",
        "[Infinity]",
        "[-Infinity]",
        "",
        " ",
        "[",
        "{",
        "]",
        "}",
        "[}",
        "{]",
        "[1}",
        '{"a":1]',
        '["a":1]',
        '{"a",1}',
        "1 2",
        "[] []",
        "[1]x",
        "\ufeff[1]",
        "'a'",
        "[1]\x00",
        "\x00",
        "[\x0b1]",
        '{"a":1 "b":2}',
        "//x",
        "[1/**/]",
        '["\\ud83d"]',
        '["\\ude00"]',
        '["\\ud83dx"]',
        '["\\ud83d\\n"]',
        '["\\ud83d\\ud83d"]',
        "[00]",
        "[-01]",
        '"\\u"',
        '["\\u00',
        "1-",
        "1e5.5",
        "[1_0]",
        "truefalse",
        "nullx",
    ):
        raises(Malformed, value, text)


def test_errors_say_where():
    assert offset('{"a" 1}') == 5
    assert offset("[1,]") == 3
    assert offset("[1,2") == 4
    assert offset("[01]") == 2
    assert offset('["ab\ncd"]') == 1
    assert offset('["a\\q"]') == 3
    assert offset("") == 0
    assert "at byte 3" in str(raises(Malformed, read, b"[1,]"))
    assert isinstance(raises(ValueError, read, b"["), Malformed)


def test_strings():
    assert value('"\\"\\\\\\/\\b\\f\\n\\r\\t"') == '"\\/\b\f\n\r\t'
    assert value('"a\\"b"') == 'a"b'
    assert value('["\\\\","\\\\\\"",""]') == ["\\", '\\"', ""]
    assert value('"\\u0041\\u00e9\\u20AC\\u0000"') == "A\u00e9\u20ac\x00"
    assert value('"\\ud83d\\ude00!"') == "\U0001f600!"
    assert value('"\\uD834\\uDD1E"').encode() == b"\xf0\x9d\x84\x9e"
    assert value('"\u00e9\u20ac\U0001f600"') == "\u00e9\u20ac\U0001f600"
    assert value('{"\\u0061\\"":1}') == {'a"': 1}
    assert value('["\\u0022,\\u005d"]') == ['",]']


def test_depth():
    assert read(b"[[[[[[[[]]]]]]]]") == [[[[[[[[]]]]]]]]
    assert offset("[[[[[[[[[]]]]]]]]]") == 8
    assert read(b'{"a":[1]}', depth=2) == {"a": [1]}
    assert offset('{"a":[{}]}', depth=2) == 6
    assert offset('[{"a":[1]}]', depth=2) == 6
    # Breadth is no depth.
    assert len(read(b"[" + b"[],{}," * 50 + b"[]]")) == 101
    raises(Malformed, read, b"[" * 5000)


def test_a_number_may_not_take_the_processor_s_time():
    assert value("1" * 64) == int("1" * 64)
    assert offset("[" + "1" * 65 + "]") == 1
    assert offset("[0." + "1" * 65 + "]") == 1


def test_every_cut_of_a_message_is_refused():
    text = b'[2,"a\\u00e9\\"b","X",{"k":[1.5,-2e3,true,null,{}],"v":"\xc3\xa9"}]'
    read(text)
    for end in range(len(text)):
        raises(Malformed, read, text[:end])


def test_every_kind_of_escaped_character():
    for first in (0, 0x7F, 0x80, 0x7FF, 0x800, 0xD7FF, 0xE000, 0xFFFF):
        assert value('"\\u%04x"' % first) == chr(first)
    for code in (0x10000, 0x1F50C, 0x10FFFF):
        high, low = 0xD800 + (code - 0x10000 >> 10), 0xDC00 + (code & 0x3FF)
        assert value('"\\u%04X\\u%04X"' % (high, low)) == chr(code)


def test_no_character_is_kept():
    if not hasattr(gc, "mem_alloc"):
        return  # CPython keeps none of them
    text = bytearray(b'"\\u0000"')

    def read_some(first, last):
        for code in range(first, last):
            text[3:7] = b"%04x" % code
            read(text)
        gc.collect()
        return gc.mem_alloc()

    before = read_some(0x4E00, 0x4F00)
    assert read_some(0x4F00, 0x5700) - before < 1000


def test_texts_full_of_escapes():
    for count in (1, 2, 700):
        assert value('"' + "\\u00e4" * count + '"') == "\u00e4" * count
        assert value('["a' + "\\ud83d\\udd0c" * count + 'b"]') == ["a" + "\U0001f50c" * count + "b"]
        assert value('{"' + '\\"\\n-' * count + '":1}') == {'"\n-' * count: 1}
    # What was decoded is not read again: neither as an escape nor as a control character.
    assert value('"\\\\u0041\\n\\u005cn\\"\\t"') == '\\u0041\n\\n"\t'
    assert offset('"\\n\\"a\nb"') == 0
