# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""A Local Authorization List that is on flash when the charger starts: who charges, what the CSMS is told."""

import tempfile
from binascii import crc32
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.charger import station_file
from host_tests.integration.test_configuration import launch
from host_tests.integration.wire import site
from host_tests.unit.local_lists import ACCEPTED, full, opened
from store import overwrite

LISTED, REFUSED = "04AA00BB", "04CC00DD"


@contextmanager
def kept() -> Iterator[Path]:
    """A data directory with a list of 300 entries."""
    with tempfile.TemporaryDirectory(prefix="pilotlight-") as folder:
        data = Path(folder) / "data"
        data.mkdir()
        entries = [(f"04{number:06X}", ACCEPTED) for number in range(298)]
        entries += [(LISTED, ACCEPTED), (REFUSED, ("Blocked", None, None))]
        overwrite.in_place = False
        try:
            assert full(opened(str(data / "local_list")), 7, entries) == "Accepted"
        finally:
            overwrite.in_place = True
        yield data


async def test_who_is_listed_charges_and_a_conflict_is_told_once():
    with kept() as data:
        async with site("generic_socket", data=data, LocalPreAuthorize=True) as here:
            assert (await here.charger.state())["local_list"] == {"version": 7, "size": 300}
            await here.charger.do("plug", connector=1)
            await here.charger.do("tag", id=LISTED.lower())
            await here.station.expect("StartTransaction", connectorId=1)
            assert not here.station.calls("Authorize")
            # The CSMS does not know the tag: it says so in StartTransaction.conf.
            told = await here.station.expect("StatusNotification", errorCode="LocalListConflict")
            assert (told.payload["connectorId"], told.payload["status"]) == (0, "Available")
            assert LISTED in told.payload["info"]
            conflicts = [
                call
                for call in here.station.calls("StatusNotification")
                if call.payload["errorCode"] == "LocalListConflict"
            ]
            assert len(conflicts) == 1


async def test_the_list_is_there_after_a_power_cut_and_a_damaged_one_is_not():
    with kept() as data:
        async with site("generic_socket", data=data) as here:
            await here.reboot(True)
            assert (await here.charger.state())["local_list"] == {"version": 7, "size": 300}
            path = data / "local_list" / "entries_1"
            content = bytearray(path.read_bytes())
            content[4000] ^= 1
            path.write_bytes(content)
            await here.reboot(True)
            assert (await here.charger.state())["local_list"] == {"version": 0, "size": 0}
            assert any("entries_1 is damaged" in line for line in here.charger.output)
            assert sorted(each.name for each in path.parent.iterdir()) == ["entries.bad", "head"]


async def test_a_list_of_a_newer_firmware():
    with kept() as data:
        path = data / "local_list" / "head"
        body = b"{}"
        path.write_bytes(b"pilotlight 99 %08x\n%s" % (crc32(b"99\n" + body), body))
        options = ("--data", str(data), "--station", str(station_file("generic_socket")))
        code, output = await launch(*options)
        assert code == 2 and str(path) in output and "newer firmware" in output
        assert (data / "local_list" / "entries_1").exists()
