# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""An SVG that is written element by element. Numbers have one decimal at most: it is the same on every
machine."""

from xml.sax.saxutils import escape, quoteattr

_FONT = "Helvetica, Arial, 'DejaVu Sans', sans-serif"
_INK = "#212121"


class Sheet:
    """White, `width` by `height`. Coordinates from the top left corner."""

    def __init__(self, width: float, height: float):
        self.width = width
        self.height = height
        self._lines: list[str] = []

    def box(self, x, y, wide, high, fill, line, thick=1.0, radius=0.0, dash="") -> None:
        self._put(
            "rect",
            x=x,
            y=y,
            width=wide,
            height=high,
            rx=radius,
            fill=fill,
            stroke=line,
            stroke_width=thick,
            stroke_dasharray=dash,
        )

    def line(self, x1, y1, x2, y2, colour, thick=1.0, dash="") -> None:
        self._put(
            "line", x1=x1, y1=y1, x2=x2, y2=y2, stroke=colour, stroke_width=thick, stroke_dasharray=dash
        )

    def dot(self, x, y, radius, colour) -> None:
        self._put("circle", cx=x, cy=y, r=radius, fill=colour)

    def arrow(self, x, y, colour, direction) -> None:
        """A head at (x, y) that points "down", "left" or "right"."""
        ends = {
            "down": ((-4, -7), (4, -7)),
            "left": ((7, -4), (7, 4)),
            "right": ((-7, -4), (-7, 4)),
        }[direction]
        points = [(x, y), *((x + dx, y + dy) for dx, dy in ends)]
        self._put(
            "polygon", points=" ".join("%s,%s" % (_number(a), _number(b)) for a, b in points), fill=colour
        )

    def text(self, x, y, text, size=12, bold=False, anchor="start", fill=_INK, halo=False) -> None:
        more: dict[str, str | int] = {"font_weight": "bold"} if bold else {}
        if halo:  # so that no line runs through the letters
            more.update(paint_order="stroke", stroke="#ffffff", stroke_width=3)
        self._put("text", text, x=x, y=y, font_size=size, text_anchor=anchor, fill=fill, **more)

    def _put(self, name, content=None, **attributes):
        words = [name]
        for key, value in attributes.items():
            if value == "" or (key == "rx" and not value):
                continue
            shown = value if isinstance(value, str) else _number(value)
            words.append("%s=%s" % (key.replace("_", "-"), quoteattr(shown)))
        tag = " ".join(words)
        self._lines.append("<%s/>" % tag if content is None else "<%s>%s</%s>" % (tag, escape(content), name))

    def text_of(self, title: str) -> str:
        size = (_number(self.width), _number(self.height))
        head = [
            '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %s %s" width="%s" height="%s" '
            'font-family="%s" role="img">' % (*size, *size, _FONT),
            "<title>%s</title>" % escape(title),
            '<rect width="100%" height="100%" fill="#ffffff"/>',
        ]
        return "\n".join([*head, *self._lines, "</svg>", ""])


def _number(value):
    return ("%.1f" % value).removesuffix(".0")
