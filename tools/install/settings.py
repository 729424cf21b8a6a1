# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""What an installation.json says, may say, and shows of itself. No input or output here, and nothing of a
secret in any text that is returned."""

import importlib
import json
from typing import Any

import installation
from install import firmware_set
from net import url
from ocpp16.profiles import IMPLEMENTED
from station import key_types, keys
from station.configuration import Configuration, ConfigurationError
from station.description import Description

FILE = installation.FILE
MOST_BYTES = 8192  # what the firmware reads of it

KEY = "AuthorizationKey"
SECRETS = (("wifi", "password"), ("lte", "password"), ("lte", "pin"), ("set", KEY))


class Wrong(ValueError):
    """The sentence names fields, never values that may be secrets."""


def board_data(name: str | None) -> dict | None:
    """`BOARD` of a board that there is, else None."""
    if name is None or name not in firmware_set.boards():
        return None
    return importlib.import_module("boards.%s.board" % name).BOARD


def read(text: bytes) -> dict:
    """Wrong: it is no JSON object."""
    if not text:
        return {}
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        raise Wrong("%s is not JSON" % FILE) from None
    if not isinstance(document, dict):
        raise Wrong("%s does not hold a JSON object" % FILE)
    return document


def written(document: dict) -> bytes:
    return (json.dumps(document, indent=1) + "\n").encode()


def laid_over(there: dict, given: dict) -> dict:
    """The fields of `given` in the places of those that are there; of `lte`, `wifi`, `set` and `info` each
    for itself. null removes a field."""
    found = dict(there)
    for name, value in given.items():
        before = found.get(name)
        if name in ("lte", "wifi", "set", "info") and isinstance(value, dict) and isinstance(before, dict):
            value = laid_over(before, value)
        found[name] = value
    return {name: value for name, value in found.items() if value is not None and value != {}}


def check(document: dict, board: dict | None) -> None:
    """As the firmware will, and by it; what it would leave out or put right with a line in its log is Wrong
    here. board: None when it is not known which it is; then its connectors and keys are not checked."""
    text = written(document)
    if len(text) > MOST_BYTES:
        raise Wrong("%s would be longer than %d bytes" % (FILE, MOST_BYTES))
    try:
        given = installation.read(text, "0")
    except installation.InstallationError as error:
        raise Wrong(str(error)) from None
    if given["csms_url"] is not None:
        _check_url(given["csms_url"])
    if board is None:
        _check_key(given["set"].get(KEY))
        return
    try:
        station = board["station"]
        if given["station"]:
            own, count = board["station"], len(board["connectors"])
            station = installation.over_own(given["station"], own, count, "grid_meter" in board)
        described = Description(station)
    except Exception as error:
        raise Wrong("station: %s" % error) from None
    if described.option("start_tag") and "start_button" not in board:
        raise Wrong("station: options.start_tag: the board has no start button")
    try:
        Configuration(described, _Nowhere(), given["set"], IMPLEMENTED)
    except ConfigurationError as error:
        raise Wrong("set: %s" % error) from None


def _check_url(text: str) -> None:
    try:
        url.parse(text)
    except ValueError as error:
        # What stands behind the colon is of the URL.
        raise Wrong("csms_url: %s" % str(error).partition(":")[0]) from None


def _check_key(text: str | None) -> None:
    if text:
        try:
            key_types.parse("secret", text, (0, 40), None)
        except ValueError as error:
            raise Wrong("set: %s=...: %s" % (KEY, error)) from None


class _Nowhere:
    """A `store.record.Record` of no file."""

    damaged = False

    def load(self):
        return None

    def save(self, value):
        pass


def shown_url(text: str) -> str:
    """Without its password."""
    scheme, found, rest = text.partition("://")
    end = min((rest.find(mark) for mark in "/?#" if mark in rest), default=len(rest))
    authority = rest[:end] if "@" not in rest[end:] else rest
    if "@" not in authority:
        return text
    user, _, _ = authority.rpartition("@")
    name, colon, _ = user.partition(":")
    behind = text[len(scheme) + len(found) + len(user) :]
    return "%s://%s%s%s" % (scheme, name, ":***" if colon else "", behind)


def shown(document: dict) -> list[str]:
    """Lines that may be on a screen that others see."""
    lines = []
    for name in sorted(document):
        value = document[name]
        if name == "csms_url" and isinstance(value, str):
            lines.append("csms_url: %s" % shown_url(value))
        elif name == "station":
            lines.append("station: %s" % json.dumps(_without_secrets(value)))
        elif isinstance(value, dict):
            lines += ["%s.%s: %s" % (name, key, _shown(name, key, value[key])) for key in sorted(value)]
        elif name == "id":
            lines.append("id: %s" % value)
        else:
            lines.append("%s: set" % name)  # nothing that there should be
    lines += ["%s.%s: not set" % one for one in SECRETS if not _has(document, one)]
    return lines


def _without_secrets(station: Any) -> Any:
    """Its configuration may name AuthorizationKey."""
    values = station.get("configuration") if isinstance(station, dict) else None
    if not isinstance(values, dict):
        return station
    return {**station, "configuration": {key: _shown("set", key, value) for key, value in values.items()}}


def _shown(name: str, key: str, value: Any) -> str:
    # Of `set` a misspelled AuthorizationKey is a secret all the same: only what is known not to be is shown.
    secret = (name, key) in SECRETS or (name == "set" and key.lower() == KEY.lower())
    known = name in ("wifi", "lte", "info") or (name == "set" and _is_open(key))
    return str(value) if known and not secret else "set"


def _is_open(key: str) -> bool:
    entry = keys.find(key)
    return entry is not None and entry[2] != keys.W


def _has(document: dict, field: tuple[str, str]) -> bool:
    part = document.get(field[0])
    rows = part if isinstance(part, list) else [part]  # of Wi-Fi there may be several networks
    return any(isinstance(row, dict) and row.get(field[1]) for row in rows)
