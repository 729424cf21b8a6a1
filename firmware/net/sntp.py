# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The time from servers that the installer names ("ntp"): SNTP (RFC 4330, RFC 5905), for a station that works
by itself, and until the CSMS has told the time, whose word counts.

Nobody vouches for an answer, so little depends on it (`station.clock.Clock.hint_utc_ms`): no certificate is
judged by it. Where two servers or more are named, two have to agree. The answer has to carry the number of
the question, 64 bits of chance, from the address that was asked: nobody who cannot read along can answer.
"""

import asyncio
import os
import random
import socket

import log
from hal.ticks import ticks_add, ticks_diff, ticks_ms
from net import dns

_PORT = 123
_SIZE = 48
_LOOK_MS = 10
_ANSWER_MS = 2000  # half of what it took is what the time may be off
_LOOKUP_MS = 5000
_AGREED_MS = 2000
# RFC 4330 section 10: no sooner than 15 s, back-off, and chance: a street has its power back at once.
_FIRST_MS = 15000
_MOST_MS = 3600000
_DAY_MS = 86400000
_1970_S = 2208988800  # seconds from 1900
_ERA_S = 1 << 32

# What a poll comes to beside the time: nobody answered rightly; a server wants to be left alone.
SILENT = "no answer"
LEFT = "kiss-o'-death"


def request(number: bytes) -> bytes:
    """Version 4, client; our transmit timestamp is 8 bytes of chance, for our clock is nobody's business and
    may be wrong (RFC 4330 section 5 has the server copy it only)."""
    return b"\x23" + bytes(39) + number


def answer(data, number: bytes):
    """What a packet says: (utc_ms at which it was sent, milliseconds that the server had it); LEFT; None: it
    is no answer to the request with `number`, or from a server that has not the time itself.
    """
    if len(data) < _SIZE or data[24:32] != number:
        return None
    if data[0] & 7 != 4 or not 3 <= data[0] >> 3 & 7 <= 4:
        return None
    if data[1] == 0:
        return LEFT
    # Leap indicator 3: not synchronized. Root delay and dispersion of a second or more: hardly synchronized.
    if data[0] >> 6 == 3 or data[1] > 15 or data[4] or data[5] or data[8] or data[9]:
        return None
    got_ms, sent_ms = _utc_ms(data, 32), _utc_ms(data, 40)
    if sent_ms is None or got_ms is None or not 0 <= sent_ms - got_ms <= _ANSWER_MS:
        return None
    return sent_ms, sent_ms - got_ms


def _utc_ms(data, at):
    """Of a timestamp: 32 bits of seconds, 32 of their fraction. None: it is not set."""
    seconds = int.from_bytes(data[at : at + 4], "big")
    if seconds == 0:
        return None
    if not seconds & 0x80000000:
        seconds += _ERA_S  # from 2036-02-07 on (RFC 4330 section 3)
    fraction = data[at + 4] << 8 | data[at + 5]
    return (seconds - _1970_S) * 1000 + (fraction * 1000 >> 16)


class Polls:
    """Whom to ask, when, and what is believed: pure. `draw(n)`: a random number below n."""

    def __init__(self, servers, draw):
        self.servers = list(servers)
        self._draw = draw
        self._pause_ms = _FIRST_MS
        self._needed = min(2, len(self.servers))  # also when one of them wants to be left alone
        self._said = []

    def begin(self):
        self._said = []

    def heard(self, server, utc_ms, now):
        """A server says that it was `utc_ms` at the ticks `now`: (utc_ms, ticks) when it is believed, or
        None."""
        for others_ms, at in self._said:
            if abs(utc_ms - others_ms - ticks_diff(now, at)) <= _AGREED_MS:
                return utc_ms, now
        self._said.append((utc_ms, now))
        return (utc_ms, now) if self._needed == 1 else None

    def leave(self, server):
        """A kiss-o'-death (RFC 4330 section 8): it is not asked again before the next start."""
        self.servers.remove(server)

    def pause_ms(self, known: bool) -> int:
        """Until the next poll."""
        if known:
            self._pause_ms = _FIRST_MS
            middle_ms = _DAY_MS
        else:
            middle_ms = self._pause_ms
            self._pause_ms = min(middle_ms * 2, _MOST_MS)
        return middle_ms * 3 // 4 + self._draw(middle_ms // 2)


class Sntp:
    """`needed()`: whether the time is wanted from here; `take(utc_ms)`: it is this now; False: not
    believed."""

    def __init__(self, servers, needed, take):
        self._polls = Polls(servers, random.randrange)
        self._needed = needed
        self._take = take

    async def run(self, link):
        while True:
            known = False
            try:
                while not link.up():
                    await link.changed()
                known = not self._needed() or await self._poll()
            except Exception as error:
                log.failure("sntp", "poll", error)  # the charger does without
            await asyncio.sleep(self._polls.pause_ms(known) / 1000)

    async def _poll(self):
        polls = self._polls
        polls.begin()
        for server in list(polls.servers):
            try:
                found = await ask(server)
            except OSError as error:
                log.info("sntp", "%s: %s", server, error)
                continue
            if found == LEFT:
                log.warning("sntp", "%s wants to be left alone", server)
                polls.leave(server)
                continue
            believed = polls.heard(server, found[0], found[1])
            if believed is not None:
                # What has passed since, should the others have kept us waiting.
                return self._take(believed[0] + ticks_diff(ticks_ms(), believed[1]))
        return False


async def ask(server: str):
    """(utc_ms, ticks at which it was that), or LEFT. Raises OSError when nothing of use comes."""
    address = await dns.lookup(server, _LOOKUP_MS)
    number = os.urandom(8)
    where = socket.getaddrinfo(address, _PORT)[0][-1]
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        sock.setblocking(False)
        began = ticks_ms()
        deadline = ticks_add(began, _ANSWER_MS)
        sock.sendto(request(number), where)
        while ticks_diff(deadline, ticks_ms()) > 0:
            await asyncio.sleep(_LOOK_MS / 1000)
            try:
                data, sender = sock.recvfrom(_SIZE)
            except OSError:
                continue  # nothing there
            now = ticks_ms()
            found = answer(data, number) if sender == where else None
            if found == LEFT:
                return LEFT
            if found is not None:
                sent_ms, kept_ms = found
                return sent_ms + max(0, ticks_diff(now, began) - kept_ms) // 2, now
    finally:
        sock.close()
    dns.doubt(server)
    raise OSError(SILENT)
