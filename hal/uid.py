# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The UID of a tag as readers tell it: upper-case hexadecimal, first byte first. Pure."""


def text(uid) -> str:
    """Leading zeros kept; of 10 bytes it is as long as an idTag may be, 20 characters."""
    return "".join(["%02X" % byte for byte in uid])


def is_random(uid: str) -> bool:
    """A number that the tag makes up anew in each field: four bytes of which the first is 08 (ISO/IEC
    14443-3, section 6.5.4). Phones do so, and some bank cards."""
    return len(uid) == 8 and uid.startswith("08")
