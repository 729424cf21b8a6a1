# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The mobile network's DNS server: names from a table, NXDOMAIN, or silence (RFC 1035, as far as a stub
resolver asks)."""

import ipaddress
import struct

_A, _IN, _ANY = 1, 1, 255
_NO_ERROR, _FORMAT_ERROR, _SERVER_FAILURE, _NAME_ERROR, _NOT_IMPLEMENTED = 0, 1, 2, 3, 4
_ANSWER, _RECURSION_DESIRED, _RECURSION_AVAILABLE = 0x8000, 0x0100, 0x0080
_TTL_S = 60

# What the server may be told to do with every question.
MOODS = ("answer", "nxdomain", "servfail", "silent")


class DnsServer:
    """names: host name in small letters -> IPv4 address, or None for silence. "*" is every other name;
    without it they do not exist."""

    def __init__(self, names: dict[str, str | None]):
        self.names = names
        self.mood = "answer"
        self.asked = 0

    def answer(self, query: bytes) -> bytes | None:
        """None: nothing is said."""
        if len(query) < 12:
            return None
        identifier, flags, questions = struct.unpack_from(">HHH", query)
        if flags & _ANSWER:
            return None
        self.asked += 1
        if self.mood == "silent":
            return None
        try:
            if questions != 1:
                raise ValueError
            name, kind, end = _question(query)
        except (ValueError, IndexError, struct.error):
            return struct.pack(">HHHHHH", identifier, _ANSWER | _FORMAT_ERROR, 0, 0, 0, 0)
        question = query[12:end]
        code, address = self._look_up(name)
        if code is None:
            return None
        if flags >> 11 & 15:
            code, address = _NOT_IMPLEMENTED, None
        records = b""
        if address is not None and kind in (_A, _ANY):
            records = (
                struct.pack(">HHHIH", 0xC00C, _A, _IN, _TTL_S, 4) + ipaddress.IPv4Address(address).packed
            )
        head = _ANSWER | flags & _RECURSION_DESIRED | _RECURSION_AVAILABLE | code
        return struct.pack(">HHHHHH", identifier, head, 1, 1 if records else 0, 0, 0) + question + records

    def _look_up(self, name: str) -> tuple[int | None, str | None]:
        if self.mood == "nxdomain":
            return _NAME_ERROR, None
        if self.mood == "servfail":
            return _SERVER_FAILURE, None
        key = name if name in self.names else "*"
        if key not in self.names:
            return _NAME_ERROR, None
        address = self.names[key]
        return (None, None) if address is None else (_NO_ERROR, address)


def _question(query: bytes) -> tuple[str, int, int]:
    """Name, type, and where the question ends. Raises ValueError, IndexError, struct.error."""
    labels = []
    at = 12
    while query[at]:
        size = query[at]
        if size > 63 or at + 1 + size >= len(query):
            raise ValueError("label")
        labels.append(query[at + 1 : at + 1 + size].decode("latin-1").lower())
        at += 1 + size
    kind, _ = struct.unpack_from(">HH", query, at + 1)
    return ".".join(labels), kind, at + 5
