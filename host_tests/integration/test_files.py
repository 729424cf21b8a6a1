# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Files that are damaged, newer, or cannot be written: the charger says so and goes on with the rest."""

import asyncio
import contextlib
import os
import random
import resource
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from zlib import crc32

import pytest

from bench.charger import LAUNCHER, SimulatedCharger, station_file
from bench.csms import Csms
from bench.station import CallRefused
from host_tests.integration.test_configuration import launch
from host_tests.integration.wire import Site, site

AT_ONCE = 8

STATION = "xcharge_c6"
TAG = "04A1B2C3"
TRANSACTION = 555


class Template:
    """The data directory of a charger whose power failed offline, in the middle of a transaction.

    Of its own: two changed keys, a tag in the cache that may start without asking, connector 2 Inoperative,
    connector 1 charging, some MeterValues in the outbox. Filled when it is first asked for.
    """

    _folder = tempfile.TemporaryDirectory(prefix="pilotlight-")
    _filling: asyncio.Task[None] | None = None

    @classmethod
    async def get(cls) -> Path:
        data = Path(cls._folder.name) / "template"
        if cls._filling is None:
            cls._filling = asyncio.create_task(cls._fill(data))
        await asyncio.shield(cls._filling)
        return data

    @staticmethod
    async def _fill(data: Path) -> None:
        await _fill(data)
        with scratch() as folder:
            shutil.copytree(data, folder / "data")
            found = await look(folder / "data")
        assert found.samples >= 4
        INTACT.samples = found.samples  # how many there were when the power failed


@contextlib.contextmanager
def scratch() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="pilotlight-") as folder:
        yield Path(folder)


async def _fill(data: Path) -> None:
    async with site(STATION, data=data, MeterValueSampleInterval=1) as here:
        here.csms.books.next_transaction = TRANSACTION
        assert await here.change("ConnectionTimeOut", "33") == "Accepted"
        assert await here.change("LocalPreAuthorize", "true") == "Accepted"
        inoperative = {"connectorId": 2, "type": "Inoperative"}
        assert await here.station.call("ChangeAvailability", inoperative) == {"status": "Accepted"}
        await here.begin(TAG)
        await here.station.expect("MeterValues")
        await here.charger.do("link", up=False)
        while (await here.charger.state())["queue_depth"] < 4:
            await asyncio.sleep(0.1)
        await here.charger.power_cut()


@dataclass
class Found:
    """What a charger shows after it was started on a directory."""

    timeout: str | None  # ConnectionTimeOut
    second: str  # status of connector 2
    samples: int  # MeterValues of the transaction
    stop: str | None  # reason of its StopTransaction
    asked: bool  # whether the tag had to be authorized by the CSMS
    log: list[str]


INTACT = Found("33", "Unavailable", 0, "PowerLoss", False, [])


async def look(data: Path) -> Found:
    """Start a charger on the directory, with a CSMS that knows nothing; every message must be valid."""
    async with Csms() as csms:
        csms.books.tag(TAG)
        async with SimulatedCharger(csms.url, station=STATION, data=data) as charger:
            station = await csms.connected("CP1")
            here = Site(csms, station, charger)
            await here.told()
            while (await charger.state())["queue_depth"]:
                await asyncio.sleep(0.02)
            stops = [call.payload for call in station.calls("StopTransaction")]
            samples = [call.payload["transactionId"] for call in station.calls("MeterValues")]
            assert all(stop["transactionId"] == TRANSACTION for stop in stops), stops
            assert set(samples) <= {TRANSACTION}
            statuses = [
                call.payload["status"]
                for call in station.calls("StatusNotification")
                if call.payload["connectorId"] == 2
            ]
            station.mark()
            await charger.do("tag", id=TAG)
            await station.expect("StartTransaction", connectorId=1)
            await charger.do("tag", id=TAG)
            await station.expect("StopTransaction", 10)
            rows = await here.configuration("ConnectionTimeOut")
            return Found(
                rows["ConnectionTimeOut"][0],
                statuses[-1],
                len(samples),
                stops[0]["reason"] if stops else None,
                bool(station.calls("Authorize")),
                list(charger.output),
            )


def truncated(content: bytes) -> bytes:
    return content[: len(content) // 2]


def one_bit(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 0x10]) + content[middle + 1 :]


