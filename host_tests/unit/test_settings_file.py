# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The settings file: what is kept in it, what counts at first boot, and what no longer fits or is damaged."""

import log
from host_tests.unit.expect import raises
from host_tests.unit.scratch import Scratch, exists, read, write
from host_tests.unit.shelf import Shelf, configuration
from station.configuration import Configuration, ConfigurationError
from station.description import Description
from store.record import NewerVersion, Record


def test_only_differences_are_kept_and_nothing_is_written_without_a_change():
    shelf = Shelf()
    config = configuration(shelf=shelf)
    assert shelf.content == {}
    assert shelf.saves == 1
    config.change("HeartbeatInterval", "77")
    config.change("MeterValuesSampledData", "Voltage")
    config.change("AuthorizationKey", "0123456789abcdef")
    assert shelf.content == {
        "HeartbeatInterval": "77",
        "MeterValuesSampledData": "Voltage",
        "AuthorizationKey": "30313233343536373839616263646566",
    }
    assert shelf.saves == 4
    config.change("heartbeatinterval", "77")
    config.change("HeartbeatInterval", "no")
    assert shelf.saves == 4
    config.change("HeartbeatInterval", "300")
    assert "HeartbeatInterval" not in shelf.content
    again = configuration(shelf=shelf)
    assert shelf.saves == 5
    assert again.rows() == config.rows()
    assert again.value("AuthorizationKey") == b"0123456789abcdef"


def test_a_change_that_cannot_be_kept_is_rejected_and_changes_nothing():
    shelf = Shelf()
    config = configuration(shelf=shelf)
    heard = []
    config.watch(heard.append)
    shelf.fails = True
    assert config.change("HeartbeatInterval", "77") == "Rejected"
    assert config.value("HeartbeatInterval") == 300
    assert heard == []
    shelf.fails = False
    assert config.change("HeartbeatInterval", "77") == "Accepted"


def test_a_read_only_disk_at_first_boot_is_survived():
    shelf = Shelf()
    shelf.fails = True
    assert configuration(initial={"HeartbeatInterval": "5"}, shelf=shelf).value("HeartbeatInterval") == 5


def test_initial_values_count_at_first_boot_only():
    shelf = Shelf()
    first = {"heartbeatinterval": "44", "GetConfigurationMaxKeys": "10", "AuthorizationKey": "f" * 32}
    config = configuration(initial=first, shelf=shelf)
    assert config.value("HeartbeatInterval") == 44
    assert config.value("GetConfigurationMaxKeys") == 10
    config.change("HeartbeatInterval", "45")
    config = configuration(initial={"HeartbeatInterval": "46", "ResetRetries": "9"}, shelf=shelf)
    assert config.value("HeartbeatInterval") == 45
    assert config.value("ResetRetries") == 3
    assert config.value("GetConfigurationMaxKeys") == 10
    assert config.value("AuthorizationKey") == b"\xff" * 16


def test_wrong_initial_values_are_refused_by_name_at_every_boot():
    for initial, *words in (
        ({"Heartbeat": "5"}, "Heartbeat"),
        ({"HeartbeatInterval": "x"}, "HeartbeatInterval", "x"),
        ({"LocalAuthListEnabled": "true"}, "LocalAuthListEnabled"),
        ({"NumberOfConnectors": "3"}, "NumberOfConnectors", "station description"),
        ({"MeterValuesSampledData": "Speed"}, "MeterValuesSampledData", "Speed"),
        (
            {"StopTxnSampledData": "Voltage", "StopTxnSampledDataMaxLength": "0"},
            "StopTxnSampledData",
            "1 items",
        ),
    ):
        for shelf in (Shelf(), Shelf({})):
            text = str(raises(ConfigurationError, configuration, None, initial, shelf))
            for word in words:
                assert word in text, (word, text)


def test_a_charger_on_its_pole_takes_what_is_right_of_its_initial_values():
    given = {"Heartbeat": "5", "HeartbeatInterval": "x", "ConnectionTimeOut": "30", "ResetRetries": "9"}
    shelf = Shelf()
    level, log.level = log.level, log.ERROR
    try:
        config = configuration(initial=given, shelf=shelf, tolerant=True)
        told = log.lines()[-2:]
        assert config.value("ConnectionTimeOut") == 30
        assert config.value("ResetRetries") == 9
        assert config.value("HeartbeatInterval") == 300
        assert "Heartbeat:" in " ".join(told) and "HeartbeatInterval=x" in " ".join(told)
        # What is mended then counts still: these were no first settings.
        assert shelf.content is None
        given = dict(given, HeartbeatInterval="44")
        del given["Heartbeat"]
        config = configuration(initial=given, shelf=shelf, tolerant=True)
    finally:
        log.level = level
    assert config.value("HeartbeatInterval") == 44 and shelf.content is not None


def test_the_value_of_an_unknown_key_is_not_told():
    # It may be a password whose key is misspelled.
    text = str(raises(ConfigurationError, configuration, None, {"AuthorisationKey": "secret"}))
    assert "AuthorisationKey" in text and "secret" not in text


def test_initial_limits_count_for_initial_lists():
    four = "Voltage,Current.Import,Frequency,Temperature"
    config = configuration(
        {"configuration": {"MeterValuesSampledDataMaxLength": "2"}},
        {"MeterValuesSampledData": four, "MeterValuesSampledDataMaxLength": "4"},
    )
    assert config.text("MeterValuesSampledData") == four


def test_saved_values_that_no_longer_fit_fall_back():
    shelf = Shelf(
        {
            "HeartbeatInterval": "77",
            "MeterValuesSampledData": "SoC",
            "Gone": "1",
            "NumberOfConnectors": "9",
            "LocalPreAuthorize": "maybe",
            "ResetRetries": 7,
        }
    )
    config = configuration(shelf=shelf)
    assert config.value("HeartbeatInterval") == 77
    assert config.text("MeterValuesSampledData") == "Energy.Active.Import.Register"
    assert config.value("NumberOfConnectors") == 1
    assert config.value("LocalPreAuthorize") is False
    assert config.value("ResetRetries") == 3
    assert configuration(shelf=Shelf([1, 2])).value("HeartbeatInterval") == 300


def test_a_damaged_settings_file_is_set_aside_and_defaults_are_used():
    with Scratch() as path:
        name = path + "/settings"
        config = Configuration(Description(), Record(name, 1), {"HeartbeatInterval": "44"})
        assert config.change("ResetRetries", "7") == "Accepted"
        content = bytearray(read(name))
        content[-5] ^= 1
        write(name, content)
        config = Configuration(Description(), Record(name, 1), {"HeartbeatInterval": "44"})
        assert config.value("ResetRetries") == 3
        assert config.value("HeartbeatInterval") == 300  # not a first boot
        assert exists(name + ".bad")
        assert (
            Configuration(Description(), Record(name, 1), {"HeartbeatInterval": "44"}).value(
                "HeartbeatInterval"
            )
            == 300
        )


def test_a_settings_file_of_a_newer_firmware_is_refused():
    with Scratch() as path:
        Record(path + "/settings", 2).save({})
        raises(NewerVersion, Configuration, Description(), Record(path + "/settings", 1))
