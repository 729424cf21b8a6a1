# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The chart of a situation: a lane for each purpose, below them the composite schedule.

It can be read when it is printed in black and white.
"""

from collections.abc import Sequence
from functools import cached_property
from itertools import pairwise
from typing import Any

from bench.schedule import table
from bench.schedule.labels import Box, Labels
from bench.schedule.lanes import COUNTS, LIMITS, OVERRULED, Lanes, Line, Row
from bench.schedule.sheet import BIG, INK, NORMAL, SMALL, Sheet
from bench.schedule.ticks import moments, round_step
from station.charging_profile import DEFAULT, MAX, PURPOSES, TX

# In points, from the top.
_WIDTH = 720.0
_LEFT, _RIGHT = 44.0, 20.0
_INNER = _WIDTH - _LEFT - _RIGHT
_TITLE, _GAP, _FOOT = 42.0, 22.0, 66.0
_COMPOSITE = 160.0
_LANE, _LANE_LINE, _LANE_MOST, _LANE_EMPTY = 40.0, 18.0, 190.0, 1.0

_SOFT, _FAINT, _GRID = "#5a5a5a", "#8a8a8a", "#dedede"
_AREA, _LOW_AREA, _EDGE = "#c3d7ec", "#a3bdd8", "#123f6b"
# What a profile does -> how its line looks.
_STYLES: dict[int, dict[str, Any]] = {
    OVERRULED: {"color": _FAINT, "linewidth": 1.0, "linestyle": (0, (4, 2.5))},
    COUNTS: {"color": _EDGE, "linewidth": 1.0, "linestyle": "solid"},
    LIMITS: {"color": _EDGE, "linewidth": 2.6, "linestyle": "solid"},
}
_LOCAL: dict[str, Any] = {"color": INK, "linewidth": 1.0, "linestyle": (0, (7, 2, 1.5, 2))}
_PAUSE: dict[str, Any] = {"facecolor": "white", "edgecolor": _FAINT, "hatch": "////"}
_LEGEND = (
    (_STYLES[LIMITS], "sets the limit"),
    (_STYLES[COUNTS], "counts, another limit is lower"),
    (_STYLES[OVERRULED], "another profile goes before it"),
    (_LOCAL, "local limit"),
)
# A line: x of both ends, y of both.
_Stroke = tuple[tuple[float, float], tuple[float, float]]
_KINDS = ("", "relative", "daily", "weekly")


class Chart:
    """Drawn once; `png()` and `svg()` are the bytes of a file. ModuleNotFoundError: without matplotlib."""

    def __init__(self, lanes: Lanes):
        self._lanes = lanes
        self._asked = lanes.situation
        self._per_s = _INNER / self._asked.duration_s  # points
        self._order = ((MAX, lanes.maximum), (TX, lanes.transaction), (DEFAULT, lanes.default))
        heights = [_lane_height(lines) for _, lines in self._order]
        height = _TITLE + sum(heights) + _GAP * len(heights) + _COMPOSITE + _FOOT
        self._sheet = Sheet(_WIDTH, height, table.title(self._asked))
        self._draw(heights)

    def png(self) -> bytes:
        return self._sheet.png()

    def svg(self) -> bytes:
        return self._sheet.svg()

    # --- the parts ---

    def _draw(self, heights: list[float]) -> None:
        height = self._sheet.height
        whole = self._sheet.panel(_LEFT, height, _INNER, height, _INNER, height)
        self._heading_of_all(whole, height - 18)
        top = height - _TITLE
        for (purpose, lines), height in zip(self._order, heights, strict=True):
            panel = self._panel(top, height, self._lane_top)
            if lines:
                self._heading(panel, height, PURPOSES[purpose])
                self._grid(panel, height, self._lane_top, 4)
                self._lane(panel, height, lines)
            else:
                self._sheet.text(panel, 0, 7, f"{PURPOSES[purpose]}: none", colour=_SOFT)
            top -= height + _GAP
        panel = self._panel(top, _COMPOSITE, self._composite_top)
        self._heading(panel, _COMPOSITE, "composite schedule")
        self._grid(panel, _COMPOSITE, self._composite_top, 5)
        self._composite(panel, self._lanes.rows)
        self._times(panel)
        self._legend(whole)

    def _panel(self, top: float, height: float, most: float) -> Any:
        """Of seconds and limits up to `most`."""
        return self._sheet.panel(_LEFT, top, _INNER, height, self._asked.duration_s, most)

    def _heading_of_all(self, whole: Any, y: float) -> None:
        text = table.title(self._asked)
        size = min(BIG, BIG * _INNER / self._sheet.wide(text, BIG, True))
        self._sheet.text(whole, 0, y, text, size=size, bold=True)

    def _heading(self, panel: Any, height: float, text: str) -> None:
        self._sheet.text(panel, 0, height + 5, text, bold=True)
        self._sheet.text(
            panel, -6, height + 5, "kW" if self._asked.unit == "W" else "A", size=SMALL, across="right"
        )

    def _grid(self, panel: Any, height: float, most: float, wanted: int) -> None:
        end = self._asked.duration_s
        step = round_step(most, wanted)
        levels = [step * number for number in range(int(0.97 * most // step) + 1)]
        for level in levels:
            text = f"{level / (10000 if self._asked.unit == 'W' else 10):.10g}"
            self._sheet.text(panel, -6, level / most * height - 2.7, text, size=SMALL, across="right")
        lines = [((0, end), (level, level)) for level in levels[1:]]
        lines += [((at, at), (0, most)) for at, _ in self._moments if at > 0]
        self._sheet.line(panel, *_apart(lines), color=_GRID, linewidth=0.6, zorder=1)
        self._sheet.line(panel, [0, 0, end], [most, 0, 0], color=INK, linewidth=0.9, zorder=4)

    # --- a lane ---

    def _lane(self, panel: Any, height: float, lines: tuple[Line, ...]) -> None:
        most = self._lane_top
        per_unit = height / most
        labels = Labels(_INNER, height - 1)
        for line in reversed(lines):  # those that go before others are drawn above them
            self._steps(panel, line, most)
            for span in line.spans:
                labels.line(
                    span.begin * self._per_s, span.end * self._per_s, min(span.value, most) * per_unit
                )
        unnamed = 0
        # Those that count have their names before the others.
        for line in sorted(lines, key=lambda line: not _counts(line)):
            text = self._name(line)
            spots = [
                (span.begin * self._per_s, span.end * self._per_s, min(span.value, most) * per_unit)
                for span in sorted(line.spans, key=lambda span: (-span.part, span.begin))
            ]
            box = labels.place(self._sheet.wide(text, SMALL), SMALL, spots)
            if box is not None:
                colour = INK if _counts(line) else _SOFT
                self._sheet.text(panel, box.left, box.low + 1.5, text, size=SMALL, colour=colour, ground=True)
            elif line.spans:
                unnamed += 1
        note = self._silent(lines)
        if unnamed:
            note = f"{unnamed} without room for their names{'; ' if note else ''}{note}"
        self._sheet.text(panel, _INNER, height + 5, note, size=SMALL, across="right", colour=_SOFT)

    def _silent(self, lines: tuple[Line, ...]) -> str:
        """Which of them say nothing in the interval."""
        names = [self._name(line) for line in lines if not line.spans]
        text = f"silent in this time: {'; '.join(names)}" if names else ""
        if self._sheet.wide(text, SMALL) > _INNER - 250:  # what is left beside the heading
            text = f"silent in this time: {len(names)} profiles"
        return text

    def _steps(self, panel: Any, line: Line, most: float) -> None:
        """Each span as a level, and uprights where one goes over into the next."""
        levels: dict[int, list[_Stroke]] = {part: [] for part in _STYLES}
        uprights: dict[int, list[_Stroke]] = {part: [] for part in _STYLES}
        for span in line.spans:
            levels[span.part].append(((span.begin, span.end), (min(span.value, most), min(span.value, most))))
        for before, after in pairwise(line.spans):
            if before.end == after.begin and before.value != after.value:
                ends = (min(before.value, most), min(after.value, most))
                uprights[min(before.part, after.part)].append(((after.begin, after.begin), ends))
        for part, look in _STYLES.items():
            for strokes, width in ((uprights, 1.0), (levels, look["linewidth"])):
                if strokes[part]:
                    thick = {**look, "linewidth": width}
                    self._sheet.line(panel, *_apart(strokes[part]), **thick, zorder=3)

    def _name(self, line: Line) -> str:
        profile = line.profile
        asked = self._asked
        parts = [f"id {profile.number}"]
        elsewhere = profile.connector != asked.connector and profile.purpose != MAX
        if elsewhere or profile.purpose == DEFAULT:
            parts.append(f"connector {profile.connector}")
        parts.append(f"level {profile.level}")
        if _KINDS[profile.kind]:
            parts.append(_KINDS[profile.kind])
        highest = max((span.value for span in line.spans), default=0)
        if highest > self._lane_top:
            parts.append(f"up to {table.brief(highest, asked.unit)}")
        return ", ".join(parts)

    # --- the composite schedule ---

    def _composite(self, panel: Any, rows: tuple[Row, ...]) -> None:
        end = self._asked.duration_s
        per_unit = _COMPOSITE / self._composite_top
        for row in rows:
            low = self._lanes.least_at(row.begin)
            if not row.pause:
                self._sheet.area(panel, row.begin, row.end, row.value, facecolor=_AREA, zorder=1.5)
            look: dict[str, Any] = _PAUSE if row.pause else {"facecolor": _LOW_AREA}
            self._sheet.area(panel, row.begin, row.end, low, zorder=1.6, **look)
        self._sheet.line(
            panel,
            *_stairs([(row.begin, row.value) for row in rows], end),
            color=_EDGE,
            linewidth=2.2,
            zorder=3,
        )
        local = self._lanes.local
        self._sheet.line(panel, *_stairs(local, end), **_LOCAL, zorder=2.5)
        labels = Labels(_INNER, _COMPOSITE)
        for begin, until, value in _ranges([(row.begin, row.value) for row in rows], end):
            labels.line(begin * self._per_s, until * self._per_s, value * per_unit)
        for row in rows:
            self._limit(panel, row, per_unit, labels)
        for value in dict.fromkeys(value for _, value in local):
            spots = [
                (begin * self._per_s, until * self._per_s, value * per_unit)
                for begin, until, limit in _ranges(local, end)
                if limit == value
            ]
            name = "local limit" if self._asked.connector else "local limits"
            text = f"{name} {table.brief(value, self._asked.unit)}"
            spots.sort(key=lambda spot: spot[0] - spot[1])
            box = labels.place(self._sheet.wide(text, SMALL), SMALL, spots, from_right=True)
            if box is not None:
                self._sheet.text(panel, box.left, box.low + 1.5, text, size=SMALL)

    def _limit(self, panel: Any, row: Row, per_unit: float, labels: Labels) -> None:
        """Its limit above a step: across, upright where it is narrow; nowhere where it is a line."""
        text = table.brief(row.value, self._asked.unit)
        room = (row.end - row.begin) * self._per_s
        x, y = (row.begin + row.end) / 2 * self._per_s, row.value * per_unit + 4
        long = self._sheet.wide(text, NORMAL)
        if room >= long + 3:
            self._sheet.text(panel, x, y, text, across="center", ground=row.pause)
            labels.taken(Box(x - long / 2, y, x + long / 2, y + NORMAL))
        elif room >= 8:
            self._sheet.text(panel, x + 2.7, y, text, size=SMALL, turn=90, ground=row.pause)
            labels.taken(Box(x - 4, y, x + 4, y + long))

    def _times(self, panel: Any) -> None:
        begin_s, end = self._asked.begin_s, self._asked.duration_s
        for at, text in self._moments:
            self._sheet.text(panel, at * self._per_s, -12, text, size=SMALL, across="center")
        days = [] if self._whole_days else [0, *range(-begin_s % 86400 or 86400, end, 86400)]
        free = -1000.0
        for at in days:
            text = table.day(begin_s + at)
            x = at * self._per_s - (0 if at else 10)
            if x >= free:
                self._sheet.text(panel, x, -24, text, size=SMALL)
                free = x + self._sheet.wide(text, SMALL) + 8
        if begin_s == self._asked.now_s:
            self._sheet.text(panel, -14, -24, "now", size=SMALL, bold=True, across="right")
        self._sheet.text(panel, _INNER + 10, -35, "UTC", size=SMALL, across="right")

    @cached_property
    def _moments(self) -> list[tuple[int, str]]:
        return moments(
            self._asked.begin_s,
            self._asked.duration_s,
            _INNER,
            lambda text: self._sheet.wide(text, SMALL) + 7,
        )

    @property
    def _whole_days(self) -> bool:
        """The ticks are days, and need no others below them."""
        return any(text[:1].isalpha() for _, text in self._moments)

    def _legend(self, whole: Any) -> None:
        x = 0.0
        for look, text in _LEGEND:
            self._sheet.line(whole, [x, x + 24], [14, 14], **look)
            self._sheet.text(whole, x + 29, 11.5, text, size=SMALL)
            x += 29 + self._sheet.wide(text, SMALL) + 15
        if self._lanes.least:
            self._sheet.area(whole, x, x + 24, 18, base=10, **_PAUSE)
            self._sheet.text(whole, x + 29, 11.5, f"below 6 A{self._least_power}: pause", size=SMALL)

    @property
    def _least_power(self) -> str:
        if self._asked.unit == "A":
            return ""
        powers = sorted({value for _, value in self._lanes.least})
        return f" ({' or '.join(table.brief(power, 'W') for power in powers)})"

    # --- how far the panel of limits go: what is far above all that counts does not count ---

    @cached_property
    def _composite_top(self) -> float:
        return (
            max([value for _, value in self._lanes.local] + [row.value for row in self._lanes.rows] + [60])
            * 1.2
        )

    @cached_property
    def _lane_top(self) -> float:
        said = [span.value for _, lines in self._order for line in lines for span in line.spans]
        most = 1.2 * self._composite_top
        return max([value for value in said if value <= most] + [60]) * 1.35


def _counts(line: Line) -> bool:
    """Does it ever?"""
    return any(span.part != OVERRULED for span in line.spans)


def _lane_height(lines: tuple[Line, ...]) -> float:
    return min(_LANE + _LANE_LINE * len(lines), _LANE_MOST) if lines else _LANE_EMPTY


def _stairs(steps: Sequence[tuple[int, int]], end: int) -> tuple[list[float], list[float]]:
    """The corners of steps (begin, value)."""
    x: list[float] = []
    y: list[float] = []
    for begin, until, value in _ranges(steps, end):
        x += [begin, until]
        y += [value, value]
    return x, y


def _ranges(steps: Sequence[tuple[int, int]], end: int) -> list[tuple[int, int, int]]:
    """(begin, end, value) of steps (begin, value)."""
    ends = [*[begin for begin, _ in steps[1:]], end]
    return [(begin, until, value) for (begin, value), until in zip(steps, ends, strict=False)]


def _apart(lines: Sequence[_Stroke]) -> tuple[list[float], list[float]]:
    """Lines that do not hang together, as one."""
    x: list[float] = []
    y: list[float] = []
    for across, up in lines:
        x += [*across, float("nan")]
        y += [*up, float("nan")]
    return x, y
