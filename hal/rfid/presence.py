# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""What all tag readers share: which tag was presented, whether the reader lives, when it is set up anew.

A presentation begins a session or ends one, so it is told once, however often the tag is read: a tag is
presented again when it was away for a second. What can be read of several tags changes from one look to the
next; each of them has an absence of its own. A field in which something is that cannot be read (two tags at
once, a tag at its edge) is no absence.

Time comes in as ticks.
"""

import log
from hal.ticks import ticks_diff
from hal.uid import is_random

UNREAD = ""  # found in the place of a UID: there is something

RETRY_S = 5  # between two tries to wake a silent reader

_ABSENT_MS = 1000
# So long a field that cannot be read keeps a tag there; were it for ever, noise could hide one for good.
_UNREAD_MS = 30000
_TOLD_LOOKS = 8
_RENEW_MS = 300000
# A tag that lies on a reader which restarts was not presented; who comes back after this time presents it.
_FORGOTTEN_MS = 60000
_MOST = 4
_RANDOM = "random"  # all of them: a phone has another UID at every look

_UID = 0
_READ_AT = 1
_GONE_AT = 2


class Presence:
    """silent   the reader does not answer (`hal.contract.TagReader`)"""

    def __init__(self):
        self.silent = False
        self._there = []  # of [UID, when it was last read, since when it is not found or None]
        self._unread = 0
        self._begun = False
        self._begun_at = 0
        self._failures = 0
        self._silent_at = 0

    def must_begin(self, now) -> bool:
        """The reader is to be set up now: at first, after it has failed, and every five minutes while no tag
        is there, since one that has become deaf answers all the same."""
        if self._begun and (self._there or 0 <= ticks_diff(now, self._begun_at) < _RENEW_MS):
            return False
        self._begun = True
        self._begun_at = now
        return True

    def answered(self, well, now, what="") -> bool:
        """The reader was asked and answered `well`, or not; that is what is returned. Once may be noise: it
        is set up again, and is silent when that fails too. `what`: for the log."""
        if well:
            self._failures = 0
            if self.silent:
                self.silent = False
                log.warning("rfid", "reader answers %s", what)
            return True
        self._begun = False
        self._failures += 1
        if not self.silent:
            if self._failures > 1:
                self.silent = True
                self._silent_at = now
                log.warning("rfid", "reader is silent %s", what)
        elif self._there and not 0 <= ticks_diff(now, self._silent_at) < _FORGOTTEN_MS:
            self._there = []
        return False

    def presented(self, uid, now) -> bool:
        """Whether this look at the field begins a presentation. `uid`: what was found, UNREAD, or None."""
        self._note_unread(uid)
        key = _RANDOM if uid and is_random(uid) else uid
        new = bool(uid)
        there = self._there
        for index in range(len(there) - 1, -1, -1):
            entry = there[index]
            if entry[_UID] == key:
                new = False
                entry[_READ_AT] = now
                entry[_GONE_AT] = None
            elif uid == UNREAD and 0 <= ticks_diff(now, entry[_READ_AT]) < _UNREAD_MS:
                entry[_GONE_AT] = None
            elif entry[_GONE_AT] is None:
                entry[_GONE_AT] = now
            elif not 0 <= ticks_diff(now, entry[_GONE_AT]) < _ABSENT_MS:
                del there[index]
        if new:
            if len(there) >= _MOST:
                del there[0]
            there.append([key, now, None])
        return new

    def _note_unread(self, uid):
        if uid != UNREAD:
            self._unread = 0
            return
        self._unread += 1
        if self._unread == _TOLD_LOOKS:  # a tag on its way to the reader is unread for a moment
            log.info("rfid", "what is there cannot be read: two tags at once, or too far away")
