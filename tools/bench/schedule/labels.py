# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Where the names of lines go in a lane, so that they hide neither each other nor a line. In points."""

from collections.abc import Sequence
from dataclasses import dataclass

_STRIP = 20.0
_SPOTS = 24  # are looked at
_CLEAR = 2.5  # between a line and its name


@dataclass(frozen=True)
class Box:
    left: float
    low: float
    right: float
    high: float

    def shared(self, other: "Box") -> float:
        """The area that both cover."""
        across = min(self.right, other.right) - max(self.left, other.left)
        up = min(self.high, other.high) - max(self.low, other.low)
        return max(across, 0) * max(up, 0)


class Labels:
    """Of a lane of this size."""

    def __init__(self, width: float, height: float):
        self._width, self._height = width, height
        # By where they are: a week may have thousands.
        self._lines: list[list[Box]] = [[] for _ in range(int(width / _STRIP) + 1)]
        self._placed: list[Box] = []

    def line(self, begin: float, end: float, y: float) -> None:
        """There is a level line."""
        for strip in self._strips(begin, end):
            left, right = max(begin, strip * _STRIP), min(end, (strip + 1) * _STRIP)
            self._lines[strip].append(Box(left, y - 1, right, y + 1))

    def taken(self, box: Box) -> None:
        """There is something else."""
        self._placed.append(box)

    def place(
        self, width: float, size: float, spots: Sequence[tuple[float, float, float]], from_right: bool = False
    ) -> Box | None:
        """The best place for a name of this width beside one of the `spots` (begin, end, y) of its line,
        above it or below; the first of equals, the left end before the right one unless `from_right`. None:
        other names are everywhere."""
        best, least = None, 0.0
        for order, (begin, end, y) in enumerate(spots[:: 1 + len(spots) // _SPOTS]):
            lefts = (begin + 3, (begin + end - width) / 2, end - width - 3)
            if from_right:
                lefts = lefts[::-1]
            for low in (y + _CLEAR, y - _CLEAR - size - 2):
                for left in lefts:
                    left = max(2.0, min(left, self._width - width - 2))
                    box = Box(left, low, left + width, low + size + 1)
                    if box.low < 0 or box.high > self._height or any(map(box.shared, self._placed)):
                        continue
                    cost = self._cost(box, begin, end) + 0.01 * order
                    if best is None or cost < least:
                        best, least = box, cost
        if best is not None:
            self._placed.append(best)
        return best

    def _cost(self, box: Box, begin: float, end: float) -> float:
        strips = self._strips(box.left, box.right)
        hidden = sum(box.shared(line) for strip in strips for line in self._lines[strip])
        beside = max(0.0, begin - box.left) + max(0.0, box.right - end)
        return 3 * hidden + 0.5 * beside

    def _strips(self, left: float, right: float) -> range:
        """The parts of the lane that lie between."""
        return range(max(0, int(left / _STRIP)), min(len(self._lines) - 1, int(right / _STRIP)) + 1)
