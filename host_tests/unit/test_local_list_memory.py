# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""A thousand entries, 100 KB, from the bytes of the WebSocket to the list: what that takes of the heap."""

import asyncio
import gc

from host_tests.unit.event_loop import run
from host_tests.unit.local_list_rig import ListWire
from ocpp16.frames import PART, FrameReader

COUNT = 1000
HEAD = b'[2,"1","SendLocalList",{"listVersion":9,"updateType":"Full","localAuthorizationList":['
INFO = '{"status":"Accepted","expiryDate":"2030-01-01T00:00:00Z","parentIdTag":"P"}'
ENTRY = '{"idTag":"TAG%d","idTagInfo":' + INFO + "}"
TAIL = b"]}]"


def message():
    """The message's bytes, a piece at a time."""
    yield HEAD
    for n in range(COUNT):
        yield (ENTRY % n).encode()
        yield TAIL if n == COUNT - 1 else b","


def length():
    return sum([len(piece) for piece in message()])


class Peak:
    """The most that was in use, garbage not counted. CPython counts nothing."""

    def __init__(self):
        self.first = self.most = self._used()

    def _used(self):
        gc.collect()
        return gc.mem_alloc() if hasattr(gc, "mem_alloc") else 0

    def look(self):
        self.most = max(self.most, self._used())

    @property
    def bytes(self):
        return self.most - self.first


async def play(wire, reader, total):
    """The message in one frame, through the reader and the Rpc."""

    async def drain():
        while True:
            kind = reader.next()
            if kind is None:
                return
            assert kind == PART
            await wire.rpc.hear(kind, reader.payload, reader.total if reader.final else 0)

    async def give(data):
        at = 0
        while at < len(data):
            space = reader.space()
            count = min(len(space), len(data) - at)
            space[:count] = memoryview(data)[at : at + count]
            reader.advance(count)
            at += count
            if len(space) - count < 300:  # as the network does: as much as there is room
                await drain()

    await give(b"\x81\x7f" + total.to_bytes(8, "big"))
    for piece in message():
        await give(piece)
    await drain()
    while not wire.sent:
        await asyncio.sleep(0)


def prepared():
    wire = ListWire()
    wire.list.keeps = False
    wire.says([2, "0", "GetLocalListVersion", {}])
    reader = FrameReader(8192)
    reader.streams = wire.rpc.streams
    return wire, reader


def test_the_memory_that_a_thousand_entries_take():
    wire, reader = prepared()
    total = length()
    assert total > 100_000
    peak = Peak()
    update = wire.list.update

    def watched():
        one = update()
        add = one.add

        def look(tag, info):
            if one.count % 50 == 0:
                peak.look()
            add(tag, info)

        one.add = look
        return one

    wire.list.update = watched
    run(play(wire, reader, total))
    assert wire.take() == [[3, "1", {"status": "Accepted"}]]
    assert wire.list.updates[0].count == COUNT
    assert wire.list.version == 9
    print("%d bytes, live peak %d bytes" % (total, peak.bytes))
    assert peak.bytes < 5000


def fill(kept, size):
    """Take what there is in blocks of this size."""
    at = kept.index(None)
    try:
        while True:
            kept[at] = bytearray(size)
            at += 1
    except MemoryError:
        pass


def test_no_block_of_more_than_1_kb():
    """In a heap of which every second KB is taken."""
    wire, reader = prepared()
    total = length()
    if not hasattr(gc, "mem_alloc"):
        return  # CPython's heap cannot be filled
    taken = [None] * 1000
    crumbs = [None] * 1000

    async def live():
        gc.collect()
        fill(taken, 1024)
        fill(crumbs, 256)
        fill(crumbs, 64)
        for n in range(0, len(taken), 2):
            taken[n] = None
        gc.collect()
        try:
            bytearray(1300)
        except MemoryError:
            pass
        else:
            raise AssertionError("there still is a larger block")
        await play(wire, reader, total)

    run(live())
    taken = crumbs = None
    assert wire.take() == [[3, "1", {"status": "Accepted"}]]
    assert wire.list.updates[0].count == COUNT
