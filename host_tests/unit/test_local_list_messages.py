# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""SendLocalList and GetLocalListVersion, from the text of the message to its answer."""

import asyncio
import json

from host_tests.unit.event_loop import run, settle
from host_tests.unit.local_list_rig import ListWire, entry, request
from ocpp16 import schema_core, schema_local_list, streamed
from ocpp16.frames import PART
from ocpp16.rpc import Rpc

TWO = [entry("A", expiryDate="2030-01-02T03:04:05Z", parentIdTag="P"), {"idTag": "B"}]
TWO_KEPT = [("A", ("Accepted", 1893553445000, "P")), ("B", None)]


def status(answers):
    [answer] = answers
    assert answer[0] == 3, answer
    return answer[2]["status"]


def test_a_list_is_received():
    for size in (None, 1, 17, 600):
        wire = ListWire()
        assert wire.says(request(TWO, 7), size) == [[3, "1", {"status": "Accepted"}]]
        assert wire.list.done == [(7, True, TWO_KEPT)]
        assert wire.says(request(TWO, 8, "Differential", "2"), size) == [[3, "2", {"status": "Accepted"}]]
        assert wire.list.done[1:] == [(8, False, TWO_KEPT)]
        assert wire.says([2, "3", "GetLocalListVersion", {}]) == [[3, "3", {"listVersion": 8}]]


def test_the_fields_in_any_order():
    text = (
        '[2,"1","SendLocalList",{"localAuthorizationList" : [ {"idTagInfo":{"status":"Blocked"},"idTag":"A"} '
        '],"updateType":"Differential", "listVersion":5}]'
    )
    for size in (None, 3):
        wire = ListWire()
        assert status(wire.says(text, size)) == "Accepted"
        assert wire.list.done == [(5, False, [("A", ("Blocked", None, None))])]


def test_the_list_is_optional():
    for entries in (None, []):
        wire = ListWire()
        assert status(wire.says(request(entries, 3))) == "Accepted"
        assert wire.list.done == [(3, True, [])]


async def many(wire, count, message_id):
    """Let it hear of so many tags, a few at a time."""
    total = 0
    text = '[2,"%s","SendLocalList",{"listVersion":1,"localAuthorizationList":[' % message_id
    for n in range(count):
        text += json.dumps(entry("TAG%d" % n)) + ("," if n < count - 1 else '],"updateType":"Full"}]')
        if len(text) > 600 or n == count - 1:
            total += len(text)
            await wire.rpc.hear(PART, memoryview(text.encode()), total if n == count - 1 else 0)
            text = ""
    await settle()
    return wire.take()


def test_a_thousand_entries():
    wire = ListWire()
    wire.list.keeps = False
    assert status(run(many(wire, 1000, "1"))) == "Accepted"
    assert wire.list.updates[0].count == 1000
    assert status(run(many(wire, 1001, "2"))) == "Failed"
    assert wire.list.updates[1].closed == "abandoned"
    assert wire.list.updates[1].count == 1000


def test_what_the_list_says():
    for answer in ("Failed", "VersionMismatch"):
        wire = ListWire()
        wire.list.status = answer
        assert status(wire.says(request(TWO))) == answer
    wire = ListWire()
    wire.list.fails_at = 1
    assert status(wire.says(request(TWO))) == "Failed"
    assert len(wire.list.updates[0].entries) == 1
    wire = ListWire()
    wire.list.breaks = True
    assert wire.says(request(TWO)) == [[4, "1", "InternalError", "", {}]]
    assert wire.list.updates[0].closed == "abandoned"
    wire.list.breaks = False
    assert status(wire.says(request(TWO, message_id="2"))) == "Accepted"


