# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Outside text on a page. Every word of a charge point is hostile until it has been through `shown`."""

import html
import re
from typing import Any

# Control characters, and those that turn the direction of what follows: both are shown, neither works.
_CONTROL = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]"
)


def shown(value: Any) -> str:
    """For the content of an element, and for an attribute in quotes."""
    text = str(value).replace("\r\n", "\n")
    return html.escape(_CONTROL.sub(lambda match: f"\\u{ord(match[0]):04x}", text), quote=True)


def breakable(value: Any) -> str:
    """The same, for names that are one long word: a line may end before each capital."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "<wbr>", shown(value))


def anchor(case: str) -> str:
    """The id of a case on the page, and what comes after # in its address."""
    return re.sub(r"[^A-Za-z0-9_.-]", "_", case)


def css_class(word: str) -> str:
    """One word of a class attribute."""
    return re.sub(r"[^a-z]", "-", word.casefold())


def duration(seconds: float) -> str:
    """`4.2 s`, `3 min 12 s`, `1 h 2 min`: what a person says."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def some(number: int, one: str, many: str = "") -> str:
    """`1 case`, `2 cases`."""
    return f"{number} {one if number == 1 else many or one + 's'}"
