# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The connection to the CSMS: found, kept, lost and found again, whoever answers; Basic authentication."""

import asyncio
import base64
import itertools
import json
from urllib.parse import quote

import pytest

from bench.charger import SimulatedCharger
from bench.csms import Csms
from bench.deadline import within
from bench.messages import TO_STATION, Message, read
from bench.scripts import call_error, silence
from bench.station import Station
from host_tests.integration.odd_servers import (
    OddServer,
    answering,
    dripping,
    garbage,
    hanging_up,
    mute,
    resetting,
)
from host_tests.integration.post import EARLY_S, SLACK_S, STRANGER, TAG, Post, about, installed

AT_ONCE = 16

KEY = b"\x00\xff:passw\r\n\xc3(+/=\x7f"  # 16 bytes, not all of them printable, no UTF-8
NEW_KEY = b"OCA_OCTT_admin_test"


def grow(times: list[float]) -> bool:
    """Between these tries: a second, two, four, all of it jittered by a half."""
    gaps = [later - time for time, later in itertools.pairwise(times)]
    return all(0.5 * 2**n - EARLY_S < gap < 1.5 * 2**n + SLACK_S for n, gap in enumerate(gaps))


async def told_again(csms: Csms) -> None:
    """Now the CSMS itself is there, and everything goes its way."""
    station = await csms.connected("CP1", timeout=20)
    await station.expect("BootNotification")
    await station.expect("StatusNotification", connectorId=1, status="Available")


# --- it never gives up ---


@pytest.mark.parametrize("status", [401, 403, 404, 500, 503, 302])
async def test_refused_by_http(status):
    async with Csms() as csms, Csms() as elsewhere:
        headers = {"Location": elsewhere.url + "/CP1"} if status == 302 else {}
        csms.http_answer = (status, headers)
        times = []
        async with SimulatedCharger(csms.url) as charger:
            for _ in range(3):
                await csms.refusal(timeout=10)
                times.append(asyncio.get_running_loop().time())
            assert grow(times), times
            state = await charger.state()
            assert (state["connected"], state["registration"]) == (False, None)
            csms.http_answer = None
            await told_again(csms)
        assert elsewhere.stations == {} and elsewhere.refused == []


@pytest.mark.parametrize(
    "behaviour",
    [
        answering(accept="AAAAAAAAAAAAAAAAAAAAAAAAAAA="),
        answering(protocol=None),
        answering(protocol="ocpp2.0.1"),
        answering(status="200 OK"),
        hanging_up,
        resetting,
        garbage,
    ],
    ids=["accept", "no protocol", "wrong protocol", "no upgrade", "hanging up", "resetting", "garbage"],
)
async def test_no_csms_there(behaviour):
    async with OddServer(behaviour) as server, SimulatedCharger(server.url):
        await server.connections(3)
        assert grow(server.arrivals), server.arrivals
        await server.__aexit__()
        async with Csms(port=server.port) as csms:
            await told_again(csms)


async def test_a_csms_that_drops_every_connection():
    """It accepted us once, and a connection is opened each time: the waits grow all the same."""
    async with installed() as post:
        await post.booted()
        times = []

        def drop(station: Station, up: bool) -> None:
            times.append(asyncio.get_running_loop().time())
            if up:
                asyncio.get_running_loop().call_later(0.05, station.cut)

        post.csms.connection_hooks.append(drop)
        await post.settled()
        post.station.cut()
        await post.station.wait_connection(4, timeout=15)
        assert grow([times[0], *times[1:6:2]]), times
        post.csms.connection_hooks.remove(drop)
        await post.station.wait_connection(5, timeout=15)
        await post.plug()
        await post.station.expect("StatusNotification", connectorId=1, status="Preparing")


