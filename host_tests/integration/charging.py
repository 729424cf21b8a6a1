# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Charging profiles as a CSMS sends them to the charger of a `Case`."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

from bench.messages import utc_text
from host_tests.integration.case import Case

MAX, DEFAULT, TX = "ChargePointMaxProfile", "TxDefaultProfile", "TxProfile"


def profile(
    number: int, purpose: str, *rows: tuple[Any, ...], unit: str = "A", start: float | None = 0, **more: Any
):
    """csChargingProfiles. `rows`: (startPeriod, limit) or with numberPhases behind; `start`: seconds
    from now."""
    names = ("startPeriod", "limit", "numberPhases")
    plan: dict[str, Any] = {
        "chargingRateUnit": unit,
        "chargingSchedulePeriod": [dict(zip(names, row, strict=False)) for row in rows],
    }
    if start is not None:
        plan["startSchedule"] = utc_text(datetime.now(UTC) + timedelta(seconds=start))
    if "duration" in more:
        plan["duration"] = more.pop("duration")
    return {
        "chargingProfileId": number,
        "stackLevel": more.pop("level", 0),
        "chargingProfilePurpose": purpose,
        "chargingProfileKind": more.pop("kind", "Absolute"),
        "chargingSchedule": plan,
        **more,
    }


async def install(case: Case, connector: int, given: dict[str, Any]) -> str:
    return await case.ask("SetChargingProfile", connectorId=connector, csChargingProfiles=given)


async def composite(
    case: Case, connector: int = 1, duration: int = 600, unit: str = "A"
) -> list[tuple[int, float]]:
    message = await case.station.send_call(
        "GetCompositeSchedule", {"connectorId": connector, "duration": duration, "chargingRateUnit": unit}
    )
    answer = await case.station.answer_to(message)
    assert answer.payload["status"] == "Accepted", answer
    periods = answer.payload["chargingSchedule"]["chargingSchedulePeriod"]
    return [(period["startPeriod"], period["limit"]) for period in periods]


async def offers(case: Case, offered_da: int, within: float, number: int = 1) -> float:
    """Seconds until the pilot offers that."""
    began = time.monotonic()
    await case.until(lambda state: state["offered_da"] == offered_da, within, number)
    return time.monotonic() - began
