# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The strict fakes refuse what the chip would refuse: each test is wrong code that has to fail."""

import pytest

from host_tests.fakes import stubs
from host_tests.fakes.chip import Chip
from host_tests.fakes.clocks import Reset, WatchdogBite
from host_tests.fakes.strict import FakeExceedsStub, NotFaked, strict_class


@pytest.fixture(params=stubs.CHIPS)
def any_chip(request):
    return Chip(request.param)


def fails(chip, wrong, kind=TypeError):
    """`wrong(machine)` raises, and what was a broken signature is remembered."""
    machine = chip.modules()["machine"]
    with pytest.raises(kind) as caught:
        wrong(machine)
    assert kind is not TypeError or chip.violations == [caught.value]


@pytest.mark.parametrize(
    "wrong",
    [
        lambda machine: machine.Pin(),
        lambda machine: machine.Pin(4, mod=1),
        lambda machine: machine.Pin(4, machine.Pin.OUT, None, 1),
        lambda machine: machine.Pin(4).value(1, 2),
        lambda machine: machine.Pin(4).value(x=1),
        lambda machine: machine.PWM(4, frequency=1000),
        lambda machine: machine.PWM(4, 1000),
        lambda machine: machine.PWM(4, freq=1000).duty_u16(1, 2),
        lambda machine: machine.WDT(8000),
        lambda machine: machine.UART(1, baud=9600),
        lambda machine: machine.UART(1).read(1, 2),
        lambda machine: machine.SPI(1).write(),
        lambda machine: machine.I2C(0).scan(1),
        lambda machine: machine.Timer(-1, 20),
        lambda machine: machine.reset(1),
        lambda machine: machine.unique_id(8),
    ],
)
def test_wrong_signatures(any_chip, wrong):
    fails(any_chip, wrong)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda machine: machine.Pin.PULL_HOLD,  # of the documentation only
        lambda machine: machine.Pin(4).read(),
        lambda machine: machine.PWM(4).duty_percent(10),
        lambda machine: machine.LED,
        lambda machine: setattr(machine.Pin(4), "name", "coil"),
        lambda machine: machine.WDT().stop(),
    ],
)
def test_unknown_attributes(any_chip, wrong):
    fails(any_chip, wrong, AttributeError)


def test_what_one_chip_has_and_the_other_not():
    fails(Chip("rp2"), lambda machine: machine.ADC(26).read_uv(), AttributeError)
    fails(Chip("rp2"), lambda machine: machine.HARD_RESET, AttributeError)
    fails(Chip("rp2"), lambda machine: machine.RTC().memory(b""), AttributeError)
    fails(Chip("esp32"), lambda machine: machine.Pin(4).toggle(), NotFaked)
    fails(Chip("esp32"), lambda machine: machine.Pin(4).high(), AttributeError)
    assert "esp32" not in Chip("rp2").modules() and "rp2" not in Chip("esp32").modules()


def test_what_nobody_has_taught_the_fakes_says_so(any_chip):
    fails(any_chip, lambda machine: machine.Signal, NotFaked)
    fails(any_chip, lambda machine: machine.lightsleep(5), NotFaked)
    fails(any_chip, lambda machine: machine.UART(1).sendbreak(), NotFaked)


def test_a_fake_cannot_do_more_than_the_chip():
    class Pin:
        def blink(self):
            pass

    class Colours:
        RED = 1

    stub = stubs.read("esp32", "machine").classes["Pin"]
    for behaviour in (Pin, Colours):
        with pytest.raises(FakeExceedsStub):
            strict_class(stub, behaviour, Chip("esp32"))


def test_swallowed_violations_come_out_in_the_end():
    chip = Chip("esp32")
    with pytest.raises(AssertionError, match="duty_u17"), chip.installed():
        try:
            chip.load("machine").PWM(4, duty_u17=3)
        except Exception:
            pass


