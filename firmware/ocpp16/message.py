# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The text of OCPP-J messages: ids, writing, and what can be saved of one that cannot be read."""

import binascii
import json
import os

from ocpp16 import json_text

CALL = 2
CALLRESULT = 3
CALLERROR = 4

ID_LIMIT = 36  # OCPP-J 1.6 section 4.1.4

# With an id and an action all of whose characters are escaped, the longest of them, a CALL has its payload
# behind 380 bytes.
_ACTION_WITHIN = 400

# Ids must differ from those of earlier boots (errata 2025-04, 3.1): a CSMS may still remember them.
_boot_part = binascii.hexlify(os.urandom(6)).decode()
_last_number = 0


def new_message_id() -> str:
    """An id no other message of this or an earlier boot has: 12 hexadecimal digits of chance, a dash, a
    counter."""
    global _last_number
    _last_number += 1
    return "%s-%d" % (_boot_part, _last_number)


# How MicroPython writes floats that are no numbers and objects that are no JSON; then CPython's way.
_SUSPICIOUS = ("nan", "inf", "<", "NaN", "Infinity")


def encode(frame) -> str:
    """The text of a message. Raises ValueError (CPython: or TypeError) for what JSON has not."""
    text = json.dumps(frame, separators=(",", ":"))
    # The C writer gives no error. These marks are rare enough to look closely whenever they come.
    for mark in _SUSPICIOUS:
        if mark in text:
            _check_plain(frame)
            break
    return text


def encode_result(message_id, payload) -> str:
    """The text of a CALLRESULT. `payload`: an object, or a list of the pieces of its text."""
    if isinstance(payload, list):
        return "".join(["[%d,%s," % (CALLRESULT, json.dumps(message_id))] + payload + ["]"])
    return encode([CALLRESULT, message_id, payload])


def _check_plain(value):
    if isinstance(value, dict):
        for key in value:
            if not isinstance(key, str):
                raise ValueError("JSON key is not a string")
            _check_plain(value[key])
    elif isinstance(value, (list, tuple)):
        for item in value:
            _check_plain(item)
    elif isinstance(value, float):
        if value - value != 0:
            raise ValueError("JSON has no infinity and no NaN")
    elif value is not None and not isinstance(value, (str, int, bool)):  # MicroPython's bool is no int
        raise ValueError("not JSON: %s" % type(value).__name__)


def scan_head(payload):
    """(MessageTypeId, message id) of a message that cannot be read, each None when it is not to be seen.

    Looks at the first bytes only: `[2,"id"`, with or without space between.
    """
    text = lenient_text(payload[:128]).lstrip()
    if text[:1] != "[":
        return None, None
    kind, comma, rest = text[1:].partition(",")
    kind = kind.strip()
    if not comma or kind not in ("2", "3", "4"):
        return None, None
    rest = rest.lstrip()
    message_id = None
    if rest[:1] == '"':
        inner, quote, _ = rest[1:].partition('"')
        if quote and inner and len(inner) <= ID_LIMIT and "\\" not in inner:
            message_id = inner
    return int(kind), message_id


def scan_action(payload):
    """The action of the CALL of which `payload` is the message or its head; None: it is none, or its action
    is not to be seen in its first 400 bytes."""
    if len(payload) > 1 and payload[0] == 0x5B and payload[1] != 0x32 and payload[1] > 0x20:
        return None  # [3 and [4, the most
    size = min(len(payload), _ACTION_WITHIN)
    data = bytearray(size + 1)
    data[:size] = payload[:size]
    i = 0
    text = None
    try:
        for mark in b'[2,",",':
            i = json_text.space(data, i)
            if data[i] != mark:
                return None
            if mark == 0x22:
                text, i = json_text.string(data, i, size)
            else:
                i += 1
    except (json_text.Malformed, UnicodeError):  # the cut may be inside a character
        return None
    return text


def lenient_text(payload):
    """`payload` as text for people; of a head that was cut, up to the cut character."""
    for cut in range(4):
        try:
            return str(payload[: len(payload) - cut], "utf-8")
        except UnicodeError:
            pass
    return ""


_SECRET_KEY = "authorizationkey"


def harmless(text: str) -> str:
    """`text`, a message of the CSMS, as it may be shown: of one that names AuthorizationKey only the head.

    However the name is written: in any case, with escapes, before the password or behind it, in a message
    that is no JSON.
    """
    if _SECRET_KEY not in text.lower() and not ("\\u" in text and _spells_secret_key(text.encode())):
        return text
    kind, message_id = scan_head(text[:128].encode())
    return '[%s,"%s",... AuthorizationKey ...]' % (kind, message_id)


def _spells_secret_key(data):
    """Whether the key's name is there with some of its letters escaped."""
    name = _SECRET_KEY.encode()
    found = 0
    at = 0
    while at < len(data):
        char = data[at]
        at += 1
        if char == 0x5C and data[at : at + 3] in (b"u00", b"U00"):
            try:
                char = int(data[at + 3 : at + 5], 16)
                at += 5
            except ValueError:
                pass
        if 0x41 <= char <= 0x5A:
            char |= 0x20
        if char != name[found]:
            # The only beginning of the name that comes again in it is its "a".
            found = 1 if found == 9 and char == name[1] else 0
        if char == name[found]:
            found += 1
            if found == len(name):
                return True
    return False
