# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Passwords of charge points (security profile 1), of which the CSMS keeps a salted hash and no more.

New ones that go out with ChangeConfiguration(AuthorizationKey) stand beside the present one until one is
used: whether a charge point took it before its answer was lost, only its next connection tells.
"""

import asyncio
import hashlib
import hmac
import os
import re

from bench.ledger.database import Database, Statement

_PRESENT = "present"
_OFFERED = 3  # so many new ones at a time: each costs a hash when somebody guesses


def password_bytes(text: str) -> bytes:
    """The bytes of an AuthorizationKey: 32 to 40 hexadecimal digits mean the bytes they stand for (TC_073 of
    the catalogue), anything else is the password itself.
    """
    if re.fullmatch(r"(?:[0-9A-Fa-f]{2}){16,20}", text):
        return bytes.fromhex(text)
    return text.encode()


def _hash(password: bytes, salt: bytes) -> bytes:
    # 16 MB and some 50 ms a guess; a charge point connects now and then.
    return hashlib.scrypt(password, salt=salt, n=2**14, r=8, p=1, maxmem=2**26)


def _forms(presented: bytes) -> list[bytes]:
    """Charge points that send the hexadecimal digits as they are mean the same password."""
    meant = password_bytes(presented.decode("ascii", "replace"))
    return [presented] if meant == presented else [presented, meant]


class Passwords:
    """Nobody needs one until the first is set; then every charge point does. Hashing is done in a thread."""

    def __init__(self, database: Database):
        self._database = database

    def needed(self) -> bool:
        return bool(self.stations())

    def stations(self) -> list[str]:
        return [row[0] for row in self._database.rows("SELECT DISTINCT station FROM passwords ORDER BY 1")]

    async def set(self, station_id: str, password: bytes) -> None:
        salt, known = await _salted(password)
        self._database.write(
            ("DELETE FROM passwords WHERE station = ?", (station_id,)),
            ("INSERT INTO passwords VALUES (?, ?, ?, ?)", (station_id, _PRESENT, salt, known)),
            durable=True,
        )

    async def offer(self, station_id: str, password: bytes) -> str:
        """From now on this one lets in as well; once it has, it is the only one. Returns its slot."""
        salt, known = await _salted(password)
        slots = [slot for slot, _, _ in self._slots(station_id) if slot != _PRESENT]
        slot = f"next {1 + max((int(slot.split()[1]) for slot in slots), default=0)}"
        self._database.write(
            *(_delete(station_id, old) for old in slots[_OFFERED - 1 :]),
            ("INSERT INTO passwords VALUES (?, ?, ?, ?)", (station_id, slot, salt, known)),
            durable=True,
        )
        return slot

    def withdraw(self, station_id: str, slot: str) -> None:
        """The charge point has refused what was offered."""
        self._database.write(_delete(station_id, slot), durable=True)

    def forget(self, station_id: str) -> None:
        self._database.write(("DELETE FROM passwords WHERE station = ?", (station_id,)), durable=True)

    async def lets_in(self, station_id: str, presented: bytes | None) -> bool:
        """Whether a connection of this charge point, with this password or none, is accepted."""
        if not self.needed():
            return True
        if presented is None:
            return False
        for slot, salt, known in self._slots(station_id):
            for form in _forms(presented):
                if hmac.compare_digest(await asyncio.to_thread(_hash, form, salt), known):
                    self._used(station_id, slot)
                    return True
        return False

    def _slots(self, station_id: str) -> list[tuple[str, bytes, bytes]]:
        """(slot, salt, hash), the newest first."""
        rows = self._database.rows(
            "SELECT slot, salt, hash FROM passwords WHERE station = ? ORDER BY rowid DESC", (station_id,)
        )
        return [(slot, salt, known) for slot, salt, known in rows]

    def _used(self, station_id: str, slot: str) -> None:
        if slot == _PRESENT or slot not in [known for known, _, _ in self._slots(station_id)]:
            return  # nothing new, or another connection was quicker
        self._database.write(
            ("DELETE FROM passwords WHERE station = ? AND slot != ?", (station_id, slot)),
            ("UPDATE passwords SET slot = ? WHERE station = ?", (_PRESENT, station_id)),
            durable=True,
        )


async def _salted(password: bytes) -> tuple[bytes, bytes]:
    salt = os.urandom(16)
    return salt, await asyncio.to_thread(_hash, password, salt)


def _delete(station_id: str, slot: str) -> Statement:
    return ("DELETE FROM passwords WHERE station = ? AND slot = ?", (station_id, slot))
