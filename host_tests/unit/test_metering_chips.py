# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""hal.meter.ade7953, atm90e32 and chip: what flows is counted once, what cannot be is not counted."""

from hal.meter import ade7953, atm90e32, chip
from host_tests.unit.event_loop import run
from host_tests.unit.metering_chips import Ade, Atm

ADE = {"counts_per_v": 26000, "counts_per_a": 100000, "counts_per_w": 154, "counts_per_kwh": 25240000}
ATM = {"phases": 3, "hz": 50, "voltage_gain": 7305, "current_gain": 27961, "counts_per_kwh": 320000}
START = (1 << 30) - 5000  # the ticks wrap within the first seconds


class Desk:
    """A meter, a clock that only its waits and the test move, and what the log says."""

    def __init__(self, model, driver, data, phases):
        self.now = START
        self.model = model
        self.lines = []
        self.meter = chip.ChipMeter(driver, data["counts_per_kwh"], phases)

    async def sleep(self, seconds):
        self.now += int(seconds * 1000 + 0.5)

    def error(self, _, text, *args):
        self.lines.append(text % args)

    warning = error

    def read(self, after_ms=1000):
        self.now += after_ms
        before = chip.ticks_ms, chip.log, ade7953.asyncio, atm90e32.asyncio
        chip.ticks_ms, chip.log = (lambda: self.now & 0x3FFFFFFF), self
        ade7953.asyncio = atm90e32.asyncio = self
        try:
            return run(self.meter.read())
        finally:
            chip.ticks_ms, chip.log, ade7953.asyncio, atm90e32.asyncio = before


def ade(spi=False, **more):
    model = Ade()
    port = ade7953.Spi(model, model.select) if spi else ade7953.I2c(model)
    data = dict(ADE)
    data.update(more)
    return Desk(model, ade7953.Ade7953(port, data), data, 1)


def atm(phases=3, hz=50):
    model = Atm()
    data = dict(ATM, phases=phases, hz=hz)
    return Desk(model, atm90e32.Atm90e32(model, model.select, data), data, phases)


def each():
    """(desk, counts for a Wh)."""
    return ((ade(), 25240), (ade(True), 25240), (atm(), 320))


def started(desk):
    assert desk.read() is None  # sets up
    assert desk.read() is not None
    return desk


def test_a_reading_of_an_ade7953():
    for spi in (False, True):
        desk = started(ade(spi))
        desk.model.flow(25240)
        found = desk.read()
        assert found.energy_wh == 1 and found.power_w == 3680
        assert found.current_ma == (16000,) and found.voltage_mv == (230000,)
        assert found.frequency_mhz == 50000
        desk.model.registers[0x312] = -100 * 154 - 1
        desk.model.registers[0x10E] = 0xFFFF
        found = desk.read()
        assert found.power_w == -100 and found.frequency_mhz is None
        assert not desk.model.selected


def test_a_reading_of_an_atm90e32():
    desk = started(atm())
    desk.model.live(1, 231, 10, 2310)
    desk.model.live(2, 229, 0, -5)
    for phase in range(3):
        desk.model.flow(320, phase)
    found = desk.read()
    assert found.energy_wh == 3 and abs(found.power_w - 5985) <= 1
    assert found.current_ma == (16000, 10000, 0) and found.voltage_mv == (230000, 231000, 229000)
    assert found.frequency_mhz == 50000
    assert desk.model.registers[0x33] == 0x0087 and not desk.model.open
    assert desk.model.registers[0x65] == 7305 and desk.model.registers[0x6A] == 27961
    single = started(atm(1, 60))
    assert single.model.registers[0x33] == 0x1084 and single.read().current_ma == (16000,)
    assert single.model.registers[0x65] == 0x8000


def test_what_flows_is_counted_to_the_last_count():
    for desk, per_wh in each():
        started(desk)
        total = 0
        for count in range(1, 500):
            desk.model.flow(count)
            total += count
            assert desk.read(500).energy_wh == total // per_wh


