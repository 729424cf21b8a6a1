# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""What a row of a certificate's tables is made of; the rows themselves are in certificate.py.

A row comes out as {"id", "feature", "key", "claimed", "read", "cases", "contradiction"}: texts, None where
nothing is stated or can be read; `key` is the configuration key that it is about, "" for none; `cases` are
those of the row that were played, with their verdicts; `contradiction` says what is wrong between claim and
reading, "" that nothing is.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bench.report.facts import ABSENT, Facts, same

Look = Callable[[Facts], str | None]


def _nothing(_: Facts) -> None:
    return None


@dataclass(frozen=True)
class Feature:
    """`contradiction` None: "yes" and "no" contradict each other."""

    id: str
    name: str
    claimed: Look = _nothing
    read: Look = _nothing
    cases: tuple[str, ...] = ()
    contradiction: Callable[[Facts], str] | None = None
    key: str = ""

    def row(self, facts: Facts) -> dict[str, Any]:
        claimed = facts.certificate(self.id) or self.claimed(facts)
        read = self.read(facts)
        if self.contradiction is not None:
            contradiction = self.contradiction(facts)
        else:
            contradiction = "" if _agree(claimed, read) else f"claimed {claimed}, read {read}"
        return {
            "id": self.id,
            "feature": self.name,
            "key": self.key,
            "claimed": claimed,
            "read": read,
            "cases": facts.cases(self.cases),
            "contradiction": contradiction,
        }


def _agree(claimed: str | None, read: str | None) -> bool:
    """Answers of a question that is yes or no, whatever is said beside that."""
    if claimed is None or read is None:
        return True
    words = {claimed.split(",")[0].casefold(), read.split(",")[0].casefold()}
    return words != {"yes", "no"}


# --- rows that are one configuration key --------------------------------------------------------------------


def by_key(row: str, name: str, key: str, *cases: str) -> Feature:
    """The value of the key is what the row tells."""
    return Feature(
        row,
        name,
        lambda facts: facts.claimed(key),
        lambda facts: facts.read(key),
        cases,
        lambda facts: facts.contradiction(key),
        key,
    )


def by_presence(row: str, name: str, key: str, *cases: str) -> Feature:
    """The charge point has the feature when it has the key."""

    def there(value: str | None) -> str | None:
        return None if value is None else "no" if value == ABSENT else f"yes, {key} = {value}"

    return Feature(
        row, name, lambda facts: there(facts.claimed(key)), lambda facts: there(facts.read(key)), cases
    )


def by_mode(row: str, name: str, key: str, wanted: str, *cases: str) -> Feature:
    """The charge point can be as the value says: it is so and stays so, or it can be changed."""

    def claimed(facts: Facts) -> str | None:
        value, fixed = facts.claimed(key), facts.claimed_read_only(key)
        if value == ABSENT:
            return None  # what it does then, nothing says
        if fixed is False and value is not None:
            return "yes, can be changed"
        return None if not fixed or value is None else "yes" if same(value, wanted) else "no"

    def read(facts: Facts) -> str | None:
        value = facts.read(key)
        if value is None or value == ABSENT:
            return value
        if not facts.read_only(key):
            return "yes, can be changed"
        return "yes" if same(value, wanted) else "no"

    return Feature(row, name, claimed, read, cases)


def measurands(row: str, key: str, *cases: str) -> Feature:
    def unknown(facts: Facts) -> str:
        known = [str(name) for name in facts.described.get("measurands", ())]
        read = facts.read(key)
        told = [name.strip() for name in (read or "").split(",") if read != ABSENT and name.strip()]
        strange = [name for name in told if known and not any(name.startswith(each) for each in known)]
        return f"not among the measurands of the description: {', '.join(strange)}" if strange else ""

    def claimed(facts: Facts) -> str | None:
        named = facts.claimed(key)
        return named if named is not None else ", ".join(facts.described.get("measurands", ())) or None

    return Feature(row, key, claimed, lambda facts: facts.read(key), cases, unknown)
