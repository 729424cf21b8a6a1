# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
from host_tests.unit.expect import raises
from ocpp16 import json_text
from ocpp16.message import encode, harmless, lenient_text, new_message_id, scan_action, scan_head


def test_ids_are_unique_and_short():
    ids = [new_message_id() for _ in range(100)]
    assert len(set(ids)) == 100
    assert all(len(i) <= 24 for i in ids)
    assert len({i.split("-")[0] for i in ids}) == 1  # the part of chance, one for each boot


def test_encode_is_compact_and_readable():
    frame = [3, 'a"\\\n\x01', {"s": "\u20ac\U0001f600<inf>nan", "n": [1, -2, 16.5, None, True]}]
    text = encode(frame)
    assert ", " not in text
    assert ": " not in text
    assert json_text.read(text.encode()) == frame


def test_encode_refuses_what_is_not_json():
    infinity = 1e300 * 1e300
    for bad in (infinity, -infinity, infinity - infinity, object(), {"a": [infinity]}, [(infinity,)]):
        raises(Exception, encode, [2, "id", "X", bad])
    assert encode([float("1.5"), "<", True, False, None, "nan"]) == '[1.5,"<",true,false,null,"nan"]'


def test_scan_head():
    for text, expected in (
        ('[2,"abc","Reset",{', (2, "abc")),
        ('\n [ 2 , "abc" , garbage', (2, "abc")),
        ('[3,"x"', (3, "x")),
        ('[4,"x",', (4, "x")),
        ('[2,"abc', (2, None)),
        ("[2,123,", (2, None)),
        ('[2,"",', (2, None)),
        ('[2,"' + "x" * 36 + '"', (2, "x" * 36)),
        ('[2,"' + "x" * 37 + '"', (2, None)),
        ('[2,"a\\"b",', (2, None)),
        ('[5,"x",', (None, None)),
        ("[2", (None, None)),
        ('{"a":1', (None, None)),
        ("", (None, None)),
        ("hello", (None, None)),
    ):
        assert scan_head(text.encode()) == expected, text
        assert scan_head(memoryview(text.encode())) == expected, text


def test_scan_head_looks_at_the_beginning_only():
    assert scan_head(b'[2,"id",' + b"\xff" * 500) == (None, None)
    assert scan_head(b'[2,"id",' + b"x" * 10000) == (2, "id")
    # The 128 bytes looked at may end inside a character.
    for before in range(100, 125):
        assert scan_head(b'[2,"id",' + b"x" * before + "\U0001f600".encode() * 40) == (2, "id")


def test_lenient_text():
    assert lenient_text(memoryview("a\u20ac".encode())) == "a\u20ac"
    assert lenient_text("a\u20ac".encode()[:-1]) == "a"
    assert lenient_text("a\U0001f600".encode()[:-1]) == "a"
    assert lenient_text(b"\xff\xff\xff\xff\xff") == ""


def test_what_names_the_password_is_not_shown():
    name = "".join(["\\u%04X" % ord(char) for char in "AuthorizationKey"])
    for text in (
        '[2,"7","ChangeConfiguration",{"key":"AuthorizationKey","value":"secret"}]',
        '[2,"7","ChangeConfiguration",{"value":"secret","key":"AUTHORIZATIONKEY"}]',
        '[2,"7","ChangeConfiguration",{"value":"secret","key":"Authorization\\u004bey"}]',
        '[2,"7","ChangeConfiguration",{"value":"secret","key":"authoriza\\u0075authorizationKey"}]',
        '[2,"7","ChangeConfiguration",{"value":"secret","key":"%s"}]' % name,
        '[2,"7","ChangeConfiguration",{"value":"secret","key":"%s' % name.lower(),
    ):
        assert harmless(text) == '[2,"7",... AuthorizationKey ...]', text
    assert "secret" not in harmless('secret {"authorizationkey"')
    for text in (
        '[2,"7","GetConfiguration",{}]',
        "",
        "\\u00",
        "\\u00zz Authorization",
        "\u00e4\\u00e4",
        "\\",
    ):
        assert harmless(text) == text


def test_scan_action():
    for text, action in (
        ('[2,"1","SendLocalList",{', "SendLocalList"),
        (' [ 2 , "1" ,\n"SendLocalList"\t, {', "SendLocalList"),
        ('[2,"\\u0041\\"","\\u0053end",', "Send"),
        ('[2,"%s","%s",{}]' % ("\\u0041" * 36, "\\u0042" * 20), "B" * 20),
        ('[2,"","",', ""),
        ('[2,"\u20ac","x",' + "\u20ac" * 500, "x"),
        ('[3,"1","SendLocalList",{', None),
        ('[4,"1","SendLocalList",{', None),
        (' [3,"1","SendLocalList",{', None),
        ('[2,"1","SendLocalList"', None),
        ('[2,"1","SendLocalList"]', None),
        ('[2,"1","SendLocal', None),
        ('[2,"1",5,{', None),
        ('[2,1,"SendLocalList",{', None),
        ('[22,"1","SendLocalList",{', None),
        ('["2","1","SendLocalList",{', None),
        ('[2,"1""SendLocalList",{', None),
        ('[2,"1","\\x",{', None),
        ('[2,"%s","SendLocalList",{' % ("x" * 390), None),
        ('{"a":[2,"1","SendLocalList",', None),
        ("[2", None),
        ("[", None),
        ("", None),
    ):
        assert scan_action(memoryview(text.encode())) == action, text
    # The head of a message may end inside a character.
    assert scan_action('[2,"1","\u20ac'.encode()[:-1]) is None
    assert scan_action(b'[2,"\xe2\x82","x",') is None
