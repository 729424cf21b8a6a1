# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""How the idTag is made of a tag's UID: the option `tag_format` of the station description. Pure. Which one
other chargers and desk readers use, and what is lost by which: docs/tags.md.
"""

_MOST = 20  # CiString20
_EM4100_BYTES = 5  # of which the number on its plastic is the last four


def id_tag(uid: str, form: str) -> str:
    """`uid`: upper-case hexadecimal, first byte first; what is none stays what it is. Never longer than 20
    characters: a number that would be is left in hexadecimal.
    """
    if form == "hex" or len(uid) % 2 or not uid or uid.strip("0123456789ABCDEF"):
        return uid
    pairs = [uid[at : at + 2] for at in range(0, len(uid), 2)]
    decimal = form.startswith("decimal")
    if decimal and len(pairs) == _EM4100_BYTES:
        pairs = pairs[1:]
    digits = len(str((1 << 8 * len(pairs)) - 1))
    if form.endswith("reversed"):
        pairs.reverse()
    text = "".join(pairs)
    if not decimal or digits > _MOST:
        return text
    number = str(int(text, 16))
    return "0" * (digits - len(number)) + number
