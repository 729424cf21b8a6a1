# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""One line per OCPP message, aligned, for a person who watches.

    10:21:03.412  ->  StartTransaction     connector 1  tag 04A1B2C3  meter 1200 Wh
    10:21:03.415  <-    Accepted, transaction 7

(with real arrows). `->` came from the charger, `<-` went to it; an answer is indented under its question. The
value of AuthorizationKey is shown in no direction.
"""

import json
import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TextIO

from bench.books import is_secret
from bench.messages import FROM_STATION, Message
from bench.secrecy import without_password

Payload = dict[str, Any]

# SGR codes (ECMA-48): the charger's requests cyan, the CSMS's magenta, so that the eye tells them apart.
BOLD, DIM, RED, GREEN, YELLOW, MAGENTA, CYAN = "1", "2", "31", "32", "33", "35", "36"

# Measurands whose unit says enough have no name on the line.
_SHORT = {
    "Energy.Active.Import.Register": "",
    "Energy.Active.Import.Interval": "interval",
    "Energy.Active.Export.Register": "export",
    "Energy.Reactive.Import.Register": "",
    "Energy.Reactive.Export.Register": "export",
    "Power.Active.Import": "",
    "Power.Offered": "offered",
    "Current.Import": "",
    "Current.Export": "export",
    "Current.Offered": "offered",
    "Voltage": "",
    "Temperature": "",
    "SoC": "SoC",
}


# Of a line; charge points send what they like.
_LONGEST = 500


def wants_colour(stream: TextIO) -> bool:
    return stream.isatty() and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"


def clock(moment: datetime) -> str:
    """Local time of day with milliseconds."""
    return _here(moment).strftime("%H:%M:%S.%f")[:-3]


def local(moment: datetime) -> str:
    """Local date and time of day with milliseconds."""
    return _here(moment).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]


def _here(moment: datetime) -> datetime:
    try:
        return moment.astimezone()
    except (OverflowError, ValueError):  # the year 9999 of a charge point, east of Greenwich
        return moment


def plain(text: str) -> str:
    """Text of a charge point as a terminal may have it: no control characters."""
    return "".join(sign if sign.isprintable() else f"\\x{ord(sign):02x}" for sign in text)


def amount(value: float, unit: str) -> str:
    """`7360 W` as a person says it: `7.36 kW`."""
    return f"{value / 1000:.2f} k{unit}" if abs(value) >= 1000 else f"{value:.0f} {unit}"


def _reading(sample: Payload) -> str:
    measurand = sample.get("measurand", "Energy.Active.Import.Register")
    unit = {"Celcius": "°C", "Celsius": "°C", "Percent": "%"}.get(
        sample.get("unit", "Wh"), sample.get("unit", "Wh")
    )
    parts = [_SHORT.get(measurand, measurand), sample.get("phase", ""), sample["value"], unit]
    return " ".join(part for part in parts if part)


def _meter_values(payload: Payload) -> str:
    words = [f"connector {payload['connectorId']}"]
    if "transactionId" in payload:
        words.append(f"transaction {payload['transactionId']}")
    for entry in payload["meterValue"]:
        contexts = {sample.get("context", "Sample.Periodic") for sample in entry["sampledValue"]}
        if contexts != {"Sample.Periodic"}:
            words.append("/".join(sorted(contexts)))
        words += [_reading(sample) for sample in entry["sampledValue"]]
    return "  ".join(words)


def _boot(payload: Payload) -> str:
    firmware = payload.get("firmwareVersion")
    serial = payload.get("chargePointSerialNumber")
    return "  ".join(
        word
        for word in (
            f"{payload['chargePointVendor']} {payload['chargePointModel']}",
            f"firmware {firmware}" if firmware else "",
            f"serial {serial}" if serial else "",
        )
        if word
    )


def _status(payload: Payload) -> str:
    words = [f"connector {payload['connectorId']}", payload["status"]]
    if payload["errorCode"] != "NoError":
        words.append(payload["errorCode"])
    words += [payload[name] for name in ("vendorErrorCode", "info") if payload.get(name)]
    return "  ".join(dict.fromkeys(words))  # vendors like to repeat the errorCode


def _start(payload: Payload) -> str:
    return f"connector {payload['connectorId']}  tag {payload['idTag']}  meter {payload['meterStart']} Wh"


def _stop(payload: Payload) -> str:
    words = [f"transaction {payload['transactionId']}", f"meter {payload['meterStop']} Wh"]
    words.append(f"reason {payload.get('reason', 'Local')}")
    if "idTag" in payload:
        words.append(f"tag {payload['idTag']}")
    if payload.get("transactionData"):
        words.append(f"{len(payload['transactionData'])} readings")
    return "  ".join(words)


def _change(payload: Payload) -> str:
    return f"{payload['key']} = {'***' if is_secret(payload['key']) else payload['value']}"


def _asked(payload: Payload) -> str:
    return " ".join(payload.get("key", ())) or "all keys"


def _plain(payload: Payload) -> str:
    """Any other payload: its fields in the message's order, names left out where the value says enough."""
    names = {
        "connectorId": "connector",
        "transactionId": "transaction",
        "idTag": "tag",
        "type": "",
        "status": "",
        "requestedMessage": "",
    }
    words = []
    for name, value in payload.items():
        text = value if isinstance(value, str) else json.dumps(value)
        words.append(f"{names.get(name, name)} {text}".strip())
    return "  ".join(words)


