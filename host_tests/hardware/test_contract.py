# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Every implementation of `hal.contract` has the contract's methods, with the same parameters, and its
attributes."""

import pytest

from hal.parts.wired import Button
from hal.sim.board import SimBoard
from host_tests.fakes import contract
from host_tests.fakes.contract import KINDS, Strict, fake, implementations, part_problems

# What is the same on every controller.
SHARED = {
    "parts": {
        "PilotSwitch",
        "Contactor",
        "PhaseSwitch",
        "Lock",
        "Proximity",
        "Rcd",
        "Temperature",
        "Indicator",
        "Buzzer",
        "Button",
        "Link",
    },
    "meter": {"Meter"},
    "temperature": {"Temperature"},
    "rfid": {"TagReader"},
}
CHIPS = ("esp32", "rp2")
PACKAGES = ("rp2", "esp32", *SHARED)
# Under which name a board or a connector has a part, where it is not the class's own.
NAMES = {
    "TagReader": "tag_reader",
    "PilotSwitch": "pilot_switch",
    "PhaseSwitch": "phase_switch",
    "RealTimeClock": "clock",
}
FOUND = [one for package in PACKAGES for one in implementations(package)]


@pytest.mark.parametrize("implementation", FOUND, ids=str)
def test_as_the_contract_says(implementation):
    assert implementation.problems() == []


@pytest.mark.parametrize("package", sorted(SHARED))
def test_the_shared_parts_are_there(package):
    assert {one.kind for one in implementations(package)} == SHARED[package]


@pytest.mark.parametrize("package", CHIPS)
def test_every_part_is_there(package):
    there = {one.kind for one in implementations(package)}
    assert there.union(*SHARED.values()) == set(KINDS)


def test_the_measure_finds_differences(tmp_path, monkeypatch):
    source = '''
class Wrong:
    """A `hal.contract.Pilot`."""

    def __init__(self):
        self.high_mv = self.sample_ms = None

    def set_duty(self, duty):
        pass

    async def sample(self):
        pass
'''
    monkeypatch.setattr(contract, "ROOT", tmp_path)
    (tmp_path / "hal" / "wrong").mkdir(parents=True)
    (tmp_path / "hal" / "wrong" / "pilot.py").write_text(source)
    (wrong,) = implementations("wrong")
    assert sorted(wrong.problems()) == [
        "no attribute low_mv",
        "no method read",
        "sample: a coroutine here, none there",
        "set_duty(duty) instead of (duty_e4)",
    ]


def test_a_strict_part_offers_nothing_beside_the_contract():
    lock, held = fake("Lock", locked=False)
    lock.drive(True)
    assert lock.locked() is False and held.calls == [("drive", True), ("locked",)]
    for wrong in (
        lock.drive,
        lambda: lock.drive(lock=True, pulse_ms=300),
        lambda: lock.drive(locked=True),
        lambda: lock.tick,
        lambda: lock.bolt,
        lambda: setattr(lock, "bolt", True),
        lambda: fake("Lock", bolt=True),
        fake("Proximity")[0].resistance_ohm,
    ):
        with pytest.raises(AssertionError):
            wrong()


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_class_has_a_fake(kind):
    answers = dict.fromkeys((*contract.methods(kind), *contract.attributes(kind)), 0)
    part, held = fake(kind, **answers)
    for name, function in contract.methods(kind).items():
        count = len(contract.bound_signature(function).parameters)
        result = getattr(part, name)(*[0] * count)
        if hasattr(result, "close"):
            result.close()
        with pytest.raises(AssertionError):
            getattr(part, name)(*[0] * (count + 1))
        with pytest.raises(AssertionError):
            getattr(part, name)(*[0] * count, surplus=0)
        if count:
            with pytest.raises(AssertionError):
                getattr(part, name)(*[0] * (count - 1))
    with pytest.raises(AssertionError):
        part.nobody_has_this()
    for name in contract.attributes(kind):
        assert getattr(part, name) == 0
    assert all(len(call) >= 1 for call in held.calls)


def test_strict_covers_a_real_part():
    class Contact:
        def on(self):
            return True

    button = Strict("Button", Button(Contact()))
    assert button.pressed() is True
    with pytest.raises(AssertionError):
        button._contact  # noqa: B018


def test_the_simulated_board():
    board = SimBoard({"connectors": [{"cable": "socket", "lock": True}]}, None)
    connector = board.connectors[0]
    parts = [("Board", board), ("ConnectorHardware", connector)]
    for owner in (board, connector):
        for kind in KINDS:
            name = NAMES.get(kind, kind.lower())
            part = getattr(owner, name, None)
            if part is not None and not callable(part):
                parts.append((kind, part))
    found = {kind: part_problems(kind, part) for kind, part in parts}
    assert [(kind, problems) for kind, problems in found.items() if problems] == []
    # A simulated charger may have no lamp, button or second contactor, but not less than this.
    assert set(found) >= {"Pilot", "Contactor", "Lock", "Proximity", "Temperature", "Meter", "TagReader"}
    assert set(found) >= {"Link", "RealTimeClock", "Storage"}


def test_the_measure_of_objects_finds_differences():
    class Wrong:
        def drive(self, lock, now):
            pass

        async def locked(self):
            pass

    assert part_problems("Lock", Wrong()) == [
        "drive(lock, now) instead of (lock)",
        "locked: a coroutine here, none there",
    ]
    assert part_problems("Storage", Wrong()) == ["no method trouble", "no attribute path"]
