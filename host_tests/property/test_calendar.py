# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""hal.calendar against CPython's datetime."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from hal.calendar import date


@given(st.integers(946684800, 4102444799))  # 2000 to 2099
def test_any_second_of_the_century(seconds):
    moment = datetime.fromtimestamp(seconds, UTC).timetuple()
    assert date(seconds) == (*moment[:3], moment.tm_wday, *moment[3:6])
