# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""What a station is: its connectors, the features it has, and where its configuration keys differ from the
table.

Comes from a JSON file (`--station`, or on a board's flash); `Description()` is a single-phase 32 A station
with a fixed cable. Everything is checked here, and an error names the key: a station must not run on half a
description.
"""

from station import measurands
from station.key_types import FEATURE_PROFILES

_KEYS = (
    "name",
    "connectors",
    "reader",
    "profiles",
    "options",
    "measurands",
    "configuration",
    "read_only",
    "absent",
    "limits",
)
_PROFILES = FEATURE_PROFILES + ("Security",)
_READERS = ("single", "per_connector", "none")
# name, default, allowed values
_OPTIONS = (
    ("cache", True, (True, False)),  # an authorization cache
    ("milliseconds", True, (True, False)),  # in timestamps
    ("power_loss", "stop", ("stop", "resume")),  # what happens after a restart to the transaction that ran
)
_CONNECTORS_MOST = 16
_DEFAULT_MEASURANDS = (
    "Energy.Active.Import.Register",
    "Energy.Active.Import.Interval",
    "Power.Active.Import",
    "Power.Offered",
    "Current.Import",
    "Current.Offered",
    "Voltage",
    "Frequency",
    "Temperature",
)


class DescriptionError(ValueError):
    """The text names the key and what is wrong with it."""


class Connector:
    """One connector. `number` from 1; `cable` "fixed" or "socket"; `lock`: the socket can lock the plug;
    `current` "AC" or "DC"; `phases` 1 or 3; `rated_da` in deci-ampere; `nominal_v` phase to neutral (DC: of
    the output); `ventilation`: the
    room has it, so that state D may charge."""

    def __init__(self, number, cable, lock, current, phases, rated_da, nominal_v, ventilation):
        self.number = number
        self.cable = cable
        self.lock = lock
        self.current = current
        self.phases = phases
        self.rated_da = rated_da
        self.nominal_v = nominal_v
        self.ventilation = ventilation


class Description:
    """A checked station file. `document`: its JSON object; what it leaves out has the defaults of a plain
    station.

    name          text
    connectors    tuple of Connector
    phases        3 when any connector has three, else 1
    fixed_cables  True when no connector has a socket
    reader        "single", "per_connector" or "none": RFID readers
    profiles      OCPP feature profiles the station offers, as far as the firmware has them
    options       dict with every option: cache, milliseconds, power_loss
    measurands    tuple of names that its hardware can give
    configuration dict key -> text at first boot; read_only, absent: tuples of keys; limits: dict key ->
    (least, most)
    """

    def __init__(self, document=None):
        document = {} if document is None else document
        if not isinstance(document, dict):
            raise DescriptionError("a station description is a JSON object")
        for key in document:
            if key not in _KEYS:
                raise DescriptionError("%s: no such key; known: %s" % (key, ", ".join(_KEYS)))
        self.name = _typed(document, "name", str, "generic")
        self.connectors = _connectors(_typed(document, "connectors", list, [{}]))
        self.phases = max(connector.phases for connector in self.connectors)
        self.fixed_cables = all(connector.cable == "fixed" for connector in self.connectors)
        self.reader = _one_of("reader", _typed(document, "reader", str, "single"), _READERS)
        self.profiles = _names(document, "profiles", _PROFILES, ("Core",))
        if "Core" not in self.profiles:
            raise DescriptionError("profiles: Core cannot be missing")
        self.options = _options(_typed(document, "options", dict, {}))
        known = tuple([entry[0] for entry in measurands.MEASURANDS])
        self.measurands = _names(document, "measurands", known, _DEFAULT_MEASURANDS)
        if measurands.DEFAULT not in self.measurands:
            raise DescriptionError("measurands: %s cannot be missing" % measurands.DEFAULT)
        self.configuration = _typed(document, "configuration", dict, {})
        for key, value in self.configuration.items():
            if not isinstance(value, str):
                raise DescriptionError("configuration.%s: a text is needed, not %r" % (key, value))
        self.read_only = tuple(_typed(document, "read_only", list, []))
        self.absent = tuple(_typed(document, "absent", list, []))
        self.limits = {}
        for key, limits in _typed(document, "limits", dict, {}).items():
            if not (
                isinstance(limits, list) and len(limits) == 2 and _is_int(limits[0]) and _is_int(limits[1])
            ):
                raise DescriptionError("limits.%s: [least, most] is needed, not %r" % (key, limits))
            if limits[0] > limits[1]:
                raise DescriptionError("limits.%s: %d is more than %d" % (key, limits[0], limits[1]))
            self.limits[key] = tuple(limits)

    def option(self, name: str, default=None):
        """The value of an option; `default` for a name that is none."""
        return self.options.get(name, default)


def _is_int(value):
    return isinstance(value, int) and not isinstance(value, bool)


def _typed(document, key, kind, default, where=""):
    value = document.get(key, default)
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        wanted = {str: "a text", int: "a number", bool: "true or false", list: "a list", dict: "an object"}[
            kind
        ]
        raise DescriptionError("%s%s: %s is needed, not %r" % (where, key, wanted, value))
    return value


def _one_of(where, value, allowed):
    for one in allowed:
        if value == one and isinstance(value, bool) == isinstance(one, bool):
            return one
    raise DescriptionError(
        "%s: %r is not one of %s" % (where, value, ", ".join([str(one) for one in allowed]))
    )


def _names(document, key, allowed, default):
    found = []
    for name in _typed(document, key, list, list(default)):
        name = _one_of(key, name, allowed)
        if name in found:
            raise DescriptionError("%s: %s is there twice" % (key, name))
        found.append(name)
    return tuple(found)


def _options(document):
    options = {}
    for name, default, allowed in _OPTIONS:
        options[name] = _one_of("options." + name, document.get(name, default), allowed)
    for name in document:
        if name not in options:
            raise DescriptionError(
                "options.%s: no such option; known: %s" % (name, ", ".join(sorted(options)))
            )
    return options


_CONNECTOR_KEYS = ("cable", "lock", "current", "phases", "rated_a", "nominal_v", "ventilation")


def _connectors(documents):
    if not 1 <= len(documents) <= _CONNECTORS_MOST:
        raise DescriptionError("connectors: 1 to %d are needed" % _CONNECTORS_MOST)
    return tuple([_connector(index, document) for index, document in enumerate(documents)])


def _connector(index, document):
    where = "connectors[%d]" % index
    if not isinstance(document, dict):
        raise DescriptionError(where + ": an object is needed")
    where += "."
    for key in document:
        if key not in _CONNECTOR_KEYS:
            raise DescriptionError("%s%s: no such key; known: %s" % (where, key, ", ".join(_CONNECTOR_KEYS)))
    cable = _one_of(where + "cable", document.get("cable", "fixed"), ("fixed", "socket"))
    lock = _typed(document, "lock", bool, cable == "socket", where)
    if lock and cable == "fixed":
        raise DescriptionError(where + "lock: a fixed cable has no lock")
    current = _one_of(where + "current", document.get("current", "AC"), ("AC", "DC"))
    phases = _one_of(where + "phases", document.get("phases", 1), (1, 3))
    if current == "DC" and phases != 1:
        raise DescriptionError(where + "phases: a DC connector has 1")
    rated_a = _ranged(document, "rated_a", 32, 6, 1000, where)
    nominal_v = _ranged(document, "nominal_v", 230, 100, 1500, where)
    ventilation = _typed(document, "ventilation", bool, False, where)
    return Connector(index + 1, cable, lock, current, phases, 10 * rated_a, nominal_v, ventilation)


def _ranged(document, key, default, least, most, where):
    value = _typed(document, key, int, default, where)
    if not least <= value <= most:
        raise DescriptionError("%s%s: %d is not within %d to %d" % (where, key, value, least, most))
    return value
