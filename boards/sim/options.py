# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The options of the simulated board. The entry drops this module once they are read: it is 3 KB of the
heap."""

import os

from ocpp16 import json_text

_TEXTS = ("csms", "id", "data")
_NUMBERS = (("control", 65535), ("web", 65535), ("ticks", (1 << 30) - 1))


class Usage(ValueError):
    """The text is for the user."""


def chosen(arguments: list) -> dict:
    """The options, with the data folder made. Raises Usage with the sentence for the user."""
    options = parse(arguments)
    while len(options["data"]) > 1 and options["data"][-1] == "/":
        options["data"] = options["data"][:-1]
    make_folder(options["data"])
    return options


def parse(arguments: list) -> dict:
    """The options as a dict: csms (None: no central system), id, data, set, info, station (dicts), control,
    web, ticks (None: not given), clock ("none" or "battery"). Raises Usage with the sentence for the user."""
    options = {
        "csms": None,
        "id": "PILOTLIGHT",
        "data": "charger-data",
        "set": {},
        "info": {},
        "station": None,
    }
    options["clock"] = "none"
    for name, _ in _NUMBERS:
        options[name] = None
    rest = list(arguments)
    while rest:
        option = rest.pop(0)
        name = option[2:]
        value = None
        if "=" in name:
            name, value = name.split("=", 1)
        if option[:2] != "--" or name not in options:
            raise Usage("unknown option %s" % option)
        if value is None:
            if not rest:
                raise Usage("--%s needs a value" % name)
            value = rest.pop(0)
        _take(options, name, value)
    if options["station"] is None:
        _take(options, "station", "generic_socket")
    return options


def _take(options, name, value):
    if name == "set":
        key, equals, text = value.partition("=")
        if not key or not equals:
            raise Usage("--set %s: not of the form Key=Value" % value)
        options["set"][key] = text
    elif name == "info":
        options["info"] = _object(value)
    elif name == "station":
        options["station"] = _object(_station_path(value))
    elif name == "clock":
        if value not in ("none", "battery"):
            raise Usage("--clock %s: none or battery" % value)
        options["clock"] = value
    elif name in _TEXTS:
        if not value:
            raise Usage("--%s is empty" % name)
        if name == "csms" and value.split("://")[0] not in ("ws", "wss"):
            raise Usage("--csms %s: neither ws:// nor wss://" % value)
        options[name] = value
    else:
        highest = dict(_NUMBERS)[name]
        if not value.isdigit() or len(value) > 10 or int(value) > highest:
            raise Usage("--%s %s: not a number up to %d" % (name, value, highest))
        options[name] = int(value)


def _station_path(value):
    """A file, or the name of one of the stations beside this module."""
    if "/" in value or "." in value:
        return value
    here = __file__
    return (here[: here.rindex("/") + 1] if "/" in here else "") + value + ".json"


def _object(path):
    try:
        with open(path, "rb") as file:
            text = file.read()
    except OSError:
        raise Usage("%s cannot be read" % path)
    try:
        text.decode()
        content = json_text.read(text)
    except ValueError as error:
        raise Usage("%s is not JSON: %s" % (path, error))
    if not isinstance(content, dict):
        raise Usage("%s does not hold a JSON object" % path)
    return content


def make_folder(path: str) -> None:
    """Make the folder and those above it; Usage when that cannot be done."""
    for end in range(1, len(path) + 1):
        if end == len(path) or path[end] == "/":
            try:
                os.mkdir(path[:end])
            except OSError:
                pass  # there already, most of the time; the last one is looked at below
    try:
        os.listdir(path)
    except OSError:
        raise Usage("--data %s: no folder, and none can be made" % path)
