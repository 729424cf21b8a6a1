# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The configuration keys: their table, reading, changing, and what stations make of them."""

import json

from host_tests.unit.expect import raises
from host_tests.unit.shelf import Shelf, configuration
from station import keys
from station.configuration import ConfigurationError
from station.description import DescriptionError

ALL_PROFILES = (
    "Core",
    "FirmwareManagement",
    "LocalAuthListManagement",
    "Reservation",
    "SmartCharging",
    "RemoteTrigger",
    "Security",
)


def station(name):
    with open("boards/sim/%s.json" % name) as file:
        return json.load(file)


# --- the table ---


def test_every_required_key_is_there_with_the_access_that_the_certification_asks_for():
    # TC_019: keys with their accessibility; R/RW where the standard leaves the choice.
    wanted = """AuthorizeRemoteTxRequests R/RW, ClockAlignedDataInterval RW, ConnectionTimeOut RW,
        ConnectorPhaseRotation RW, GetConfigurationMaxKeys R, HeartbeatInterval RW, LocalAuthorizeOffline RW,
        LocalPreAuthorize RW, MeterValuesAlignedData RW, MeterValuesSampledData RW,
        MeterValueSampleInterval RW,
        NumberOfConnectors R, ResetRetries RW, StopTransactionOnInvalidId RW, StopTxnAlignedData RW,
        StopTxnSampledData RW, SupportedFeatureProfiles R, TransactionMessageAttempts RW,
        TransactionMessageRetryInterval RW, UnlockConnectorOnEVSideDisconnect R/RW, LocalAuthListEnabled RW,
        LocalAuthListMaxLength R, SendLocalListMaxLength R, ChargeProfileMaxStackLevel R,
        ChargingScheduleAllowedChargingRateUnit R, ChargingScheduleMaxPeriods R,
        MaxChargingProfilesInstalled R"""
    rows, unknown = configuration({"profiles": list(ALL_PROFILES)}, implemented=ALL_PROFILES).rows()
    assert unknown == []
    access = {}
    for name, readonly, text in rows:
        access[name] = "R" if readonly else "RW"
        assert isinstance(text, str)
        assert len(text) <= 500
    for item in wanted.split(","):
        name, allowed = item.split()
        assert access[name] in allowed.split("/"), name
    for name, _, _, _, needs, demand in keys.KEYS:
        assert demand in (keys.REQ, keys.OPT)
        assert name in access or demand == keys.OPT or needs, name


def test_the_table_is_sound():
    names = [entry[0] for entry in keys.KEYS]
    assert len({name.lower() for name in names}) == len(names)
    for name, kind, access, default, _, _ in keys.KEYS:
        assert len(kind) == 4
        assert access in (keys.R, keys.RW, keys.W)
        assert default is None or isinstance(default, str)
        assert len(name) <= 50
        assert keys.row(name.lower())[0] == name
        assert keys.row(name.upper())[0] == name
    assert keys.find("Testing") is None
    raises(KeyError, keys.row, "Testing")


def test_optional_keys_are_there_only_with_their_feature():
    plain = configuration()
    everything = configuration({"profiles": list(ALL_PROFILES)}, implemented=ALL_PROFILES)
    names = [row[0] for row in plain.rows()[0]]
    for name in ("LocalAuthListEnabled", "ReserveConnectorZeroSupported", "SupportedFileTransferProtocols"):
        assert name not in names
        assert plain.change(name, "true") == "NotSupported"
        assert everything.rows([name])[1] == []
    assert "BlinkRepeat" not in names
    assert "LightIntensity" not in names
    assert configuration({"configuration": {"LightIntensity": "40"}}).value("LightIntensity") == 40
    assert "AuthorizationCacheEnabled" in names
    uncached = configuration({"options": {"cache": False}})
    assert uncached.rows(["AuthorizationCacheEnabled"])[1] == ["AuthorizationCacheEnabled"]
    assert uncached.value("AuthorizationCacheEnabled") is False
    # A profile that the station has but the firmware has not, and the other way round.
    assert configuration({"profiles": list(ALL_PROFILES)}).text("SupportedFeatureProfiles") == "Core"
    assert configuration(implemented=ALL_PROFILES).text("SupportedFeatureProfiles") == "Core"
    assert everything.text("SupportedFeatureProfiles") == (
        "Core,FirmwareManagement,LocalAuthListManagement,Reservation,SmartCharging,RemoteTrigger"
    )