def test_pins_of_the_esp32():
    for wrong in (
        lambda machine: machine.Pin(6),
        lambda machine: machine.Pin(20),
        lambda machine: machine.Pin(34, machine.Pin.OUT),
        lambda machine: machine.Pin(35, machine.Pin.IN, machine.Pin.PULL_UP),
        lambda machine: machine.PWM(36, freq=1000),
        lambda machine: machine.ADC(27, atten=3),
        lambda machine: machine.PWM(4, duty_u16=65536),
        lambda machine: machine.Timer(4),
        lambda machine: machine.Timer(-1),
        lambda machine: machine.Timer(0).init(period=20, callback=print, hard=True),
    ):
        fails(Chip("esp32"), wrong, ValueError)


def test_pins_of_the_rp2040():
    for wrong in (
        lambda machine: machine.Pin(30),
        lambda machine: machine.ADC(25),
        lambda machine: machine.Timer(0),
        lambda machine: machine.WDT(timeout=8389),
        lambda machine: machine.UART(2),
    ):
        fails(Chip("rp2"), wrong, ValueError)
    # Hard timers came with MicroPython 1.26, the image is built from 1.25.
    fails(Chip("rp2"), lambda machine: machine.Timer(-1, period=20, callback=print, hard=True))


def test_inputs_that_float_and_inputs_that_are_written(any_chip):
    machine = any_chip.modules()["machine"]
    pin = machine.Pin(4, machine.Pin.IN)
    with pytest.raises(AssertionError, match="floats"):
        pin.value()
    with pytest.raises(AssertionError, match="no output"):
        pin.value(1)
    assert machine.Pin(4, machine.Pin.IN, machine.Pin.PULL_UP)() == 1
    any_chip.external[4] = 0
    assert pin.value() == 0


def test_an_output_has_its_level_at_once(any_chip):
    machine = any_chip.modules()["machine"]
    machine.Pin(4, machine.Pin.OUT, value=1)
    assert any_chip.pins[4].writes == [1] and any_chip.output(4) == 1


def test_pwm_over_a_period(any_chip):
    machine = any_chip.modules()["machine"]
    pwm = machine.PWM(machine.Pin(4), freq=1000, duty_u16=16384)
    high = 0
    for _ in range(1000):
        high += any_chip.output(4)
        any_chip.advance(1)
    assert high == 250 and pwm.duty_u16() == 16384
    for duty_u16, share in ((0, 0), (65535, 1000)):
        pwm.duty_u16(duty_u16)
        assert sum(pwm._high(us) for us in range(1000)) == share


def test_converters():
    esp32, rp2 = Chip("esp32"), Chip("rp2")
    levels = [50, 150, 2450, 3300]
    esp32.analog[36] = rp2.analog[26] = lambda us: levels[0]
    adc = esp32.modules()["machine"].ADC(36, atten=3)
    counts = rp2.modules()["machine"].ADC(26)
    found = []
    while levels:
        found.append((adc.read_uv(), counts.read_u16() >> 4))
        levels.pop(0)
    assert found == [(0, 62), (150000, 186), (2450000, 3040), (3150000, 4095)]
    assert esp32.now_us == 4 * 60  # reading takes its time


def test_timers_fire_on_the_way_and_wait_in_a_stall(any_chip):
    any_chip.advance(100)
    machine = any_chip.modules()["machine"]
    fired = []
    machine.Timer(
        0 if any_chip.name == "esp32" else -1,
        mode=machine.Timer.PERIODIC,
        period=20,
        callback=lambda timer: fired.append(any_chip.now_us),
    )
    any_chip.advance(65000)
    assert fired == [20100, 40100, 60100]
    any_chip.stall(100000)
    assert fired[3:] == [165100] * 5  # all together when it is over
    any_chip.stall(1000000)
    assert len(fired) == 16 and any_chip.lost_callbacks == 42


