# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Every configuration key of every station as a CSMS finds it: access, type, range, persistence, effect."""

import asyncio
import base64
import contextlib
import itertools
import re
import tempfile
from pathlib import Path

import pytest

from bench.charger import LAUNCHER, STATIONS
from bench.deadline import within
from bench.station import CallRefused
from host_tests.integration.key_table import (
    ABSENT,
    CERTIFIED,
    ENERGY,
    KINDS,
    NAMES,
    OF_LATER_PROFILES,
    READ_ONLY,
    REQUIRED,
    SHAPES,
    allowed,
)
from host_tests.integration.wire import Site, site

AT_ONCE = 8

every_station = pytest.mark.parametrize("name", NAMES)


async def answered(here: Site, key: str, value: str) -> str:
    """ChangeConfiguration, whatever the value's length."""
    try:
        return (await here.station.call("ChangeConfiguration", {"key": key, "value": value}, check=False))[
            "status"
        ]
    except CallRefused as error:
        return error.code


@every_station
async def test_every_key(name: str):
    async with site(name) as here:
        rows = await here.configuration()
        assert set(rows) == set(KINDS) - ABSENT[name]
        assert set(rows) >= REQUIRED and len(rows) <= int(rows["GetConfigurationMaxKeys"][0] or 0)
        for key, (value, readonly) in rows.items():
            access, kind = KINDS[key]
            assert readonly is (access == "R" or key in READ_ONLY[name]), key
            assert value is not None and re.fullmatch(SHAPES.get(kind, r"\d+"), value), (key, value)
        expected = {}
        for key, (value, readonly) in rows.items():
            if readonly:
                for text in (value or "", "1", "true", "", ENERGY):
                    assert await answered(here, key, text) == "Rejected", key
                continue
            good, bad = allowed(name, key, rows)
            for text, shown in good:
                assert await answered(here, key.swapcase(), text) == "Accepted", (key, text)
                assert await here.configuration(key) == {key: (shown, False)}
                expected[key] = (shown, False)
            for text in bad:
                assert await answered(here, key, text) == "Rejected", (key, text)
            assert await answered(here, key, "x" * 501) == "PropertyConstraintViolation"
            assert await here.configuration(key) == {key: expected[key]}
        for key in (
            *ABSENT[name],
            "Testing",
            "",
            " HeartbeatInterval",
            "HeartbeatIntervalx",
            "SupportedFileTransferProtocols",
        ):
            assert await answered(here, key, "1") == "NotSupported", key
        # Nothing else has changed, and all of it is there after a restart and after a power cut. The interval
        # of the next BootNotification.conf counts, then.
        expected = rows | expected
        assert await here.configuration() == expected
        expected["HeartbeatInterval"] = ("300", False)
        for power_cut in (False, True):
            await here.reboot(power_cut)
            assert await here.configuration() == expected


@every_station
async def test_configuration_cases(name: str):
    async with site(name) as here:
        ask, profiles = here.station.call, {"key": ["SupportedFeatureProfiles"]}
        # 019
        answer = await ask("GetConfiguration", profiles)
        assert not answer.get("unknownKey") and answer["configurationKey"][0]["value"].split(",")[0] == "Core"
        everything = await ask("GetConfiguration", {"key": []})
        assert everything == await ask("GetConfiguration", {}) and "unknownKey" not in everything
        shown = {row["key"]: row["readonly"] for row in everything["configurationKey"]}
        assert set(shown) >= REQUIRED
        for key in REQUIRED:
            access = KINDS[key][0]
            assert not access or shown[key] is (access == "R"), key
        [most] = (await ask("GetConfiguration", {"key": ["GetConfigurationMaxKeys"]}))["configurationKey"]
        picked = list(shown)[: min(int(most["value"]), len(shown))]
        answer = await ask("GetConfiguration", {"key": picked})
        assert [row["key"] for row in answer["configurationKey"]] == picked and not answer.get("unknownKey")
        # 021, 040_1, 040_2
        assert await here.change("MeterValueSampleInterval", "17") == "Accepted"
        assert await here.configuration("MeterValueSampleInterval") == {
            "MeterValueSampleInterval": ("17", False)
        }
        assert await here.change("Testing", "true") == "NotSupported"
        assert await here.change("MeterValueSampleInterval", "-1") == "Rejected"
        assert await here.configuration("MeterValueSampleInterval") == {
            "MeterValueSampleInterval": ("17", False)
        }


