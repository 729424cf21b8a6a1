# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
import json
import os

from host_tests.unit.expect import raises
from station.description import Description, DescriptionError

STATIONS = "boards/sim"


def wrong(document, *words):
    """The error for `document` must name every one of `words`."""
    text = str(raises(DescriptionError, Description, document))
    for word in words:
        assert word in text, (word, text)


def connector(**changes):
    return {"connectors": [changes]}


def test_nothing_given_is_a_plain_station():
    for description in (Description(), Description({}), Description(None)):
        assert len(description.connectors) == 1
        one = description.connectors[0]
        assert (one.number, one.cable, one.lock, one.current, one.phases) == (1, "fixed", False, "AC", 1)
        assert (one.rated_da, one.nominal_v, one.ventilation) == (320, 230, False)
        assert description.phases == 1
        assert description.fixed_cables
        assert description.reader == "single"
        assert description.profiles == ("Core",)
        assert description.options == {
            "cache": True,
            "milliseconds": True,
            "power_loss": "stop",
            "queue_kb": 512,
            "site_a": 0,
            "site_fallback_a": 0,
            "grid_meter": False,
            "unclocked_a": 6,
            "tag_format": "hex",
            "random_tags": "read",
            "sounds": True,
            "start_tag": "",
        }
        assert "Energy.Active.Import.Register" in description.measurands
        assert description.configuration == {}
        assert description.read_only == description.absent == ()
        assert description.limits == {}


def test_everything_given():
    description = Description(
        {
            "name": "Test",
            "connectors": [
                {"cable": "socket", "phases": 3, "rated_a": 63, "nominal_v": 400, "ventilation": True},
                {"cable": "socket", "lock": False},
                {"current": "DC", "rated_a": 500, "nominal_v": 800},
            ],
            "reader": "per_connector",
            "profiles": ["Reservation", "Core", "Security"],
            "options": {"cache": False, "power_loss": "resume", "queue_kb": 16},
            "measurands": ["SoC", "Energy.Active.Import.Register"],
            "configuration": {"HeartbeatInterval": "10"},
            "read_only": ["StopTransactionOnEVSideDisconnect"],
            "absent": ["MinimumStatusDuration"],
            "limits": {"HeartbeatInterval": [5, 100]},
        }
    )
    first, second, third = description.connectors
    assert (first.lock, second.lock, third.lock) == (True, False, False)
    assert (first.rated_da, first.ventilation, third.number, third.current) == (630, True, 3, "DC")
    assert description.phases == 3
    assert not description.fixed_cables
    assert description.profiles == ("Reservation", "Core", "Security")
    assert description.option("power_loss") == "resume"
    assert description.option("cache") is False
    assert description.option("milliseconds") is True
    assert description.option("nothing", 5) == 5
    assert description.limits == {"HeartbeatInterval": (5, 100)}


def test_errors_name_the_key():
    wrong([], "JSON object")
    wrong({"conectors": []}, "conectors", "connectors")
    wrong({"connectors": []}, "connectors", "1 to 16")
    wrong({"connectors": [{}] * 17}, "connectors")
    wrong({"connectors": {}}, "connectors", "a list")
    wrong({"connectors": [{}, 5]}, "connectors[1]")
    wrong({"connectors": [{}, {"phases": 2}]}, "connectors[1].phases", "2", "1, 3")
    wrong(connector(phases=True), "phases")
    wrong(connector(cable="loose"), "connectors[0].cable", "loose", "fixed, socket")
    wrong(connector(lock=True), "connectors[0].lock", "fixed cable")
    wrong(connector(cable="socket", lock="yes"), "connectors[0].lock", "true or false")
    wrong(connector(current="AC/DC"), "connectors[0].current")
    wrong(connector(current="DC", phases=3), "connectors[0].phases")
    wrong(connector(rated_a=5), "connectors[0].rated_a", "5", "6 to 1000")
    wrong(connector(rated_a="32"), "connectors[0].rated_a", "a number")
    wrong(connector(rated_a=True), "connectors[0].rated_a", "a number")
    wrong(connector(nominal_v=2000), "connectors[0].nominal_v")
    wrong(connector(ventilation=1), "connectors[0].ventilation")
    wrong(connector(colour="red"), "connectors[0].colour")
    wrong({"name": 5}, "name", "a text")
    wrong({"reader": "double"}, "reader", "double")
    wrong({"profiles": ["Core", "SmartCharge"]}, "profiles", "SmartCharge")
    wrong({"profiles": ["Reservation"]}, "profiles", "Core")
    wrong({"profiles": ["Core", "Core"]}, "profiles", "twice")
    wrong({"options": {"cash": True}}, "options.cash")
    wrong({"options": {"sounds": "no"}}, "options.sounds")
    wrong({"options": {"start_tag": 4711}}, "options.start_tag", "a text")
    wrong({"options": {"start_tag": "x" * 21}}, "options.start_tag", "1 to 20")
    wrong({"options": {"cache": 1}}, "options.cache")
    wrong({"options": {"power_loss": "ignore"}}, "options.power_loss", "stop, resume")
    wrong({"options": {"queue_kb": 15}}, "options.queue_kb", "16..65536")
    wrong({"options": {"queue_kb": 65537}}, "options.queue_kb", "16..65536")
    wrong({"options": {"queue_kb": "64"}}, "options.queue_kb", "a number")
    wrong({"options": {"queue_kb": True}}, "options.queue_kb", "a number")
    wrong({"options": {"tag_format": "octal"}}, "options.tag_format", "hex_reversed", "decimal")
    wrong({"options": {"random_tags": True}}, "options.random_tags", "read, ignore")
    wrong({"measurands": ["Voltage"]}, "measurands", "Energy.Active.Import.Register")
    wrong({"measurands": ["Energy.Active.Import.Register", "Speed"]}, "measurands", "Speed")