async def test_no_two_chargers_come_back_together():
    async with Csms() as csms:
        csms.http_answer = (503, {})

        async def one(identity: str) -> float:
            async with SimulatedCharger(csms.url, identity):
                while sum(request.path == "/ocpp/" + identity for request in csms.refused) < 1:
                    await asyncio.sleep(0.005)
                first = asyncio.get_running_loop().time()
                while sum(request.path == "/ocpp/" + identity for request in csms.refused) < 2:
                    await asyncio.sleep(0.005)
                return asyncio.get_running_loop().time() - first

        waits = sorted(await asyncio.gather(*(one(f"CP{number}") for number in range(6))))
        assert waits[-1] - waits[0] > 0.15, waits


async def test_the_csms_goes_away_and_comes_back():
    """Nobody listens on its port for a while; the driver is served, and the CSMS told afterwards."""
    async with installed(AllowOfflineTxForUnknownId=True) as post:
        await post.booted()
        post.station.mark()
        await post.settled()
        await post.csms.stop()
        await post.charge_offline(STRANGER)
        await asyncio.sleep(2.5)
        assert not (await post.charger.state())["connected"]
        await post.csms.start()
        await post.station.expect("StartTransaction", timeout=10, idTag=STRANGER)
        await post.station.expect("StopTransaction", reason="DeAuthorized")
        assert post.station.calls("BootNotification") == []


async def closed(post: Post, how: int | str) -> None:
    if how == "cut":
        post.station.cut()
    else:
        await post.station.close(how, "good-bye")


@pytest.mark.parametrize("how", [1000, 1001, 1011, 1012, 4000, "cut"])
async def test_the_csms_ends_the_connection(how):
    """However it ends: back in a moment, no BootNotification, nothing told twice."""
    async with installed(HeartbeatInterval=1) as post:
        post.csms.books.heartbeat_interval_s = 1
        await post.booted()
        await post.settled()
        post.station.mark()
        ended = asyncio.get_running_loop().time()
        await closed(post, how)
        await post.station.wait_connection(2, timeout=3)
        assert 0.4 < asyncio.get_running_loop().time() - ended < 1.5 + SLACK_S
        await post.station.expect("Heartbeat", timeout=3)
        assert {message.action for message in post.station.calls()} == {"Heartbeat"}
        if how != "cut":
            assert post.station.close_code == how


async def test_the_link_goes_down_and_up():
    async with installed() as post:
        await post.booted()
        for number in (2, 3):
            post.station.mark()
            begun = asyncio.get_running_loop().time()
            await post.offline()
            assert asyncio.get_running_loop().time() - begun < 1
            assert not (await post.charger.state())["connected"]
            await asyncio.sleep(0.7)
            assert post.station.connections == number - 1
            begun = asyncio.get_running_loop().time()
            await post.online()
            assert asyncio.get_running_loop().time() - begun < 0.5 + SLACK_S
            await post.settled()
            assert post.station.calls() == []


@pytest.mark.parametrize("behaviour", [mute, dripping])
async def test_a_handshake_that_never_ends(behaviour):
    """Left after 30 s, tried again; the car's side does not wait for it. (In the middle of the file: the
    tests around it run meanwhile.)
    """
    keys = {"AllowOfflineTxForUnknownId": True}
    async with OddServer(behaviour) as server, SimulatedCharger(server.url, set=keys) as charger:
        await server.connections(1)
        await charger.do("plug", connector=1)
        await charger.do("tag", id=STRANGER)
        await charger.event("contactor", closed=True)
        await server.connections(2, timeout=40)
        assert 29 < server.left[0] - server.arrivals[0] < 32
        assert grow([server.left[0], server.arrivals[1]])


# --- pings ---


async def test_a_half_open_link_is_found_by_its_pings():
    async with installed(WebSocketPingInterval=1) as post:
        await post.booted()
        while len(post.station.pings) < 2:
            await asyncio.sleep(0.05)
        post.station.freeze()
        frozen = asyncio.get_running_loop().time()
        await post.plug()
        await post.charger.event("connection", timeout=14, up=False)
        assert 9.5 < asyncio.get_running_loop().time() - frozen < 12.5
        await post.station.wait_connection(2)
        await post.station.expect("StatusNotification", connectorId=1, status="Preparing")


