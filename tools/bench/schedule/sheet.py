# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""A sheet to draw on, with matplotlib, which is loaded with the first one.

The same drawing gives the same bytes: one font, which comes with matplotlib, text as outlines, no dates, and
none of the settings that somebody may have made. White, whatever the page is on which it stands.
"""

import io
import logging
import os
import warnings
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

SMALL, NORMAL, BIG = 7.5, 8.5, 10.5
INK = "#1a1a1a"

_CACHE = Path(__file__).resolve().parents[3] / "build" / "cache" / "matplotlib"
_PER_INCH = 72
_PNG_PER_INCH = 150


class Sheet:
    """`width`, `height`: in points, as all places and sizes here. `title`: for who cannot see it."""

    def __init__(self, width: float, height: float, title: str):
        # Its list of fonts is not to lie in somebody's home; nor is it to be told of that it makes one.
        os.environ.setdefault("MPLCONFIGDIR", str(_CACHE))
        logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)
        import matplotlib  # noqa: PLC0415

        self._library: Any = matplotlib
        self.width, self.height, self._title = width, height, title
        with self._settings():
            from matplotlib.figure import Figure  # noqa: PLC0415

            self._figure = Figure(figsize=(width / _PER_INCH, height / _PER_INCH), facecolor="white")

    def panel(self, left: float, top: float, width: float, height: float, across: float, up: float) -> Any:
        """A rectangle whose upper left corner is there, `top` from below; it has coordinates of its own, of
        which it shows 0 to `across` and 0 to `up`."""
        place = (left / self.width, (top - height) / self.height, width / self.width, height / self.height)
        with self._settings():
            axes = self._figure.add_axes(place)
            axes.axis("off")
            axes.set_xlim(0, across)
            axes.set_ylim(0, up)
        return axes

    def line(self, panel: Any, x: Sequence[float], y: Sequence[float], **look: Any) -> None:
        with self._settings():
            panel.plot(x, y, solid_capstyle="butt", dash_capstyle="butt", clip_on=False, **look)

    def area(self, panel: Any, begin: float, end: float, value: float, base: float = 0, **look: Any) -> None:
        """From `base` to `value`."""
        with self._settings():
            panel.fill_between([begin, end], [value] * 2, base, linewidth=0, **look)

    def text(
        self, panel: Any, x: float, y: float, text: str, *, size: float = NORMAL, bold: bool = False,
        across: str = "left", turn: float = 0, colour: str = INK, ground: bool = False,
    ) -> None:  # fmt: skip
        """So many points from the lower left corner of the panel. `across`: which end is there; `ground`: it
        is not to be crossed by lines."""
        with self._settings():
            panel.annotate(
                text, (x, y), xycoords="axes points", ha=across, va="baseline", rotation=turn, color=colour,
                rotation_mode="anchor", annotation_clip=False, zorder=5, parse_math=False,
                fontproperties=self._font(size, bold),
                bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.8} if ground else None,
            )  # fmt: skip

    def wide(self, text: str, size: float, bold: bool = False) -> float:
        """How wide a text is."""
        from matplotlib.ft2font import LoadFlags  # noqa: PLC0415

        with warnings.catch_warnings(action="ignore"):  # a letter that the font has not is a box
            self._rulers[bold].set_text(text, 0.0, flags=LoadFlags.NO_HINTING)
        return self._rulers[bold].get_width_height()[0] / 64 / 100 * size

    def png(self) -> bytes:
        return self._saved("png", dpi=_PNG_PER_INCH, metadata={"Software": None})

    def svg(self) -> bytes:
        nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        drawn = self._saved("svg", metadata={**nothing, "Title": self._title})
        # A fifth of it would be blanks at the beginning of lines, and at the end of some.
        return b"\n".join(line.strip() for line in drawn.split(b"\n"))

    def _saved(self, form: str, **options: Any) -> bytes:
        file = io.BytesIO()
        with self._settings(), warnings.catch_warnings(action="ignore"):
            self._figure.savefig(file, format=form, **options)
        return file.getvalue()

    def _settings(self) -> Any:
        ours = {"svg.hashsalt": "pilotlight", "svg.fonttype": "path", "hatch.linewidth": 0.6}
        whole = {**self._library.rcParamsDefault, **ours, "path.simplify": False}
        return self._library.rc_context({key: whole[key] for key in whole if not key.startswith("backend")})

    def _font(self, size: float, bold: bool) -> Any:
        from matplotlib.font_manager import FontProperties  # noqa: PLC0415

        return FontProperties(fname=str(self._font_file(bold)), size=size)

    def _font_file(self, bold: bool) -> Path:
        """What the machine has under this name may be another edition."""
        name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
        return Path(self._library.get_data_path()) / "fonts" / "ttf" / name

    @cached_property
    def _rulers(self) -> dict[bool, Any]:
        from matplotlib.font_manager import get_font  # noqa: PLC0415

        found = {bold: get_font(str(self._font_file(bold))) for bold in (False, True)}
        for font in found.values():
            font.set_size(100, _PER_INCH)
        return found
