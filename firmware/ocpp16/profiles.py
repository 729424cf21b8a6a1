# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The handlers of the feature profiles: Core's are there from the start, those of another are loaded when the
first request for it comes, if the station has it.

A module of MODULES has `handlers(station, session)` -> {action: handler}, see `ocpp16.rpc`; beside it lies
the module of its schemas, `schema_` and its name (tools/schemas.py).
"""

from ocpp16 import schema_core

# Profile -> module.
MODULES = {
    "LocalAuthListManagement": "local_list",
    "Reservation": "reservation",
    "RemoteTrigger": "trigger",
    "SmartCharging": "smart_charging",
}
IMPLEMENTED = ("Core",) + tuple(MODULES)


class Profiles:
    """`core`: handlers of the Core profile. `tables`: of the Rpc, to be set before the first request."""

    def __init__(self, core, station, session):
        self._handlers = core
        self._station = station
        self._session = session
        self.tables = []

    def find(self, action):
        """The handler of an action, None when the station has none."""
        handler = self._handlers.get(action)
        if handler is None:
            profile = _profile_of(action)
            if profile in MODULES and profile in self._station.config.value("SupportedFeatureProfiles"):
                self._load(MODULES[profile])
                handler = self._handlers.get(action)
        return handler

    def _load(self, name):
        module = __import__("ocpp16." + name, None, None, (name,))
        schemas = __import__("ocpp16.schema_" + name, None, None, (name,))
        if schemas not in self.tables:
            self.tables.append(schemas)
        self._handlers.update(module.handlers(self._station, self._session))


def _profile_of(action):
    """The profile to which an action of OCPP belongs, else None."""
    actions = schema_core.ACTIONS
    for i in range(1, len(actions), 2):
        if action in actions[i].split():
            return actions[i - 1]
    return None
