# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""installation.json: what the installer has told this charger."""

import installation
import log
from host_tests.unit.expect import raises
from host_tests.unit.scratch import Scratch, write
from station.description import Description


def refused(text):
    return str(raises(installation.InstallationError, installation.read, text.encode(), "AB12"))


def test_without_a_file_there_are_defaults():
    with Scratch() as folder:
        found = installation.load(folder, "E66118604B")
    empty = {"lte": {}, "wifi": {}, "set": {}, "info": {}, "station": {}}
    assert found == dict(empty, csms_url=None, id="PLE66118604B")


def test_what_is_given_is_taken():
    text = '{"csms_url":"wss://h/p","id":"CP1","lte":{"apn":"a"},"set":{"X":"1"},"station":{"reader":"none"}}'
    found = installation.read(text.encode(), "00")
    assert found["csms_url"] == "wss://h/p" and found["id"] == "CP1"
    assert (
        found["lte"] == {"apn": "a"} and found["set"] == {"X": "1"} and found["station"] == {"reader": "none"}
    )


def test_what_is_wrong_is_named():
    assert "not JSON" in refused('{"id": ')
    assert "object" in refused("[1]")
    assert '"csms"' in refused('{"csms":"ws://h"}')
    assert '"id"' in refused('{"id":7}')
    assert '"id"' in refused('{"id":""}')
    assert '"csms_url"' in refused('{"csms_url":"http://h"}')
    assert '"lte"' in refused('{"lte":[]}')
    assert '"ssid" of "wifi"' in refused('{"wifi":{"ssid":7}}')
    assert '"heartbeat" of "set"' in refused('{"set":{"heartbeat":7}}')


def test_unknown_fields_of_the_links_are_refused():
    assert '"APN" of "lte"' in refused('{"lte":{"APN":"a"}}')
    said = refused('{"lte":{"apn":"a","Pin":"1234"}}')
    assert '"Pin" of "lte"' in said and "apn, user, password, auth, pin" in said and "1234" not in said
    assert '"SSID" of "wifi"' in refused('{"wifi":{"SSID":"h"}}')
    text = '{"lte":{"apn":"a","user":"u","password":"p","auth":"chap","pin":"1234"},"wifi":%s}'
    found = installation.read((text % '{"ssid":"s","password":"12345678"}').encode(), "")
    assert found["lte"]["auth"] == "chap" and found["wifi"]["password"] == "12345678"


def test_another_way_to_log_in_is_refused_and_not_taken_for_pap():
    for value in ("CHAP", "Pap", "mschap", "none", " pap"):
        said = refused('{"lte":{"auth":"%s"}}' % value)
        assert '"auth" of "lte"' in said and "pap" in said and "chap" in said, said
    for value in ("pap", "chap", ""):
        assert installation.read(b'{"lte":{"auth":"%s"}}' % value.encode(), "")["lte"]["auth"] == value


def test_nothing_but_an_apn_and_a_pin_gets_into_at_commands():
    for text in (
        'a\\"',
        "a\\r\\nATZ",
        "a\\nb",
        "a\\u0000",
        "a b",
        "a\\u007f",
        "\\u00e4",
        "a\\\\b",
        "a,b",
        "a;b",
    ):
        said = refused('{"lte":{"apn":"%s"}}' % text)
        assert '"apn" of "lte"' in said and "ATZ" not in said, said
    for text in ("12\\r", "1234;+CFUN=0", "123", "123456789", "12a4", '1234\\"', " 1234", "\\u0661234"):
        said = refused('{"lte":{"pin":"%s"}}' % text)
        assert '"pin" of "lte"' in said and "4 to 8 digits" in said and "1234" not in said, said
    for name in ("user", "password"):
        for text in ("a\\rb", "a\\n", "\\u0000", "\\u001fa", "a\\u007f"):
            assert '"%s" of "lte"' % name in refused('{"lte":{"%s":"%s"}}' % (name, text))
    text = (
        b'{"lte":{"apn":"m2m.iot-4_g.example","pin":"12345678","user":"a@b.c","password":"\\"x y\\u20ac\\""}}'
    )
    assert installation.read(text, "")["lte"]["password"] == '"x y\u20ac"'
    empty = '{"lte":{"apn":"","user":"","password":"","auth":"","pin":""}}'
    assert installation.read(empty.encode(), "")["lte"]["pin"] == ""


OWN = {"name": "own", "connectors": [{"rated_a": 32}]}


def station_of(given):
    level, log.level = log.level, log.ERROR
    try:
        return installation.station_of(given, OWN, 1)
    finally:
        log.level = level


def test_the_installers_fields_are_put_over_the_boards_station():
    assert installation.station_of({}, OWN, 1) == OWN
    assert station_of({"name": "his"}) == {"name": "his", "connectors": [{"rated_a": 32}]}
    assert station_of({"connectors": [{"rated_a": 16}]})["connectors"] == [{"rated_a": 16}]
    assert OWN["name"] == "own"


