# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""RFC 3339 date-times <-> milliseconds since 1970 UTC, in integers (boards have no datetime and 24-bit
floats).

Central systems write all of "2026-11-20T10:09:22Z", "...22.123456+00:00" (Python) and no zone at all; OCPP
1.6 errata 3.10 allows fractions and offsets. Python's strftime and str() write "...22+0000" and "2026-11-20
10:09:22": read as well, for bills dated 1970 are worse than a lax reader. Dates outside 2000..2099 are
nobody's clock; only expiry dates go there ("9999-12-31").
"""

from hal import calendar

EARLIEST_MS = 946684800000  # 2000-01-01T00:00:00Z
LATEST_MS = 4102444799999  # 2099-12-31T23:59:59.999Z

_DAY_MS = 86400000


def text(utc_ms: int, milliseconds: bool = True) -> str:
    """`2026-11-20T10:09:22.123Z`, or without the fraction (cut, not rounded)."""
    days, day_ms = divmod(utc_ms, _DAY_MS)
    year, month, day = calendar.civil(days)
    seconds, fraction = divmod(day_ms, 1000)
    minutes, second = divmod(seconds, 60)
    hour, minute = divmod(minutes, 60)
    head = "%04d-%02d-%02dT%02d:%02d:%02d" % (year, month, day, hour, minute, second)
    return "%s.%03dZ" % (head, fraction) if milliseconds else head + "Z"


def parse(date_time: str, clamp: bool = False) -> int:
    """Milliseconds since 1970 UTC of an RFC 3339 date-time; no zone means UTC, a leap second is the next
    second.

    Raises ValueError for anything else, and outside 2000..2099; with `clamp` such a date becomes the nearer
    end of that range, which is what an expiry date "never" or "long ago" means; with None it stays what it
    is: what recurs is counted from any day.
    """
    # Slices: MicroPython keeps every character for ever that was taken out of a text by its index.
    if len(date_time) < 19 or date_time[4:5] + date_time[7:8] != "--" or date_time[10:11] not in "Tt ":
        raise ValueError("not a date-time: " + date_time[:40])
    if date_time[13:14] + date_time[16:17] != "::":
        raise ValueError("not a date-time: " + date_time[:40])
    year = _number(date_time, 0, 4)
    month = _number(date_time, 5, 7)
    day = _number(date_time, 8, 10)
    hour = _number(date_time, 11, 13)
    minute = _number(date_time, 14, 16)
    second = _number(date_time, 17, 19)
    if not (
        1 <= month <= 12
        and 1 <= day <= _month_days(year, month)
        and hour < 24
        and minute < 60
        and second <= 60
    ):
        raise ValueError("no such moment: " + date_time[:40])
    at = 19
    fraction = 0
    if date_time[at : at + 1] == ".":
        end = at + 1
        while date_time[end : end + 1] in _DIGITS:
            end += 1
        fraction = _number((date_time[at + 1 : end] + "00")[:3], 0, 3) if end > at + 1 else _number(".", 0, 1)
        at = end
    utc_ms = (
        (calendar.days(year, month, day) * 24 + hour) * 60 + minute - _offset_minutes(date_time[at:])
    ) * 60000
    utc_ms += second * 1000 + fraction
    if clamp is None or EARLIEST_MS <= utc_ms <= LATEST_MS:
        return utc_ms
    if clamp:
        return EARLIEST_MS if utc_ms < EARLIEST_MS else LATEST_MS
    raise ValueError("outside 2000 to 2099: " + date_time[:40])


_DIGITS = ("0", "1", "2", "3", "4", "5", "6", "7", "8", "9")  # a tuple: the empty string is not in it


def _number(source, start, end):
    """The decimal number source[start:end]; int() would also take signs, spaces and underscores."""
    for index in range(start, end):
        if source[index : index + 1] not in _DIGITS:
            raise ValueError("not a date-time: " + source[:40])
    return int(source[start:end])


def _offset_minutes(zone):
    if zone in ("", "Z", "z"):
        return 0
    if len(zone) == 5:
        zone = zone[:3] + ":" + zone[3:]
    if len(zone) != 6 or zone[:1] not in ("+", "-") or zone[3:4] != ":":
        raise ValueError("not a time zone: " + zone[:40])
    hours = _number(zone, 1, 3)
    minutes = _number(zone, 4, 6)
    if hours > 23 or minutes > 59:
        raise ValueError("not a time zone: " + zone)
    minutes += 60 * hours
    return -minutes if zone[:1] == "-" else minutes


def _month_days(year, month):
    if month == 2:
        return 29 if year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) else 28
    return 30 if month in (4, 6, 9, 11) else 31
