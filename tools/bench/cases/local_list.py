# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Local Authorization List Management: the list is sent, has a version, and lets tags in.

What a charge point without it answers is in unsupported.py.
"""

from collections.abc import Iterable
from typing import Any

from bench.cases.catalogue import case
from bench.cases.exempt import needs
from bench.cases.failed import Failed, NotApplicable
from bench.cases.play import Play

LIST = "LocalAuthListManagement"
_ON = needs("LocalAuthListEnabled")

Entry = dict[str, Any]


def entry(tag: str, status: str = "Accepted", **info: Any) -> Entry:
    """Of the list: what the CSMS says of the tag."""
    return {"idTag": tag, "idTagInfo": {"status": status, **info}}


def many(count: int) -> list[Entry]:
    """So many entries of tags that nobody has."""
    return [entry(f"F{number:09}") for number in range(count)]


async def most(play: Play, key: str) -> int:
    """The value of LocalAuthListMaxLength or SendLocalListMaxLength: required keys, numbers."""
    told = await play.configured(key) or ""
    if not told.isdigit():
        raise Failed(f"{key}, a number", told or "no such key", "nobody knows how long a list may be")
    return int(told)


async def listing(play: Play, entries: int = 1) -> None:
    """The list is enabled, and takes so many entries; otherwise the case does not apply."""
    await play.have("LocalAuthListEnabled", True)
    for key in ("LocalAuthListMaxLength", "SendLocalListMaxLength"):
        room = await most(play, key)
        if room < entries:
            raise NotApplicable(f"{key} is {room}")


async def send(
    play: Play,
    version: int,
    entries: Iterable[Entry] | None,
    *statuses: str,
    update: str = "Full",
) -> None:
    """SendLocalList, answered by one of these statuses, none: Accepted. Entries None: no such field."""
    fields: dict[str, Any] = {"listVersion": version, "updateType": update}
    if entries is not None:
        fields["localAuthorizationList"] = list(entries)
    within_s = max(play.parameters.list_s, play.parameters.patience_s)
    await play.ask("SendLocalList", *(statuses or ("Accepted",)), within_s=within_s, **fields)


async def version(play: Play) -> int | str:
    """The version that it tells; or the code of a CALLERROR."""
    answered = await play.call("GetLocalListVersion")
    return answered.error or answered.payload["listVersion"]


async def must_be(play: Play, wanted: int | str, why: str) -> None:
    told = await version(play)
    if told != wanted:
        raise Failed(f"listVersion {wanted}", f"listVersion {told}", why)


async def _listed(play: Play) -> None:
    """IdTagLocalAuthList: the tag is in the list, and nothing else is known of it."""
    await listing(play)
    await play.have("LocalPreAuthorize", True)
    await play.prefer("AuthorizationCacheEnabled", False)
    await version(play)
    await send(play, 1, [entry(play.tag)])


@case("Regular charging session, listed tag", LIST, aliases=("TC_008",), exemption=_ON)
async def tc_008_1(play: Play) -> None:
    await play.alone()
    await _listed(play)
    await play.present(play.tag)
    await play.expect(play.status("Preparing"))
    await play.plug()
    await play.started()


@case("Remote start, listed tag", LIST, aliases=("TC_008",), exemption=_ON)
async def tc_008_2(play: Play) -> None:
    await play.have("AuthorizeRemoteTxRequests", True)
    await _listed(play)
    await play.plugged_in()
    await play.start_remotely()
    await play.started()


@case("Version of an empty local list", LIST, exemption=_ON)
async def tc_042_2(play: Play) -> None:
    await play.have("LocalAuthListEnabled", True)
    await send(play, 1, None)
    await must_be(play, 0, "the list is empty, whatever version was sent with it")


@case("Send a local list", LIST, exemption=_ON)
async def tc_043(play: Play) -> None:
    await listing(play, 2)
    await send(play, 1, [entry(play.tag)])
    await send(play, 2, [entry(play.parameters.other_tag)], update="Differential")


@case("Local list, version mismatch", LIST, exemption=_ON)
async def tc_043_2(play: Play) -> None:
    await listing(play, 2)
    differential = [entry(play.parameters.other_tag)]
    await send(play, 2, [entry(play.tag)])
    await must_be(play, 2, "that list was accepted")
    await send(play, 5, differential, update="Differential")
    await must_be(play, 5, "that update was accepted")
    await send(play, 4, differential, "VersionMismatch", update="Differential")
    await must_be(play, 5, "the update was refused")


@case("Local list, failed", LIST, exemption=_ON)
async def tc_043_3(play: Play) -> None:
    """It cannot be stored because it is longer than the charge point's."""
    await play.have("LocalAuthListEnabled", True)
    entries = await most(play, "LocalAuthListMaxLength") + 1
    if entries > play.parameters.longest_list:
        raise NotApplicable(f"a list of {entries} entries would be needed")
    # What is longer than one message may be is refused as such, too.
    too_long = entries > await most(play, "SendLocalListMaxLength")
    before = await version(play)
    await send(play, 2, many(entries), "Failed", *(("CALLERROR",) if too_long else ()))
    await must_be(play, before, "the list was refused")
