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


def continues(data, cut):
    """The same of a text that comes in pieces: `data` is the next one, `cut` what the call before gave (at
    first b"").

    The bytes of the character in whose middle `data` ends, b"" when it ends with a whole one; None: this is
    not UTF-8. At the end of the text a character that is cut is not UTF-8 either.
    """
    first = 0
    end = len(data)
    if cut:
        size = _size(cut[0])
        first = min(size - len(cut), end)
        cut += bytes(data[:first])
        if len(cut) < size:
            return cut
        if not _is_valid(cut):
            return None
    last = at = end
    while at > first and at > end - 3:
        at -= 1
        byte = data[at]
        if byte & 0xC0 != 0x80:
            if byte >= 0xC0 and _size(byte) > end - at:
                last = at
            break
    if not is_valid(data[first:last]):
        return None
    return bytes(data[last:end])


def _size(lead):
    return 2 if lead < 0xE0 else 3 if lead < 0xF0 else 4


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
