# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The types of configuration values: from the CSMS's text to a Python value and back.

`parse` raises ValueError with the reason; what it accepts, `text` writes back in one canonical form.
"""

from binascii import hexlify, unhexlify

from station import measurands

_INTEGER_CHARS = 10
_PHASE_ORDERS = ("NotApplicable", "Unknown", "RST", "RTS", "SRT", "STR", "TRS", "TSR")
FEATURE_PROFILES = (
    "Core",
    "FirmwareManagement",
    "LocalAuthListManagement",
    "Reservation",
    "SmartCharging",
    "RemoteTrigger",
)
# Keys that say what the hardware and the firmware are; nobody sets them.
GIVEN_BY_STATION = ("NumberOfConnectors", "SupportedFeatureProfiles")
_OPTIONS = {
    "profiles": FEATURE_PROFILES,
    "units": ("Current", "Power"),  # errata 3.86
    "protocols": ("HTTP", "HTTPS", "FTP", "FTPS", "SFTP"),
}


def parse(kind: str, text: str, limits: tuple, description):
    """The value of `text` for a key of type `kind`: bool, int, str, bytes (secret), tuple of str (lists).

    `limits`: (least, most) of a number or of the length of a text.
    """
    least, most = limits
    if kind == "bool":
        return _parse_bool(text)
    if kind == "int":
        return _parse_int(text, least, most)
    if kind == "measurands":
        return _parse_measurands(text, description)
    if kind == "rotation":
        return _parse_rotation(text, len(description.connectors))
    if kind == "secret":
        return _parse_secret(text)
    if kind == "text":
        if not least <= len(text) <= most:
            raise ValueError("%d to %d characters" % (least, most))
        return text
    return tuple([_option(item, _OPTIONS[kind]) for item in _items(text)])


def text(kind: str, value) -> str:
    """The canonical text of a value. A secret is written as hex: only for the settings file."""
    if kind == "bool":
        return "true" if value else "false"
    if kind == "int":
        return str(value)
    if kind == "secret":
        return str(hexlify(value), "ascii")
    if kind == "text":
        return value
    return ",".join(value)


def off(kind: str):
    """The value of a key that has none: nothing is set, or the station lacks the feature."""
    values = {"bool": False, "int": 0, "text": "", "secret": b""}
    return values.get(kind, ())


def _items(text):
    """The items of a comma-separated list, in order, without the spaces around them; "" is the empty list."""
    text = text.strip()
    return [item.strip() for item in text.split(",")] if text else []


def _option(item, options):
    for option in options:
        if option.lower() == item.lower():
            return option
    raise ValueError("%s is not one of %s" % (item[:40], ", ".join(options)))


def _parse_bool(text):
    text = text.strip().lower()
    if text not in ("true", "false"):
        raise ValueError("true or false")
    return text == "true"


def _parse_int(text, least, most):
    text = text.strip()
    digits = text[1:] if text[:1] == "-" else text
    if not 0 < len(digits) <= _INTEGER_CHARS:
        raise ValueError("a decimal number")
    for byte in digits.encode():
        if not 0x30 <= byte <= 0x39:  # int() would take underscores, signs and other scripts' digits
            raise ValueError("a decimal number")
    value = int(text)
    if not least <= value <= most:
        raise ValueError("%d to %d" % (least, most))
    return value


def _parse_measurands(text, description):
    found = []
    for item in _items(text):
        item = measurands.parse_item(item, description.measurands, description.phases)
        if item not in found:
            found.append(item)
    return tuple(found)


def _parse_rotation(text, connector_count):
    """`0.RST,1.RTS,...`: 0 is the station's own feed. One order without a number stands for the station."""
    items = _items(text)
    if len(items) == 1 and "." not in items[0]:
        return (_option(items[0], _PHASE_ORDERS),)
    found = []
    seen = []
    for item in items:
        number, dot, order = item.partition(".")
        number = _parse_int(number, 0, connector_count)
        if not dot or number in seen:
            raise ValueError("connector.phases once per connector")
        seen.append(number)
        found.append("%d.%s" % (number, _option(order, _PHASE_ORDERS)))
    return tuple(found)


def _parse_secret(text):
    """The bytes of a Basic authentication password (whitepaper A00.FR.205: 16 to 20 bytes, sent as hex
    digits).

    Central systems send both hex and the plain password (SteVe#1895, EVerest#2034): 32 to 40 hex digits are
    decoded, 16 to 20 printable characters are taken as they are.
    """
    if 32 <= len(text) <= 40 and len(text) % 2 == 0:
        for byte in text.lower().encode():
            if byte not in b"0123456789abcdef":
                raise ValueError("hex digits")
        return unhexlify(text)
    if not 16 <= len(text) <= 20:
        raise ValueError("32 to 40 hex digits or 16 to 20 characters")
    password = text.encode()
    for byte in password:
        if not 0x20 <= byte <= 0x7E:
            raise ValueError("printable characters")
    return password
