# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""station.tag_format: how the idTag is made of a UID."""

from station.tag_format import id_tag

TEN = "000102030405060708FF"


def test_the_formats():
    for uid, form, made in (
        ("04A1B2C3", "hex", "04A1B2C3"),
        ("04A1B2C3", "hex_reversed", "C3B2A104"),
        ("04A1B2C3", "decimal", "0077705923"),
        ("04A1B2C3", "decimal_reversed", "3283263748"),
        ("00000001", "decimal", "0000000001"),
        ("FFFFFFFF", "decimal", "4294967295"),
        ("04112233445566", "hex_reversed", "66554433221104"),
        ("04112233445566", "decimal", "01144738493519206"),
        ("FFFFFFFFFFFFFF", "decimal", "72057594037927935"),
        (TEN, "hex", TEN),
        (TEN, "hex_reversed", "FF080706050403020100"),
        # In decimal digits it would be longer than an idTag may be.
        (TEN, "decimal", TEN),
        (TEN, "decimal_reversed", "FF080706050403020100"),
    ):
        assert id_tag(uid, form) == made, (uid, form)


def test_the_number_on_an_em4100_tag():
    # "0010597059 161,45763": 161 * 65536 + 45763. Before it the customer's byte, which is not printed.
    assert id_tag("1E00A1B2C3", "decimal") == "0010597059"
    assert id_tag("1E00A1B2C3", "decimal_reversed") == "3283263744"
    assert id_tag("1E00A1B2C3", "hex") == "1E00A1B2C3"
    assert id_tag("1E00A1B2C3", "hex_reversed") == "C3B2A1001E"


def test_what_is_no_uid_stays_what_it_is():
    for text in ("", "Tag-1", "04a1b2c3", "04A1B2C", "OPERATOR", " 04A1B2C", "04A1B2C3\x00", "\u0660\u0661"):
        for form in ("hex", "hex_reversed", "decimal", "decimal_reversed"):
            assert id_tag(text, form) == text