async def test_a_half_open_link_without_pings_is_found_by_its_silence():
    """Nothing came during two calls: the StartTransaction is not given up on a link that is dead."""
    keys = {"MessageTimeout": 1, "TransactionMessageAttempts": 3, "TransactionMessageRetryInterval": 1}
    csms = Csms()
    csms.script("StartTransaction", silence())
    async with installed(csms=csms, repeats=("StartTransaction",), late_answers=True, **keys) as post:
        await post.booted()
        await post.plug()
        await post.tag()
        await post.station.expect("StartTransaction")
        post.station.freeze()
        await post.charger.event("connection", timeout=8, up=False)
        await post.station.wait_connection(2)
        await post.station.expect("StartTransaction", timeout=5)
        assert (await post.connector())["transaction"] is not None
        await post.tag()
        stop = await post.station.expect("StopTransaction")
        assert stop.payload["transactionId"] == 1


async def test_a_csms_that_answers_pings_and_nothing_else_is_left():
    csms = Csms()
    csms.books.heartbeat_interval_s = 1
    csms.script("Heartbeat", *[silence()] * 5)
    async with installed(csms=csms, MessageTimeout=1, WebSocketPingInterval=1) as post:
        await post.booted()
        await post.charger.event("connection", timeout=15, up=False)
        await post.station.wait_connection(2)
        await post.station.expect("Heartbeat", timeout=5)


async def test_the_ping_interval_changes_at_once():
    async with installed() as post:
        await post.booted()
        await asyncio.sleep(1.5)
        assert post.station.pings == []
        for interval_s in (1, 3):
            change = {"key": "WebSocketPingInterval", "value": str(interval_s)}
            assert await post.station.call("ChangeConfiguration", change) == {"status": "Accepted"}
            pings = [asyncio.get_running_loop().time()]
            del post.station.pings[:]
            while len(post.station.pings) < 2:
                await asyncio.sleep(0.02)
            pings += post.station.pings
            for gap in (pings[1] - pings[0], pings[2] - pings[1]):
                assert about(gap, interval_s)
        off = {"key": "WebSocketPingInterval", "value": "0"}
        assert await post.station.call("ChangeConfiguration", off) == {"status": "Accepted"}
        del post.station.pings[:]
        await asyncio.sleep(2.5)
        assert post.station.pings == []
        assert post.station.connections == 1


async def test_pings_of_the_csms():
    """Answered with their payload, between the fragments of a message too."""
    async with installed() as post:
        await post.booted()
        connection = post.station._connection
        assert connection is not None
        for payload in (b"", b"beacon", bytes(range(125))):
            await within(2, await connection.ping(payload))

        call = [2, "in pieces", "GetConfiguration", {"key": ["HeartbeatInterval", "Größe"]}]
        text = json.dumps(call, ensure_ascii=False)
        post.station.log.append(read(TO_STATION, text))
        pongs = []

        async def pieces():
            frame = text.encode()
            for start in range(0, len(frame), 3):  # characters are torn as well
                yield frame[start : start + 3]
                pongs.append(await connection.ping(b"%d" % start))

        await connection.send(pieces(), text=True)
        answer = await post.station.answer_to("in pieces", timeout=2)
        assert answer.kind == "result"
        assert answer.payload["unknownKey"] == ["Größe"]
        # RFC 6455 section 5.5.3: the newest of several pings may be answered alone; all are then.
        await within(2, asyncio.gather(*pongs))


async def test_a_request_right_behind_the_answer_that_it_rests_on():
    """RemoteStopTransaction in the same packet as StartTransaction.conf knows its transactionId."""
    csms = Csms()
    async with installed(csms=csms) as post:
        await post.booted()
        numbers = []

        def behind(station: Station, message: Message) -> None:
            if message.kind == "result" and message.action == "StartTransaction":
                request = station.send_call("RemoteStopTransaction", {"transactionId": 1})
                numbers.append(asyncio.get_running_loop().create_task(request))

        csms.hooks.append(behind)
        await post.plug()
        await post.tag()
        await post.station.expect("StopTransaction", transactionId=1, reason="Remote")
        answer = await post.station.answer_to(await numbers[0])
        assert answer.payload == {"status": "Accepted"}


