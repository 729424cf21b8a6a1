# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""What the CSMS is told of a tag: the options `tag_format` and `random_tags` (docs/tags.md)."""

import json

import pytest

from bench.charger import station_file
from host_tests.integration.case import Case, authorize, status

CACHED = {"AuthorizationCacheEnabled": True, "LocalPreAuthorize": True}
PHONE = "08A1B2C3"


def station(tmp_path, **options):
    described = json.loads(station_file("loop_evs32a").read_text())
    described["options"] = {**described.get("options", {}), **options}
    path = tmp_path / "station.json"
    path.write_text(json.dumps(described))
    return path


@pytest.mark.parametrize(
    ("form", "id_tag"),
    [("hex_reversed", "C3B2A104"), ("decimal", "0077705923"), ("decimal_reversed", "3283263748")],
)
async def test_a_tag_in_the_form_that_the_central_system_has(tmp_path, form, id_tag):
    async with Case(station(tmp_path, tag_format=form), **CACHED) as case:
        case.books.tag(id_tag)
        await case.swipe("04A1B2C3")
        await case.sees(authorize(id_tag), status("Preparing"))
        await case.swipe("04A1B2C3")
        await case.sees(status("Available"))
        await case.swipe("04A1B2C3")  # from the cache, where it is the same
        await case.sees(status("Preparing"))


async def test_a_random_uid_is_asked_about_each_time(tmp_path):
    async with Case(station(tmp_path), **CACHED) as case:
        case.books.tag(PHONE)
        for _ in range(2):
            await case.swipe(PHONE)
            await case.sees(authorize(PHONE), status("Preparing"))
            await case.swipe(PHONE)
            await case.sees(status("Available"))


async def test_random_uids_can_be_ignored(tmp_path):
    async with Case(station(tmp_path, random_tags="ignore"), **CACHED) as case:
        case.books.tag(PHONE)
        await case.swipe(PHONE)
        await case.quiet(0.5)
        case.books.tag("18A1B2C3")
        await case.swipe("18A1B2C3")
        await case.sees(authorize("18A1B2C3"), status("Preparing"))