def test_what_the_site_has():
    options = Description({"options": {"site_a": 63, "site_fallback_a": 8, "grid_meter": True}}).options
    assert (options["site_a"], options["site_fallback_a"], options["grid_meter"]) == (63, 8, True)
    assert Description({"options": {"unclocked_a": 0}}).option("unclocked_a") == 0
    assert Description({"options": {"site_a": 6, "site_fallback_a": 6}}).option("site_a") == 6
    wrong({"options": {"site_a": 1001}}, "options.site_a", "0..1000")
    wrong({"options": {"site_a": -1}}, "options.site_a")
    wrong({"options": {"site_a": 25.5}}, "options.site_a", "a number")
    wrong({"options": {"site_a": 5}}, "options.site_a", "less than 6 A")
    wrong({"options": {"site_a": 10, "site_fallback_a": 11}}, "options.site_fallback_a", "11")
    wrong({"options": {"site_fallback_a": 6}}, "options.site_a", "needed")
    wrong({"options": {"grid_meter": True}}, "options.site_a", "needed")
    wrong({"options": {"grid_meter": 1, "site_a": 10}}, "options.grid_meter")
    wrong({"options": {"unclocked_a": True}}, "options.unclocked_a", "a number")
    wrong({"options": {"site_a": 63}, "connectors": [{}, {"current": "DC"}]}, "options.site_a", "DC")


def test_errors_name_the_configuration_key():
    wrong({"configuration": {"Heartbeat": "5"}}, "configuration", "Heartbeat")
    wrong({"configuration": {"heartbeatinterval": "5"}}, "configuration", "heartbeatinterval")
    wrong({"configuration": {"HeartbeatInterval": 5}}, "configuration.HeartbeatInterval", "a text")
    wrong({"configuration": {"NumberOfConnectors": "2"}}, "configuration.NumberOfConnectors")
    wrong({"configuration": {"SupportedFeatureProfiles": "Core"}}, "configuration.SupportedFeatureProfiles")
    wrong({"read_only": ["Foo"]}, "read_only", "Foo")
    wrong({"read_only": [5]}, "read_only")
    wrong({"absent": ["Bar"]}, "absent", "Bar")
    wrong({"absent": ["HeartbeatInterval"]}, "absent", "HeartbeatInterval", "required")
    wrong({"limits": {"HeartbeatInterval": 5}}, "limits.HeartbeatInterval")
    wrong({"limits": {"HeartbeatInterval": [5]}}, "limits.HeartbeatInterval")
    wrong({"limits": {"HeartbeatInterval": [0, True]}}, "limits.HeartbeatInterval")
    wrong({"limits": {"HeartbeatInterval": [6, 5]}}, "limits.HeartbeatInterval", "6")
    wrong({"limits": {"LocalPreAuthorize": [0, 1]}}, "limits.LocalPreAuthorize")


def test_the_station_files_of_the_simulated_board_are_right():
    names = [name for name in os.listdir(STATIONS) if name.endswith(".json")]
    for name in ("ecarplug_ac.json", "loop_evs32a.json", "xcharge_c6.json", "generic_socket.json"):
        assert name in names
    for name in names:
        with open(STATIONS + "/" + name) as file:
            Description(json.load(file))
