# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Numbers, texts, words of a table and stamps as few bytes, one behind the other. docs/files.md has the
formats. Pure.
"""


def put(out, number):
    """An integer of any size and sign: seven bits in a byte, the lowest first, bit 7: more follow; the sign
    is the lowest bit of all.
    """
    number = -2 * number - 1 if number < 0 else 2 * number
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)


def put_text(out, text):
    text = text.encode()
    put(out, len(text))
    out.extend(text)


def put_word(out, word, table):
    """A word of `table` is its place in it, from 1; another one is the text, behind a 0."""
    if word in table:
        out.append(table.index(word) + 1)
    else:
        out.append(0)
        put_text(out, word)


def put_stamp(out, stamp):
    """Of `station.clock`, whatever its form: an integer, or several, their count before them."""
    if isinstance(stamp, int):
        out.append(0)
        put(out, stamp)
    else:
        out.append(len(stamp))
        for number in stamp:
            put(out, number)


def number_behind(data, at):
    """(the number that follows byte `at`, before its sign is taken out; where it ends)"""
    number = shift = 0
    while True:
        at += 1
        byte = data[at]
        number |= (byte & 127) << shift
        if byte < 128:
            return number, at
        shift += 7


def signed(number):
    return -((number + 1) >> 1) if number & 1 else number >> 1


class Reader:
    """What the functions above wrote into `data`, behind its first byte. IndexError: there is no more."""

    def __init__(self, data):
        self._data = data
        self._at = 0  # the byte that was read last
        self.unknown = 0  # counted by who reads: values that it makes nothing of

    def byte(self):
        self._at += 1
        return self._data[self._at]

    def number(self):
        number, self._at = number_behind(self._data, self._at)
        return signed(number)

    def text(self):
        length = self.number()
        begin = self._at + 1
        if not 0 <= length <= len(self._data) - begin:
            raise IndexError
        self._at += length
        return str(self._data[begin : begin + length], "utf-8")

    def optional(self, read):
        return read() if self.byte() else None

    def word(self, table):
        place = self.byte()
        return table[place - 1] if place else self.text()

    def stamp(self):
        count = self.byte()
        return [self.number() for _ in range(count)] if count else self.number()
