# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""What a chart of charging profiles shows: the firmware's own answers, of all and of each profile."""

import re
from itertools import pairwise

import pytest

from bench.schedule import table
from bench.schedule.lanes import COUNTS, LIMITS, OVERRULED, Lanes
from bench.schedule.situation import Situation, Wishes, Wrong, situation
from host_tests.integration.schedules import NAMES, NOW, example, mutants, payload
from station.composite import compose, compose_station

# Conformance cases: (seconds, tenths of A), from the catalogue, with x = 0.
CASES = {
    "case-066": [(0, 80), (50, 100), (200, 60), (240, 100), (260, 80), (300, 100)],
    "case-067": [(0, 60), (60, 80), (200, 100)],
    "case-072": [(0, 70), (100, 90), (150, 80), (200, 100)],
}
CLEARED = [
    ([{"id": 1}], [(0, 70), (100, 90)]),
    ([{"id": 1}, {"chargingProfilePurpose": "TxDefaultProfile", "stackLevel": 0}], [(0, 110), (200, 120)]),
    ([{}], [(0, 320)]),
]


def rows(document, **wishes) -> list[tuple[int, int]]:
    return [(row.begin, row.value) for row in Lanes(situation(document, Wishes(**wishes))).rows]


def parts(document, purpose: str) -> list[tuple[int, int, int, int, int]]:
    """(chargingProfileId, begin, end, tenths, part) of a lane."""
    lanes = Lanes(situation(document))
    return [
        (line.profile.number, span.begin, span.end, span.value, span.part)
        for line in getattr(lanes, purpose)
        for span in line.spans
    ]


def composed(asked: Situation) -> list[tuple[int, int, int]]:
    """The firmware's own, asked for the whole interval at once."""
    if asked.connector:
        place = asked.places[asked.connector - 1]
        found = compose(list(asked.profiles), place, asked.begin_s, asked.duration_s, asked.unit)
    else:
        found = compose_station(
            list(asked.profiles), list(asked.places), asked.begin_s, asked.duration_s, asked.unit
        )
    numbers = found.periods
    return [(numbers[at], numbers[at + 1] >> 2, numbers[at + 1] & 3) for at in range(0, len(numbers), 2)]


@pytest.mark.parametrize("name", CASES)
def test_the_conformance_cases(name):
    assert rows(example(name)) == CASES[name]


@pytest.mark.parametrize(("clears", "wanted"), CLEARED)
def test_the_case_of_clearing(clears, wanted):
    assert rows({**example("case-067"), "clear": clears}) == wanted


@pytest.mark.parametrize("name", NAMES)
def test_the_table_of_an_example_is_what_compose_gives(name):
    asked = situation(example(name))
    lanes = Lanes(asked)
    assert [(row.begin, row.value, row.phases) for row in lanes.rows] == composed(asked)
    shown = [line.split("|")[1:4] for line in table.markdown(lanes).splitlines()[2:]]
    assert [(int(cells[0]), cells[2].replace("(pause)", "").strip()) for cells in shown] == [
        (begin, table.written(value, asked.unit)) for begin, value, _ in composed(asked)
    ]


@pytest.mark.parametrize("name", NAMES)
def test_of_one_connector_the_lowest_of_what_counts_is_the_composite(name):
    asked = situation(example(name))
    if not asked.connector:
        return
    lanes = Lanes(asked)
    for row in lanes.rows:
        for at in (row.begin, row.end - 1):
            counting = [
                span.value
                for line in (*lanes.maximum, *lanes.transaction, *lanes.default)
                for span in line.spans
                if span.begin <= at < span.end and span.part != OVERRULED
            ]
            local = [value for begin, value in lanes.local if begin <= at][-1]
            assert min([*counting, local]) == row.value, at


