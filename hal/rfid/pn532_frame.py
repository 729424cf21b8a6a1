# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The frames that a PN532 and its host exchange, and what it says of the tags in its field. Pure. PN532 user
manual UM0701-02, sections 6.2 (frames) and 7.3.5 (InListPassiveTarget).

    00 00 FF LEN LCS TFI data... DCS 00     LEN counts TFI and data; LCS and DCS make their sums 0
"""

from hal import uid
from hal.rfid.presence import UNREAD

ACK = b"\x00\x00\xff\x00\xff\x00"  # from the host: what goes on is to end
NACK = b"\x00\x00\xff\xff\x00\x00"  # from the host: once more
DAMAGED = b""  # found in the place of a frame
AROUND = 7  # bytes of a frame beside TFI and data

_TO_CHIP = 0xD4
_TO_HOST = 0xD5
_START = b"\x00\xff"
_LONGEST = 64  # TFI and data; the most that we ask for has 33
_UID_BYTES = (4, 7, 10)


def frame(body) -> bytes:
    """The frame of a command. `body`: its code and data."""
    length = len(body) + 1
    head = bytes((0, 0, 0xFF, length, -length & 0xFF, _TO_CHIP))
    return head + bytes(body) + bytes((-(_TO_CHIP + sum(body)) & 0xFF, 0))


def take(data) -> tuple:
    """(what comes first in `data`, how many bytes of it are done with): ACK, NACK, DAMAGED, TFI and data of a
    frame, or None when more has to come.

    A frame that is damaged is left at its start code only, so that one within it is found.
    """
    at = data.find(_START)
    if at < 0:
        return None, max(0, len(data) - 1)
    if len(data) < at + 4:
        return None, at
    length, check = data[at + 2], data[at + 3]
    if length == 0 and check == 0xFF:
        return ACK, at + 4
    if length == 0xFF and check == 0:
        return NACK, at + 4
    if length + check & 0xFF or not 0 < length <= _LONGEST:
        return DAMAGED, at + 2
    end = at + 5 + length
    if len(data) < end:
        return None, at
    if sum(data[at + 4 : end]) & 0xFF:
        return DAMAGED, at + 2
    return bytes(data[at + 4 : end - 1]), end


def answer(found, command: int) -> "bytes | None":
    """The data of the answer to `command`; None: `found` is another's, or the chip's complaint."""
    if not found or len(found) < 2 or found[0] != _TO_HOST or found[1] != command + 1:
        return None
    return found[2:]


def tag_in(targets) -> "str | None":
    """UID as text, UNREAD or None from the data of InListPassiveTarget's answer: how many targets there are,
    and for each its number, SENS_RES (2), SEL_RES, how long its UID is, the UID."""
    if not targets or targets[0] == 0:
        return None
    # Of two neither is meant: which of them the chip lists first is chance.
    if targets[0] > 1 or len(targets) < 6 or targets[5] not in _UID_BYTES or len(targets) < 6 + targets[5]:
        return UNREAD
    return uid.text(targets[6 : 6 + targets[5]])
