# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Names to addresses without stopping the charger (RFC 1035, A records, one server).

lwIP's `getaddrinfo` keeps the whole interpreter while it asks, up to 14 s where nobody answers: longer than
the watchdog of an RP2040 waits, so a charger whose DNS is out of reach would be reset at each try. `resolve`
asks by itself and lets everything else go on.
"""

import asyncio
import errno
import os
import socket

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
_CNAME = 5
_IN = 1


class Unknown(OSError):
    """The server answered that there is no such name. Some networks say so of every name while they are out
    of order: it says nothing about the link.
    """

    errno = errno.ENOENT


def server():
    """Address of the DNS server that the network gave us; None where the system resolves names by itself."""
    if ipconfig is None:
        return None
    try:
        address = ipconfig("dns")
    except (OSError, ValueError):
        return None
    return None if address in ("0.0.0.0", "::", "") else address


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
    """What `data` says to the question `asked`: the address, "" (there is none), or None: it is no answer to
    it. Whatever comes, nothing is raised.
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
        return "" if data[3] & 15 == 3 else None
    for _ in range(min(data[6] << 8 | data[7], 32)):
        # The name, which is ours or one that it stands for: the server has followed CNAMEs for us.
        while data[at] and data[at] < 0xC0:
            at += data[at] + 1
        at += 2 if data[at] else 1
        kind, size = data[at] << 8 | data[at + 1], data[at + 8] << 8 | data[at + 9]
        at += 10
        if kind == _A and size == 4:
            return "%d.%d.%d.%d" % (data[at], data[at + 1], data[at + 2], data[at + 3])
        at += size
    return ""


async def resolve(host: str, at: str, timeout_ms: int) -> str:
    """The address of `host`, asked of the server `at`. Raises OSError, OwnFault for what is no name."""
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
        where = socket.getaddrinfo(at, _PORT)[0][-1]
        while ticks_diff(deadline, ticks_ms()) > 0:
            try:
                sock.sendto(asked, where)
            except OSError:
                pass  # no route yet, no buffer: asked again like a question that was lost
            again = ticks_add(ticks_ms(), wait_ms)
            wait_ms *= 2
            while ticks_diff(again, ticks_ms()) > 0 and ticks_diff(deadline, ticks_ms()) > 0:
                await asyncio.sleep(_LOOK_MS / 1000)
                try:
                    data, sender = sock.recvfrom(_LONGEST)
                except OSError:
                    continue  # nothing there
                found = answer(data, asked) if sender == where else None
                if found:
                    return found
                if found == "":
                    raise Unknown("%s is unknown to the DNS server" % host)
    finally:
        sock.close()
    raise OSError("no answer from the DNS server %s about %s" % (at, host))