# --- reading ---


def test_values_have_the_type_of_the_key():
    config = configuration({"connectors": [{}, {}]}, {"AuthorizationKey": "0123456789abcdef"})
    assert config.value("HeartbeatInterval") == 300
    assert config.value("LocalPreAuthorize") is False
    assert config.value("MeterValuesSampledData") == ("Energy.Active.Import.Register",)
    assert config.value("StopTxnSampledData") == ()
    assert config.value("NumberOfConnectors") == 2
    assert config.value("ConnectorPhaseRotationMaxLength") == 3
    assert config.value("AuthorizationKey") == b"0123456789abcdef"
    assert config.value("heartbeatINTERVAL") == 300
    raises(KeyError, config.value, "Testing")
    raises(KeyError, config.text, "Testing")


def test_values_of_absent_keys():
    config = configuration({"absent": ["MinimumStatusDuration", "MessageTimeout", "WebSocketPingInterval"]})
    assert config.value("MinimumStatusDuration") == 0
    assert config.value("MessageTimeout") == 30
    assert config.value("LocalAuthListEnabled") is False
    assert config.value("LocalAuthListMaxLength") == 0
    assert config.value("localauthlistenabled") is False
    assert config.value("CpoName") == ""
    assert config.value("SupportedFileTransferProtocols") == ()
    assert config.change("MinimumStatusDuration", "1") == "NotSupported"
    assert config.text("MinimumStatusDuration") == "0"


def test_rows_by_name_keep_order_and_case_and_tell_the_unknown():
    rows, unknown = configuration().rows(["numberofconnectors", "Foo", "HEARTBEATINTERVAL", "bar"])
    assert rows == [("NumberOfConnectors", True, "1"), ("HeartbeatInterval", False, "300")]
    assert unknown == ["Foo", "bar"]
    assert configuration().rows([]) == configuration().rows(None) == configuration().rows()


def test_the_authorization_key_is_never_shown():
    config = configuration(None, {"AuthorizationKey": "secret secret secr"})
    assert config.rows(["AuthorizationKey"]) == ([("AuthorizationKey", False, None)], [])
    assert config.text("AuthorizationKey") == ""
    for row in config.rows()[0]:
        assert row[0] != "AuthorizationKey"
        assert "secret" not in row[2]


# --- changing ---


