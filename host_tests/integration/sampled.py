# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Reading MeterValues and transactionData; what each station of boards/sim can measure."""

from datetime import datetime
from typing import Any

from bench.messages import Message, parse_utc
from host_tests.integration.case import (
    CARD,
    Case,
    status,
    stop,
    swapped,
)

ENERGY = "Energy.Active.Import.Register"
INTERVAL = "Energy.Active.Import.Interval"

# measurand -> (unit, location, phases on a three-phase station); frequency has no unit (errata 3.84), and
# temperature is spelt as the standard does.
FORM = {
    ENERGY: ("Wh", "Outlet", ()),
    INTERVAL: ("Wh", "Outlet", ()),
    "Energy.Active.Export.Register": ("Wh", "Outlet", ()),
    "Energy.Reactive.Import.Register": ("varh", "Outlet", ()),
    "Energy.Reactive.Export.Register": ("varh", "Outlet", ()),
    "Power.Active.Import": ("W", "Outlet", ()),
    "Power.Offered": ("W", "Outlet", ()),
    "Current.Import": ("A", "Outlet", ("L1", "L2", "L3")),
    "Current.Export": ("A", "Outlet", ("L1", "L2", "L3")),
    "Current.Offered": ("A", "Outlet", ()),
    "Voltage": ("V", "Outlet", ("L1-N", "L2-N", "L3-N")),
    "Frequency": (None, "Outlet", ()),
    "Temperature": ("Celcius", "Outlet", ()),
    "SoC": ("Percent", "EV", ()),
}

# What each station's certificate says it can report, its phases and its nominal voltage.
LOOP = f"Current.Import,Current.Offered,{ENERGY},Power.Active.Import,Power.Offered,Temperature,Voltage"
XCHARGE = (
    f"Current.Export,Current.Import,Current.Offered,Energy.Active.Export.Register,{ENERGY},"
    "Energy.Reactive.Export.Register,Energy.Reactive.Import.Register,Power.Active.Import,SoC,Voltage,"
    "Power.Offered,Temperature"
)
GENERIC = (
    f"{ENERGY},{INTERVAL},Power.Active.Import,Power.Offered,Current.Import,Current.Offered,Voltage,Frequency,"
    "Temperature"
)
STATIONS = {
    "loop_evs32a": (LOOP, 1, 240),
    "ecarplug_ac": (ENERGY, 3, 230),
    "generic_socket": (GENERIC, 3, 230),
    "xcharge_c6": (XCHARGE, 1, 500),
}


def moment(value: dict[str, Any]) -> datetime:
    return parse_utc(value["timestamp"])


def numbers(value: dict[str, Any]) -> dict[str, float]:
    """One meterValue: measurand, with its phase where it has one, -> number."""
    return {
        sample["measurand"] + ("." + sample["phase"] if "phase" in sample else ""): float(sample["value"])
        for sample in value["sampledValue"]
    }


def only(message: Message, transaction: int | None = 1, connector: int = 1) -> dict[str, Any]:
    """The one meterValue of a MeterValues of this transaction."""
    assert message.payload["connectorId"] == connector
    assert message.payload.get("transactionId") == transaction
    (value,) = message.payload["meterValue"]
    return value


def check_form(value: dict[str, Any], context: str, names: str, phases: int) -> None:
    """Every measurand of `names`, in all its phases, once and with everything spelt out; and no other."""
    expected = set()
    for name in names.split(","):
        unit, location, phased = FORM[name]
        for phase in (phased if phases == 3 else ()) or (None,):
            expected.add((name, context, unit, location, phase))
    found = [
        (s["measurand"], s["context"], s.get("unit"), s["location"], s.get("phase"))
        for s in value["sampledValue"]
    ]
    assert len(found) == len(set(found))
    assert set(found) == expected
    assert all("format" not in sample for sample in value["sampledValue"])


def stop_of(messages: list[Message]) -> dict[str, Any]:
    (message,) = [message for message in messages if message.action == "StopTransaction"]
    return message.payload


async def ends(case: Case, tag: str = CARD, transaction: int = 1, **more: Any) -> dict[str, Any]:
    """End by the driver's tag; returns StopTransaction."""
    await case.swipe(tag)
    return stop_of(
        await case.sees(swapped(stop("Local", tag, transaction, **more), status("Finishing")), within=10)
    )