def test_what_each_profile_does():
    document = example("case-066")
    assert parts(document, "maximum") == [
        (1, 0, 50, 100, COUNTS),
        (1, 50, 200, 100, LIMITS),
        (1, 200, 240, 100, COUNTS),
        (1, 240, 260, 100, LIMITS),
        (1, 260, 300, 100, COUNTS),
        (1, 300, 400, 100, LIMITS),
    ]
    assert parts(document, "transaction") == [
        (3, 0, 50, 80, LIMITS),
        (3, 50, 140, 110, COUNTS),
        (3, 140, 200, 160, COUNTS),
        (3, 200, 240, 60, LIMITS),
        (3, 240, 260, 120, COUNTS),
    ]
    assert parts(document, "default") == [
        (2, 0, 60, 60, OVERRULED),
        (2, 60, 120, 100, OVERRULED),
        (2, 120, 180, 80, OVERRULED),
        (2, 180, 260, 150, OVERRULED),
        (2, 260, 300, 80, LIMITS),
    ]


def test_of_a_station_profiles_of_all_connectors_are_shown():
    found = parts(example("two-connectors"), "transaction")
    assert {number for number, *_ in found} == {2, 3}
    # From 10:00 to 11:00 the maximum is what limits.
    assert (2, 7200, 10800, 100, COUNTS) in found and (3, 7200, 10800, 320, COUNTS) in found
    assert parts(example("two-connectors"), "default") == [
        (4, 0, 12600, 130, OVERRULED),
        (4, 12600, 14400, 130, LIMITS),
    ]


def test_a_limit_in_watts_is_shown_in_amperes_of_the_phases_that_are_used():
    document = {**example("pv-surplus-switch"), "unit": "A"}
    found = {begin: value for _, begin, _, value, _ in parts(document, "transaction")}
    # 1800 W of one phase, 4400 W of three, 230 V each.
    assert (found[0], found[3600]) == (78, 63)
    lanes = Lanes(situation(document))
    assert {value for _, value in lanes.local} == {320} and {value for _, value in lanes.least} == {60}


def test_a_pause_is_less_than_six_amperes_of_the_phases_that_are_used():
    assert [row.begin for row in Lanes(situation(example("pv-surplus"))).rows if row.pause] == [
        0,
        1800,
        9000,
        16200,
    ]
    assert [row.begin for row in Lanes(situation(example("pv-surplus-switch"))).rows if row.pause] == []
    watts = [
        {**example("pv-surplus"), "profiles": [], "transaction": [], "local_a": amperes}
        for amperes in (5.9, 6)
    ]
    assert [Lanes(situation(one)).rows[0].pause for one in watts] == [True, False]


def test_a_period_is_named_by_all_that_set_its_limit():
    """Two profiles with the same limit, one after the other, are one period."""
    document = {
        "now": NOW,
        "duration": 600,
        "unit": "A",
        "profiles": [payload(1, 1, [(0, 8)]), payload(1, 2, [(0, 8)], stackLevel=1, duration=300)],
    }
    (row,) = Lanes(situation(document)).rows
    assert row.by == ("TxDefaultProfile 2, level 1", "TxDefaultProfile 1, level 0")
    assert "TxDefaultProfile 2, level 1, then TxDefaultProfile 1, level 0" in table.text(
        Lanes(situation(document))
    )


def test_a_profile_that_says_nothing_has_no_spans():
    document = {
        "now": NOW,
        "duration": 600,
        "profiles": [payload(1, 1, [(0, 8)], startSchedule="2026-11-22T08:00:00Z")],
    }
    (line,) = Lanes(situation(document)).default
    assert line.spans == () and rows(document) == [(0, 320)]


def test_the_highest_limits_that_there_are_count():
    """No limit is taken for silence."""
    document = {
        "now": NOW,
        "unit": "W",
        "profiles": [
            payload(1, 1, [(0, 13e6)], chargingRateUnit="W"),
            payload(1, 2, [(0, 2e9)], stackLevel=1, duration=300),
            payload(0, 3, [(0, 2e9)], chargingProfilePurpose="ChargePointMaxProfile", chargingRateUnit="W"),
        ],
    }
    assert [(number, begin, end, part) for number, begin, end, _, part in parts(document, "default")] == [
        (2, 0, 300, COUNTS),
        (1, 0, 300, OVERRULED),
        (1, 300, 86400, COUNTS),
    ]
    assert [part for *_, part in parts(document, "maximum")] == [COUNTS]
    assert [part for *_, part in parts({**document, "connector": 0}, "maximum")] == [COUNTS]


