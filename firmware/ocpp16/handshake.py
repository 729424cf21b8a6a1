# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The HTTP upgrade that opens a WebSocket (RFC 6455 section 4; OCPP-J 1.6 section 3): request and answer as
text."""

import binascii
import errno
import hashlib
import os

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

# What an answer may look like at most; a proxy's error page is not read at all.
HEAD_LIMIT = 4096
_LINES = 64


class Refused(OSError):
    """The server did not open the WebSocket. `status`: the HTTP status code, 0 when it was not that."""

    errno = errno.ECONNREFUSED

    def __init__(self, reason, status=0):
        super().__init__(reason)
        self.reason = reason
        self.status = status


def new_key() -> str:
    return _base64(os.urandom(16))


def _base64(data):
    return binascii.b2a_base64(data).decode().strip()


def accept_value(key: str) -> str:
    return _base64(hashlib.sha1(key.encode() + _GUID).digest())


def request(target: str, authority: str, key: str, protocol: str, authorization=None) -> bytes:
    """The upgrade request. `authorization`: None or (user str, password bytes) for HTTP Basic.

    The password is bytes: an OCPP AuthorizationKey is sent as the bytes its hex digits stand for, printable
    or not. Raises ValueError when a part could break out of its line, or the user has a colon (RFC 7617).
    """
    lines = [
        "GET %s HTTP/1.1" % target,
        "Host: " + authority,
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Key: " + key,
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Protocol: " + protocol,
    ]
    if authorization:
        user, password = authorization
        if ":" in user:
            raise ValueError("user of Basic authorization has a colon")
        lines.append("Authorization: Basic " + _base64(user.encode() + b":" + password))
    for line in lines:
        for c in line:
            if not " " <= c <= "~":
                raise ValueError("upgrade request would have a control or non-ASCII character")
    if " " in target:
        raise ValueError("request target has a space")
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def check_start(head) -> None:
    """Look at the first bytes of an answer as soon as they are there: whoever speaks no HTTP is left at
    once."""
    if bytes(head[:7]) != b"HTTP/1."[: len(head)]:
        raise Refused("answer is not HTTP")


def check_answer(head: bytes, key: str, protocol: str) -> None:
    """Judge the answer up to and including its empty line. Raises Refused with a readable reason."""
    try:
        text = str(head, "utf-8")
    except UnicodeError:
        raise Refused("answer is not text")
    lines = text.split("\r\n")
    if len(lines) > _LINES:
        raise Refused("answer of more than %d lines" % _LINES)
    status = _status(lines[0])
    fields = _fields(lines[1:])
    if status != 101:
        raise Refused(_why(status, fields), status)
    if fields.get("upgrade", "").lower() != "websocket":
        raise Refused("answer without Upgrade: websocket")
    if "upgrade" not in [part.strip().lower() for part in fields.get("connection", "").split(",")]:
        raise Refused("answer without Connection: Upgrade")
    if fields.get("sec-websocket-accept") != accept_value(key):
        raise Refused("wrong Sec-WebSocket-Accept")
    # OCPP-J 1.6 section 3.3, errata 2025-04: a server that did not choose the subprotocol does not speak it.
    chosen = fields.get("sec-websocket-protocol")
    if chosen is None:
        raise Refused("server chose no subprotocol, %s is needed" % protocol)
    if chosen != protocol:
        raise Refused("server chose subprotocol %s, %s is needed" % (chosen[:40], protocol))
    if fields.get("sec-websocket-extensions"):
        raise Refused("server chose an extension nobody asked for")


def _status(line):
    # RFC 9112 section 4: "HTTP/1.1 101 Switching Protocols", the phrase may be empty or missing.
    parts = line.split(" ", 2)
    if len(parts) >= 2 and parts[0] in ("HTTP/1.1", "HTTP/1.0") and len(parts[1]) == 3 and parts[1].isdigit():
        return int(parts[1])
    raise Refused("answer is not HTTP")


def _fields(lines):
    fields = {}
    for line in lines:
        if not line:
            continue
        name, colon, value = line.partition(":")
        if not colon or not name or name.strip() != name:
            raise Refused("answer with a broken header line")
        name = name.lower()
        value = value.strip()
        # A field given twice counts as a list (RFC 9110 section 5.3): two Accepts or two subprotocols match
        # nothing.
        fields[name] = fields[name] + ", " + value if name in fields else value
    return fields


def _why(status, fields):
    if 300 <= status < 400:
        return "redirected to %s, which is not followed" % fields.get("location", "nowhere")[:100]
    known = {
        400: "bad request",
        401: "not authorized: wrong id or AuthorizationKey",
        403: "forbidden",
        404: "charge point id unknown to the server",
        426: "server wants another protocol version",
        429: "too many requests",
        503: "server not available",
    }
    return "HTTP %d %s" % (status, known.get(status, "instead of a WebSocket"))
