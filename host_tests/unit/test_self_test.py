# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The installer's test of the whole charger: what is not as it should be shows, and nothing else."""

from hal.reading import Reading
from host_tests.unit.evse_rig import SOCKET, STEP_MS, Desk
from self_test import SelfTest

NOON = 1_800_000_000_000
PARTS = ("pilot +12 V", "pilot -12 V", "proximity", "lock", "RCD", "contactor", "faults", "meter")
NAMES = [(1, name) for name in PARTS]
NAMES += [(0, name) for name in ("tag reader", "network", "signal", "central system", "time")]


class Part:
    """Whatever is asked for by name."""

    def __init__(self, **fields):
        for name, value in fields.items():
            setattr(self, name, value)


def good():
    return Reading(1234, 0, (0,), (231400,), frequency_mhz=49980)


class World:
    """A charger in which all is well, for each test to spoil."""

    def __init__(self):
        self.desk = Desk(**SOCKET)
        self.desk.run(4000)
        self.reading = good()
        self.link_up = True
        self.dbm = -70
        self.tag = "04A1B2C3"
        described = Part(nominal_v=230, phases=1, current="AC")
        self.connector = Part(number=1, busy=False, supply=self.desk.supply)
        self.station = Part(
            closing=None,
            connectors=[self.connector],
            description=Part(connectors=[described]),
            clock=Part(utc_ms=NOON),
            read_meter=self._read_meter,
        )
        link = Part(up=lambda: self.link_up, signal_dbm=lambda: self.dbm)
        self.board = Part(tag_reader=Part(silent=lambda: False), link=link)
        self.session = Part(connected=True, registration="Accepted")
        self.firmware = Part(
            station=self.station, board=self.board, session=self.session, url="wss://csms/", supplies=[]
        )

    def _read_meter(self, number, done):
        if self.reading is not None:
            done(self.reading, 0)

    def run(self, most_ms=150000):
        test = self.test = SelfTest(self.firmware, True)
        desk = self.desk
        passed = 0
        while test.step(desk.now):
            desk.run(STEP_MS)
            passed += STEP_MS
            assert passed < most_ms, test.results
            if test.prompt and self.tag:
                assert test.tag(self.tag)
        assert desk.supply.trial is None and not test.prompt
        return {(number, name): (verdict, text) for number, name, verdict, text in test.results}

    def only(self, number, name, verdict, text):
        found = self.run()
        assert found[number, name] == (verdict, text), found[number, name]
        for key, (what, _) in found.items():
            assert key == (number, name) or what in ("pass", "absent"), (key, found)
        assert self.test.passed == (verdict != "fail")
        return found


def test_all_is_well():
    world = World()
    found = world.run()
    assert [row[:2] for row in world.test.results] == NAMES
    assert world.test.passed
    assert found[1, "meter"] == ("pass", "1234 Wh, 231.4 V, 49.98 Hz")
    assert found[0, "tag reader"] == ("pass", "8 characters, the last ones C3")
    assert found[0, "signal"] == ("pass", "-70 dBm")
    assert found[0, "central system"] == ("pass", "connected with TLS, registered")
    assert found[0, "time"] == ("pass", "2027-01-15T08:00:00Z")


def test_a_meter_that_is_silent_or_cannot_be_right():
    world = World()
    world.reading = None
    world.only(1, "meter", "fail", "does not answer")
    for spoiled, text in (
        (Reading(None, 0, (0,), (230000,)), "230.0 V; no register of energy"),
        (Reading(-5, 0, (0,), (230000,)), "-5 Wh, 230.0 V; a negative register"),
        (Reading(5, 0, (0,), (23000,)), "5 Wh, 23.0 V; 230 V are nominal"),
        (Reading(5, 0, (0,), (400100,)), "5 Wh, 400.1 V; 230 V are nominal"),
        (Reading(5, 0, (0,), (230000,), frequency_mhz=5000), "5 Wh, 230.0 V, 5.00 Hz; neither 50 nor 60 Hz"),
        (Reading(5, 0, (-6000,), (230000,)), "5 Wh, 230.0 V; 6000 mA flow with the contactor open"),
    ):
        world = World()
        world.reading = spoiled
        world.only(1, "meter", "fail", text)
    world = World()
    world.reading = Reading(5, 0, (0,), (59990,), frequency_mhz=60010)
    world.station.description.connectors[0].current = "DC"
    world.only(1, "meter", "pass", "5 Wh")


