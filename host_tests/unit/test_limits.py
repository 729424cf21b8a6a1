# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""evse.limits: one minimum over named limits."""

from evse.limits import Limits
from host_tests.unit.expect import raises


def test_without_a_limit_nothing_is_offered():
    assert Limits().winner() == ("none", 0)


def test_the_lowest_wins_and_has_a_name():
    limits = Limits()
    limits.put("board", 320)
    assert limits.winner() == ("board", 320)
    limits.put("cable", 200)
    limits.put("ocpp", 250)
    assert limits.winner() == ("cable", 200)
    limits.put("ocpp", 0)
    assert limits.winner() == ("ocpp", 0)


def test_a_limit_is_replaced_not_added():
    limits = Limits()
    for limit_da in (320, 60, 160):
        limits.put("ocpp", limit_da)
    assert limits.winner() == ("ocpp", 160)
    assert limits.get("ocpp") == 160


def test_dropping_the_winner_gives_way_to_the_next():
    limits = Limits()
    limits.put("board", 320)
    limits.put("cable", 130)
    limits.drop("cable")
    assert limits.winner() == ("board", 320)
    assert limits.get("cable") is None
    limits.drop("cable")
    limits.drop("board")
    assert limits.winner() == ("none", 0)


def test_of_equals_the_first_wins():
    limits = Limits()
    limits.put("board", 320)
    limits.put("cable", 320)
    assert limits.winner() == ("board", 320)


def test_the_winner_is_the_same_object_until_something_changes():
    limits = Limits()
    limits.put("board", 320)
    winner = limits.winner()
    limits.put("board", 320)
    assert limits.winner() is winner
    limits.put("board", 310)
    assert limits.winner() == ("board", 310)


def test_phases_are_the_least_that_any_limit_says():
    limits = Limits()
    assert limits.three
    limits.put("board", 320)
    limits.put("ocpp", 320, 3)
    assert limits.three
    limits.put("local", 400, 1)  # it does not win, and counts all the same
    assert not limits.three and limits.winner() == ("board", 320)
    limits.put("local", 400, 2)  # the switch knows one and three
    assert not limits.three
    limits.put("local", 400)
    assert limits.three
    limits.put("ocpp", 320, 1)
    limits.drop("ocpp")
    assert limits.three
    for phases in (0, 4, -1):
        raises(ValueError, limits.put, "ocpp", 160, phases)


def test_a_negative_limit_is_a_mistake():
    limits = Limits()
    assert "ocpp" in str(raises(ValueError, limits.put, "ocpp", -1))
    assert limits.winner() == ("none", 0)
