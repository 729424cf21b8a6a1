# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The LTE bearer against modems that do anything, at any time: it never gives up, never wedges, and never
wears the modem's supply out.
"""

import itertools
import random

from hypothesis import example, given
from hypothesis import strategies as st

from host_tests.unit.modem_rig import Clock, FakeModem, FakePpp
from net import modem_actions
from net.bearer import Bearer

MINUTE_MS = 60000
HOUR_MS = 3600000
# An hour until the supply may be cut again, and what leads there and back.
RECOVERY_MS = HOUR_MS + 20 * MINUTE_MS
TRY_MS = 45000  # how often those above us try


def hang(modem):
    modem.hung = "power"


def hang_radio(modem):
    modem.hung_radio = True


def switched_off(modem):
    modem._answers_ms = None
    modem.data = False


def drop(modem):
    modem.data = False


def set_to(**values):
    def change(modem):
        for name, value in values.items():
            setattr(modem, name, value)

    change.__name__ = repr(values)
    return change


FAULTS = [
    hang,
    hang_radio,
    switched_off,
    drop,
    set_to(hung="for good"),
    set_to(sim="missing"),
    set_to(registered_ms=None),
    set_to(denied=True),
    set_to(dial="NO CARRIER"),
    set_to(dial="ERROR"),
    set_to(dial=None),
    set_to(ppp=False),
    set_to(reaches=False),
    set_to(escapes=False),
    set_to(late_ms=700),
    set_to(late_ms=6000),
    set_to(knows_speed=False),
    set_to(csq="+CSQ: "),
    set_to(csq="garbage"),
    set_to(baud=9600),
    set_to(boot_baud=460800, baud=460800),
    set_to(toggles=True),
    set_to(toggles=False),
    set_to(says=["NO CARRIER", "RDY", "+CPIN: NOT READY", "+CREG: 2", "+CEREG: 0"]),
    set_to(counts_tries=None),
]


def heal(modem):
    """All is well from now on; what only a power cycle mends is left to be mended by one."""
    if modem.hung != "power":
        modem.hung = None
    modem.sim = "READY"
    modem.registered_ms = 3000
    modem.denied = False
    modem.dial = "CONNECT"
    modem.ppp = modem.reaches = modem.escapes = True
    modem.late_ms = 20


class NoStory:
    """In the place of a bearer's generator."""

    def send(self, outcome):
        raise MemoryError


class World:
    def __init__(self, seed, ticks, running, settings):
        self.clock = Clock(ticks)
        self.modem = FakeModem(self.clock, running)
        self.ppp = FakePpp(self.modem)
        self.bearer = Bearer(settings, self.modem.parts, self.clock.now(), random.Random(seed).randrange)
        self.pressed = False
        self.next_try_ms = 0
        self.actions = 0
        self.failures = 0

    def fail(self):
        """No memory for the bearer's next step."""
        self.failures += 1
        self.bearer._life = NoStory()

    def step(self, outcome):
        self.actions += 1
        try:
            action = self.bearer.next(self.clock.now(), outcome)
        except MemoryError:
            self.clock.pass_ms(1000)
            return None
        began_ms = self.clock.ms
        outcome = self.carry_out(action)
        # Whatever it wants takes no longer than it says: here nobody waits for ever.
        assert self.clock.ms - began_ms <= 2 * MINUTE_MS + MINUTE_MS
        return outcome

    def carry_out(self, action):
        modem, clock = self.modem, self.clock
        kind, rest = action[0], action[1:]
        if kind == modem_actions.WAIT:
            assert 0 < rest[0] <= 3 * MINUTE_MS
            clock.pass_ms(rest[0])
        elif kind == modem_actions.SUPPLY:
            modem.supply(rest[0])
        elif kind == modem_actions.KEY:
            # Where it failed nobody knows, and the key is let go once more.
            assert rest[0] != self.pressed or (self.failures and not rest[0])
            self.pressed = rest[0]
            modem.key(rest[0])
        elif kind == modem_actions.SPEED:
            modem.host_baud = rest[0]
        elif kind == modem_actions.ASK:
            answer = modem.told(*rest)
            modem.spoken()
            return answer
        elif kind == modem_actions.ESCAPE:
            clock.pass_ms(2200)
            return modem.escape()
        elif kind == modem_actions.PPP_UP:
            try:
                self.ppp.start()
            except OSError:
                return None
            end = clock.ms + rest[0]
            while not self.ppp.up() and clock.ms < end:
                clock.pass_ms(250)
            return self.ppp.up()
        elif kind == modem_actions.PPP_DOWN:
            end = clock.ms + rest[0]
            self.ppp.stop()
            while not self.ppp.idle() and clock.ms < end:
                clock.pass_ms(250)
            return self.ppp.idle()
        elif kind == modem_actions.WATCH:
            assert not self.pressed
            # Many of those in one: what happens in a second of them is the same each time.
            for _ in range(10):
                clock.pass_ms(rest[0])
                self.above()
            return self.ppp.up()
        elif kind == modem_actions.NOTE:
            assert rest[1] % rest[2] if rest[2] else rest[1]
        return None

    def above(self):
        """The session: it reaches the far end, or tries in vain."""
        modem = self.modem
        if self.ppp.up() and modem.reaches and modem.alive:
            self.bearer.heard()
        elif self.clock.ms >= self.next_try_ms:
            self.next_try_ms = self.clock.ms + TRY_MS
            self.bearer.in_vain(self.clock.now())

    def live(self, ms, outcome=None):
        end = self.clock.ms + ms
        while self.clock.ms < end:
            outcome = self.step(outcome)
        return outcome

    def reaches_far_end(self):
        return self.bearer.online and self.ppp.up() and self.modem.alive and self.modem.reaches


