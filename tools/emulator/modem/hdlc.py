# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""PPP in HDLC-like framing on a serial line: RFC 1662, asynchronous, with its 16-bit frame check sequence."""

import binascii
import re
import struct
from dataclasses import dataclass

FLAG = 0x7E
ESCAPE = 0x7D
_ADDRESS_CONTROL = b"\xff\x03"
_ALL_CONTROLS = 0xFFFFFFFF

# What one frame may be long, in bytes on the line: an MRU of 1500, every byte of it escaped, and then some.
LONGEST = 4096

_ESCAPED = re.compile(rb"\x7d(.)", re.DOTALL)
_REFLECTED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def fcs16(data: bytes) -> int:
    """RFC 1662, C.2. The reflection of CRC-CCITT, which CPython has in C: a table in Python would be the
    slowest part of the modem."""
    crc = binascii.crc_hqx(data.translate(_REFLECTED), 0xFFFF)
    return (_REFLECTED[crc & 0xFF] << 8 | _REFLECTED[crc >> 8]) ^ 0xFFFF


def escaped(data: bytes, accm: int) -> bytes:
    """accm: bit n set: the control character n is escaped as well (RFC 1662, 7.1)."""
    data = data.replace(b"\x7d", b"\x7d\x5d").replace(b"\x7e", b"\x7d\x5e")
    if accm:
        for control in range(32):
            if accm >> control & 1:
                data = data.replace(bytes((control,)), bytes((ESCAPE, control ^ 0x20)))
    return data


def framed(
    protocol: int,
    information: bytes,
    accm: int = _ALL_CONTROLS,
    short_protocol: bool = False,
    short_address: bool = False,
) -> bytes:
    """One frame with both its flags. short_protocol, short_address: leave out what PFC and ACFC allow."""
    head = b"" if short_address else _ADDRESS_CONTROL
    if short_protocol and protocol < 0x100 and protocol & 1:
        head += bytes((protocol,))
    else:
        head += struct.pack(">H", protocol)
    data = head + information
    data += struct.pack("<H", fcs16(data))
    return b"\x7e" + escaped(data, accm) + b"\x7e"


@dataclass
class FrameCounts:
    good: int = 0
    bad_fcs: int = 0
    # Less than a protocol and an FCS: text between frames, the rest of a lost one.
    short: int = 0
    # Ended by an escape before the flag (RFC 1662, 4.3).
    aborted: int = 0
    long: int = 0

    @property
    def bad(self) -> int:
        return self.bad_fcs + self.short + self.aborted + self.long


class Deframer:
    """Bytes of the line in, protocols and what they carry out. Keeps at most LONGEST bytes."""

    def __init__(self) -> None:
        self.counts = FrameCounts()
        self._unfinished = b""
        self._too_long = False

    def feed(self, data: bytes) -> list[tuple[int, bytes]]:
        frames = []
        *ended, rest = (self._unfinished + data).split(b"\x7e")
        for raw in ended:
            if self._too_long:
                self._too_long = False
                self.counts.long += 1
            elif raw and (frame := self._frame(raw)) is not None:
                frames.append(frame)
        if len(rest) > LONGEST:
            self._too_long = True
            rest = b""
        self._unfinished = rest
        return frames

    def forget(self) -> None:
        """The line begins anew: what was begun is no part of what comes."""
        self._unfinished, self._too_long = b"", False

    def _frame(self, raw: bytes) -> tuple[int, bytes] | None:
        if len(raw) > LONGEST:
            self.counts.long += 1
            return None
        if raw[-1] == ESCAPE:
            self.counts.aborted += 1
            return None
        data = _ESCAPED.sub(_unescaped, raw) if ESCAPE in raw else raw
        if len(data) < 4:
            self.counts.short += 1
            return None
        if struct.unpack_from("<H", data, len(data) - 2)[0] != fcs16(data[:-2]):
            self.counts.bad_fcs += 1
            return None
        at = 2 if data.startswith(_ADDRESS_CONTROL) else 0
        # The low bit of a protocol's last byte is 1, that of its first is 0 (RFC 1661, 2).
        size = 1 if data[at] & 1 else 2
        if at + size > len(data) - 2:
            self.counts.short += 1
            return None
        self.counts.good += 1
        return int.from_bytes(data[at : at + size], "big"), data[at + size : -2]


def _unescaped(match: re.Match[bytes]) -> bytes:
    return bytes((match[1][0] ^ 0x20,))
