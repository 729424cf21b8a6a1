# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""What a message of the charge point must be."""

from dataclasses import dataclass, field
from typing import Any

from bench.messages import Message

# Which of the two comes first is the charge point's affair, in every case.
_TWINS = (("StartTransaction", "Charging"), ("StopTransaction", "Finishing"))


class OneOf:
    """A field's value is one of these; None: the field may be left out."""

    def __init__(self, *values: Any):
        self.values = values

    def __eq__(self, other: object) -> bool:
        return other in self.values

    def __hash__(self) -> int:
        return hash(self.values)

    def __repr__(self) -> str:
        return " or ".join("nothing" if value is None else str(value) for value in self.values)


@dataclass(frozen=True)
class Expected:
    """A CALL with these fields. What other fields it has is the schema's affair."""

    action: str
    fields: dict[str, Any] = field(default_factory=dict)

    def objection(self, message: Message) -> str | None:
        """What is wrong with `message`, in a few words; None: this is it."""
        if message.action != self.action:
            return f"it is no {self.action}"
        for name, wanted in self.fields.items():
            told = message.payload.get(name)
            same = told == wanted
            if name == "idTag" and isinstance(told, str) and isinstance(wanted, str):
                same = told.upper() == wanted.upper()  # a CiString
            if not same:
                return f"{name} is {'missing' if told is None else told}, not {wanted}"
        return None

    def twin_of(self, other: "Expected") -> bool:
        """The two may be swapped."""
        return any(
            first.action == action and second.fields.get("status") == status
            for first, second in ((self, other), (other, self))
            for action, status in _TWINS
        )

    def __str__(self) -> str:
        return " ".join([self.action, *(f"{name}={value}" for name, value in self.fields.items())])


def boot() -> Expected:
    return Expected("BootNotification")


def heartbeat() -> Expected:
    return Expected("Heartbeat")


def status(name: str | OneOf, connector: int) -> Expected:
    return Expected("StatusNotification", {"connectorId": connector, "status": name})


def authorize(tag: str) -> Expected:
    return Expected("Authorize", {"idTag": tag})


def start(tag: str, connector: int, **fields: Any) -> Expected:
    """`reservationId`: OneOf(None) where there is to be none."""
    return Expected("StartTransaction", {"connectorId": connector, "idTag": tag, **fields})


def stop(transaction: int, **fields: Any) -> Expected:
    """`reason`: one that is left out means Local."""
    return Expected("StopTransaction", {"transactionId": transaction, **fields})


_EDGES = ("Transaction.Begin", "Transaction.End", "Interruption.Begin", "Interruption.End")


@dataclass(frozen=True)
class Samples(Expected):
    """MeterValues that are taken again and again: not those of a beginning or an end, which some charge
    points send as well.
    """

    edges: bool = False

    def objection(self, message: Message) -> str | None:
        wrong = super().objection(message)
        if wrong is not None:
            return wrong
        contexts = [
            sample.get("context")
            for entry in message.payload["meterValue"]
            for sample in entry["sampledValue"]
        ]
        at_the_edge = bool(contexts) and all(context in _EDGES for context in contexts)
        return None if at_the_edge == self.edges else "it is of a beginning or an end"


def edges() -> Samples:
    """MeterValues of the beginning or the end of a transaction."""
    return Samples("MeterValues", edges=True)
