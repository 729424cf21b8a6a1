# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Facts of the board w5500_evb_pico: what `hal.board_keys` describes, and nothing else. Never built:
README.md."""

BOARD = {
    "name": "w5500_evb_pico",
    "chip": "rp2040",
    "reserved": (
        (23, "not on its header"),
        (24, "VBUS"),
        (29, "VSYS"),
    ),
    "connectors": (
        {
            # An amplifier with an offset: pin = (pilot + 15 V) * 0.11.
            "pilot": {"pwm": 8, "adc": 26, "plus_12v_mv": 2970, "minus_12v_mv": 330, "trigger_slice": 5},
            "pilot_switch": {"pin": 9, "active": 1},
            "contactor": {
                "coil": {"pin": 10, "active": 1},
                "feedback": {"pin": 11, "active": 1, "pull": "up"},
            },
            "lock": {
                "lock": {"pin": 5, "active": 1},
                "unlock": {"pin": 6, "active": 1},
                "feedback": {"pin": 7, "active": 1, "pull": "down"},
                "pulse_ms": 600,
            },
            "rcd": {"trip": {"pin": 3, "active": 1, "pull": "up"}, "test": {"pin": 4, "active": 1}},
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
        "spi": 1,
        "sck": 14,
        "mosi": 15,
        "miso": 12,
        "cs": 13,
        "reset": {"pin": 2, "active": 0},
    },
    "links": (
        {
            # As the board has it: nothing of this can be moved.
            "kind": "w5500",
            "spi": 0,
            "sck": 18,
            "mosi": 19,
            "miso": 16,
            "cs": 17,
            "interrupt": 21,
            "reset": {"pin": 20, "active": 0},
        },
    ),
    "watchdog_ms": 5000,
    "station": {
        "name": "Pilotlight w5500_evb_pico",
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
