# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""`make demo`: one whole session, played by the bench: boot, plug, tag, charge, meter, stop, bill, unplug.

Every step waits for what must happen; what does not happen in time ends the demo with its reason and code 1.
"""

import asyncio
from datetime import UTC, datetime
from typing import Any

from bench.books import Transaction
from bench.charger import ChargerCrashed
from bench.control import ControlLost, ControlRefused
from bench.desk.screen import BOLD, GREEN, RED
from bench.desk.with_charger import CARD, Desk
from bench.messages import Message
from bench.station import CallRefused, NotSeen

SAMPLES = 5
INTERVAL_S = 2
REGISTER_WH = 1200
_PAUSE_S = 1.2
SETTINGS = {"MeterValueSampleInterval": str(INTERVAL_S)}  # a key that every station has


class Failed(Exception):
    """The session went otherwise than it must; the text is the reason."""


async def _step(desk: Desk, text: str) -> None:
    """The next thing that happens, said beforehand; a moment passes so that one can read what came before."""
    await asyncio.sleep(_PAUSE_S)
    desk.screen.line()
    desk.screen.line(text, BOLD)


def _must(condition: bool, reason: str) -> None:
    if not condition:
        raise Failed(reason)


def register_wh(meter_values: dict[str, Any]) -> int:
    """The energy register in a MeterValues.req. The standard's defaults apply where fields are left out."""
    for entry in meter_values["meterValue"]:
        for sample in entry["sampledValue"]:
            if sample.get("measurand", "Energy.Active.Import.Register") == "Energy.Active.Import.Register":
                return round(float(sample["value"]) * (1000 if sample.get("unit") == "kWh" else 1))
    raise Failed("a MeterValues without the energy register")


async def play(desk: Desk) -> int:
    """Play the session. Returns the process's exit code."""
    try:
        transaction = await _session(desk)
    except NotSeen as error:
        crash = desk.charger.crash
        reason = crash.partition(";")[0] if crash else str(error).partition("; the last messages")[0]
    except (Failed, ControlRefused, CallRefused) as error:
        reason = str(error)
    except (ChargerCrashed, ControlLost) as error:
        reason = str(error).partition(";")[0]
    else:
        desk.screen.line()
        desk.screen.line(bill(transaction), BOLD, GREEN)
        return 0
    desk.screen.line()
    desk.screen.line(f"The demo failed: {reason}", BOLD, RED)
    return 1


async def _session(desk: Desk) -> Transaction:
    station = desk.station
    await _step(desk, "1. The charger starts and reports to the CSMS.")
    await desk.begin()
    await desk.charger.do("meter", connector=1, wh=REGISTER_WH)  # a meter that has served others before

    await _step(desk, "2. A car arrives; the driver plugs it in.")
    await desk.charger.do("plug", connector=1)
    await station.expect("StatusNotification", connectorId=1, status="Preparing")

    await _step(desk, f"3. The driver holds card {CARD} before the reader.")
    await desk.charger.do("tag", id=CARD)
    start = await station.expect("StartTransaction", timeout=10, connectorId=1, idTag=CARD)
    await station.expect("StatusNotification", timeout=15, connectorId=1, status="Charging")

    await _step(desk, f"4. The car charges; the meter is read every {INTERVAL_S} s.")
    registers = [start.payload["meterStart"]]
    _must(
        registers[0] == REGISTER_WH, f"the meter stood at {REGISTER_WH} Wh, the start says {registers[0]} Wh"
    )
    for _ in range(SAMPLES):
        values = await station.expect("MeterValues", timeout=INTERVAL_S * 4, where=_sampled)
        registers.append(register_wh(values.payload))
    _must(registers == sorted(registers), f"the energy register went backwards: {registers}")
    _must(registers[-1] > registers[0], f"the car drew nothing: the register stayed at {registers[0]} Wh")

    await _step(desk, "5. The driver holds the card before the reader again: that is enough.")
    await desk.charger.do("tag", id=CARD)
    stop = await station.expect("StopTransaction", timeout=10)
    await station.expect("StatusNotification", connectorId=1, status="Finishing")
    transaction = await _billed(desk, start, stop, registers[-1])

    await _step(desk, "6. The driver pulls the cable out.")
    await desk.charger.do("unplug", connector=1)
    await station.expect("StatusNotification", connectorId=1, status="Available")
    await asyncio.sleep(_PAUSE_S)
    _must(not station.violations, f"against the official schema: {[m.violation for m in station.violations]}")
    return transaction


def _sampled(payload: dict[str, Any]) -> bool:
    return any(
        sample.get("context", "Sample.Periodic") == "Sample.Periodic"
        for entry in payload["meterValue"]
        for sample in entry["sampledValue"]
    )


async def _billed(desk: Desk, start: Message, stop: Message, last_wh: int) -> Transaction:
    """The transaction as it stands in the CSMS's books, complete and consistent with what was seen."""
    transaction = desk.csms.books.transactions[max(desk.csms.books.transactions)]
    for _ in range(50):  # the books are written after the message was seen
        if transaction.stopped:
            break
        await asyncio.sleep(0.02)
    _must(transaction.stopped is not None, "the transaction is still open in the CSMS's books")
    _must(stop.payload["transactionId"] == transaction.id, "another transaction was stopped")
    _must(transaction.reason == "Local", f"the reason of the stop is {transaction.reason}, not Local")
    _must(transaction.meter_start_wh == start.payload["meterStart"], "the books disagree about the start")
    _must((transaction.meter_stop_wh or 0) >= last_wh, "the register at the end is below the last reading")
    _must(abs((datetime.now(UTC) - transaction.started).total_seconds()) < 60, "the charger's clock is wrong")
    return transaction


def bill(transaction: Transaction) -> str:
    minutes, seconds = divmod(round(transaction.duration_s or 0), 60)
    return (
        f"Bill: {transaction.energy_wh} Wh in {minutes} min {seconds} s, card {transaction.tag} "
        f"(meter {transaction.meter_start_wh} Wh to {transaction.meter_stop_wh} Wh, "
        f"transaction {transaction.id}, stopped: {transaction.reason})"
    )
