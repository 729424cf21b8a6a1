# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The AT commands that a data terminal needs, as modems of the SIM7600 and A7670 class answer them: SIMCom's
AT command manuals, 3GPP TS 27.007, ITU-T V.250."""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass

from emulator.modem.cellular import Cellular

# What a command wants done after its answer: ("dial", context), ("online",), ("hang up",), ("power off",),
# ("restart",), ("speed", bits per second).
Request = tuple[str, int] | tuple[str]
Result = tuple[list[str], str, list[Request]]

# AT+CMEE's texts and numbers (TS 27.007, 9.2)
_NO_SIM = (10, "SIM not inserted")
_PIN_NEEDED = (11, "SIM PIN required")
_WRONG_PIN = (16, "incorrect password")
_OPERATION_NOT_ALLOWED = (3, "operation not allowed")

SPEEDS = (9600, 19200, 38400, 57600, 115200, 230400, 460800, 921600, 3000000, 3200000, 3686400)

_EXTENDED = re.compile(r'\s*(\+[A-Z]+)(=\?|\?|=)?((?:"[^"]*"|[^;"])*)(?:;|$)', re.IGNORECASE)
_BASIC = re.compile(r"\s*(S\d+|&?[A-Z])(=?)(\d*)(\??)", re.IGNORECASE)
_PACKET_CALL = re.compile(r"\*99(?:\*\*\*(\d{1,2}))?#$")

# Accepted and remembered, without an effect here.
_WITHOUT_EFFECT = (
    "+CTZU",
    "+CTZR",
    "+CGEREP",
    "+CSCLK",
    "+CNMI",
    "+CMGF",
    "+CNMP",
    "+CGAUTH",
    "+CGQREQ",
    "+CATR",
)


@dataclass
class Identity:
    manufacturer: str = "SIMCOM INCORPORATED"
    model: str = "SIMCOM_SIM7600E-H"
    revision: str = "SIM7600M22_V2.0"
    # Of the range for test equipment (GSMA TS.06).
    imei: str = "001010000000016"

    def text(self) -> str:
        """What ATI says."""
        lines = ("Manufacturer: " + self.manufacturer, "Model: " + self.model, "Revision: " + self.revision)
        return "\r\n".join((*lines, "IMEI: " + self.imei, "+GCAP: +CGSM"))


class CommandError(Exception):
    """+CME ERROR: its number and text."""

    def __init__(self, number: int, text: str):
        super().__init__(text)
        self.number = number


class Commands:
    """address: the board's, for +CGPADDR. unix_time: for +CCLK?."""

    def __init__(self, identity: Identity, cellular: Cellular, address: str, unix_time: Callable[[], float]):
        self.identity = identity
        self._cellular = cellular
        self._address = address
        self._unix_time = unix_time
        self.kept_speed = 115200
        self.in_call = False
        self.reset()

    def reset(self) -> None:
        """What is not kept when the power goes."""
        self.echo = True
        self.speed = self.kept_speed
        self.flow_control = (0, 0)
        self._errors = 2
        self._told = {"+CREG": 0, "+CGREG": 0, "+CEREG": 0}
        self._contexts = {1: ("IP", "internet")}
        self._remembered: dict[str, str] = {}
        self._then: list[Request] = []

    def execute(self, line: str, now: float) -> Result:
        """The rest of a line after AT: information lines, the result, and what to do then."""
        lines: list[str] = []
        self._then = []
        try:
            while line:
                if line[0] in "Dd":
                    return [], self._dial(line[1:].strip(), now), self._then
                if line[0] == ";":
                    line = line[1:]
                    continue
                size, said = self._one(line, now)
                if said is None:
                    return lines, "ERROR", []
                lines += said
                line = line[size:].lstrip()
        except CommandError as error:
            return lines, self._error_text(error), []
        return lines, f"CONNECT {self.speed}" if ("online",) in self._then else "OK", self._then

    def _one(self, line: str, now: float) -> tuple[int, list[str] | None]:
        """How long the first command of the line is, and what it says; None: it is not understood."""
        if line.startswith("+"):
            match = _EXTENDED.match(line)
            if match is not None:
                name, form, argument = match.groups()
                return match.end(), self._extended(name, form, argument, now)
        else:
            match = _BASIC.match(line)
            if match is not None:
                name, equals, digits, asks = match.groups()
                return match.end(), self._basic(name, equals, digits, asks, now)
        return 0, None

    def registration_lines(self, now: float) -> list[str]:
        """The unsolicited ones that were asked for, when the registration changes."""
        stat = self._cellular.registration(now)
        return [f"{name}: {stat}" for name, level in self._told.items() if level]

    def _error_text(self, error: CommandError) -> str:
        if not self._errors:
            return "ERROR"
        return f"+CME ERROR: {error.number if self._errors == 1 else error}"

    # --- ATD, and basic commands ----------------------------------------------------------------------------

    def _dial(self, number: str, now: float) -> str:
        match = _PACKET_CALL.match(number.rstrip(";"))
        context = int(match[1] or 1) if match else 0
        if self.in_call or context not in self._contexts:
            return "NO CARRIER" if match is None else "ERROR"
        if not self._cellular.is_registered(now) or not self._cellular.attached:
            return "NO CARRIER"
        self._then.append(("dial", context))
        return f"CONNECT {self.speed}"

    def _basic(self, name: str, equals: str, digits: str, asks: str, now: float) -> list[str] | None:
        name = name.upper()
        number = int(digits or 0)
        if name[0] == "S" and len(name) > 1:
            return [digits or "000"] if asks else []
        if equals or asks:
            return None
        if name == "E":
            self.echo = number != 0
        elif name == "I":
            return [self.identity.text()]
        elif name == "H":
            self._then.append(("hang up",))
        elif name == "O":
            if not self.in_call:
                raise CommandError(*_OPERATION_NOT_ALLOWED)
            self._then.append(("online",))
        elif name in ("Z", "&F"):
            self.echo, self._errors = True, 2
        elif name not in ("V", "Q", "X", "L", "M", "&C", "&D", "&S", "&W"):
            return None
        return []

    # --- +COMMANDS ------------------------------------------------------------------------------------------

    def _extended(self, name: str, form: str | None, argument: str, now: float) -> list[str] | None:
        name, argument = name.upper(), argument.strip()
        if form == "=?":
            return []  # what would be possible: nobody here asks for the list
        asks, sets = form == "?", form == "="
        if name in self._told:
            return self._registration(name, asks, argument if sets else None, now)
        if name in _WITHOUT_EFFECT:
            if sets:
                self._remembered[name] = argument
            return [f"{name}: {self._remembered.get(name, '0')}"] if asks else []
        if name in _READS:
            return [] if sets else _READS[name](self, now)
        if name in _SETTINGS:
            return _SETTINGS[name](self, asks, argument if sets else None, now)
        return None

    def _needs_sim(self) -> None:
        if not self._cellular.sim:
            raise CommandError(*_NO_SIM)

    def _registration(self, name: str, asks: bool, argument: str | None, now: float) -> list[str] | None:
        if asks:
            return [f"{name}: {self._told[name]},{self._cellular.registration(now)}"]
        if argument not in ("0", "1", "2"):
            return None
        self._told[name] = int(argument)
        return []

    def _imsi(self, now: float) -> list[str]:
        self._needs_sim()
        if self._cellular.sim != "READY":
            raise CommandError(*_PIN_NEEDED)
        return [self._cellular.subscription.imsi]

    def _iccid(self, now: float) -> list[str]:
        self._needs_sim()
        return [f"+ICCID: {self._cellular.subscription.iccid}"]

    def _signal(self, now: float) -> list[str]:
        return [f"+CSQ: {self._cellular.rssi(now)},99"]

    def _operator(self, now: float) -> list[str]:
        if not self._cellular.is_registered(now):
            return ["+COPS: 0"]
        return [f'+COPS: 0,0,"{self._cellular.subscription.operator}",7']

    def _system(self, now: float) -> list[str]:
        if not self._cellular.is_registered(now):
            return ["+CPSI: NO SERVICE,Online"]
        return ["+CPSI: LTE,Online,001-01,0x0001,1,1,EUTRAN-BAND20,6300,3,3,-95,-950,-650,15"]

    def _address_line(self, now: float) -> list[str]:
        return [f"+CGPADDR: 1,{self._address if self._cellular.is_registered(now) else '0.0.0.0'}"]

    def _active(self, now: float) -> list[str]:
        return [f"+CGACT: {context},{int(self.in_call)}" for context in self._contexts]

    def _clock(self, now: float) -> list[str]:
        return [time.strftime('+CCLK: "%y/%m/%d,%H:%M:%S+00"', time.gmtime(self._unix_time()))]

    def _power_off(self, now: float) -> list[str]:
        self._then.append(("power off",))
        return []

    def _pin(self, asks: bool, argument: str | None, now: float) -> list[str] | None:
        self._needs_sim()
        if asks:
            return [f"+CPIN: {self._cellular.sim}"]
        if argument is None:
            return None
        if self._cellular.sim == "READY":
            raise CommandError(*_OPERATION_NOT_ALLOWED)
        if not self._cellular.unlock(argument.strip('"'), now):
            raise CommandError(*_WRONG_PIN)
        return []

    def _contexts_of(self, asks: bool, argument: str | None, now: float) -> list[str] | None:
        if asks:
            kept = self._contexts.items()
            return [f'+CGDCONT: {number},"{kind}","{apn}","0.0.0.0",0,0,0,0' for number, (kind, apn) in kept]
        if argument is None:
            return None
        fields = [part.strip().strip('"') for part in argument.split(",")]
        if not fields[0].isdigit() or not 1 <= int(fields[0]) <= 16:
            return None
        if len(fields) == 1:
            self._contexts.pop(int(fields[0]), None)
            return []
        if fields[1] not in ("IP", "IPV6", "IPV4V6", "PPP"):
            return None
        self._contexts[int(fields[0])] = (fields[1], fields[2] if len(fields) > 2 else "")
        return []

    def _attach(self, asks: bool, argument: str | None, now: float) -> list[str] | None:
        if asks:
            return [f"+CGATT: {int(self._cellular.attached and self._cellular.is_registered(now))}"]
        if argument not in ("0", "1"):
            return None
        if argument == "1" and not self._cellular.is_registered(now):
            raise CommandError(*_OPERATION_NOT_ALLOWED)
        self._cellular.attached = argument == "1"
        return []

    def _function(self, asks: bool, argument: str | None, now: float) -> list[str] | None:
        if asks:
            return [f"+CFUN: {self._cellular.function}"]
        function, _, reset = (argument or "").partition(",")
        if function not in ("0", "1", "4"):
            return None
        if reset == "1":
            self._then.append(("restart",))
        else:
            self._cellular.set_function(int(function), now)
        return []

    def _speed(self, asks: bool, argument: str | None, now: float) -> list[str] | None:
        return self._set_speed("+IPR", asks, argument, False)

    def _speed_kept(self, asks: bool, argument: str | None, now: float) -> list[str] | None:
        return self._set_speed("+IPREX", asks, argument, True)

    def _set_speed(self, name: str, asks: bool, argument: str | None, keep: bool) -> list[str] | None:
        if asks:
            return [f"{name}: {self.kept_speed if keep else self.speed}"]
        if argument is None or not argument.isdigit() or int(argument) not in SPEEDS:
            return None
        if keep:
            self.kept_speed = int(argument)
        self._then.append(("speed", int(argument)))
        return []

    def _flow(self, asks: bool, argument: str | None, now: float) -> list[str] | None:
        if asks:
            return [f"+IFC: {self.flow_control[0]},{self.flow_control[1]}"]
        parts = (argument or "").split(",")
        if len(parts) != 2 or not set(parts) <= {"0", "2"}:
            return None
        self.flow_control = (int(parts[0]), int(parts[1]))
        return []

    def _error_level(self, asks: bool, argument: str | None, now: float) -> list[str] | None:
        if asks:
            return [f"+CMEE: {self._errors}"]
        if argument not in ("0", "1", "2"):
            return None
        self._errors = int(argument)
        return []


