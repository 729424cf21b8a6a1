# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""A CALL received as a stream: what of it is checked when, so that it is checked as any other.

A handler of such an action is an object with `begin(row, idle)`, which gives a new Streamed, once for each
message. `row`: of the action's request in the tables of `schema`. `idle`: the message is not going to be
carried out (it has the id of the last one): nothing may be done for it.
"""

from ocpp16 import schema
from ocpp16.json_stream import JsonStream, TooLong


class Streamed:
    """`field`: the list of the payload whose items come one by one. `taker` is who wants them:

    item(value)       the next item, which the schema allows; not called any more after one it does not allow
    finish(payload)   -> as a handler; the whole message has come and been checked; payload[field] is empty
    abandon()         nothing becomes of it. Also comes after `finish`, when its coroutine is not going to run
                      (no memory for a task) or it gave none. May come more than once.
    must_wait()       True while no item may be given
    """

    def __init__(self, field, row, taker):
        self.finish = taker.finish
        self.abandon = taker.abandon
        self.must_wait = taker.must_wait
        self._item = taker.item
        self._field = field
        self._row = row
        self._stream = JsonStream(field, self._take)
        self._wrong = None  # (index, item): the first one that the schema does not allow

    def feed(self, piece):
        """See JsonStream.feed."""
        try:
            yield from self._stream.feed(piece)
        except TooLong as error:
            text = "is longer than %d bytes" % error.limit
            if error.element is None:
                raise schema.Violation(schema.FORMATION, "", text + " without " + self._field)
            path = "%s[%d]" % (self._field, error.element)
            raise schema.Violation(schema.PROPERTY, path, text)

    def frame(self):
        """The message, less what is in the list. Raises Malformed."""
        return self._stream.end()

    def check(self, payload):
        """Raise the Violation that schema.check would have raised for the whole."""
        field = self._field
        if self._wrong is None or not isinstance(payload, dict) or payload.get(field) != []:
            schema.check(self._row, payload)
            return
        # In its place among the fields, of which each may be wrong.
        n, value = self._wrong
        payload[field] = [value]
        try:
            schema.check(self._row, payload)
        except schema.Violation as error:
            first = field + "[0]"
            if error.path.startswith(first):
                error.path = "%s[%d]%s" % (field, n, error.path[len(first) :])
            raise

    def _take(self, value):
        if self._wrong is not None:
            return
        n = self._stream.count
        try:
            schema.check_item(self._row, self._field, n, value)
        except schema.Violation:
            self._wrong = n, value
            return
        self._item(value)
