# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Three different things about a charge point, kept apart: what its description claims, what was read from
it, what a case has proven.

Texts, "yes" or "no" where the question is such; None: not stated, not read. "" is an empty value.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from bench.cases.run import FAILED, PASSED, Run
from bench.messages import FROM_STATION
from bench.report.masking import DEEPEST

ABSENT = "no such key"


class Facts:
    def __init__(self, run: Run):
        self.described = run.claims.described
        self.configuration = run.configuration  # key -> (value, read-only)
        self.boot, self.security = run.boot, run.security
        self.connectors = run.claims.connectors
        self.profiles: list[str] | None = None
        if "profiles" in self.described:
            self.profiles = [str(name) for name in self.described["profiles"]]
        self._run = run
        self._verdicts: dict[str, tuple[str, str]] = {}
        for outcome in run.outcomes:
            for name in (outcome.case.id, *outcome.case.aliases):
                self._verdicts.setdefault(name.removesuffix("_CS"), (outcome.case.id, outcome.verdict))

    # --- what the description claims ------------------------------------------------------------------------

    def certificate(self, row: str) -> str | None:
        """What a description may say of a row by its id: {"certificate": {"HFS-9": "Wi-Fi, LTE"}}."""
        return _text(_part(self.described, "certificate").get(row))

    def option(self, name: str) -> str | None:
        return _text(_part(self.described, "options").get(name))

    def claimed(self, key: str) -> str | None:
        """The value that a configuration key has, ABSENT when the description says that there is none."""
        if key in self.described.get("absent", ()):
            return ABSENT
        return _text(_part(self.described, "configuration").get(key))

    def claimed_read_only(self, key: str) -> bool | None:
        if "read_only" not in self.described:
            return None
        return key in self.described["read_only"]

    def limit(self, key: str, end: int) -> str | None:
        """The least (0) or greatest (1) value that a key takes."""
        both = _part(self.described, "limits").get(key)
        return _text(both[end]) if isinstance(both, list) and len(both) == 2 else None

    # --- what was read --------------------------------------------------------------------------------------

    def read(self, key: str) -> str | None:
        """The value of a configuration key before the first case."""
        if not self.configuration:
            return None
        if key not in self.configuration:
            return ABSENT
        value = self.configuration[key][0]
        return "" if value is None else str(value)

    def read_only(self, key: str) -> bool:
        return key in self.configuration and self.configuration[key][1]

    def timestamps(self) -> list[str]:
        """All that the charge point told, in any case."""
        return [
            text
            for outcome in self._run.outcomes
            for message in outcome.exchange
            if message.direction == FROM_STATION
            for text in _timestamps(message.payload)
        ]

    # --- what was proven ------------------------------------------------------------------------------------

    def cases(self, names: Iterable[str]) -> list[dict[str, str]]:
        """Those of these cases that were played to an end: {"id", "verdict"}."""
        found = dict(self._verdicts[name] for name in names if name in self._verdicts)
        played = {name: verdict for name, verdict in found.items() if verdict in (PASSED, FAILED)}
        return [{"id": name, "verdict": verdict} for name, verdict in played.items()]

    # --- beside each other ----------------------------------------------------------------------------------

    def contradiction(self, key: str) -> str:
        """Between the claims of a configuration key and what was read of it; "": there is none."""
        claimed, read = self.claimed(key), self.read(key)
        if read is None:
            return ""
        if claimed == ABSENT:
            return "" if read == ABSENT else "the description says that there is no such key"
        if claimed is not None and read == ABSENT:
            return f"claimed {claimed or 'empty'}, there is no such key"
        if read != ABSENT and self.claimed_read_only(key) and not self.read_only(key):
            return "claimed read-only, told as changeable"
        if claimed is None or same(claimed, read):
            return ""
        return f"claimed {claimed or 'empty'}" + ("" if self.read_only(key) else ", which can be changed")


def same(one: str, other: str) -> bool:
    """Two values of a configuration key: neither case nor order nor blanks matter."""
    return _items(one) == _items(other)


def _items(text: str) -> list[str]:
    return sorted(item.strip().casefold() for item in text.split(","))


def _part(described: dict[str, Any], name: str) -> dict[str, Any]:
    part = described.get(name)
    return part if isinstance(part, dict) else {}


def _text(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(str(each) for each in value)
    return str(value)


def _timestamps(value: Any, depth: int = 0) -> Iterator[str]:
    if depth > DEEPEST:
        return
    if isinstance(value, dict):
        for name, each in value.items():
            if name == "timestamp" and isinstance(each, str):
                yield each
            else:
                yield from _timestamps(each, depth + 1)
    elif isinstance(value, list):
        for each in value:
            yield from _timestamps(each, depth + 1)
