# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The facts of a board: a check of what `boards/<name>/board.py` says, which names what is wrong with it.

`BOARD` is a dict of constants. Its keys are in `hal.board_keys`, what they say together is looked at by
`hal.board_sense`. `problems` runs on the board as well, at each start: a wrong board is told in words, and
nothing is driven. What only the chip's tables can tell (which pin carries which bus, or does something of its
own while the chip starts) is `tools/toolchain/board_check.py`, which the tests run over every board.
"""

from hal import board_keys, board_sense
from hal.board_keys import NUMBER, PIN


class BoardDataError(ValueError):
    """The text names every wrong key, one in a line."""


def require(board: dict) -> None:
    """Raises BoardDataError unless `board` can be built."""
    found = problems(board)
    if found:
        raise BoardDataError("\n".join(found))


def problems(board: dict) -> list:
    """What is wrong with `board`, in words."""
    found = []
    uses = []
    _walk(board, found, uses)
    if isinstance(board, dict) and board.get("chip") in board_keys.CHIPS:
        _pins_once(board["chip"], uses, found)
    if not found:
        board_sense.look(board, found)
    return found


def pins(board: dict) -> list:
    """(number, path of its use, the innermost key) of each pin of a board without problems."""
    uses = []
    _walk(board, [], uses)
    return [(number, path, _last(path)) for number, path, _ in uses]


def is_input(path: str) -> bool:
    """Whether the pin at the end of `path` is read, not driven."""
    return _last(path) in board_keys.INPUTS


def _walk(board, found, uses):
    _object(board, board_keys.board(), "", found, uses)
    if not isinstance(board, dict):
        return
    for name, kind in (("connectors", board_keys.connector()), ("links", [board_keys.links()])):
        rows = board.get(name)
        if isinstance(rows, tuple):
            for index, row in enumerate(rows):
                _value(row, kind, "%s[%d]" % (name, index), found, uses)
            if not rows:
                found.append(name + ": there is none")


def _last(path):
    return path[path.rfind(".") + 1 :]


def _object(value, schema, path, found, uses):
    """Check a dict against a schema; `uses` gets (number, path, pull) of each pin."""
    if not isinstance(value, dict):
        found.append("%s: an object is needed, not %r" % (path or "the board", value))
        return
    before = path + "." if path else ""
    known = []
    for key in schema:
        name = key.lstrip("?")
        known.append(name)
        if name in value:
            _value(value[name], schema[key], before + name, found, uses)
        elif key == name:
            found.append("%s%s is missing" % (before, name))
    for name in value:
        if name not in known:
            found.append("%s%s: no such key" % (before, name))


def _value(value, kind, path, found, uses):
    # Not `is`: a name that is compared by identity is no constant any more, in no module of the image
    # (toolchain/constants.py), and with this one the table of the configuration keys lay in RAM.
    if kind == PIN:
        _object(value, board_keys.pin(), path, found, [])
        if isinstance(value, dict) and _is_int(value.get("pin")):
            uses.append((value["pin"], path, value.get("pull")))
    elif kind == NUMBER:
        if _is_int(value):
            uses.append((value, path, None))
        else:
            found.append("%s: the number of a pin is needed, not %r" % (path, value))
    elif isinstance(kind, list):
        _one_of(value, kind[0], path, found, uses)
    elif isinstance(kind, dict):
        _object(value, kind, path, found, uses)
    elif isinstance(kind, tuple):
        _in_range(value, kind, path, found)
    elif not isinstance(value, kind):
        found.append("%s: %s is needed, not %r" % (path, kind.__name__, value))


def _one_of(value, kinds, path, found, uses):
    """A part of which there are several: its `kind` says which keys it has."""
    kind = value.get("kind") if isinstance(value, dict) else None
    if isinstance(value, dict) and (not isinstance(kind, str) or kind not in kinds):
        found.append("%s.kind: %r is not one of %s" % (path, kind, ", ".join(sorted(kinds))))
        return
    _object(value, dict({"kind": str}, **kinds.get(kind, {})), path, found, uses)


def _in_range(value, allowed, path, found):
    if isinstance(allowed[0], str):
        if value not in allowed:
            found.append("%s: %r is not one of %s" % (path, value, ", ".join(allowed)))
    elif not _is_int(value) or not allowed[0] <= value <= allowed[1]:
        found.append("%s: %r is not a number in %d..%d" % (path, value, allowed[0], allowed[1]))


def _is_int(value):
    return isinstance(value, int) and not isinstance(value, bool)


def _pins_once(chip, uses, found):
    paths = {}
    there = board_keys.pins_of(chip)
    for number, path, _ in uses:
        if number in paths:
            found.append("%s: GPIO%d is used already by %s" % (path, number, paths[number]))
        elif number not in there:
            found.append("%s: there is no GPIO%d for use on an %s" % (path, number, chip))
        paths[number] = path
