# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""What the installer has told this charger: the file `installation.json`, written with mpremote.

    {"csms_url": "wss://...", "id": "CP1",
     "lte": {"apn": "...", "pin": "1234", "user": "...", "password": "..."},
     "wifi": {"ssid": "...", "password": "..."}, ... (all of links but "lte": net/link_settings.py)
     "set": {"AuthorizationKey": "..."}, "info": {"chargePointSerialNumber": "..."}, "station": {...}}

Every field may be left out. `set` holds configuration keys at first boot, `station` replaces fields of the
board's own description. What becomes of a charger whose file is wrong: docs/installation.md. The file holds
secrets: what is wrong with it is told by the names of fields, never by their values.
"""

import log
from ocpp16 import json_text

FILE = "installation.json"

_TEXTS = ("csms_url", "id")
_OBJECTS = ("lte", "set", "info", "station")
_OF_LINKS = ("wifi", "country", "ethernet", "links", "dns", "ntp")
# Of others a link would take no notice: it would be without a PIN, and nobody be told why.
_KNOWN = {"lte": ("apn", "user", "password", "auth", "pin")}
_LOGINS = ("pap", "chap")
_MOST_BYTES = 8192
_CAUTIOUS_A = 6  # the least that IEC 61851-1 can offer


class InstallationError(ValueError):
    """What is wrong with the file, in words."""


def read(text: bytes, serial: str) -> dict:
    """The fields, defaults for those that are left out. `serial`: of the controller, for the default id."""
    given = _document(text) if text else {}
    for name in given:
        if name not in _TEXTS and name not in _OBJECTS and name not in _OF_LINKS:
            raise InstallationError('%s: "%s" is no field of it' % (FILE, name))
    found = {"csms_url": None, "id": "PL" + serial, "wifi": {}}
    _add_links(given, found)
    for name in _TEXTS:
        value = given.get(name)
        if value is not None:
            if not isinstance(value, str) or not value:
                raise InstallationError('%s: "%s" is no text' % (FILE, name))
            found[name] = value
    url = found["csms_url"]
    if url is not None and not url.startswith(("ws://", "wss://")):
        raise InstallationError('%s: "csms_url" begins neither with ws:// nor with wss://' % FILE)
    for name in _OBJECTS:
        value = given.get(name)
        if value is None:
            value = {}
        if not isinstance(value, dict):
            raise InstallationError('%s: "%s" is no JSON object' % (FILE, name))
        found[name] = value
    for name in ("lte", "set", "info"):
        for key, value in found[name].items():
            if name in _KNOWN and key not in _KNOWN[name]:
                known = ", ".join(_KNOWN[name])
                raise InstallationError('%s: "%s" of "%s" is no field of it: %s' % (FILE, key, name, known))
            if not isinstance(value, str):
                raise InstallationError('%s: "%s" of "%s" is no text' % (FILE, key, name))
    _check_lte(found["lte"])
    return found


def _add_links(given, found):
    for name in _OF_LINKS:
        if given.get(name) is None:
            continue
        from net import link_settings  # which most chargers have no use for

        try:
            found[name] = link_settings.check(name, given[name])
        except ValueError as error:
            raise InstallationError("%s: %s" % (FILE, error))


def _check_lte(fields):
    for key, value in fields.items():
        wrong = _wrong_of_lte(key, value)
        if wrong:
            raise InstallationError('%s: "%s" of "lte" %s' % (FILE, key, wrong))


def _wrong_of_lte(key, value):
    """What is wrong with it, or None; an empty one is as if left out. APN and PIN become part of AT commands:
    nothing may be in them that ends one, or begins another. User and password go to PPP, which takes
    anything; but a control character was meant by nobody.
    """
    if not value:
        return None
    if key == "auth":
        return None if value in _LOGINS else "is neither " + " nor ".join(_LOGINS)
    if key == "pin":
        digits = all("0" <= letter <= "9" for letter in value)
        return None if digits and 4 <= len(value) <= 8 else "is not of 4 to 8 digits"
    if key == "apn":
        # TS 23.003 section 9.1: labels of letters, digits and hyphens; some have an underscore.
        fine = all(letter.isalpha() or letter.isdigit() or letter in ".-_" for letter in value)
        return (
            None if fine and len(value) == len(value.encode()) else "is of other than letters, digits, . - _"
        )
    if any(letter < " " or letter == "\x7f" for letter in value):
        return "has a control character"
    return None


def _document(text):
    try:
        text.decode()
        document = json_text.read(text)
    except ValueError:  # also what is no UTF-8
        raise InstallationError("%s is not JSON" % FILE)
    if not isinstance(document, dict):
        raise InstallationError("%s does not hold a JSON object" % FILE)
    return document


def load(folder: str, serial: str) -> dict:
    """From the file in `folder` ("" or without a slash at its end); InstallationError."""
    try:
        with open(folder + "/" + FILE, "rb") as file:
            text = file.read(_MOST_BYTES + 1)
    except OSError:
        text = b""
    if len(text) > _MOST_BYTES:
        raise InstallationError("%s is longer than %d bytes" % (FILE, _MOST_BYTES))
    return read(text, serial)


def settings_of(given: dict, data: dict) -> dict:
    """What the charger is built with (`charger.run`): the installer's fields, and the board's description
    under his. `given`: of `load`; `data`: the board's (`hal.board_keys`)."""
    return {
        "csms_url": given["csms_url"],
        "id": given["id"],
        "set": given["set"],
        # On its pole nobody sees a charger that will not start: what is wrong is told and left out.
        "tolerant": True,
        "info": given["info"],
        "ntp": given.get("ntp"),
        "station": station_of(
            given["station"], data["station"], len(data["connectors"]), "grid_meter" in data
        ),
    }