def test_an_interval_with_more_instants_than_the_firmware_looks_at_at_once():
    """GetCompositeSchedule would answer a shorter one, and be asked again."""
    daily = {"chargingProfileKind": "Recurring", "recurrencyKind": "Daily"}
    profiles = [
        payload(1, 1, [(60 * at, 8 + at % 2) for at in range(32)], stackLevel=1, **daily),
        payload(
            0, 2, [(90 * at, 10) for at in range(32)], chargingProfilePurpose="ChargePointMaxProfile", **daily
        ),
        payload(1, 3, [(0, 7)], stackLevel=2, startSchedule="2026-12-21T08:00:00Z"),
    ]
    station = {"profiles": ["Core", "SmartCharging"], "configuration": {"ChargingScheduleMaxPeriods": "32"}}
    document = {"station": station, "now": NOW, "duration": 31 * 86400, "profiles": profiles}
    whole = composed(situation({**document, "duration": 86400}))
    asked = situation(document)
    assert (
        compose(asked.profiles, asked.places[0], asked.begin_s, asked.duration_s, "A").covered_s < 30 * 86400
    )
    found = Lanes(asked).rows
    assert len(whole) == 32 and len(found) == 30 * 32 + 1
    # The last period of a day is another one than the first of the next.
    assert [(row.begin, row.value) for row in found[:-1]] == [
        (86400 * day + begin, value) for day in range(30) for begin, value, _ in whole
    ]
    assert (found[-1].begin, found[-1].end, found[-1].value) == (30 * 86400, 31 * 86400, 70)
    assert all(before.end == after.begin for before, after in pairwise(found))


def test_a_transaction_that_begins_later_has_begun():
    """--from may be before it."""
    document = {**example("relative"), "profiles": example("relative")["profiles"]}
    assert rows(document, begin="2026-11-21T07:30:00Z", duration_s=7200) == [(0, 320), (5400, 160)]


def test_a_plain_list_is_a_file():
    """On the generic socket, for a day from the earliest startSchedule."""
    profiles = [
        payload(1, 1, [(0, 8), (60, 10)]),
        payload(0, 2, [(0, 9)], startSchedule="2026-11-21T09:00:00Z"),
    ]
    asked = situation(profiles)
    assert (asked.station, asked.connector, asked.duration_s, asked.unit) == (
        "Generic three-phase socket",
        1,
        86400,
        "A",
    )
    assert table.moment(asked.begin_s) == "2026-11-21 08:00:00"
    assert rows(profiles) == [(0, 80), (60, 100)]


def test_what_the_command_line_says_goes_first():
    document = example("night-tariff")
    assert rows(document, begin="2026-11-22T03:00:00Z", duration_s=7200) == [(0, 320), (3600, 200)]
    assert rows(document, begin="2026-11-22T05:00:00Z", duration_s=60, unit="W") == [(0, 20 * 230 * 3 * 10)]
    assert rows(example("two-connectors"), connector=2, duration_s=60) == [(0, 160)]


def test_direct_current_is_in_watts_and_has_no_phases():
    asked = situation({"station": "xcharge_c6", "now": NOW, "profiles": [payload(0, 1, [(0, 10)])]})
    (row,) = Lanes(asked).rows
    assert (asked.unit, row.value, row.phases) == ("W", 50000, 0)


def test_a_local_limit():
    assert rows({**example("case-072"), "local_a": 7.5}) == [(0, 70), (100, 75)]
    assert rows({**example("case-072"), "local_a": 100, "clear": [{}]}) == [(0, 320)]


