# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The feature profiles and what came of their cases; the whole configuration."""

from collections.abc import Iterable, Mapping
from typing import Any

from bench.cases.run import FAILED, NOT_APPLICABLE, PASSED, Outcome
from bench.report.facts import ABSENT, Facts

PROFILES = {
    "Core": "Core",
    "FirmwareManagement": "Firmware Management",
    "LocalAuthListManagement": "Local Authorization List Management",
    "SmartCharging": "Smart Charging",
    "RemoteTrigger": "Remote Trigger",
    "Reservation": "Reservation",
    "Security": "Security extension",
}
# Of a profile: all of the bench's cases were played, or found not to apply; only some; none was played.
INCOMPLETE, NOT_TESTED = "incomplete", "not tested"


def profiles(facts: Facts, outcomes: Iterable[Outcome], catalogue: Mapping[str, int]) -> list[dict[str, Any]]:
    """`catalogue`: profile -> how many cases the bench has for it. A row is

        {"id", "feature", "claimed", "read", "result", "passed", "failed", "not_applicable", "catalogue",
         "contradiction"}

    `result` is passed only when every case of the bench was played or does not apply.
    """
    every = list(outcomes)
    return [
        _profile(
            name, title, facts, [each for each in every if each.case.profile == name], catalogue.get(name, 0)
        )
        for name, title in PROFILES.items()
    ]


def _profile(name: str, title: str, facts: Facts, outcomes: list[Outcome], known: int) -> dict[str, Any]:
    count: dict[str, int] = dict.fromkeys((PASSED, FAILED, NOT_APPLICABLE), 0)
    for outcome in outcomes:
        count[outcome.verdict] += 1
    if count[FAILED]:
        result = FAILED
    elif not count[PASSED]:
        result = NOT_TESTED
    else:
        result = PASSED if len(outcomes) >= known else INCOMPLETE
    claimed = None if facts.profiles is None else "yes" if name in facts.profiles else "no"
    read = _told(name, facts)
    contradiction = ""
    if name != "Security" and claimed is not None and read is not None and claimed != read:
        contradiction = f"claimed {claimed}, SupportedFeatureProfiles says {read}"
    return {
        "id": name,
        "feature": title,
        "claimed": claimed,
        "read": read,
        "result": result,
        "passed": count[PASSED],
        "failed": count[FAILED],
        "not_applicable": count[NOT_APPLICABLE],
        "catalogue": known,
        "contradiction": contradiction,
    }


def _told(name: str, facts: Facts) -> str | None:
    """As SupportedFeatureProfiles says; the security extension is no entry there, it has a key."""
    if name == "Security":
        profile = facts.read("SecurityProfile")
        return profile if profile in (None, ABSENT) else f"SecurityProfile = {profile}"
    told = facts.read("SupportedFeatureProfiles")
    if told in (None, ABSENT):
        return told
    return "yes" if name in [each.strip() for each in told.split(",")] else "no"


def configuration(facts: Facts) -> list[dict[str, Any]]:
    """Every key that was read or claimed: {"key", "value", "read_only", "claimed", "contradiction"}; `value`
    None: it was not told.
    """
    claimed = facts.described.get("configuration")
    names = {*facts.configuration, *(claimed if isinstance(claimed, dict) else ())}
    rows = []
    for key in sorted(names, key=str.casefold):
        value, read_only = facts.configuration.get(key, (None, None))
        rows.append(
            {
                "key": key,
                "value": value,
                "read_only": read_only,
                "claimed": facts.claimed(key),
                "contradiction": facts.contradiction(key),
            }
        )
    return rows
