# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Names to addresses without stopping the charger (RFC 1035, A records).

lwIP's `getaddrinfo` keeps the whole interpreter while it asks, up to 14 s where nobody answers: longer than
the watchdog of an RP2040 waits, so a charger whose DNS is out of reach would be reset at each try. `resolve`
asks by itself and lets everything else go on.

`lookup` remembers what was answered, for its time to live and, where nobody answers any more, beyond it (RFC
8767): a dead resolver is no reason not to reach a CSMS whose address is known. That a name does not exist is
not remembered: one that was just made counts at once, and who asks has pauses of his own.
"""

import asyncio
import errno
import os
import socket

import log
from hal.ticks import ticks_add, ticks_diff, ticks_ms
from net.url import OwnFault

try:
    from network import ipconfig  # pyright: ignore (not on every port)
except ImportError:  # a host, which resolves names itself
    ipconfig = None

_PORT = 53
_LOOK_MS = 20
_FIRST_MS = 1000  # until the question is asked again; then twice as long
_LONGEST = 512  # RFC 1035 section 4.2.1
_A = 1
# Names that are remembered: the CSMS, a server for time, one for firmware, one more.
_MOST_KEPT = 4
# An hour, whatever the server says: who has moved is found again, also when somebody else has the old
# address.
_MOST_TTL_S = 3600
# RFC 8767 section 5: who waits gets what there is after so long, and a resolver that did not answer is left
# alone for a while. The next try then asks again, whoever answers it.
_STALE_MS = 1800
_LEFT_ALONE_MS = 30000

# More servers, of the installer: the ports tell the first one of the network only.
others = ()
_kept: list = []  # [name, address, ticks until when it is fresh; None: it is not]
_silent_until = None


class Unknown(OSError):
    """The server answered that there is no such name. Some networks say so of every name while they are out
    of order: it says nothing about the link.
    """

    errno = errno.ENOENT


def servers():
    """Addresses of DNS servers, that of the network first; () where the system resolves names by itself."""
    if ipconfig is None:
        return ()
    try:
        address = ipconfig("dns")
    except (OSError, ValueError):
        return others
    if address in ("0.0.0.0", "::", ""):
        return others
    return (address,) + others


def is_address(host: str) -> bool:
    """In numbers: there is nothing to resolve."""
    parts = host.split(".")
    return ":" in host or (len(parts) == 4 and all(part.isdigit() for part in parts))


def question(name: str, number: int) -> bytes:
    """The message that asks for the A record of `name`. Raises ValueError for what is no name."""
    message = bytearray((number >> 8, number & 255, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0))
    for label in name.rstrip(".").split("."):
        data = label.encode()
        if not 0 < len(data) < 64:
            raise ValueError("no host name: " + name[:80])
        message.append(len(data))
        message.extend(data)
    if len(message) > 12 + 253:
        raise ValueError("no host name: " + name[:80])
    message.extend(b"\0\0\1\0\1")
    return bytes(message)


def answer(data, asked: bytes):
    """What `data` says to the question `asked`: (address, seconds for which it is good), the address is ""
    when there is none; None: it is no answer to it. Whatever comes, nothing is raised.
    """
    if len(data) < len(asked) or data[:2] != asked[:2] or not data[2] & 0x80:
        return None
    if _lower(data[12 : len(asked)]) != _lower(asked[12:]) or data[2] & 2:
        return None  # another question, or cut off
    try:
        return _address(data, len(asked))
    except IndexError:
        return None


def _lower(data):
    return bytes(data).lower()


def _address(data, at):
    if data[3] & 15:
        # NXDOMAIN is an answer, SERVFAIL and REFUSED may be another one next time.
        return ("", 0) if data[3] & 15 == 3 else None
    for _ in range(min(data[6] << 8 | data[7], 32)):
        # The name, which is ours or one that it stands for: the server has followed CNAMEs for us.
        while data[at] and data[at] < 0xC0:
            at += data[at] + 1
        at += 2 if data[at] else 1
        kind, size = data[at] << 8 | data[at + 1], data[at + 8] << 8 | data[at + 9]
        ttl_s = data[at + 6] << 8 | data[at + 7]
        if data[at + 4] or data[at + 5]:
            ttl_s = 0 if data[at + 4] & 0x80 else _MOST_TTL_S  # RFC 2181 section 8
        at += 10
        if kind == _A and size == 4:
            return "%d.%d.%d.%d" % (data[at], data[at + 1], data[at + 2], data[at + 3]), ttl_s
        at += size
    return "", 0


async def lookup(host: str, timeout_ms: int) -> str:
    """The address of `host`, remembered or asked for; `host` itself where it is one, or where the system
    resolves names. Raises as `resolve`.
    """
    global _silent_until
    if ipconfig is None or is_address(host):
        return host
    row = None
    for kept in _kept:
        if kept[0] == host:
            row = kept
    asked = servers()
    if row is not None:
        now = ticks_ms()
        # Both ways: ticks wrap, and a mark may be of last week.
        if row[2] is not None and 0 < ticks_diff(row[2], now) <= _MOST_TTL_S * 1000:
            return row[1]
        row[2] = None
        if _silent_until is not None and 0 < ticks_diff(_silent_until, now) <= _LEFT_ALONE_MS:
            return row[1]
        timeout_ms = min(timeout_ms, _STALE_MS)
    if not asked:
        return host if row is None else row[1]
    try:
        address, ttl_s = await resolve(host, asked, timeout_ms)
    except OSError as error:
        if row is None or isinstance(error, Unknown):
            raise
        _silent_until = ticks_add(ticks_ms(), _LEFT_ALONE_MS)
        log.warning("dns", "no answer: %s is taken to be where it was", host)
        return row[1]
    _silent_until = None
    if row is None:
        if len(_kept) == _MOST_KEPT:
            del _kept[0]
        row = [host, address, None]
        _kept.append(row)
    row[1] = address
    row[2] = ticks_add(ticks_ms(), min(ttl_s, _MOST_TTL_S) * 1000)
    return address


def doubt(host=None):
    """Nobody was reached where `host` is said to be: it is asked for again the next time. None: all names, of
    another resolver."""
    global _silent_until
    if host is None:
        _silent_until = None
    for row in _kept:
        if host is None or row[0] == host:
            row[2] = None


async def resolve(host: str, at, timeout_ms: int):
    """(address, seconds for which it is good) of `host`, asked of the servers `at` in turn. Raises OSError,
    OwnFault for what is no name.
    """
    deadline = ticks_add(ticks_ms(), timeout_ms)
    wait_ms = _FIRST_MS
    try:
        # A number that nobody can guess: answers come from whoever sends them.
        asked = question(host, int.from_bytes(os.urandom(2), "big"))
    except ValueError as error:
        raise OwnFault(str(error))
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        sock.setblocking(False)
        places = [socket.getaddrinfo(server, _PORT)[0][-1] for server in at]
        tries = 0
        while ticks_diff(deadline, ticks_ms()) > 0:
            where = places[tries % len(places)]
            tries += 1
            try:
                sock.sendto(asked, where)
            except OSError:
                pass  # no route yet, no buffer: asked again like a question that was lost
            again = ticks_add(ticks_ms(), wait_ms)
            if tries % len(places) == 0:
                wait_ms *= 2
            while ticks_diff(again, ticks_ms()) > 0 and ticks_diff(deadline, ticks_ms()) > 0:
                await asyncio.sleep(_LOOK_MS / 1000)
                try:
                    data, sender = sock.recvfrom(_LONGEST)
                except OSError:
                    continue  # nothing there
                # Also a late one of a server that was asked before.
                found = answer(data, asked) if sender in places else None
                if found is not None:
                    if not found[0]:
                        raise Unknown("%s is unknown to the DNS server" % host)
                    return found
    finally:
        sock.close()
    raise OSError("no answer from the DNS server %s about %s" % (", ".join(at), host))
