# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""JUnit XML: a test suite per charge point, a test case per case, the exchange of a failed one beside it."""

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterable
from typing import Any

from bench.cases.run import FAILED, NOT_APPLICABLE
from bench.report.document import Document

# What XML 1.0 has no way to write (2.2), not even as a reference; lone halves of surrogate pairs among them.
_IMPOSSIBLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

_ARROWS = {"station": "->", "csms": "<-", "driver": "* "}


def xml(documents: Iterable[Document]) -> bytes:
    suites = [_suite(each) for each in documents]
    root = ET.Element("testsuites", name="OCPP 1.6J conformance")
    for name in ("tests", "failures", "skipped"):
        root.set(name, str(sum(int(suite.get(name, "0")) for suite in suites)))
    root.set("time", f"{sum(float(suite.get('time', '0')) for suite in suites):.3f}")
    root.extend(suites)
    ET.indent(root)
    return ET.tostring(root, encoding="utf-8", xml_declaration=True) + b"\n"


def _suite(document: Document) -> ET.Element:
    cases = document["cases"]
    verdicts = [case["verdict"] for case in cases]
    name = _possible(document["station"]["name"])
    suite = ET.Element(
        "testsuite",
        name=name,
        tests=str(len(cases)),
        failures=str(verdicts.count(FAILED)),
        errors="0",
        skipped=str(verdicts.count(NOT_APPLICABLE)),
        time=f"{document['seconds']:.3f}",
        timestamp=_possible(document["began"]).removesuffix("Z"),  # the schema of JUnit has no time zones
    )
    suite.extend(_case(name, case) for case in cases)
    return suite


def _case(station: str, case: dict[str, Any]) -> ET.Element:
    element = ET.Element(
        "testcase",
        # Dots divide packages for those who show such files.
        classname=f"{station.replace('.', '_')}.{_possible(case['profile'])}",
        name=_possible(f"{case['id']} {case['title']}"),
        time=f"{case['seconds']:.3f}",
    )
    if case["verdict"] == NOT_APPLICABLE:
        ET.SubElement(element, "skipped", message=_possible(case["text"]))
    elif case["verdict"] == FAILED:
        failure = ET.SubElement(element, "failure", message=_possible(case["so"] or case["text"]))
        failure.text = _possible(case["text"])
        ET.SubElement(element, "system-out").text = _possible("\n".join(map(_line, case["events"])))
    return element


def _line(event: dict[str, Any]) -> str:
    answer = "" if event["kind"] in ("call", "deed") else f" {event['kind']}"
    line = f"{event['at'][11:-1]} {_ARROWS[event['from']]} {event['action']}{answer} {event['text']}"
    line = re.sub(" +", " ", line).rstrip()
    return f"{line}\n    ! {event['objection']}" if event["objection"] else line


def _possible(text: str) -> str:
    return _IMPOSSIBLE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)
