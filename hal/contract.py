# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""What every board offers to the firmware. Implementations: `hal.sim`, later `hal.rp2`, `hal.esp32`.

These classes are documentation and type annotations; a board need not inherit from them.
Nothing here blocks for more than 5 ms: what takes longer is a coroutine.
"""

from hal.reading import Reading


class Pilot:
    """Control pilot of one connector (IEC 61851-1 annex A)."""

    def set_duty(self, duty_e4: int) -> None:
        """Duty in 1/10000: 10000 = steady +12 V (state x1), 0 = steady -12 V (state F), else 1 kHz PWM."""
        raise OSError

    def read(self) -> tuple[int, int]:
        """(high_mv, low_mv): the plateaus of the pilot. With a steady pilot both are the same voltage."""
        raise OSError


class Contactor:
    def drive(self, close: bool) -> None:
        """Set the coil output. Only `evse.guard` calls this."""
        raise OSError

    def closed(self) -> bool:
        """The feedback contact: what the contactor really is."""
        raise OSError


class Lock:
    """Motor or magnet that keeps the plug in our socket."""

    def drive(self, lock: bool) -> None:
        raise OSError

    def locked(self) -> bool:
        """Feedback of the mechanism."""
        raise OSError


class Proximity:
    def resistance_ohm(self) -> int | None:
        """Coding resistor of the plug in our socket (IEC 61851-1 annex B); None: no plug."""
        raise OSError


class Meter:
    async def read(self) -> "Reading | None":
        """A fresh reading, within 1 s; None when the meter does not answer or answered nonsense."""
        raise OSError


class Temperature:
    def celsius_d(self) -> int | None:
        """Deci-degrees Celsius; None: sensor broken."""
        raise OSError


class ConnectorHardware:
    """The parts of one connector. `lock` and `proximity` are None with a fixed cable."""

    number: int
    pilot: Pilot
    contactor: Contactor
    lock: "Lock | None"
    proximity: "Proximity | None"
    meter: Meter
    temperature: "Temperature | None"

    def fault_signals(self) -> tuple:
        """Names (of `evse.faults`) of what the connector's own protective devices report now: RcdTrip,
        GroundFailure...
        """
        raise OSError


class TagReader:
    async def read(self) -> tuple[str, int | None]:
        """Wait for the next presented tag: (UID as upper-case hex, connector of the reader or None)."""
        raise OSError


class Link:
    """The network below IP: Wi-Fi, LTE, Ethernet."""

    def up(self) -> bool:
        raise OSError

    async def changed(self) -> None:
        """Wait until `up()` may have changed."""
        raise OSError


class RealTimeClock:
    def utc_ms(self) -> int | None:
        """Milliseconds since 1970 UTC, to the second at least; None when the board has no battery-kept clock
        or it was never set.
        """
        raise OSError

    def set_utc_ms(self, utc_ms: int) -> None:
        """The central system has told the time: written when the clock is off by more than a second."""
        raise OSError


class Board:
    """One charger's hardware."""

    name: str
    data_dir: str  # where files may be written, "" or ending without a slash
    connectors: list  # of ConnectorHardware, index 0 is connector 1
    tag_reader: "TagReader | None"
    link: Link
    clock: RealTimeClock

    def power_fails(self) -> bool:
        """The supply is going down, what is left is the hold-up time. Asked every 5 ms; what the firmware
        does in that time, and how much it needs: docs/power-loss.md. `power_fails = None` on a board without
        such an input.
        """
        raise OSError

    def fault_signals(self) -> tuple:
        """As ConnectorHardware.fault_signals, for the whole station: EmergencyStop, ..."""
        raise OSError

    def feed_watchdog(self) -> None:
        raise OSError

    def reset(self) -> None:
        """Restart the controller; does not return."""
        raise OSError
