# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""A charge point between a scripted supply and a CSMS that the test plays: real session, outbox, profiles and
RPC on a line that keeps what is said. Time is `rig.now`, except for RPC's own deadlines.
"""

import asyncio
import json

import log
from hal.ticks import ticks_add
from host_tests.unit.event_loop import run, settle
from host_tests.unit.outbox_rig import MemoryJournal
from host_tests.unit.rig import Rig
from host_tests.unit.session_rig import Link, Time
from ocpp16 import session
from ocpp16.outbox import Outbox
from ocpp16.profiles import Profiles
from ocpp16.rpc import Rpc

TEXT = 1


class Line:
    """An `ocpp16.channel.Channel` to a CSMS that answers at once, or when the test says so.

    said: (action, payload) of each CALL, ("conf", payload) or ("error", code) of each answer, in order; hold:
    CALLs wait in `unanswered` for `answer`.
    """

    certified = None
    fell_silent = False

    def __init__(self, bench):
        self._rpc = bench.rpc
        self._answers = bench.answers
        self._over = asyncio.Event()
        self._ids = 0
        self.call = self._rpc.call
        self.deaf = None
        self.hold = bench.hold
        self.said = []
        self.unanswered = []
        self._rpc.attach(self._take)

    async def receive(self):
        await self._over.wait()
        self._rpc.detach()

    def silent_ms(self):
        return 0

    def ping_every(self, interval_s):
        return None

    def abort(self, why, unheard=False):
        self._over.set()

    def drop(self):
        pass

    async def close(self):
        self._rpc.detach()

    def _take(self, text):
        frame = json.loads(text)
        if frame[0] != 2:
            self.said.append(("conf", frame[2]) if frame[0] == 3 else ("error", frame[2]))
            return
        self.said.append((frame[2], frame[3]))
        self.unanswered.append((frame[1], frame[2]))
        if not self.hold:
            self.answer()

    # --- the CSMS ---

    def answer(self):
        """Answer the oldest CALL that waits for it."""
        message_id, action = self.unanswered.pop(0)
        answers = self._answers.get(action) or []
        answer = answers.pop(0) if len(answers) > 1 else answers[0] if answers else {}
        self._receive([3, message_id, answer])

    def ask(self, action, payload):
        self._ids += 1
        self._receive([2, "csms-%d" % self._ids, action, payload])

    def _receive(self, frame):
        self._rpc.receive(TEXT, memoryview(json.dumps(frame).encode()))

    def take(self):
        said, self.said = self.said, []
        return said


def boot(status, interval=300):
    return {"status": status, "interval": interval, "currentTime": "2026-09-21T14:13:20Z"}


ACCEPTED = ("conf", {"status": "Accepted"})
REJECTED = ("conf", {"status": "Rejected"})
NOT_IMPLEMENTED = ("conf", {"status": "NotImplemented"})
PENDING = boot("Pending", 60)


def names(said):
    return [entry[0] for entry in said]


def told(said):
    """(action, connector) of each message."""
    return [(action, payload.get("connectorId")) for action, payload in said]


def samples(message):
    """(measurand, value) of MeterValues, all of context Trigger."""
    action, payload = message
    assert action == "MeterValues" and len(payload["meterValue"]) == 1
    values = payload["meterValue"][0]["sampledValue"]
    assert [value["context"] for value in values] == ["Trigger"] * len(values)
    return [(value["measurand"], value["value"]) for value in values]


class Bench:
    """answers: {action: [payload, ...]}, the last one for ever; lines: the connections so far."""

    def __init__(self, *boots, hold=False, connectors=1, profiles=("Core", "RemoteTrigger"), **keys):
        self.rig = rig = Rig(connectors, profiles=profiles, **keys)
        self.hold = hold
        self.answers = {
            "BootNotification": list(boots) or [boot("Accepted")],
            "Heartbeat": [{"currentTime": "2026-09-21T14:13:20Z"}],
            "StartTransaction": [{"transactionId": 77, "idTagInfo": {"status": "Accepted"}}],
            "Authorize": [{"idTagInfo": {"status": "Accepted"}}],
        }
        self.lines = []
        self.journal = MemoryJournal()
        self.outbox = Outbox(self.journal, rig.config, rig.clock, True)
        self.session = session.Session(rig.station, self.outbox, {"chargePointVendor": "V"}, self._connect)
        rig.station.attach(self.session)
        self.profiles = Profiles({}, rig.station, self.session)
        self.rpc = Rpc(self.profiles.find)
        self.profiles.tables = self.rpc.tables

    async def _connect(self):
        self.lines.append(Line(self))
        return self.lines[-1]

    @property
    def line(self):
        return self.lines[-1]

    async def step(self, ms=0):
        """Advance by `ms`, the station in steps of 100; then everybody has had a turn."""
        while True:
            part = min(ms, 100)
            self.rig.now = ticks_add(self.rig.now, part)
            self.rig.clock.advance(self.rig.now)
            self.rig.station.step(self.rig.now)
            ms -= part
            if ms <= 0:
                break
        self.session._bell.ring()
        await settle(60)
        return self.line.take()

    async def trigger(self, message, number=None):
        """What is said because of a TriggerMessage, its answer first."""
        payload = {"requestedMessage": message}
        if number is not None:
            payload["connectorId"] = number
        self.line.ask("TriggerMessage", payload)
        await settle(60)
        return self.line.take()

    async def charge(self):
        """Plug, swipe, charge; what is said meanwhile."""
        rig = self.rig
        rig.supply.plug(asking=True)
        await self.step()
        rig.station.tag("GOOD", None, rig.now)
        said = await self.step(100) + await self.step(100)
        assert rig.station.connectors[0].transaction is not None
        return said

    def play(self, script):
        """Run `script(bench)`, a coroutine, while the session lives."""

        async def life():
            self.rig.step()  # it knows its connectors before it has a connection
            task = asyncio.create_task(self.session.run(Link()))
            await settle(60)
            try:
                await script(self)
            finally:
                await settle(60)  # CPython 3.11 loses a cancellation that comes with what was waited for
                ended = task.done()
                task.cancel()
                try:
                    await task
                except asyncio.CancelledError:
                    pass
            assert not ended

        kept = session.asyncio, session.ticks_ms, log.level
        session.asyncio = Time()
        session.ticks_ms = lambda: self.rig.now
        log.level = log.ERROR + 1
        try:
            run(life())
        finally:
            session.asyncio, session.ticks_ms, log.level = kept
