# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""What charge points say, whoever made them: the CSMS goes on, and nobody else pays for it."""

import json

import pytest
import websockets
from websockets.typing import Subprotocol

from bench.csms import Csms
from bench.secrecy import without_password
from host_tests.integration.charge_points import START, charge_point, desk

AT_ONCE = 8

# What an operation of the prompt may be answered, and no schema allows.
ANSWERS = [
    ("unlock", "UnlockConnector", []),
    ("unlock", "UnlockConnector", {"status": {}}),
    ("get", "GetConfiguration", {"configurationKey": [{}]}),
    ("schedule", "GetCompositeSchedule",
     {"status": "Accepted", "chargingSchedule": {"chargingSchedulePeriod": [{"startPeriod": 0}]}}),
    ("certificates", "GetInstalledCertificateIds", {"status": "Accepted", "certificateHashData": [{}]}),
    ("send-list", "GetLocalListVersion", {"listVersion": "one"}),
]  # fmt: skip


@pytest.mark.parametrize(("line", "action", "answer"), ANSWERS)
async def test_an_odd_answer_is_a_sentence(line: str, action: str, answer):
    async with desk() as (here, lines), charge_point(here.csms.url) as point:
        point.answers[action] = answer
        await here.commands.run(line)
        assert point.calls[0][0] == action, lines
        assert await here.commands.run("clear-cache"), lines


FRAMES = [
    '[2,"1",{},{}]', '[2,"1",["x"],{}]', '[2,"1",5,{}]', '[2,"1","a\\u0000b",{}]',
    '[2,"1","Heartbeat",["x"]]',
    "[" * 100_000, '[2,"1","Heartbeat",{"x":' + "9" * 5000 + "}]", '[2,"1","../v16/schemas/Heartbeat",{}]',
    '[3,"1",[]]', "{}", "7",
]  # fmt: skip


@pytest.mark.parametrize("frame", FRAMES, ids=range(len(FRAMES)))
async def test_an_odd_frame_ends_nothing(frame: str):
    async with Csms(strict=False) as csms:
        url = f"{csms.url}/CP1"
        async with websockets.connect(url, subprotocols=[Subprotocol("ocpp1.6")]) as wire:
            await wire.send(frame)
            await wire.send('[2,"after","Heartbeat",{}]')
            while True:
                answer = json.loads(await wire.recv())
                if answer[:2] == [3, "after"]:
                    break
        assert csms.station("CP1").violations


async def test_nobody_ends_anothers_transaction():
    async with (
        desk() as (here, _),
        charge_point(here.csms.url, "A") as a,
        charge_point(here.csms.url, "B") as b,
    ):
        number = (await a.ask("StartTransaction", START))["transactionId"]
        stop = {"transactionId": number, "meterStop": 5, "timestamp": START["timestamp"]}
        sampled = {"timestamp": START["timestamp"], "sampledValue": [{"value": "1"}]}
        await b.ask("MeterValues", {"connectorId": 7, "transactionId": number, "meterValue": [sampled]})
        await b.ask("StopTransaction", stop)
        entry = here.ledger.transactions[number]
        assert entry.stopped is None and entry.readings == []
        await a.ask("StopTransaction", {**stop, "meterStop": START["meterStart"] + 9})
        assert entry.energy_wh == 9


async def test_a_date_beyond_all_calendars_is_shown():
    async with desk() as (here, lines), charge_point(here.csms.url) as point:
        for year in ("9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z"):
            await point.ask("StartTransaction", {**START, "timestamp": year})
        assert await here.commands.run("transactions"), lines


async def test_a_date_that_is_none_is_refused_for_good():
    async with desk() as (here, _), charge_point(here.csms.url) as point:
        with pytest.raises(AssertionError, match=r"ConstraintViolation|FormationViolation"):
            await point.ask("StartTransaction", {**START, "timestamp": "bad"})


async def test_a_password_that_comes_back_is_not_shown():
    secret = "hunter2hunter2hunter2"
    async with desk() as (here, lines), charge_point(here.csms.url) as point:
        point.answers["ChangeConfiguration"] = {"error": "PropertyConstraintViolation", "description": secret}
        assert not await here.commands.run(f"set AuthorizationKey {secret}")
        assert await here.commands.run("diagnostics ftp://user:topsecret@127.0.0.1/x"), lines
    assert not [line for line in lines if secret in line or "topsecret" in line]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("ftp://user:topsecret@host/x", "ftp://user:(hidden)@host/x"),
        ("ftp://user:pa/ss@host/y", "ftp://user:(hidden)@host/y"),
        ("ftp://u:p@ss/word@host", "ftp://u:(hidden)@host"),
        ("ws://127.0.0.1:9000/ocpp of a@b", "ws://127.0.0.1:9000/ocpp of a@b"),
    ],
)
def test_addresses_are_shown_without_password(text: str, shown: str):
    assert without_password(text) == shown


@pytest.mark.parametrize(
    "path", ["/ocpp/CP1", "/CP1", "/steve/websocket/CP1", "/ocpp/1.6/CP1/", "/ocpp/CP1?x=1"]
)
async def test_the_id_is_the_last_segment(path: str):
    async with Csms(passwords={"CP1": b"0123456789abcdef"}) as csms:
        url = f"ws://CP1:0123456789abcdef@127.0.0.1:{csms.port}{path}"
        async with websockets.connect(url, subprotocols=[Subprotocol("ocpp1.6")]):
            await csms.connected("CP1")
