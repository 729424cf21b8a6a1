# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""ocpp16.smart_charging and station.charging_limits: what the CSMS sets is answered as the standard has it,
and obeyed."""

from host_tests.unit.rig import IdTagInfo
from host_tests.unit.smart_rig import NOW_S, SmartRig, iso, profile
from station.clock import Clock

BAD = "PropertyConstraintViolation"


def begun(rig, transaction_id=7):
    """A transaction runs at connector 1, and the CSMS knows it."""
    connector = rig.charge()
    connector.start_confirmed(connector.transaction.number, transaction_id, IdTagInfo("Accepted"))
    rig.step()
    return connector


# --- SetChargingProfile -------------------------------------------------------------------------------------


def test_what_can_be_meant_is_accepted():
    rig = SmartRig()
    assert rig.set(0, profile(1, "max", [(0, 16)])) == "Accepted"
    assert rig.set(0, profile(2, "default", [(0, 10), (60, 8.5)], duration=300)) == "Accepted"
    assert rig.set(1, profile(3, "default", [(0, 6)], 99, "Recurring", recurrencyKind="Weekly")) == "Accepted"
    assert rig.set(1, profile(4, "default", [(0, 7)], 2, "Relative", start=None)) == "Accepted"
    assert rig.set(1, profile(5, "default", [(0, 7)], 3, validFrom=iso(-5), validTo=iso(5))) == "Accepted"
    assert rig.numbers() == [1, 2, 3, 4, 5]


def test_connectors_that_cannot_be():
    rig = SmartRig()
    for connector, purpose in ((2, "default"), (-1, "default"), (1, "max"), (0, "tx"), (2, "tx")):
        assert rig.set(connector, profile(1, purpose, [(0, 16)])) == BAD
    assert rig.numbers() == []


def test_what_the_schema_forbids():
    rig = SmartRig()
    assert rig.set(1, dict(profile(1, "default", [(0, 6)]), chargingProfileKind="Now")) == BAD
    assert rig.set(1, dict(profile(1, "default", [(0, 6)]), stackLevel=-1)) == BAD
    assert rig.set(1, profile(1, "default", [(0, 6.05)])) == BAD
    assert (
        rig.set(1, dict(profile(1, "default", [(0, 6)]), chargingSchedule={}))
        == "OccurenceConstraintViolation"
    )
    assert rig.set(1, profile(1, "default", [(0, 6)], validTo="2026-13-01T00:00:00Z")) == BAD


def test_the_implausible_is_rejected():
    rig = SmartRig()
    for wrong in (
        profile(1, "default", []),
        profile(1, "default", [(1, 6)]),
        profile(1, "default", [(0, 6), (60, 7), (60, 8)]),
        profile(1, "default", [(0, 6), (60, 7), (50, 8)]),
        profile(1, "default", [(0, -0.1)]),
        profile(1, "default", [(0, -1)]),
        profile(1, "default", [(0, 6, 0)]),
        profile(1, "default", [(0, 6, 4)]),
        profile(1, "default", [(0, 6)], least=-1),
        profile(1, "default", [(0, 6)], duration=0),
        profile(1, "default", [(0, 6)], 100),
        profile(1, "default", [(second, 6) for second in range(33)]),
        profile(1, "default", [(0, 6)], 0, "Recurring"),
        profile(1, "default", [(0, 6)], 0, "Recurring", start=None, recurrencyKind="Daily"),
        profile(1, "default", [(0, 6)], 0, "Relative"),
        profile(1, "default", [(0, 6)], validFrom=iso(10), validTo=iso(10)),
        profile(1, "default", [(0, 6)], validTo=iso(0)),
        profile(1, "default", [(0, 6)], validTo="0001-01-01T00:00:00Z"),
        profile(1, "tx", [(0, 6)]),
    ):
        assert rig.set(1, wrong) == "Rejected", wrong
    for wrong in (
        profile(1, "max", [(0, 6), (60, 7)], kind="Relative", start=None),
        profile(1, "max", [(0, 6)], start=None, duration=60),
    ):
        assert rig.set(0, wrong) == "Rejected", wrong
    assert rig.numbers() == []


def test_words_that_do_not_matter_are_overlooked():
    rig = SmartRig()
    assert rig.set(1, profile(1, "default", [(0, 6)], recurrencyKind="Daily", transactionId=5)) == "Accepted"
    # Home Assistant's: constant, and so without a beginning that anybody could ask for.
    assert rig.set(0, profile(2, "max", [(0, 10)], kind="Relative", start=None)) == "Accepted"
    assert rig.composite() == [(0, 6)]


def test_limits_of_the_station():
    rig = SmartRig(
        MaxChargingProfilesInstalled="2",
        ChargingScheduleMaxPeriods="3",
        ChargeProfileMaxStackLevel="5",
        ChargingScheduleAllowedChargingRateUnit="Current",
    )
    assert rig.set(1, profile(1, "default", [(0, 6)], 6)) == "Rejected"
    assert rig.set(1, profile(1, "default", [(0, 6), (1, 7), (2, 8), (3, 9)])) == "Rejected"
    assert rig.set(1, profile(1, "default", [(0, 6000)], unit="W")) == "Rejected"
    assert rig.set(1, profile(1, "default", [(0, 6), (1, 7), (2, 8)], 5)) == "Accepted"
    assert rig.set(1, profile(2, "default", [(0, 6)], 4)) == "Accepted"
    assert rig.set(1, profile(3, "default", [(0, 6)], 3)) == "Rejected"
    assert rig.set(1, profile(3, "default", [(0, 6)], 4)) == "Accepted"  # in the place of 2
    assert rig.numbers() == [1, 3]
    answer = rig.ask("GetCompositeSchedule", connectorId=1, duration=60, chargingRateUnit="W")
    assert answer == {"status": "Rejected"}


def test_what_is_over_for_ever_makes_room():
    rig = SmartRig(MaxChargingProfilesInstalled="2")
    assert rig.set(1, profile(1, "default", [(0, 6)], 1, duration=60)) == "Accepted"
    assert rig.set(1, profile(2, "default", [(0, 6)], 2, validTo=iso(60))) == "Accepted"
    assert rig.set(1, profile(3, "default", [(0, 6)], 3)) == "Rejected"
    rig.step(60000)
    assert rig.set(1, profile(3, "default", [(0, 6)], 3)) == "Accepted"
    assert rig.numbers() == [2, 3]


def test_replacement():
    rig = SmartRig()
    rig.set(1, profile(1, "default", [(0, 6)], 1))
    rig.set(1, profile(2, "default", [(0, 7)], 2))
    assert rig.composite() == [(0, 7)]
    rig.set(1, profile(1, "default", [(0, 8)], 3))  # the same id
    assert rig.numbers() == [1, 2] and rig.composite() == [(0, 8)]
    rig.set(1, profile(3, "default", [(0, 9)], 3))  # the same place
    assert rig.numbers() == [2, 3] and rig.composite() == [(0, 9)]
    rig.set(1, profile(2, "default", [(0, 10)], 3))  # both
    assert rig.numbers() == [2] and rig.composite() == [(0, 10)]
    rig.set(0, profile(4, "default", [(0, 11)], 3))  # another connector
    assert rig.numbers() == [2, 4] and rig.composite() == [(0, 10)]


# --- TxProfile ----------------------------------------------------------------------------------------------


def test_a_tx_profile_is_for_the_transaction_that_runs():
    rig = SmartRig()
    begun(rig)
    assert rig.set(1, profile(1, "tx", [(0, 9)], transactionId=8)) == "Rejected"
    assert rig.set(1, profile(1, "tx", [(0, 9)], transactionId=7)) == "Accepted"
    assert rig.composite() == [(0, 9)]
    assert rig.set(1, profile(2, "tx", [(0, 8)])) == "Accepted"  # without transactionId: the one that runs
    assert rig.numbers() == [2]


def test_it_ends_with_the_transaction():
    rig = SmartRig()
    connector = begun(rig)
    rig.set(1, profile(1, "tx", [(0, 9)]))
    rig.set(1, profile(2, "default", [(0, 12)]))
    assert rig.limits.get("ocpp") == 90
    connector.stop("Local", None, rig.now)
    rig.step(9000)
    assert connector.transaction is None and rig.numbers() == [2] and rig.composite() == [(0, 12)]


def test_remote_start_with_a_profile():
    rig = SmartRig()
    rig.supply.plug(asking=True)
    rig.step()

    def start(given):
        return rig.ask("RemoteStartTransaction", idTag="GOOD", connectorId=1, chargingProfile=given)

    assert start(profile(1, "default", [(0, 9)])) == {"status": "Rejected"}
    assert start(profile(1, "tx", [(1, 9)])) == {"status": "Rejected"}
    assert start(profile(1, "tx", [(0, 9)], 100)) == {"status": "Rejected"}
    assert rig.numbers() == []
    # Errata 3.41: without transactionId; one that is there cannot be known.
    relative = profile(1, "tx", [(0, 9), (100, 6)], kind="Relative", start=None, transactionId=3)
    assert start(relative) == {"status": "Accepted"}
    rig.step(1000)
    assert rig.station.connectors[0].transaction is not None
    assert rig.limits.get("ocpp") == 90
    rig.step(100000)
    assert rig.limits.get("ocpp") == 60
    # Errata 3.42: the same level replaces it.
    assert rig.set(1, profile(5, "tx", [(0, 20)])) == "Accepted"
    assert rig.numbers() == [5] and rig.limits.get("ocpp") == 200


def test_a_station_without_smart_charging_overlooks_the_profile():
    from host_tests.unit.rig import Rig
    from ocpp16.core import Core

    rig = Rig()
    rig.supply.plug(asking=True)
    rig.step()
    payload = {"idTag": "GOOD", "connectorId": 1, "chargingProfile": profile(1, "default", [(0, 9)])}
    answer, begin = Core(rig.station, lambda: "Accepted").remote_start_transaction(payload)
    assert answer == {"status": "Accepted"} and begin is not None


# --- ClearChargingProfile -----------------------------------------------------------------------------------


def test_clearing():
    def filled():
        rig = SmartRig(connectors=2)
        rig.set(0, profile(1, "max", [(0, 30)]))
        rig.set(0, profile(2, "default", [(0, 20)]))
        rig.set(1, profile(3, "default", [(0, 10)], 1))
        rig.set(2, profile(4, "default", [(0, 10)], 1))
        return rig

    for which, left in (
        ({}, []),
        ({"id": 3}, [1, 2, 4]),
        ({"id": 3, "connectorId": 2, "stackLevel": 9}, [1, 2, 4]),
        ({"connectorId": 0}, [3, 4]),
        ({"connectorId": 1}, [1, 2, 4]),
        ({"chargingProfilePurpose": "TxDefaultProfile"}, [1]),
        ({"stackLevel": 1}, [1, 2]),
        ({"stackLevel": 1, "connectorId": 2}, [1, 2, 3]),
        ({"chargingProfilePurpose": "TxDefaultProfile", "stackLevel": 0}, [1, 3, 4]),
    ):
        rig = filled()
        assert rig.clear(**which) == "Accepted" and rig.numbers() == left, which
    for which in (
        {"id": 9},
        {"id": 0},
        {"connectorId": 0, "stackLevel": 1},
        {"chargingProfilePurpose": "TxProfile"},
        {"stackLevel": 2},
        {"connectorId": 3},
    ):
        rig = filled()
        assert rig.clear(**which) == "Unknown" and rig.numbers() == [1, 2, 3, 4], which


# --- GetCompositeSchedule -----------------------------------------------------------------------------------


def test_the_answer():
    rig = SmartRig()
    rig.set(1, profile(1, "default", [(0, 10.5), (90, 6)]))
    rig.step(30400)
    answer = rig.ask("GetCompositeSchedule", connectorId=1, duration=600)
    assert answer == {
        "status": "Accepted",
        "connectorId": 1,
        "scheduleStart": iso(30),
        "chargingSchedule": {
            "duration": 600,
            "chargingRateUnit": "A",
            "chargingSchedulePeriod": [
                {"startPeriod": 0, "limit": 10.5, "numberPhases": 3},
                {"startPeriod": 60, "limit": 6, "numberPhases": 3},
            ],
        },
    }
    assert rig.composite(duration=0) == [(0, 10.5)]
    assert rig.composite(unit="W") == [(0, 10.5 * 690), (60, 6 * 690)]
    assert rig.composite(0) == [(0, 10.5), (60, 6)]
    assert rig.ask("GetCompositeSchedule", connectorId=2, duration=60) == {"status": "Rejected"}
    assert rig.ask("GetCompositeSchedule", connectorId=1, duration=60, chargingRateUnit="kW") == BAD


def test_without_profiles_it_is_the_local_limit():
    rig = SmartRig(connectors=2)
    assert rig.composite() == [(0, 32)] and rig.composite(0) == [(0, 64)]
    rig.supply.limits.put("cable", 200)
    rig.supply.limits.put("temperature", 80)  # it will be over before the interval is
    assert rig.composite() == [(0, 20)] and rig.composite(0) == [(0, 52)]


def test_direct_current_is_told_in_watts():
    rig = SmartRig(hardware={"current": "DC", "phases": 1, "nominal_v": 500, "rated_a": 80})
    rig.supply.limits.put("board", 800)
    answer = rig.ask("GetCompositeSchedule", connectorId=1, duration=60)["chargingSchedule"]
    assert answer["chargingRateUnit"] == "W"
    assert answer["chargingSchedulePeriod"] == [{"startPeriod": 0, "limit": 40000}]


def test_more_periods_than_an_answer_takes():
    rig = SmartRig()
    rows = [(1000 * n, 10 + n % 2) for n in range(32)]
    rig.set(1, profile(1, "default", rows, 0, "Recurring", recurrencyKind="Daily"))
    answer = rig.ask("GetCompositeSchedule", connectorId=1, duration=10 * 86400)["chargingSchedule"]
    periods = answer["chargingSchedulePeriod"]
    # 32 a day, of which the first is another than the last of the day before.
    assert len(periods) == 100 and answer["duration"] == 3 * 86400 + 4000
    assert periods[-1]["startPeriod"] == 3 * 86400 + 3000


def test_decades_ahead():
    rig = SmartRig()
    answer = rig.ask("GetCompositeSchedule", connectorId=1, duration=2147483647)["chargingSchedule"]
    assert answer["duration"] == 536870911 and len(answer["chargingSchedulePeriod"]) == 1
    rig.set(1, profile(1, "default", [(0, 32), (5, 33)], 0, "Recurring", recurrencyKind="Daily"))
    answer = rig.ask("GetCompositeSchedule", connectorId=1, duration=2147483647)["chargingSchedule"]
    assert 400 * 86400 < answer["duration"] < 501 * 86400 and len(answer["chargingSchedulePeriod"]) == 1
    rig.set(1, profile(1, "default", [(0, 10), (2147483647, 6)]))
    assert rig.composite(duration=2147483647) == [(0, 10)]


# --- what is in force ---------------------------------------------------------------------------------------


def test_boundaries_come_into_force_at_their_second():
    rig = SmartRig()
    rig.step(700)  # the boundary is no multiple of the steps
    begun(rig)
    rig.set(1, profile(1, "default", [(0, 20), (10, 0), (20, 16)], duration=30))
    seen = []
    for _ in range(400):
        rig.step(100)
        limit_da = rig.limits.get("ocpp")
        if not seen or seen[-1][1] != limit_da:
            seen.append((rig.clock.utc_ms - NOW_S * 1000, limit_da))
    assert [limit_da for _, limit_da in seen] == [200, 0, 160, None]
    for (at_ms, _), due_s in zip(seen[1:], (10, 20, 30)):
        assert 0 <= at_ms - 1000 * due_s <= 100
    assert rig.station.charging.why(1) is None


def test_zero_pauses_and_the_transaction_goes_on():
    rig = SmartRig()
    connector = begun(rig)
    rig.set(1, profile(1, "default", [(0, 0), (60, 16)]))
    rig.step(1000)
    assert connector.status_name == "SuspendedEVSE" and connector.transaction is not None
    assert rig.station.charging.why(1) == "TxDefaultProfile 1, level 0"
    rig.step(60000)
    assert connector.status_name == "Charging"


def test_watts_on_three_phases():
    rig = SmartRig()
    begun(rig)
    rig.set(1, profile(1, "default", [(0, 11000)], unit="W"))
    assert rig.limits.get("ocpp") == 159  # 15.94 A: never more than allowed
    assert rig.composite(unit="W") == [(0, 11000)] and rig.composite() == [(0, 15.9)]


def test_a_clock_that_jumps_is_looked_at_at_once():
    rig = SmartRig()
    begun(rig)
    rig.set(1, profile(1, "default", [(0, 20), (1000, 8)]))
    assert rig.limits.get("ocpp") == 200
    rig.clock.set_utc_ms((NOW_S + 2000) * 1000)
    rig.station.clock_moved()
    rig.step()
    assert rig.limits.get("ocpp") == 80
    rig.clock.set_utc_ms((NOW_S + 500) * 1000)
    rig.station.clock_moved()
    rig.step()
    assert rig.limits.get("ocpp") == 200


def test_without_a_clock():
    rig = SmartRig(clock=Clock(1, 0), options={"unclocked_a": 8})
    begun(rig)
    assert rig.ask("GetCompositeSchedule", connectorId=1, duration=60) == {"status": "Rejected"}
    assert rig.set(1, profile(1, "default", [(0, 16), (60, 10)], kind="Relative", start=None)) == "Accepted"
    assert rig.limits.get("ocpp") == 160
    rig.step(60000)
    assert rig.limits.get("ocpp") == 100
    # One that needs it might say less: the safe limit counts.
    assert rig.set(1, profile(2, "default", [(0, 6)], 1)) == "Accepted"
    assert rig.limits.get("ocpp") == 80 and rig.station.charging.why(1) == "the time is not known"
    # But not one behind it in rank.
    assert rig.set(1, profile(2, "default", [(0, 6)])) == "Accepted"
    assert rig.set(1, profile(3, "default", [(0, 9)], 1, "Relative", start=None)) == "Accepted"
    assert rig.limits.get("ocpp") == 90
    rig.set(1, profile(4, "default", [(0, 6)], 2))
    rig.clock.set_utc_ms(NOW_S * 1000)
    rig.station.clock_moved()
    rig.step()
    assert rig.limits.get("ocpp") == 60 and rig.station.charging.why(1) == "TxDefaultProfile 4, level 2"


def test_a_limit_that_has_begun_for_certain_needs_no_clock():
    """evcc sets what counts from now on, also 0; a controller that starts knows how late it is at least."""
    rig = SmartRig(clock=Clock(2, 0, floor_utc_ms=(NOW_S + 100) * 1000))
    begun(rig)
    assert rig.set(1, profile(1, "default", [(0, 0)])) == "Accepted"
    assert rig.limits.get("ocpp") == 0
    assert rig.set(1, profile(1, "default", [(0, 20)], start=101 + 60)) == "Accepted"
    assert rig.limits.get("ocpp") == 60 and rig.station.charging.why(1) == "the time is not known"
    rig.step(62000)
    assert rig.limits.get("ocpp") == 200  # it is as late as that now, whatever the time is
    assert rig.set(1, profile(1, "default", [(0, 20)], validTo=iso(9000))) == "Accepted"
    assert rig.limits.get("ocpp") == 60
    # Nothing on every day is nothing at any time, less than the limit of `unclocked_a`.
    daily = profile(1, "default", [(0, 0)], kind="Recurring", recurrencyKind="Daily")
    assert rig.set(1, daily) == "Accepted"
    assert rig.limits.get("ocpp") == 0 and rig.station.charging.why(1) == "TxDefaultProfile 1, level 0"
    daily["chargingSchedule"]["duration"] = 86399
    assert rig.set(1, daily) == "Accepted"
    assert rig.limits.get("ocpp") == 60


def test_a_relative_profile_begins_with_the_transaction():
    rig = SmartRig()
    rig.set(1, profile(1, "default", [(0, 20), (300, 10)], kind="Relative", start=None))
    rig.step(500000)
    assert rig.limits.get("ocpp") == 200  # nobody charges yet
    begun(rig)
    rig.step(200000)
    assert rig.composite() == [(0, 20), (99, 10)] or rig.composite() == [(0, 20), (100, 10)]
    rig.step(100000)
    assert rig.limits.get("ocpp") == 100


def test_phases_that_the_station_can_switch():
    rig = SmartRig(hardware={"phase_switch": True})
    assert rig.config.value("ConnectorSwitch3to1PhaseSupported") is True
    begun(rig)
    rig.set(1, profile(1, "default", [(0, 16, 1)]))
    assert rig.limits.get("ocpp") == 160 and not rig.limits.three
    rig.set(1, profile(1, "default", [(0, 16, 3)]))
    assert rig.limits.get("ocpp") == 160 and rig.limits.three
    # Too little for three phases, and nobody has said how many.
    rig.set(1, profile(1, "default", [(0, 2300)], unit="W"))
    assert rig.limits.get("ocpp") == 100 and not rig.limits.three
    rig.set(1, profile(1, "default", [(0, 4140)], unit="W"))
    assert rig.limits.get("ocpp") == 60 and rig.limits.three
    assert rig.composite(unit="W") == [(0, 4140)]


def test_a_station_that_cannot_switch_keeps_the_total():
    rig = SmartRig()
    assert rig.config.value("ConnectorSwitch3to1PhaseSupported") is False
    begun(rig)
    rig.set(1, profile(1, "default", [(0, 6900, 1)], unit="W"))
    assert rig.limits.get("ocpp") == 100 and rig.limits.three


def test_no_memory_at_a_bad_moment():
    from station import charging_limits

    rig = SmartRig()
    begun(rig)
    rig.set(1, profile(1, "default", [(0, 20), (10, 8)]))
    compose = charging_limits.compose

    def fails(*arguments):
        raise MemoryError

    charging_limits.compose = fails
    try:
        rig.step(10500)
        assert rig.limits.get("ocpp") == 60 and rig.station.charging.why(1) == "failed"
    finally:
        charging_limits.compose = compose
    rig.step(1100)
    assert rig.limits.get("ocpp") == 80


def test_the_profile_of_a_remote_start_is_there_before_its_transaction_is_kept():
    """Else the power may fail between the two, and the transaction go on without."""
    rig = SmartRig()
    rig.supply.plug(asking=True)
    rig.step()
    seen = []
    started = rig.wire.started

    def on_start(transaction):
        seen.append(rig.numbers())
        return started(transaction)

    rig.wire.started = on_start
    given = profile(7, "tx", [(0, 10)], start=None)
    rig.ask("RemoteStartTransaction", idTag="GOOD", connectorId=1, chargingProfile=given)
    rig.step(1000)
    assert seen == [[7]] and rig.numbers() == [7]


def test_the_profile_of_a_remote_start_that_cannot_be_kept_is_gone():
    rig = SmartRig()
    rig.supply.plug(asking=True)
    rig.step()
    rig.wire.takes_nothing = True
    given = profile(7, "tx", [(0, 10)], start=None)
    rig.ask("RemoteStartTransaction", idTag="GOOD", connectorId=1, chargingProfile=given)
    rig.step(1000)
    assert rig.station.connectors[0].transaction is None
    assert rig.numbers() == []
