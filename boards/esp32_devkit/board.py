# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Facts of the board esp32_devkit: what `hal.board_keys` describes, and nothing else. Never built:
README.md."""

BOARD = {
    "name": "esp32_devkit",
    "chip": "esp32",
    "module": "wroom",
    "connectors": (
        {
            # 100 k from the pilot, 21.5 k to 3.3 V, 14.7 k to ground: pin = pilot * 0.0803 + 1.232 V.
            "pilot": {"pwm": 27, "adc": 36, "plus_12v_mv": 2196, "minus_12v_mv": 269},
            "pilot_switch": {"pin": 4, "active": 1},
            "contactor": {
                "coil": {"pin": 26, "active": 1},
                "alive": {"pin": 23, "active": 1},
                # A mirror contact to ground, open while the main contacts are closed. GPIO34 has no pull of
                # its own: 10 k to 3.3 V on the board.
                "feedback": {"pin": 34, "active": 1},
            },
            "lock": {
                "lock": {"pin": 18, "active": 1},
                "unlock": {"pin": 19, "active": 1},
                "feedback": {"pin": 13, "active": 0, "pull": "up"},
                "pulse_ms": 600,
            },
            "rcd": {"trip": {"pin": 33, "active": 1, "pull": "up"}, "test": {"pin": 21, "active": 1}},
            "proximity": {"adc": 39, "supply_mv": 3300, "upper_ohm": 1000},
            "temperature": {
                "kind": "ntc",
                "adc": 35,
                "supply_mv": 3300,
                "upper_ohm": 10000,
                "r25_ohm": 10000,
                "beta": 3950,
            },
            "meter": {"kind": "sdm120", "address": 1},
        },
    ),
    "modbus": {"uart": 2, "tx": 25, "rx": 32, "baud": 9600},
    # If there is one.
    "grid_meter": {"kind": "sdm630", "address": 2},
    # A normally closed contact to ground: a broken wire is a pressed button.
    "emergency_stop": {"pin": 22, "active": 1, "pull": "up"},
    "indicator": {"kind": "lamp", "pin": 17, "active": 1},
    "button": {"pin": 0, "active": 0, "pull": "up"},
    "links": ({"kind": "wifi"},),
    "watchdog_ms": 8000,
    "station": {
        "name": "Pilotlight esp32_devkit",
        "connectors": [
            {
                "cable": "socket",
                "lock": True,
                "phases": 1,
                "rated_a": 32,
                "nominal_v": 230,
                "wake_up": "switch",
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
    },
}