async def test_what_getconfiguration_is_asked_for():
    async with site("ecarplug_ac") as here:

        async def ask(*keys: str) -> tuple[list[str], list[str]]:
            answer = await here.station.call("GetConfiguration", {"key": list(keys)})
            return [row["key"] for row in answer.get("configurationKey", [])], answer.get("unknownKey", [])

        assert await ask("ResetRetries") == (["ResetRetries"], [])
        assert await ask("NoSuchKey") == ([], ["NoSuchKey"])
        # In the order of the question, in any case, the unknown ones as they were written.
        assert await ask(
            "resetRETRIES", "nosuchkey", "BLINKREPEAT", "Ünknown", "", "AllowOfflineTxForUnknownId"
        ) == (
            ["ResetRetries", "BlinkRepeat", "AllowOfflineTxForUnknownId"],
            ["nosuchkey", "Ünknown", ""],
        )
        assert await ask("BlinkRepeat", "blinkrepeat") == (["BlinkRepeat"] * 2, [])
        assert await ask("x" * 50, "ResetRetries") == (["ResetRetries"], ["x" * 50])
        # GetConfigurationMaxKeys is 50 here.
        found, unknown = await ask(*[f"Key{n}" for n in range(49)], "ResetRetries")
        assert found == ["ResetRetries"] and len(unknown) == 49
        for count in (51, 200):
            with pytest.raises(CallRefused) as refused:
                await ask(*["ResetRetries"] * count)
            assert refused.value.code == "OccurenceConstraintViolation" and "50" in refused.value.description


# ---- effects


async def test_heartbeats_follow_the_interval():
    async with site() as here:
        await here.station.never("Heartbeat", 0.5)
        assert await here.change("HeartbeatInterval", "1") == "Accepted"
        beats = [await here.station.expect("Heartbeat") for _ in range(3)]
        for one, next_one in itertools.pairwise(beats):
            assert 0.5 < next_one.monotonic_s - one.monotonic_s < 3  # the host may be busy
        assert await here.change("HeartbeatInterval", "0") == "Accepted"
        here.station.mark()
        await here.station.never("Heartbeat", 1.3)


async def test_meter_values_follow_their_intervals_and_lists():
    async with site("generic_socket", MeterValueSampleInterval=0) as here:
        transaction = await here.begin()
        await here.station.never("MeterValues", 1.2)
        for key, value in (
            ("MeterValuesSampledData", "Voltage.L2-N,Temperature"),
            ("MeterValueSampleInterval", "1"),
        ):
            assert await here.change(key, value) == "Accepted"
        told = [await here.station.expect("MeterValues", transactionId=transaction) for _ in range(3)]
        for one, next_one in itertools.pairwise(told):
            assert 0.5 < next_one.monotonic_s - one.monotonic_s < 3
        [meter_value] = told[-1].payload["meterValue"]
        values = [(value["measurand"], value.get("phase")) for value in meter_value["sampledValue"]]
        assert values == [("Voltage", "L2-N"), ("Temperature", None)]
        assert await here.change("MeterValueSampleInterval", "0") == "Accepted"
        assert await here.change("ClockAlignedDataInterval", "1") == "Accepted"
        await here.station.expect(
            "MeterValues",
            where=lambda told: told["meterValue"][0]["sampledValue"][0]["context"] == "Sample.Clock",
        )
        assert await here.change("ClockAlignedDataInterval", "0") == "Accepted"
        here.station.mark()
        await here.station.never("MeterValues", 1.3)


async def test_other_keys_count_at_once():
    async with site("generic_socket", ConnectionTimeOut=60) as here:
        station, do = here.station, here.charger.do
        here.csms.books.tag("04A1B2C3")
        assert await here.change("ConnectionTimeOut", "1") == "Accepted"
        await do("tag", id="04A1B2C3")
        preparing = await station.expect("StatusNotification", status="Preparing")
        available = await station.expect("StatusNotification", status="Available")
        assert 0.8 < available.monotonic_s - preparing.monotonic_s < 4
        assert await here.change("MinimumStatusDuration", "2") == "Accepted"
        station.mark()
        await do("plug", connector=1)
        await asyncio.sleep(0.4)
        await do("unplug", connector=1)
        await station.never("StatusNotification", 2.5)
        assert await here.change("MinimumStatusDuration", "0") == "Accepted"
        assert await here.change("AuthorizeRemoteTxRequests", "false") == "Accepted"
        station.mark()
        await station.call("RemoteStartTransaction", {"connectorId": 1, "idTag": "FFFF"})
        await station.expect("StatusNotification", status="Preparing")
        assert not station.calls("Authorize")
        assert not station.pings
        assert await here.change("WebSocketPingInterval", "1") == "Accepted"
        await asyncio.sleep(2.6)
        count = len(station.pings)
        assert count in (1, 2, 3)
        assert await here.change("WebSocketPingInterval", "0") == "Accepted"
        await asyncio.sleep(1.3)
        assert len(station.pings) - count in (0, 1)  # one may have been on its way