def test_a_list_that_is_off():
    wire = ListWire()
    wire.list.version = 4
    wire.config["LocalAuthListEnabled"] = False
    assert wire.says([2, "1", "GetLocalListVersion", {}]) == [[3, "1", {"listVersion": -1}]]
    assert status(wire.says(request(TWO, message_id="2"))) == "NotSupported"
    assert wire.list.updates == []
    # What the schema does not allow is said first, as of any request.
    [answer] = wire.says(request([{"idTag": 5}], message_id="3"))
    assert answer[:3] == [4, "3", "TypeConstraintViolation"]
    assert answer[3] == "localAuthorizationList[0].idTag must be a string"


def ordinary(text):
    """What is answered to a text by an Rpc that takes the action as any other."""
    sent = []
    rpc = Rpc({"SendLocalList": lambda payload: {"status": "Accepted"}}.get, (schema_core, schema_local_list))
    rpc.attach(lambda text: sent.append(json.loads(text)))
    rpc.receive(1, memoryview(text.encode()))
    return sent


GOOD = '[2,"1","SendLocalList",{"listVersion":1,"localAuthorizationList":[%s],"updateType":"Full"}]'


def test_errors_are_those_of_an_ordinary_message():
    good = '{"idTag":"A"}'
    entries = (
        '{"idTag":"%s"}' % ("x" * 21), '{"idTag":"%s"}' % ("x" * 300), '{"idTag":5}', "{}", "5", "null", "[]",
        '"A"', '{"idTag":null}', '{"idtag":"A"}', '{"idTag":"A","x":1}', '{"idTag":"A","idTagInfo":null}',
        '{"idTag":"A","idTagInfo":{}}', '{"idTag":"A","idTagInfo":{"status":"accepted"}}',
        '{"idTag":"A","idTagInfo":{"status":"Accepted","x":{}}}', '{"idTag":"A","idTagInfo":[]}',
        '{"idTag":"A","idTagInfo":{"status":"Accepted","expiryDate":"tomorrow"}}',
        '{"idTag":"A","idTagInfo":{"status":"Accepted","parentIdTag":"%s"}}' % ("p" * 21),
    )  # fmt: skip
    texts = [GOOD % bad for bad in entries]
    texts += [GOOD % (good + "," + bad + ',{"idTag":7}') for bad in entries]
    texts += [GOOD % ("%s,%s" % (",".join([good] * 17), bad)) for bad in entries]
    # Several faults: the first field of the schema, but what is no JSON before all others.
    bad = '"localAuthorizationList":[%s,{"idTag":5}]' % good
    payloads = (
        '{"updateType":"Full",%s}', '{"listVersion":"1","updateType":"Full",%s}', '{"listVersion":1,%s}',
        '{"listVersion":1,"updateType":"full",%s}', '{"x":1,"listVersion":1,"updateType":"Full",%s}',
        '{%s}', '{"listVersion":2147483648,"updateType":"Full",%s}',
        '{"listVersion":1,"updateType":"Full",%s,"y":2}',
        '{"listVersion":1,"updateType":"Full",%s', '{"listVersion":1,"updateType":"Full",%s}]',
        '{"listVersion":1,"updateType":"Full",%s},"five"', '{"listVersion":1,"updateType":"Full",%s}]]',
    )  # fmt: skip
    texts += ['[2,"1","SendLocalList",%s]' % (payload % bad) for payload in payloads]
    texts += [
        '[2,"1","SendLocalList",%s]' % payload
        for payload in (
            "[]",
            "5",
            "null",
            "{}",
            '{"listVersion":1,"updateType":"Full","localAuthorizationList":%s}' % good,
            '{"listVersion":1,"updateType":"Full","localAuthorizationList":null}',
            '{"listVersion":1,"updateType":"Full","localAuthorizationList":[1],"localAuthorizationList":5}',
        )
    ]
    texts += [
        '[2,"1","SendLocalList",',
        '[2,"%s","SendLocalList",{}]' % ("i" * 37),
        GOOD % (good + "," * 2 + good),
        GOOD % '{"idTag":"\\ud83d"}',
        GOOD % "[[[[[[]]]]]]",
    ]
    for text in texts:
        [expected] = ordinary(text)
        assert expected[0] == 4, text
        for size in (None, 11):
            wire = ListWire()
            [answer] = wire.says(text, size)
            assert answer[:3] == expected[:3], (text, answer, expected)
            if not answer[3].startswith("not JSON"):
                assert answer == expected, (text, answer, expected)
            assert wire.list.done == []
            assert [update.closed for update in wire.list.updates] == ["abandoned"], text


