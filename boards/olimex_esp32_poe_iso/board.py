# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Facts of the board olimex_esp32_poe_iso: what `hal.board_keys` describes, and nothing else. Never built:
README.md."""

BOARD = {
    "name": "olimex_esp32_poe_iso",
    "chip": "esp32",
    # Not the WROVER: its PSRAM is where this board has the clock of the Ethernet.
    "module": "wroom",
    "connectors": (
        {
            # 100 k from the pilot, 21.5 k to 3.3 V, 14.7 k to ground: pin = pilot * 0.0803 + 1.232 V.
            "pilot": {"pwm": 32, "adc": 36, "plus_12v_mv": 2196, "minus_12v_mv": 269},
            "contactor": {
                "coil": {"pin": 33, "active": 1},
                "alive": {"pin": 16, "active": 1},
                # GPIO35 has no pull of its own: 10 k to 3.3 V on the carrier.
                "feedback": {"pin": 35, "active": 1},
            },
            # GPIO39 has none either.
            "rcd": {"trip": {"pin": 39, "active": 1}, "test": {"pin": 13, "active": 1}},
            "meter": {"kind": "sdm120", "address": 1},
        },
    ),
    "modbus": {"uart": 2, "tx": 4, "rx": 14, "baud": 9600},
    # If there is one.
    "grid_meter": {"kind": "sdm630", "address": 2},
    # Where the board has its button, which pulls to ground, and the button's resistor to 3.3 V. A normally
    # closed contact to ground: a broken wire is a pressed emergency stop.
    "emergency_stop": {"pin": 34, "active": 1},
    "indicator": {"kind": "lamp", "pin": 2, "active": 1},
    "links": (
        {
            # As the board has it: nothing of this can be moved.
            "kind": "lan",
            "mdc": 23,
            "mdio": 18,
            "phy": "lan8720",
            "address": 0,
            "ref_clk": 17,
            "clock": "out",
            "power": {"pin": 12, "active": 1},
        },
        {"kind": "wifi"},
    ),
    "watchdog_ms": 8000,
    "station": {
        "name": "Pilotlight olimex_esp32_poe_iso",
        "connectors": [
            {
                "cable": "fixed",
                "phases": 1,
                "rated_a": 32,
                "nominal_v": 230,
            }
        ],
        "profiles": [
            "Core",
            "FirmwareManagement",
            "LocalAuthListManagement",
            "Reservation",
            "SmartCharging",
            "RemoteTrigger",
        ],
        "reader": "none",
        "measurands": [
            "Energy.Active.Import.Register",
            "Energy.Active.Import.Interval",
            "Power.Active.Import",
            "Power.Offered",
            "Current.Import",
            "Current.Offered",
            "Voltage",
            "Frequency",
        ],
    },
}