# --- who we are ---


def credentials(station: Station) -> bytes | None:
    """What stands in the Basic header of the last upgrade."""
    assert station.request is not None
    header = station.request.headers.get("Authorization")
    if header is None:
        return None
    scheme, _, encoded = header.partition(" ")
    assert scheme == "Basic"
    return base64.b64decode(encoded, validate=True)


async def test_without_a_key_there_is_no_header():
    async with installed() as post:
        await post.booted()
        assert credentials(post.station) is None
        assert post.station.request.path == "/ocpp/CP1"
        assert post.station.request.headers["Sec-WebSocket-Protocol"] == "ocpp1.6"


async def test_085_basic_authentication():
    """The decoded bytes are the password, printable or not; nobody gets to read them."""
    csms = Csms(passwords={"CP1": KEY})
    async with installed(csms=csms, AuthorizationKey=KEY.hex()) as post:
        await post.booted()
        assert credentials(post.station) == b"CP1:" + KEY
        conf = await post.station.call("GetConfiguration", {"key": ["AuthorizationKey"]})
        assert "value" not in conf["configurationKey"][0]
        everything = await post.station.call("GetConfiguration")
        assert KEY.hex().upper() not in json.dumps(everything).upper()
        assert KEY.hex().upper() not in "\n".join(post.charger.output).upper()


async def test_a_wrong_key_is_tried_again_and_again():
    csms = Csms(passwords={"CP1": NEW_KEY})
    async with csms, SimulatedCharger(csms.url, set={"AuthorizationKey": KEY.hex()}):
        for _ in range(2):
            await csms.refusal()
        csms.passwords = {"CP1": KEY}
        await told_again(csms)


async def test_073_a_new_key():
    """The answer first, then a new connection with the new key; the queue goes along."""
    csms = Csms(passwords={"CP1": KEY})
    csms.script("StartTransaction", call_error("InternalError"))
    keys = {"AuthorizationKey": KEY.hex(), "TransactionMessageRetryInterval": 2}
    async with installed(csms=csms, repeats=("StartTransaction",), **keys) as post:
        await post.booted()
        await post.plug()
        await post.tag()
        await post.station.expect("StatusNotification", connectorId=1, status="Charging")
        post.station.mark()
        for bad in ("", "00112233", "x" * 32, "0" * 33):
            change = {"key": "AuthorizationKey", "value": bad}
            if bad:
                assert await post.station.call("ChangeConfiguration", change) == {"status": "Rejected"}, bad
        csms.passwords = {"CP1": NEW_KEY}
        change = {"key": "AuthorizationKey", "value": NEW_KEY.hex()}
        assert await post.station.call("ChangeConfiguration", change) == {"status": "Accepted"}
        await post.station.wait_connection(2, timeout=3)
        assert credentials(post.station) == b"CP1:" + NEW_KEY
        start = await post.station.expect("StartTransaction")
        assert {message.action for message in post.station.calls()} == {"StartTransaction"}
        assert csms.refused == []
        await post.charger.do("power_cut")
        await post.charger.start()
        await post.station.expect("StopTransaction", timeout=10, reason="PowerLoss")
        assert credentials(post.station) == b"CP1:" + NEW_KEY
        assert start.payload["idTag"] == TAG


@pytest.mark.parametrize("identity", ["CP 1/ä#?%&", "a" * 48, "..", "~x'\"<>`|"])
async def test_the_identity_in_the_path(identity):
    encoded = quote(identity, safe="-._~")
    csms = Csms()
    async with csms, SimulatedCharger(csms.url, identity, set={"AuthorizationKey": KEY.hex()}):
        station = await csms.connected(identity)
        await station.expect("BootNotification")
        assert station.request.path == "/ocpp/" + encoded
        assert credentials(station) == identity.encode() + b":" + KEY
