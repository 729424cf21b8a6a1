# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""What a charge point is said to have: its station description, as far as the cases ask.

The same JSON as of boards/sim (firmware/station/station_file.py has all of it). Of a charge point that is not
ours its name and its cables are enough:

    {"name": "Somebody's wall box", "connectors": [{"cable": "socket"}]}

It has then the Core profile, no authorization cache, all configuration keys, and they can all be changed
that the standard lets be changed.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

# The keys of a description; who mistypes one is told.
_KEYS = (
    "name",
    "reader",
    "connectors",
    "profiles",
    "measurands",
    "options",
    "configuration",
    "read_only",
    "absent",
    "limits",
)
_CONNECTOR_KEYS = (
    "cable",
    "lock",
    "current",
    "phases",
    "rated_a",
    "nominal_v",
    "ventilation",
    "wake_up",
    "phase_switch",
    "phase_wait_s",
)
_OPTIONS = (
    "cache", "milliseconds", "power_loss", "queue_kb", "site_a", "site_fallback_a", "grid_meter",
    "unclocked_a", "backup_power", "tag_format", "random_tags",
)  # fmt: skip
_PROFILES = (
    "Core",
    "FirmwareManagement",
    "LocalAuthListManagement",
    "Reservation",
    "SmartCharging",
    "RemoteTrigger",
    "Security",
)
_CABLES = ("fixed", "socket")
_WORDS = {str: "a text", bool: "true or false", list: "a list", dict: "an object"}


@dataclass(frozen=True)
class Claims:
    """`absent`: configuration keys that it does not have. `read_only`: such that nobody can change.

    `connector`: the one under test. `password`: the bench knows the charge point's.
    """

    name: str
    connectors: tuple[dict[str, Any], ...]
    profiles: tuple[str, ...]
    cache: bool
    absent: tuple[str, ...]
    read_only: tuple[str, ...]
    described: dict[str, Any] = field(default_factory=dict)  # the whole description, for the report
    connector: int = 1
    password: bool = False

    @property
    def numbers(self) -> range:
        return range(1, len(self.connectors) + 1)

    @property
    def has_socket(self) -> bool:
        """The cable of the connector under test can be detached."""
        return self.connectors[self.connector - 1].get("cable") == "socket"

    @property
    def has_lock(self) -> bool:
        """The socket under test keeps the cable. One that does not says so: `"lock": false`."""
        return self.has_socket and self.connectors[self.connector - 1].get("lock", True)

    @property
    def backup_power(self) -> bool:
        """When the power fails it goes on long enough to tell of it."""
        return bool(self.described.get("options", {}).get("backup_power", False))

    def changes(self, key: str) -> bool:
        """The key is there and can be changed."""
        return key not in self.absent and key not in self.read_only


def read(path: Path) -> Claims:
    """ValueError: one sentence that names the file, and the key."""
    try:
        described = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is no JSON: {error}") from None
    try:
        return _claims(described)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def _claims(described: Any) -> Claims:
    if not isinstance(described, dict):
        raise ValueError("a station description is a JSON object")
    _only(described, _KEYS, "")
    options = _typed(described, "options", dict, {})
    _only(options, _OPTIONS, "options.")
    _typed(options, "backup_power", bool, False, "options.")
    return Claims(
        name=_name(described),
        connectors=_connectors(described),
        profiles=_texts(described, "profiles", ("Core",), _PROFILES),
        cache=_typed(options, "cache", bool, False, "options."),
        absent=_texts(described, "absent", ()),
        read_only=_texts(described, "read_only", ()),
        described=described,
    )


def _name(described: dict[str, Any]) -> str:
    name = _typed(described, "name", str)
    if not name.strip():
        raise ValueError("name is empty")
    return name


def _connectors(described: dict[str, Any]) -> tuple[dict[str, Any], ...]:
    rows = _typed(described, "connectors", list)
    if not rows:
        raise ValueError("connectors: there is none")
    for number, row in enumerate(rows):
        where = f"connectors[{number}]"
        if not isinstance(row, dict):
            raise ValueError(f"{where}: an object is needed, not {row!r}")
        _only(row, _CONNECTOR_KEYS, f"{where}.")
        cable = _typed(row, "cable", str, None, f"{where}.")
        if cable not in _CABLES:
            raise ValueError(f"{where}.cable: {cable!r} is not one of {', '.join(_CABLES)}")
    return tuple(rows)


def _texts(
    described: dict[str, Any], key: str, default: tuple[str, ...], allowed: tuple[str, ...] | None = None
) -> tuple[str, ...]:
    values = _typed(described, key, list, list(default))
    for number, value in enumerate(values):
        if not isinstance(value, str):
            raise ValueError(f"{key}[{number}]: a text is needed, not {value!r}")
        if allowed is not None and value not in allowed:
            raise ValueError(f"{key}: {value!r} is not one of {', '.join(allowed)}")
    return tuple(values)


def _typed(document: dict[str, Any], key: str, kind: type, default: Any = None, where: str = "") -> Any:
    """The value of this type; None as the default: it must be there."""
    if key not in document and default is None:
        raise ValueError(f"{where}{key} is missing")
    value = document.get(key, default)
    if not isinstance(value, kind):
        raise ValueError(f"{where}{key}: {_WORDS[kind]} is needed, not {value!r}")
    return value


def _only(document: dict[str, Any], known: tuple[str, ...], where: str) -> None:
    for key in document:
        if key not in known:
            raise ValueError(f"{where}{key}: there is no such key; known: {', '.join(known)}")