def test_a_connector_is_the_boards_but_for_what_the_installer_says():
    own = {"connectors": [{"rated_a": 16, "cable": "fixed", "wake_up": "switch"}]}
    found = installation.station_of({"connectors": [{"wake_up": "F"}]}, own, 1)
    assert found["connectors"] == [{"rated_a": 16, "cable": "fixed", "wake_up": "F"}]
    level, log.level = log.level, log.ERROR + 1
    try:
        for row in (
            {"rated_a": 20},
            {"phases": 3},
            {"cable": "socket"},
            {"current": "DC", "nominal_v": 400},
            7,
        ):
            found = installation.station_of({"connectors": [row]}, own, 1)
            assert found["connectors"] == [{"rated_a": 6, "cable": "fixed", "wake_up": "switch"}], row
    finally:
        log.level = level


def test_a_phase_switch_is_the_boards_to_have_and_the_installers_to_leave_out():
    switched = {"connectors": [{"phases": 3, "rated_a": 16, "phase_switch": True}]}
    for row, switch in (
        ({"rated_a": 10}, True),
        ({"phase_switch": True}, True),
        ({"phase_wait_s": 120}, True),
        ({"phase_switch": False}, False),
        ({"phases": 1}, False),  # one phase is all he has to connect
        ({"phases": 1, "phase_switch": False}, False),
    ):
        found = installation.station_of({"connectors": [row]}, switched, 1)["connectors"][0]
        assert found["rated_a"] == row.get("rated_a", 16), row
        connector = Description({"connectors": [found]}).connectors[0]
        assert (connector.phase_switch, connector.phases) == (switch, row.get("phases", 3)), row
    level, log.level = log.level, log.ERROR
    try:
        for row, own, words in (
            ({"phase_switch": True}, {"phases": 3, "rated_a": 16}, "phase_switch: the board has none"),
            ({"phase_switch": True, "phases": 1}, switched["connectors"][0], "phase_switch: there are not"),
            ({"phase_switch": "yes"}, switched["connectors"][0], "phase_switch: true or false is needed"),
        ):
            found = installation.station_of({"connectors": [row]}, {"connectors": [own]}, 1)
            assert found["connectors"] == [dict(own, rated_a=6)], row
            assert words in log.lines()[-1], log.lines()[-1]
    finally:
        log.level = level


def test_a_station_that_cannot_be_is_the_boards_at_6_a():
    """He may have meant a lower rating than the board's."""
    for given in (
        {"nope": 1},
        {"name": 7},
        {"connectors": [{}, {}]},
        {"name": "his", "configuration": {"HeartbeatInterval": "abc"}},
        {"name": "his", "configuration": {"AuthorizationKey": 12345678}},
        {"name": "his", "configuration": ["AuthorizationKey", "12345678"]},
        {"name": "his", "configuration": "AuthorizationKey=12345678"},
        {"limits": {"HeartbeatInterval": [1]}},
    ):
        assert station_of(given) == {"name": "own", "connectors": [{"rated_a": 6}]}, given
        line = log.lines()[-1]
        assert "installation.json" in line and "12345678" not in line, line


def test_what_the_site_has_is_put_over_the_boards_options():
    own = {"connectors": [{"rated_a": 32}], "options": {"cache": False}}
    given = {"options": {"site_a": 25, "grid_meter": True}}
    found = installation.station_of(given, own, 1, True)
    assert found["options"] == {"cache": False, "site_a": 25, "grid_meter": True}
    assert found["connectors"] == [{"rated_a": 32}] and own["options"] == {"cache": False}
    assert station_of({"options": {"site_a": 25}})["options"] == {"site_a": 25}
    # A board that has no such meter: nobody would know what the building takes.
    for options in (given["options"], 7, None, [], {"site_a": "25"}, {"site_a": 5}, {"site": 25}):
        found = station_of({"options": options})
        assert found["connectors"] == [{"rated_a": 6}] and "options" not in found, options
        assert "station: options" in log.lines()[-1], options


def test_no_secret_is_told_of_what_is_wrong():
    said = refused('{"lte":{"pin":4711}}')
    assert "pin" in said and "4711" not in said
    assert "hunter2" not in refused('{"set":{"AuthorizationKey":"hunter2"}')


def test_files_that_are_no_text_or_too_long_are_refused():
    with Scratch() as folder:
        write(folder + "/installation.json", b"\xff\xfe{}")
        raises(installation.InstallationError, installation.load, folder, "00")
        write(folder + "/installation.json", b" " * 9000 + b"{}")
        assert "longer" in str(raises(installation.InstallationError, installation.load, folder, "00"))