def noise(content: bytes) -> bytes:
    return random.Random(len(content)).randbytes(len(content))


def text(_content: bytes) -> bytes:
    return b"hello\n"


def erased(_content: bytes) -> bytes:
    return b"\xff" * 20_000


Damage = Callable[[bytes], bytes]


def copies(template: Path, folder: Path, name: str, *damages: Damage) -> Iterator[tuple[Path, Path]]:
    """Directories like the template, with one file damaged in each; that file."""
    for damage in damages:
        data = folder / f"{name.replace('/', '-')}-{damage.__name__}"
        shutil.copytree(template, data)
        [path] = data.glob(name)
        path.write_bytes(damage(path.read_bytes()))
        yield data, path


async def all_of(
    template: Path, folder: Path, name: str, *damages: Damage
) -> list[tuple[Found, Path, bytes]]:
    """`look` at each: what was found, the file, what was in it."""
    rows = [(data, path, path.read_bytes()) for data, path in copies(template, folder, name, *damages)]
    found = await asyncio.gather(*(look(data) for data, _, _ in rows))
    return [(seen, path, content) for seen, (_, path, content) in zip(found, rows, strict=True)]


def set_aside(data: Path) -> list[Path]:
    return list(data.rglob("*.bad"))


def bad(path: Path) -> Path:
    return path.with_name(path.name + ".bad")


def said(found: Found, name: str) -> bool:
    """The log has a warning or an error about it."""
    return any((" E " in line or " W " in line) and name in line for line in found.log)


def differences(found: Found) -> set[str]:
    return {
        field
        for field in ("timeout", "second", "samples", "stop", "asked")
        if getattr(found, field) != getattr(INTACT, field)
    }


async def test_an_undamaged_directory():
    template = await Template.get()
    with scratch() as folder:
        [(found, _, _)] = await all_of(template, folder, "settings", lambda content: content)
        assert not differences(found)
        assert not [line for line in found.log if "damaged" in line or ".bad" in line]


# name, what is lost with it, what it has then
RECORDS = (
    ("settings", {"timeout", "asked"}),
    ("availability", {"second"}),
    ("boots", set[str]()),
    ("clock", set[str]()),
    ("transaction1", {"stop"}),
    ("cache/bucket_*", {"asked"}),
)


@pytest.mark.parametrize(("name", "lost"), RECORDS, ids=[row[0] for row in RECORDS])
async def test_damaged_records(name: str, lost: set[str]):
    template = await Template.get()
    with scratch() as folder:
        damages = (truncated, one_bit, noise, text, erased) if name == "settings" else (one_bit, erased)
        for found, path, content in await all_of(template, folder, name, *damages):
            assert differences(found) == lost, (path, found)
            assert said(found, path.name + " is damaged")
            assert bad(path).read_bytes() == content
            if name == "settings":
                assert found.timeout == "60"
            version = 2 if name == "transaction1" else 1
            assert not path.exists() or path.read_bytes().startswith(b"pilotlight %d " % version)


@pytest.mark.parametrize(("name", "lost"), RECORDS, ids=[row[0] for row in RECORDS])
async def test_empty_records(name: str, lost: set[str]):
    """What a power cut leaves of a file that is being made: as if it were not there."""
    template = await Template.get()
    with scratch() as folder:

        def empty(_content: bytes) -> bytes:
            return b""

        [(found, path, _)] = await all_of(template, folder, name, empty)
        assert differences(found) == lost
        assert said(found, path.name + " is empty")
        assert not bad(path).exists()


async def test_a_lost_count_of_boots_uses_no_number_again():
    template = await Template.get()
    with scratch() as folder:
        [(data, path)] = copies(template, folder, "boots", erased)
        before = path.with_name("transaction1").read_text()
        await look(data)
        assert "\n[4096," in before  # boot 1
        assert '{"boots":2}' in path.read_text()


async def test_a_damaged_head_of_the_outbox():
    template = await Template.get()
    with scratch() as folder:

        def one_of_two(content: bytes) -> bytes:
            return content[:3] + b"#" + content[4:]

        [(found, path, _)] = await all_of(template, folder, "outbox/head", one_of_two)
        assert not differences(found) and said(found, "outbox/head")
        for found, path, content in await all_of(template, folder, "outbox/head", noise, erased):
            # What was delivered already may come again, nothing is lost; the transaction knows its id.
            assert differences(found) <= {"samples"} and found.samples >= INTACT.samples
            assert said(found, "outbox/head is damaged") and bad(path).read_bytes() == content


