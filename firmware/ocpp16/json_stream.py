# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The text of a CALL that is longer than the memory: read as it comes, as strictly as by `json_text.read`.

    stream = JsonStream("localAuthorizationList", take)
    for _ in stream.feed(piece):      # for each piece; the loop of the tasks may run in between
        ...
    frame = stream.end()

One list of the payload is given away element by element, `take(value)`; `end()` gives the rest of the
message, the list empty. What is JSON is not judged here: each element, and the rest, is collected as a small
text of its own and given to `json_text.read`. This module only looks for where they end, which needs no more
than brackets, commas and quotes; of white space between tokens a little is kept.

Refused beyond what json_text refuses: an element or a rest that is longer than its limit, and a list that
comes twice, for of the first all elements have been given away.
"""

from ocpp16 import json_text
from ocpp16.json_text import Malformed

# An entry of the local list takes 300 bytes where everything in it is as long as can be, 600 where all of
# its characters are escaped, which nobody does.
_ELEMENT_LIMIT = 512
_REST_LIMIT = 768

# So much is looked at in one go: 5 ms of an RP2040.
_STEP = 256

_DEPTH = 8  # as json_text has it
_LIST_DEPTH = 3  # the list's own: message, payload, list
_PAYLOAD_INDEX = 3  # [2, id, action, payload]

_CALL = 0x5B7B  # [ and {: the brackets around the list

_QUOTE = b'"'
_BACKSLASH = b"\\"
_SPACE = b" \n\r\t"


class TooLong(ValueError):
    """More than can be kept. `element`: the index of the element, None: the rest."""

    def __init__(self, element, limit):
        super().__init__(element, limit)
        self.element = element
        self.limit = limit


class JsonStream:
    """`field`: the name of the list in the payload. `take(value)`: called for each of its elements.

    `at`: bytes looked at; `count`: elements given away.
    """

    def __init__(self, field, take):
        self._field = field
        self._take = take
        self.at = 0
        self.count = 0
        self._rest = bytearray(_REST_LIMIT)
        self._element = None  # a bytearray once the list has begun
        self._text = self._rest  # what is being collected, one of these two, and
        self._used = 0  # how much there is of it
        self._rest_used = 0  # of the rest, while elements are collected
        self._in_list = False
        self._complete = False  # the element
        self._last = False  # it is, in its list
        self._depth = 0  # brackets that are open, in the list: of the element
        self._in_string = False
        self._escaped = False  # the character that comes next is
        self._index = 0  # commas so far between the parts of the message
        self._shape = 0  # the two outermost brackets
        self._key = 0  # where in the rest the last string of the payload's own begins

    def feed(self, piece):
        """A generator that reads `piece` (a buffer, of a text known to be UTF-8) in small steps.

        Raises Malformed, TooLong, and what `take` raises; the message is of no use any more then.
        """
        first = 0
        while first < len(piece):
            chunk = bytes(piece[first : first + _STEP])
            i = 0
            while i < len(chunk):
                before = i
                i = self._scan_list(chunk, i) if self._in_list else self._scan_rest(chunk, i)
                self.at += i - before
                yield
                if self._complete:
                    self._close_element()
                    yield
            first += len(chunk)

    def end(self):
        """The message without the elements of the list. Raises Malformed."""
        if self._in_list:
            raise Malformed("text ends early", self.at)
        try:
            return json_text.read(memoryview(self._text)[: self._used], _DEPTH)
        except Malformed as error:
            if self._used == self.at:
                raise  # nothing was left out: it is a byte of the message
            raise Malformed("%s without %s, the message ends" % (error, self._field), self.at)

    def _scan_rest(self, chunk, i):
        """Look at `chunk` from `i` on; the offset behind the bracket that opens the list, or the end."""
        size = len(chunk)
        first = i  # what stands before is collected
        while i < size:
            if self._in_string:
                i = self._string(chunk, i)
                continue
            c = chunk[i]
            i += 1
            if c == 0x22:
                self._in_string = True
                if self._depth == 2:
                    self._key = self._used + i - 1 - first
            elif c == 0x7B or c == 0x5B:  # { [
                self._depth += 1
                if self._depth < 3:
                    self._shape = self._shape << 8 | c
                elif c == 0x5B and self._depth == 3 and self._shape == _CALL:
                    self._collect(chunk, first, i)
                    if self._at_field():
                        self._open_list()
                        return i
                    first = i
            elif c == 0x7D or c == 0x5D:  # } ]
                if not self._depth:
                    raise Malformed("bracket that closes nothing", self.at)
                self._depth -= 1
                if self._depth < 2:
                    self._shape >>= 8
            elif c == 0x2C:
                if self._depth == 1:
                    self._index += 1
            elif c == 0x20 or c == 0x0A or c == 0x0D or c == 0x09:
                first = i = self._space(chunk, first, i)
        self._collect(chunk, first, i)
        return i

    def _scan_list(self, chunk, i):
        """The same in the list: the offset behind a complete element and its comma, or of the bracket that
        closes the list, or the end."""
        size = len(chunk)
        first = i
        depth = self._depth
        while i < size:
            if self._in_string:
                i = self._string(chunk, i)
                continue
            c = chunk[i]
            i += 1
            if c == 0x22:
                self._in_string = True
            elif c == 0x7B or c == 0x5B:
                depth += 1
            elif depth:
                if c == 0x7D or c == 0x5D:
                    depth -= 1
                elif c == 0x20 or c == 0x0A or c == 0x0D or c == 0x09:
                    first = i = self._space(chunk, first, i)
            elif c == 0x2C:
                self._collect(chunk, first, i - 1)
                self._complete = True
                return i
            elif c == 0x5D:
                self._collect(chunk, first, i - 1)
                self._complete = self._last = True
                if not self.count and not bytes(self._text[: self._used]).strip(_SPACE):
                    self._complete = False
                    self._close_list()
                return i - 1
            elif c == 0x7D:
                raise Malformed("bracket that closes nothing", self.at)
            elif c == 0x20 or c == 0x0A or c == 0x0D or c == 0x09:
                first = i = self._space(chunk, first, i)
        self._depth = depth
        self._collect(chunk, first, i)
        return i

    def _string(self, chunk, i):
        """The offset behind the string in which `i` is, or the end of the chunk."""
        size = len(chunk)
        while i < size:
            if self._escaped:
                self._escaped = False
                i += 1
                continue
            j = chunk.find(_QUOTE, i)
            k = chunk.find(_BACKSLASH, i, size if j < 0 else j)
            if k >= 0:
                self._escaped = True
                i = k + 1
            elif j >= 0:
                self._in_string = False
                return j + 1
            else:
                return size
        return size

    def _space(self, chunk, first, i):
        """The offset behind white space that began before `i`: one of it says as much as a hundred."""
        self._collect(chunk, first, i)
        if i < len(chunk) and chunk[i] <= 0x20:
            return len(chunk) - len(chunk[i:].lstrip(_SPACE))
        return i

    def _collect(self, chunk, first, last):
        used = self._used + last - first
        if used > len(self._text):
            raise TooLong(self.count if self._in_list else None, len(self._text))
        self._text[self._used : used] = chunk[first:last]
        self._used = used

    def _at_field(self):
        """Whether the bracket that has just come opens the list: in what is well-formed the last string
        before it is its key."""
        if self._index != _PAYLOAD_INDEX:
            return False
        key = bytes(self._rest[self._key : self._used])
        return json_text.read(key[: key.rfind(_QUOTE) + 1]) == self._field

    def _open_list(self):
        if self._element is not None:
            raise Malformed("%s comes twice" % self._field, self.at)
        self._rest_used = self._used
        self._text = self._element = bytearray(_ELEMENT_LIMIT)
        self._in_list = True
        self._used = self._depth = 0

    def _close_element(self):
        try:
            value = json_text.read(memoryview(self._text)[: self._used], _DEPTH - _LIST_DEPTH)
        except Malformed as error:
            raise Malformed("%s[%d]: %s, which ends" % (self._field, self.count, error), self.at)
        self._used = self._depth = 0
        self._complete = False
        self._take(value)
        self.count += 1
        if self._last:
            self._close_list()

    def _close_list(self):
        self._in_list = False
        self._depth = _LIST_DEPTH
        self._text = self._rest
        self._used = self._rest_used
