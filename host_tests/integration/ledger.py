# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""What must be true of all messages of a charge point, whatever a test was about.

Ids are used once; one CALL at a time; nothing but BootNotification before Accepted; no status told twice;
each transaction started and stopped once, its registers and times never going back.
"""

from collections import Counter

from bench.charger import SimulatedCharger
from bench.csms import Csms
from bench.messages import FROM_STATION, Message, parse_utc
from bench.station import Station

ENERGY = "Energy.Active.Import.Register"


class Boots:
    """Where in the log each boot of the charger begins, seen from its connections and its processes."""

    def __init__(self, csms: Csms, charger: SimulatedCharger):
        self.starts: list[int] = []
        self._processes = -1
        self._charger = charger
        csms.connection_hooks.append(self._connection)

    def _connection(self, station: Station, up: bool) -> None:
        if up and len(self._charger.exit_codes) != self._processes:
            self._processes = len(self._charger.exit_codes)
            self.starts.append(station.log.next_index)


def audit(station: Station, boots: list[int], repeats: tuple[str, ...], late_answers: bool) -> None:
    """`repeats`: actions whose messages the CSMS made the charge point send again (same id, same payload).
    `late_answers`: the CSMS did not answer in time, so there may be two questions before an answer.
    """
    _ids(station, repeats)
    _registration(station, boots)
    _statuses(station, boots)
    _transactions(station)
    if not late_answers:
        _one_at_a_time(station)


def registers(payload: dict) -> list[tuple[str, int]]:
    """(timestamp, Wh) of every energy register in a MeterValues.req."""
    return [
        (entry["timestamp"], int(sample["value"]))
        for entry in payload["meterValue"]
        for sample in entry["sampledValue"]
        if sample.get("measurand", ENERGY) == ENERGY
    ]


def is_call(message: Message) -> bool:
    """A request of the charge point."""
    return message.direction == FROM_STATION and message.kind == "call"


def _ids(station: Station, repeats: tuple[str, ...]) -> None:
    seen: dict[str, Message] = {}
    for call in filter(is_call, station.log):
        first = seen.setdefault(call.id, call)
        assert first is call or call.action in repeats, f"sent twice: {call}"
        assert first.raw == call.raw, f"an id for two messages:\n{first}\n{call}"


def _one_at_a_time(station: Station) -> None:
    """OCPP-J section 4.1.1. A CALL that was never answered says nothing: its connection was lost."""
    answered = {m.id: m.index for m in station.log if m.direction != FROM_STATION and m.kind != "call"}
    calls = Counter(call.id for call in filter(is_call, station.log))
    last: Message | None = None
    for call in filter(is_call, station.log):
        if last is not None and calls[last.id] == 1:
            assert answered.get(last.id, 0) < call.index, f"{call} before {last} was answered"
        last = call


def _triggered(message: Message) -> str | None:
    """What the CSMS asks for with this message."""
    if message.action == "TriggerMessage" and message.kind == "call":
        return message.payload["requestedMessage"]
    return None


def _registration(station: Station, boots: list[int]) -> None:
    accepted = False
    asked: set[str | None] = set()  # by TriggerMessage: that may be said while Pending
    for message in station.log:
        if message.index in boots:
            accepted = False
            asked.clear()
        asked.add(_triggered(message))
        if message.action == "BootNotification":
            accepted = message.kind == "result" and message.payload.get("status") == "Accepted"
        elif is_call(message):
            assert accepted or message.action in asked, f"not accepted by the CSMS: {message}"


def _statuses(station: Station, boots: list[int]) -> None:
    known: dict[int, dict | None] = {}  # what the CSMS has confirmed; None: it may know or not
    for message in station.log:
        if message.index in boots:
            known.clear()
        accepted = message.action == "BootNotification" and message.payload.get("status") == "Accepted"
        if accepted or _triggered(message) == "StatusNotification":
            known.clear()  # it is told, known or not
        if message.action != "StatusNotification":
            continue
        call = message if is_call(message) else message.question
        assert call is not None
        number = call.payload["connectorId"]
        report = {key: value for key, value in call.payload.items() if key != "timestamp"}
        if call is message:
            assert known.get(number) != report, f"the CSMS knows already: {message}"
            known[number] = None
        elif message.kind == "result":
            known[number] = report


def _transactions(station: Station) -> None:
    starts: dict[tuple, str] = {}
    stops: dict[int, str] = {}
    last: dict[int, tuple] = {}  # transactionId -> (time, register)
    for message in station.log:
        payload = message.payload
        if message.kind == "result" and message.action == "StartTransaction" and message.question is not None:
            begun = message.question.payload
            last.setdefault(payload["transactionId"], (parse_utc(begun["timestamp"]), begun["meterStart"]))
        if not is_call(message):
            continue
        if message.action == "StartTransaction":
            key = (payload["connectorId"], payload["timestamp"], payload["meterStart"])
            assert starts.setdefault(key, message.id) == message.id, f"started twice: {message}"
        elif message.action == "MeterValues" and "transactionId" in payload:
            number = payload["transactionId"]
            assert number == -1 or number not in stops, f"behind the end: {message}"
            for timestamp, wh in registers(payload):
                _onward(last, number, timestamp, wh, message)
        elif message.action == "StopTransaction":
            number = payload["transactionId"]
            if number != -1:
                assert stops.setdefault(number, message.id) == message.id, f"stopped twice: {message}"
            _onward(last, number, payload["timestamp"], payload["meterStop"], message)


def _onward(last: dict, number: int, timestamp: str, wh: int, message: Message) -> None:
    time = parse_utc(timestamp)
    if number in last and number != -1:
        before, register = last[number]
        assert time >= before, f"earlier than the one before it: {message}"
        assert wh >= register, f"the register goes back from {register} Wh: {message}"
    last[number] = (time, wh)