def test_an_expiry_date_that_nobody_can_read_is_not_taken_for_none():
    """The tag would be welcome for ever."""
    good = '{"idTag":"A"}'
    for date in (
        "2030-02-30T00:00:00Z", "2030-13-01T00:00:00Z", "2030-01-01T24:00:00Z", "2030-01-01T10:00Z",
        "2030-01-01T10:00:00+01", "2030-01-01T10:00:00Zulu", "20x0-01-01T10:00:00Z", "2030-01-01T10:00:00.Z",
    ):  # fmt: skip
        bad = '{"idTag":"B","idTagInfo":{"status":"Accepted","expiryDate":"%s"}}' % date
        for size in (None, 30):
            wire = ListWire()
            [answer] = wire.says(GOOD % ("%s,%s,%s" % (good, bad, good)), size)
            assert answer[:3] == [4, "1", "PropertyConstraintViolation"], date
            assert answer[3].startswith("localAuthorizationList[1].idTagInfo.expiryDate is "), answer
            assert wire.list.done == []
            assert [update.closed for update in wire.list.updates] == ["abandoned"]
            # What the schema does not allow is said first, as of any request.
            [answer] = wire.says((GOOD % (bad + ',{"idTag":5}')).replace('"1"', '"2"'), size)
            assert answer[2:4] == [
                "TypeConstraintViolation",
                "localAuthorizationList[1].idTag must be a string",
            ]
            assert status(wire.says(request(TWO, message_id="3"), size)) == "Accepted"
            wire.config["LocalAuthListEnabled"] = False
            assert status(wire.says((GOOD % bad).replace('"1"', '"4"'), size)) == "NotSupported"


def test_messages_that_are_not_kept():
    wire = ListWire()
    for text, code, description in (
        (
            GOOD % ('{"idTag":"A"},"%s"' % ("x" * 600)),
            "PropertyConstraintViolation",
            "[1] is longer than 512",
        ),
        (GOOD[:-2] % "" + ',"x":"%s"}]' % ("x" * 800), "FormationViolation", "longer than 768"),
        (GOOD[:-2] % "" + ',"localAuthorizationList":[]}]', "FormationViolation", "twice"),
    ):
        for size in (None, 100):
            [answer] = wire.says(text, size)
            assert answer[:3] == [4, "1", code]
            assert description in answer[3], answer
    assert wire.list.done == []


def test_an_id_or_an_action_that_is_escaped():
    wire = ListWire()
    text = json.dumps(request(TWO)).replace("SendLocalList", "\\u0053endLocalLis\\u0074")
    assert status(wire.says(text, 40)) == "Accepted"
    text = json.dumps(request(TWO)).replace('"1"', '"%s"' % ("\\u0041" * 36))
    assert wire.says(text, 300) == [[3, "A" * 36, {"status": "Accepted"}]]
    assert len(wire.list.done) == 2
    # Too far behind to be seen: it is not carried out, but answered.
    [answer] = wire.says(json.dumps(request(TWO, message_id="9")).replace('"9"', " " * 400 + '"9"'))
    assert answer[:3] == [4, "9", "GenericError"]
    assert len(wire.list.done) == 2


