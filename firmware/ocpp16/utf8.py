# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Strict UTF-8 (RFC 3629): MicroPython's decoder takes overlong forms, surrogates and code points above
U+10FFFF."""

_PIECE = 512


def is_valid(data) -> bool:
    """Whether `data` (bytes, bytearray, memoryview) is well-formed UTF-8."""
    end = len(data)
    first = 0
    while first < end:
        # In pieces, cut between characters: decoding takes as much memory as there is text.
        last = min(first + _PIECE, end)
        while last < end and data[last] & 0xC0 == 0x80 and last > first:
            last -= 1
        if last == first or not _is_valid(data[first:last]):
            return False
        first = last
    return True


def _is_valid(data):
    try:
        text = str(data, "utf-8")
    except UnicodeError:
        return False
    if len(text) == len(data):  # ASCII
        return True
    # The decoder has checked that lead and continuation bytes fit together; what it lets through shows in the
    # lead byte and the one after it.
    lead = 0
    for byte in data:
        if byte >= 0x80:
            if byte == 0xC0 or byte == 0xC1 or byte > 0xF4:
                return False
            if (lead == 0xE0 and byte < 0xA0) or (lead == 0xED and byte > 0x9F):
                return False
            if (lead == 0xF0 and byte < 0x90) or (lead == 0xF4 and byte > 0x8F):
                return False
        lead = byte
    return True
