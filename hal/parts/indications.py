# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""What a driver sees and hears: one table for every kind of lamp and buzzer. docs/indicator.md shows it, a
test compares the two.

One man in twelve does not tell red from green. So the rhythm alone says it all, as it has to where there is
one lamp of one colour; the colours say it once more, and those that are looked for from afar (free, charging,
plugged in, out of order) differ for these eyes as well.
"""

# Worst first: a lamp for several connectors shows the worst of them. Name; red, green, blue (of 255);
# milliseconds of light and of dark.
INDICATIONS = (
    ("reset", 255, 255, 255, 60, 140),
    ("fault", 255, 0, 0, 150, 150),
    ("unavailable", 255, 60, 0, 100, 1900),
    ("starting", 255, 255, 255, 50, 450),
    ("charging", 0, 0, 255, 1500, 500),
    ("suspended", 0, 90, 255, 500, 500),
    ("preparing", 255, 150, 0, 1000, 200),
    ("finishing", 0, 200, 200, 200, 1000),
    ("reserved", 180, 0, 255, 200, 3000),
    ("available", 0, 255, 100, 1, 0),
    ("off", 0, 0, 0, 0, 1),
)

# Name; milliseconds of sound and of silence, in turn. All in one pitch: an active buzzer has no other. None
# is longer than 2 s, none is the beginning of another.
SOUNDS = (
    ("accepted", (80, 80, 80)),
    ("refused", (600,)),
    ("unplugged", (80,)),
    ("fault", (250, 250, 250, 250, 250)),
    ("warning", (30,)),
    ("reset", (1200,)),
)

_OFF = len(INDICATIONS) - 1


def place(indication: str) -> int:
    """Its row; ValueError for one that `hal.contract` does not know."""
    return [row[0] for row in INDICATIONS].index(indication)


def shown_by(shown: dict, number: int = 0) -> int:
    """The row that connector `number` shows, 0: the one lamp of all. `shown`: number -> row, as it was told;
    what 0 was told, but for "off", goes before all the others."""
    whole = shown.get(0, _OFF)
    if whole != _OFF:
        return whole
    return shown.get(number, _OFF) if number else min(shown.values())


def rhythm(row: int, tick_ms: int) -> tuple:
    """Light and dark in ticks of so many milliseconds."""
    light_ms, dark_ms = INDICATIONS[row][4:]
    return (light_ms + tick_ms - 1) // tick_ms, (dark_ms + tick_ms - 1) // tick_ms
