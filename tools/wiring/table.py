# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The table of a board's wires, for its README: between two lines that nobody edits."""

from toolchain import chip_pins
from wiring import headers, parts

BEGIN = "<!-- wiring: made from board.py by `make wiring` -->"
END = "<!-- /wiring -->"


def markdown(board: dict) -> str:
    """What stands between the two lines, with them."""
    header = headers.of(board)
    rows = [
        (wire.number, "%s: %s" % (part.title, wire.signal), wire.text)
        for part in parts.of(board)
        for wire in part.wires
    ]
    columns = ["GPIO", "pin", "signal", "wiring"] if header else ["GPIO", "signal", "wiring"]
    lines = ["| %s |" % " | ".join(columns), "|" + " --- |" * len(columns)]
    for number, signal, text in sorted(rows):
        where = [str(number), str(header.get(number, ""))] if header else [str(number)]
        lines.append("| %s |" % " | ".join([*where, signal, text]).replace("  ", " "))
    picture = "![How %s is wired](wiring.svg)" % board["name"]
    return "\n".join([BEGIN, picture, "", *lines, "", *_rest(board, header), END])


def _rest(board, header):
    found = []
    taken = chip_pins.taken(board)
    if taken:
        listed = ", ".join("%d (%s)" % row for row in taken)
        found.append("The board's own: %s." % listed)
    outputs, inputs = parts.left_over(board)
    if header:
        outputs = [number for number in outputs if number in header]
        inputs = [number for number in inputs if number in header]
    sentences = []
    if outputs:
        sentences.append("Left over: %s." % _numbers(outputs))
    if inputs:
        sentences.append("%s as inputs only: %s." % ("And" if outputs else "Left over", _numbers(inputs)))
    return [*found, *sentences] or ["No pin is left over."]


def _numbers(numbers):
    return ", ".join(str(number) for number in numbers)


def put(readme: str, board: dict) -> str:
    """The README with its table as it has to be; ValueError: it has no place for it."""
    before, begin, rest = readme.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError("README.md of %s lacks the line %s or %s" % (board["name"], BEGIN, END))
    return before + markdown(board) + after
