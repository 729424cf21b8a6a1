# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Passwords of charge points in the CSMS's database."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.ledger.books import Ledger
from bench.ledger.passwords import Passwords, password_bytes
from host_tests.integration.charge_points import everything

KEY = "4F43415F4F4354545F61646D696E5F74657374"  # TC_073: hexadecimal of "OCA_OCTT_admin_test"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "csms.sqlite"


@pytest.fixture
def passwords(path: Path) -> Iterator[Passwords]:
    with Ledger(path) as ledger:
        yield Passwords(ledger.database)


def test_a_password_lets_in_its_own_charge_point_and_is_kept_as_a_hash(passwords, path):
    async def play() -> None:
        assert await passwords.lets_in("CP1", None)  # nobody needs one yet
        await passwords.set("CP1", b"correct horse")
        await passwords.set("CP2", b"correct horse")
        assert await passwords.lets_in("CP1", b"correct horse")
        for name, presented in (("CP1", b"wrong"), ("CP1", None), ("CP1", b""), ("CP3", b"correct horse")):
            assert not await passwords.lets_in(name, presented), (name, presented)
        passwords.forget("CP1")
        assert not await passwords.lets_in("CP1", b"correct horse")
        passwords.forget("CP2")
        assert await passwords.lets_in("CP1", None)

    asyncio.run(play())
    assert b"correct horse" not in everything(path.parent)


def test_two_charge_points_with_one_password_have_two_hashes(passwords):
    asyncio.run(passwords.set("CP1", b"same"))
    asyncio.run(passwords.set("CP2", b"same"))
    (_, one, salt), (_, two, pepper) = passwords._database.rows("SELECT station, hash, salt FROM passwords")
    assert one != two and salt != pepper and len(one) == 64


def test_a_new_password_is_the_only_one_once_it_was_used(passwords):
    async def play() -> None:
        await passwords.set("CP1", b"old")
        await passwords.offer("CP1", b"new")
        passwords.withdraw("CP1", await passwords.offer("CP1", b"refused"))
        await passwords.offer("CP1", b"unanswered")
        assert not await passwords.lets_in("CP1", b"refused")
        assert await passwords.lets_in("CP1", b"old")  # the charge point may not have taken it
        assert await passwords.lets_in("CP1", b"new")
        assert not await passwords.lets_in("CP1", b"old")
        assert not await passwords.lets_in("CP1", b"unanswered")
        assert await passwords.lets_in("CP1", b"new")
        for number in range(5):  # the oldest are forgotten, the present one is not
            await passwords.offer("CP1", b"%d" % number)
        assert not await passwords.lets_in("CP1", b"1") and await passwords.lets_in("CP1", b"new")
        assert await passwords.lets_in("CP1", b"2")

    asyncio.run(play())


def test_a_key_in_hexadecimal_is_the_bytes_it_stands_for(passwords):
    assert password_bytes(KEY) == b"OCA_OCTT_admin_test"
    assert password_bytes(KEY[:-1]) == KEY[:-1].encode()
    assert password_bytes("abcd") == b"abcd"
    asyncio.run(passwords.set("CP1", password_bytes(KEY)))
    for presented in (b"OCA_OCTT_admin_test", KEY.encode(), KEY.lower().encode()):
        assert asyncio.run(passwords.lets_in("CP1", presented))
    assert not asyncio.run(passwords.lets_in("CP1", bytes(range(128, 148))))
