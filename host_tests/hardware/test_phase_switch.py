# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""A second contactor for L2 and L3, made from a board's data: the part on both chips, and a session of
esp32_devkit with the option of its README that changes its phases."""

import pytest

from boards.esp32_devkit.board import BOARD as ESP32
from boards.pico_lte.board import BOARD as PICO
from evse.supply import Supply
from hal import board_data
from hal.ticks import ticks_diff
from host_tests.fakes.chip import Chip
from host_tests.fakes.contract import part_problems
from host_tests.hardware import test_esp32_board as esp32
from host_tests.hardware import test_rp2_board as rp2
from station.description import Description
from toolchain import board_check

SECOND, SECOND_FEEDBACK = 16, 14
STEP_US = 20000


def switched(board, coil, feedback):
    """`board` with three phases, of which two can be left off."""
    connector = board["connectors"][0]
    connector = {
        **connector,
        "phase_switch": {"coil": coil, "feedback": feedback},
        "meter": {**connector["meter"], "kind": "sdm630"},
    }
    row = {**board["station"]["connectors"][0], "phases": 3, "phase_switch": True, "phase_wait_s": 10}
    return {
        **board,
        "connectors": (connector,),
        "station": {**board["station"], "connectors": [row]},
    }


# As boards/esp32_devkit/README.md has it.
OPTION = switched(ESP32, {"pin": SECOND, "active": 1}, {"pin": SECOND_FEEDBACK, "active": 1, "pull": "up"})
# A Pico has no pins left: a bare RP2040 has.
BARE = switched(PICO, {"pin": 23, "active": 1}, {"pin": 24, "active": 1, "pull": "up"})


def test_the_boards_can_be_built():
    assert board_check.problems(OPTION) == []
    assert board_data.problems(BARE) == []
    # The signal that GPIO14 puts out while the chip starts would move it.
    wrong = switched(ESP32, {"pin": 14, "active": 1}, {"pin": 16, "active": 1, "pull": "up"})
    assert board_check.problems(wrong) == [
        "connectors[0].phase_switch.coil: GPIO14 puts out a signal while the chip starts"
    ]


@pytest.mark.parametrize(
    ("package", "data", "coil", "feedback", "closed"),
    [(esp32, OPTION, 16, 14, 1), (rp2, BARE, 23, 24, 1)],
    ids=["esp32", "rp2"],
)
def test_the_part_is_as_the_contract_says(monkeypatch, package, data, coil, feedback, closed):
    rig = package.Rig(monkeypatch, data)
    rig.chip.external[feedback] = 1 - closed
    switch = rig.connector.phase_switch
    assert part_problems("PhaseSwitch", switch) == []
    assert set(rig.chip.pins[coil].writes) == {0} and switch.three() is False
    switch.drive(True)
    assert rig.chip.output(coil) == 1 and switch.three() is False
    rig.chip.external[feedback] = closed
    assert switch.three() is True
    # The main contactor opens, and takes its time: until it has, this one stays.
    rig.board.rest()
    assert rig.chip.output(coil) == 1
    switch.drive(False)
    assert rig.chip.output(coil) == 0 and switch.three() is True  # welded


def test_a_soft_reset_leaves_no_voltage_on_it(monkeypatch):
    chip = Chip("rp2")
    starting = rp2.starting_on(monkeypatch, chip)
    starting.let_go(BARE)
    assert chip.output(23) == 0 and chip.output(rp2.COIL) == 0


class Carrier(esp32.Rig):
    """The devkit on its carrier in a world: contactors that follow their coils within a step, a bolt that
    follows its motor, a monitor that trips with its test, a car on the cable."""

    def __init__(self, monkeypatch):
        super().__init__(monkeypatch, OPTION)
        self.chip.external[SECOND_FEEDBACK] = 0
        self.events = []
        self.stuck = False
        self.car = "A"
        self.connector.proximity.resistance_ohm = lambda: None if self.car == "A" else 220
        self.supply = Supply(
            self.connector, Description(OPTION["station"]).connectors[0], self.board.fault_signals
        )
        self.board.every_ms(20, self.tick)
        self.began = self.now()

    def tick(self):
        self.board.watchdog.feed()
        return self.supply.guard.tick(self.now())

    def now(self):
        return esp32.wired.ticks_ms()

    def world(self):
        chip = self.chip
        chip.external[esp32.FEEDBACK] = chip.output(esp32.COIL)
        if not self.stuck:
            chip.external[SECOND_FEEDBACK] = chip.output(SECOND)
        chip.external[esp32.TRIP] = chip.output(esp32.TEST)
        if chip.output(esp32.LOCK):
            chip.external[esp32.BOLT] = 0
        elif chip.output(esp32.UNLOCK):
            chip.external[esp32.BOLT] = 1
        offered = 0 < self.supply.duty_e4 < 10000
        if self.car != "A":
            self.car = "C" if offered else "B"
        self.line.state = "A" if chip.output(4) else self.car

    def run(self, seconds, until=None):
        for count in range(seconds * 50):
            self.world()
            self.chip.advance(STEP_US)
            supply = self.supply
            supply.step(self.now())
            shown = (
                supply.offered_da,
                self.chip.output(esp32.COIL),
                self.chip.output(SECOND),
                self.chip.output(4),
            )
            if not self.events or self.events[-1][1:] != shown:
                self.events.append((ticks_diff(self.now(), self.began), *shown))
            if until is not None and until():
                return count / 50
        return seconds


def test_a_session_changes_its_phases(monkeypatch):
    rig = Carrier(monkeypatch)
    supply = rig.supply
    assert supply.phases == 1
    rig.run(2)
    assert rig.chip.output(SECOND) == 1 and supply.phases == 3  # nothing says otherwise
    rig.car = "B"
    supply.permit(True)
    assert rig.run(12, lambda: supply.energised) < 12, (supply.faults, supply.state)
    rig.run(6)
    assert supply.offered_da == 320 and supply.faults == ()
    del rig.events[:-1]
    supply.limits.put("ocpp", 160, 1)
    rig.run(30)
    times = [event[0] for event in rig.events]
    assert [event[1:] for event in rig.events] == [
        # offer, main coil, second coil, pilot off the line
        (320, 1, 1, 0),
        (0, 1, 1, 0),
        (0, 0, 1, 0),
        (0, 0, 0, 1),
        (0, 0, 0, 0),
        (160, 0, 0, 0),
        (160, 1, 0, 0),
    ]
    assert times[3] - times[2] >= 100 and 10000 <= times[4] - times[3] <= 10100
    assert supply.phases == 1 and supply.energised and supply.faults == ()


def test_a_second_contactor_that_is_stuck(monkeypatch):
    rig = Carrier(monkeypatch)
    rig.stuck = True
    rig.chip.external[SECOND_FEEDBACK] = 0
    supply = rig.supply
    rig.run(2)
    rig.car = "B"
    supply.permit(True)
    rig.run(5)
    assert supply.faults == ("PhaseSwitchFailure",) and supply.offered_da == 0
    assert rig.chip.output(esp32.COIL) == 0
