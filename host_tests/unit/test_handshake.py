# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
import binascii

from host_tests.unit.expect import raises
from ocpp16 import handshake
from ocpp16.handshake import Refused

KEY = "dGhlIHNhbXBsZSBub25jZQ=="  # RFC 6455 section 1.3
ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


def answer(status="101 Switching Protocols", drop=(), **replace):
    fields = {
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Accept": ACCEPT,
        "Sec-WebSocket-Protocol": "ocpp1.6",
    }
    fields.update({name.replace("_", "-"): value for name, value in replace.items()})
    lines = ["HTTP/1.1 " + status]
    lines += ["%s: %s" % (name, fields[name]) for name in sorted(fields) if name not in drop]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def refused(head):
    return raises(Refused, handshake.check_answer, head, KEY, "ocpp1.6")


def test_accept_value_of_the_rfc():
    assert handshake.accept_value(KEY) == ACCEPT


def test_keys_are_16_random_bytes():
    keys = [handshake.new_key() for _ in range(10)]
    assert len(set(keys)) == 10
    assert all(len(binascii.a2b_base64(key)) == 16 for key in keys)


def test_request():
    text = handshake.request("/ocpp/CP1", "csms:9000", KEY, "ocpp1.6").decode()
    lines = text.split("\r\n")
    assert lines[0] == "GET /ocpp/CP1 HTTP/1.1"
    assert lines[-2:] == ["", ""]
    for line in (
        "Host: csms:9000",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Key: " + KEY,
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Protocol: ocpp1.6",
    ):
        assert line in lines
    assert "Authorization" not in text


def test_basic_authorization_carries_bytes():
    for password in (b"0001020304050607", b"\x00\xff\x80\r\n:", b""):
        text = handshake.request("/x", "h", KEY, "ocpp1.6", ("CP1", password)).decode()
        value = text.partition("Authorization: Basic ")[2].partition("\r\n")[0]
        assert binascii.a2b_base64(value) == b"CP1:" + password


def test_nothing_can_break_out_of_its_line():
    for bad in (
        ("/x\r\nX: y", "h", KEY, "ocpp1.6"),
        ("/x y", "h", KEY, "ocpp1.6"),
        ("/x", "h\r\nX: y", KEY, "ocpp1.6"),
        ("/x", "h", KEY, "ocpp1.6\n"),
        ("/x", "h", KEY, "ocpp1.6", ("a:b", b"")),
    ):
        raises(ValueError, handshake.request, *bad)
    # A user with control characters or of another script is inside base64 and harmless.
    handshake.request("/x", "h", KEY, "ocpp1.6", ("\u00e9\r\n", b""))


def test_good_answers():
    handshake.check_answer(answer(), KEY, "ocpp1.6")
    handshake.check_answer(answer("101"), KEY, "ocpp1.6")
    handshake.check_answer(answer(Connection="keep-alive, UPGRADE", Upgrade="WebSocket"), KEY, "ocpp1.6")
    handshake.check_answer(answer(X_Other="a:b", Server=""), KEY, "ocpp1.6")


def test_upgrade_and_accept_are_checked():
    assert "Upgrade" in refused(answer(drop=["Upgrade"])).reason
    assert "Upgrade" in refused(answer(Upgrade="h2c")).reason
    assert "Connection" in refused(answer(drop=["Connection"])).reason
    assert "Connection" in refused(answer(Connection="close")).reason
    assert "Accept" in refused(answer(drop=["Sec-WebSocket-Accept"])).reason
    assert "Accept" in refused(answer(Sec_WebSocket_Accept=ACCEPT.lower())).reason
    assert "extension" in refused(answer(Sec_WebSocket_Extensions="permessage-deflate")).reason


def test_the_subprotocol_must_be_the_one_asked_for():
    assert "no subprotocol" in refused(answer(drop=["Sec-WebSocket-Protocol"])).reason
    for other in ("ocpp2.0.1", "OCPP1.6", "ocpp1.6, ocpp1.6", ""):
        error = refused(answer(Sec_WebSocket_Protocol=other))
        assert "ocpp1.6 is needed" in error.reason
    twice = answer().replace(b"Upgrade: ", b"Sec-WebSocket-Protocol: ocpp1.6\r\nUpgrade: ", 1)
    refused(twice)


def test_http_errors_have_their_status_and_reason():
    for status, word in (
        ("401 Unauthorized", "AuthorizationKey"),
        ("403 Forbidden", "forbidden"),
        ("404 Not Found", "unknown"),
        ("500 Oops", "HTTP 500"),
        ("200 OK", "HTTP 200"),
        ("503 x", "not available"),
    ):
        error = refused(answer(status))
        assert error.status == int(status[:3])
        assert word in error.reason
        assert isinstance(error, OSError)


def test_a_redirect_says_where_to():
    error = refused(answer("301 Moved", Location="ws://other/x"))
    assert error.status == 301
    assert "ws://other/x" in error.reason
    assert "nowhere" in refused(answer("302 Found")).reason


def test_garbage():
    for head in (
        b"\r\n\r\n",
        b"hello\r\n\r\n",
        b"HTTP/2 101 x\r\n\r\n",
        b"HTTP/1.1 1o1 x\r\n\r\n",
        b"HTTP/1.1 1011 x\r\n\r\n",
        b"HTTP/1.1\r\n\r\n",
        b"HTTP/1.1 101 x\r\nno colon\r\n\r\n",
        b"HTTP/1.1 101 x\r\n: empty\r\n\r\n",
        b"HTTP/1.1 101 x\r\nA : b\r\n\r\n",
        b"HTTP/1.1 101 \xff\r\n\r\n",
        b"HTTP/1.1 101 x\r\n" + b"A: b\r\n" * 100 + b"\r\n",
    ):
        refused(head)


def test_who_speaks_no_http_is_known_from_the_first_bytes():
    for start in (b"", b"H", b"HTTP/1.", b"HTTP/1.1 200"):
        handshake.check_start(start)
        handshake.check_start(memoryview(start))
    for start in (b"S", b"HTTP/2", b"220 ftp ready", b"\x16\x03\x01", b"HTTP/9."):
        raises(Refused, handshake.check_start, start)
