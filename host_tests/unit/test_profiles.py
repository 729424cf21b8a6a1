# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Which handlers a station has, and when they are loaded."""

from host_tests.unit.local_list_rig import FakeStation
from host_tests.unit.rpc_wire import TEXT
from ocpp16 import schema_core
from ocpp16.profiles import MODULES, Profiles
from ocpp16.rpc import Rpc


class Loaded:
    """Profiles of a station that claims `claimed`."""

    def __init__(self, *claimed):
        self.station = FakeStation()
        self.station.config.values["SupportedFeatureProfiles"] = claimed
        self.core = {"Reset": lambda payload: {"status": "Accepted"}}
        self.profiles = Profiles(self.core, self.station, None)
        self.sent = []
        self.rpc = Rpc(self.profiles.find)
        self.profiles.tables = self.rpc.tables
        self.rpc.attach(self.sent.append)


def test_core_is_there_from_the_start():
    it = Loaded("Core")
    assert it.profiles.find("Reset") is it.core["Reset"]
    assert it.profiles.find("MakeCoffee") is None
    assert it.profiles.find("SendLocalList") is None
    assert it.rpc.tables == [schema_core]


def test_a_profile_is_loaded_when_it_is_asked_for():
    it = Loaded("Core", "LocalAuthListManagement")
    assert it.rpc.tables == [schema_core]
    handler = it.profiles.find("GetLocalListVersion")
    assert handler({}) == {"listVersion": 0}
    assert len(it.rpc.tables) == 2
    assert it.profiles.find("GetLocalListVersion") is handler
    assert hasattr(it.profiles.find("SendLocalList"), "begin")
    assert len(it.rpc.tables) == 2
    it.rpc.receive(TEXT, memoryview(b'[2,"1","GetLocalListVersion",{}]'))
    assert it.sent == ['[3,"1",{"listVersion":0}]']


def test_a_profile_that_is_claimed_and_not_implemented():
    it = Loaded("Core", "FirmwareManagement")
    assert "FirmwareManagement" not in MODULES
    assert it.profiles.find("ClearChargingProfile") is None


def test_requests_of_a_profile_that_is_not_claimed():
    it = Loaded("Core")
    it.rpc.receive(TEXT, memoryview(b'[2,"1","GetLocalListVersion",{}]'))
    assert '"NotSupported"' in it.sent[0]
    assert not it.rpc.streams(b'[2,"1","SendLocalList",{')


def test_every_action_of_a_module_has_its_handler_and_schema():
    it = Loaded("Core", "LocalAuthListManagement")
    assert it.profiles.find("SendLocalList") is not None
    requests = it.rpc.tables[-1].REQUESTS
    for n in range(0, len(requests), 2):
        assert it.profiles.find(requests[n]) is not None, requests[n]


def test_every_module_is_that_of_its_profile():
    for profile in MODULES:
        name = MODULES[profile]
        module = __import__("ocpp16." + name, None, None, (name,))
        assert hasattr(module, "handlers"), profile
        requests = __import__("ocpp16.schema_" + name, None, None, (name,)).REQUESTS
        actions = schema_core.ACTIONS[schema_core.ACTIONS.index(profile) + 1].split()
        assert len(requests) >= 2
        for n in range(0, len(requests), 2):
            assert requests[n] in actions


def test_no_memory_to_load_a_profile():
    it = Loaded("Core", "LocalAuthListManagement")
    load = it.profiles._load

    def no_memory(name):
        raise MemoryError("memory allocation failed")

    it.profiles._load = no_memory
    assert not it.rpc.streams(b'[2,"1","SendLocalList",{')
    it.rpc.receive(TEXT, memoryview(b'[2,"1","GetLocalListVersion",{}]'))
    assert '"InternalError"' in it.sent[0]
    it.profiles._load = load
    assert it.rpc.streams(b'[2,"1","SendLocalList",{')
