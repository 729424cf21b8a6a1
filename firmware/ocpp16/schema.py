# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Check received payloads against the tables that tools/schemas.py makes from the official OCPP 1.6 schemas.

A row is a tuple of constants, so that a frozen image keeps it in flash:

    object  (flags, name, rule, name, rule, ...)
    enum    (flags, value, value, ...)
    other   an integer: flags

flags: kind in bits 0-2, REQUIRED, ARRAY (a list of such items), NOT_EMPTY (list), and above SHIFT the longest
length of a string or the range of an integer.
"""

STRING = 0
DATE = 1
INTEGER = 2
TENTHS = 3  # a number with at most one fraction digit
BOOLEAN = 4
ENUM = 5
OBJECT = 6

REQUIRED = 8
ARRAY = 16
NOT_EMPTY = 32
SHIFT = 6

# Ranges of integers. OCPP 1.6 section 6: "integer: 32 bit".
ANY = 0
INT32 = 1
FROM_0 = 2

_KIND = 7

# The spelling is the standard's (OCPP-J 1.6 table 7, errata 5.1 and 5.2).
FORMATION = "FormationViolation"
PROPERTY = "PropertyConstraintViolation"
OCCURENCE = "OccurenceConstraintViolation"
TYPE = "TypeConstraintViolation"


class Violation(Exception):
    """`code`: CALLERROR code, `path`: the field, "a.b[0].c", "" = the payload itself, `text`: what is wrong
    with it."""

    def __init__(self, code, path, text):
        super().__init__(code, path, text)
        self.code = code
        self.path = path
        self.text = text

    def describe(self) -> str:
        return (self.path or "payload") + " " + self.text


def find(table, action):
    """The row of `action` in a table of (action, row, action, row, ...), or None."""
    return table[table.index(action) + 1] if action in table else None


def check(row, payload, lenient=False) -> None:
    """Raise Violation unless `payload` is what `row` says.

    `lenient` is for answers to our own requests, where being strict helps nobody: fields the schema does not
    know are overlooked, as are dates that are none, and an optional field that is null counts as absent (it
    is removed from `payload`).
    """
    if not isinstance(payload, dict):
        raise Violation(FORMATION, "", "is not an object")
    _object(row, payload, "", lenient)


def check_item(row, name, n, value) -> None:
    """The same for `value`, which is the item `n` of the list `name` in a payload that is checked without."""
    rule = row[row.index(name) + 1]
    _item(rule, rule if isinstance(rule, int) else rule[0], value, "", "%s[%d]" % (name, n), False)


def _object(row, value, path, lenient):
    known = 0
    for i in range(1, len(row), 2):
        name = row[i]
        rule = row[i + 1]
        flags = rule if isinstance(rule, int) else rule[0]
        if name not in value:
            if flags & REQUIRED:
                raise Violation(OCCURENCE, path + name, "is required")
            continue
        item = value[name]
        if item is None and lenient and not flags & REQUIRED:
            del value[name]
            continue
        known += 1
        if not flags & ARRAY:
            _item(rule, flags, item, path, name, lenient)
            continue
        if not isinstance(item, list):
            raise Violation(TYPE, path + name, "must be a list")
        if flags & NOT_EMPTY and not item:
            raise Violation(OCCURENCE, path + name, "must not be empty")
        for n, one in enumerate(item):
            _item(rule, flags, one, path, "%s[%d]" % (name, n), lenient)
    if known != len(value) and not lenient:
        for name in value:
            if not any(row[i] == name for i in range(1, len(row), 2)):
                raise Violation(FORMATION, path + name[:50], "is not a field of this message")


def _item(rule, flags, value, path, name, lenient):
    kind = flags & _KIND
    if kind == OBJECT:
        if not isinstance(value, dict):
            raise Violation(TYPE, path + name, "must be an object")
        _object(rule, value, path + name + ".", lenient)
    elif kind == INTEGER:
        if type(value) is not int:  # not isinstance: a bool is an int, too
            raise Violation(TYPE, path + name, "must be an integer")
        limit = flags >> SHIFT
        if limit and not (0 if limit == FROM_0 else -0x80000000) <= value <= 0x7FFFFFFF:
            raise Violation(PROPERTY, path + name, "is out of range")
    elif kind == TENTHS:
        _tenths(value, path, name)
    elif kind == BOOLEAN:
        if not isinstance(value, bool):
            raise Violation(TYPE, path + name, "must be true or false")
    elif not isinstance(value, str):
        raise Violation(TYPE, path + name, "must be a string")
    elif kind == ENUM:
        if value not in rule:
            raise Violation(PROPERTY, path + name, "has no such value")
    elif kind == DATE:
        # In an answer a date that nobody can read is no reason to do without the rest of it: the
        # transactionId, the registration. Who uses the date finds out.
        if not lenient and not _like_date(value):
            raise Violation(PROPERTY, path + name, "is not a date-time")
    else:
        longest = flags >> SHIFT
        if longest and len(value) > longest:
            raise Violation(PROPERTY, path + name, "is longer than %d characters" % longest)


def _tenths(value, path, name):
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise Violation(TYPE, path + name, "must be a number")
    # Beyond that floats of the boards have no tenths; ten times the largest is none at all.
    if isinstance(value, float) and abs(value) < 1000000:
        tenths = value * 10
        # Binary fractions are never exact, and floats of the boards have 22 bits: allow for that, not for
        # hundredths.
        if abs(tenths - round(tenths)) > 0.005 + abs(value) * 2.5e-6:
            raise Violation(PROPERTY, path + name, "has more than one fraction digit")


def _like_date(text):
    """Whether a date-time is worth giving to station.clock, which reads it."""
    if not 16 <= len(text) <= 40:
        return False
    # Slices: MicroPython keeps every character for ever that was taken out of a text by its index.
    return text[4:5] + text[7:8] + text[13:14] == "--:" and text[10:11] in "Tt "
