# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""What who watches is told, and what `state` shows."""

import gc

import log
import view
from host_tests.unit.rig import Rig


class Watcher:
    def __init__(self, connectors=2):
        self.told = []
        self.events = view.Events(connectors)
        self.events.listener = self.told.append

    def take(self):
        told, self.told[:] = list(self.told), []
        return told


class Supply:
    def __init__(self, number):
        self.number = number
        self.pilot = "A"
        self.energised = False
        self.faults = ()
        self.offered_da = 0
        self.locked = False
        self.limit_name = "board"


class Wire:
    connected = True
    registration = "Accepted"
    depth = 3


def test_nobody_watches():
    events = view.Events(1)
    assert events.listener is None
    events.connection(True)
    events.status(1, "Available")
    events.supply(Supply(1))
    events.message("in", "[2]")


def test_connection_and_status():
    watcher = Watcher()
    watcher.events.connection(True)
    watcher.events.status(2, "Charging")
    assert watcher.take() == [
        {"event": "connection", "up": True},
        {"event": "status", "connector": 2, "status": "Charging"},
    ]


def test_of_a_supply_what_has_changed():
    watcher = Watcher()
    first, second = Supply(1), Supply(2)
    watcher.events.supply(first)
    watcher.events.supply(second)
    named = [(told["event"], told["connector"]) for told in watcher.take()]
    assert named == [(name, number) for number in (1, 2) for name in ("pilot", "contactor", "fault", "offer")]
    watcher.events.supply(second)
    assert watcher.take() == []
    second.pilot, second.energised = "C", True
    watcher.events.supply(first)
    watcher.events.supply(second)
    assert watcher.take() == [
        {"event": "pilot", "connector": 2, "pilot": "C"},
        {"event": "contactor", "connector": 2, "closed": True},
    ]
    second.faults, second.offered_da, second.limit_name = ("GroundFailure",), 160, "cable"
    watcher.events.supply(second)
    assert watcher.take() == [
        {"event": "fault", "connector": 2, "faults": ["GroundFailure"]},
        {"event": "offer", "connector": 2, "offered_da": 160, "by": "cable"},
    ]


def test_messages_are_shown_cut_with_their_length_and_without_secrets():
    watcher = Watcher()
    watcher.events.message("out", "[2]")
    watcher.events.message("out", "x" * 5000)
    secret = '[2,"7","ChangeConfiguration",{"key":"AuthorizationKey","value":"abc"}]'
    watcher.events.message("in", secret)
    watcher.events.message("in", "[2,", 100_000)
    watcher.events.message("in", "x" * 2000, 100_000)
    plain, long, hidden, head, long_head = watcher.take()
    assert head == {"event": "message", "direction": "in", "text": "[2,", "length": 100_000}
    assert (len(long_head["text"]), long_head["length"]) == (1024, 100_000)
    assert plain == {"event": "message", "direction": "out", "text": "[2]", "length": 3}
    assert (len(long["text"]), long["length"]) == (1024, 5000)
    assert "abc" not in hidden["text"] and hidden["direction"] == "in"


def test_an_event_without_memory_is_left_out():
    def full(event):
        raise MemoryError

    watcher = Watcher()
    watcher.events.listener = full
    watcher.events.status(1, "Available")
    assert "status is not shown" in log.lines()[-1], log.lines()


def test_heap_keeps_the_peak():
    heap = view.Heap()
    figures = heap.figures()
    if not hasattr(gc, "mem_alloc"):
        assert figures == {}
        return
    kept = bytearray(20000)
    heap.note_peak()
    del kept
    later = heap.figures()
    assert later["peak"] >= later["used"] + 20000 - 4096, (figures, later)
    assert 0 < later["largest_free"] <= later["free"]


def test_state_shows_the_local_list():
    class LocalList:
        version = 7
        size = 950

    rig = Rig()
    rig.station.local_list = LocalList
    assert view.state(rig.station, Wire, Wire, {})["local_list"] == {"version": 7, "size": 950}


def test_state_of_a_station():
    rig = Rig(connectors=2)
    state = view.state(rig.station, Wire, Wire, {"used": 1})
    assert state["connected"] and state["registration"] == "Accepted" and state["queue_depth"] == 3
    assert state["heap"] == {"used": 1}
    assert state["time"] == rig.clock.text(rig.clock.utc_ms)
    assert (state["faults"], state["last_tag"], state["local_list"]) == ([], None, None)
    first, second = state["connectors"]
    assert (first["connector"], second["connector"]) == (1, 2)
    assert first["status"] == "Available" and first["transaction"] is None and "energy_wh" not in first

    rig.charge()
    rig.step(1500)
    rig.station.connectors[0].metered(None)
    first, second = view.state(rig.station, Wire, Wire, {})["connectors"]
    assert first["status"] == "Charging" and first["contactor"] and first["plugged"]
    told = rig.clock.uptime_ms
    rig.tag("BAD")
    rig.step(1000)
    last = view.state(rig.station, Wire, Wire, {})["last_tag"]
    assert last == ["BAD", "refused", "CSMS: Invalid", told]
    assert first["transaction"]["idTag"] == "GOOD" and first["transaction"]["meter_start_wh"] == 1000
    assert first["transaction"]["transactionId"] is None
    assert second["transaction"] is None
