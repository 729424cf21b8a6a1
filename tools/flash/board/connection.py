# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The charger's end of its connection, and the tasks that go on beside its steps, for `boot`.

Answers to what the charger asks come in the call itself. What the central system asks comes as frames in TCP
segments, and what the firmware does with it has a few of its slices in each turn of the world: so a list that
is received and written to flash has samples, records and power cuts in its midst.
"""

from ocpp16.frames import PART, TEXT, FrameReader

_SEGMENT_BYTES = 400
_SLICES = 4  # of each task in a turn


def _a_slice():
    yield


class Tasks:
    """Stands for asyncio where the firmware begins tasks that end."""

    def __init__(self):
        self._running = []

    def create_task(self, coroutine):
        """It runs at once, as far as its first slices go."""
        self._running.append(coroutine)
        self._advance(coroutine)

    @staticmethod
    def sleep(seconds):
        return _a_slice()

    @property
    def busy(self):
        return bool(self._running)

    def turn(self):
        for coroutine in list(self._running):
            self._advance(coroutine)

    def end(self, coroutine):
        """It is cancelled, if it has not come to its end."""
        if coroutine in self._running:
            self._running.remove(coroutine)
            coroutine.close()

    def end_all(self):
        for coroutine in list(self._running):
            self.end(coroutine)

    def _advance(self, coroutine):
        try:
            for _ in range(_SLICES):
                coroutine.send(None)
        except BaseException as error:
            self._running.remove(coroutine)
            if not isinstance(error, StopIteration):
                raise


class Socket:
    """The WebSocket's end in the charger, for a `Channel`. `world.central.take` answers, or the connection is
    gone; `world.answered(text)` gets what the charger answers.
    """

    certified = None

    def __init__(self, world, rpc):
        self._world = world
        self._rpc = rpc
        self._reader = FrameReader(world.plan.receive_bytes)

    def ping_every(self, interval_ms):
        pass

    def send(self, text):
        frame_kind = text[1]
        answer = self._world.central.take(text)
        if answer is not None:
            self._rpc.receive(TEXT, answer.encode())
        elif frame_kind == "2":
            self._rpc.detach()
        else:
            self._world.answered(text)

    def take_as_stream(self, streams):
        self._reader.streams = streams

    async def hear(self, text):
        """A message of the central system, a segment in each slice."""
        message = memoryview(_framed(text.encode()))
        reader = self._reader
        at = 0
        while True:
            space = reader.space()
            count = min(len(space), len(message) - at, _SEGMENT_BYTES)
            space[:count] = message[at : at + count]
            reader.advance(count)
            at += count
            while True:
                kind = reader.next()
                if kind is None:
                    break
                payload, total = reader.payload, reader.total
                if kind == PART:
                    await self._rpc.hear(kind, payload, total if reader.final else 0)
                else:
                    await self._rpc.hear(kind, payload, total if total > len(payload) else 0)
            if at == len(message):
                return
            await _a_slice()  # pyright: ignore[reportGeneralTypeIssues]

    def abort(self, reason):
        self._world.fault("unbootable", "the session gave up: " + reason)
        self._rpc.detach()


def _framed(data):
    """A server's frame of TEXT."""
    length = len(data)
    if length < 126:
        return bytes((0x81, length)) + data
    return bytes((0x81, 126, length >> 8, length & 0xFF)) + data
