# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""firmware/panel.py: what is shown, sounded and pressed; firmware/factory_reset.py: what goes, and what
stays."""

import os

import factory_reset
import log
from hal.ticks import ticks_add
from host_tests.unit.rig import Rig
from host_tests.unit.scratch import Scratch, exists, read, remove_tree, write
from panel import Panel
from station.authorization import IdTagInfo


class Indicator:
    def __init__(self):
        self.shown = {}

    def show(self, number, indication):
        self.shown[number] = indication


class Buzzer:
    def __init__(self):
        self.heard = []

    def sound(self, name):
        self.heard.append(name)

    def take(self):
        heard, self.heard = self.heard, []
        return heard


class Key:
    def __init__(self):
        self.down = False

    def pressed(self):
        return self.down


class Storage:
    path = "/nowhere/at/all"


class Board:
    def __init__(self, bare=False):
        self.indicator = None if bare else Indicator()
        self.buzzer = None if bare else Buzzer()
        self.button = Key()
        self.start_button = Key()
        self.storage = Storage()


class Bench:
    """A station and its panel, stepped every 20 ms."""

    def __init__(self, bare=False, connectors=1, **options):
        self.rig = Rig(connectors=connectors, options=options)
        for supply in self.rig.supplies:
            supply.acknowledged = 0
            supply.acknowledge = self.counter(supply)
        self.station = self.rig.station
        self.board = Board(bare)
        self.panel = Panel(self.board, self.station, self.rig.supplies, self.present)
        self.run(100)
        if not bare:
            self.board.buzzer.take()

    @staticmethod
    def counter(supply):
        def acknowledge():
            supply.acknowledged += 1

        return acknowledge

    def present(self, tag):
        self.station.tag(tag, None, self.rig.now, button=True)

    def run(self, ms):
        """What was said to the CSMS."""
        for _ in range(ms // 20):
            self.rig.now = ticks_add(self.rig.now, 20)
            self.rig.clock.advance(self.rig.now)
            self.station.step(self.rig.now)
            self.panel.step(self.rig.now)
        return self.rig.wire.take()

    def press(self, key=None, ms=200):
        key = key or self.board.start_button
        key.down = True
        said = self.run(ms)
        key.down = False
        return said + self.run(1500)

    def heard(self):
        return self.board.buzzer.take()


def names(said):
    return [entry[0] for entry in said if entry[0] in ("Authorize", "Start", "Stop")]


# --- what is shown and heard ---


def test_statuses_and_faults_are_shown_as_they_change():
    bench = Bench(connectors=2)
    shown = bench.board.indicator.shown
    assert shown == {1: "available", 2: "available"}
    bench.rig.charge("GOOD", 2)
    bench.run(100)
    assert shown == {1: "available", 2: "charging"}
    bench.rig.supplies[0].report("RcdTrip", True)
    bench.run(100)
    assert shown == {1: "fault", 2: "charging"}
    bench.rig.supplies[0].report("RcdTrip", False)
    bench.rig.supplies[0].report("WeakSignal", True)  # no matter of the driver
    bench.run(100)
    assert shown[1] == "available"
    bench.rig.supplies[0].report("InvalidVehicleMode", True)  # OCPP shows no fault, and the car gets nothing
    bench.run(100)
    assert shown[1] == "fault"


def test_what_is_heard():
    bench = Bench()
    bench.rig.supply.plug(asking=True)
    bench.run(100)
    assert bench.heard() == []
    bench.station.tag("BAD", None, bench.rig.now)
    bench.run(100)
    assert bench.heard() == ["refused"]
    bench.station.tag("GOOD", None, bench.rig.now)
    bench.run(1000)
    assert bench.heard() == ["accepted"]
    bench.station.tag("GOOD", None, bench.rig.now)  # the same words again
    bench.run(1000)
    assert bench.heard() == ["accepted"]
    bench.rig.supply.unplug()
    bench.run(100)
    assert bench.heard() == ["unplugged"]
    bench.rig.supply.report("RcdTrip", True)
    bench.run(5000)
    assert bench.heard() == ["fault"]


def test_a_fault_that_comes_and_goes_sounds_once_a_minute():
    bench = Bench()
    for _ in range(60):
        for present in (True, False):
            bench.rig.supply.report("PilotFault", present)
            bench.run(1000)
    assert bench.heard() == ["fault"] * 2


def test_a_fault_that_stays_sounds_once():
    bench = Bench()
    bench.rig.supply.report("PilotFault", True)
    bench.run(180000)
    assert bench.heard() == ["fault"]


def test_a_quiet_station_is_quiet():
    bench = Bench(sounds=False)
    bench.rig.supply.plug(asking=True)
    bench.run(100)
    bench.station.tag("GOOD", None, bench.rig.now)
    bench.rig.supply.report("RcdTrip", True)
    bench.run(1000)
    bench.rig.supply.unplug()
    bench.press(bench.board.button, 12000)
    assert bench.heard() == [] and bench.board.indicator.shown[1] == "fault"


def test_a_board_without_lamp_and_buzzer():
    bench = Bench(bare=True, start_tag="GOOD")
    bench.rig.supply.plug(asking=True)
    bench.run(100)
    assert names(bench.press()) == ["Authorize", "Start"]
    bench.press(bench.board.button, 12000)
    assert bench.station.connectors[0].transaction is not None
    bench.board.button = bench.board.start_button = None
    bench.panel = Panel(bench.board, bench.station, bench.rig.supplies, bench.present)
    bench.run(1000)


# --- the start button ---


def plugged(**options):
    bench = Bench(**options)
    bench.rig.supply.plug(asking=True)
    bench.run(100)
    return bench


def test_a_press_starts_and_a_press_stops():
    bench = plugged(start_tag="GOOD")
    for _ in range(2):
        assert names(bench.press()) == ["Authorize", "Start"]
        assert bench.heard() == ["accepted"]
        assert bench.station.connectors[0].transaction.id_tag == "GOOD"
        assert ("Stop", 1, "Local", "GOOD", 1000) in bench.press()
        assert bench.station.connectors[0].transaction is None
        bench.rig.supply.unplug()
        bench.run(2000)
        bench.rig.supply.plug(asking=True)
        bench.run(100)
        bench.heard()


def test_without_a_tag_it_is_refused():
    for options in ({}, {"start_tag": ""}):
        bench = plugged(**options)
        assert names(bench.press()) == [] and bench.heard() == ["refused"]


def test_a_tag_for_a_button_that_is_not_there_is_told():
    told = "panel: options.start_tag: the board has no start button"
    for tag, lines in (("GOOD", 1), ("", 0)):
        bench = Bench(start_tag=tag)
        log.warning("test", "from here on")
        bench.panel = Panel(bench.board, bench.station, bench.rig.supplies, bench.present)
        assert "from here on" in log.lines()[-1]
        bench.board.start_button = None
        bench.panel = Panel(bench.board, bench.station, bench.rig.supplies, bench.present)
        assert (told in log.lines()[-1]) == lines
        bench.run(1000)


def test_a_tag_that_the_csms_refuses_starts_nothing():
    bench = plugged(start_tag="BAD")
    assert names(bench.press()) == ["Authorize"] and bench.heard() == ["refused"]


def test_another_drivers_transaction_is_left_alone():
    """Also one of the same parent, who might stop it with his card: anybody may press."""
    bench = plugged(start_tag="GOOD")
    for parent in (None, "FAMILY"):
        for tag in ("GOOD", "OTHER"):
            bench.rig.wire.tags[tag] = IdTagInfo("Accepted", None, parent)
        bench.station.tag("OTHER", None, bench.rig.now)
        bench.run(500)
        connector = bench.station.connectors[0]
        transaction = connector.transaction
        assert transaction.id_tag == "OTHER"
        bench.heard()
        assert names(bench.press()) == [] and bench.heard() == ["refused"]
        assert connector.transaction is transaction and not connector.ending
        bench.station.tag("OTHER", None, bench.rig.now)
        bench.run(1000)
        bench.heard()
    # With the card it would stop.
    bench.station.tag("OTHER", None, bench.rig.now)
    bench.run(500)
    bench.station.tag("GOOD", None, bench.rig.now)
    assert "Stop" in names(bench.run(1000))


def test_one_that_began_while_the_button_was_authorized_is_left_alone():
    bench = Bench(start_tag="GOOD", connectors=2)
    for tag in ("GOOD", "OTHER"):
        bench.rig.wire.tags[tag] = IdTagInfo("Accepted", None, "FAMILY")
    bench.rig.charge("OTHER", 1)
    bench.rig.supplies[1].plug(asking=True)
    bench.run(100)
    bench.rig.wire.waiting = []
    bench.press()
    bench.rig.supplies[1].report("PilotFault", True)  # the connector that was meant is gone
    bench.run(100)
    for answer in bench.rig.wire.waiting:
        answer()
    assert "Stop" not in names(bench.run(1000))
    assert bench.station.connectors[0].transaction.id_tag == "OTHER"


def test_who_waits_for_the_cable_gives_up_with_a_press():
    bench = Bench(start_tag="GOOD")
    bench.press()
    assert bench.station.connectors[0].grant is not None
    bench.press()
    assert bench.station.connectors[0].grant is None


# --- the service button ---


def test_three_seconds_acknowledge_and_never_start():
    bench = plugged(start_tag="GOOD")
    assert names(bench.press(bench.board.button, 4000)) == []
    assert bench.rig.supply.acknowledged == 1 and bench.station.closing is None
    assert bench.board.indicator.shown.get(0, "off") == "off" and bench.heard() == []


def test_who_lets_go_after_seven_seconds_has_thought_better_of_it():
    bench = Bench()
    key = bench.board.button
    key.down = True
    bench.run(7500)
    assert bench.board.indicator.shown[0] == "starting" and bench.heard() == ["warning"] * 3
    key.down = False
    bench.run(200)
    assert bench.board.indicator.shown[0] == "off" and bench.heard() == ["refused"]
    assert bench.station.closing is None


def test_a_button_that_is_let_go_too_soon_or_stuck_orders_nothing():
    for ms in (7500, 30000):
        with Scratch() as path:
            bench = Bench()
            bench.board.storage.path = path
            bench.press(bench.board.button, ms)
            assert os.listdir(path) == [] and bench.station.closing is None
            assert bench.heard()[-1] == "refused" and bench.board.indicator.shown[0] == "off"


def test_a_factory_reset_restarts_the_controller():
    with Scratch() as path:
        bench = Bench()
        bench.board.storage.path = path
        key = bench.board.button
        key.down = True
        bench.run(10500)
        assert bench.board.indicator.shown[0] == "reset" and bench.heard()[-1] == "reset"
        assert not exists(path + "/factory_reset") and bench.station.closing is None
        key.down = False
        bench.run(200)
        assert exists(path + "/factory_reset") and bench.station.closing == "Reboot"
        assert (
            bench.heard() == [] and bench.board.indicator.shown[0] == "reset"
        )  # until the controller restarts
        assert bench.station.closed(True)
        bench.press(key, 12000)  # again, while it restarts


def test_no_factory_reset_while_anybody_charges():
    with Scratch() as path:
        bench = Bench(connectors=2)
        bench.board.storage.path = path
        bench.rig.charge("GOOD", 2)
        bench.press(bench.board.button, 12000)
        assert os.listdir(path) == [] and bench.station.closing is None
        assert bench.heard()[-1] == "refused" and bench.board.indicator.shown[0] == "off"
        # Nor while the supply fails: nothing but records may be written then.
        bench = Bench()
        bench.board.storage.path = path
        bench.board.button.down = True
        bench.run(12000)
        bench.station.watch_power(True, bench.rig.now)
        bench.board.button.down = False
        bench.run(200)
        assert os.listdir(path) == [] and bench.station.closing is None


def test_a_flash_that_cannot_be_written_is_told():
    bench = Bench()  # its storage is nowhere
    bench.press(bench.board.button, 12000)
    assert bench.station.closing is None and bench.heard()[-1] == "refused"


# --- the factory reset itself ---

GOES = (
    "settings", "settings.bad", "reservations", "cache/bucket_3", "local_list/head", "local_list/entries_1",
    "local_list/entries.bad", "local_list/update", "profiles/profile_1", "profiles/profile_2.bad",
)  # fmt: skip
STAYS = (
    "installation.json", "boots", "clock", "energy", "meters", "events", "availability", "faults",
    "transaction1", "outbox/head", "outbox/0000002a.seg", "outbox/reserve", "crash.txt", "boot.py",
    "cache_of_another",
)  # fmt: skip


def filled(path):
    for name in GOES + STAYS:
        if "/" in name:
            try:
                os.mkdir(path + "/" + name[: name.find("/")])
            except OSError:
                pass
        write(path + "/" + name, name.encode())


def test_what_goes_and_what_stays():
    with Scratch() as path:
        filled(path)
        factory_reset.order(path)
        factory_reset.carry_out(path)
        assert [name for name in GOES if exists(path + "/" + name)] == []
        assert [name for name in STAYS if read(path + "/" + name) != name.encode()] == []
        assert not exists(path + factory_reset.MARK)


class Cut(BaseException):
    pass


def test_a_power_cut_at_each_of_its_files_goes_on_at_the_next_start():
    real = factory_reset._remove
    for cut_at in range(len(GOES) + 6):
        with Scratch() as path:
            filled(path)
            factory_reset.order(path)
            left = [cut_at]

            def remove(path, left=left):
                if not left[0]:
                    raise Cut
                left[0] -= 1
                real(path)

            factory_reset._remove = remove
            try:
                factory_reset.carry_out(path)
            except Cut:
                assert exists(path + factory_reset.MARK), cut_at
            finally:
                factory_reset._remove = real
            if exists(path + factory_reset.MARK):
                factory_reset.carry_out(path)
            assert [name for name in GOES if exists(path + "/" + name)] == [], cut_at
            assert [name for name in STAYS if read(path + "/" + name) != name.encode()] == []


def test_a_mark_that_a_power_cut_has_left_empty_counts_and_none_does_not():
    with Scratch() as path:
        filled(path)
        write(path + factory_reset.MARK, b"")
        factory_reset.carry_out(path)
        assert not exists(path + "/settings")
    with Scratch() as path:
        factory_reset.order(path)
        factory_reset.carry_out(path)  # there is nothing
        assert os.listdir(path) == []


def test_what_cannot_be_removed_keeps_nobody_from_starting():
    with Scratch() as path:
        filled(path)
        os.remove(path + "/settings")
        os.mkdir(path + "/settings")
        write(path + "/settings/x", b"")
        factory_reset.order(path)
        factory_reset.carry_out(path)
        assert not exists(path + "/reservations") and not exists(path + factory_reset.MARK)
        remove_tree(path + "/settings")
