# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Facts of the board pico_lte: what `hal.board_keys` describes, and nothing else."""

BOARD = {
    "name": "pico_lte",
    "chip": "rp2040",
    "connectors": (
        {
            # An amplifier with an offset: pin = (pilot + 15 V) * 0.11.
            "pilot": {"pwm": 8, "adc": 26, "plus_12v_mv": 2970, "minus_12v_mv": 330, "trigger_slice": 5},
            "pilot_switch": {"pin": 9, "active": 1},
            "contactor": {
                "coil": {"pin": 10, "active": 1},
                # A mirror contact to ground, open while the main contacts are closed; a broken wire reads as
                # closed, too, and nobody charges with that.
                "feedback": {"pin": 11, "active": 1, "pull": "up"},
            },
            "lock": {
                "lock": {"pin": 12, "active": 1},
                "unlock": {"pin": 13, "active": 1},
                "feedback": {"pin": 14, "active": 1},
                "pulse_ms": 600,
            },
            "rcd": {"trip": {"pin": 15, "active": 1, "pull": "up"}, "test": {"pin": 21, "active": 1}},
            "proximity": {"adc": 27, "supply_mv": 3300, "upper_ohm": 1000},
            "temperature": {
                "kind": "ntc",
                "adc": 28,
                "supply_mv": 3300,
                "upper_ohm": 10000,
                "r25_ohm": 10000,
                "beta": 3950,
            },
            "meter": {"kind": "sdm120", "address": 1},
        },
    ),
    "modbus": {"uart": 0, "tx": 0, "rx": 1, "baud": 9600},
    # If there is one.
    "grid_meter": {"kind": "sdm630", "address": 2},
    # A normally closed contact to ground: a broken wire is a pressed button.
    "emergency_stop": {"pin": 22, "active": 1, "pull": "up"},
    "indicator": {"kind": "lamp", "pin": 25, "active": 1},
    "reader": {
        "kind": "mfrc522",
        "spi": 0,
        "sck": 18,
        "mosi": 19,
        "miso": 16,
        "cs": 17,
        "reset": {"pin": 2, "active": 0},
    },
    "links": (
        {
            "kind": "modem",
            "uart": 1,
            "tx": 4,
            "rx": 5,
            "cts": 6,
            "rts": 7,
            "baud": 115200,
            "power_key": {"pin": 3, "active": 1},
            "supply": {"pin": 20, "active": 1},
        },
    ),
    "watchdog_ms": 5000,
    "station": {
        "name": "Pilotlight pico_lte",
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
        "reader": "single",
    },
}
