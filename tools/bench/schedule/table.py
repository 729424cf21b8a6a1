# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""A composite schedule as a table, for a terminal and for a page; how moments and limits are written."""

from bench.schedule.lanes import Lanes, Row
from bench.schedule.situation import Situation
from hal import calendar
from station import timestamp

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_HEAD = ("from, s", "UTC", "limit", "phases", "by")


def text(lanes: Lanes) -> str:
    """With a line above that says of what."""
    rows = [_HEAD, *_cells(lanes)]
    widths = [max(len(row[place]) for row in rows) for place in range(len(_HEAD))]
    numbers = (0, 2)  # to the right
    lines = [title(lanes.situation)]
    for row in rows:
        cells = [
            cell.rjust(width) if place in numbers else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def markdown(lanes: Lanes) -> str:
    rows = [_HEAD, ["---"] * len(_HEAD), *_cells(lanes)]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def title(asked: Situation) -> str:
    where = f"connector {asked.connector}" if asked.connector else "the whole station (connector 0)"
    return f"{asked.station}, {where}: {length(asked.duration_s)} from {moment(asked.begin_s)} UTC"


def _cells(lanes: Lanes) -> list[tuple[str, ...]]:
    asked = lanes.situation
    return [
        (
            str(row.begin),
            moment(asked.begin_s + row.begin),
            written(row.value, asked.unit) + (" (pause)" if row.pause else ""),
            str(row.phases or "DC"),
            _by(row),
        )
        for row in lanes.rows
    ]


def _by(row: Row) -> str:
    return ", then ".join(row.by)


def written(tenths: int, unit: str) -> str:
    """`16 A`, `6.5 A`, `4140 W`."""
    return f"{tenths // 10}.{tenths % 10} {unit}" if tenths % 10 else f"{tenths // 10} {unit}"


def brief(tenths: int, unit: str) -> str:
    """The same for a chart: `4.14 kW`."""
    return f"{tenths / 10000:.3f}".rstrip("0").rstrip(".") + " kW" if unit == "W" else written(tenths, unit)


def moment(second: int) -> str:
    return timestamp.text(second * 1000, False).replace("T", " ").removesuffix("Z")


def day(second: int) -> str:
    """`Sat 21 Nov`."""
    _, month, number, weekday, *_ = calendar.date(second)
    return f"{_DAYS[weekday]} {number} {_MONTHS[month - 1]}"


def length(seconds: int) -> str:
    """`400 s`, `15 min`, `24 h`, `7 days`."""
    for size, name in ((86400, "days"), (3600, "h"), (60, "min")):
        if seconds % size == 0 and seconds >= 2 * size:
            return f"{seconds // size} {name}"
    return "24 h" if seconds == 86400 else f"{seconds // 3600} h" if seconds == 3600 else f"{seconds} s"