MOMENTS = st.integers(0, 3 * HOUR_MS)
STORY = st.lists(st.tuples(MOMENTS, st.sampled_from([*FAULTS, heal])), max_size=8)


@given(
    story=STORY,
    seed=st.integers(0, 99),
    ticks=st.one_of(st.just(0), st.integers(0x3FFFFFFF - 4 * HOUR_MS, 0x3FFFFFFF)),
    running=st.booleans(),
    wiring=st.sampled_from(["all", "no flow", "one speed"]),
    settings=st.sampled_from([{}, {"apn": "iot"}, {"apn": "iot", "pin": "1234"}]),
)
def test_whatever_happens_it_comes_back(story, seed, ticks, running, wiring, settings):
    world = World(seed, ticks, running, settings)
    if wiring == "one speed":
        world.modem.parts.speeds = (115200, 115200)
    world.modem.parts.flow = wiring != "no flow"
    outcome = None
    for pause_ms, event in story:
        outcome = world.live(pause_ms, outcome)
        event(world.modem)
    heal(world.modem)
    healed_ms = world.clock.ms
    while not world.reaches_far_end():
        outcome = world.step(outcome)
        assert world.clock.ms - healed_ms < RECOVERY_MS, (world.bearer.phase, world.bearer.trouble)
    # And it stays.
    outcome = world.live(HOUR_MS, outcome)
    assert world.reaches_far_end()
    times = world.modem.supplied_ms
    cuts = times if running else times[1:]
    assert all(later - time >= 10 * MINUTE_MS for time, later in itertools.pairwise(cuts))
    assert world.actions < 40 + (world.clock.ms + 1) // 200, "it does not rest"


@example([(7427, hang_radio), (1, hang), (1, hang), (1301, "restart")], "0000", "AT+SPIC", "as it is")
@given(
    story=st.lists(
        st.tuples(st.integers(0, 5 * MINUTE_MS), st.sampled_from([*FAULTS, heal, "restart"])), max_size=12
    ),
    pin=st.sampled_from(["0000", "1234"]),
    counts=st.sampled_from(["AT+SPIC", "AT+CPINR", None]),
    said=st.sampled_from(["as it is", None, "OK", "ERROR", "+CME ERROR: 14"]),
)
def test_no_pin_costs_a_card_its_last_try(story, pin, counts, said):
    """However often the charger is started, and whatever becomes of the answers."""
    world = World(1, 0, True, {"pin": pin})
    modem = world.modem
    modem.counts_tries = counts
    card = modem._card

    def answer(command):
        lines = card(command)
        return lines if said == "as it is" or command == "AT+CPIN?" else [said] if said else None

    modem._card = answer
    outcome = None
    for pause_ms, event in [(0, heal), *story]:
        if event == "restart":
            if world.pressed:  # the pin lets go of the key when the controller starts
                world.carry_out((modem_actions.KEY, False))
            world.bearer = Bearer({"pin": pin}, modem.parts, world.clock.now(), random.Random(1).randrange)
            outcome = None
        else:
            event(modem)
        if modem.sim == "READY":
            modem.sim = "SIM PIN"
        outcome = world.live(pause_ms, outcome)
        assert modem.pin_tries >= 1
        assert pin == "0000" or modem.pin_tries == 3


@given(event=st.sampled_from(FAULTS), seed=st.integers(0, 9), hours=st.integers(1, 24))
def test_the_longer_it_lasts_the_less_often_the_supply_is_cut(event, seed, hours):
    world = World(seed, 0, False, {})
    outcome = None
    end_ms = hours * HOUR_MS
    while world.clock.ms < end_ms:
        event(world.modem)
        outcome = world.step(outcome)
    # The start, one cut, then after 10, 20, 40 minutes, then one an hour.
    assert len(world.modem.supplied_ms) <= 2 + 3 + hours


@given(
    event=st.sampled_from(FAULTS),
    seed=st.integers(0, 9),
    waits=st.lists(st.integers(0, 200), max_size=40),
)
def test_no_memory_at_any_moment_forgets_neither_pin_nor_supply(event, seed, waits):
    world = World(seed, 0, False, {"pin": "0000"})
    world.modem.sim = "SIM PIN"
    outcome = None
    for wait in waits:
        for _ in range(wait):
            event(world.modem)
            outcome = world.step(outcome)
        world.fail()
    while world.clock.ms < 5 * HOUR_MS:
        event(world.modem)
        outcome = world.step(outcome)
    hours = world.clock.ms // HOUR_MS
    # As without: the start, one cut, then after 10, 20, 40 minutes, then one an hour.
    assert len(world.modem.supplied_ms) <= 2 + 3 + hours
    assert len([command for command in world.modem.said if command.startswith("AT+CPIN=")]) <= 1
    heal(world.modem)
    world.modem.hung = None
    outcome = world.live(RECOVERY_MS, outcome)
    assert world.reaches_far_end()
