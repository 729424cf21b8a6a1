# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The questions of `make configure`. What is there already is the answer of who presses Enter; `-` removes
it. A secret is asked for unseen, and never shown: neither what is typed nor what is there."""

import copy
from collections.abc import Callable
from typing import Any

from install import settings
from install.settings import Wrong

REMOVE = "-"

# (question, part of the document or None, field, is it a secret)
_GENERAL = (
    ("URL of the CSMS, without the charger's id (wss://...)", None, "csms_url", False),
    ("Identity of the charger, the last part of that URL", None, "id", False),
    ("Authorization key (password of the charger at the CSMS)", "set", settings.KEY, True),
    ("Serial number of the charger", "info", "chargePointSerialNumber", False),
)
_WIFI = (
    ("Wi-Fi: name of the network (SSID)", "wifi", "ssid", False),
    ("Wi-Fi: password", "wifi", "password", True),
)
_LTE = (
    ("LTE: APN", "lte", "apn", False),
    ("LTE: user", "lte", "user", False),
    ("LTE: password", "lte", "password", True),
    ("LTE: PIN of the SIM card", "lte", "pin", True),
)


class Dialogue:
    """ask: fn(question) -> text, seen; ask_unseen: the same, unseen; say: a line for the person."""

    def __init__(
        self, ask: Callable[[str], str], ask_unseen: Callable[[str], str], say: Callable[[str], None]
    ):
        self._ask = ask
        self._ask_unseen = ask_unseen
        self._say = say

    def run(self, document: dict, board: dict | None) -> dict:
        """The document with the answers. board: `BOARD`, if it is known: asked is what it has."""
        document = copy.deepcopy(document)
        kinds = None if board is None else {link["kind"] for link in board.get("links", ())}
        rows = _GENERAL[:2]
        if isinstance(document.get("wifi"), list):
            self._say("wifi: the networks that are there stay; a file changes them (FILE=...)")
        elif kinds is None or "wifi" in kinds:
            rows += _WIFI
        if kinds is None or "modem" in kinds:
            rows += _LTE
        for question, part, field, secret in (*rows, *_GENERAL[2:]):
            document = self._field(document, board, question, part, field, secret)
        if board is not None:
            document = self._connectors(document, board)
        return document

    def yes(self, question: str) -> bool:
        while True:
            answer = self._ask("%s [Y/n] " % question).strip().lower()
            if answer in ("", "y", "yes"):
                return True
            if answer in ("n", "no"):
                return False

    def _field(self, document, board, question, part, field, secret) -> dict:
        there = document.get(part, {}) if part else document
        value = there.get(field) if isinstance(there, dict) else None
        if secret:
            default = "set" if value else "not set"
        elif field == "csms_url" and value:
            default = settings.shown_url(value)
        else:
            default = value or "none"
        while True:
            ask = self._ask_unseen if secret else self._ask
            answer = ask("%s [%s]: " % (question, default))
            if field != "password":  # in which a space at its end counts
                answer = answer.strip()
            if not answer.strip():
                return document
            given: Any = None if answer.strip() == REMOVE else answer
            if part:
                # A network goes with its password, which says nothing without it.
                given = None if given is None and field == "ssid" else {field: given}
            found = settings.laid_over(document, {part or field: given})
            try:
                settings.check(_part(found, part, field), board)
            except Wrong as error:
                self._say(str(error))
                continue
            return found

    def _connectors(self, document, board) -> dict:
        own = board["station"]["connectors"]
        rows = _rows(document, len(own))
        if rows is None:
            self._say("station: what is there was made by hand, and stays; a file changes it (FILE=...)")
            return document
        for number, connector in enumerate(own):
            row = rows[number]
            names = [("rated_a", "rated current, A", connector["rated_a"])]
            if connector.get("phases", 1) == 3:
                names.append(("phases", "phases, 1 or 3", 3))
            for name, words, most in names:
                while True:
                    question = "Connector %d: %s; the board's is %d" % (number + 1, words, most)
                    answer = self._ask("%s [%s]: " % (question, row.get(name, most))).strip()
                    if not answer:
                        break
                    changed = {key: value for key, value in row.items() if key != name}
                    if answer != REMOVE:
                        try:
                            changed[name] = int(answer)
                        except ValueError:
                            self._say("a whole number, please")
                            continue
                    station = _station(document, [*rows[:number], changed, *rows[number + 1 :]])
                    try:
                        settings.check({"station": station} if station else {}, board)
                    except Wrong as error:
                        self._say(str(error))
                        continue
                    row = rows[number] = changed
                    break
        return settings.laid_over(document, {"station": _station(document, rows) or None})


def _part(document: dict, part: str | None, field: str) -> dict:
    """Only what the answer says: what else is wrong is told at the end. A Wi-Fi password needs its SSID."""
    if part == "wifi":
        return {part: document.get(part, {})}
    if part is None:
        return {field: document[field]} if field in document else {}
    found = document.get(part, {})
    return {part: {field: found[field]}} if field in found else {}


def _rows(document: dict, count: int) -> list[dict] | None:
    """What is there about the connectors; None: in a form that is not ours."""
    station = document.get("station") or {}
    rows = station.get("connectors") if isinstance(station, dict) else None
    if rows is None:
        return [{} for _ in range(count)] if isinstance(station, dict) else None
    fine = isinstance(rows, list) and len(rows) == count and all(isinstance(row, dict) for row in rows)
    return [dict(row) for row in rows] if fine else None


def _station(document: dict, rows: list[dict]) -> dict:
    station = dict(document.get("station") or {})
    station.pop("connectors", None)
    if any(rows):
        station["connectors"] = rows
    return station
