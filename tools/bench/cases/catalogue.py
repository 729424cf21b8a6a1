# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""What a case is, and the list of all of them."""

import importlib
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from bench.cases.claims import Claims
from bench.cases.exempt import Exemption
from bench.cases.play import Play
from bench.drivers import STIMULI

Steps = Callable[[Play], Coroutine[Any, Any, None]]
MODULES = (
    "boot",
    "sessions",
    "cache",
    "remote",
    "reset",
    "unlock",
    "configuration",
    "metering",
    "refusals",
    "faults",
    "power",
    "offline",
    "local_list",
    "reservation",
    "trigger",
    "smart_charging",
    "security",
    "unsupported",
    "field_boot",
    "field_messages",
    "field_sessions",
    "field_list",
    "field_reservation",
    "field_trigger",
    "field_schedule",
    "field_profile",
    "field_limit",
)
_cases: dict[str, "Case"] = {}


@dataclass(frozen=True)
class Case:
    """`id` as in the newest edition; `aliases` of older ones, which may mean several cases of today.

    `stimuli`: those of bench.drivers.STIMULI that the driver must have.
    """

    id: str
    title: str
    profile: str
    steps: Steps
    aliases: tuple[str, ...] = ()
    exemption: Exemption | None = None
    stimuli: tuple[str, ...] = ()

    def not_applicable(self, claims: Claims, can: frozenset[str]) -> str | None:
        """The reason, None when it applies. `can`: the stimuli that the driver has."""
        if self.profile not in claims.profiles:
            return f"the station has no profile {self.profile}"
        reason = None if self.exemption is None else self.exemption(claims)
        if reason is not None:
            return reason
        missing = [STIMULI[name] for name in self.stimuli if name not in can]
        return f"the driver cannot {missing[0]}" if missing else None


def case(
    title: str,
    profile: str = "Core",
    aliases: tuple[str, ...] = (),
    exemption: Exemption | None = None,
    stimuli: tuple[str, ...] = (),
) -> Callable[[Steps], Steps]:
    """Decorator of `async def tc_004_1(play)`: the case TC_004_1_CS. Aliases without the _CS."""

    def enter(steps: Steps) -> Steps:
        name = f"{steps.__name__.upper()}_CS"
        if name in _cases:
            raise ValueError(f"{name} is there twice")
        _cases[name] = Case(name, title, profile, steps, aliases, exemption, stimuli)
        return steps

    return enter


def all_cases() -> list[Case]:
    """In the catalogue's order."""
    for module in MODULES:
        importlib.import_module(f"bench.cases.{module}")
    return list(_cases.values())


def chosen(names: list[str]) -> list[Case]:
    """The cases of these ids or aliases, `_CS` or not, `TC_005` for all its variants (`TC_043_CS` for the one
    of that id without them); none named: all of them. ValueError: unknown.
    """
    cases = all_cases()
    if not names:
        return cases
    by_name: dict[str, list[str]] = {}
    for each in cases:
        bare = _bare(each.id)
        family = bare.rpartition("_")[0]
        for name in dict.fromkeys((bare, family, *map(_bare, each.aliases))):
            by_name.setdefault(name, []).append(each.id)
    unknown = [name for name in names if _bare(name) not in by_name]
    if unknown:
        raise ValueError(f"no such case: {', '.join(unknown)}")
    wanted: set[str] = set()
    for name in names:
        exact = name.upper()
        wanted.update([exact] if exact in _cases else by_name[_bare(name)])
    return [each for each in cases if each.id in wanted]


def _bare(name: str) -> str:
    return name.upper().removesuffix("_CS")
