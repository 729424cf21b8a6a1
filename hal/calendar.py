# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Days since 1970-01-01 and dates of the proleptic Gregorian calendar, in small integers.

Not `time.gmtime`: MicroPython 1.25's takes 32 bits. From 2038-01-19 on it raises OverflowError where the
epoch is 1970, and a clock may be told such a time today.

The calendar repeats every 400 years = 146,097 days. Counting years from March puts the leap day at the end,
and then the days before a month are (153 * months + 2) // 5.
"""


def days(year: int, month: int, day: int) -> int:
    """From 1970-01-01 to a date."""
    month -= 3
    if month < 0:
        month += 12
        year -= 1
    return 365 * year + year // 4 - year // 100 + year // 400 + (153 * month + 2) // 5 + day - 719469


def civil(number: int) -> tuple:
    """(year, month, day) of a number of days as `days` gives it."""
    era, day = divmod(number + 719468, 146097)  # from 0000-03-01
    year = (day - day // 1460 + day // 36524 - day // 146096) // 365
    day -= 365 * year + year // 4 - year // 100
    month = (5 * day + 2) // 153
    day -= (153 * month + 2) // 5
    year += 400 * era
    return (year, month + 3, day + 1) if month < 10 else (year + 1, month - 9, day + 1)


def date(seconds: int) -> tuple:
    """(year, month, day, weekday, hour, minute, second) of seconds since 1970 UTC; Monday is 0."""
    number, rest = divmod(seconds, 86400)
    year, month, day = civil(number)
    return year, month, day, (number + 3) % 7, rest // 3600, rest // 60 % 60, rest % 60