WRONG = (
    ("profiles", 1, "profiles: a list is needed, not 1"),
    ("profiles", [1], "profiles[0]: a payload of SetChargingProfile is needed, not 1"),
    ("station", "nobodys", "station: no station description 'nobodys'"),
    ("station", {"connectors": [{"phases": 2}]}, "station: connectors[0].phases: 2 is not one of 1, 3"),
    ("station", {"name": "plain"}, "station: plain has no profile SmartCharging"),
    ("now", "yesterday", "now: not a date-time: yesterday"),
    ("now", 5, "now: a date-time is needed, not 5"),
    ("connector", 2, "connector: the station has 1 to 1, and 0 is all of it; not 2"),
    ("connector", True, "connector: the station has 1 to 1, and 0 is all of it; not true"),
    ("duration", 0, "duration: 1 to 2678400 seconds are needed, not 0"),
    ("unit", "kW", 'unit: "A" or "W" is needed, not "kW"'),
    ("local_a", -1, "local_a: amperes are needed, not -1"),
    ("transaction", {"connector": 3, "id": 1}, "transaction.connector: the station has 1 to 1, not 3"),
    ("transaction", [{"id": 1}, {"id": 2}], "transaction[1]: another one runs on connector 1"),
    ("transaction", {"connector": 1}, "transaction.id: the transactionId is needed, not null"),
    (
        "transaction",
        {"id": 1, "begun": "2026-11-21T08:00:01Z"},
        "transaction.begun: 2026-11-21T08:00:01Z is later",
    ),
    ("transaction", {"id": 1, "start": 0}, "transaction.start: no such key; known: connector, id, begun"),
    ("clear", {"id": 1}, "clear: a list of ClearChargingProfile payloads is needed"),
    ("clear", [{"id": 9}], "clear[0]: Unknown"),
    ("clear", [{"stackLevel": "x"}], "clear[0]: stackLevel must be an integer"),
    ("colour", "red", "colour: no such key"),
)


@pytest.mark.parametrize(("key", "value", "said"), WRONG)
def test_what_is_wrong_with_a_file_is_said(key, value, said):
    document = {"now": NOW, "profiles": [payload(1, 1, [(0, 8)])], key: value}
    with pytest.raises(Wrong, match="^" + re.escape(said)):
        situation(document)


def refused(**more):
    return payload(1, 5, [(0, 8)], **more)


SCHEDULE = "csChargingProfiles.chargingSchedule"
REFUSED = (
    (payload(1, 5, [(60, 8)]), "Rejected: startPeriod 60: the first is 0, and they grow"),
    (payload(1, 5, []), "Rejected: it has no period"),
    (payload(2, 5, [(0, 8)]), "there is no connector 2"),
    (payload(1, 5, [(0, 8.25)]), SCHEDULE + ".chargingSchedulePeriod[0].limit has more than one"),
    (refused(chargingProfilePurpose="TxProfile"), "Rejected: no transaction runs at connector 1"),
    (
        refused(chargingProfilePurpose="ChargePointMaxProfile"),
        "a ChargePointMaxProfile is set for connector 0",
    ),
    (refused(stackLevel=100), "Rejected: there is no stackLevel 100"),
    (refused(chargingProfileKind="At times"), "csChargingProfiles.chargingProfileKind has no such value"),
    (refused(chargingRateUnit=None), SCHEDULE + ".chargingRateUnit is required"),
    (refused(validTo="2026-11-21T07:59:59Z"), "Rejected: validTo is over"),
    (refused(startSchedule="2026-13-01T00:00:00Z"), "startSchedule is no such moment"),
)


@pytest.mark.parametrize(("wrong", "said"), REFUSED)
def test_what_the_firmware_would_refuse_is_said_in_its_words(wrong, said):
    document = {"now": NOW, "profiles": [payload(0, 4, [(0, 9)]), wrong]}
    with pytest.raises(Wrong, match=re.escape(f"profiles[1] (chargingProfileId 5): {said}")):
        situation(document)


def test_without_a_moment_there_is_no_chart():
    with pytest.raises(Wrong, match=r"^now: missing"):
        situation([payload(1, 1, [(0, 8)], startSchedule=None)])


@pytest.mark.parametrize("name", ("two-connectors", "weekend"))
def test_whatever_is_wrong_is_one_line_or_a_table(name):
    values = (None, -1, 1.05, 10**12, "x", [], {"x": 1}, True)
    taken = wrong = 0
    for where, document in mutants(example(name), values):
        try:
            found = Lanes(situation(document))
        except Wrong as error:
            wrong += 1
            assert str(error) and "\n" not in str(error), where
        else:
            taken += 1
            assert table.text(found), where
    assert taken > 15 and wrong > 200
