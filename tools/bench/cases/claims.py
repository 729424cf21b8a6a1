# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""What a charge point is said to have: its station description, as far as the cases ask."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Claims:
    """`absent`: configuration keys that it does not have. `read_only`: such that nobody can change."""

    name: str
    connectors: tuple[dict[str, Any], ...]
    profiles: tuple[str, ...]
    cache: bool
    absent: tuple[str, ...]
    read_only: tuple[str, ...]

    @property
    def numbers(self) -> range:
        return range(1, len(self.connectors) + 1)

    def changes(self, key: str) -> bool:
        """The key is there and can be changed."""
        return key not in self.absent and key not in self.read_only


def read(path: Path) -> Claims:
    described = json.loads(path.read_text())
    return Claims(
        name=described["name"],
        connectors=tuple(described["connectors"]),
        profiles=tuple(described.get("profiles", ("Core",))),
        cache=bool(described.get("options", {}).get("cache", False)),
        absent=tuple(described.get("absent", ())),
        read_only=tuple(described.get("read_only", ())),
    )
