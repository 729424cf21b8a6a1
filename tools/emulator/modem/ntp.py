# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The mobile network's time server: SNTP (RFC 4330)."""

import struct

# Seconds from 1900, NTP's epoch, to 1970.
_TO_UNIX_S = 2208988800
_CLIENT, _SERVER = 3, 4


def answer(query: bytes, unix_time_s: float, stratum: int = 2) -> bytes | None:
    """None: not a client's question. stratum 0 would be a kiss-of-death (RFC 4330, 8)."""
    if len(query) < 48 or query[0] & 7 != _CLIENT:
        return None
    version = query[0] >> 3 & 7
    stamp = _stamp(unix_time_s)
    head = struct.pack(">BBbbII4s", version << 3 | _SERVER, stratum, query[2], -20, 0, 0, b"\x7f\x00\x00\x01")
    return head + stamp + query[40:48] + stamp + stamp


def _stamp(unix_time_s: float) -> bytes:
    seconds = int(unix_time_s)
    return struct.pack(">II", seconds + _TO_UNIX_S & 0xFFFFFFFF, int((unix_time_s - seconds) * 2**32))
