# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Parts on plain pins, the I2C bus, thermometers and the modem, made from a board's data (`hal.board_data`).
Only this module and `hal.parts.buses` know `machine` here."""

import machine

from hal.parts.lock import MotorLock
from hal.parts.pins import Input, Output
from hal.parts.wired import PilotSwitch, Rcd


def input_of(data: "dict | None") -> "Input | None":
    """None for None: a part that the board does not have."""
    if data is None:
        return None
    pin = machine.Pin
    pull = data.get("pull")
    if pull is None:
        made = pin(data["pin"], pin.IN)
    else:
        made = pin(data["pin"], pin.IN, pin.PULL_UP if pull == "up" else pin.PULL_DOWN)
    return Input(made, data["active"])


def output_of(data: "dict | None") -> "Output | None":
    """Off from the first instant on."""
    if data is None:
        return None
    return Output(machine.Pin(data["pin"], machine.Pin.OUT, value=1 - data["active"]), data["active"])


def pilot_switch_of(data: "dict | None") -> "PilotSwitch | None":
    return None if data is None else PilotSwitch(output_of(data))


def phase_switch_of(data: "dict | None"):
    if data is None:
        return None
    from hal.parts.phase_switch import PhaseSwitch  # few boards have one

    return PhaseSwitch(output_of(data["coil"]), input_of(data["feedback"]))


def lock_of(data: "dict | None") -> "MotorLock | None":
    if data is None:
        return None
    return MotorLock(
        output_of(data["lock"]), output_of(data["unlock"]), input_of(data["feedback"]), data["pulse_ms"]
    )


def rcd_of(data: "dict | None") -> "Rcd | None":
    if data is None:
        return None
    if "trip_ac" in data:
        from hal.parts.monitor import Monitor  # few boards have one

        others = [input_of(data[key]) for key in ("trip_ac", "error") if key in data]
        return Monitor(input_of(data["trip"]), output_of(data["test"]), others)
    return Rcd(input_of(data["trip"]), output_of(data.get("test")))


def indicator_of(data: "dict | None", connectors: int, pixels):
    """`pixels(pin)`: how the chip tells WS2812 LEDs, as `send` and `soon` of `hal.parts.ws2812.Ws2812`."""
    if data is None:
        return None
    if data["kind"] == "ws2812":
        from hal.parts.ws2812 import BRIGHTNESS, Ws2812

        send, soon = pixels(data["pin"])
        return Ws2812(send, data["count"], connectors, data.get("brightness", BRIGHTNESS), soon)
    if data["kind"] == "leds":
        from hal.parts.leds import Leds

        return Leds(output_of(data["red"]), output_of(data["green"]), output_of(data.get("blue")))
    from hal.parts.lamp import Lamp

    return Lamp(output_of(data))


def buzzer_of(data: "dict | None"):
    if data is None:
        return None
    from hal.parts.buzzer import Buzzer, Tone

    if data["kind"] == "active":
        return Buzzer(output_of(data))
    return Buzzer(Tone(machine.PWM(machine.Pin(data["pin"]), freq=data["hz"], duty_u16=0)))


def i2c_of(data: "dict | None"):
    """The wires that all parts on I2C share, a `machine.I2C`; made once for a board. None where there are
    none."""
    if data is None:
        return None
    from hal.parts import buses

    return buses.i2c(data)


def temperature_of(data: "dict | None", read, full: int, i2c):
    """A `hal.contract.Temperature`; None for None. `read()`: an analog sensor's voltage, `full` the supply's,
    in the same unit; `i2c`: a machine.I2C or None."""
    if data is None:
        return None
    kind = data["kind"]
    if kind == "ntc":
        from hal.parts.analog import Thermistor
        from hal.parts.ntc import table

        return Thermistor(read, full, data["upper_ohm"], table(data["r25_ohm"], data["beta"]))
    if kind == "mcp9700a":
        from hal.parts.linear import LinearSensor

        return LinearSensor(read, full, 3300)
    from hal.temperature.polled import Polled

    if kind == "ds18b20":
        import _onewire

        from hal.temperature.ds18b20 import Ds18b20

        return Polled(Ds18b20(_onewire, machine.Pin(data["data"], machine.Pin.OPEN_DRAIN, value=1)))
    from hal.temperature.i2c_thermometer import I2cThermometer

    return Polled(I2cThermometer(i2c, kind, data["address"]))


def modem_of(links: tuple) -> "Modem | None":
    """Of a board's links the modem; None where there is none."""
    for data in links:
        if data["kind"] == "modem":
            return Modem(data)
    return None


# Not in a module of its own: that would cost the board which is short of RAM, pico_lte, which has a modem.
class Modem:
    """The hardware of a cellular modem (`net.lte`): uart, supply(on), key(pressed), None where there is none;
    and what the board's data say of it:

    baud     of its UART after a start
    flow     RTS and CTS are wired
    key_ms   how long its key is pressed to switch it on, None: the board does not say
    """

    def __init__(self, data):
        uart = machine.UART
        self.baud = data["baud"]
        self.flow = "rts" in data
        self.key_ms = data.get("key_ms")
        # timeout 0: with any other, PPP waits for that long at the end of every frame. The buffers hold what
        # comes while the interpreter is in a TLS handshake; RTS stops the modem when they are full.
        common = {"timeout": 0, "timeout_char": 0, "rxbuf": 4096, "txbuf": 4096, "flow": 0}
        if self.flow:
            common["rts"] = data["rts"]
            common["cts"] = data["cts"]
            common["flow"] = uart.RTS | uart.CTS
        # All pins in the one call: what it is not given is the chip's own choice (RP2040: GPIO4 and 5, or 0
        # and 1; ESP32: some of the flash's), and its line's high would be on a coil that may be there.
        self.uart = uart(data["uart"], data["baud"], tx=data["tx"], rx=data["rx"], **common)
        supply = output_of(data.get("supply"))
        key = output_of(data.get("power_key"))
        self.supply = supply.put if supply else None
        self.key = key.put if key else None
