# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Facts of the board esp32_s3_w5500: what `hal.board_keys` describes, and nothing else. Never built:
README.md."""

BOARD = {
    "name": "esp32_s3_w5500",
    "chip": "esp32s3",
    "module": "n16r8",
    "connectors": (
        {
            # 100 k from the pilot, 21.5 k to 3.3 V, 14.7 k to ground: pin = pilot * 0.0803 + 1.232 V.
            "pilot": {"pwm": 5, "adc": 1, "plus_12v_mv": 2196, "minus_12v_mv": 269},
            "pilot_switch": {"pin": 6, "active": 1},
            "contactor": {
                "coil": {"pin": 7, "active": 1},
                "alive": {"pin": 15, "active": 1},
                "feedback": {"pin": 16, "active": 1, "pull": "up"},
            },
            "rcd": {"trip": {"pin": 17, "active": 1, "pull": "up"}, "test": {"pin": 8, "active": 1}},
            "temperature": {
                "kind": "ntc",
                "adc": 2,
                "supply_mv": 3300,
                "upper_ohm": 10000,
                "r25_ohm": 10000,
                "beta": 3950,
            },
            "meter": {"kind": "sdm630", "address": 1},
        },
    ),
    "modbus": {"uart": 1, "tx": 41, "rx": 42, "baud": 9600},
    # If there is one.
    "grid_meter": {"kind": "sdm630", "address": 2},
    # A normally closed contact to ground: a broken wire is a pressed button.
    "emergency_stop": {"pin": 21, "active": 1, "pull": "up"},
    "indicator": {"kind": "lamp", "pin": 47, "active": 1},
    "button": {"pin": 0, "active": 0, "pull": "up"},
    "reader": {
        "kind": "mfrc522",
        "spi": 2,
        "sck": 39,
        "mosi": 40,
        "miso": 18,
        "cs": 4,
        "reset": {"pin": 48, "active": 0},
    },
    "links": (
        {
            "kind": "w5500",
            "spi": 1,
            "sck": 12,
            "mosi": 13,
            "miso": 14,
            "cs": 10,
            "interrupt": 11,
            "reset": {"pin": 9, "active": 0},
        },
        {"kind": "wifi"},
    ),
    "watchdog_ms": 8000,
    "station": {
        "name": "Pilotlight esp32_s3_w5500",
        "connectors": [
            {
                "cable": "fixed",
                "phases": 3,
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
        "reader": "single",
    },
}
