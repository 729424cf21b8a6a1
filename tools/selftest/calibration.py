# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""From what the self-test has measured at +12 V and at -12 V to the pilot's values of this unit, for the
data of its board (`plus_12v_mv`, `minus_12v_mv`; `hal/parts/calibration.py`).
"""

import importlib
import re

from selftest.dialogue import Findings

_WORTH_MV = 60  # half a per cent
_KNOWN_MV = 12000
_CHIP = "rp2040"  # that of an ESP32 is kept in the unit: hal/esp32/calibration.py


def offer(findings: Findings) -> list[str]:
    """Lines for the page; none where the pilot is as its board says."""
    pilot = _pilots(findings.facts.get("board", ""))
    lines = []
    for number, data in enumerate(pilot, 1):
        plus_mv = _measured(findings, number, "pilot +12 V")
        minus_mv = _measured(findings, number, "pilot -12 V")
        if plus_mv is None or minus_mv is None:
            continue
        if max(abs(plus_mv - _KNOWN_MV), abs(minus_mv + _KNOWN_MV)) < _WORTH_MV:
            continue
        plus, minus = calibrated(data["plus_12v_mv"], data["minus_12v_mv"], plus_mv, minus_mv)
        lines.append(
            f"Pilot of connector {number}: if a voltmeter shows +12.0 V and -12.0 V there, the values of "
            f'this unit are "plus_12v_mv": {plus}, "minus_12v_mv": {minus}.'
        )
    return lines


def calibrated(plus: int, minus: int, measured_plus_mv: int, measured_minus_mv: int) -> tuple[int, int]:
    """What the pin really had, where `plus` and `minus` were taken for +12 V and -12 V."""

    def pin(pilot_mv: int) -> int:
        return round(minus + (plus - minus) * (pilot_mv + _KNOWN_MV) / (2 * _KNOWN_MV))

    return pin(measured_plus_mv), pin(measured_minus_mv)


def _pilots(board: str) -> list[dict[str, int]]:
    if not re.fullmatch(r"[a-z0-9_]+", board):
        return []
    try:
        data = importlib.import_module(f"boards.{board}.board").BOARD
    except (ImportError, AttributeError):
        return []
    return [row["pilot"] for row in data["connectors"]] if data.get("chip") == _CHIP else []


def _measured(findings: Findings, number: int, name: str) -> int | None:
    for result in findings.results:
        if (result.connector, result.name) == (number, name):
            found = re.match(r"(-?\d+) mV", result.text)
            return int(found[1]) if found else None
    return None
