# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""A modem by the book of a SIM7600, with all that can be wrong with one; time is a number.

`FakeModem` is asked in texts (`told`) or as a UART; `FakePpp` is the `net.ppp.Ppp` on top of it; `Clock` is
the time of both."""

import asyncio

from hal.ticks import ticks_add
from net.at import Exchange
from net.bearer import Parts

BOOT_MS = 8000


class Clock:
    def __init__(self, ticks=0):
        self.ticks = ticks
        self.ms = 0  # since the start, does not wrap

    def now(self):
        return self.ticks

    def pass_ms(self, ms):
        while ms > 0:  # ticks_add takes six days at once
            step = min(ms, 1 << 28)
            self.ticks = ticks_add(self.ticks, step)
            self.ms += step
            ms -= step

    async def pause(self, ms):
        self.pass_ms(ms)
        await asyncio.sleep(0)


class FakeModem:
    """What is wrong with it is in the attributes; they may be changed at any time.

    hung              says nothing until its supply was off ("power"), its radio was restarted is no help
    sim               "READY", "SIM PIN", "SIM PUK", "missing"
    registered_ms     from start of the radio to registration; None: never
    denied            registration is denied
    dial              "CONNECT 115200", "NO CARRIER", "ERROR", ... or None: no answer
    ppp               whether PPP comes up
    reaches           whether anything comes from the far end
    escapes           whether +++ works
    late_ms           before each answer
    noise             bytes in front of each answer
    echo              at start
    knows_speed       AT+IPR is known
    counts_tries      the command that tells how many tries the PIN has left; None: there is none
    pin_ms            from the PIN to the card being ready
    toggles           every press of the key switches it on or off
    boot_baud         the speed it starts with
    says              in the middle of each answer: what nobody has asked for
    """

    def __init__(self, clock, running=False):
        self.clock = clock
        self.parts = Parts()
        self.hung = None
        self.sim = "READY"
        self.pin = "1234"
        self.pin_tries = 3
        self.registered_ms = 3000
        self.denied = False
        self.dial = "CONNECT 115200"
        self.ppp = True
        self.reaches = True
        self.escapes = True
        self.late_ms = 20
        self.noise = b""
        self.echo = True
        self.knows_speed = True
        self.counts_tries = "AT+SPIC"
        self.pin_ms = 0
        self.toggles = False
        self.boot_baud = 115200
        self.says = []
        self.csq = "+CSQ: 21,99"
        self.said = []  # commands that it took, less those that are asked for hours
        self.supplied_ms = []  # when the supply was switched on
        self.keyed = 0
        self.host_baud = 115200
        self.baud = 115200
        self.data = False
        self._supplied = running
        self._answers_ms = 0 if running else None
        self._radio_ms = 0 if running else None
        self._pressed_ms = None
        self._out = []  # (clock ms, bytes)
        self._in = b""

    # --- the board's side ---

    @property
    def uart(self):
        return self

    def supply(self, on):
        if on and not self._supplied:
            self.supplied_ms.append(self.clock.ms)
        if not on:
            self._answers_ms = None
            self._radio_ms = None
            self.data = False
            self.hung_radio = False
            if self.hung == "power":
                self.hung = None
        self._supplied = on

    def key(self, pressed):
        if pressed:
            self.keyed += 1
            self._pressed_ms = self.clock.ms
        elif self._supplied and self._pressed_ms is not None:
            held_ms = self.clock.ms - self._pressed_ms
            self._pressed_ms = None
            if self._answers_ms is None:
                self._start()
            elif (held_ms >= 2500 or self.toggles) and self.hung is None:
                self._answers_ms = None
                self.data = False

    def _start(self):
        self._answers_ms = self.clock.ms + BOOT_MS
        self._radio_ms = self._answers_ms
        self.baud = self.boot_baud
        self.data = False
        self.echo = True
        if self.sim == "READY" and self.pin_wanted:
            self.sim = "SIM PIN"

    pin_wanted = False

    @property
    def alive(self):
        return (
            self._supplied
            and self._answers_ms is not None
            and self.clock.ms >= self._answers_ms
            and self.hung is None
        )

    # --- as texts ---

    def told(self, command, limit_ms, prefix):
        """As `net.at.Dialogue.ask`, at once: the Answer; time passes."""
        lines = self.answer(command) if self.host_baud == self.baud and not self.data else None
        if lines is None or self.late_ms > limit_ms:
            self.clock.pass_ms(limit_ms)
            return None
        self.clock.pass_ms(self.late_ms)
        exchange = Exchange(command, prefix)
        for line in lines:
            answer = exchange.take(line)
            if answer is not None:
                return answer
        self.clock.pass_ms(limit_ms)
        return None

    def answer(self, command):
        """The lines it says to a command; None: nothing."""
        if not self.alive:
            return None
        if command[-1] != "?" and command != "AT":
            self.said.append(command)
        if command.startswith("ATD"):
            return self._call()
        if command.startswith("AT+CPIN") and command != "AT+CPINR":
            return self._card(command)
        if command.startswith("AT+IPR=") and not self.knows_speed:
            return ["ERROR"]
        if command in ("AT+SPIC", "AT+CPINR") and command != self.counts_tries:
            return ["+CME ERROR: 4"]
        self._set(command)
        return self.says + self._shown(command) + self.says + ["OK"]

    def _shown(self, command):
        if command == "AT+CMEE?":
            return ["+CMEE: 1"]
        if command == "AT+SPIC":
            return ["+SPIC: %d,10,3,10" % self.pin_tries]
        if command == "AT+CPINR":
            return ["+CPINR: SIM PUK,10,10", "+CPINR: SIM PIN,%d,3" % self.pin_tries]
        if command in ("AT+CEREG?", "AT+CGREG?"):
            state = 3 if self.denied else 1 if self._registered() else 2
            return ["+%s: 0,%d" % (command[3:8], state)]
        return [self.csq] if command == "AT+CSQ" else []

    def _set(self, command):
        if command == "ATE0":
            self.echo = False
        elif command.startswith("AT+IPREX="):
            self.next_baud = self.boot_baud = int(command[9:])
        elif command.startswith("AT+IPR="):
            self.next_baud = int(command[7:])
        elif command == "AT+CFUN=0":
            self._radio_ms = None
        elif command == "AT+CFUN=1":
            self._radio_ms = self.clock.ms
            self.hung_radio = False

    def _call(self):
        if self.dial is None:
            return None
        if self.dial.startswith("CONNECT"):
            if not self._registered():
                return ["NO CARRIER"]
            self.data = True
        return [self.dial]

    _ready_ms = None
    hung_radio = False  # registers no more until its radio was restarted
    next_baud = None

    def _registered(self):
        return (
            self.sim == "READY"
            and self.registered_ms is not None
            and not self.denied
            and not self.hung_radio
            and self._radio_ms is not None
            and self.clock.ms - self._radio_ms >= self.registered_ms
        )

    def _card(self, command):
        if self.sim == "missing":
            return ["+CME ERROR: 10"]
        if self._ready_ms is not None and self.clock.ms >= self._ready_ms:
            self.sim, self._ready_ms = "READY", None
        if command == "AT+CPIN?":
            return ["+CPIN: " + self.sim, "OK"]
        if self.sim != "SIM PIN":
            return ["+CME ERROR: 3"]
        if self._ready_ms is not None:
            return ["+CME ERROR: 3"]
        if command[8:] == self.pin:
            self._ready_ms = self.clock.ms + self.pin_ms
            self.pin_tries = 3
            return ["OK"]
        self.pin_tries -= 1
        if self.pin_tries == 0:
            self.sim = "SIM PUK"
        return ["+CME ERROR: 16"]

    def spoken(self):
        """After the answer: the speed it announced holds."""
        if self.next_baud is not None:
            self.baud, self.next_baud = self.next_baud, None

    def escape(self):
        if self.alive and self.data and self.escapes and self.host_baud == self.baud:
            self.data = False
            return True
        return False

    # --- as a UART ---

    def init(self, baudrate):
        self.host_baud = baudrate

    def write(self, data):
        if self.host_baud != self.baud:
            return len(data)
        if self.data:
            if data == b"+++" and self.escape():
                self._say("OK")
            return len(data)
        self._in += data
        while b"\r" in self._in:
            command, _, self._in = self._in.partition(b"\r")
            self._obey(str(command, "ascii"))
        return len(data)

    def _obey(self, command):
        echo = self.echo
        lines = self.answer(command)
        if lines is None:
            return
        if echo:
            self._out.append((self.clock.ms, command.encode() + b"\r"))
        for line in lines:
            self._say(line)
        self.spoken()

    def _say(self, line):
        self._out.append((self.clock.ms + self.late_ms, self.noise + b"\r\n" + line.encode() + b"\r\n"))

    def say_now(self, data):
        self._out.append((self.clock.ms, data))

    def any(self):
        return sum([len(data) for due_ms, data in self._out if due_ms <= self.clock.ms])

    def read(self, size):
        for index, (due_ms, data) in enumerate(self._out):
            if due_ms <= self.clock.ms:
                if len(data) > size:
                    self._out[index] = (due_ms, data[size:])
                    return data[:size]
                del self._out[index]
                return data
        return None


class FakePpp:
    """A `net.ppp.Ppp` on a `FakeModem`."""

    def __init__(self, modem):
        self._modem = modem
        self._up_from = None
        self._idle_from = 0
        self._started = False
        self.starts = 0
        self.logins = []

    def start(self, user=None, password=None, chap=False):
        if self._started or not self.idle():
            raise OSError("EALREADY")
        self.starts += 1
        self.logins.append((user, password, chap))
        self._started = True
        works = self._modem.alive and self._modem.data and self._modem.ppp
        self._up_from = self._modem.clock.ms + 80 if works else None

    def up(self):
        modem = self._modem
        return (
            self._started
            and self._up_from is not None
            and modem.clock.ms >= self._up_from
            and (modem.data or self.zombie)
        )

    zombie = False  # stays up whatever happens to the modem

    def failed(self):
        return not self._started

    def stop(self):
        if not self._started:
            return
        modem = self._modem
        answers = modem.alive and modem.data
        over = self._up_from is not None and not self.up()  # the other side has ended it
        self._started = False
        self._idle_from = modem.clock.ms + (0 if over else 50 if answers else 12000)
        if answers and modem.escapes:
            modem.data = False

    def idle(self):
        return not self._started and self._modem.clock.ms >= self._idle_from

    def poll(self):
        pass

    def address(self):
        return "10.64.0.2"
