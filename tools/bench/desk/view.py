# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The simulated charger's `state` (DESIGN section 6), in words a person reads."""

from dataclasses import dataclass
from typing import Any

from bench.desk.screen import amount

State = dict[str, Any]


@dataclass
class ConnectorRow:
    number: int
    visible: str  # status, pilot, contactor, lock, transaction, faults: a change of these is news
    power_w: int
    detail: str  # what is offered and why, the meter, the transaction

    @property
    def summary(self) -> str:
        return f"{self.visible}  {amount(self.power_w, 'W')}" if self.power_w else self.visible


def connector_rows(state: State) -> list[ConnectorRow]:
    return [_row(entry) for entry in state["connectors"]]


def _row(entry: State) -> ConnectorRow:
    words = [entry["status"] or "no status yet", f"pilot {entry['pilot']}"]
    words.append("contactor closed" if entry["contactor"] else "contactor open")
    if entry.get("locked") is not None:
        words.append("cable locked" if entry["locked"] else "cable unlocked")
    words += entry.get("faults") or []
    power_w = entry.get("power_w") or 0
    return ConnectorRow(entry["connector"], "  ".join(words), power_w, "  ".join(_details(entry, power_w)))


def _details(entry: State, power_w: int) -> list[str]:
    words = []
    if "offered_da" in entry:
        words.append(f"offers {entry['offered_da'] / 10:g} A")
    if entry.get("limit_by"):
        by = entry.get("limit_why") or entry["limit_by"]
        words.append(f"(limit {entry['limit_da'] / 10:g} A by {by})")
    words.append(meter_text(entry))
    if entry.get("current_ma") and power_w:
        words.append("/".join(f"{milliampere / 1000:.1f}" for milliampere in entry["current_ma"]) + " A")
    transaction = entry.get("transaction")
    if transaction:
        number = transaction["transactionId"]
        words.append(f"transaction {'(no id yet)' if number is None else number}")
        words.append(f"tag {transaction['idTag']}  {transaction['energy_wh']} Wh so far")
    return words


def meter_text(entry: State) -> str:
    """The register of one connector's entry."""
    energy = entry.get("energy_wh")
    return "meter does not answer" if energy is None else f"meter {energy} Wh"


def station_rows(state: State) -> list[tuple[str, str]]:
    """(what, value) of the station as a whole."""
    heap, tag = state.get("heap") or {}, state.get("last_tag")
    online = "connected" if state.get("connected") else "not connected"
    rows = [("CSMS", f"{online}, registration {state.get('registration') or 'none yet'}")]
    rows.append(("queue", f"{state.get('queue_depth', 0)} messages wait for the CSMS"))
    rows.append(("clock", state.get("time") or "not known yet"))
    rows.append(("running", f"{state.get('uptime_s', 0)} s since power-up"))
    if heap:
        rows.append(("heap", f"{heap['used']:,} bytes used, {heap['free']:,} free, peak {heap['peak']:,}"))
    if state.get("faults"):
        rows.append(("faults", ", ".join(state["faults"])))
    if tag:
        rows.append(("last tag", tag_text(tag) + _ago(state, tag)))
    return rows


def tag_text(tag: list[Any]) -> str:
    """What became of a tag, and why."""
    name, outcome, why = tag[:3]
    return f"{name}  {outcome}: {why}"


def _ago(state: State, tag: list[Any]) -> str:
    """Before how long; older firmware does not say."""
    return f"  ({state.get('uptime_s', 0) - tag[3] // 1000} s ago)" if len(tag) > 3 else ""