async def test_the_interval_of_boot_notification():
    async with site("generic_socket", interval_s=0, HeartbeatInterval=41) as here:
        assert await here.configuration("HeartbeatInterval") == {"HeartbeatInterval": ("41", False)}
        here.csms.books.heartbeat_interval_s = 77
        await here.reboot()
        assert await here.configuration("HeartbeatInterval") == {"HeartbeatInterval": ("77", False)}
        here.csms.books.heartbeat_interval_s = 0
        await here.reboot(power_cut=True)
        assert await here.configuration("HeartbeatInterval") == {"HeartbeatInterval": ("77", False)}


# ---- the password

SECRET = "4F43415F4F4354545F61646D696E5F74657374"  # case 073
PASSWORD = bytes.fromhex(SECRET)


async def test_the_authorization_key_is_never_shown():
    events: list[str] = []
    async with site("generic_socket") as here:
        output = here.charger.output
        here.charger._user_on_event = lambda event: events.append(str(event))
        assert "AuthorizationKey" not in await here.configuration()
        assert await here.change("AuthorizationKey", SECRET[:31]) == "Rejected"
        connections = here.station.connections
        # Also as somebody may write it who does not know how it should be written.
        escaped = "".join(f"\\u{ord(char):04x}" for char in "AuthorizationKey")
        for text in (
            '[2,"s0","ChangeConfiguration",{"key":"AuthorizationKey","value":"%s"' % SECRET,
            '[2,"s1","ChangeConfiguration",{"value":"%s","key":"authorizationKEY","x":1}]' % SECRET,
            '[2,"s2","ChangeConfiguration",{"value":"%s","key":"AuthorizationKey","value":5}]' % SECRET,
            '[2,"s3","ChangeConfiguration",{"key":"%s","value":"%sZZ"}]' % (escaped, SECRET),
            '[2,"s4","AuthorizationKey",{"value":"%s"}]' % SECRET,
            '[2,"s5","Change\\u0043onfiguration",{"key":"%s","value":"%s"}]' % (escaped, SECRET),
        ):
            await here.station.send_text_frame(text.encode())
        await here.station.wait_connection(connections + 1)
        assert here.station.request is not None
        credentials = here.station.request.headers["Authorization"].removeprefix("Basic ")
        assert base64.b64decode(credentials) == b"CP1:" + PASSWORD
        answer = await here.station.call(
            "GetConfiguration", {"key": ["AuthorizationKey", "authorizationkey"]}
        )
        assert all("value" not in row for row in answer["configurationKey"])
        assert "AuthorizationKey" not in await here.configuration()
        state = str(await here.charger.state())
        files = {path.name: path.read_bytes() for path in here.charger.data.rglob("*") if path.is_file()}
        holders = [name for name, content in files.items() if holds_secret(content)]
        assert holders == ["settings"]
        for text in (state, "\n".join(output), *events):
            assert not holds_secret(text.encode()), text
        # And it is kept.
        await here.reboot()
        assert here.station.request.headers["Authorization"].endswith(credentials)
        assert not holds_secret("\n".join(output).encode())


def holds_secret(content: bytes) -> bool:
    """The password in any of the forms it has on its way."""
    forms = (PASSWORD, SECRET.encode(), base64.b64encode(PASSWORD), base64.b64encode(b"CP1:" + PASSWORD))
    return any(form.lower() in content.lower() for form in forms)


async def test_security_profile_1():
    passwords = {"CP1": b"sixteen letters!"}
    async with site("generic_socket", passwords=passwords, AuthorizationKey="sixteen letters!") as here:
        passwords["CP1"] = PASSWORD
        connections = here.station.connections
        assert await here.change("AuthorizationKey", SECRET) == "Accepted"
        await here.station.wait_connection(connections + 1)
        assert len(here.station.calls("BootNotification")) == 1  # it has not restarted
        assert not here.csms.refused