async def test_a_damaged_segment_of_the_outbox():
    template = await Template.get()
    with scratch() as folder:

        def torn(content: bytes) -> bytes:
            """Between two records nobody could tell that something is missing."""
            at = len(content) // 2
            while content[at] == 0xA5:
                at += 1
            return content[:at]

        for found, path, content in await all_of(template, folder, "outbox/*.seg", one_bit, torn, erased):
            assert differences(found) == {"samples"} and found.samples < INTACT.samples
            assert said(found, path.name)
            assert (
                path.with_name("damaged.bad").read_bytes().startswith(content)
            )  # more may have come behind it


async def test_files_of_a_newer_firmware_are_not_touched():
    """Nothing that an older firmware could do with them would be right: it does not start, and says why."""
    template = await Template.get()
    with scratch() as folder:
        body = b'{"something": "else"}'
        record = b"pilotlight 99 %08x\n%s" % (crc32(b"99\n" + body), body)
        line = b"9 %08x 1 {}\n" % crc32(b"9 1 {}")

        async def refused(name: str, content: bytes) -> None:
            data = folder / name.replace("/", "-")
            shutil.copytree(template, data)
            path = data / name
            path.write_bytes(content)
            code, output = await launch("--data", str(data), "--station", str(station_file(STATION)))
            assert code == 2 and "Traceback" not in output, output
            [sentence] = [said for said in output.splitlines() if said.startswith("charger: ")]
            assert str(path) in sentence and "newer firmware" in sentence
            assert path.read_bytes() == content and not bad(path).exists()

        names = ("settings", "availability", "boots", "clock", "transaction1")
        await asyncio.gather(*(refused(name, record) for name in names), refused("outbox/head", line * 2))
        # A bucket of the cache is no reason not to start.
        for data, path in copies(template, folder, "cache/bucket_*", lambda _content: record):
            found = await look(data)
            assert differences(found) == {"asked"} and said(found, path.name)
            assert path.read_bytes() == record


# ---- a disk that takes nothing


