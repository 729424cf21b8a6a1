# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
from host_tests.unit.expect import raises
from net import url


def parts(text):
    u = url.parse(text)
    return u.scheme, u.host, u.port, u.target


def test_default_ports_and_targets():
    assert parts("ws://csms.example/ocpp/CP1") == ("ws", "csms.example", 80, "/ocpp/CP1")
    assert parts("WSS://csms.example") == ("wss", "csms.example", 443, "/")
    assert parts("http://h:8080?x=1") == ("http", "h", 8080, "/?x=1")
    assert parts("ftp://h/a/b;c") == ("ftp", "h", 21, "/a/b;c")
    assert parts("https://h/p?q=/x?y") == ("https", "h", 443, "/p?q=/x?y")


def test_fragment_is_not_sent():
    assert parts("ws://h/a#b")[3] == "/a"


def test_ipv6():
    assert parts("ws://[::1]:9000/x") == ("ws", "::1", 9000, "/x")
    assert url.parse("ws://[::1]:9000/x").authority() == "[::1]:9000"
    assert url.parse("ws://[fe80::2]/x").authority() == "[fe80::2]"
    for bad in ("ws://[::1/x", "ws://[::1]9/x", "ws://[]/x"):
        raises(ValueError, url.parse, bad)


def test_authority_names_the_port_only_when_it_is_not_the_usual_one():
    assert url.parse("ws://h:80/x").authority() == "h"
    assert url.parse("wss://h:80/x").authority() == "h:80"


def test_user_and_password():
    u = url.parse("ftp://me:p%40ss%3A@h/x")
    assert (u.user, u.password, u.host) == ("me", "p@ss:", "h")
    u = url.parse("ws://a@b@h/x")
    assert (u.user, u.password, u.host) == ("a@b", None, "h")
    assert url.parse("ftp://h/a@b").user is None


def test_a_password_that_is_not_encoded_is_refused_and_not_told():
    for bad in (
        "wss://CP1:hunter2secret/x@host/ocpp",
        "wss://CP1:hunter2secret?x@host",
        "wss://CP1:hunter2secret#x@host",
        "wss://CP1:12345/hunter2secret@host/x",  # this would be host CP1, port 12345
        "wss://CP1:12345#hunter2secret@host/x",
        "wss://CP1:hunter2secret",
    ):
        assert "hunter2" not in str(raises(ValueError, url.parse, bad)), bad


def test_what_could_break_out_of_a_request_line_is_refused():
    for bad in ("ws://h/a b", "ws://h/a\r\nX: y", "ws://h/\x00", "ws://h/\u00e4", "ws://h\t/"):
        raises(ValueError, url.parse, bad)


def test_other_bad_urls():
    for bad in (
        "",
        "h/x",
        "ws:/h",
        "ws://",
        "ws:///x",
        "gopher://h",
        "ws://h:0",
        "ws://h:65536",
        "ws://h:8a",
        "ws://h:-1",
        "ws://h:123456",
        "://h",
    ):
        raises(ValueError, url.parse, bad)
    assert parts("ws://h:/x")[2] == 80


def test_quote_and_unquote():
    assert url.quote("CP-1_a.b~c") == "CP-1_a.b~c"
    assert url.quote("A/B C%\u00e9\u20ac") == "A%2FB%20C%25%C3%A9%E2%82%AC"
    for text in ("", "plain", "A/B C%", "\u00e9\u20ac\U0001f50c", "a+b"):
        assert url.unquote(url.quote(text)) == text
    for bad in ("%", "%4", "a%zz", "%+5", "% 5", "%C3", "%4\u00e9"):
        raises(ValueError, url.unquote, bad)
