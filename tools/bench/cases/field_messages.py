# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Not in the catalogue, needed in the field: messages that go wrong or cross each other."""

from typing import Any

from bench.cases.catalogue import case
from bench.cases.exempt import needs
from bench.cases.expected import Expected, OneOf, authorize, start, status, stop
from bench.cases.failed import Failed
from bench.cases.play import Play
from bench.messages import Message
from bench.scripts import call_error, hang_up, late, silence

# OCPP-J 4.2.3: what the field answers to a payload that its schema forbids.
FORMATION = (
    "FormationViolation",
    "FormatViolation",
    "TypeConstraintViolation",
    "PropertyConstraintViolation",
    "OccurenceConstraintViolation",
    "OccurrenceConstraintViolation",
    "ProtocolError",
)


async def _lives(play: Play) -> None:
    await play.call("GetConfiguration", key=["HeartbeatInterval"])


@case("Payloads that the schemas forbid")
async def field_message_1(play: Play) -> None:
    wrong: tuple[tuple[str, dict[str, Any]], ...] = (
        ("ChangeConfiguration", {"key": "HeartbeatInterval"}),
        ("UnlockConnector", {"connectorId": "one"}),
        ("Reset", {"type": "Lukewarm"}),
        ("ChangeAvailability", {"connectorId": 1.5, "type": "Operative"}),
    )
    for action, payload in wrong:
        await play.ask(action, *FORMATION, check=False, **payload)
    await _lives(play)


@case("An action that nobody knows")
async def field_message_2(play: Play) -> None:
    await play.ask("MakeCoffee", "NotImplemented", "NotSupported", check=False, cups=1)
    await _lives(play)


@case("A key that is too long")
async def field_message_3(play: Play) -> None:
    fields: dict[str, Any] = {"key": "K" * 51, "value": "1"}  # CiString50
    await play.ask("ChangeConfiguration", "NotSupported", "Rejected", *FORMATION, check=False, **fields)
    await _lives(play)


@case("A frame that is not UTF-8")
async def field_message_4(play: Play) -> None:
    connections = play.station.connections
    await play.station.send_text_frame(b'[2,"bad","Reset",{"type":"Ha\xffrd"}]')
    # RFC 6455, 8.1: the connection fails. It comes back, or it lives on; it does not reset.
    try:
        await _lives(play)
    except Failed:
        await play.new_connection(connections + 1, "the same charge point")
        await _lives(play)


@case("A CALL of the CSMS crosses one of the charge point")
async def field_message_5(play: Play) -> None:
    await play.alone()
    # Its own answer comes when nobody waits for the other any more.
    play.answer("Authorize", late(play.parameters.patience_s + 1))
    play.tolerate(play.status("Preparing"))
    await play.present(play.tag)
    await play.unanswered(Expected("Authorize", {"idTag": play.tag}))
    await _lives(play)
    await play.sleep(play.parameters.patience_s + 1)


def _same(first: Message, second: Message) -> None:
    if first.payload != second.payload:
        raise Failed(f"once more {first}", str(second), "a message that is repeated says the same")


@case("StartTransaction is answered by CALLERRORs")
async def field_message_6(play: Play) -> None:
    wait_s = play.parameters.attempt_s
    await play.have("TransactionMessageAttempts", 3)
    await play.have("TransactionMessageRetryInterval", wait_s)
    play.answer("StartTransaction", *(call_error("InternalError") for _ in range(3)))
    await play.plugged_in()
    await play.remotely_started()
    play.tolerate(play.status("Charging"))
    seen: list[Message] = []
    for number in range(3):
        # OCPP 1.6, 3.7.1: the interval times the number of transmissions before.
        within_s = number * wait_s + play.parameters.patience_s
        seen += await play.expect(start(play.tag, play.connector), within_s=within_s)
    _same(seen[0], seen[1])
    _same(seen[0], seen[2])
    play.after(seen[0], seen[1], wait_s, "StartTransaction again")
    play.after(seen[1], seen[2], 2 * wait_s, "StartTransaction again")
    await play.nothing(3 * wait_s + play.parameters.deviation_s)
    # Errata 3.18: what has no id is ended all the same.
    await play.unplug()
    await play.expect(stop(-1), play.status("Finishing", "Available"), within_s=play.parameters.patience_s)
    play.tolerate(play.status("Available"))


