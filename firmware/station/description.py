# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""What a station is: its connectors, its features, and where its configuration keys differ from the table."""

from once import forget


class DescriptionError(ValueError):
    """The text names the key of the station file and what is wrong with it."""


class Connector:
    """One connector.

    number      from 1
    cable       "fixed" or "socket"; lock: the socket can lock the plug
    current     "AC" or "DC"; phases: 1 or 3
    rated_da    deci-ampere; nominal_v: phase to neutral (DC: of the output)
    ventilation the room has it, so that state D may charge
    wake_up     how a car that sleeps is woken: "none", "F" (state F), "switch" (pilot off the line)
    phase_switch   L2 and L3 can be left off
    phase_wait_ms  of a change between one phase and three, where the board has a switch for it
    """

    def __init__(
        self,
        number,
        cable,
        lock,
        current,
        phases,
        rated_da,
        nominal_v,
        ventilation,
        wake_up,
        phase_wait_ms,
        phase_switch=False,
    ):
        self.number = number
        self.cable = cable
        self.lock = lock
        self.current = current
        self.phases = phases
        self.rated_da = rated_da
        self.nominal_v = nominal_v
        self.ventilation = ventilation
        self.wake_up = wake_up
        self.phase_wait_ms = phase_wait_ms
        self.phase_switch = phase_switch


class Description:
    """A checked station. `document`: JSON object of a station file (station.station_file); None: a plain one.

    name          text
    connectors    tuple of Connector
    phases        3 when any connector has three, else 1
    fixed_cables  True when no connector has a socket
    reader        "single", "per_connector" or "none": RFID readers
    profiles      OCPP feature profiles the station offers, as far as the firmware has them; and "Security"
    options       dict with every option: cache, milliseconds, power_loss, queue_kb, site_a, site_fallback_a,
                  grid_meter, unclocked_a, tag_format, random_tags, sounds, start_tag
                  (`station.station_file`)
    measurands    tuple of names that its hardware can give
    configuration dict key -> text at first boot
    read_only, absent  tuples of keys
    limits        dict key -> (least, most)
    """

    def __init__(self, document=None):
        # The checks take 5 KB of RAM when they are not frozen; they are needed once and not kept.
        from station import station_file

        found = station_file.read({} if document is None else document)
        self.name = found["name"]
        self.connectors = found["connectors"]
        self.phases = found["phases"]
        self.fixed_cables = found["fixed_cables"]
        self.reader = found["reader"]
        self.profiles = found["profiles"]
        self.options = found["options"]
        self.measurands = found["measurands"]
        self.configuration = found["configuration"]
        self.read_only = found["read_only"]
        self.absent = found["absent"]
        self.limits = found["limits"]
        forget("station.station_file")

    def option(self, name: str, default=None):
        """The value of an option; `default` for a name that is none."""
        return self.options.get(name, default)
