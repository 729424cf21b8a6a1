# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""What the installer has told this charger: the file `installation.json`, written with mpremote.

    {"csms_url": "wss://...", "id": "CP1",
     "lte": {"apn": "...", "pin": "1234", "user": "...", "password": "..."},
     "set": {"AuthorizationKey": "..."}, "info": {"chargePointSerialNumber": "..."}, "station": {...}}

Every field may be left out. `set` holds configuration keys at first boot, `station` replaces fields of the
board's own description. The file holds secrets: what is wrong with it is told by the names of fields, never
by their values.
"""

from ocpp16 import json_text

FILE = "installation.json"

_TEXTS = ("csms_url", "id")
_OBJECTS = ("lte", "set", "info", "station")
_MOST_BYTES = 8192


class InstallationError(ValueError):
    """What is wrong with the file, in words."""


def read(text: bytes, serial: str) -> dict:
    """The fields, defaults for those that are left out. `serial`: of the controller, for the default id."""
    given = _document(text) if text else {}
    for name in given:
        if name not in _TEXTS and name not in _OBJECTS:
            raise InstallationError('%s: "%s" is no field of it' % (FILE, name))
    found = {"csms_url": None, "id": "PL" + serial}
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
            if not isinstance(value, str):
                raise InstallationError('%s: "%s" of "%s" is no text' % (FILE, key, name))
    return found


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
