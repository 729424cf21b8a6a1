# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Messages in the outbox as the first firmware wrote them: JSON {"a": action, "n": transaction number, "p":
payload with stamps in the place of times}. Read only.
"""

import json

from ocpp16 import payloads

_ACTIONS = ("StartTransaction", "MeterValues", "StopTransaction")


def head(data):
    """(action, transaction number). ValueError, KeyError or TypeError: it is no message; so below."""
    entry = _entry(data)
    return entry["a"], entry["n"]


def id_tag(data):
    return _entry(data)["p"].get("idTag")


def payload(data, time_text) -> dict:
    """The payload, without transactionId."""
    made = _entry(data)["p"]
    if "timestamp" in made:
        made["timestamp"] = time_text(made["timestamp"])
    for name in ("meterValue", "transactionData"):
        if name in made:
            made[name] = [
                payloads.meter_value(time_text(value["timestamp"]), value["sampledValue"])
                for value in made[name]
            ]
    return made


def _entry(data):
    entry = json.loads(data)
    if entry["a"] not in _ACTIONS or not isinstance(entry["n"], int) or not isinstance(entry["p"], dict):
        raise ValueError("it is no message")
    return entry