# ---- --set


async def launch(*options: str, timeout: float = 10) -> tuple[int | None, str]:
    """Run the launcher; exit code and what it printed. None: it was still running after `timeout` seconds."""
    process = await asyncio.create_subprocess_exec(
        str(LAUNCHER),
        *options,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        output, _ = await within(timeout, process.communicate())
        return process.returncode, output.decode()
    except TimeoutError:
        return None, ""
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


WRONG_SETTINGS = (
    ("HeartbeatInterval=ten", "HeartbeatInterval=ten", "decimal"),
    ("HeartbeatInterval=86401", "HeartbeatInterval=86401", "0 to 86400"),
    ("HeartbeatInterval=", "HeartbeatInterval=", "decimal"),
    ("heartbeatinterval=-1", "heartbeatinterval=-1", "0 to 86400"),
    ("LocalPreAuthorize=yes", "LocalPreAuthorize=yes", "true or false"),
    ("NoSuchKey=1", "NoSuchKey: ", "no key of this station"),
    ("NumberOfConnectors=3", "NumberOfConnectors=3", "follows from the station"),
    ("MeterValuesSampledData=SoC", "MeterValuesSampledData=SoC", "no measurand"),
    ("MeterValuesSampledData=Voltage,Temperature", "MeterValuesSampledData", "MaxLength is 1"),
    ("HeartbeatInterval", "HeartbeatInterval", "Key=Value"),
)


async def test_wrong_settings_are_refused():
    """A sentence that names the key, exit code 2, and nothing is left behind."""
    with tempfile.TemporaryDirectory() as folder:
        await _wrong_settings(Path(folder))


async def _wrong_settings(tmp_path: Path) -> None:

    async def refused(number: int, setting: str, name: str, why: str) -> None:
        data = tmp_path / str(number)
        bound = ("--set", "MeterValuesSampledDataMaxLength=1")
        code, output = await launch("--data", str(data), *bound, "--set", setting)
        assert code == 2 and name in output and why in output and "Traceback" not in output, output
        assert not (data / "settings").exists()

    await asyncio.gather(*(refused(number, *row) for number, row in enumerate(WRONG_SETTINGS)))
    secret = "not-hexadecimal-and-far-too-long-for-a-password"
    code, output = await launch("--data", str(tmp_path / "s"), "--set", "AuthorizationKey=" + secret)
    assert code == 2 and "AuthorizationKey" in output and secret not in output


async def test_settings_count_at_the_first_boot_only():
    with tempfile.TemporaryDirectory() as folder:
        await _two_boots(Path(folder))


async def _two_boots(data: Path) -> None:
    settings = {"heartbeatINTERVAL": 33, "GetConfigurationMaxKeys": 70, "MeterValuesSampledDataMaxLength": 2}
    lists = {"MeterValuesSampledData": "Voltage,Temperature"}
    keys = ("HeartbeatInterval", "GetConfigurationMaxKeys", "MeterValuesSampledData")
    expected = {
        "HeartbeatInterval": ("33", False),
        "GetConfigurationMaxKeys": ("70", True),
        "MeterValuesSampledData": ("Voltage,Temperature", False),
    }
    async with site("generic_socket", data=data, interval_s=0, **lists, **settings) as here:
        assert await here.configuration(*keys) == expected
        assert await here.change("MeterValuesSampledData", "Voltage,Temperature,Frequency") == "Rejected"
    async with site("generic_socket", data=data, interval_s=0, HeartbeatInterval=44) as here:
        assert await here.configuration(*keys) == expected
        assert await here.change("HeartbeatInterval", "55") == "Accepted"
        await here.reboot()
        assert await here.configuration("HeartbeatInterval") == {"HeartbeatInterval": ("55", False)}


# ---- what the certificates say


@pytest.mark.parametrize("name", list(CERTIFIED))
async def test_certified_values(name: str):
    assert {path.stem for path in STATIONS.glob("*.json")} == set(NAMES)
    async with site(name, interval_s=0) as here:
        rows = await here.configuration()
        assert {key: rows[key][0] for key in CERTIFIED[name]} == CERTIFIED[name]
        later = OF_LATER_PROFILES[name]
        answer = await here.station.call("GetConfiguration", {"key": list(later)})
        assert answer.get("configurationKey", []) == [] and answer["unknownKey"] == list(later)
