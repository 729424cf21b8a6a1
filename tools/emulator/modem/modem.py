# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The whole modem: bytes of the UART and levels of two pins in, bytes out. It has no clock and no sockets:
seconds come in as `now`, and `Internet` gets a `dial` that reaches servers.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

from emulator.modem.at import Dialogue, Escape
from emulator.modem.cellular import Cellular, Subscription
from emulator.modem.commands import Commands, Identity, Request
from emulator.modem.dns import DnsServer
from emulator.modem.faults import Faults
from emulator.modem.hdlc import FrameCounts
from emulator.modem.internet import Internet, Routes
from emulator.modem.power import Power, PowerTimes
from emulator.modem.ppp import PppLink, PppSettings
from emulator.modem.radio import Radio
from emulator.modem.tcp import Connection

# What a UART shows while the modem's transmitter comes alive.
_GLITCH = b"\x00\xff\xf0"
# A receiver at another speed sees garbage; up to this difference it does not (5 % less the other end's
# share).
_SPEED_TOLERANCE = 0.03


@dataclass
class ModemSettings:
    """boot_lines: seconds after the UART is ready, and what is said then."""

    identity: Identity = field(default_factory=Identity)
    subscription: Subscription = field(default_factory=Subscription)
    ppp: PppSettings = field(default_factory=PppSettings)
    power: PowerTimes = field(default_factory=PowerTimes)
    routes: Routes = field(default_factory=Routes)
    names: dict[str, str | None] = field(default_factory=dict)
    boot_lines: tuple[tuple[float, str], ...] = (
        (0.0, "RDY"),
        (0.3, "+CPIN: READY"),
        (1.0, "SMS DONE"),
        (1.5, "PB DONE"),
    )
    glitch_at_power_on: bool = True
    seed: int = 1


def a7670() -> ModemSettings:
    """The same, as the other usual modem says it."""
    return ModemSettings(
        identity=Identity("INCORPORATED", "A7670E-FASE", "A7670M7_V1.11.1"),
        power=PowerTimes(press_on=0.05, press_off=2.5, boot=4.0),
        boot_lines=(
            (0.0, "*ATREADY: 1"),
            (0.3, "+CPIN: READY"),
            (1.0, "SMS DONE"),
            (1.2, "+CGEV: EPS PDN ACT 1"),
            (1.5, "PB DONE"),
        ),
    )