@contextlib.asynccontextmanager
async def full_disk(charger: SimulatedCharger) -> AsyncIterator[None]:
    """No file of this process may grow: each write fails as on a full disk."""
    assert charger.pid is not None
    soft, hard = resource.prlimit(charger.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(charger.pid, resource.RLIMIT_FSIZE, (0, hard))
    try:
        yield
    finally:
        resource.prlimit(charger.pid, resource.RLIMIT_FSIZE, (soft, hard))


async def refuses_what_it_cannot_keep(here: Site) -> None:
    here.station.mark()
    before = await here.configuration()
    assert await here.change("ConnectionTimeOut", "44") == "Rejected"
    assert await here.change("AuthorizationKey", "0123456789abcdef0123456789abcdef") == "Rejected"
    assert await here.configuration() == before
    for number in (0, 1):
        inoperative = {"connectorId": number, "type": "Inoperative"}
        assert await here.station.call("ChangeAvailability", inoperative) == {"status": "Rejected"}
    assert not here.station.calls("StatusNotification")


async def charges_online(here: Site) -> None:
    """A bill waits in RAM, where the flash takes nothing; the CSMS is there to take it."""
    here.station.mark()
    here.csms.books.tag(TAG)
    await here.charger.do("plug", connector=1)
    await here.charger.do("tag", id=TAG)
    started = await here.station.expect("StartTransaction", 10)
    await here.station.expect("StatusNotification", 10, status="Charging")
    await here.charger.do("tag", id=TAG)
    stopped = await here.station.expect("StopTransaction", 10, reason="Local")
    assert stopped.payload["transactionId"] in here.csms.books.transactions
    assert stopped.payload["meterStop"] >= started.payload["meterStart"]
    await here.charger.do("unplug", connector=1)
    await here.station.expect("StatusNotification", 10, status="Available")


async def test_a_full_disk():
    with scratch() as folder:
        async with site("generic_socket", data=folder) as here:
            assert await here.change("ConnectionTimeOut", "33") == "Accepted"
            async with full_disk(here.charger):
                await refuses_what_it_cannot_keep(here)
                await charges_online(here)
            # And when there is room again, all is as ever.
            assert await here.change("MinimumStatusDuration", "0") == "Accepted"
            await charges_online(here)
            assert here.charger.running
            await here.reboot(power_cut=True)
            assert (await here.configuration("ConnectionTimeOut"))["ConnectionTimeOut"] == ("33", False)
        assert not set_aside(folder)


async def test_a_disk_that_fills_up_during_a_transaction():
    with scratch() as folder:
        async with site("generic_socket", data=folder, MeterValueSampleInterval=1) as here:
            transaction = await here.begin()
            async with full_disk(here.charger):
                await here.charger.do("link", up=False)
                await here.station.wait_disconnected()
                await asyncio.sleep(1.5)
                await here.charger.do("tag", id=TAG)
                while (await here.charger.state())["connectors"][0]["transaction"]:
                    await asyncio.sleep(0.05)
                here.station.mark()
                await here.charger.do("link", up=True)
                # The samples are lost, the bill is not.
                await here.station.expect("StopTransaction", 10, transactionId=transaction, reason="Local")
            assert here.charger.running


async def test_a_disk_that_is_full_for_long_lets_nobody_charge_unbilled():
    with scratch() as folder:
        async with site("generic_socket", data=folder, AllowOfflineTxForUnknownId="true") as here:
            async with full_disk(here.charger):
                await here.charger.do("link", up=False)
                await here.station.wait_disconnected()
                await here.charger.do("plug", connector=1)
                begun: list[str] = []
                while await _begins(here, f"AA{len(begun):02}"):
                    begun.append(f"AA{len(begun):02}")
                    await here.charger.do("tag", id=begun[-1])
                    while (await here.charger.state())["connectors"][0]["transaction"]:
                        await asyncio.sleep(0.02)
                    assert len(begun) < 20, "RAM has no end"
                assert len(begun) >= 4
                [connector] = (await here.charger.state())["connectors"]
                assert connector["offered_a"] == 0 and not connector["contactor"]
                here.station.mark()
                await here.charger.do("link", up=True)
                for tag in begun:
                    await here.station.expect("StartTransaction", 10, idTag=tag)
                    await here.station.expect("StopTransaction", 10, idTag=tag)
                # Now that RAM is free there may be a next one.
                here.csms.books.tag("AA99")
                await here.charger.do("tag", id="AA99")
                await here.station.expect("StartTransaction", 10, idTag="AA99")
            assert here.charger.running


async def _begins(here: Site, tag: str) -> bool:
    await here.charger.do("tag", id=tag)
    for _ in range(150):
        if (await here.charger.state())["connectors"][0]["transaction"]:
            return True
        if any("cannot be kept" in line for line in here.charger.output if "connector: " in line):
            return False
        await asyncio.sleep(0.02)
    raise AssertionError("neither a transaction nor a reason")


async def test_a_read_only_directory():
    template = await Template.get()
    with scratch() as folder:
        data = folder / "data"
        shutil.copytree(template, data)
        for path in (*data.rglob("*"), data):
            path.chmod(0o555 if path.is_dir() else 0o444)
        # Root writes anywhere unless it gives up that right.
        launcher = (str(LAUNCHER),)
        if os.geteuid() == 0:
            launcher = ("setpriv", "--bounding-set", "-dac_override", str(LAUNCHER))
        try:
            async with Csms() as csms:
                csms.books.next_transaction = TRANSACTION + 1
                async with SimulatedCharger(
                    csms.url, station=STATION, data=data, launcher=launcher
                ) as charger:
                    here = Site(csms, await csms.connected("CP1"), charger)
                    await here.told()
                    await here.station.expect("StopTransaction", 10, transactionId=TRANSACTION)
                    await refuses_what_it_cannot_keep(here)
                    assert await here.station.call("ClearCache") == {"status": "Rejected"}
                    await charges_online(here)
                    with pytest.raises(CallRefused):
                        await here.station.call("Reset", {"type": "no"}, check=False)
                    assert any("boot count not kept" in line for line in charger.output)
        finally:
            for path in (data, *data.rglob("*")):
                path.chmod(0o755)
        assert '"ConnectionTimeOut":"33"' in (data / "settings").read_text()
