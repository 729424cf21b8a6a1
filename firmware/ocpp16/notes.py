# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""StatusNotifications and the like on their way, in RAM, and what the CSMS knows of each connector.

Notes and the outbox keep the order in which things happened as long as the outbox is short; behind a long one
a note overtakes, as section 3.7 allows.
"""

import log

_MOST = 32
# A backlog longer than this is overtaken.
_SHORT_OUTBOX = 4


class Notes:
    def __init__(self, outbox, connectors):
        self._outbox = outbox
        # (action, payload, last outbox sequence before it, connector number or None, report)
        self._waiting = []
        self._told = [None] * (connectors + 1)

    def __len__(self):
        return len(self._waiting)

    def add(self, action, payload, number=None, report=None):
        """`number`, `report`: of a StatusNotification, what the CSMS knows once it is confirmed. `payload`
        None: who sends it knows what it says then.
        """
        if len(self._waiting) >= _MOST:
            dropped = self._waiting.pop(0)
            log.warning("notes", "%s dropped, too many wait", dropped[0])
            self._uncertain(dropped[3])
        self._waiting.append((action, payload, self._outbox.last_sequence, number, report))

    @property
    def room(self):
        """So many more may wait before one is dropped."""
        return _MOST - len(self._waiting)

    def newest(self, action, number=None):
        """The last one that waits of this action, and of this connector if `number` is given, as it was
        added: (action, payload, ..., report); None without one.
        """
        found = None
        for waiting in self._waiting:
            if waiting[0] == action and (number is None or waiting[1]["connectorId"] == number):
                found = waiting
        return found

    def clear(self):
        """The connection is gone: the notes are told anew from what is then true."""
        self._waiting.clear()

    def knows(self, number, report):
        """Whether that is what the CSMS was told last."""
        return report == self._told[number]

    def is_next(self, now):
        """Whether a note is to be sent before the oldest message of the outbox."""
        if not self._waiting:
            return False
        if self._outbox.wait_ms(now) != 0 or self._outbox.depth > _SHORT_OUTBOX:
            return True
        head = self._outbox.head_sequence()
        return head is None or self._waiting[0][2] < head

    def take(self):
        """The oldest one, to be sent now: (action, payload, number, report)."""
        action, payload, _, number, report = self._waiting.pop(0)
        # Until it is confirmed the CSMS may know the old status or this one: were the connection lost now and
        # the old status to return meanwhile, it must be told all the same.
        self._uncertain(number)
        return action, payload, number, report

    def confirmed(self, number, report):
        if number is not None:
            self._told[number] = report

    def _uncertain(self, number):
        if number is not None:
            self._told[number] = None