def test_watchdog_and_reset(any_chip):
    machine = any_chip.modules()["machine"]
    watchdog = machine.WDT(timeout=5000)
    any_chip.advance(4999000)
    watchdog.feed()
    any_chip.advance(4999000)
    with pytest.raises(WatchdogBite):
        any_chip.advance(2000)
    with pytest.raises(Reset):
        machine.reset()
    assert machine.reset_cause() == machine.PWRON_RESET


def test_buses_and_their_peers(any_chip):
    machine = any_chip.modules()["machine"]
    any_chip.peers["uart", 1] = lambda data: data[::-1]
    uart = machine.UART(1, 9600, tx=machine.Pin(4), rx=machine.Pin(5), rxbuf=4, timeout=0)
    assert uart.write(b"abc") == 3 and uart.any() == 3 and uart.read(2) == b"cb"
    buffer = bytearray(2)
    assert uart.readinto(buffer) == 1 and buffer == b"a\0" and uart.read() is None
    uart.write(b"123456")
    assert uart.read() == b"6543"  # the buffer was full
    any_chip.peers["spi", 1] = lambda data: bytes(value ^ 0xFF for value in data)
    spi = machine.SPI(1, 4000000)
    spi.write_readinto(b"\x01\x02", buffer)
    assert buffer == b"\xfe\xfd" and spi.read(1, 0x0F) == b"\xf0"
    any_chip.peers["i2c", 0] = {0x48: bytearray(4)}
    i2c = machine.I2C(0, scl=machine.Pin(17), sda=machine.Pin(16))
    i2c.writeto_mem(0x48, 1, b"\x19\x80")
    assert i2c.scan() == [0x48] and i2c.readfrom_mem(0x48, 1, 2) == b"\x19\x80"
    with pytest.raises(OSError):
        i2c.readfrom_mem(0x49, 0, 1)


@pytest.mark.parametrize(
    ("chip", "bus", "pins"),
    [
        ("rp2", "UART(0)", (0, 1)),
        ("rp2", "UART(1, 9600, flow=UART.RTS)", (4, 5, 7)),
        ("rp2", "UART(1, tx=24, flow=3)", (24, 5, 6, 7)),
        ("rp2", "SPI(0)", (16, 18, 19)),
        ("rp2", "SPI(1, sck=14, mosi=15)", (14, 15, 8)),
        ("rp2", "I2C(0)", (4, 5)),
        ("esp32", "UART(0)", ()),
        ("esp32", "UART(2, rx=32)", (17, 32)),
        ("esp32", "SPI(2)", (18, 19, 23)),
        ("esp32", "I2C(1)", (25, 26)),
    ],
)
def test_a_bus_takes_its_default_pins_where_it_is_given_none(chip, bus, pins):
    chip = Chip(chip)
    eval(bus, vars(chip.modules()["machine"]))
    assert sorted(chip.pins) == sorted(pins)


def test_a_pin_that_somebody_has_is_not_taken_silently():
    for hold in (
        lambda machine, rp2: machine.Pin(4, machine.Pin.OUT, value=0),
        lambda machine, rp2: machine.Pin(4, machine.Pin.IN),
        lambda machine, rp2: machine.PWM(machine.Pin(4), freq=1000),
        lambda machine, rp2: rp2.StateMachine(0, print, set_base=machine.Pin(4)),
        lambda machine, rp2: machine.I2C(0),
    ):
        chip = Chip("rp2")
        modules = chip.modules()
        hold(modules["machine"], modules["rp2"])
        with pytest.raises(AssertionError, match=r"GPIO4 of .* is taken by UART1 tx"):
            modules["machine"].UART(1)
        assert chip.violations  # whoever swallows it
        assert chip.output(5) != 1 and modules["machine"].UART(1, tx=24, rx=25) and chip.output(24) == 1