@case(
    "The connection ends before StopTransaction is answered",
    exemption=needs("TransactionMessageRetryInterval"),
)
async def field_message_7(play: Play) -> None:
    await play.prefer("TransactionMessageRetryInterval", play.parameters.attempt_s)
    await play.alone()
    await play.charging()
    play.answer("StopTransaction", hang_up())
    play.tolerate(play.status("Finishing"))
    await play.present(play.tag)
    play.reconnects()
    ended = stop(play.transaction, reason=OneOf("Local", None))
    first = await play.unanswered(ended)
    (second,) = await play.expect(ended, within_s=play.parameters.restart_s)
    _same(first, second)
    await play.nothing()


@case("ChangeAvailability twice")
async def field_message_8(play: Play) -> None:
    fields = {"connectorId": play.connector, "type": "Inoperative"}
    await play.ask("ChangeAvailability", "Accepted", **fields)
    await play.expect(status("Unavailable", play.connector))
    await play.ask("ChangeAvailability", "Accepted", **fields)
    await play.nothing(1)


@case("ChangeAvailability during a transaction")
async def field_message_9(play: Play) -> None:
    await play.charging()
    await play.ask("ChangeAvailability", "Scheduled", connectorId=play.connector, type="Inoperative")
    await play.nothing(1)
    await play.ask("RemoteStopTransaction", "Accepted", transactionId=play.transaction)
    play.tolerate(play.status("Finishing"))
    ended, unavailable = stop(play.transaction, reason="Remote"), play.status("Unavailable")
    if (await play.either(ended, unavailable)).action != "StopTransaction":
        await play.expect(ended)
    elif await play.maybe(unavailable, within_s=play.parameters.idle_s) is None:
        # Some wait until the cable is out.
        await play.unplug()
        await play.expect(unavailable)
        return
    await play.unplug()


@case("ChangeAvailability while a car waits")
async def field_message_10(play: Play) -> None:
    """Stations differ in whether a car without a transaction keeps it; in the end it is Unavailable."""
    await play.plugged_in()
    fields = {"connectorId": play.connector, "type": "Inoperative"}
    answered = await play.ask("ChangeAvailability", "Accepted", "Scheduled", **fields)
    if answered.payload["status"] == "Scheduled":
        await play.nothing(1)
        await play.unplug()
        await play.expect(status("Unavailable", play.connector))
        return
    await play.expect(status("Unavailable", play.connector))
    await play.unplug()
    await play.nothing(1)


@case("StartTransaction is not answered")
async def field_message_11(play: Play) -> None:
    await play.prefer("MessageTimeout", 5)
    await play.have("TransactionMessageAttempts", 3)
    await play.have("TransactionMessageRetryInterval", play.parameters.attempt_s)
    play.answer("StartTransaction", silence())
    await play.plugged_in()
    await play.remotely_started()
    play.tolerate(play.status("Charging"))
    play.reconnects()  # some take such a connection for a dead one
    started = start(play.tag, play.connector)
    first = await play.unanswered(started)
    seen = await play.expect(started, within_s=play.parameters.own_retry_s)
    _same(first, seen[0])
    play.began(seen)
    await play.ask("RemoteStopTransaction", "Accepted", transactionId=play.transaction)
    await play.expect(stop(play.transaction, reason="Remote"), play.status("Finishing"))


@case("One CALL at a time")
async def field_message_12(play: Play) -> None:
    """OCPP-J 4.1.1: the next one waits for the answer to the last; `arrivals.py` looks for that in all cases,
    but only a late answer shows it.
    """
    await play.alone()
    play.answer("StatusNotification", late(1.5))
    await play.plug()
    await play.unanswered(play.status("Preparing"))
    await play.present(play.tag)
    await play.expect(authorize(play.tag))
    await play.started()