_REQUESTS: dict[str, Callable[[Payload], str]] = {
    "BootNotification": _boot,
    "ChangeConfiguration": _change,
    "GetConfiguration": _asked,
    "MeterValues": _meter_values,
    "StatusNotification": _status,
    "StartTransaction": _start,
    "StopTransaction": _stop,
}


def _answer(message: Message) -> str:
    payload, action = message.payload, message.action
    words = [payload["status"]] if isinstance(payload.get("status"), str) else []
    if isinstance(payload.get("idTagInfo"), dict):
        words.append(payload["idTagInfo"].get("status", "?"))
    if "transactionId" in payload:
        words.append(f"transaction {payload['transactionId']}")
    if action == "BootNotification":
        words.append(
            f"{'heartbeat' if payload.get('status') == 'Accepted' else 'again in'} {payload['interval']} s"
        )
    if action == "GetConfiguration":
        keys = payload.get("configurationKey", [])
        words += (
            [f"{row['key']} = {'***' if is_secret(row['key']) else row.get('value', '')}" for row in keys]
            if len(keys) <= 3
            else [f"{len(keys)} keys"]
        )
        words += [f"unknown: {name}" for name in payload.get("unknownKey", [])]
    if not words:
        words = [_plain(payload)] if payload else ["ok"]
    if "currentTime" in payload and action == "Heartbeat":
        words = [f"the time is {payload['currentTime']}"]
    return ", ".join(words)


def describe(message: Message) -> str:
    """What a person wants to know of a message: the fields that matter, in one line."""
    if message.kind == "garbage":
        return f"not an OCPP message: {_without_secret(repr(message.raw))}"[:160]
    if message.kind == "error":
        # Some repeat the value that they refuse.
        said = "" if _names_secret(message) else message.error_description
        return f"CALLERROR {message.error_code} {said}".rstrip()[:_LONGEST]
    try:
        told = _answer(message) if message.kind == "result" else _request(message)
    except (KeyError, TypeError, AttributeError):  # fields missing or of the wrong type: show it as it is
        told = _without_secret(json.dumps(message.payload))
    return without_password(told)[:_LONGEST]


def _request(message: Message) -> str:
    return _REQUESTS.get(message.action, _plain)(message.payload)


def _names_secret(message: Message) -> bool:
    """It, or the question that it answers."""
    asked = "" if message.question is None else str(message.question.raw)
    return "authorizationkey" in (str(message.raw) + asked).lower()


def _without_secret(text: str) -> str:
    """What names AuthorizationKey in an odd way may hold its value anywhere."""
    return "(not shown: it names AuthorizationKey)" if "authorizationkey" in text.lower() else text


class Screen:
    """Lines for a terminal (with colour) or a pipe (without)."""

    def __init__(self, write: Callable[[str], object] | None = None, colour: bool | None = None):
        self._write = write or print
        self._colour = wants_colour(sys.stdout) if colour is None else colour

    def paint(self, text: str, *codes: str) -> str:
        if not self._colour or not codes or not text:
            return text
        return f"\x1b[{';'.join(codes)}m{text}\x1b[0m"

    def line(self, text: str = "", *codes: str) -> None:
        self._write(self.paint(text, *codes))

    def row(self, text: str, *codes: str) -> None:
        """A line with words of a charge point."""
        self.line(plain(text), *codes)

    def message(self, message: Message, who: str = "") -> None:
        """`who`: the charge point's id, where there are several."""
        from_station = message.direction == FROM_STATION
        arrow = "→" if from_station else "←"
        hue = CYAN if from_station else MAGENTA
        text, action = plain(describe(message)), plain(message.action[:_LONGEST])
        if message.kind == "call":
            body = f"{self.paint(arrow, hue)} {self.paint(action.ljust(22), BOLD, hue)} {text}".rstrip()
        elif message.kind == "result":
            body = f"{self.paint(arrow, DIM)}   {self.paint(text, DIM)}"
        else:
            body = self.paint(f"{arrow}   {text}", RED)
        if who:
            body = f"{self.paint(plain(who).ljust(10), BOLD)}  {body}"
        self._write(f"{self.paint(clock(message.at), DIM)}  {body}")
        if message.violation and from_station:
            objection = "(not shown)" if _names_secret(message) else plain(message.violation[:_LONGEST])
            self.line(f"{'':14}! against the official schema: {objection}", RED)

    def connector(self, text: str) -> None:
        """Something happened at a connector or to the charger."""
        self._now("* " + text, GREEN)

    def note(self, text: str, *codes: str) -> None:
        """The bench itself has something to say."""
        self._now("· " + text, *(codes or (YELLOW,)))

    def trouble(self, text: str) -> None:
        self.note(text, RED)

    def _now(self, text: str, *codes: str) -> None:
        self._write(f"{self.paint(clock(datetime.now(UTC)), DIM)}  {self.paint(text, *codes)}")
