# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The simulated charger's `state` (DESIGN section 6), in words a person reads."""

from dataclasses import dataclass
from typing import Any

from bench.screen import amount

State = dict[str, Any]


@dataclass
class ConnectorRow:
    number: int
    summary: str
    visible: str  # the summary without what moves all the time
    detail: str
    meter: str
    power_w: int


def connector_rows(state: State) -> list[ConnectorRow]:
    return [_row(entry) for entry in state["connectors"]]


def _row(entry: State) -> ConnectorRow:
    power_w = entry.get("power_w") or 0
    words = [entry["status"] or "-", f"pilot {entry['pilot']}"]
    words.append("contactor closed" if entry["contactor"] else "contactor open")
    if entry.get("lock") is not None:
        words.append("cable locked" if entry["lock"] else "cable unlocked")
    if entry.get("transaction") is not None:
        words.append(f"transaction {entry['transaction']}")
    words += entry.get("faults") or []
    visible = "  ".join(words)
    if power_w:
        words.append(amount(power_w, "W"))
    energy = entry.get("energy_wh")
    meter = "the meter does not answer" if energy is None else f"{energy} Wh, {amount(power_w, 'W')}"
    detail = ""
    return ConnectorRow(entry["connector"], "  ".join(words), visible, detail, meter, power_w)


def station_rows(state: State) -> list[tuple[str, str]]:
    heap = state.get("heap") or {}
    return [("heap", f"{heap.get('used', 0):,} bytes used, {heap.get('free', 0):,} free")]
