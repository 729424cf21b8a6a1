# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""What connections, and the lack of them, say about the link and about the CSMS (docs/lte.md, Dead links)."""

import errno

from hal.ticks import ticks_diff
from net.url import OwnFault

# Where pings are off: so many CALLs in a row during which nothing came from the CSMS, and the link is dead.
_MOST_UNHEARD = 2
# So many CALLs in a row without an answer, whatever the pings say, and another connection is worth a try: a
# gateway may hold one, and answer pings, for a CSMS that has died behind it.
_MOST_UNANSWERED = 5
# A connection that lasted so long was worth having, whatever was said on it.
_SOUND_MS = 60000
# So often in a row the DNS server may say that it knows no such name before it is held against the link: some
# networks say so of every name while they are out of order.
_MOST_UNKNOWN = 8


class Evidence:
    def __init__(self, config):
        self._config = config
        self._unknown = 0  # tries in a row for which there was no such name
        self.opened(0)

    # --- no connection ---

    def unreached(self, link, error):
        """A connection did not come about."""
        if isinstance(error, OwnFault):
            return
        if error.errno == errno.ENOENT:
            self._unknown += 1
            if self._unknown < _MOST_UNKNOWN:
                return
        self._unknown = 0
        # Who refuses is there: the network in between works.
        if error.errno in (errno.ECONNREFUSED, errno.ECONNRESET):
            getattr(link, "refused", link.heard)()  # the former: `net.links`
        else:
            link.in_vain()

    # --- one connection ---

    def opened(self, now, link=None):
        self._link = link
        self._unknown = 0
        self._opened_at = now
        self._useful = False  # the CSMS has answered something on this connection
        self._sound = False  # and that for long
        self._useless = False  # it was left because of what the CSMS says, or does not say
        self._unheard = 0  # CALLs in a row during which nothing came
        self._unanswered = 0  # CALLs in a row without an answer

    def heard(self, now):
        """The CSMS answered: it is there, and this connection is worth having."""
        self._useful = True
        self._sound = self._sound or ticks_diff(now, self._opened_at) >= _SOUND_MS
        if self._link is not None:
            self._link.heard()
        self._unheard = self._unanswered = 0

    @property
    def answers(self):
        """The last CALL was answered."""
        return self._unanswered == 0

    def unanswered(self, channel, timeout_ms):
        """No answer came within `timeout_ms`. Where pings are off nobody else would notice that the link is
        half-open, and transactions would be given up that the CSMS has never seen.
        """
        self._unanswered += 1
        silent_ms = channel.silent_ms()
        if self._config.value("WebSocketPingInterval") or silent_ms < timeout_ms:
            self._unheard = 0
        else:
            self._unheard += 1
            if self._unheard == _MOST_UNHEARD:
                channel.abort("nothing came during %d calls" % _MOST_UNHEARD, True)
                return
        if self._unanswered == _MOST_UNANSWERED:
            silent = silent_ms >= _MOST_UNANSWERED * timeout_ms
            self.leave(channel, "%d calls without an answer" % _MOST_UNANSWERED, silent)

    def leave(self, channel, why, silent=False):
        """End a connection that is of no use because of what the CSMS says, or does not say: the network is
        not to blame, unless nothing came.
        """
        self._useless = True
        channel.abort(why, silent)

    def worth_having(self, now):
        """Whether the connection that has ended was: the next may be tried soon. A CSMS that accepts
        connections only to drop them, or never to answer, must not be asked every second.
        """
        lasted = ticks_diff(now, self._opened_at) >= _SOUND_MS
        return self._sound or (not self._useless and (self._useful or lasted))

    def ended(self, link, fell_silent):
        # A server that ends a connection is there; silence may be the link's.
        if fell_silent or not (self._useful or self._useless):
            link.in_vain()
