# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Reading a station file: the JSON object of `--station`, or of a board. Everything has a default.

    {"name": "...", "reader": "single" | "per_connector" | "none",
     "connectors": [{"cable": "fixed" | "socket", "lock": true, "current": "AC" | "DC", "phases": 1 | 3,
                     "rated_a": 32, "nominal_v": 230, "ventilation": false,
                     "wake_up": "none" | "F" | "switch", "phase_switch": false, "phase_wait_s": 60}, ...],
     "profiles": ["Core", ...], "measurands": ["Voltage", ...],
     "options": {"cache": true, "milliseconds": true, "power_loss": "stop" | "resume", "queue_kb": 512,
                 "site_a": 0, "site_fallback_a": 0, "grid_meter": false, "unclocked_a": 6,
                 "tag_format": "hex" | "hex_reversed" | "decimal" | "decimal_reversed",
                 "random_tags": "read" | "ignore", "sounds": true, "start_tag": ""},
     "configuration": {Key: text}, "read_only": [Key], "absent": [Key], "limits": {Key: [least, most]}}

A wrong file raises station.description.DescriptionError naming the key: a station must not run on half a
description.
"""

from evse.phases import LEAST_WAIT_MS, MOST_WAIT_MS, WAIT_MS
from station import key_types, keys, measurands
from station.authorization import normalise
from station.description import Connector, DescriptionError

_PROFILES = key_types.FEATURE_PROFILES + (keys.SECURITY,)
_READERS = ("single", "per_connector", "none")
# name, default, allowed values
_OPTIONS = (
    ("cache", True, (True, False)),  # an authorization cache
    ("milliseconds", True, (True, False)),  # in timestamps
    ("power_loss", "stop", ("stop", "resume")),  # what happens after a restart to the transaction that ran
    (
        "grid_meter",
        False,
        (True, False),
    ),  # `site_a` is the building's, and a meter says what that takes of it
    ("tag_format", "hex", ("hex", "hex_reversed", "decimal", "decimal_reversed")),  # `station.tag_format`
    ("random_tags", "read", ("read", "ignore")),  # tags that have another UID each time
    ("sounds", True, (True, False)),  # of the buzzer
)
# name, default, least, most
_NUMBERS = (
    ("queue_kb", 512, 16, 65536),  # flash for transaction-related messages that wait
    ("site_a", 0, 0, 1000),  # for all connectors together, for each phase; 0: they need not share
    ("site_fallback_a", 0, 0, 1000),  # the same as long as the grid meter is silent
    ("unclocked_a", 6, 0, 1000),  # where a charging profile would count if the time were known
)
_CONNECTORS_MOST = 16
_CONNECTOR_KEYS = (
    "cable", "lock", "current", "phases", "rated_a", "nominal_v", "ventilation", "wake_up", "phase_switch",
    "phase_wait_s",
)  # fmt: skip
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


def read(document) -> dict:
    """The attributes of a Description."""
    if not isinstance(document, dict):
        raise DescriptionError("a station description is a JSON object")
    known = tuple([entry[0] for entry in measurands.MEASURANDS])
    found = {
        "name": _typed(document, "name", str, "generic"),
        "connectors": _connectors(_typed(document, "connectors", list, [{}])),
        "reader": _one_of("reader", document.get("reader", "single"), _READERS),
        "profiles": _names(document, "profiles", _PROFILES, ("Core",)),
        "options": _options(_typed(document, "options", dict, {})),
        "measurands": _names(document, "measurands", known, _DEFAULT_MEASURANDS),
        "configuration": _typed(document, "configuration", dict, {}),
        "read_only": _keys(document, "read_only"),
        "absent": _keys(document, "absent"),
        "limits": _limits(_typed(document, "limits", dict, {})),
    }
    _only(document, tuple(found), "")
    found["phases"] = max([connector.phases for connector in found["connectors"]])
    found["fixed_cables"] = "socket" not in [connector.cable for connector in found["connectors"]]
    _check_site(found)
    if "Core" not in found["profiles"]:
        raise DescriptionError("profiles: Core cannot be missing")
    if measurands.DEFAULT not in found["measurands"]:
        raise DescriptionError("measurands: %s cannot be missing" % measurands.DEFAULT)
    for key, value in found["configuration"].items():
        _key("configuration", key)
        if not isinstance(value, str):
            raise DescriptionError("configuration.%s: a text is needed" % key)  # AuthorizationKey's is secret
        if key in key_types.GIVEN_BY_STATION:
            raise DescriptionError("configuration.%s: follows from the rest of the description" % key)
    for key in found["absent"]:
        if keys.row(key)[5] == keys.REQ:
            raise DescriptionError("absent: %s is required by the standard" % key)
    return found


def _only(document, known, where):
    for key in document:
        if key not in known:
            raise DescriptionError("%s%s: no such key; known: %s" % (where, key, ", ".join(sorted(known))))


def _is_int(value):
    return isinstance(value, int) and not isinstance(value, bool)


def _typed(document, key, kind, default, where=""):
    value = document.get(key, default)
    if not isinstance(value, kind) or (kind is int and not _is_int(value)):
        words = {str: "a text", int: "a number", bool: "true or false", list: "a list", dict: "an object"}
        # A list or an object may hold a secret.
        told = "that" if isinstance(value, (list, dict)) or key == "configuration" else repr(value)
        raise DescriptionError("%s%s: %s is needed, not %s" % (where, key, words[kind], told))
    return value


def _one_of(where, value, allowed):
    for one in allowed:
        if value == one and isinstance(value, bool) == isinstance(one, bool):
            return one
    known = ", ".join([str(one) for one in allowed])
    raise DescriptionError("%s: %r is not one of %s" % (where, value, known))


def _names(document, key, allowed, default):
    found = []
    for name in _typed(document, key, list, list(default)):
        name = _one_of(key, name, allowed)
        if name in found:
            raise DescriptionError("%s: %s is there twice" % (key, name))
        found.append(name)
    return tuple(found)


def _options(document):
    _only(document, tuple([option[0] for option in _OPTIONS + _NUMBERS]) + ("start_tag",), "options.")
    found = {}
    for name, default, allowed in _OPTIONS:
        found[name] = _one_of("options." + name, document.get(name, default), allowed)
    for name, default, least, most in _NUMBERS:
        found[name] = value = _typed(document, name, int, default, "options.")
        if not least <= value <= most:
            raise DescriptionError("options.%s: %d is not in %d..%d" % (name, value, least, most))
    # With which idTag the start button charges; empty: it does not.
    found["start_tag"] = tag = _typed(document, "start_tag", str, "", "options.")
    if tag:
        try:
            normalise(tag)
        except ValueError as error:
            raise DescriptionError("options.start_tag: %s" % error)
    return found


def _check_site(found):
    options = found["options"]
    site_a = options["site_a"]
    if not site_a:
        if options["grid_meter"] or options["site_fallback_a"]:
            raise DescriptionError("options.site_a: needed, what is the limit?")
    elif site_a < 6:
        raise DescriptionError("options.site_a: %d, but less than 6 A cannot be offered" % site_a)
    elif options["site_fallback_a"] > site_a:
        raise DescriptionError("options.site_fallback_a: %d is more than site_a" % options["site_fallback_a"])
    elif "DC" in [connector.current for connector in found["connectors"]]:
        raise DescriptionError("options.site_a: amperes of a DC connector are not those of the grid")


def _connectors(documents):
    if not 1 <= len(documents) <= _CONNECTORS_MOST:
        raise DescriptionError("connectors: 1 to %d are needed" % _CONNECTORS_MOST)
    return tuple([_connector(index, document) for index, document in enumerate(documents)])


def _connector(index, document):
    where = "connectors[%d]" % index
    if not isinstance(document, dict):
        raise DescriptionError(where + ": an object is needed")
    where += "."
    _only(document, _CONNECTOR_KEYS, where)
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
    # A car that draws direct current is in a dialogue with the charger and does not sleep.
    wakes = "none" if current == "DC" else "F"
    wake_up = _one_of(where + "wake_up", document.get("wake_up", wakes), ("none", "F", "switch"))
    switch = _typed(document, "phase_switch", bool, False, where)
    if switch and phases != 3:
        raise DescriptionError(where + "phase_switch: there are not three phases")
    bounds = (LEAST_WAIT_MS // 1000, MOST_WAIT_MS // 1000)
    wait_ms = 1000 * _ranged(document, "phase_wait_s", WAIT_MS // 1000, bounds[0], bounds[1], where)
    rated_da = 10 * rated_a
    return Connector(
        index + 1, cable, lock, current, phases, rated_da, nominal_v, ventilation, wake_up, wait_ms, switch
    )


def _ranged(document, key, default, least, most, where):
    value = _typed(document, key, int, default, where)
    if not least <= value <= most:
        raise DescriptionError("%s%s: %d is not within %d to %d" % (where, key, value, least, most))
    return value


def _keys(document, where):
    found = tuple(_typed(document, where, list, []))
    for name in found:
        _key(where, name)
    return found


def _key(where, name):
    """The line of a key that is spelt as in the standard."""
    entry = keys.find(name) if isinstance(name, str) else None
    if entry is None or entry[0] != name:
        raise DescriptionError("%s: %r is no configuration key" % (where, name))
    return entry


def _limits(document):
    found = {}
    for name, limits in document.items():
        if _key("limits", name)[1][0] not in ("int", "text"):
            raise DescriptionError("limits.%s: has no range" % name)
        if not (isinstance(limits, list) and len(limits) == 2 and _is_int(limits[0]) and _is_int(limits[1])):
            raise DescriptionError("limits.%s: [least, most] is needed, not %r" % (name, limits))
        if limits[0] > limits[1]:
            raise DescriptionError("limits.%s: %d is more than %d" % (name, limits[0], limits[1]))
        found[name] = tuple(limits)
    return found
