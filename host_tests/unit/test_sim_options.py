# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The command line of the simulated board."""

from boards.sim.options import Usage, chosen, make_folder, parse
from host_tests.unit.expect import raises
from host_tests.unit.scratch import Scratch, exists, write


def test_defaults():
    options = parse([])
    assert options["csms"] is None and options["id"] == "PILOTLIGHT"
    assert options["set"] == {} and options["info"] == {}
    assert options["control"] is None and options["web"] is None and options["ticks"] is None
    assert options["clock"] == "none" and options["station"]["connectors"]


def test_every_option():
    with Scratch() as folder:
        write(folder + "/station.json", b'{"connectors":[{}]}')
        write(folder + "/info.json", b'{"chargePointVendor":"V"}')
        arguments = [
            "--csms", "wss://example.org/x", "--id=CP 1", "--data", folder + "/a/b/",
            "--set", "HeartbeatInterval=30", "--set", "Url=a=b", "--set=Empty=",
            "--info", folder + "/info.json", "--station", folder + "/station.json",
            "--control", "7001", "--web", "8001", "--ticks", "1073741823", "--clock", "battery",
        ]  # fmt: skip
        options = chosen(arguments)
        assert exists(folder + "/a/b")
        assert options == {
            "csms": "wss://example.org/x",
            "id": "CP 1",
            "data": folder + "/a/b",
            "set": {"HeartbeatInterval": "30", "Url": "a=b", "Empty": ""},
            "info": {"chargePointVendor": "V"},
            "station": {"connectors": [{}]},
            "control": 7001,
            "web": 8001,
            "ticks": 1073741823,
            "clock": "battery",
        }
        assert len(arguments) == 22  # parsing takes nothing away from the caller


def test_stations_by_name():
    for name, connectors in (("loop_evs32a", 1), ("xcharge_c6", 2)):
        assert len(parse(["--station", name])["station"]["connectors"]) == connectors


def test_wrong_options():
    with Scratch() as folder:
        write(folder + "/list.json", b"[]")
        write(folder + "/half.json", b'{"connectors":')
        write(folder + "/bytes.json", b"\xff\xfe")
        for arguments, word in (
            (["--speed", "5"], "--speed"),
            (["csms"], "csms"),
            (["-csms", "ws://x"], "-csms"),
            (["--"], "--"),
            (["--csms"], "value"),
            (["--csms", "http://x"], "ws://"),
            (["--csms", ""], "empty"),
            (["--id", ""], "empty"),
            (["--set", "Key"], "Key=Value"),
            (["--set", "=5"], "Key=Value"),
            (["--control", "0x10"], "number"),
            (["--control", "65536"], "65535"),
            (["--control", "-1"], "number"),
            (["--ticks", "1073741824"], "1073741823"),
            (["--ticks", "99999999999999999999"], "number"),
            (["--clock", "sun"], "battery"),
            (["--info", folder + "/none.json"], "read"),
            (["--info", folder + "/list.json"], "object"),
            (["--info", folder + "/half.json"], "JSON"),
            (["--station", folder + "/bytes.json"], "JSON"),
            (["--station", "no_such_station"], "read"),
        ):
            assert word in str(raises(Usage, parse, arguments)), arguments


def test_a_data_folder_that_cannot_be():
    with Scratch() as folder:
        write(folder + "/file", b"")
        raises(Usage, make_folder, folder + "/file")
        raises(Usage, make_folder, folder + "/file/under")
        make_folder(folder + "/x/y/z")
        make_folder(folder + "/x/y/z")
        assert exists(folder + "/x/y/z")
