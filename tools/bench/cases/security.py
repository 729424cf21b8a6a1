# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Security profile 1: the charge point's password."""

import base64
import binascii

from bench.cases.catalogue import case
from bench.cases.exempt import needs_a_password
from bench.cases.expected import boot, status
from bench.cases.failed import Failed
from bench.cases.play import Play

# 38 hex digits stand for 19 bytes, all of them printable.
_NEW_PASSWORD = b"q7Zt-4mVx-9Kdw-2Rsy"


def _presented(play: Play) -> tuple[str, bytes]:
    """User and password of the last connection's request."""
    request = play.station.request
    header = "" if request is None else request.headers.get("Authorization", "")
    scheme, _, encoded = header.partition(" ")
    try:
        user, colon, password = base64.b64decode(encoded, validate=True).partition(b":")
    except binascii.Error:
        colon = b""
        user, password = b"", b""
    if scheme.lower() != "basic" or not colon:
        raise Failed("Authorization: Basic ...", scheme or "no such header", "it must say who it is")
    return user.decode("utf-8", "replace"), password


async def _take(play: Play, password: bytes) -> None:
    """The charge point is given this password, and comes back."""
    connections = play.station.connections
    await play.configure("AuthorizationKey", password.hex())
    await play.new_connection(connections + 1, "the new password")


async def _take_back(play: Play, password: bytes) -> None:
    """It may be on its way with the other one, when the case was interrupted."""
    for last in (False, False, True):
        try:
            await _take(play, password)
            break
        except Failed:
            if last:
                raise
            await play.sleep(1)
            await play.station.wait_connected(play.parameters.restart_s)


def _everybody_may_in(play: Play) -> None:
    """So that what is wrong with a password can be seen."""
    passwords = play.csms.passwords

    async def as_before() -> None:
        play.csms.passwords = passwords

    play.csms.passwords = None
    play.afterwards(as_before)


@case("A new password", exemption=needs_a_password)
async def tc_073(play: Play) -> None:
    old = play.parameters.password
    assert old is not None
    _everybody_may_in(play)
    play.afterwards(lambda: _take_back(play, old))
    await _take(play, _NEW_PASSWORD)
    _, password = _presented(play)
    if password != _NEW_PASSWORD:
        raise Failed("the new password", "another one", "the hex digits stand for the bytes of the password")


@case("The password in the request", exemption=needs_a_password)
async def tc_085(play: Play) -> None:
    _everybody_may_in(play)
    await play.ask("Reset", "Accepted", type="Hard")
    await play.expect(boot(), within_s=play.parameters.restart_s)
    user, password = _presented(play)
    if user != play.station.id:
        raise Failed(f"user {play.station.id}", user, "the user is the charge point's id")
    if password != play.parameters.password:
        raise Failed("the charge point's password", f"another one of {len(password)} bytes", "it has one")
    if not 16 <= len(password) <= 20:
        raise Failed("16 to 20 bytes", f"{len(password)} bytes", "that is the length of a password")
    await play.any_order(*(status("Available", number) for number in (0, *play.claims.numbers)))
