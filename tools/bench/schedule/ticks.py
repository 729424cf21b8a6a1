# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Where the ticks of a chart are."""

from collections.abc import Callable

from bench.schedule import table

_DAY_S = 86400
_STEPS_S = (
    1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 14400, 21600, 43200, _DAY_S,
    2 * _DAY_S, 7 * _DAY_S, 14 * _DAY_S, 28 * _DAY_S,
)  # fmt: skip
_MONDAY_S = 4 * _DAY_S  # 1970-01-05


def moments(
    begin_s: int, duration_s: int, room: float, width: Callable[[str], float]
) -> list[tuple[int, str]]:
    """(second of the interval, text) of round moments of UTC, as many as have room. `width`: of a text, with
    what must be free beside it."""
    for step in _STEPS_S:
        if width("0") * duration_s / step > room:
            continue
        found = [
            (at, clock(begin_s + at, step))
            for at in range(-(begin_s - _MONDAY_S) % step, duration_s + 1, step)
        ]
        if max([width(text) for _, text in found], default=0) * duration_s <= room * step:
            return found
    return []


def clock(second: int, step: int) -> str:
    """A moment, as exactly as ticks in such a distance need it."""
    if step >= _DAY_S:
        return table.day(second)
    text = table.moment(second)[11:]
    return text if step < 60 else text[:5]


def round_step(most: float, wanted: int) -> float:
    """1, 2, 4, 5 or 8 times a power of ten, so that there are at most as many as wanted; amperes of plugs, 16
    and 32, lie on such steps."""
    size = 1.0
    while True:
        for step in (1, 2, 4, 5, 8):
            if most / (step * size) <= wanted:
                return step * size
        size *= 10
