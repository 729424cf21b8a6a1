# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""hal.calendar: seconds since 1970 as a date, beyond the 32 bits where `time.gmtime` ends."""

from hal.calendar import date


def test_dates_that_are_known():
    for seconds, expected in (
        (0, (1970, 1, 1, 3, 0, 0, 0)),
        (946684800, (2000, 1, 1, 5, 0, 0, 0)),
        (951782399, (2000, 2, 28, 0, 23, 59, 59)),
        (951782400, (2000, 2, 29, 1, 0, 0, 0)),
        (951868800, (2000, 3, 1, 2, 0, 0, 0)),
        (1795170600, (2026, 11, 20, 4, 10, 30, 0)),
        (2147483647, (2038, 1, 19, 1, 3, 14, 7)),
        (2147483648, (2038, 1, 19, 1, 3, 14, 8)),
        (4102444799, (2099, 12, 31, 3, 23, 59, 59)),
        (4107542400, (2100, 3, 1, 0, 0, 0, 0)),  # 2100 has no 29 February
    ):
        assert date(seconds) == expected, (seconds, date(seconds))


def test_every_day_of_the_century():
    # A calendar of its own, counted on from day to day; host_tests/property compares with datetime.
    seconds, year, month, day, weekday = 946684800, 2000, 1, 1, 5
    while year < 2100:
        assert date(seconds + 86399) == (year, month, day, weekday, 23, 59, 59)
        leap = year % 4 == 0
        seconds += 86400
        weekday = (weekday + 1) % 7
        day += 1
        if day > (31, 29 if leap else 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)[month - 1]:
            month, day = month + 1, 1
        if month > 12:
            year, month = year + 1, 1
    assert seconds == 4102444800
