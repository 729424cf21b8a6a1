# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Passwords are in no output: the values of AuthorizationKey, Authorization headers, passwords in URLs.

They are known by where they stand (the key beside them), and from then on wherever they come again: in a
reason, in a text that was cut off, in a frame that is no message.
"""

import base64
import binascii
import math
import re
from collections.abc import Iterable, Iterator
from typing import Any

from bench.secrecy import HIDDEN, without_password

# Levels of a payload. OCPP knows six; whoever sends a thousand is after the stack of those who read it.
DEEPEST = 40

_KEY = "authorizationkey"
_NAMES = (_KEY, "authorization", "password")
# Shorter ones would take innocent words of a report with them; the standard asks for 16 characters.
_SHORTEST = 8

_HEADER = re.compile(r"""(\bauthorization\\?["']?\s*[:=]\s*\\?["']?\w+ +)[^\s"']+""", re.IGNORECASE)
_BASIC = re.compile(r"\bBasic +([A-Za-z0-9+/]{4,}=*)", re.IGNORECASE)
# Behind a mention of the key, also when the end was cut off.
_VALUE = re.compile(
    r"""((?:\\?["'])value(?:\\?["'])\s*:\s*)(?:(\\?["']).*?(?:\2|$)|[^\s,}\]]+)""", re.I | re.S
)
_ASSIGNED = re.compile(_KEY + r"(\\?[\"']?\s*[=:]\s*)[\"']?[^\s,;\"'}\]]+", re.IGNORECASE)


class Mask:
    """`values`: whatever may hold secrets, payloads first of all."""

    def __init__(self, values: Iterable[Any]):
        found = {
            spelling for value in values for secret in _secrets(value) for spelling in _spellings(secret)
        }
        self._secrets = sorted((each for each in found if len(each) >= _SHORTEST), key=len, reverse=True)

    def text(self, text: str) -> str:
        for secret in self._secrets:
            text = _without(secret, text)
        if _KEY in text.casefold():
            text = _VALUE.sub(rf'\1"{HIDDEN}"', text)
            text = _ASSIGNED.sub(lambda match: match[0][: len(_KEY)] + match[1] + HIDDEN, text)
        text = _HEADER.sub(rf"\1{HIDDEN}", text)
        text = _BASIC.sub(lambda match: f"Basic {HIDDEN}" if _has_password(match[1]) else match[0], text)
        return without_password(text)

    def value(self, value: Any, depth: int = 0) -> Any:
        """The same without secrets, of JSON's types only: numbers that JSON does not know become texts."""
        if depth > DEEPEST and isinstance(value, dict | list | tuple):
            return "(deeper than anybody looks)"
        if isinstance(value, dict):
            row = {self.text(str(name)): self.value(each, depth + 1) for name, each in value.items()}
            for name in row:
                if name.casefold() in _NAMES or (name == "value" and _is_key(row.get("key"))):
                    row[name] = HIDDEN
            return row
        if isinstance(value, list | tuple):
            return [self.value(each, depth + 1) for each in value]
        if value is None or isinstance(value, bool | int):
            return value
        if isinstance(value, float):
            return value if math.isfinite(value) else str(value)
        return self.text(str(value))


def _without(secret: str, text: str) -> str:
    """A text cut off somewhere may have the beginning only."""
    start = secret[:_SHORTEST]
    place = text.find(start)
    while place >= 0:
        end = place + len(start)
        while end < len(text) and end - place < len(secret) and text[end] == secret[end - place]:
            end += 1
        text = text[:place] + HIDDEN + text[end:]
        place = text.find(start, place + len(HIDDEN))
    return text


def _has_password(encoded: str) -> bool:
    """The word after `Basic` may also be one of a sentence."""
    try:
        return b":" in base64.b64decode(encoded, validate=True)
    except binascii.Error:
        return False


def _is_key(name: Any) -> bool:
    return isinstance(name, str) and name.strip().casefold() == _KEY


def _secrets(value: Any, depth: int = 0) -> Iterator[str]:
    if depth > DEEPEST:
        return
    if isinstance(value, dict):
        for name, each in value.items():
            secret = str(name).casefold() in _NAMES or (name == "value" and _is_key(value.get("key")))
            if secret and isinstance(each, str):
                yield each
            else:
                yield from _secrets(each, depth + 1)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _secrets(each, depth + 1)


def _spellings(secret: str) -> Iterator[str]:
    """Hexadecimal digits stand for bytes, which may be told as text (OCPP-J security, 4.2)."""
    yield from (secret, secret.upper(), secret.lower())
    try:
        plain = bytes.fromhex(secret)
    except ValueError:
        plain = secret.encode("utf-8", "replace")
        yield from (plain.hex(), plain.hex().upper())
    else:
        yield plain.decode("latin-1")
        yield plain.decode("utf-8", "replace")
