# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""DataTransfer in both directions, and the security events that come with a later issue."""

import asyncio
import itertools
from typing import Any

import pytest

from bench.charger import SimulatedCharger
from bench.control import ControlRefused
from bench.csms import Csms
from bench.scripts import boot, call_error, hang_up, late, reply, silence
from bench.station import CallRefused
from host_tests.integration.wire import Site, site

AT_ONCE = 8

# ---- from the CSMS

PAYLOADS: tuple[dict[str, Any], ...] = (
    {"vendorId": "org.example"},
    {"vendorId": ""},
    {"vendorId": "org.example", "messageId": "m", "data": "text"},
    {"vendorId": "org.example", "messageId": "", "data": ""},
    {"vendorId": "v" * 255, "messageId": "m" * 50, "data": "x" * 7000},
    {"vendorId": "ä" * 255, "messageId": "\U0001f50c" * 50},
    {"vendorId": "Pilotlight", "data": '{"a":[1,2,{"b":"\\\\"}]}'},
    {"vendorId": "\x00\x1f\x7f", "data": "\r\n\t\\/\"'\u2028"},
)


async def test_no_vendor_is_known():
    """Case 062: no extension of any vendor is implemented."""
    async with site("generic_socket") as here:
        before = await here.probe()
        for payload in PAYLOADS:
            assert await here.station.call("DataTransfer", payload) == {"status": "UnknownVendorId"}
        assert await here.probe() == before
        for payload in (
            {},
            {"messageId": "m"},
            {"vendorId": "v" * 256},
            {"vendorId": "v", "messageId": "m" * 51},
        ):
            with pytest.raises(CallRefused):
                await here.station.call("DataTransfer", payload, check=False)


async def test_while_pending_both_ways():
    """OCPP 1.6 section 4.2: the CSMS may ask, the charge point sends nothing but BootNotification."""
    async with Csms() as csms:
        csms.always("BootNotification", boot("Pending", 300))
        async with SimulatedCharger(csms.url, station="generic_socket") as charger:
            station = await csms.connected("CP1")
            await station.expect("BootNotification")
            assert await station.call("DataTransfer", {"vendorId": "v"}) == {"status": "UnknownVendorId"}
            with pytest.raises(ControlRefused, match="did not answer"):
                await charger.do("data_transfer", vendorId="v")
            assert [call.action for call in station.calls()] == ["BootNotification"]


# ---- from the charge point


async def test_what_the_csms_answers_comes_back():
    async with site("generic_socket") as here:
        here.csms.books.data_transfer_vendors.add("org.example")
        ask = here.charger.do
        assert (await ask("data_transfer", vendorId="org.example"))["status"] == "Accepted"
        assert (await here.station.expect("DataTransfer")).payload == {"vendorId": "org.example"}
        assert (await ask("data_transfer", vendorId="other"))["status"] == "UnknownVendorId"
        for status in ("Rejected", "UnknownMessageId"):
            here.csms.script("DataTransfer", reply({"status": status, "data": "x" * 3000}))
            assert (await ask("data_transfer", vendorId="v", messageId="m"))["status"] == status
        here.station.mark()
        for payload in (
            *PAYLOADS[:4],
            {"vendorId": "ä" * 255, "messageId": "\U0001f50c" * 50, "data": "ü" * 200},
        ):
            await ask("data_transfer", **payload)
            assert (await here.station.expect("DataTransfer")).payload == payload
        # What the schema does not allow is not sent.
        for payload, why in (
            ({}, "vendorId"),
            ({"vendorId": 5}, "vendorId"),
            ({"vendorId": "v" * 256}, "vendorId"),
            ({"vendorId": "v", "messageId": "m" * 51}, "messageId"),
            ({"vendorId": "v", "data": {"a": 1}}, "data"),
        ):
            with pytest.raises(ControlRefused, match=why):
                await ask("data_transfer", **payload)
        assert len(here.station.calls("DataTransfer")) == 5
        assert not here.station.violations


async def test_several_at_once_go_one_after_the_other():
    async with site("generic_socket", MeterValueSampleInterval=1) as here:
        here.csms.books.data_transfer_vendors.add("v")
        await here.begin()
        here.csms.always("DataTransfer", late(0.2))
        asked = [here.charger.do("data_transfer", vendorId="v", data=str(n)) for n in range(5)]
        answers = await asyncio.gather(*asked)
        assert [answer["status"] for answer in answers] == ["Accepted"] * 5
        told = here.station.calls("DataTransfer")
        assert [call.payload["data"] for call in told] == list("01234")
        for one, next_one in itertools.pairwise(told):
            assert next_one.monotonic_s - one.monotonic_s > 0.19  # the answer came first
        assert here.station.calls("MeterValues")  # and others were let in between


async def test_no_answer_is_told_and_nothing_is_kept_for_later():
    async with site("generic_socket", MessageTimeout=1) as here:

        async def refused(**fields: Any) -> None:
            with pytest.raises(ControlRefused, match="did not answer"):
                await here.charger.do("data_transfer", vendorId="v", **fields)

        here.csms.script("DataTransfer", silence(), call_error("NotSupported"), call_error("InternalError"))
        for _ in range(3):
            await refused()
        number = here.station.connections
        here.csms.script("DataTransfer", hang_up())
        await refused(data="cut")
        await here.station.wait_connection(number + 1)
        await here.charger.do("link", up=False)
        await _until_offline(here)
        here.station.mark()
        await refused(data="offline")
        await here.charger.do("link", up=True)
        await here.station.wait_connection(number + 2)
        await here.station.never("DataTransfer", 0.5)


async def _until_offline(here: Site) -> None:
    while (await here.charger.state())["connected"]:
        await asyncio.sleep(0.02)


# ---- security events


async def test_security_events_are_not_there_yet():
    async with site("generic_socket") as here:
        for fields in ({"type": "TamperDetectionActivated", "info": "lid"}, {"type": "StartupOfTheDevice"}):
            with pytest.raises(ControlRefused, match="security extension"):
                await here.charger.do("security_event", **fields)
        for fields, why in (
            ({}, "type"),
            ({"type": "x" * 51}, "type"),
            ({"type": "x", "info": "y" * 256}, "info"),
        ):
            with pytest.raises(ControlRefused, match=why):
                await here.charger.do("security_event", **fields)
        assert not here.station.calls("SecurityEventNotification")
