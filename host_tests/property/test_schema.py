# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Our tables against the official schemas they are made from."""

import json
import pathlib
import subprocess
import sys

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ocpp16 import schema, schema_core, schema_trigger

REQUESTS = schema_core.REQUESTS + schema_trigger.REQUESTS
RESPONSES = schema_core.RESPONSES + schema_trigger.RESPONSES
ROOT = pathlib.Path(__file__).resolve().parents[2]
SCHEMAS = pathlib.Path(__import__("ocpp").__file__).parent / "v16" / "schemas"

CODES = {
    "FormationViolation",
    "PropertyConstraintViolation",
    "OccurenceConstraintViolation",
    "TypeConstraintViolation",
}


def load(name):
    return json.loads((SCHEMAS / (name + ".json")).read_text(encoding="utf-8-sig"))


MESSAGES = [(REQUESTS[i], REQUESTS[i + 1], load(REQUESTS[i])) for i in range(0, len(REQUESTS), 2)]
MESSAGES += [
    (RESPONSES[i], RESPONSES[i + 1], load(RESPONSES[i] + "Response")) for i in range(0, len(RESPONSES), 2)
]

anything = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 3), st.sampled_from([1.5, 0.25]), st.text(max_size=3),
    st.just([]), st.just({}), st.just([{}]),
)  # fmt: skip


def good(node):
    """Values that follow the schema `node` and what the standard's text adds: dates, ranges of integers."""
    if "enum" in node:
        return st.sampled_from(node["enum"])
    kind = node["type"]
    if kind == "object":
        properties = node.get("properties", {})
        required = {name: good(properties[name]) for name in node.get("required", ())}
        optional = {name: good(child) for name, child in properties.items() if name not in required}
        return st.fixed_dictionaries(required, optional=optional)
    if kind == "array":
        return st.lists(good(node["items"]), max_size=3)
    if kind == "string":
        if node.get("format") == "date-time":
            return st.datetimes().map(lambda moment: moment.isoformat(timespec="seconds") + "Z")
        return st.text(max_size=min(node.get("maxLength", 60), 60))
    if kind == "integer":
        return st.integers(0, 2**31 - 1)
    return st.integers(0, 10**6).map(lambda tenths: tenths / 10)


def places(value, found):
    """Every (container, key) in a payload."""
    for key in list(value) if isinstance(value, dict) else range(len(value)):
        found.append((value, key))
        if isinstance(value[key], (dict, list)):
            places(value[key], found)
    return found


def verdict(row, payload):
    try:
        schema.check(row, payload)
    except schema.Violation as error:
        assert error.code in CODES
        assert error.text
        return error
    return None


def official(document, payload):
    """The errors of the official schema, without multipleOf: binary fractions are not exact there. And
    without words that TriggerMessage.conf has an answer for.
    """
    return [
        error
        for error in jsonschema.Draft4Validator(document).iter_errors(payload)
        if error.validator != "multipleOf"
        and not (error.validator == "enum" and list(error.path) == ["requestedMessage"])
    ]


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: message[2]["title"])
def test_good_payloads_pass_and_damaged_ones_as_the_schema_says(message):
    _, row, document = message

    @settings(max_examples=60)
    @given(good(document), st.data())
    def check(payload, data):
        assert not official(document, payload)
        assert verdict(row, payload) is None
        spots = [(None, None), *places(payload, [])]
        container, key = data.draw(st.sampled_from(spots))
        damage = data.draw(st.sampled_from(["drop", "replace", "add", "lengthen"]))
        if container is None or damage == "add":
            target = container[key] if container is not None and isinstance(container[key], dict) else payload
            target[data.draw(st.sampled_from(["x", "type", "key", "Accepted"]))] = data.draw(anything)
        elif damage == "drop":
            del container[key]
        elif damage == "lengthen" and isinstance(container[key], str):
            container[key] += "z" * data.draw(st.sampled_from([1, 60, 600]))
        else:
            container[key] = data.draw(anything)
        error = verdict(row, payload)
        errors = official(document, payload)
        if errors:
            assert error is not None, errors
        elif error is not None:
            # Stricter than the schema only in what the standard's text says: dates, ranges, tenths.
            assert error.code == "PropertyConstraintViolation"
            assert error.text in ("is not a date-time", "is out of range", "has more than one fraction digit")
        expected = {
            "required": "OccurenceConstraintViolation",
            "type": "TypeConstraintViolation",
            "additionalProperties": "FormationViolation",
            "enum": "PropertyConstraintViolation",
            "maxLength": "PropertyConstraintViolation",
        }
        if len(errors) == 1 and error.text not in ("is out of range", "is not a date-time"):
            assert error.code == expected[errors[0].validator]

    check()


@given(st.integers(0, 300_000), st.integers(0, 9))
def test_tenths(tenths, hundredths):
    row = schema.find(REQUESTS, "RemoteStartTransaction")
    payload = {
        "idTag": "x",
        "chargingProfile": {
            "chargingProfileId": 1, "stackLevel": 0, "chargingProfilePurpose": "TxProfile",
            "chargingProfileKind": "Relative",
            "chargingSchedule": {
                "chargingRateUnit": "W",
                "chargingSchedulePeriod": [{"startPeriod": 0, "limit": tenths / 10 + hundredths / 100}],
            },
        },
    }  # fmt: skip
    assert (verdict(row, payload) is None) == (hundredths == 0)


def run(*command):
    return subprocess.run([sys.executable, *map(str, command)], capture_output=True, text=True, timeout=60)


def test_the_committed_tables_are_those_of_the_schemas():
    done = run(ROOT / "tools" / "schemas.py", "--check")
    assert done.returncode == 0, done.stderr


def test_the_check_finds_a_changed_table(tmp_path):
    copy = tmp_path / "firmware" / "ocpp16"
    copy.mkdir(parents=True)
    (tmp_path / "tools").mkdir()
    for name in ("__init__.py", "schema.py", "schema_core.py"):
        (copy / name).write_text((ROOT / "firmware" / "ocpp16" / name).read_text())
    tool = tmp_path / "tools" / "schemas.py"
    tool.write_text((ROOT / "tools" / "schemas.py").read_text())
    table = copy / "schema_core.py"
    table.write_text(table.read_text().replace('"Soft"', '"Softly"'))
    done = run(tool, "--check")
    assert done.returncode == 1
    assert "schema_core.py" in done.stderr
    assert run(tool).returncode == 0
    assert run(tool, "--check").returncode == 0
    assert table.read_text() == (ROOT / "firmware" / "ocpp16" / "schema_core.py").read_text()