def test_time_of_both_epochs():
    for name, first in (("esp32", 2000), ("rp2", 1970)):
        chip = Chip(name)
        time = chip.modules()["time"]
        assert time.gmtime(0)[0] == first and len(time.gmtime(0)) == 8
        chip.modules()["machine"].RTC().datetime((2026, 11, 20, 4, 10, 30, 0, 250000))
        assert time.gmtime()[:6] == (2026, 11, 20, 10, 30, 0)
        chip.advance(1750000)
        assert time.time_ns() // 1000000 % 10000 == 2000
        # MicroPython 1.25 takes 32 bits.
        assert time.gmtime((1 << 31) - 1)[1:3] == (1, 19)
        for seconds in (1 << 31, -(1 << 31) - 1):
            with pytest.raises(OverflowError):
                time.gmtime(seconds)
    assert time.ticks_diff(5, (1 << 30) - 5) == 10 and time.ticks_add((1 << 30) - 1, 1) == 0


def test_nvs_keeps_what_was_committed():
    chip = Chip("esp32")
    nvs = chip.modules()["esp32"].NVS("pilotlight")
    with pytest.raises(OSError):
        nvs.get_i32("cp_plus")
    nvs.set_i32("cp_plus", 21960)
    assert nvs.get_i32("cp_plus") == 21960
    with pytest.raises(OSError):
        chip.modules()["esp32"].NVS("pilotlight").get_i32("cp_plus")
    nvs.commit()
    nvs.set_blob("key", b"\1\2")
    buffer = bytearray(4)
    assert nvs.get_blob("key", buffer) == 2 and buffer == b"\1\2\0\0"
    nvs.erase_key("key")
    assert chip.nvs == {"pilotlight": {"cp_plus": 21960}}


def test_partitions():
    chip = Chip("esp32")
    chip.flash["vfs"] = bytearray(b"\xff" * 8192)
    partition = chip.modules()["esp32"].Partition
    (found,) = partition.find(partition.TYPE_DATA, label="vfs")
    assert partition.find(label="other") == []
    found.writeblocks(1, b"abc", 100)
    buffer = bytearray(3)
    found.readblocks(1, buffer, 100)
    assert buffer == b"abc" and found.ioctl(4, 0) == 2 and found.info()[3:5] == (8192, "vfs")
    found.ioctl(6, 1)
    assert chip.flash["vfs"] == b"\xff" * 8192


def test_links_of_the_esp32():
    chip = Chip("esp32")
    network = chip.modules()["network"]
    lan = network.LAN(0, phy_type=network.PHY_LAN8720)
    lan.active(True)
    assert not lan.isconnected()
    chip.wire.cable = True
    assert lan.isconnected() and lan.status() == network.ETH_GOT_IP
    ppp = network.PPP(None)
    ppp.connect(network.PPP.SEC_PAP, "user", "key")
    assert not ppp.isconnected()
    chip.peers["ppp"] = True
    assert ppp.isconnected()
    with pytest.raises(TypeError):
        network.WLAN(network.STA_IF).connect(ssid="home")


def test_parts_of_the_rp2040():
    chip = Chip("rp2")
    rp2 = chip.modules()["rp2"]
    machine = rp2.StateMachine(0, rp2.asm_pio(set_init=rp2.PIO.OUT_LOW)(print), freq=2000, set_base=None)
    machine.active(1)
    machine.exec("nop()")
    assert machine.active() is True
    with pytest.raises(TypeError):
        rp2.StateMachine(0, frequency=2000, program=None, id=1)
    with pytest.raises(ValueError):
        rp2.StateMachine(8, None)
    dma = rp2.DMA()
    dma.config(read=0, write=0, count=1, ctrl=dma.pack_ctrl(inc_read=False), trigger=True)
    assert dma.active()
    with pytest.raises(TypeError):
        dma.config(source=0)
    flash = rp2.Flash()
    flash.writeblocks(3, b"\0")
    buffer = bytearray(2)
    flash.readblocks(3, buffer, 0)
    assert buffer == b"\0\xff" and flash.ioctl(4, 0) == 256
