# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""ISO/IEC 14443-3 type A: the frames by which a tag tells its UID. Pure."""

REQA = 0x26  # seven bits: all tags that are not halted
WUPA = 0x52  # seven bits: halted ones as well
SELECT = (0x93, 0x95, 0x97)  # cascade levels 1 to 3
CASCADE_TAG = 0x88
UID_INCOMPLETE = 0x04  # in SAK


def crc_a(data) -> int:
    """CRC_A (section 6.2.4), to be sent low byte first."""
    crc = 0x6363
    for byte in data:
        byte ^= crc & 0xFF
        byte ^= (byte << 4) & 0xFF
        crc = (crc >> 8) ^ (byte << 8) ^ (byte << 3) ^ (byte >> 4)
    return crc & 0xFFFF


def with_crc(data) -> bytes:
    crc = crc_a(data)
    return bytes(data) + bytes((crc & 0xFF, crc >> 8))


def part(answer) -> "bytes | None":
    """The four bytes of one cascade level, from its answer with the check byte BCC; None: damaged."""
    if len(answer) != 5 or answer[0] ^ answer[1] ^ answer[2] ^ answer[3] != answer[4]:
        return None
    return bytes(answer[:4])


def select(level: int, four) -> bytes:
    """The frame that selects what the anticollision of `level` (0..2) has found."""
    body = bytes((SELECT[level], 0x70)) + bytes(four) + bytes((four[0] ^ four[1] ^ four[2] ^ four[3],))
    return with_crc(body)


def sak(answer) -> "int | None":
    """The answer to a selection; None: damaged."""
    if len(answer) != 3 or crc_a(answer[:1]) != answer[1] | answer[2] << 8:
        return None
    return answer[0]
