# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""installation.json: what the installer has told this charger."""

import installation
from host_tests.unit.expect import raises
from host_tests.unit.scratch import Scratch, write


def refused(text):
    return str(raises(installation.InstallationError, installation.read, text.encode(), "AB12"))


def test_without_a_file_there_are_defaults():
    with Scratch() as folder:
        found = installation.load(folder, "E66118604B")
    assert found == {"csms_url": None, "id": "PLE66118604B", "lte": {}, "set": {}, "info": {}, "station": {}}


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
    assert '"heartbeat" of "set"' in refused('{"set":{"heartbeat":7}}')


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