def test_what_flows_while_it_is_set_up_is_not_counted():
    for desk, per_wh in each():

        async def sleep(seconds, desk=desk, per_wh=per_wh):
            desk.now += 100
            desk.model.flow(per_wh // 100)  # by other gains

        desk.sleep = sleep
        assert desk.read() is None
        del desk.sleep
        desk.model.flow(per_wh - 1)
        assert desk.read().energy_wh == 0


def test_gains_are_written_and_looked_at():
    desk = started(ade(current_gain=0x3F0000, voltage_pga=1))
    assert desk.model.registers[0x380] == 0x3F0000 and desk.model.registers[0x007] == 1
    desk.model.registers[0x380] = 0x3F0001
    found = [desk.read() for _ in range(10)]
    assert None in found and desk.model.registers[0x380] == 0x3F0000


def test_who_is_not_there_or_another_is_silent_and_may_come():
    for desk, _ in each():
        desk.model.absent = True
        assert [desk.read() for _ in range(5)] == [None] * 5
        assert desk.lines == ["the chip is silent, or is another one"]
        desk.model.absent = False
        started(desk)
        assert desk.lines[1:] == ["the chip answers"]
        desk.model.absent = True
        assert desk.read() is None
        desk.model.absent = False
        desk.model.power_up()
        assert desk.read() is None
        assert desk.read() is not None or desk.read() is not None
    desk = ade()
    desk.model.deaf = True  # a thermometer that sits at this address
    assert desk.read() is None and desk.read() is None and desk.model.registers[0x120] == 0
    desk = atm()
    desk.model.deaf = (0x62,)
    assert desk.read() is None and desk.read() is None
    desk.model.deaf = ()
    for stuck in (0, 0xFFFF, 0x55AA, 1):
        desk.model.stuck = stuck
        assert desk.read() is None and desk.read() is None


def test_a_chip_that_has_lost_its_supply_is_set_up_anew_and_counts_no_nonsense():
    for desk, per_wh in each():
        started(desk)
        desk.model.flow(10 * per_wh)
        assert desk.read().energy_wh == 10
        resets = desk.model.resets
        desk.model.power_up()
        desk.model.flow(3 * per_wh)  # by gains that are not ours
        assert desk.read() is None
        desk.model.flow(2 * per_wh)
        assert desk.read() is None  # set up
        assert desk.model.resets == resets + 1
        desk.model.flow(per_wh)
        found = desk.read()
        assert found is not None and found.energy_wh == 11


def test_a_bus_that_fails_now_and_then_loses_nothing():
    """It has not lost its settings: what it has counted waits there."""
    desk = started(ade())
    found = []
    for count in range(1, 31):
        desk.model.flow(25240)
        desk.model.absent = count % 3 != 0
        found.append(desk.read())
    assert [one and one.energy_wh for one in found] == [
        count if count % 3 == 0 else None for count in range(1, 31)
    ]
    assert desk.model.resets == 1
    # One that stays away for long enough to begin anew is another matter.
    desk.model.flow(25240)
    desk.model.absent = True
    assert desk.read(70000) is None
    desk.model.absent = False
    assert desk.read().energy_wh == 30 and "not counted" in desk.lines[-2]


def test_each_setting_is_looked_at_in_its_turn():
    for register in (0x33, 0x34, 0x35, 0x61, 0x6A):
        desk = started(atm())
        desk.model.registers[register] ^= 1
        found = [desk.read() for _ in range(20)]
        assert found.count(None) == 2 and desk.model.resets == 2, register


def test_what_cannot_have_flowed_is_not_counted():
    for desk, per_wh in each():
        started(desk)
        desk.model.flow(100 * per_wh)  # in a second
        assert desk.read().energy_wh == 0
        desk.model.flow(per_wh)
        assert desk.read().energy_wh == 1
    desk = started(ade())
    desk.model.flow(-25240)
    assert desk.read().energy_wh == 0
    desk.model.flow(25240)
    assert desk.read().energy_wh == 1


def test_energy_of_too_long_ago_is_not_counted():
    for desk, per_wh in each():
        started(desk)
        desk.model.flow(50 * per_wh)
        assert desk.read(50000).energy_wh == 50
        desk.model.flow(50 * per_wh)
        assert desk.read(70000).energy_wh == 50
        assert "70 s" in desk.lines[-1]


def test_of_a_damaged_transfer_no_more_is_counted_than_has_flowed():
    def flipped(which, bits):
        def spoil(register, data):
            if register != which:
                return data
            if isinstance(data, int):
                return data ^ bits
            return (int.from_bytes(data, "big") ^ bits).to_bytes(len(data), "big")

        return spoil

    for desk, per_wh in each():
        started(desk)
        kind = isinstance(desk.model, Ade)
        before = desk.read().energy_wh
        for register in (0x31E, 0x3FF) if kind else (0x81, 0x78):
            for bits in (1, 0x100, 0x1000, 0x8000):
                desk.model.spoil = flipped(register, bits)
                desk.model.flow(per_wh)
                found = desk.read()
                desk.model.spoil = lambda register, data: data
                assert found.energy_wh <= before + 1
                before = desk.read().energy_wh
        assert before <= 8


def test_values_that_no_mains_has_are_no_reading():
    for register, value in ((0x31C, 600 * 26000), (0x31A, 300 * 100000), (0x312, 90000 * 154)):
        desk = started(ade())
        kept = desk.model.registers[register]
        desk.model.registers[register] = value
        desk.model.flow(25240)
        assert desk.read() is None
        desk.model.registers[register] = kept
        assert desk.read().energy_wh == 1  # it has waited in the chip
    desk = started(atm())
    desk.model.registers[0xD9] = 60000
    assert desk.read() is None


def test_a_board_with_wrong_counts_for_a_kwh_is_told_in_the_log():
    for factor, said in ((1, False), (10, True)):
        desk = started(ade(counts_per_kwh=25240000 * factor))
        for _ in range(300):
            desk.model.flow(3680 * 25240 // 3600)
            desk.read()
        assert any("calibrate" in line for line in desk.lines) == said, desk.lines


def test_a_restart_counts_nothing_of_before():
    for desk, per_wh in each():
        started(desk)
        desk.model.flow(40 * per_wh)
        state = desk.meter.tally.state()
        again = ade() if isinstance(desk.model, Ade) else atm()
        # The same chip, a controller that has started anew.
        again.meter._chip = desk.meter._chip
        again.model = desk.model
        assert again.meter.tally.restore(state)
        started(again)
        assert again.read().energy_wh == 0