def test_a_reader_that_is_dead_and_a_tag_that_nobody_shows():
    world = World()
    world.board.tag_reader = Part(silent=lambda: True)
    world.only(0, "tag reader", "fail", "does not answer")
    world = World()
    world.tag = None
    world.only(0, "tag reader", "fail", "no tag within 20 s")
    assert not world.test.tag("04A1B2C3"), "one that comes later is a driver's"
    world = World()
    world.board.tag_reader = None
    world.only(0, "tag reader", "absent", "none")
    assert not world.test.tag("04A1B2C3"), "a driver's tag is the station's"


def test_no_network_and_a_weak_one():
    world = World()
    world.link_up = False
    world.session.connected = False
    found = world.run()
    assert found[0, "network"] == ("fail", "down; signal: -70 dBm")
    assert found[0, "central system"] == ("fail", "not connected: the log says why")
    world = World()
    world.dbm = -113
    world.only(0, "signal", "fail", "-113 dBm")
    world = World()
    world.dbm = None
    world.only(0, "signal", "absent", "no radio, or not known")
    world = World()
    world.board.link = None
    found = world.run()
    assert found[0, "network"] == ("absent", "none is set up") and found[0, "central system"][0] == "absent"


def test_a_central_system_that_does_not_want_it():
    world = World()
    world.session.registration = "Rejected"
    world.only(0, "central system", "fail", "connected, registration: Rejected")
    world = World()
    world.firmware.url = None
    world.only(0, "central system", "absent", "none is set up: the charger works by itself")


def test_no_time_and_one_that_cannot_be():
    world = World()
    world.station.clock.utc_ms = None
    text = "not known: neither a clock with a battery nor a central system tells it"
    world.only(0, "time", "fail", text)
    world = World()
    world.station.clock.utc_ms = 1_609_459_200_000
    world.only(0, "time", "fail", "2021-01-01T00:00:00Z")


def test_a_broken_part_is_that_of_its_connector():
    world = World()
    world.desk.hardware.break_part("ConnectorLockFailure", True)
    found = world.run()
    assert found[1, "lock"] == ("fail", "not locked after 2000 ms") and not world.test.passed


def test_not_while_a_transaction_runs_or_the_charger_restarts():
    world = World()
    world.connector.busy = True
    found = world.run()
    assert found[1, "parts"] == ("fail", "not tried: a transaction runs") and (1, "pilot +12 V") not in found
    world = World()
    world.station.closing = "Reboot"
    assert world.run() == {(0, "test"): ("fail", "the charger is about to restart")}


def test_stopped_at_any_moment_nothing_stays_closed_or_driven():
    closed = 0
    for after in range(0, 220, 7):
        world = World()
        world.tag = None
        test = SelfTest(world.firmware, True)
        for _ in range(after):
            assert test.step(world.desk.now)
            world.desk.run(STEP_MS)
        closed += world.desk.supply.guard.closed
        test.stop()
        assert not test.step(world.desk.now) and not test.passed
        assert test.results[-1] == (0, "test", "fail", "stopped by hand")
        supply = world.desk.supply
        world.desk.run(3000)
        assert supply.trial is None and not supply.guard.closed and not world.desk.hardware.bolt, after
        assert supply.duty_e4 == 10000 and not test.tag("04A1B2C3")
        world.desk.charge()
    assert closed >= 3, closed
