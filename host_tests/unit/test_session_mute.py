# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""A connection that is sound and of no use: nobody sends, or nobody answers."""

import asyncio

import log
from host_tests.unit.outbox_rig import START_CONF, Bench
from host_tests.unit.session_rig import Channel, World
from ocpp16.rpc import CallError, CallTimeout, LinkLost

TIMEOUT = CallTimeout("no answer")


def no_memory(*arguments):
    raise MemoryError("in the handler")


class Failing:
    """The log without memory, while nothing else wants any."""

    def __enter__(self):
        self._real = log.emit
        log.emit = no_memory

    def __exit__(self, *trouble):
        log.emit = self._real


# --- the sender has ended ---


def test_a_sender_that_ends_takes_the_connection_with_it():
    for answers in ({"BootNotification": LinkLost("cannot send")}, {"StatusNotification": MemoryError()}):
        first, second = Channel(answers=answers), Channel()
        world = World(first, second)
        assert world.live()
        assert first.aborted is not None and first.closed == 1
        assert second.said[-1] == "StatusNotification" and second.aborted is None


def test_a_sender_that_ends_with_its_connection_leaves_alone_how_that_ended():
    class Closing(Channel):
        """Its good-bye takes a while."""

        async def call(self, *arguments):
            self.aborted = "by itself"
            raise LinkLost("cannot send")

        async def receive(self):
            while self.aborted is None:
                await asyncio.sleep(0)

        def abort(self, why, unheard=False):
            raise AssertionError(why)

    closing = Closing()
    world = World(closing, Channel())
    world.time.sleep_ms = lambda ms: asyncio.sleep(ms / 1000)
    assert world.live(40)
    assert closing.closed == 1


def test_a_log_without_memory_neither_mutes_nor_stops_the_charger():
    first, second = Channel(answers={"StatusNotification": MemoryError()}), Channel()
    world = World(MemoryError(), first, second)
    with Failing():
        assert world.live()
    assert world.tried == 3
    assert first.aborted is not None
    assert "StatusNotification" in second.said


# --- nobody answers ---


def test_a_csms_that_answers_nothing_is_left_whatever_the_pings_say():
    for interval_s in ("60", "0"):
        channels = [Channel(answers={None: TIMEOUT}) for _ in range(4)]
        world = World(*channels)
        world.rig.config.change("WebSocketPingInterval", interval_s)
        world.hurry()
        assert world.live(600)
        assert [len(channel.said) for channel in channels] == [5] * 4
        assert world.tried == 5
        assert world.link.told == []  # something came: the network in between works
        # It lasted long enough, but was not worth having: the next pause is longer.
        pauses = world.time.pauses
        assert len(pauses) == 4 and pauses[3] >= 4000, pauses


def test_a_csms_of_which_nothing_came_during_all_these_calls_is_held_against_the_link():
    channel = Channel(answers={None: TIMEOUT})
    channel.silent = 150000
    world = World(channel)  # pings are on, but too rare to have found it
    world.hurry()
    assert world.live(400)
    assert len(channel.said) == 5 and channel.fell_silent
    assert world.link.told == ["in vain"]


def test_any_answer_counts():
    class Fifth(Channel):
        """Answers every fifth CALL, with an error."""

        async def call(self, *arguments):
            self.answers = {None: CallError("InternalError") if len(self.said) % 5 == 4 else TIMEOUT}
            return await super().call(*arguments)

    channel = Fifth()
    world = World(channel)
    world.hurry()
    assert world.live(200)
    assert channel.aborted is None and len(channel.said) > 20
    assert world.tried == 1


# --- and messages wait (section 3.7.1) ---


def outage(bench, answers):
    """A session with that outbox on connections where CALLs end as in `answers`, with waits that take no
    time; what was said on each.
    """
    channels = [Channel(answers=answers) for _ in range(3)]
    world = World(*channels, outbox=bench.outbox)
    world.hurry()
    bench.outbox.on_started = lambda *said: bench.started.append(said)
    assert world.live(200)
    return [channel.said for channel in channels]


def test_an_outage_behind_a_gateway_costs_no_bill():
    bench = Bench(attempts=3, interval_s=0)
    bench.outbox.started(bench.transaction())
    said = outage(bench, {"StartTransaction": TIMEOUT, "Heartbeat": TIMEOUT, "StatusNotification": TIMEOUT})
    # Two tries fail, the third would be the last: before it counts, something else is asked.
    assert "Heartbeat" in said[0] and len(said[0]) <= 8
    assert said[2].count("StartTransaction") >= 1
    assert bench.outbox.depth == 1 and bench.started == []
    assert bench.outbox.last_try
    ids = bench.outbox.message()[0]
    bench.outbox.answered(START_CONF)
    assert ids and [told[1] for told in bench.started] == [77]