def station_of(given: dict, own: dict, connectors: int, grid_meter: bool = False) -> dict:
    """The station description: the installer's fields over those of the board, which has so many
    `connectors`, and perhaps a meter at the grid connection. Where that gives none, a line in the log and the
    board's `own` at 6 A: half of what he has meant would be another station, and he may have meant a wire
    that is thinner than the board.
    """
    if not given:
        return own
    try:
        return over_own(given, own, connectors, grid_meter)
    except Exception as error:  # whatever is in the file: it shall not keep the charger from starting
        log.error("main", "%s: station: %s; it is the board's own, at %d A", FILE, error, _CAUTIOUS_A)
        station = dict(own)
        station["connectors"] = [_cautious(connector) for connector in own["connectors"]]
    return station


def over_own(given: dict, own: dict, connectors: int, grid_meter: bool) -> dict:
    """The same, where an error says what is wrong with it: for the tool that writes the file."""
    station = dict(own)
    station.update(given)
    if "connectors" in given:
        station["connectors"] = _merged(given["connectors"], own["connectors"])
    if "options" in given:
        if not isinstance(given["options"], dict):
            raise InstallationError("options: an object is needed")
        station["options"] = dict(own.get("options", {}))
        station["options"].update(given["options"])
    _check(station, own, connectors, grid_meter)
    return station


def _cautious(connector):
    connector = dict(connector)
    connector["rated_a"] = _CAUTIOUS_A
    return connector


def _merged(rows, own):
    """Row by row: what he leaves out is the board's, no default of the format."""
    if not isinstance(rows, list) or len(rows) > len(own):
        raise InstallationError("connectors: a list of %d is needed" % len(own))
    merged = []
    for index, row in enumerate(rows):
        connector = dict(own[index])
        connector.update(row)
        if row.get("phases") == 1 and "phase_switch" not in row:
            connector["phase_switch"] = False  # the board's, which has nothing to switch here
        merged.append(connector)
    return merged


def _check(station, own, connectors, grid_meter):
    from station.configuration import Configuration
    from station.description import Description

    description = Description(station)
    if len(description.connectors) > connectors:
        raise InstallationError("connectors: the board has %d" % connectors)
    if description.options["grid_meter"] and not grid_meter:
        raise InstallationError("options.grid_meter: the board has none")
    for his, boards in zip(description.connectors, Description(own).connectors):
        # Less than the board can do is his to say; what it does not have no word in a file makes.
        if his.rated_da > boards.rated_da or his.phases > boards.phases:
            raise InstallationError("connectors: more than the board has")
        if (his.cable, his.current) != (boards.cable, boards.current) or (his.lock and not boards.lock):
            raise InstallationError("connectors: cable, lock or current is not the board's")
        if his.phase_switch and not boards.phase_switch:
            raise InstallationError("connectors: phase_switch: the board has none")
    Configuration(description, _Nowhere())  # the values that it gives to configuration keys


class _Nowhere:
    """A `store.record.Record` of no file, with nothing in it."""

    damaged = False

    def load(self):
        return {}

    def save(self, value):
        pass
