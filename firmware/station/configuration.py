# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The configuration keys of this station: their values, who may change them, and keeping the changes.

The settings file holds only what differs from the station's defaults, {name: text}. It is written at first
boot, so that a missing file means an empty data directory.
"""

import log
from station import key_types, keys, measurands
from station.description import DescriptionError

_TEXT_CHARS = 500  # ChangeConfiguration.req value: CiString500
_ANY_RANGE = (0, 2147483647)
_UNLOCK = "UnlockConnectorOnEVSideDisconnect"


class ConfigurationError(ValueError):
    """An initial value (--set) cannot be: the text says which and why."""


class Configuration:
    """`description`: station.description.Description. `store`: store.record.Record of the settings file.

    `initial`: {key: text} for the first boot on an empty data directory, read-only keys too; always checked,
    so that a typing error shows at any boot (ConfigurationError). `tolerant`: it is logged instead, and left
    out; the settings file is then not written until something is changed, so that what was wrong still counts
    once it is mended. `implemented`: the feature profiles that
    this firmware has. A damaged settings file is set aside by the store and the station's defaults are used.
    A settings file of a newer firmware raises store.record.NewerVersion.
    """

    def __init__(self, description, store, initial=None, implemented=("Core",), tolerant=False):
        self._description = description
        self._store = store
        self._profiles = tuple([profile for profile in description.profiles if profile in implemented])
        self._watchers = []
        self._values = {}  # canonical name -> value of every key that exists here
        self._absent = {}  # and what the others count as: some are asked for in every turn of the main loop
        for entry in keys.KEYS:
            name = entry[0]
            if not self._has_feature(entry):
                self._absent[name] = key_types.off(entry[1][0])
            elif name in description.absent:
                self._absent[name] = self._default(entry)
            else:
                self._values[name] = self._default(entry)
        for entry in keys.KEYS:
            try:
                self._check_length(entry, self.value(entry[0]), self._values)
            except ValueError as error:
                raise DescriptionError("configuration.%s: %s" % (entry[0], error))
        given = initial or {}
        initial = self._checked(given, tolerant)
        saved = store.load()
        if saved is None:
            if not store.damaged:
                self._values.update(initial)
            if store.damaged or len(initial) == len(given):
                self._persist(self._values, "first settings")
        else:
            self._take_saved(saved)

    # reading

    def value(self, key: str):
        """bool, int, str, bytes (AuthorizationKey; b"" = none) or tuple of str (lists).

        Of a key that this station does not have: its default when the station description says it is absent,
        and "off" (False, 0, empty) when the station lacks the feature. KeyError for a name in no standard.
        """
        if key in self._values:
            return self._values[key]
        if key in self._absent:
            return self._absent[key]
        return self.value(keys.row(key)[0])

    def text(self, key: str) -> str:
        """The value as GetConfiguration shows it; "" for AuthorizationKey, which is never shown."""
        value = self.value(key)
        entry = keys.row(key)
        return "" if entry[2] == keys.W else key_types.text(entry[1][0], value)

    def rows(self, wanted=None):
        """(rows, unknown) for GetConfiguration; a row is (key, readonly, text), text None if write-only.

        `wanted`: names in any case; None or empty: all but the write-only ones. `unknown`: the names that are
        not here, as they were asked for. The order is that of `wanted`, else that of the table.
        """
        found = []
        unknown = []
        for name in wanted or [entry[0] for entry in keys.KEYS if entry[2] != keys.W]:
            entry = self._entry(name)
            if entry is not None:
                text = None if entry[2] == keys.W else key_types.text(entry[1][0], self._values[entry[0]])
                found.append((entry[0], self._readonly(entry), text))
            elif wanted:
                unknown.append(name)
        return found, unknown

    # changing

    def change(self, key: str, text: str) -> str:
        """ChangeConfiguration: "Accepted", "Rejected" or "NotSupported"; unless accepted nothing changes."""
        entry = self._entry(key)
        if entry is None:
            return "NotSupported"
        name = entry[0]
        try:
            if self._readonly(entry):
                raise ValueError("is read-only")
            value = self._parse(entry, text, self._values)
        except ValueError as error:
            log.info("configuration", "%s rejected: %s", name, error)
            return "Rejected"
        if value != self._values[name]:
            changed = dict(self._values)
            changed[name] = value
            if not self._persist(changed, name):
                return "Rejected"
            self._values = changed
            self._announce(name)
        return "Accepted"

    def set_internal(self, key: str, text: str) -> None:
        """Set a key past access and the station's limits, e.g. HeartbeatInterval from BootNotification.conf.

        Raises ValueError when the text is not of the key's type. Counts even when it cannot be persisted.
        """
        entry = self._entry(key)
        if entry is None:
            raise KeyError(key)
        value = key_types.parse(entry[1][0], text, _ANY_RANGE, self._description)
        if value != self._values[entry[0]]:
            self._values[entry[0]] = value
            self._persist(self._values, entry[0])
            self._announce(entry[0])

    def watch(self, function) -> None:
        """Call function(key) after each change, with the canonical name."""
        self._watchers.append(function)

    def _announce(self, name):
        for function in self._watchers:
            function(name)

    def _persist(self, values, what):
        differing = {}
        for entry in keys.KEYS:
            name = entry[0]
            if name in values and values[name] != self._default(entry):
                differing[name] = key_types.text(entry[1][0], values[name])
        try:
            self._store.save(differing)
        except OSError as error:
            log.error("configuration", "%s cannot be kept: %s", what, error)
            return False
        return True

    # what the keys are on this station

    def _entry(self, key):
        """The table's line of a key that exists here, else None."""
        entry = keys.find(key)
        return entry if entry is not None and entry[0] in self._values else None

    def _has_feature(self, entry):
        name, _, _, _, needs, _ = entry
        if needs == keys.CACHE:
            return self._description.options["cache"]
        if needs == keys.GIVEN:
            return name in self._description.configuration
        return needs == keys.ALL or needs in self._profiles

    def _readonly(self, entry):
        name = entry[0]
        if entry[2] == keys.R or name in self._description.read_only:
            return True
        return name == _UNLOCK and self._description.fixed_cables  # errata 3.83: nothing to unlock

    def _default(self, entry):
        """The value at first boot; DescriptionError when the station description gives one that cannot be."""
        name, (kind, least, most, _), _, text, _, _ = entry
        description = self._description
        text = description.configuration.get(name, text)
        if name == _UNLOCK and description.fixed_cables:
            return False
        if name == "SupportedFeatureProfiles":
            return tuple([profile for profile in self._profiles if profile in key_types.FEATURE_PROFILES])
        if text is None:
            return _from_hardware(kind, name, description)
        if not text:
            return key_types.off(kind)
        try:
            return key_types.parse(kind, text, description.limits.get(name, (least, most)), description)
        except ValueError as error:
            raise DescriptionError("configuration.%s: %r: %s" % (name, _shown(entry, text), error))

    def _parse(self, entry, text, values):
        """The value of a text, as this station allows it; ValueError says why not. `values`: of all keys."""
        if len(text) > _TEXT_CHARS:
            raise ValueError("longer than %d characters" % _TEXT_CHARS)
        text.encode()  # a lone surrogate could not be written to the settings file
        name, (kind, least, most, _), _, _, _, _ = entry
        limits = self._description.limits.get(name, (least, most))
        value = key_types.parse(kind, text, limits, self._description)
        self._check_length(entry, value, values)
        return value

    def _check_length(self, entry, value, values):
        limit = values.get(entry[0] + "MaxLength")
        if limit is not None and len(value) > limit:
            raise ValueError("%d items, %sMaxLength is %d" % (len(value), entry[0], limit))

    def _checked(self, initial, tolerant):
        """Values of the initial texts, {name: value}; `tolerant`: of those that can be."""
        found = {}
        values = dict(self._values)
        # The bounds of the lists first: they count for the lists.
        for key in sorted(initial, key=lambda key: not key.lower().endswith("maxlength")):
            entry = self._entry(key)
            try:
                if entry is None:
                    raise ValueError("no key of this station")
                if entry[0] in key_types.GIVEN_BY_STATION:
                    raise ValueError("follows from the station description")
                found[entry[0]] = values[entry[0]] = self._parse(entry, initial[key], values)
            except ValueError as error:
                # The value of an unknown key may be a password: the key is perhaps only misspelled.
                what = key if entry is None else "%s=%s" % (key, _shown(entry, initial[key]))
                wrong = ConfigurationError("%s: %s" % (what, error))
                if not tolerant:
                    raise wrong
                log.error("configuration", "left out: %s", wrong)
        return found

    def _take_saved(self, saved):
        """Values that no longer fit (another description, another firmware) fall back to the default."""
        if not isinstance(saved, dict):
            log.error("configuration", "the settings file holds no object: defaults are used")
            return
        for name, text in saved.items():
            entry = self._entry(name)
            try:
                if entry is None or entry[0] in key_types.GIVEN_BY_STATION or not isinstance(text, str):
                    raise ValueError("no such key or value")
                self._values[entry[0]] = key_types.parse(entry[1][0], text, _ANY_RANGE, self._description)
            except ValueError as error:
                log.warning("configuration", "saved %s is ignored: %s", name, error)


def _shown(entry, text):
    """A value as an error may show it."""
    return "..." if entry[2] == keys.W else text


def _from_hardware(kind, name, description):
    if kind == "measurands":
        return (measurands.DEFAULT,)
    if kind == "rotation":
        return ("Unknown",) if description.phases == 3 else ("NotApplicable",)
    if kind == "bool":  # ConnectorSwitch3to1PhaseSupported
        return any(connector.phase_switch for connector in description.connectors)
    count = len(description.connectors)
    return (
        count if name == "NumberOfConnectors" else count + 1
    )  # the rotation's items: the station's feed too
