# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The configuration keys of this station: their values, who may change them, and keeping the changes.

The settings file holds only what differs from the station's defaults, {name: text}. It is written at first
boot, so that a missing file means an empty data directory.
"""

import log
from station import key_types, keys
from station.description import DescriptionError
from station.measurands import DEFAULT

_TEXT_CHARS = 500  # ChangeConfiguration.req value: CiString500
_SETTINGS_LIMIT = 2147483647
# These say what the hardware and the firmware are; nobody sets them.
_GIVEN_BY_STATION = ("NumberOfConnectors", "SupportedFeatureProfiles")
# Which key bounds the number of items of a list.
_LIST_LIMIT = "MaxLength"


class ConfigurationError(ValueError):
    """An initial value (--set) cannot be: the text says which and why."""


class Configuration:
    """`description`: station.description.Description. `store`: store.record.Record (or alike) of the settings
    file.

    `initial`: {key: text} for the first boot on an empty data directory, read-only keys too; always checked,
    so that a typing error shows at any boot (ConfigurationError). `implemented`: the feature profiles that
    this firmware has. A damaged settings file is set aside by the store and the station's defaults are used.
    A settings file of a newer firmware raises store.record.NewerVersion.
    """

    def __init__(self, description, store, initial=None, implemented=("Core",)):
        self._description = description
        self._store = store
        self._profiles = tuple([profile for profile in description.profiles if profile in implemented])
        self._watchers = []
        self._values = {}  # canonical name -> value of every key that exists here
        self._absent = {}  # and what the others count as: some are asked for in every turn of the main loop
        self._check_description()
        for entry in keys.KEYS:
            name = entry[keys.NAME]
            if not self._has_feature(entry):
                self._absent[name] = key_types.off(entry[keys.TYPE])
            elif name in description.absent:
                self._absent[name] = self._default(entry)
            else:
                self._values[name] = self._default(entry)
        self._check_lists(self._values)
        initial = self._checked_initial(initial or {})
        saved = store.load()
        if saved is not None:
            self._take_saved(saved)
            return
        if not store.damaged:
            self._values.update(initial)
        self._persist(self._values, "first settings")

    # reading

    def value(self, key: str):
        """bool, int, str, bytes (AuthorizationKey; b"" = none) or tuple of str (lists).

        Of a key that this station does not have: its default when the station description says it is absent,
        and "off" (False, 0, empty) when the station lacks the feature. KeyError for a name that is in no
        standard.
        """
        if key in self._values:
            return self._values[key]
        if key in self._absent:
            return self._absent[key]
        entry = keys.row(key)
        if entry is None:
            raise KeyError(key)
        name = entry[keys.NAME]
        return self._values[name] if name in self._values else self._absent[name]

    def text(self, key: str) -> str:
        """The value as GetConfiguration shows it; "" for AuthorizationKey, which is never shown."""
        entry = keys.row(key)
        if entry is None:
            raise KeyError(key)
        if entry[keys.ACCESS] == "W":
            return ""
        return key_types.text(entry[keys.TYPE], self.value(entry[keys.NAME]))

    def rows(self, wanted=None):
        """(rows, unknown): for GetConfiguration. A row is (key, readonly, text); text is None for a
        write-only key.

        `wanted`: list of names in any case; None or empty: all but the write-only ones. `unknown`: the names
        that are not here, as they were asked for. Order as asked for, else that of the table.
        """
        if not wanted:
            shown = [
                entry for entry in keys.KEYS if entry[keys.NAME] in self._values and entry[keys.ACCESS] != "W"
            ]
            return [self._row(entry) for entry in shown], []
        found = []
        unknown = []
        for name in wanted:
            entry = keys.row(name)
            if entry is None or entry[keys.NAME] not in self._values:
                unknown.append(name)
            else:
                found.append(self._row(entry))
        return found, unknown

    # changing

    def change(self, key: str, text: str) -> str:
        """ChangeConfiguration: "Accepted", "Rejected" or "NotSupported"; unless accepted nothing changes."""
        entry = keys.row(key)
        if entry is None or entry[keys.NAME] not in self._values:
            return "NotSupported"
        name = entry[keys.NAME]
        if self._readonly(entry):
            log.info("configuration", "%s is read-only", name)
            return "Rejected"
        try:
            value = self._parse(entry, text)
        except ValueError as error:
            log.info("configuration", "%s rejected: %s", name, error)
            return "Rejected"
        if value == self._values[name]:
            return "Accepted"
        changed = dict(self._values)
        changed[name] = value
        if not self._persist(changed, name):
            return "Rejected"
        self._values = changed
        self._announce(name)
        return "Accepted"

    def set_internal(self, key: str, text: str) -> None:
        """Set a key past access and the station's limits, e.g. HeartbeatInterval from BootNotification.conf.

        Raises ValueError when the text is not of the key's type. Counts even when it cannot be persisted
        (logged).
        """
        entry = keys.row(key)
        if entry is None or entry[keys.NAME] not in self._values:
            raise KeyError(key)
        name = entry[keys.NAME]
        value = key_types.parse(entry[keys.TYPE], text, 0, _SETTINGS_LIMIT, self._description)
        if value != self._values[name]:
            self._values[name] = value
            self._persist(self._values, name)
            self._announce(name)

    def watch(self, function) -> None:
        """Call function(key) after each change, with the canonical name."""
        self._watchers.append(function)

    def _announce(self, name):
        for function in self._watchers:
            function(name)

    def _persist(self, values, what):
        differing = {}
        for name, value in values.items():
            entry = keys.row(name)
            if value != self._default(entry):
                differing[name] = key_types.text(entry[keys.TYPE], value)
        try:
            self._store.save(differing)
        except OSError as error:
            log.error("configuration", "%s cannot be kept: %s", what, error)
            return False
        return True

    # what the keys are on this station

    def _row(self, entry):
        name = entry[keys.NAME]
        hidden = entry[keys.ACCESS] == "W"
        text = None if hidden else key_types.text(entry[keys.TYPE], self._values[name])
        return name, self._readonly(entry), text

    def _has_feature(self, entry):
        needs = entry[keys.NEEDS]
        if not needs:
            return True
        if needs == "cache":
            return self._description.options["cache"]
        if needs == "given":
            return entry[keys.NAME] in self._description.configuration
        return needs in self._profiles

    def _readonly(self, entry):
        if entry[keys.ACCESS] == "R" or entry[keys.NAME] in self._description.read_only:
            return True
        # Errata 3.83: a fixed cable cannot be unlocked.
        return entry[keys.NAME] == "UnlockConnectorOnEVSideDisconnect" and self._description.fixed_cables

    def _default(self, entry):
        """The value at first boot; DescriptionError when the station description gives one that cannot be."""
        name = entry[keys.NAME]
        text = self._description.configuration.get(name, entry[keys.DEFAULT])
        if name in _GIVEN_BY_STATION or text is None:
            return self._from_hardware(name)
        if name == "UnlockConnectorOnEVSideDisconnect" and self._description.fixed_cables:
            return False
        least, most = self._range(entry)
        try:
            return key_types.parse(entry[keys.TYPE], text, least, most, self._description)
        except ValueError as error:
            raise DescriptionError("configuration.%s: %r: %s" % (name, text, error))

    def _from_hardware(self, name):
        description = self._description
        if name == "NumberOfConnectors":
            return len(description.connectors)
        if name == "SupportedFeatureProfiles":
            return tuple([profile for profile in self._profiles if profile in key_types.FEATURE_PROFILES])
        if name == "ConnectorPhaseRotationMaxLength":
            return len(description.connectors) + 1
        if name == "ConnectorPhaseRotation":
            return ("Unknown",) if description.phases == 3 else ("NotApplicable",)
        return (DEFAULT,)  # the lists of measurands

    def _range(self, entry):
        return self._description.limits.get(entry[keys.NAME], (entry[keys.LEAST], entry[keys.MOST]))

    def _parse(self, entry, text):
        """The value of a text, as this station allows it; ValueError says why not."""
        if len(text) > _TEXT_CHARS:
            raise ValueError("longer than %d characters" % _TEXT_CHARS)
        text.encode()  # a lone surrogate could not be written to the settings file
        least, most = self._range(entry)
        value = key_types.parse(entry[keys.TYPE], text, least, most, self._description)
        self._check_length(entry, value, self._values)
        return value

    def _check_length(self, entry, value, values):
        limit = values.get(entry[keys.NAME] + _LIST_LIMIT)
        if limit is not None and len(value) > limit:
            raise ValueError("%d items, %s%s is %d" % (len(value), entry[keys.NAME], _LIST_LIMIT, limit))

    def _check_lists(self, values):
        for name, value in values.items():
            try:
                self._check_length(keys.row(name), value, values)
            except ValueError as error:
                raise DescriptionError("configuration.%s: %s" % (name, error))

    def _check_description(self):
        description = self._description
        for where, names in (
            ("configuration", description.configuration),
            ("read_only", description.read_only),
            ("absent", description.absent),
            ("limits", description.limits),
        ):
            for name in names:
                entry = keys.row(name) if isinstance(name, str) else None
                if entry is None or entry[keys.NAME] != name:
                    raise DescriptionError("%s: %r is no configuration key" % (where, name))
                if where == "absent" and entry[keys.DEMAND] == "req":
                    raise DescriptionError("absent: %s is required by the standard" % name)
                if where == "limits" and entry[keys.TYPE] not in ("int", "text"):
                    raise DescriptionError("limits: %s has no range" % name)
                if where == "configuration" and name in _GIVEN_BY_STATION:
                    raise DescriptionError("configuration: %s follows from the description" % name)

    def _checked_initial(self, initial):
        found = {}
        for key, text in initial.items():
            entry = keys.row(key)
            if entry is None:
                raise ConfigurationError("%s: no such configuration key" % key)
            name = entry[keys.NAME]
            if name not in self._values:
                raise ConfigurationError("%s: this station does not have it" % name)
            if name in _GIVEN_BY_STATION:
                raise ConfigurationError("%s: follows from the station description" % name)
            try:
                least, most = self._range(entry)
                found[name] = key_types.parse(entry[keys.TYPE], text, least, most, self._description)
            except ValueError as error:
                raise ConfigurationError("%s: %r: %s" % (name, text, error))
        values = dict(self._values)
        values.update(found)
        try:
            self._check_lists(values)
        except DescriptionError as error:
            raise ConfigurationError(str(error))
        return found

    def _take_saved(self, saved):
        """Values that no longer fit (another description, another firmware) fall back to the default."""
        if not isinstance(saved, dict):
            log.error("configuration", "the settings file holds no object: defaults are used")
            return
        for name, text in saved.items():
            if name not in self._values or name in _GIVEN_BY_STATION:
                log.warning("configuration", "saved %s is ignored: this station does not have it", name)
                continue
            entry = keys.row(name)
            try:
                self._values[name] = key_types.parse(
                    entry[keys.TYPE], text, 0, _SETTINGS_LIMIT, self._description
                )
            except ValueError as error:
                log.warning("configuration", "saved %s is ignored: %s", name, error)