def test_changes_answer_as_the_standard_says():
    config = configuration()
    for key, text, status in (
        ("HeartbeatInterval", "60", "Accepted"),
        ("heartbeatinterval", "61", "Accepted"),
        ("HeartbeatInterval", " 62 ", "Accepted"),
        ("HeartbeatInterval", "-1", "Rejected"),
        ("HeartbeatInterval", "86401", "Rejected"),
        ("HeartbeatInterval", "1.5", "Rejected"),
        ("HeartbeatInterval", "0x10", "Rejected"),
        ("HeartbeatInterval", "1_0", "Rejected"),
        ("HeartbeatInterval", "+5", "Rejected"),
        ("HeartbeatInterval", "1 0", "Rejected"),
        ("HeartbeatInterval", "", "Rejected"),
        ("HeartbeatInterval", "-", "Rejected"),
        ("HeartbeatInterval", "true", "Rejected"),
        ("HeartbeatInterval", "99999999999999999999", "Rejected"),
        ("MeterValueSampleInterval", "-1", "Rejected"),
        ("LocalPreAuthorize", "TRUE", "Accepted"),
        ("LocalPreAuthorize", "False", "Accepted"),
        ("LocalPreAuthorize", "1", "Rejected"),
        ("LocalPreAuthorize", "yes", "Rejected"),
        ("LocalPreAuthorize", "", "Rejected"),
        ("Testing", "true", "NotSupported"),
        ("", "", "NotSupported"),
        ("NumberOfConnectors", "2", "Rejected"),
        ("GetConfigurationMaxKeys", "2", "Rejected"),
        ("SupportedFeatureProfiles", "Core", "Rejected"),
        ("SecurityProfile", "1", "Rejected"),
        ("TransactionMessageAttempts", "0", "Rejected"),
        ("AuthorizationKey", "x" * 15, "Rejected"),
        ("AuthorizationKey", "x" * 16, "Accepted"),
    ):
        before = config.rows()[0]
        answer = config.change(key, text)
        assert answer == status, (key, text, answer)
        if answer != "Accepted":
            assert config.rows()[0] == before
    assert config.value("HeartbeatInterval") == 62
    assert config.text("LocalPreAuthorize") == "false"


def test_the_lists_of_measurands():
    document = {
        "measurands": ["Energy.Active.Import.Register", "Current.Import", "Voltage", "SoC"],
        "configuration": {"MeterValuesSampledDataMaxLength": "3"},
    }
    config = configuration(document)
    key = "MeterValuesSampledData"
    for text, status, after in (
        ("Voltage", "Accepted", "Voltage"),
        ("Voltage,Current.Import", "Accepted", "Voltage,Current.Import"),
        (" voltage , SOC ", "Accepted", "Voltage,SoC"),
        ("SoC,SoC,Voltage,SoC", "Accepted", "SoC,Voltage"),
        ("", "Accepted", ""),
        ("SoC,Voltage,Current.Import", "Accepted", "SoC,Voltage,Current.Import"),
        ("SoC,Voltage,Current.Import,Energy.Active.Import.Register", "Rejected", None),
        ("SoC,Frequency", "Rejected", None),
        ("SoC,", "Rejected", None),
        (",", "Rejected", None),
        ("Energy", "Rejected", None),
        ("Current.Import.L1", "Rejected", None),  # a single-phase station reports no phases
        ("x" * 501, "Rejected", None),
    ):
        before = config.text(key)
        assert config.change(key, text) == status, text
        assert config.text(key) == (before if after is None else after)


def test_phases_of_measurands_on_a_three_phase_station():
    config = configuration({"connectors": [{"phases": 3}]})
    key = "StopTxnSampledData"
    assert config.change(key, "Current.Import.L2,Voltage.L1-N, voltage.l3-n") == "Accepted"
    assert config.value(key) == ("Current.Import.L2", "Voltage.L1-N", "Voltage.L3-N")
    for text in ("Voltage.L1", "Current.Import.L4", "Current.Import.N", "Power.Active.Import.L1"):
        assert config.change(key, text) == "Rejected", text
    assert config.value(key) == ("Current.Import.L2", "Voltage.L1-N", "Voltage.L3-N")


def test_connector_phase_rotation():
    config = configuration({"connectors": [{"phases": 3}, {"phases": 3}]})
    key = "ConnectorPhaseRotation"
    for text, status in (
        ("0.RST,1.RST,2.RTS", "Accepted"),
        ("0.rst, 1.unknown", "Accepted"),
        ("RST", "Accepted"),
        ("NotApplicable", "Accepted"),
        ("", "Accepted"),
        ("3.RST", "Rejected"),
        ("1.RST,1.RTS", "Rejected"),
        ("1.RSR", "Rejected"),
        ("RST,RTS", "Rejected"),
        ("1.RST,RTS", "Rejected"),
        (".RST", "Rejected"),
        ("1.", "Rejected"),
        ("-1.RST", "Rejected"),
    ):
        assert config.change(key, text) == status, text
    assert config.text(key) == ""
    assert configuration().text(key) == "NotApplicable"


