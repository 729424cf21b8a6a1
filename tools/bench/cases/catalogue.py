# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""What a case is, and the list of all of them."""

import importlib
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from bench.cases.claims import Claims
from bench.cases.play import Play

Steps = Callable[[Play], Coroutine[Any, Any, None]]
# Why a case does not apply to the station; None: it does.
Exemption = Callable[[Claims], str | None]

MODULES = ("boot", "sessions", "remote", "reset", "unlock", "configuration")
_cases: dict[str, "Case"] = {}


@dataclass(frozen=True)
class Case:
    """`id` as in the newest edition; `aliases` of older ones."""

    id: str
    title: str
    profile: str
    steps: Steps
    aliases: tuple[str, ...] = ()
    exemption: Exemption | None = None

    def not_applicable(self, claims: Claims) -> str | None:
        """The reason, None when it applies."""
        if self.profile not in claims.profiles:
            return f"the station has no profile {self.profile}"
        return None if self.exemption is None else self.exemption(claims)


def case(
    title: str, profile: str = "Core", aliases: tuple[str, ...] = (), exemption: Exemption | None = None
) -> Callable[[Steps], Steps]:
    """Decorator of `async def tc_004_1(play)`: the case TC_004_1_CS."""

    def enter(steps: Steps) -> Steps:
        name = f"{steps.__name__.upper()}_CS"
        if name in _cases:
            raise ValueError(f"{name} is there twice")
        _cases[name] = Case(name, title, profile, steps, aliases, exemption)
        return steps

    return enter


def needs(*keys: str) -> Exemption:
    """The case changes these configuration keys."""

    def exemption(claims: Claims) -> str | None:
        for key in keys:
            if not claims.changes(key):
                return f"{key} cannot be changed"
        return None

    return exemption


def all_cases() -> list[Case]:
    """In the catalogue's order."""
    for module in MODULES:
        importlib.import_module(f"bench.cases.{module}")
    return list(_cases.values())


def chosen(names: list[str]) -> list[Case]:
    """The cases of these ids or aliases, `_CS` or not; none named: all of them. ValueError: unknown."""
    cases = all_cases()
    if not names:
        return cases
    by_name = {name.removesuffix("_CS"): each for each in cases for name in (each.id, *each.aliases)}
    unknown = [name for name in names if name.upper().removesuffix("_CS") not in by_name]
    if unknown:
        raise ValueError(f"no such case: {', '.join(unknown)}")
    wanted = {by_name[name.upper().removesuffix("_CS")].id for name in names}
    return [each for each in cases if each.id in wanted]