def test_a_repetition_is_answered_but_not_carried_out():
    for size in (None, 50):
        wire = ListWire()
        first = wire.says(request(TWO), size)
        assert wire.says(request(TWO), size) == first
        assert len(wire.list.updates) == 1
        # Another message under the same id.
        [answer] = wire.says(request(TWO[:1]), size)
        assert answer[:3] == [4, "1", "GenericError"]
        [answer] = wire.says(request([entry("Z")] + TWO[1:]), size)
        assert answer[:3] == [4, "1", "GenericError"]
        assert len(wire.list.updates) == 1
        assert wire.says(request(TWO), size) == first
        [answer] = wire.says(json.dumps(request(TWO)).replace('"A"', '"Z"'), size)
        assert answer[:3] == [4, "1", "GenericError"]
        # An error is an answer, too.
        bad = request([{}], message_id="2")
        first = wire.says(bad, size)
        assert first[0][:3] == [4, "2", "OccurenceConstraintViolation"]
        assert wire.says(bad, size) == first
        assert len(wire.list.updates) == 2


def test_the_link_is_lost_in_the_middle():
    wire = ListWire()
    data = memoryview(json.dumps(request(TWO)).encode())
    run(wire.rpc.hear(PART, data[:-16]))
    assert len(wire.list.updates[0].entries) == 1
    wire.rpc.detach()
    assert wire.list.updates[0].closed == "abandoned"
    wire.rpc.attach(wire._send)
    assert status(wire.says(request(TWO), 30)) == "Accepted"
    assert len(wire.list.done) == 1


def test_the_link_is_lost_within_a_piece():
    async def live():
        wire = ListWire()
        wire.rpc.on_frame = lambda *shown: wire.shown.append(shown)
        data = memoryview(json.dumps(request(TWO * 20)).encode())
        hearing = asyncio.create_task(wire.rpc.hear(PART, data, len(data)))
        while not wire.list.updates or len(wire.list.updates[0].entries) < 5:
            await asyncio.sleep(0)
        wire.rpc.detach()
        await hearing
        assert wire.list.updates[0].closed == "abandoned"
        assert wire.sent == wire.list.done == wire.shown == []

    run(live())


def test_the_link_is_lost_while_the_list_is_finished():
    async def live():
        wire = ListWire()
        wire.list.held = True
        await wire.hear(request(TWO), 50)
        await settle()
        wire.rpc.detach()
        other = []
        wire.rpc.attach(other.append)
        wire.list.held = False
        await settle()
        assert wire.list.done == [(1, True, TWO_KEPT)]
        assert wire.sent == other == []
        # And the next one finds nothing in its way.
        wire.rpc.attach(wire._send)
        await wire.hear(request(TWO, 2), 50)
        await settle()
        assert status(wire.take()) == "Accepted"

    run(live())


def test_a_second_list_while_one_is_finished():
    async def live():
        wire = ListWire(ClearCache=lambda payload: {"status": "Accepted"})
        wire.list.held = True
        await wire.hear(request(TWO), 50)
        await settle()
        await wire.hear(request(TWO), 50)  # the same one again: being worked on
        await settle()
        assert wire.take() == []
        await wire.hear([2, "2", "ClearCache", {}])  # others are not in its way
        assert status(wire.take()) == "Accepted"
        await wire.hear(request(TWO, 2, message_id="3"), 50)
        assert status(wire.take()) == "Failed"
        wire.list.held = False
        await settle()
        assert wire.take() == [[3, "1", {"status": "Accepted"}]]
        assert [version for version, _, _ in wire.list.done] == [1]
        await wire.hear(request(TWO, 2, message_id="4"), 50)
        await settle()
        assert status(wire.take()) == "Accepted"
        assert len(wire.list.updates) == 2

    run(live())


def test_too_many_requests_at_once():
    async def live():
        gate = asyncio.Event()

        async def slow(payload):
            await gate.wait()
            return {"status": "Unlocked"}

        wire = ListWire(UnlockConnector=slow)
        for n in range(4):
            await wire.hear([2, "u%d" % n, "UnlockConnector", {"connectorId": 1}])
        await wire.hear(request(TWO), 50)
        assert [answer[:3] for answer in wire.take()] == [[4, "1", "GenericError"]]
        assert wire.list.updates[0].closed == "abandoned"
        gate.set()
        await settle()
        wire.take()
        await wire.hear(request(TWO, message_id="2"), 50)
        await settle()
        assert status(wire.take()) == "Accepted"

    run(live())


