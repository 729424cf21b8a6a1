# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Files of certificates, in all the forms that people bring, and damaged."""

import binascii

from hal.calendar import date
from host_tests.unit.expect import raises
from net.certificates import LONGEST, split, valid_from, valid_until

# A CA of the tests, valid from 2026-03-01T12:30:45Z to 2036-02-27T12:30:45Z (P-256).
DER = binascii.unhexlify(
    "308201493081efa003020102021430ef1a163fec5cf64d980081a500123df438836a300a06082a8648ce3d0403023012"
    "3110300e06035504030c0754657374204341301e170d3236303330313132333034355a170d3336303232373132333034"
    "355a30123110300e06035504030c07546573742043413059301306072a8648ce3d020106082a8648ce3d030107034200"
    "044c2966388f53ce823e6cc0faa2ca5ff73660c3af8cc58e871131b43701ff334025bae2f58f12669e1a06a601082213"
    "2c47b92137b195b5ec711874ba0b42c1d7a3233021300f0603551d130101ff040530030101ff300e0603551d0f0101ff"
    "040403020106300a06082a8648ce3d0403020349003046022100a4051612575a2f86e3bc00340a2c9afa8a84986dd0eb"
    "b8373b06e8297847a343022100f54326c9fe23a8160f64c730c62392e075c10f7f2b1b4d9fa1911d14b0a38d1e"
)
FROM_S = 1772368245
UNTIL_S = 2087728245
UTC_TIME = b"\x17\x0d260301123045Z"
UTC_TIME_UNTIL = b"\x17\x0d360227123045Z"


def pem(der, end=b"-----END CERTIFICATE-----\n", eol=b"\n"):
    text = binascii.b2a_base64(der).strip()
    lines = [text[at : at + 64] for at in range(0, len(text), 64)]
    return b"-----BEGIN CERTIFICATE-----" + eol + eol.join(lines) + eol + end


def beginning(time):
    """The certificate with another notBefore, of the same length as UTC_TIME."""
    assert len(time) == len(UTC_TIME)
    return DER.replace(UTC_TIME, time)


def ending(time):
    """The certificate with another notAfter, of any length."""
    validity = b"\x30\x1e" + UTC_TIME + UTC_TIME_UNTIL
    assert DER.count(validity) == 1 and DER[:8] == b"\x30\x82\x01\x49\x30\x81\xef\xa0"
    more = len(time) - len(UTC_TIME_UNTIL)
    der = DER.replace(validity, bytes((0x30, 0x1E + more)) + UTC_TIME + time)
    return b"\x30\x82\x01" + bytes((0x49 + more,)) + b"\x30\x81" + bytes((0xEF + more,)) + der[7:]


def test_one_and_several_der():
    assert split(DER) == [DER]
    assert split(DER + DER) == [DER, DER]


def test_pem_with_text_around_and_any_ends_of_lines():
    text = b"subject: me\n" + pem(DER) + b"\n# the next\n" + pem(DER, eol=b"\r\n") + b"\xff"
    assert split(text) == [DER, DER]


def test_what_is_no_certificate():
    for data in (
        b"",
        b"hello",
        b"\x00" * 500,
        b"\xff" * 500,
        b"{}",
        b"\x30\x00",
        b"\x30\x03\x02\x01\x05",
        b"\x30\x80" + DER,
        b"\x30\x84\x00\x00\x01\x49" + DER[4:],
        DER + b"x",
        DER + b"\n",
        pem(DER, end=b""),
        b"-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----",
        b"-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----",
        b"-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----",
    ):
        raises(ValueError, split, data)


def test_too_much():
    raises(ValueError, split, DER * 9)
    raises(ValueError, split, b"#" * LONGEST + pem(DER))


def test_cut_off_anywhere():
    for size in range(len(DER)):
        raises(ValueError, split, DER[:size])


def test_any_byte_wrong_is_an_error_or_none_but_never_more():
    for at in range(len(DER)):
        for change in (1, 0x80, 0xFF):
            damaged = bytearray(DER)
            damaged[at] ^= change
            try:
                for der in split(bytes(damaged)):
                    valid_from(der)
                    valid_until(der)
            except ValueError:
                pass


def test_when_it_begins():
    assert valid_from(DER) == FROM_S
    assert valid_from(memoryview(DER)) == FROM_S
    assert valid_from(beginning(b"\x17\x0d700101000000Z")) == 0
    assert valid_from(beginning(b"\x17\x0d000229235959Z")) == 951868799
    assert valid_from(beginning(b"\x17\x0d491231235959Z")) == 2524607999
    assert valid_from(beginning(b"\x17\x0d500101000000Z")) == -631152000


def test_when_it_ends():
    assert valid_until(DER) == UNTIL_S
    assert valid_until(memoryview(DER)) == UNTIL_S
    assert valid_until(beginning(b"\x17\x0d491231235959Z")) == UNTIL_S
    assert valid_until(ending(b"\x17\x0d000229235959Z")) == 951868799
    assert valid_until(ending(b"\x17\x0d491231235959Z")) == 2524607999
    for text, seconds in (
        (b"20491231235959Z", 2524607999),
        (b"20500101000000Z", 2524608000),
        (b"21060207062815Z", 4294967295),
        (b"21060207062816Z", 4294967296),
        (b"99991231235959Z", 253402300799),  # RFC 5280 section 4.1.2.5: it never ends
    ):
        der = ending(b"\x18\x0f" + text)
        assert split(der) == [der]
        assert valid_until(der) == seconds
        assert valid_from(der) == FROM_S
    for time in (b"\x17\x0d361301123045Z", b"\x18\x0f20501301000000Z", b"\x18\x0d361201123045Z", b"\x17\0"):
        raises(ValueError, valid_until, ending(time))
        assert valid_from(ending(time)) == FROM_S


def test_a_time_that_is_none():
    for time in (
        b"\x17\x0d261301123045Z",
        b"\x17\x0d260301123045+",
        b"\x17\x0d26 301123045Z",
        b"\x17\x0d260300123045Z",
        b"\x18\x0d260301123045Z",
        b"\x16\x0d260301123045Z",
    ):
        raises(ValueError, valid_from, beginning(time))


def test_dates():
    assert date(0) == (1970, 1, 1, 3, 0, 0, 0)
    assert date(951868799) == (2000, 2, 29, 1, 23, 59, 59)
    assert date(FROM_S) == (2026, 3, 1, 6, 12, 30, 45)
    assert date(4102444799) == (2099, 12, 31, 3, 23, 59, 59)
    for day in range(0, 47482, 13):
        year, month, day_of_month = date(day * 86400)[:3]
        time = b"%04d%02d%02d000000Z" % (year, month, day_of_month)
        if 1970 <= year < 2050:
            assert valid_from(beginning(b"\x17\x0d" + time[2:])) == day * 86400