def test_authorization_keys_are_hex_or_plain():
    config = configuration()
    for text, value in (
        ("0123456789abcdef" * 2, bytes([0x01, 0x23, 0x45, 0x67, 0x89, 0xAB, 0xCD, 0xEF] * 2)),
        ("FF" * 20, b"\xff" * 20),
        ("0123456789abcdef", b"0123456789abcdef"),
        ("a 20 character key!!", b"a 20 character key!!"),
    ):
        assert config.change("AuthorizationKey", text) == "Accepted"
        assert config.value("AuthorizationKey") == value
    for text in ("", "x" * 21, "f" * 31, "f" * 33, "f" * 42, "g" * 32, "x" * 15 + "\n", "x" * 15 + "\u00e9"):
        assert config.change("AuthorizationKey", text) == "Rejected", text
        assert config.value("AuthorizationKey") == b"a 20 character key!!"


def test_a_fixed_cable_is_never_unlocked():
    key = "UnlockConnectorOnEVSideDisconnect"
    fixed = configuration({"configuration": {key: "true"}})
    assert fixed.rows([key]) == ([(key, True, "false")], [])
    assert fixed.change(key, "true") == "Rejected"
    socket = configuration({"connectors": [{}, {"cable": "socket"}]})
    assert socket.rows([key]) == ([(key, False, "true")], [])
    assert socket.change(key, "false") == "Accepted"


def test_watchers_hear_of_changes_only():
    config = configuration()
    heard = []
    config.watch(heard.append)
    config.change("heartbeatinterval", "300")  # what it is already
    config.change("HeartbeatInterval", "x")
    config.change("NumberOfConnectors", "7")
    assert heard == []
    config.change("heartbeatinterval", "5")
    config.set_internal("HeartbeatInterval", "5")
    config.set_internal("HeartbeatInterval", "6")
    assert heard == ["HeartbeatInterval", "HeartbeatInterval"]


def test_set_internal_goes_past_access_and_limits():
    shelf = Shelf()
    config = configuration(
        {"limits": {"HeartbeatInterval": [10, 20]}, "configuration": {"HeartbeatInterval": "10"}}, shelf=shelf
    )
    assert config.change("HeartbeatInterval", "21") == "Rejected"
    config.set_internal("HeartbeatInterval", "100000")
    assert config.value("HeartbeatInterval") == 100000
    config.set_internal("GetConfigurationMaxKeys", "9")
    assert config.value("GetConfigurationMaxKeys") == 9
    raises(ValueError, config.set_internal, "HeartbeatInterval", "often")
    raises(KeyError, config.set_internal, "Testing", "1")
    shelf.fails = True
    config.set_internal("HeartbeatInterval", "30")
    assert config.value("HeartbeatInterval") == 30


# --- stations ---


def test_wrong_values_of_a_station_file_are_refused_by_name():
    for document, *words in (
        ({"configuration": {"HeartbeatInterval": "x"}}, "configuration.HeartbeatInterval", "x"),
        ({"configuration": {"HeartbeatInterval": "5"}, "limits": {"HeartbeatInterval": [6, 9]}}, "6 to 9"),
        ({"configuration": {"MeterValuesSampledData": "SoC"}}, "configuration.MeterValuesSampledData", "SoC"),
        ({"configuration": {"MeterValuesSampledDataMaxLength": "0"}}, "MeterValuesSampledData", "1 items"),
    ):
        text = str(raises(DescriptionError, configuration, document))
        for word in words:
            assert word in text, (word, text)


def test_limits_of_a_station():
    config = configuration(
        {"limits": {"MeterValueSampleInterval": [10, 900], "HeartbeatInterval": [0, 999999]}}
    )
    for text, status in (("9", "Rejected"), ("10", "Accepted"), ("900", "Accepted"), ("901", "Rejected")):
        assert config.change("MeterValueSampleInterval", text) == status
    assert config.change("HeartbeatInterval", "999999") == "Accepted"


