# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Facts of the board lilygo_t_a7670: what `hal.board_keys` describes, and nothing else. Never built:
README.md."""

BOARD = {
    "name": "lilygo_t_a7670",
    "chip": "esp32",
    "module": "wrover",
    "reserved": (
        (5, "reset of the modem"),
        (25, "DTR of the modem"),
        (33, "RING of the modem"),
        (35, "voltage of the battery"),
    ),
    "connectors": (
        {
            # 100 k from the pilot, 21.5 k to 3.3 V, 14.7 k to ground: pin = pilot * 0.0803 + 1.232 V.
            "pilot": {"pwm": 18, "adc": 39, "plus_12v_mv": 2196, "minus_12v_mv": 269},
            "contactor": {
                "coil": {"pin": 19, "active": 1},
                "alive": {"pin": 23, "active": 1},
                # GPIO36 has no pull of its own: 10 k to 3.3 V on the carrier.
                "feedback": {"pin": 36, "active": 1},
            },
            "rcd": {"trip": {"pin": 13, "active": 1, "pull": "up"}, "test": {"pin": 32, "active": 1}},
            "temperature": {
                "kind": "ntc",
                "adc": 34,
                "supply_mv": 3300,
                "upper_ohm": 10000,
                "r25_ohm": 10000,
                "beta": 3950,
            },
            "meter": {"kind": "sdm120", "address": 1},
        },
    ),
    "modbus": {"uart": 2, "tx": 21, "rx": 22, "baud": 9600},
    # If there is one.
    "grid_meter": {"kind": "sdm630", "address": 2},
    # A normally closed contact to ground: a broken wire is a pressed button.
    "emergency_stop": {"pin": 14, "active": 1, "pull": "up"},
    "indicator": {"kind": "lamp", "pin": 2, "active": 1},
    "links": (
        {
            # As the board has it: nothing of this can be moved.
            "kind": "modem",
            "uart": 1,
            "tx": 26,
            "rx": 27,
            "baud": 115200,
            "power_key": {"pin": 4, "active": 1},
            "supply": {"pin": 12, "active": 1},
            "key_ms": 100,
        },
        {"kind": "wifi"},
    ),
    "watchdog_ms": 8000,
    "station": {
        "name": "Pilotlight lilygo_t_a7670",
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
    },
}