def test_no_memory():
    wire = ListWire()
    real = wire.list.update

    def no_room():
        raise MemoryError("memory allocation failed")

    wire.list.update = no_room
    for size in (None, 50):
        assert [answer[:3] for answer in wire.says(request(TWO), size)] == [[4, "1", "InternalError"]]
    wire.list.update = real
    assert status(wire.says(request(TWO), 50)) == "Accepted"  # once more, now that there is memory

    def starved(tag, info):
        raise MemoryError("memory allocation failed")

    def starved_update():
        update = real()
        update.add = starved
        return update

    wire.list.update = starved_update
    [answer] = wire.says(request(TWO, message_id="2"), 50)
    assert answer[:3] == [4, "2", "InternalError"]
    assert wire.list.updates[-1].closed == "abandoned"


def test_other_tasks_have_their_turns():
    async def live():
        wire = ListWire()
        turns = 0

        async def count():
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        counting = asyncio.create_task(count())
        await wire.hear(request(TWO * 30))
        counting.cancel()
        assert turns >= 60

    run(live())


def test_while_the_power_fails_the_flash_is_left_to_the_bills():
    async def live():
        wire = ListWire()
        hearing = asyncio.create_task(wire.hear(request(TWO * 20), 2000))
        while not wire.list.updates or wire.list.updates[0].count < 5:
            await asyncio.sleep(0)
        update = wire.list.updates[0]
        wire.station.quiet = True
        await settle()
        count = update.count
        assert count < 8
        await asyncio.sleep(0.05)
        await settle()
        assert update.count == count
        wire.station.quiet = False
        while not update.slices:
            await asyncio.sleep(0)
        wire.station.quiet = True
        await hearing
        slices = update.slices
        assert slices < 3 and wire.take() == []
        await asyncio.sleep(0.05)
        await settle()
        assert (update.slices, wire.take()) == (slices, [])
        wire.station.quiet = False
        while not wire.sent:
            await asyncio.sleep(0)
        assert status(wire.take()) == "Accepted"
        assert len(wire.list.done[0][2]) == 40

    run(live())


def test_the_link_is_lost_while_the_power_fails():
    async def live():
        wire = ListWire()
        data = memoryview(json.dumps(request(TWO * 20)).encode())
        hearing = asyncio.create_task(wire.rpc.hear(PART, data, len(data)))
        while not wire.list.updates or wire.list.updates[0].count < 5:
            await asyncio.sleep(0)
        wire.station.quiet = True
        await settle()
        wire.rpc.detach()
        await asyncio.sleep(0.05)
        assert wire.list.updates[0].closed == "abandoned"
        await hearing
        assert wire.sent == wire.list.done == []

    run(live())


def test_who_watches_sees_the_head_and_the_length():
    wire = ListWire()
    wire.rpc.on_frame = lambda *shown: wire.shown.append(shown)
    text = json.dumps(request(TWO * 30))
    wire.says(text)
    assert wire.shown == [
        ("in", text[:512], len(text)),
        ("out", '[3,"1",{"status":"Accepted"}]'),
    ]


def test_a_list_for_which_there_is_no_memory_keeps_no_other_one_out():
    def no_memory(field, take):
        raise MemoryError("memory allocation failed")

    wire = ListWire()
    real, streamed.JsonStream = streamed.JsonStream, no_memory
    try:
        [answer] = wire.says(request(TWO, 7))
    finally:
        streamed.JsonStream = real
    assert answer[0] == 4 and answer[2] == "InternalError", answer
    assert wire.says(request(TWO, 7, "Full", "2")) == [[3, "2", {"status": "Accepted"}]]
