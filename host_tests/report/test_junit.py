# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""JUnit XML that every reader takes, whatever a charge point sends."""

import xml.etree.ElementTree as ET

import pytest

from bench.cases.run import FAILED, NOT_APPLICABLE
from bench.report import junit
from bench.report.document import document
from host_tests.report.made import Exchange, outcome, run

WHY = "expected  Authorize\ncame      nothing within 5 s\nso        it must be told"


def parsed(*runs) -> ET.Element:
    return ET.fromstring(junit.xml(document(each) for each in runs))


def test_a_suite_per_station_a_test_case_per_case():
    one = run(outcome("TC_001_CS"), outcome("TC_002_CS", FAILED, WHY), described={"name": "One"})
    two = run(outcome("TC_001_CS", NOT_APPLICABLE, "the cable is fixed"), described={"name": "Two"})
    root = parsed(one, two)
    assert {name: root.get(name) for name in ("tests", "failures", "skipped", "time")} == {
        "tests": "3",
        "failures": "1",
        "skipped": "1",
        "time": "25.000",
    }
    assert [suite.get("name") for suite in root] == ["One", "Two"]
    first = root[0]
    assert first.get("timestamp") == "2026-11-20T21:00:00.000"
    assert [case.get("name") for case in first] == [
        "TC_001_CS Title of TC_001_CS",
        "TC_002_CS Title of TC_002_CS",
    ]
    assert [case.get("classname") for case in first] == ["One.Core"] * 2
    assert list(first[0]) == []
    assert root[1][0].find("skipped").get("message") == "the cable is fixed"


def test_a_failure_has_its_text_and_the_exchange():
    exchange = Exchange()
    exchange.did(0, "presents 04A1")
    exchange.answered(1.5, exchange.asked(1, "ClearCache"), status="Accepted")
    exchange.garbage(2, "hello")
    case = parsed(run(exchange.outcome("TC_003_CS", FAILED, WHY)))[0][0]
    failure = case.find("failure")
    assert failure.get("message") == "it must be told" and failure.text == WHY
    assert case.findtext("system-out").splitlines() == [
        "21:00:00.000 * presents 04A1",
        "21:00:01.000 <- ClearCache",
        "21:00:01.500 -> ClearCache result Accepted",
        "21:00:02.000 -> garbage not an OCPP message: 'hello'",
        "    ! no OCPP-J message",
    ]


@pytest.mark.parametrize(
    "evil", ["\x00", "\x1b[31m", "\ufffe", "\ud800", "]]>", "<script>&amp;", "\x85", "\r\n"]
)
def test_well_formed_whatever_comes(evil):
    exchange = Exchange()
    exchange.told(1, f"Data{evil}Transfer", vendorId=evil, data=f"a{evil}b").violation = evil
    exchange.garbage(2, evil)
    text = f"expected  x\ncame      {evil}\nso        {evil}"
    station = run(
        exchange.outcome(f"TC{evil}", FAILED, text),
        outcome("TC_002_CS", NOT_APPLICABLE, f"because{evil}"),
        described={"name": f"Station{evil}"},
    )
    root = parsed(station)
    assert root[0].get("name").startswith("Station")
    assert "-> Data" in root[0][0].findtext("system-out")
