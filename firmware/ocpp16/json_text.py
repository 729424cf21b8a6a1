# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Strict JSON reading (RFC 8259), the same on MicroPython and CPython.

MicroPython's `json.loads` takes missing and trailing commas, unterminated containers, leading zeros, raw
control characters, unknown escapes and keys that are not strings, and leaves surrogate pairs apart: a damaged
message would be executed as something its sender did not say. Here a text is either well-formed or refused.

Of a key that comes twice the last value stays, as in most readers. Beyond the grammar refused: NaN and
Infinity, a number that overflows to infinity or has more than 64 characters, nesting deeper than asked, an
escaped half of a surrogate pair (it has no UTF-8).
"""

_NUMBER_LIMIT = 64

_QUOTE = b'"'
_BACKSLASH = b"\\"

_ESCAPES = {
    0x22: b'"',
    0x5C: b"\\",
    0x2F: b"/",
    0x62: b"\b",
    0x66: b"\f",
    0x6E: b"\n",
    0x72: b"\r",
    0x74: b"\t",
}


class Malformed(ValueError):
    """Not JSON. `offset`: the byte at which it shows."""

    def __init__(self, text, offset):
        super().__init__("%s at byte %d" % (text, offset))
        self.offset = offset


# One loop: a call per token would cost half as much again.
def read(payload, depth=8):  # noqa: C901, PLR0912, PLR0915
    """The value of the JSON text in `payload` (bytes, bytearray or memoryview, known to be UTF-8). Raises
    Malformed.

    One loop with an explicit stack: no recursion, nothing is kept of the text.
    """
    end = len(payload)
    # A zero byte behind the text ends every scan without a comparison of lengths: it is never valid.
    data = bytearray(end + 1)
    data[:end] = payload
    find = data.find
    has_escapes = find(_BACKSLASH) >= 0
    has_controls = end > 0 and min(payload) < 0x20
    stack = []
    container = None  # the object or array being filled
    key = None  # in an object: the key whose value comes next
    i = 0
    while True:
        # A value begins.
        c = data[i]
        while c == 0x20 or c == 0x0A or c == 0x0D or c == 0x09:
            i += 1
            c = data[i]
        if c == 0x22:
            j = find(_QUOTE, i + 1, end)
            if has_escapes or has_controls or j < 0:
                value, i = string(data, i, end)
            else:
                value = str(data[i + 1 : j], "utf-8")
                i = j + 1
        elif c == 0x7B or c == 0x5B:  # { [
            if len(stack) >= 2 * depth:
                raise Malformed("nested too deep", i)
            i += 1
            d = data[i]
            while d == 0x20 or d == 0x0A or d == 0x0D or d == 0x09:
                i += 1
                d = data[i]
            if d == c + 2:  # ASCII: the closing bracket is two further than the opening one
                value = {} if c == 0x7B else []
                i += 1
            else:
                stack.append(container)
                stack.append(key)
                if c == 0x7B:
                    container = {}
                    key, i = _key(data, i, end)
                else:
                    container = []
                    key = None
                continue
        elif 0x30 <= c <= 0x39 or c == 0x2D:
            j = i + 1 if c == 0x2D else i
            d = data[j]
            if d == 0x30:
                j += 1
                d = data[j]
            else:
                digits = j
                while 0x30 <= d <= 0x39:
                    j += 1
                    d = data[j]
                if j == digits:
                    raise Malformed("number without digits", i)
            if d == 0x2E or d == 0x65 or d == 0x45:  # . e E
                value, i = _real(data, i, j)
            else:
                if j - i > _NUMBER_LIMIT:
                    raise Malformed("number too long", i)
                value = int(str(data[i:j], "utf-8"))
                i = j
        elif c == 0x74 and data[i : i + 4] == b"true":
            value = True
            i += 4
        elif c == 0x66 and data[i : i + 5] == b"false":
            value = False
            i += 5
        elif c == 0x6E and data[i : i + 4] == b"null":
            value = None
            i += 4
        else:
            raise Malformed("text ends early" if i >= end else "value expected", i)
        # A value is complete: put it where it belongs, and close what ends with it.
        while True:
            c = data[i]
            while c == 0x20 or c == 0x0A or c == 0x0D or c == 0x09:
                i += 1
                c = data[i]
            if container is None:
                if i != end:
                    raise Malformed("something behind the value", i)
                return value
            if key is None:
                container.append(value)  # pyright: ignore[reportAttributeAccessIssue] (no key: a list)
                if c == 0x2C:
                    i += 1
                    break
                if c != 0x5D:
                    raise Malformed("text ends early" if i >= end else "comma or ] expected", i)
            else:
                container[key] = value  # pyright: ignore[reportArgumentType, reportCallIssue]
                if c == 0x2C:
                    key, i = _key(data, i + 1, end)
                    break
                if c != 0x7D:
                    raise Malformed("text ends early" if i >= end else "comma or } expected", i)
            value = container
            key = stack.pop()
            container = stack.pop()
            i += 1


def space(data, i):
    """The offset of what follows the white space at `i`. `data`: a bytearray with a zero byte at its end."""
    c = data[i]
    while c == 0x20 or c == 0x0A or c == 0x0D or c == 0x09:
        i += 1
        c = data[i]
    return i


def _key(data, i, end):
    """Read `"key":`; (key, offset behind the colon)."""
    i = space(data, i)
    if data[i] != 0x22:
        raise Malformed("text ends early" if i >= end else "key expected", i)
    key, i = string(data, i, end)
    if data[i] != 0x3A:
        i = space(data, i)
        if data[i] != 0x3A:
            raise Malformed("text ends early" if i >= end else "colon expected", i)
    return key, i + 1


def string(data, i, end):
    """Read the string whose opening quote is at `i`; (text, offset behind the closing quote). `data`: a
    bytearray whose text ends at `end`, with a zero byte behind; of a string with escapes nothing stays in it.
    """
    begin = first = i + 1
    j = _quote(data, i, first, end)
    at = data.find(_BACKSLASH, first, j)
    if at < 0:
        return str(data[first:j], "utf-8"), j + 1
    # Decoded where it stands, for an escape is longer than its character: a list of parts of a message full
    # of escapes (a CSMS that writes ASCII only) would take ten times its length.
    put = first
    while at >= 0:
        char, behind = _escape(data, at)
        data[put : put + at - first] = data[first:at]
        put += at - first
        data[put : put + len(char)] = char
        put += len(char)
        first = behind
        if first > j:  # the quote found was an escaped one
            j = _quote(data, i, first, end)
        at = data.find(_BACKSLASH, first, j)
    data[put : put + j - first] = data[first:j]
    return str(data[begin : put + j - first], "utf-8"), j + 1


def _quote(data, i, first, end):
    """The offset of the next quote; what stands between `first` and it may be in the string that began at
    `i`."""
    j = data.find(_QUOTE, first, end)
    if j < 0:
        raise Malformed("string without an end", i)
    if j > first and min(memoryview(data)[first:j]) < 0x20:
        raise Malformed("control character in a string", i)
    return j


def _escape(data, at):
    """Read the escape whose backslash is at `at`; (its character in UTF-8, offset behind it).

    No chr(): MicroPython keeps every single character that was ever made of a number, or taken out of a text
    by its index, for ever.
    """
    c = data[at + 1]
    if c != 0x75:
        char = _ESCAPES.get(c)
        if char is None:
            raise Malformed("unknown escape", at)
        return char, at + 2
    unit = _hex4(data, at + 2, at)
    if not 0xD800 <= unit <= 0xDFFF:
        return _utf8(unit), at + 6
    if unit > 0xDBFF or data[at + 6 : at + 8] != b"\\u":
        raise Malformed("half of a surrogate pair", at)
    low = _hex4(data, at + 8, at)
    if not 0xDC00 <= low <= 0xDFFF:
        raise Malformed("half of a surrogate pair", at)
    return _utf8(0x10000 + ((unit & 0x3FF) << 10 | low & 0x3FF)), at + 12


def _utf8(code):
    if code < 0x80:
        return bytes((code,))
    if code < 0x800:
        return bytes((0xC0 | code >> 6, 0x80 | code & 0x3F))
    if code < 0x10000:
        return bytes((0xE0 | code >> 12, 0x80 | code >> 6 & 0x3F, 0x80 | code & 0x3F))
    return bytes((0xF0 | code >> 18, 0x80 | code >> 12 & 0x3F, 0x80 | code >> 6 & 0x3F, 0x80 | code & 0x3F))


def _hex4(data, first, at):
    value = 0
    for c in data[first : first + 4]:
        if 0x30 <= c <= 0x39:
            c -= 0x30
        elif 0x41 <= c <= 0x46 or 0x61 <= c <= 0x66:
            c = (c & 0x0F) + 9
        else:
            raise Malformed("broken escape", at)
        value = value << 4 | c
    return value


def _real(data, i, j):
    """Read the number that begins at `i` and whose whole part ends at `j`; (float, offset behind it)."""
    c = data[j]
    if c == 0x2E:
        j = _digits(data, j + 1, i)
        c = data[j]
    if c == 0x65 or c == 0x45:
        j += 1
        if data[j] == 0x2B or data[j] == 0x2D:
            j += 1
        j = _digits(data, j, i)
    if j - i > _NUMBER_LIMIT:
        raise Malformed("number too long", i)
    value = float(str(data[i:j], "utf-8"))
    if value - value != 0:
        raise Malformed("number too large", i)
    return value, j


def _digits(data, j, i):
    first = j
    while 0x30 <= data[j] <= 0x39:
        j += 1
    if j == first:
        raise Malformed("number without digits", i)
    return j
