# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Files of certificates, as people have them, into what mbedTLS on a board takes: DER, one by one. The rp2
port of MicroPython reads no PEM, so nothing else is handed to it on any.

Only so much of X.509 (RFC 5280) as is needed before a certificate can be verified; nothing here verifies.
"""

import binascii

from hal import calendar

# A bundle of all the world's authorities has no place on a controller: each certificate is 1 to 3 KB of heap
# while a connection is up.
MOST = 8
LONGEST = 16384

_SEQUENCE = 0x30
_CONTEXT_0 = 0xA0
_INTEGER = 0x02
_UTC_TIME = 0x17
_GENERALIZED_TIME = 0x18
_BEGIN = b"-----BEGIN CERTIFICATE-----"
_END = b"-----END CERTIFICATE-----"


def split(data: bytes) -> list:
    """The certificates of a file in DER: one DER, several behind each other, or PEM with whatever text
    around. Raises ValueError with the reason.
    """
    if len(data) > LONGEST:
        raise ValueError("longer than %d bytes" % LONGEST)
    found = _of_pem(data) if _BEGIN in data else _of_der(data)
    if not found:
        raise ValueError("no certificate in it")
    if len(found) > MOST:
        raise ValueError("more than %d certificates" % MOST)
    for der in found:
        _validity(der)  # what has none is no certificate
    return found


def _of_pem(data):
    found = []
    for part in data.split(_BEGIN)[1:]:
        text, end, _ = part.partition(_END)
        if not end:
            raise ValueError("a certificate without its end")
        try:
            der = binascii.a2b_base64(text)
        except ValueError:
            raise ValueError("a certificate that is not base64")
        found += _of_der(der)
    return found


def _of_der(data):
    found = []
    at = 0
    while at < len(data):
        kind, _, end = _element(data, at, len(data))
        if kind != _SEQUENCE:
            raise ValueError("neither PEM nor DER")
        found.append(bytes(data[at:end]))
        at = end
    return found


def _element(data, at, limit):
    """(tag, start of the contents, end) of the DER element at `at`."""
    if at + 2 > limit:
        raise ValueError("certificate is cut off")
    kind = data[at]
    size = data[at + 1]
    at += 2
    if size & 0x80:
        count = size & 0x7F
        if not 1 <= count <= 3 or at + count > limit:
            raise ValueError("certificate is no DER")
        size = 0
        for index in range(count):
            size = size << 8 | data[at + index]
        at += count
    if at + size > limit:
        raise ValueError("certificate is cut off")
    return kind, at, at + size


def _validity(der):
    """(notBefore, notAfter) as (tag, start, end) in `der`. Raises ValueError."""
    _, at, limit = _element(der, 0, len(der))
    kind, at, limit = _element(der, at, limit)
    if kind != _SEQUENCE:
        raise ValueError("no certificate")
    element = _element(der, at, limit)
    if element[0] == _CONTEXT_0:  # version
        element = _element(der, element[2], limit)
    for expected in (_INTEGER, _SEQUENCE, _SEQUENCE):  # serialNumber, signature, issuer
        if element[0] != expected:
            raise ValueError("no certificate")
        element = _element(der, element[2], limit)
    kind, at, limit = element
    if kind != _SEQUENCE:
        raise ValueError("no certificate")
    first = _element(der, at, limit)
    second = _element(der, first[2], limit)
    return first, second


def valid_from(der) -> int:
    """notBefore in seconds since 1970 UTC. Raises ValueError."""
    return _seconds(der, _validity(der)[0])


def valid_until(der) -> int:
    """notAfter, the last second in which it is valid; 9999-12-31T23:59:59Z: it never ends (RFC 5280 section
    4.1.2.5). Raises ValueError.
    """
    return _seconds(der, _validity(der)[1])


def _seconds(der, element):
    kind, start, end = element
    text = str(bytes(der[start:end]), "ascii")
    if kind == _UTC_TIME:
        text = ("19" if text[:2] >= "50" else "20") + text  # RFC 5280 section 4.1.2.5.1
    elif kind != _GENERALIZED_TIME:
        raise ValueError("no certificate")
    if len(text) != 15 or text[14] != "Z" or not text[:14].isdigit():
        raise ValueError("no time: " + text[:20])
    year, month, day = int(text[:4]), int(text[4:6]), int(text[6:8])
    if not (1 <= month <= 12 and 1 <= day <= 31):
        raise ValueError("no time: " + text[:20])
    days = calendar.days(year, month, day)
    return days * 86400 + int(text[8:10]) * 3600 + int(text[10:12]) * 60 + int(text[12:14])