def test_what_a_csms_that_is_there_fails_to_process_is_given_up():
    for heartbeat in (None, CallError("InternalError")):
        for attempts in (1, 3):
            bench = Bench(attempts=attempts, interval_s=0)
            bench.outbox.started(bench.transaction())
            said = outage(bench, {"StartTransaction": TIMEOUT, "Heartbeat": heartbeat})
            assert said[0][1 : attempts + 2] == ["StartTransaction"] * attempts + ["Heartbeat"]
            assert said[0].count("StartTransaction") == attempts
            assert bench.outbox.depth == 0 and [told[1] for told in bench.started] == [-1]
    bench = Bench(attempts=3, interval_s=0)
    bench.outbox.started(bench.transaction())
    said = outage(bench, {"StartTransaction": CallError("InternalError")})
    assert said[0][1:5] == ["StartTransaction"] * 3 + ["StatusNotification"]  # it did answer


def test_a_late_answer_to_the_last_try_counts():
    bench = Bench(attempts=1, interval_s=0)
    bench.outbox.started(bench.transaction())
    sent = bench.outbox.message()[0]

    class Late(Channel):
        async def call(self, action, payload, timeout_ms, message_id=None, taken=None):
            if action == "Heartbeat" and bench.outbox.late(sent) is not None:
                bench.outbox.answered_late(START_CONF)
            return await super().call(action, payload, timeout_ms, message_id, taken)

    late = Late(answers={"StartTransaction": TIMEOUT})
    world = World(late, outbox=bench.outbox)
    bench.outbox.on_started = lambda *said: bench.started.append(said)
    world.hurry()
    assert world.live(100)
    assert world.tried == 1 and late.aborted is None
    assert bench.outbox.depth == 0 and [told[1] for told in bench.started] == [77]


def test_a_late_answer_while_the_next_try_waits_for_room_confirms_nothing():
    """The next try is going out all the same, and its answer would confirm the message behind."""
    bench = Bench(attempts=3, interval_s=0)
    transaction = bench.transaction()
    bench.outbox.started(transaction)
    bench.outbox.stopped(transaction, "Local", "TAG", bench.clock.stamp(), ())

    class NoRoom(Channel):
        async def call(self, action, payload, timeout_ms, message_id=None, taken=None):
            if action not in ("StartTransaction", "StopTransaction"):
                return await super().call(action, payload, timeout_ms, message_id, taken)
            self.said.append(action)
            await asyncio.sleep(0)
            if self.said.count(action) == 1:
                raise TIMEOUT
            if bench.outbox.late(message_id) is not None:
                bench.outbox.answered_late(START_CONF)
            taken(START_CONF if action == "StartTransaction" else {})
            return {}

    channel = NoRoom()
    world = World(channel, outbox=bench.outbox)
    bench.outbox.on_started = lambda *said: bench.started.append(said)
    world.hurry()
    assert world.live(200)
    said = [action for action in channel.said if action[:2] == "St" and action != "StatusNotification"]
    assert said == ["StartTransaction"] * 2 + ["StopTransaction"] * 2
    assert bench.outbox.depth == 0 and [told[1] for told in bench.started] == [77]


# --- without memory, behind the opening ---


def test_a_connection_that_cannot_be_taken_up_is_none():
    class Unheard(Channel):
        """There is no memory for what it needs."""

        def __setattr__(self, name, value):
            if name == "deaf":
                raise MemoryError("closure")
            super().__setattr__(name, value)

    channel = Unheard()
    world = World(channel, OSError("no connection"))
    world.session._registration.status = "Accepted"
    assert world.live(100)
    assert world.tried == 3
    assert channel.closed == 1 and channel.dropped and not world.session.online
    told = []
    world.session.request("Authorize", {"idTag": "TAG"}, told.append)
    assert told == [None]  # at once: the rules for offline count


def test_who_cannot_be_told_keeps_nobody_else_waiting():
    world = World()
    told = []

    def failing(conf):
        raise MemoryError("told")

    world.session._urgent = [("DataTransfer", {}, failing), ("Authorize", {}, told.append)]
    level, log.level = log.level, log.ERROR + 1
    try:
        world.session._forget()
    finally:
        log.level = level
    assert told == [None]


def test_a_connection_is_freed_also_when_there_is_no_memory_to_converse():
    channel = Channel()
    world = World(channel, OSError("no connection"))

    def no_coroutine(channel, link):
        raise MemoryError("memory allocation failed")

    world.session._converse = no_coroutine
    level, log.level = log.level, log.ERROR + 1
    try:
        assert world.live(100)
    finally:
        log.level = level
    assert channel.dropped and world.tried == 3


def test_of_a_connection_that_cannot_be_closed_the_end_is_told_all_the_same():
    class Unclosed(Channel):
        async def close(self):
            raise MemoryError("memory allocation failed")

    channel = Unclosed()
    world = World(channel, OSError("no connection"))
    told = []
    world.session._on_connection = told.append
    world.session._forget = no_memory
    channel.ends = LinkLost("over")
    level, log.level = log.level, log.ERROR + 1
    try:
        assert world.live(100)
    finally:
        log.level = level
    assert told == [True, False] and channel.dropped