class Modem:
    """dial: see `Internet`. After each call take what is to be sent, and call `step` at `deadline` at the
    latest."""

    def __init__(
        self,
        settings: ModemSettings,
        dial: Callable[[Connection, int], None],
        unix_time: Callable[[], float],
    ):
        self.settings = settings
        self.faults = Faults()
        self._chance = Random(settings.seed)
        self.power = Power(settings.power)
        self.cellular = Cellular(settings.subscription, self.faults)
        self.commands = Commands(settings.identity, self.cellular, settings.ppp.peer, unix_time)
        self.dialogue = Dialogue(self.commands, self.faults)
        self.dns = DnsServer(dict(settings.names))
        self.internet = Internet(
            settings.routes, self.dns, dial, lambda: self._chance.getrandbits(32), unix_time
        )
        self.link: PppLink | None = None
        self.mode = "command"
        # What the runner knows of the board's UART; None: as the modem's.
        self.board_speed: int | None = None
        self.calls = 0
        self.frames = FrameCounts()
        self._up, self._down = Radio(self.faults, self._chance), Radio(self.faults, self._chance)
        self._escape = Escape()
        self._called_at = 0.0
        self._announce_at: float | None = None
        self._out = bytearray()

    # --- pins -----------------------------------------------------------------------------------------------

    def supply(self, on: bool, now: float) -> None:
        if self.power.supply(on, now):
            self._power_changed(now)

    def pwrkey(self, pressed: bool, now: float) -> None:
        """pressed: the key is held; on the board the pin is high then (a transistor pulls PWRKEY low)."""
        # A modem that hangs does not look at its key either.
        if not self.faults.hang and self.power.key(pressed, now):
            self._power_changed(now)

    def turn_on(self, now: float) -> None:
        """As if it had been running for long: what a test without pins wants."""
        self.supply(True, now)
        self.power.state = "on"
        self.cellular.start(now - self.settings.subscription.registers_after_s)

    # --- the serial line ------------------------------------------------------------------------------------

    def receive(self, data: bytes, now: float) -> None:
        if self.power.state != "on" or self.faults.hang or not self._speeds_match():
            return
        if self.mode == "command":
            self.dialogue.feed(data, now)
        else:
            data = self._escape.feed(data, now)
            if data and self.link is not None and not self.faults.dead:
                self.link.receive(data, now)
        self.step(now)

    def take(self) -> bytes:
        """What is to be sent now, after `step` or `receive`."""
        data = bytes(self._out)
        self._out.clear()
        return data

    # --- time -----------------------------------------------------------------------------------------------

    def step(self, now: float) -> None:
        if self.power.step(now):
            self._power_changed(now)
        if self.power.state == "on" and not self.faults.hang:
            self._step_escape(now)
            self._step_link(now)
            self._step_dialogue(now)
            self._step_link(now)  # a link that an answer has just opened, or closed
        self._step_network(now)

    def deadline(self) -> float | None:
        times = [self.power.deadline(), self.internet.deadline(), self._up.deadline(), self._down.deadline()]
        if self.power.state == "on" and not self.faults.hang:
            times += [self.dialogue.deadline(), self._flap_at(), self._announce_at, self._escape.deadline()]
            if self.link is not None:
                times.append(self.link.deadline())
        return min((time for time in times if time is not None), default=None)

    # --- faults ---------------------------------------------------------------------------------------------

    def drop(self, now: float, terminate: bool = False) -> bool:
        """The network ends the data call: NO CARRIER, with a Terminate-Request before it when asked. False:
        there is none."""
        if self.link is None:
            return False
        if terminate:
            self.link.terminate("Network", now)
            self._step_link(now)
        else:
            self._end_call(now, "NO CARRIER")
        return True

    def state(self, now: float) -> dict[str, Any]:
        counts = self.internet.counts
        frames = self._all_frames()
        return {
            "power": self.power.state,
            "mode": self.mode,
            "link": self.link.phase if self.link is not None else None,
            "registration": self.cellular.registration(now) if self.power.state == "on" else 0,
            "speed": self.commands.speed,
            "calls": self.calls,
            "frames": {"good": frames.good, "bad": frames.bad, "bad_fcs": frames.bad_fcs},
            "packets": counts.packets,
            "bad_packets": counts.bad_packets,
            "last_bad": counts.last_bad,
            "lost": self._up.lost + self._down.lost,
            "connections": len(self.internet.connections),
            "opened": counts.opened,
            "refused": counts.refused,
            "retransmitted": counts.retransmitted
            + sum(connection.retransmitted for connection in self.internet.connections),
            "dns_questions": self.dns.asked,
            "faults": self.faults.active(),
        }

    # --- the parts ------------------------------------------------------------------------------------------

    def _all_frames(self) -> FrameCounts:
        total = FrameCounts(**vars(self.frames))
        if self.link is not None:
            for name, count in vars(self.link.counts).items():
                setattr(total, name, getattr(total, name) + count)
        return total

    def _speeds_match(self) -> bool:
        if self.board_speed is None:
            return True
        return abs(self.board_speed / self.commands.speed - 1) <= _SPEED_TOLERANCE

    def _send(self, data: bytes) -> None:
        if self._speeds_match():
            self._out += data
        else:
            # As many characters, none of them right.
            self._out += self._chance.randbytes(len(data))

    def _step_escape(self, now: float) -> None:
        if self.mode != "data":
            return
        wanted, plus_signs = self._escape.step(now)
        if wanted:
            self.mode = "command"
            self.dialogue.raw(b"\r\nOK\r\n", now)
        elif plus_signs and self.link is not None:
            self.link.receive(plus_signs, now)

    def _flap_at(self) -> float | None:
        """A call that has begun before the fault counts from its beginning."""
        if self.link is None or not self.faults.flap_s:
            return None
        return self._called_at + self.faults.flap_s

    def _step_link(self, now: float) -> None:
        link = self.link
        if link is None:
            return
        link.step(now)
        while link.packets:
            packet = link.packets.popleft()
            if not self.faults.half_dead:
                self._up.offer(packet, now)
        data = link.take()
        if self.mode == "data" and not self.faults.dead:
            self._send(self._noisy(data))
        flap_at = self._flap_at()
        if link.dead or (flap_at is not None and now >= flap_at):
            self._end_call(now, "NO CARRIER")

    def _step_dialogue(self, now: float) -> None:
        at = self._announce_at
        if at is not None and now >= at:
            self._announce_at = None
            for line in self.commands.registration_lines(now):
                self.dialogue.unsolicited(line, now)
        while (due := self.dialogue.deadline()) is not None and due <= now:
            data, then = self.dialogue.take(now)
            if self.mode == "command":
                self._send(data)
            for request in then:
                self._obey(request, now)

    def _step_network(self, now: float) -> None:
        self.dns.mood = self.faults.dns
        for packet in self._up.due(now):
            self.internet.receive(packet, now)
        self.internet.step(now)
        while self.internet.outgoing:
            packet = self.internet.outgoing.popleft()
            if self.link is not None and not self.faults.half_dead:
                self._down.offer(packet, now)
        packets = self._down.due(now)
        if self.link is None or self.faults.hang:
            return
        for packet in packets:
            self.link.send_ip(packet)
        self._step_link(now)

    def _noisy(self, data: bytes) -> bytes:
        if not data or self._chance.random() >= self.faults.noise:
            return data
        at = self._chance.randrange(len(data))
        return data[:at] + bytes((data[at] ^ 1 << self._chance.randrange(8),)) + data[at + 1 :]

    def _obey(self, request: Request, now: float) -> None:
        what, *numbers = request
        if what == "dial":
            self._call(now)
        elif what == "online":
            self.mode = "data"
            self._escape.start(now)
        elif what == "hang up":
            if self.link is not None:
                self._end_call(now, "")
        elif what == "speed":
            self.commands.speed = numbers[0]
        elif self.power.stop(now) if what == "power off" else self.power.restart(now):
            self._power_changed(now)

    def _call(self, now: float) -> None:
        if self.faults.refuse_call:
            self.dialogue.unsolicited("NO CARRIER", now)
            return
        self.calls += 1
        settings = self.settings.ppp
        settings.refuse_everybody = self.faults.refuse_authentication
        self.link = PppLink(settings, self._chance.getrandbits(32), self._chance.randbytes(16))
        self.link.start(now)
        self.commands.in_call = True
        self.mode = "data"
        self._escape.start(now)
        self._called_at = now

    def _end_call(self, now: float, says: str) -> None:
        self._close_link()
        if says:
            self.dialogue.unsolicited(says, now)
            self._step_dialogue(now)

    def _close_link(self) -> None:
        if self.link is not None:
            self.frames = self._all_frames()
        self.link = None
        self.mode = "command"
        self.commands.in_call = False
        # Servers are not told: their sockets learn of it as they do in the field, by time-outs.
        self._up.forget()
        self._down.forget()

    def _power_changed(self, now: float) -> None:
        self._close_link()
        self.dialogue.reset()
        self._announce_at = None
        state = self.power.state
        if state != "on":
            self.cellular.stop()
            self.commands.reset()
        if state == "unsupplied":
            self.faults.hang = False
        elif state == "booting" and self.settings.glitch_at_power_on:
            self._send(_GLITCH)
        elif state == "on":
            self.cellular.start(now)
            self._announce_at = self.cellular.registers_at()
            for delay_s, line in self.settings.boot_lines:
                ready = line != "+CPIN: READY" or self.cellular.sim == "READY"
                said = line if ready else f"+CPIN: {self.cellular.sim or 'SIM REMOVED'}"
                self.dialogue.unsolicited(said, now, delay_s)
