# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The keys that a board's data may have, and what each has to be.

PIN is {"pin": 9, "active": 1, "pull": "up"}: `active` is the level, 0 or 1, that means what the key says;
`pull` ("up" or "down") is optional. Pins are numbers of the chip (GPIO), not of its case. Keys in brackets
are optional, and absent for a part that the board does not have.

    name, chip            text; "rp2040", "esp32" or "esp32s3"
    [module]              esp32: "wroom" or "wrover", which keeps GPIO16 and 17 for its PSRAM. esp32s3: MB of
                          flash and PSRAM, as "n16r8"; eight of PSRAM keep GPIO33 to 37
    [reserved]            tuple of (pin, what for): what the board as it is bought has on it by itself
    connectors            tuple of
        pilot             pwm, adc: pins; plus_12v_mv, minus_12v_mv: nominal voltage at the ADC pin with +12 V
                          and -12 V on the pilot, within what the converter measures; [trigger_slice]: the PWM
                          slice that times the converter (rp2040), another one than the pilot's
        [pilot_switch]    PIN that takes the pilot off the line
        contactor         coil: PIN, active 1: off while the pin floats; [alive]: PIN, active 1, for a
                          monostable in the coil's circuit (esp32, where it is required); [feedback]: PIN,
                          active while the main contacts are closed: a mirror contact to ground is open then,
                          so "active": 1 and a pull-up, and a broken wire says the same
        [phase_switch]    the second contactor, for L2 and L3 alone: coil: PIN, active 1: one phase while the
                          pin floats; feedback: PIN, active while its contacts are closed
        [lock]            lock, unlock: PIN; feedback: PIN, active while locked, and not with a broken wire;
                          pulse_ms
        [proximity]       adc, supply_mv (3300 on an rp2040, else 3400 at most), upper_ohm: divider of the
                          coding resistor
        [temperature]     by its kind, see `temperatures`
        [rcd]             trip: PIN, active with a broken wire as well; [test]: PIN. A monitor with a second
                          output (class X804) has test, and trip_ac, [error]: PIN as trip's: `trip` is then
                          that of 6 mA DC, and its test takes 3 s
        meter             by its kind, see `meters`
    [modbus]              uart, tx, rx, baud; [parity] "none", "even" or "odd"; [stop] bits; [direction]: PIN,
                          active while we send, of a transceiver that does not find out by itself: the wires
                          that all meters on Modbus share
    [grid_meter]          kind, address as of a meter that measures the currents of three phases: at the
                          building's grid connection, on `modbus`. The station's option grid_meter says
                          whether it is read
    [emergency_stop]      PIN, active with a broken wire as well;  [power_fail]  PIN
    [button]              PIN, inside the enclosure;  [start_button]  PIN, of the driver (docs/buttons.md)
    [indicator]           by its kind, see `indicators`
    [buzzer]              by its kind, see `buzzers`
    [reader]              by its kind, see `readers`
    links                 tuple, the one to be used first, by their kinds: see `links`
    [i2c]                 i2c, sda, scl, [hz]: the wires that all parts on I2C share
    watchdog_ms           at most 8388 on an rp2040
    station               what `station.station_file` describes
