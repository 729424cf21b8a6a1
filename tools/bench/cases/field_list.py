# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Not in the catalogue, needed in the field: the local authorization list.

OCPP 1.6, 3.5.3 and 5.15: who is in it, what a refused update leaves of it, and what goes before the cache.
"""

from datetime import UTC, datetime, timedelta

from bench.cases.catalogue import case
from bench.cases.exempt import needs, needs_a_cache, unless
from bench.cases.expected import Expected, OneOf, authorize, start, status, stop
from bench.cases.failed import NotApplicable
from bench.cases.local_list import LIST, Entry, entry, listing, many, most, must_be, send
from bench.cases.play import Play
from bench.messages import utc_text

_ON = needs("LocalAuthListEnabled")
# 3.5.3: told when the CSMS thinks otherwise of a tag than the list.
_CONFLICT = Expected("StatusNotification", {"errorCode": "LocalListConflict"})


async def _list(play: Play, *entries: Entry) -> None:
    """Version 1 of the list; a tag can only be meant for the connector under test, and is looked up here."""
    await listing(play, len(entries))
    await play.have("LocalPreAuthorize", True)
    await send(play, 1, entries)


async def _charges_unasked(play: Play, tag: str) -> None:
    """A session of this tag, about which nobody is asked."""
    await play.present(tag)
    await play.expect(play.status("Preparing"))
    await play.plug()
    await play.started(tag)
    await play.present(tag)
    await play.expect(stop(play.transaction, reason=OneOf("Local", None)), play.status("Finishing"))
    await play.unplug()
    await play.expect(play.status("Available"))


async def _is_asked_about(play: Play, tag: str) -> None:
    await play.present(tag)
    await play.any_order(authorize(tag), play.status("Preparing"))


async def _is_as_before(play: Play, why: str) -> None:
    """What was refused has left the list of version 1, with the tag."""
    await must_be(play, 1, why)
    await _charges_unasked(play, play.tag)


@case("The local list survives a power failure, or a reset", LIST, exemption=_ON)
async def field_list_1(play: Play) -> None:
    await play.prefer("AuthorizationCacheEnabled", False)
    await _list(play, entry(play.tag))
    await play.restart()
    await play.booted()
    await play.any_order(*(status("Available", number) for number in (0, *play.claims.numbers)))
    await play.alone()
    await _is_as_before(play, "the list is kept when the power fails")


@case("A differential update that deletes", LIST, exemption=_ON)
async def field_list_2(play: Play) -> None:
    """An entry without idTagInfo is taken out (7.4); the others stay."""
    other = play.parameters.other_tag
    await play.alone()
    await play.prefer("AuthorizationCacheEnabled", False)
    await _list(play, entry(play.tag), entry(other))
    await send(play, 2, [{"idTag": play.tag}], update="Differential")
    await must_be(play, 2, "the update was accepted")
    await _charges_unasked(play, other)
    await _is_asked_about(play, play.tag)


@case("A local list with a tag in it twice", LIST, exemption=_ON)
async def field_list_3(play: Play) -> None:
    other = play.parameters.other_tag
    await play.alone()
    await play.prefer("AuthorizationCacheEnabled", False)
    await listing(play, 2)
    await _list(play, entry(play.tag))
    await send(play, 2, [entry(other), entry(other, "Blocked")], "Failed")
    await _is_as_before(play, "the list was refused")


@case("More entries in one message than SendLocalListMaxLength", LIST, exemption=_ON)
async def field_list_4(play: Play) -> None:
    await play.alone()
    await play.prefer("AuthorizationCacheEnabled", False)
    await _list(play, entry(play.tag))
    entries = await most(play, "SendLocalListMaxLength") + 1
    if entries > play.parameters.longest_list:
        raise NotApplicable(f"a list of {entries} entries would be needed")
    await send(play, 2, many(entries), "Failed", "CALLERROR")
    await _is_as_before(play, "the list was refused")


@case("The CSMS refuses a listed tag: LocalListConflict", LIST, exemption=_ON)
async def field_list_5(play: Play) -> None:
    """3.5.3: it does not change its list, and tells of the conflict."""
    await play.alone()
    await play.prefer("AuthorizationCacheEnabled", False)
    await _list(play, entry(play.tag))
    play.csms.books.tag(play.tag, "Blocked")
    await play.plugged_in()
    # What becomes of the transaction is a matter of StopTransactionOnInvalidId.
    play.tolerate(play.status("Charging", "SuspendedEVSE", "Finishing"), Expected("StopTransaction"))
    await play.present(play.tag)
    play.began(await play.expect(start(play.tag, play.connector)))
    await play.expect(_CONFLICT)
    play.tolerate(_CONFLICT)
    await must_be(play, 1, "nobody but the CSMS changes the list")


@case("An entry of the local list that has expired", LIST, exemption=_ON)
async def field_list_6(play: Play) -> None:
    lasts_s = play.parameters.listed_s
    await play.alone()
    await play.prefer("AuthorizationCacheEnabled", False)
    expiry = utc_text(datetime.now(UTC) + timedelta(seconds=lasts_s))
    await _list(play, entry(play.tag, expiryDate=expiry))
    await play.sleep(lasts_s + play.parameters.deviation_s)
    play.tolerate(_CONFLICT)
    await _is_asked_about(play, play.tag)


@case(
    "A cached tag that is blocked in the local list",
    LIST,
    exemption=unless(_ON, needs_a_cache),
)
async def field_list_7(play: Play) -> None:
    """The list counts before the cache: nothing begins unless the CSMS says so."""
    await play.alone()
    await play.cached()
    await _list(play, entry(play.tag, "Blocked"))
    play.tolerate(_CONFLICT)
    await play.present(play.tag)
    if await play.maybe(authorize(play.tag), within_s=play.parameters.idle_s) is None:
        await play.nothing()
        return
    await play.expect(play.status("Preparing"))


@case("A listed tag is not cached", LIST, exemption=unless(_ON, needs_a_cache))
async def field_list_8(play: Play) -> None:
    """4.8: what is in the list is not written to the cache."""
    await play.alone()
    await play.have("AuthorizationCacheEnabled", True)
    await _list(play, entry(play.tag))
    await _charges_unasked(play, play.tag)
    await send(play, 2, [])
    await must_be(play, 0, "the list is empty")
    await _is_asked_about(play, play.tag)
