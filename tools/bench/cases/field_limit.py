# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Not in the catalogue, needed in the field: what a charging profile does to the car.

A limit of which nothing can be charged suspends the transaction, and does not end it (OCPP 1.6, 3.13: many
charge points stop). What the car is offered says the driver, where he can, and else Current.Offered.
"""

import time

from bench.cases.catalogue import case
from bench.cases.charging import DEFAULT, MAXIMUM, SMART, TX, Charging, ready
from bench.cases.exempt import needs_ac, needs_the_measurand, needs_two_connectors
from bench.cases.expected import OneOf, start, status
from bench.cases.failed import Failed, NotApplicable
from bench.cases.metering import meter_values
from bench.cases.play import Play
from bench.messages import Message

_OFFERED = "Current.Offered"
_ASK_S = 0.2
_DEVIATION_A = 0.3  # of a duty cycle, IEC 61851-1, table A.7


async def _is(play: Play, name: str) -> Message:
    """The connector tells this status, within the time that a new limit may take."""
    # A car that may charge again does not draw current at once.
    if name == "Charging":
        play.tolerate(play.status("SuspendedEV"))
    wait_s = play.parameters.limit_s + play.parameters.patience_s
    (message,) = await play.expect(play.status(name), within_s=wait_s)
    return message


async def _is_suspended(play: Play) -> None:
    await _is(play, "SuspendedEVSE")
    await play.nothing()


async def _in_amperes(play: Play, installed: int = 1) -> Charging:
    smart = await ready(play, installed=installed)
    if smart.unit != "A":
        raise NotApplicable("it takes no limits in A")
    return smart


@case("A limit of 0", SMART)
async def field_limit_1(play: Play) -> None:
    """The transaction goes on, and the car charges when the limit is gone."""
    smart = await ready(play)
    await play.charging()
    await smart.put(smart.profile(1, TX, (0, 0)))
    await _is_suspended(play)
    await smart.gives(300, (0, 0))
    await smart.put(smart.profile(1, TX, (0, 10)))
    await _is(play, "Charging")
    await play.nothing()


@case("A limit below the least that a car can be offered", SMART, exemption=needs_ac)
async def field_limit_2(play: Play) -> None:
    """IEC 61851-1: 6 A. The composite schedule tells it as it is."""
    smart = await _in_amperes(play)
    await play.charging()
    await smart.put(smart.profile(1, DEFAULT, (0, 5.9)))
    await _is_suspended(play)
    await smart.gives(300, (0, 5.9))
    await smart.clear(id=1)
    await _is(play, "Charging")


@case("A limit that comes and goes by itself", SMART)
async def field_limit_3(play: Play) -> None:
    """The boundaries of a schedule are kept; when it is over, the one below counts."""
    smart = await ready(play, installed=2, periods=2, level=1)
    lasts_s = play.parameters.profile_s
    await play.charging()
    now = int(time.time()) - smart.began
    begins, ends = int(now + lasts_s), int(now + 3 * lasts_s)
    await smart.put(smart.profile(1, DEFAULT, (0, 10)))
    await smart.put(smart.profile(2, DEFAULT, (0, 10), (begins, 0), level=1, duration=ends))
    _at(play, smart, await _is(play, "SuspendedEVSE"), begins, play.parameters.deviation_s)
    _at(play, smart, await _is(play, "Charging"), ends, play.parameters.limit_s)


def _at(play: Play, smart: Charging, message: Message, second: int, late_s: float) -> None:
    off_s = message.at.timestamp() - smart.began - second
    if not -play.parameters.deviation_s <= off_s <= late_s:
        raise Failed("the boundary of the schedule", str(message), f"it is {off_s:+.1f} s off")


@case("A transaction that begins under a limit of 0", SMART)
async def field_limit_4(play: Play) -> None:
    smart = await ready(play)
    await smart.put(smart.profile(1, DEFAULT, (0, 0)), connector=0)
    await play.plugged_in()
    await play.remotely_started()
    began = start(play.tag, play.connector)
    play.began(await play.any_order(began, play.status("SuspendedEVSE")))
    await play.nothing()
    await smart.clear()
    await _is(play, "Charging")


async def _offered(play: Play, connector: int | None = None) -> float:
    return await play.driver.offered(play.connector if connector is None else connector)


async def _becomes(play: Play, limit: float, why: str) -> None:
    """The car is offered this, and nothing above it any more."""
    give_up = time.monotonic() + play.parameters.limit_s
    while abs((told := await _offered(play)) - limit) > _DEVIATION_A:
        if time.monotonic() > give_up:
            raise Failed(f"{limit:g} A offered to the car", f"{told:g} A", why)
        await play.sleep(_ASK_S)
    await play.nothing(0)


@case("What the car is offered", SMART, stimuli=("offered",))
async def field_limit_5(play: Play) -> None:
    """From the first moment on, and when the limit changes."""
    smart = await _in_amperes(play, installed=2)
    await smart.put(smart.profile(1, DEFAULT, (0, 8)))
    await play.charging()
    told = await _offered(play)
    if told > 8 + _DEVIATION_A:
        raise Failed("8 A at most, offered to the car", f"{told:g} A", "the limit was there before")
    await _becomes(play, 8, "the TxDefaultProfile says so")
    await smart.put(smart.profile(2, MAXIMUM, (0, 7)))
    await _becomes(play, 7, "the maximum of the charge point counts as well")
    await smart.put(smart.profile(2, MAXIMUM, (0, 0)))
    await _is(play, "SuspendedEVSE")
    await _becomes(play, 0, "the maximum is 0")


@case("Current.Offered", SMART, exemption=needs_the_measurand(_OFFERED))
async def field_limit_6(play: Play) -> None:
    """OCPP 1.6, 7.31: the most that the car is offered; it is told as it is."""
    smart = await _in_amperes(play)
    key = "MeterValuesSampledData"
    answered = await play.call("ChangeConfiguration", key=key, value=_OFFERED)
    if answered.payload.get("status") != "Accepted":
        raise NotApplicable(f"{key} cannot be {_OFFERED}")
    await play.have("MeterValueSampleInterval", 1)
    await smart.put(smart.profile(1, DEFAULT, (0, 8)))
    await play.charging()
    play.watch("MeterValues")
    await _tells(play, 8)
    await smart.put(smart.profile(2, TX, (0, 10)))
    await _tells(play, 10)
    play.tolerate(meter_values(play))


async def _tells(play: Play, limit: float) -> None:
    give_up = time.monotonic() + play.parameters.limit_s
    while True:
        (message,) = await play.expect(meter_values(play))
        samples = message.payload["meterValue"][-1]["sampledValue"]
        found = [float(sample["value"]) for sample in samples if sample.get("measurand") == _OFFERED]
        if found and all(abs(value - limit) <= _DEVIATION_A for value in found):
            return
        if time.monotonic() > give_up:
            raise Failed(f"{_OFFERED} {limit:g}", str(message), "that is the limit")


@case(
    "Two connectors under one maximum",
    SMART,
    exemption=needs_two_connectors,
    stimuli=("offered",),
)
async def field_limit_7(play: Play) -> None:
    """OCPP 1.6, 3.13.1: together they are offered no more, and none goes without."""
    smart = await _in_amperes(play)
    other = next(number for number in play.claims.numbers if number != play.connector)
    stranger = play.parameters.other_tag
    await smart.put(smart.profile(1, MAXIMUM, (0, 16)))
    await play.charging()
    await play.plug(other)
    await play.expect(status("Preparing", other))
    await play.sleep(play.parameters.settle_s)
    questions = await play.asked_remotely(stranger)
    await play.ask("RemoteStartTransaction", "Accepted", connectorId=other, idTag=stranger)
    await play.expect(*questions)
    first = play.transaction
    # The one that charges gives its part away first.
    play.tolerate(status(OneOf("SuspendedEVSE", "SuspendedEV"), other))
    both = start(stranger, other), status("Charging", other)
    wait_s = play.parameters.limit_s + play.parameters.patience_s
    play.began(await play.any_order(*both, within_s=wait_s))
    play.transaction = first
    most = 0.0
    give_up = time.monotonic() + play.parameters.limit_s
    while True:
        here, there = await _offered(play), await _offered(play, other)
        together = here + there
        most = max(most, together)
        if min(here, there) >= 6 - _DEVIATION_A and together <= 16 + 2 * _DEVIATION_A:
            break
        if time.monotonic() > give_up:
            raise Failed(
                "16 A at most for both, and at least 6 A for each",
                f"{here:g} A and {there:g} A",
                "they share the maximum of the charge point",
            )
        await play.sleep(_ASK_S)
    if most > 16 + 2 * _DEVIATION_A:
        play.notes.append(f"before they shared the maximum both together were offered {most:g} A")
    await play.nothing(1)