_READS: dict[str, Callable[[Commands, float], list[str]]] = {
    "+CGMI": lambda self, now: [self.identity.manufacturer],
    "+CGMM": lambda self, now: [self.identity.model],
    "+CGMR": lambda self, now: [f"+CGMR: {self.identity.revision}"],
    "+CGSN": lambda self, now: [self.identity.imei],
    "+GSN": lambda self, now: [self.identity.imei],
    "+CIMI": Commands._imsi,
    "+CCID": Commands._iccid,
    "+CICCID": Commands._iccid,
    "+ICCID": Commands._iccid,
    "+CSQ": Commands._signal,
    "+COPS": Commands._operator,
    "+CPSI": Commands._system,
    "+CGPADDR": Commands._address_line,
    "+CGACT": Commands._active,
    "+CCLK": Commands._clock,
    "+CPOF": Commands._power_off,
}

_SETTINGS: dict[str, Callable[[Commands, bool, str | None, float], list[str] | None]] = {
    "+CPIN": Commands._pin,
    "+CGDCONT": Commands._contexts_of,
    "+CGATT": Commands._attach,
    "+CFUN": Commands._function,
    "+IPR": Commands._speed,
    "+IPREX": Commands._speed_kept,
    "+IFC": Commands._flow,
    "+CMEE": Commands._error_level,
}