"""

PIN = "pin"  # a dict
NUMBER = "number"  # of a pin

CHIPS = ("rp2040", "esp32", "esp32s3")
# The innermost key of a pin that is read.
INPUTS = (
    "feedback",
    "trip",
    "trip_ac",
    "error",
    "emergency_stop",
    "button",
    "start_button",
    "power_fail",
    "adc",
    "rx",
    "cts",
    "miso",
    "interrupt",
    "pulse",
)

# What can be a meter on Modbus: kind -> (phases, the maker's module in hal.meter). docs/metering.md
MODBUS_METERS = {
    "sdm120": (1, "eastron"),
    "sdm220": (1, "eastron"),
    "sdm230": (1, "eastron"),
    "sdm630": (3, "eastron"),
    "sdm72": (3, "eastron"),
    "sdm72v2": (3, "eastron"),
    "ddsu666": (1, "chint"),
    "dtsu666": (3, "chint"),
    "b21": (1, "abb"),
    "b23": (3, "abb"),
    "b24": (3, "abb"),
    "em110": (1, "carlo_gavazzi"),
    "em111": (1, "carlo_gavazzi"),
    "em112": (1, "carlo_gavazzi"),
    "em330": (3, "carlo_gavazzi"),
    "em340": (3, "carlo_gavazzi"),
    "pzem004t": (1, "pzem"),
}

_ADDRESS = (1, 247)
_BAUD = (1200, 921600)


# Made when they are asked for: as dicts of the module they would stay on the heap, 1.2 KB of it, for ever.
# key: what it has to be; "?" before it: optional. A tuple of numbers: (least, most); of texts: one of them. A
# list of one dict: a part of several kinds, kind: its other keys.


def pins_of(chip: str) -> tuple:
    if chip == "rp2040":
        return tuple(range(30))
    if chip == "esp32s3":
        # 22..25 do not exist, 26..32 carry the flash.
        return tuple(range(22)) + tuple(range(33, 49))
    # 6..11 carry the flash, 20, 24 and 28..31 do not exist.
    return (0, 1, 2, 3, 4, 5) + tuple(range(12, 20)) + (21, 22, 23, 25, 26, 27) + tuple(range(32, 40))


def modules_of(chip: str) -> tuple:
    """What `module` may be; none on an rp2040."""
    if chip == "esp32":
        return ("wroom", "wrover")
    return ("n4", "n8", "n16", "n8r2", "n16r2", "n8r8", "n16r8") if chip == "esp32s3" else ()


def pin():
    return {"pin": NUMBER, "active": (0, 1), "?pull": ("up", "down")}


def _analog(**more):
    return dict({"adc": NUMBER, "supply_mv": (1000, 5000), "upper_ohm": (100, 200000)}, **more)


def connector():
    return {
        "pilot": {
            "pwm": NUMBER,
            "adc": NUMBER,
            "plus_12v_mv": (1, 5000),
            "minus_12v_mv": (0, 5000),
            "?trigger_slice": (0, 7),
        },
        "?pilot_switch": PIN,
        "contactor": {"coil": PIN, "?alive": PIN, "?feedback": PIN},
        "?phase_switch": {"coil": PIN, "feedback": PIN},
        "?lock": {"lock": PIN, "unlock": PIN, "feedback": PIN, "pulse_ms": (50, 2000)},
        "?proximity": _analog(),
        "?temperature": [temperatures()],
        "?rcd": {"trip": PIN, "?test": PIN, "?trip_ac": PIN, "?error": PIN},
        "meter": [meters()],
    }


def temperatures():
    """ntc: its divider. mcp9700a: adc, at a supply of 3.3 V.
    ds18b20: data, the pin of its 1-wire line, with a resistor of 4.7 k to the supply.
    mcp9808, tmp1075: address, on `i2c`.
    """
    return {
        "ntc": _analog(r25_ohm=(100, 200000), beta=(2000, 6000)),
        "mcp9700a": {"adc": NUMBER},
        "ds18b20": {"data": NUMBER},
        "mcp9808": {"address": (0x18, 0x1F)},
        "tmp1075": {"address": (0x48, 0x4F)},
    }


def meters():
    """On Modbus: kind and address; of a pzem004t that is alone on its wires 248 will do, whatever its own is.
    auto: phases that have to be measured, [address]: kind and line are found out (docs/metering.md).
    s0: pulse: PIN, active during a pulse; imp_per_kwh.
    ade7953: on `i2c`, or with spi, sck, mosi, miso, cs; what it counts for a volt, an ampere, a watt and a
    kWh; [codes of its PGAs], [its gain registers].
    atm90e32: spi, sck, mosi, miso, cs; phases, 1 or 3; hz, 50 or 60; its gain registers; counts_per_kwh;
    [pga]: its register MMode1.
    """
    spi = ("spi", "sck", "mosi", "miso", "cs")
    atm90e32: dict = dict.fromkeys(spi, NUMBER)
    ade7953: dict = {"?" + key: NUMBER for key in spi}
    atm90e32["spi"] = ade7953["?spi"] = (0, 2)
    atm90e32.update({"phases": (1, 3), "hz": (50, 60), "?pga": (0, 65535)})
    atm90e32.update({"voltage_gain": (1, 65535), "current_gain": (1, 65535)})
    atm90e32["counts_per_kwh"] = (1000, 100000000)
    for key in ("counts_per_v", "counts_per_a", "counts_per_w"):
        ade7953[key] = (1, 10000000)
    ade7953["counts_per_kwh"] = (1000, 1000000000)
    for key in ("?voltage_pga", "?current_pga"):
        ade7953[key] = (0, 5)
    for key in ("?voltage_gain", "?current_gain", "?power_gain"):
        ade7953[key] = (0x200000, 0x600000)
    found: dict = {kind: {"address": _ADDRESS} for kind in MODBUS_METERS}
    found["pzem004t"] = {"address": (1, 248)}
    found["auto"] = {"phases": (1, 3), "?address": _ADDRESS}
    found.update({"atm90e32": atm90e32, "ade7953": ade7953})
    found["s0"] = {"pulse": PIN, "imp_per_kwh": (1, 100000)}
    return found


def grid_meters():
    """The first SDM72 tells no currents."""
    kinds = [kind for kind in MODBUS_METERS if MODBUS_METERS[kind][0] == 3 and kind != "sdm72"]
    return {kind: {"address": _ADDRESS} for kind in kinds}


def readers():
    """mfrc522: spi, sck, mosi, miso, cs; reset: PIN, active 0.
    pn532_i2c: [reset]: PIN, active 0; on the board's `i2c`, which has 100 kHz then.
    pn532_uart: uart, tx, rx, [reset]: PIN, active 0.
    rdm6300: uart, tx, rx: it hears nothing, but no UART does without its tx.
    """
    uart = {"uart": (0, 2), "tx": NUMBER, "rx": NUMBER}
    return {
        "mfrc522": {
            "spi": (0, 2),
            "sck": NUMBER,
            "mosi": NUMBER,
            "miso": NUMBER,
            "cs": NUMBER,
            "reset": PIN,
        },
        "pn532_i2c": {"?reset": PIN},
        "pn532_uart": dict({"?reset": PIN}, **uart),
        "rdm6300": uart,
    }


def indicators():
    """lamp: pin, active: one for all connectors.
    leds: red, green, [blue]: PIN.
    ws2812: pin, count of LEDs, which the connectors share, [brightness] of 255.
    """
    return {
        "lamp": pin(),
        "leds": {"red": PIN, "green": PIN, "?blue": PIN},
        "ws2812": {"pin": NUMBER, "count": (1, 14), "?brightness": (1, 255)},
    }


def buzzers():
    """active: pin, active: it sounds when it has voltage.
    passive: pin, hz: it has to be given its tone."""
    return {"active": pin(), "passive": {"pin": NUMBER, "hz": (2000, 4000)}}


def links():
    """wifi: that of the chip, or of the module beside it.
    lan: mdc, mdio, phy, address of the PHY, ref_clk and whether that is "in" or "out", [power]: PIN.
    w5500: spi, sck, mosi, miso, cs, interrupt, [reset]: PIN, active 0.
    modem: uart, tx, rx, [cts and rts], baud (with which it starts), PIN power_key, supply, [key_ms]: how long
    the key switches it on.
    """
    lan = {
        "mdc": NUMBER,
        "mdio": NUMBER,
        "phy": ("lan8720", "lan8710", "ip101", "rtl8201", "dp83848", "ksz8041", "ksz8081"),
        "address": (0, 31),
        "ref_clk": NUMBER,
        "clock": ("in", "out"),
        "?power": PIN,
    }
    w5500 = {
        "spi": (0, 2),
        "sck": NUMBER,
        "mosi": NUMBER,
        "miso": NUMBER,
        "cs": NUMBER,
        "interrupt": NUMBER,
        "?reset": PIN,
    }
    modem = {
        "uart": (0, 2),
        "tx": NUMBER,
        "rx": NUMBER,
        "?cts": NUMBER,
        "?rts": NUMBER,
        "baud": _BAUD,
        "power_key": PIN,
        "supply": PIN,
        "?key_ms": (50, 5000),
    }
    return {"wifi": {}, "lan": lan, "w5500": w5500, "modem": modem}


def board():
    return {
        "name": str,
        "chip": CHIPS,
        "?module": str,
        "?reserved": tuple,
        "connectors": tuple,
        "?modbus": {
            "uart": (0, 2),
            "tx": NUMBER,
            "rx": NUMBER,
            "baud": _BAUD,
            "?parity": ("none", "even", "odd"),
            "?stop": (1, 2),
            "?direction": PIN,
        },
        "?grid_meter": [grid_meters()],
        "?emergency_stop": PIN,
        "?button": PIN,
        "?start_button": PIN,
        "?indicator": [indicators()],
        "?buzzer": [buzzers()],
        "?power_fail": PIN,
        "?reader": [readers()],
        "?i2c": {"i2c": (0, 1), "sda": NUMBER, "scl": NUMBER, "?hz": (50000, 400000)},
        "links": tuple,
        "watchdog_ms": (1000, 60000),
        "station": dict,
    }
