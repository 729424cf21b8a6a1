# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""What every board offers to the firmware. Implementations: `hal.sim`, `hal.rp2`, `hal.esp32`.

These classes are documentation and type annotations; a board need not inherit from them. A part that a board
does not have is None in its place. Nothing here blocks for more than 5 ms: what takes longer is a coroutine.

"From the interrupt" says that `evse.guard` calls it from a hard timer interrupt: no allocation, no float, no
exception, no wait.
"""

from array import array

from hal.reading import Reading


class Pilot:
    """Control pilot of one connector (IEC 61851-1 annex A).

    high_mv, low_mv   arrays of type 'h': what the last `sample` found, oldest first
    sample_ms         how much time one sample stands for; 0: a sample is of the moment of the call
    """

    high_mv: "array[int]"
    low_mv: "array[int]"
    sample_ms: int

    def set_duty(self, duty_e4: int) -> None:
        """Duty in 1/10000: 10000 = steady +12 V (state x1), 0 = steady -12 V (state F), else 1 kHz PWM."""
        raise OSError

    def sample(self) -> int:
        """From the interrupt. What has come since the last call: this many samples are at the beginning of
        `high_mv` and `low_mv`, the plateaus of the pilot in millivolts at the pilot itself, calibrated; with
        a steady pilot both are the same voltage. As many as the arrays are long at most, the newest then.

        -1: the samples cannot be believed (converter stuck, edges missing, oscillator not running as told).
        0: nothing new yet.
        """
        raise OSError

    def read(self) -> tuple[int, int]:
        """(high_mv, low_mv) of now, for people and self-tests."""
        raise OSError


class PilotSwitch:
    """A relay or analog switch that takes the pilot off the line: it wakes cars that state F does not."""

    def disconnect(self, apart: bool) -> None:
        raise OSError


class Contactor:
    """has_feedback   there is a contact that tells; without it no weld is ever found
    hold_ms        told to be closed again within so long it stays closed; after a longer silence it may have
                   let go by itself. 0: it does not
    """

    has_feedback: bool
    hold_ms: int

    def drive(self, close: bool) -> None:
        """From the interrupt, at every pass. Set the coil output; only `evse.guard` calls this. True has to
        be said again within `hold_ms` (docs/safety.md).
        """
        raise OSError

    def closed(self) -> bool:
        """The feedback contact: what the contactor really is; without one what it was told."""
        raise OSError


class PhaseSwitch:
    """The second contactor, which connects L2 and L3. Moves only while the main contactor is open."""

    def drive(self, three: bool) -> None:
        """Three phases or one; told once for each change, and at the start what `three` says."""
        raise OSError

    def three(self) -> bool:
        """Its feedback contact."""
        raise OSError


class Lock:
    """Motor or magnet that keeps the plug in our socket."""

    def drive(self, lock: bool) -> None:
        """Begin to move; the driver ends its pulse by itself."""
        raise OSError

    def locked(self) -> bool:
        """Feedback of the mechanism."""
        raise OSError


class Proximity:
    def resistance_ohm(self) -> int | None:
        """Coding resistor of the plug in our socket (IEC 61851-1 annex B); None: no plug."""
        raise OSError


class Rcd:
    """Residual current monitor (RDC-DD, IEC 62955) or the trip contact of a breaker.

    testable   it has a test input; without one (the contact of a breaker) the self-test is left out, and the
               firmware says so: somebody has to press the breaker's own button
    sequence   its outputs answer a test one after another, behind a short pulse (class X804), and come to
               rest together; else the one output answers while the test lasts
    """

    testable: bool
    sequence: bool

    def tripped(self) -> bool:
        """From the interrupt."""
        raise OSError

    def test(self, on: bool) -> None:
        """Drive its test input: it has to trip while on, and to be at rest again after off. Never called
        when it is not `testable`."""
        raise OSError

    def answered(self) -> bool:
        """Every one of its outputs has tripped since the test began; asked when it is a `sequence`."""
        raise OSError


class Temperature:
    def celsius_d(self) -> int | None:
        """Deci-degrees Celsius; None: sensor broken. Asked several times per second, and answers at once: of
        a sensor on a bus the last value, as long as it is less than 10 s old (`hal.temperature.polled`)."""
        raise OSError


class Meter:
    """slow: an answer takes longer than a step of the main loop (a bus). Then a transaction begins with what
    the meter showed at rest, see `station.at_rest`.
    tally: of a meter whose register is in our RAM a `hal.meter.tally.Tally`, which `station.kept_energy`
    keeps over a restart. May be absent."""

    slow = False
    tally = None

    async def read(self) -> "Reading | None":
        """A fresh reading, within 1 s; None when the meter does not answer or answered nonsense."""
        raise OSError


class ConnectorHardware:
    """The parts of one connector. `lock` and `proximity` are None with a fixed cable; `pilot_switch`,
    `phase_switch`, `rcd` and `temperature` where a board has none."""

    number: int
    pilot: Pilot
    pilot_switch: "PilotSwitch | None"
    contactor: Contactor
    phase_switch: "PhaseSwitch | None"
    lock: "Lock | None"
    proximity: "Proximity | None"
    rcd: "Rcd | None"
    meter: Meter
    temperature: "Temperature | None"

    def fault_signals(self) -> tuple:
        """Names (of `evse.faults`) of what the connector's other protective devices report now:
        GroundFailure, OverVoltage, ... The same tuple as long as nothing changes.
        """
        raise OSError


class TagReader:
    async def read(self) -> tuple[str, int | None]:
        """Wait for the next presented tag: (UID as upper-case hex, connector of the reader or None)."""
        raise OSError

    def silent(self) -> bool:
        """The reader does not answer (ReaderFailure)."""
        raise OSError


class Indicator:
    def show(self, number: int, indication: str) -> None:
        """What connector `number` is to show: "off", "available", "preparing", "charging", "suspended",
        "finishing", "reserved", "unavailable", "fault", "starting", "reset". `number` 0: all of them show it,
        whatever they were told, until 0 is told "off". What each looks like: docs/indicator.md.
        """
        raise OSError


class Buzzer:
    def sound(self, name: str) -> None:
        """Begin "accepted", "refused", "unplugged", "fault", "warning" or "reset"; the driver ends it by
        itself, within 2 s."""
        raise OSError


class Button:
    """As `Board.button` the service button inside the enclosure. Held for 3 s it says that a technician has
    looked after the charger: latched faults go, as far as their causes have gone; held for 10 s and let go it
    is the factory reset. It never starts or stops a charge: whoever passes by may reach it.

    As `Board.start_button` the driver's: a short press starts a charge, or stops the one that it has started.
    Both: docs/buttons.md.
    """

    def pressed(self) -> bool:
        """Asked every 20 ms by the main loop, which debounces it."""
        raise OSError


class Watchdog:
    def feed(self) -> None:
        """From the interrupt."""
        raise OSError


class Link:
    """The network below IP: Wi-Fi, LTE, Ethernet."""

    def up(self) -> bool:
        raise OSError

    async def changed(self) -> None:
        """Wait until `up()` may have changed."""
        raise OSError

    async def run(self) -> None:
        """Bring the link up and keep it so, for ever."""
        raise OSError

    async def release(self) -> None:
        """`run` was cancelled, for another link is used (`net.links`): no route leads here any more. `run`
        may be called again."""
        raise OSError

    def heard(self) -> None:
        """Something came from the far end: the link lives."""
        raise OSError

    def in_vain(self) -> None:
        """The far end could not be reached, or fell silent: the link may be dead although it seems up."""
        raise OSError

    def signal_dbm(self) -> int | None:
        """Received signal strength of a radio link; None: no radio, or not known."""
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


class Storage:
    """path   where files may be written, "" or ending without a slash"""

    path: str

    def trouble(self) -> str | None:
        """Why nothing can be kept (not mounted, damaged), in words; None: all is well."""
        raise OSError


class Board:
    """One charger's hardware.

    grid_meter   measures what the building takes at its grid connection, our connectors included: the
                 `current_ma` of its readings is that of three phases
    console      `sys.stdin` is a console at which somebody may type (docs/console.md)
    """

    name: str
    console: bool
    storage: Storage
    connectors: list  # of ConnectorHardware, index 0 is connector 1
    grid_meter: "Meter | None"
    tag_reader: "TagReader | None"
    indicator: "Indicator | None"
    buzzer: "Buzzer | None"
    button: "Button | None"
    start_button: "Button | None"
    link: Link
    clock: RealTimeClock
    watchdog: "Watchdog | None"

    def every_ms(self, period_ms: int, fn) -> bool:
        """Call `fn()` from a timer interrupt from now on, for ever. False: this board has no such timer, the
        main loop has to call. When `fn` answers True it would like to be called again with the next sample of
        the pilot; a board may do so.
        """
        raise OSError

    def stopped(self) -> bool:
        """From the interrupt: the emergency stop is pressed, or what else opens all contactors at once."""
        raise OSError

    def power_fails(self) -> bool:
        """The supply is going down, what is left is the hold-up time. Asked every 5 ms; what the firmware
        does in that time, and how much it needs: docs/power-loss.md. `power_fails = None` on a board without
        such an input.
        """
        raise OSError

    def fault_signals(self) -> tuple:
        """As ConnectorHardware.fault_signals, for the whole station: EmergencyStop, ..."""
        raise OSError

    def rest(self) -> None:
        """The charger has stopped, somebody works at the REPL: contactors open, no interrupt, no watchdog."""
        raise OSError

    def reset(self) -> None:
        """Restart the controller; does not return."""
        raise OSError

    def cause(self) -> str:
        """Why the controller started last: "PowerUp", "Watchdog" or "Reset"."""
        raise OSError
