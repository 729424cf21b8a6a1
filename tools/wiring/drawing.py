# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The drawing of a board's wires, as SVG: the board in the middle with the pins that are used, its parts left
and right of it, and on the far right, behind a line, what carries the mains. The same data, the same bytes.

The pins stand in the order of the parts, not of the header, so that no wire crosses another.
"""

from wiring import headers, parts
from wiring.mains import Mains
from wiring.svg import Sheet

_ROW = 22
_HEAD = 24
_FOOT = 18
_GAP = 16
_TOP = 82
_PART = 196
_LANE = 142  # where the wires are
_BOARD = 208
_MARGIN = 18
_RADIUS = 5

_LEFT_X = _MARGIN
_BOARD_X = _LEFT_X + _PART + _LANE
_RIGHT_X = _BOARD_X + _BOARD + _LANE

# Dark enough on white for text, and no two neighbours alike.
_COLOURS = {
    "rcd": "#6a1b9a",
    "modbus": "#00695c",
    "meter": "#00695c",
    "emergency_stop": "#ad1457",
    "contactor": "#c62828",
    "phase_switch": "#bf360c",
    "pilot": "#1565c0",
    "proximity": "#37474f",
    "lock": "#5d4037",
    "temperature": "#827717",
    "links": "#283593",
    "reader": "#b35900",
    "indicator": "#9e7700",
    "button": "#455a64",
}
_OTHER = "#4e342e"
_CHIPS = {"rp2040": "RP2040", "esp32": "ESP32", "esp32s3": "ESP32-S3"}


def svg(board: dict) -> str:
    found = parts.of(board)
    left, right = parts.side(found, "left"), parts.side(found, "right")
    tall = max(_tall(left), _tall(right))
    mains = Mains(board, _RIGHT_X + _PART)
    sheet = Sheet(mains.right + _MARGIN, _TOP + tall + 44)
    sheet.text(_MARGIN, 26, board["name"], size=19, bold=True)
    sheet.text(_MARGIN, 46, "Made from board.py. Never built: read README.md and docs/safety.md first.")
    _draw_board(sheet, board, tall)
    header = headers.of(board)
    _draw_side(sheet, left, _LEFT_X, tall, header, to_left=True)
    middles = _draw_side(sheet, right, _RIGHT_X, tall, header, to_left=False)
    mains.draw(sheet, _TOP, _TOP + tall, middles)
    _draw_foot(sheet, board, _TOP + tall + 30)
    return sheet.text_of("How %s is wired" % board["name"])


def colour(kind: str) -> str:
    return _COLOURS.get(kind, _OTHER)


def _height(part):
    return _HEAD + _ROW * len(part.wires) + (_FOOT if part.also else 4)


def _tall(column):
    return sum(_height(part) for part in column) + _GAP * (len(column) - 1) if column else 0


def _draw_board(sheet, board, tall):
    sheet.box(_BOARD_X, _TOP, _BOARD, tall, fill="#e8f5e9", line="#1b5e20", thick=2, radius=8)
    middle = _BOARD_X + _BOARD / 2
    chip = _CHIPS[board["chip"]]
    if "module" in board:
        chip += " " + board["module"].upper()
    sheet.text(middle, _TOP - 8, chip, anchor="middle", bold=True, fill="#1b5e20")
    for index, link in enumerate(parts.inside(board)):
        sheet.text(middle, _TOP + tall - 10 - 15 * index, link, anchor="middle", fill="#1b5e20")


def _draw_side(sheet, column, x, tall, header, to_left):
    """Each part with its wires to the board. Returns {kind: (middle of its box, colour)}, for the mains."""
    space = (tall - _tall(column)) / (len(column) + 1) if column else 0
    y = _TOP + space
    middles = {}
    for part in column:
        high = _height(part)
        ink = colour(part.kind)
        sheet.box(x, y, _PART, high, fill="#ffffff", line=ink, thick=1.6, radius=_RADIUS)
        sheet.box(x, y, _PART, _HEAD - 3, fill=ink, line=ink, thick=1.6, radius=_RADIUS)
        sheet.text(x + 9, y + 15.5, part.title, bold=True, fill="#ffffff")
        for index, wire in enumerate(part.wires):
            _draw_wire(sheet, wire, x, y + _HEAD + _ROW * index + _ROW / 2 - 2, ink, header, to_left)
        if part.also:
            sheet.text(x + 9, y + high - 7, part.also, size=10.5, fill="#616161")
        middles.setdefault(part.kind, (y + high / 2, ink))
        y += high + _GAP + space
    return middles


def _draw_wire(sheet, wire, x, y, ink, header, to_left):
    start = x + _PART if to_left else x
    end = _BOARD_X if to_left else _BOARD_X + _BOARD
    sheet.line(start, y, end, y, ink, 1.8)
    sheet.dot(start, y, 3, ink)
    sheet.box(end - 4, y - 4, 8, 8, fill="#fff8e1", line="#1b5e20", thick=1.2, radius=1)
    sheet.text((start + end) / 2, y - 4, wire.label, size=10.5, anchor="middle", fill=ink, halo=True)
    pin = "GPIO%d" % wire.number
    if wire.number in header:
        pin = "GP%d, pin %d" % (wire.number, header[wire.number])
    elif header:
        pin = "GP%d" % wire.number
    if to_left:
        sheet.text(start - 9, y + 4, wire.signal, anchor="end")
        sheet.text(end + 9, y + 4, pin, bold=True)
    else:
        sheet.text(start + 9, y + 4, wire.signal)
        sheet.text(end - 9, y + 4, pin, anchor="end", bold=True)


def _draw_foot(sheet, board, y):
    outputs, inputs = parts.left_over(board)
    header = headers.of(board)
    free = [number for number in outputs + inputs if not header or number in header]
    rest = "no pin is left over"
    if free:
        rest = "left over: " + ", ".join(str(number) for number in sorted(free))
    sheet.text(_MARGIN, y, "3.3 V logic; all grounds together. Pins in the order of the parts; %s." % rest)