def test_ecarplug_says_what_its_certificate_says():
    config = configuration(station("ecarplug_ac"), implemented=ALL_PROFILES)
    certificate = """AllowOfflineTxForUnknownId TRUE, AuthorizationCacheEnabled FALSE,
        AuthorizeRemoteTxRequests TRUE, BlinkRepeat 5, ClockAlignedDataInterval 60, ConnectionTimeOut 60,
        ConnectorPhaseRotation RST, ConnectorPhaseRotationMaxLength 1,
        ConnectorSwitch3to1PhaseSupported FALSE,
        HeartbeatInterval 10, LightIntensity 10, LocalAuthListEnabled TRUE, LocalAuthorizeOffline TRUE,
        LocalPreAuthorize FALSE, MaxEnergyOnInvalidId 0, MessageTimeout 300, MeterValueSampleInterval 10,
        MinimumStatusDuration 0, ResetRetries 3, ReserveConnectorZeroSupported FALSE,
        StopTransactionOnEVSideDisconnect TRUE, StopTransactionOnInvalidId TRUE,
        SupportedFeatureProfilesMaxLength 6, TransactionMessageAttempts 3, TransactionMessageRetryInterval 60,
        UnlockConnectorOnEVSideDisconnect FALSE, NumberOfConnectors 1, GetConfigurationMaxKeys 50,
        MeterValuesAlignedDataMaxLength 10, MeterValuesSampledDataMaxLength 1,
        StopTransactionMaxMeterValues 0, WebSocketPingInterval 0"""
    for item in certificate.split(","):
        name, text = item.split()
        rows, unknown = config.rows([name])
        assert unknown == [], name
        assert rows[0][2].upper() == text.upper(), (name, rows)


def test_loop_and_xcharge_take_the_lists_of_their_certificates():
    loop = configuration(station("loop_evs32a"), implemented=ALL_PROFILES)
    seven = (
        "Current.Import,Current.Offered,Energy.Active.Import.Register,Power.Active.Import,Power.Offered,"
        "Temperature,Voltage"
    )
    assert loop.change("MeterValuesSampledData", seven) == "Accepted"
    assert loop.change("MeterValuesSampledData", seven + ",Energy.Active.Import.Interval") == "Rejected"
    assert loop.change("MeterValuesAlignedData", seven + ",Energy.Active.Import.Interval") == "Accepted"
    assert loop.change("StopTxnSampledData", seven) == "Rejected"
    assert loop.value("ChargeProfileMaxStackLevel") == 99
    xcharge = configuration(station("xcharge_c6"), implemented=ALL_PROFILES)
    twelve = (
        "Current.Export,Current.Import,Current.Offered,Energy.Active.Export.Register,"
        "Energy.Active.Import.Register,Energy.Reactive.Export.Register,Energy.Reactive.Import.Register,"
        "Power.Active.Import,SoC,Voltage,Power.Offered,Temperature"
    )
    for key in ("MeterValuesSampledData", "StopTxnSampledData", "StopTxnAlignedData"):
        assert xcharge.change(key, twelve) == "Accepted"
        assert xcharge.text(key) == twelve
    assert xcharge.value("NumberOfConnectors") == 2
    assert xcharge.rows(["MinimumStatusDuration"])[1] == ["MinimumStatusDuration"]
    assert xcharge.change("StopTransactionOnEVSideDisconnect", "false") == "Rejected"


def test_errors_do_not_show_the_password():
    secret = "much too long for any password of Basic"
    for wrong, arguments in (
        (ConfigurationError, (None, {"authorizationkey": secret})),
        (DescriptionError, ({"configuration": {"AuthorizationKey": secret}},)),
    ):
        text = str(raises(wrong, configuration, *arguments))
        assert "uthorization" in text and secret not in text
