# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Not in the catalogue, needed in the field: what a triggered message says, and when it may be triggered."""

from bench.cases.arrivals import BORNE
from bench.cases.catalogue import case
from bench.cases.expected import Expected, boot, heartbeat, status
from bench.cases.field_boot import pending
from bench.cases.field_messages import FORMATION
from bench.cases.metering import measurands, meter_values, must_hold
from bench.cases.play import Play
from bench.cases.trigger import TRIGGER, trigger

# For a power cycle to be over, and all that is triggered to be told, before BootNotification comes by itself.
_INTERVALS = 3


@case("Triggered messages while Pending, and nothing else", TRIGGER)
async def field_trigger_1(play: Play) -> None:
    """OCPP 1.6, 4.2: nothing goes out but what the CSMS has triggered, of this connector only."""
    here = {"connectorId": play.connector}
    retry_s = await pending(play, _INTERVALS)
    await trigger(play, "MeterValues", **here)
    await play.expect(Expected("MeterValues", here))
    await trigger(play, "StatusNotification", **here)
    await play.expect(play.status("Available"))
    await trigger(play, "Heartbeat")
    await play.expect(heartbeat())
    await play.nothing()
    answered = await trigger(play, "BootNotification", "Accepted", "Rejected", "NotImplemented")
    wait_s = 0 if answered == "Accepted" else retry_s
    await play.expect(boot(), within_s=wait_s + play.parameters.patience_s)
    play.bear(*BORNE)
    await play.any_order(*(status("Available", number) for number in (0, *play.claims.numbers)))


@case("Triggered meter values of a transaction", TRIGGER)
async def field_trigger_2(play: Play) -> None:
    """Errata 3.46: the measurands of MeterValuesSampledData; their context is Trigger (7.35)."""
    await play.prefer("MeterValueSampleInterval", 0)
    wanted = measurands(await play.configured("MeterValuesSampledData"))
    await play.charging()
    play.watch("MeterValues")
    await trigger(play, "MeterValues", connectorId=play.connector)
    (message,) = await play.expect(meter_values(play))
    must_hold(message, "Trigger", wanted)
    await trigger(play, "StatusNotification", connectorId=play.connector)
    await play.expect(play.status("Charging"))


@case("Trigger of all connectors", TRIGGER)
async def field_trigger_3(play: Play) -> None:
    """OCPP 1.6, 6.51: without a connectorId all of them are meant. Whether 0 is one of them is left open."""
    play.watch("MeterValues")
    play.tolerate(status("Available", 0), Expected("MeterValues", {"connectorId": 0}))
    await trigger(play, "StatusNotification")
    await play.any_order(*(status("Available", number) for number in play.claims.numbers))
    await trigger(play, "MeterValues")
    await play.any_order(
        *(Expected("MeterValues", {"connectorId": number}) for number in play.claims.numbers)
    )


@case("Trigger of a message that is none", TRIGGER)
async def field_trigger_4(play: Play) -> None:
    refusals = ("NotImplemented", "Rejected", "NotSupported", *FORMATION)
    await trigger(play, "MakeCoffee", *refusals, check=False)
    await play.nothing(1)
