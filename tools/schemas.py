# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Write the firmware's message tables from the official OCPP 1.6 JSON schemas.

    python tools/schemas.py            writes firmware/ocpp16/schema_*.py
    python tools/schemas.py --check    exits 1 when a committed table is not what the schemas give

The schemas are those that the host library `ocpp` ships. A table holds what the charge point RECEIVES:
requests of the CSMS and answers to its own requests; `firmware/ocpp16/schema.py` explains the rows and reads
them.
"""

import argparse
import importlib.util
import json
import pathlib
import sys
import textwrap

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "firmware")]

from ocpp16 import schema  # noqa: E402  (needs the path above)

# Feature profiles (OCPP 1.6 section 3.2; the security whitepaper's messages as one more): name -> requests
# that the CSMS sends, requests that the charge point sends. DataTransfer goes both ways.
PROFILES = {
    "Core": (
        (
            "ChangeAvailability",
            "ChangeConfiguration",
            "ClearCache",
            "DataTransfer",
            "GetConfiguration",
            "RemoteStartTransaction",
            "RemoteStopTransaction",
            "Reset",
            "UnlockConnector",
        ),
        (
            "Authorize",
            "BootNotification",
            "DataTransfer",
            "Heartbeat",
            "MeterValues",
            "StartTransaction",
            "StatusNotification",
            "StopTransaction",
        ),
    ),
    "FirmwareManagement": (
        ("GetDiagnostics", "UpdateFirmware"),
        ("DiagnosticsStatusNotification", "FirmwareStatusNotification"),
    ),
    "LocalAuthListManagement": (("GetLocalListVersion", "SendLocalList"), ()),
    "Reservation": (("CancelReservation", "ReserveNow"), ()),
    "SmartCharging": (("ClearChargingProfile", "GetCompositeSchedule", "SetChargingProfile"), ()),
    "RemoteTrigger": (("TriggerMessage",), ()),
    "Security": (
        (
            "CertificateSigned",
            "DeleteCertificate",
            "ExtendedTriggerMessage",
            "GetInstalledCertificateIds",
            "GetLog",
            "InstallCertificate",
            "SignedUpdateFirmware",
        ),
        (
            "LogStatusNotification",
            "SecurityEventNotification",
            "SignCertificate",
            "SignedFirmwareStatusNotification",
        ),
    ),
}

# Module -> profile. A profile gets its module when its handlers are written.
MODULES = {
    "schema_core": "Core",
    "schema_local_list": "LocalAuthListManagement",
    "schema_reservation": "Reservation",
    "schema_smart_charging": "SmartCharging",
    "schema_trigger": "RemoteTrigger",
}

# Requests: integers the standard's text limits to 0 and above (sections 6 and 7). The schemas have no ranges.
# transactionId is left out: it is given by the CSMS, and some give more than 32 bits.
NOT_NEGATIVE = {"connectorId", "duration", "startPeriod", "stackLevel", "numberPhases"}
UNBOUNDED = {"transactionId"}

# Requests: words beyond the schema's have an answer of their own. TriggerMessage.conf says NotImplemented of
# a message that is unknown (section 5.17), so that is no violation.
OPEN = {"requestedMessage"}

# Keywords provided for. A new edition of the schemas that uses another one must be looked at.
KEYWORDS = {
    "$schema",
    "$id",
    "title",
    "definitions",
    "$ref",
    "type",
    "properties",
    "required",
    "items",
    "minItems",
    "additionalProperties",
    "additionalItems",
    "enum",
    "maxLength",
    "format",
    "multipleOf",
}


def schema_directory():
    spec = importlib.util.find_spec("ocpp")
    if spec is None or spec.origin is None:
        sys.exit("the Python package `ocpp` is needed: pip install ocpp")
    return pathlib.Path(spec.origin).parent / "v16" / "schemas"


def load(directory, name):
    return json.loads((directory / (name + ".json")).read_text(encoding="utf-8-sig"))


class Writer:
    """Turns one schema into the lines of one row."""

    def __init__(self, document, ranges):
        self.document = document
        self.ranges = ranges

    def resolve(self, node):
        while "$ref" in node:
            node = self.document["definitions"][node["$ref"].rsplit("/", 1)[1]]
        unknown = set(node) - KEYWORDS
        if unknown:
            sys.exit("schema keyword not provided for: %s" % ", ".join(sorted(unknown)))
        return node

    def row(self, indent=1):
        return self.rule(self.document, "", False, indent)

    def rule(self, node, name, required, indent):
        """Source lines of one rule, the last without its comma."""
        node = self.resolve(node)
        flags = schema.REQUIRED if required else 0
        if node["type"] == "array":
            flags |= schema.ARRAY
            if node.get("minItems", 0) > 1:
                sys.exit("minItems above 1 is not provided for")
            if node.get("minItems"):
                flags |= schema.NOT_EMPTY
            node = self.resolve(node["items"])
        kind = node["type"]
        pad = "    " * indent
        if kind == "object":
            if node.get("additionalProperties") is not False:
                sys.exit("open objects are not provided for: %s" % name)
            lines = ["(%d," % (flags | schema.OBJECT)]
            for key, child in node.get("properties", {}).items():
                inner = self.rule(child, key, key in node.get("required", ()), indent + 1)
                inner[0] = '%s    "%s", %s' % (pad, key, inner[0])
                comment = ""
                if len(inner) == 1:
                    comment = self.describe(child, key in node.get("required", ()))
                lines += [*inner[:-1], inner[-1] + "," + comment]
            return [*lines, pad + ")"] if len(lines) > 1 else [lines[0] + ")"]
        if "enum" in node and not (self.ranges and name in OPEN):
            one = "(%d, %s)" % (flags | schema.ENUM, ", ".join('"%s"' % value for value in node["enum"]))
            if len(pad) + len(one) < 60:
                return [one]
            values = ['%s    "%s",' % (pad, value) for value in node["enum"]]
            return ["(%d," % (flags | schema.ENUM), *values, pad + ")"]
        return [str(flags | self.scalar(kind, node, name))]

    def scalar(self, kind, node, name):
        if kind == "string":
            if node.get("format") == "date-time":
                return schema.DATE
            return schema.STRING | node.get("maxLength", 0) << schema.SHIFT
        if kind == "integer":
            limit = schema.ANY
            if self.ranges and name not in UNBOUNDED:
                limit = schema.FROM_0 if name in NOT_NEGATIVE else schema.INT32
            return schema.INTEGER | limit << schema.SHIFT
        if kind == "number":
            if node.get("multipleOf") != 0.1:
                sys.exit("numbers other than multiples of 0.1 are not provided for: %s" % name)
            return schema.TENTHS
        if kind == "boolean":
            return schema.BOOLEAN
        sys.exit("type %s is not provided for: %s" % (kind, name))

    def describe(self, node, required):
        """The comment that says in words what the rule says in numbers."""
        words = []
        node = self.resolve(node)
        if node["type"] == "array":
            words.append("list")
            node = self.resolve(node["items"])
        if "enum" not in node and node["type"] != "object":
            words.append(node.get("format") or node["type"])
        if "maxLength" in node:
            words.append("<= %d" % node["maxLength"])
        if required:
            words.append("required")
        return "  # " + ", ".join(words) if words else ""


def table(directory, names, suffix, ranges):
    lines = []
    for name in names:
        row = Writer(load(directory, name + suffix), ranges).row()
        row[0] = '    "%s", %s' % (name, row[0])
        lines += [*row[:-1], row[-1] + ","]
    return lines


def module_source(directory, module):
    profile = MODULES[module]
    from_csms, from_charge_point = PROFILES[profile]
    lines = [
        "# Pilotlight: open EV charger firmware",
        "# SPDX-License-Identifier: MIT",
        '"""OCPP 1.6 %s: what the charge point may receive.' % profile,
        "",
        "Written by tools/schemas.py, do not edit; `ocpp16/schema.py` reads these rows and explains them.",
        '"""',
        "",
        "# fmt: off",
        "",
        "# Requests of the CSMS.",
        "REQUESTS = (",
        *table(directory, from_csms, "", True),
        ")",
        "",
        "# Answers of the CSMS to requests of the charge point.",
        "RESPONSES = (",
        *table(directory, from_charge_point, "Response", False),
        ")",
    ]
    if profile == "Core":
        # One text for each profile: 39 strings of their own would take 1 KB more.
        lines += ["", "# Every action of OCPP 1.6, security extension included.", "ACTIONS = ("]
        for name in PROFILES:
            texts = textwrap.wrap(" ".join(actions_of(name)) + " ", 90, drop_whitespace=False)
            texts[-1] = texts[-1].rstrip()
            lines += ['    "%s", (' % name, *['        "%s"' % text for text in texts], "    ),"]
        lines.append(")")
    return "\n".join(lines) + "\n"


def actions_of(profile):
    from_csms, from_charge_point = PROFILES[profile]
    return sorted({*from_csms, *from_charge_point})


def check_profiles(directory):
    """Every action that has a schema belongs to exactly one profile."""
    listed = [action for profile in PROFILES for action in actions_of(profile)]
    present = {p.stem for p in directory.glob("*.json") if not p.stem.endswith("Response")}
    if sorted(listed) != sorted(present):
        sys.exit("profiles and schemas differ: %s" % sorted(set(listed) ^ present))


def main():
    parser = argparse.ArgumentParser(description="Write the firmware's message tables from the schemas.")
    parser.add_argument("--check", action="store_true", help="compare instead of writing")
    arguments = parser.parse_args()
    directory = schema_directory()
    check_profiles(directory)
    stale = []
    for module in MODULES:
        path = ROOT / "firmware" / "ocpp16" / (module + ".py")
        source = module_source(directory, module)
        if not arguments.check:
            path.write_text(source)
        elif not path.exists() or path.read_text() != source:
            stale.append(str(path.relative_to(ROOT)))
    if stale:
        sys.exit("not what the schemas give, run tools/schemas.py: " + ", ".join(stale))


if __name__ == "__main__":
    main()
