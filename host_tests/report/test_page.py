# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The page as text: nothing of a charge point is markup, nothing is asked for outside."""

import html
import json
import re
from html.parser import HTMLParser
from typing import Any

import pytest

from bench.cases.run import FAILED, NOT_APPLICABLE
from bench.report import again, comparison, page, write
from bench.report.document import document
from bench.report.files import file_names
from bench.report.text import shown
from host_tests.report.made import Exchange, outcome, run

EVIL = "</pre></script><script>alert(1)</script><img src=x onerror='alert(2)' \"'>"
VOID = ("meta", "link", "input", "br", "wbr", "img")


class Markup(HTMLParser):
    """Elements and attributes of a page, and whether they are nested as they should be."""

    def __init__(self, text: str):
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.ids: list[str] = []
        self.broken: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        self.broken += self._open

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        self.ids += [value or "" for name, value in attrs if name == "id"]
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag):
        if not self._open or self._open.pop() != tag:
            self.broken.append(tag)


def evil_run():
    exchange = Exchange()
    exchange.did(0, f"presents {EVIL}")
    question = exchange.told(1, EVIL, idTag=EVIL, **{EVIL: [EVIL]})
    question.violation = EVIL
    question.id = EVIL
    exchange.answered(1.5, question, kind="error").error_code = EVIL
    exchange.garbage(2, EVIL)
    text = f"expected  {EVIL}\ncame      {EVIL}\nso        {EVIL}"
    return run(
        exchange.outcome(f"TC_1 {EVIL}", FAILED, text),
        outcome("TC_2", NOT_APPLICABLE, EVIL),
        described={
            "name": EVIL,
            "profiles": ["Core", EVIL],
            "connectors": [{"cable": EVIL, "current": EVIL, "phases": EVIL}],
            "configuration": {EVIL: EVIL, "HeartbeatInterval": EVIL},
            "options": {"cache": EVIL},
            "measurands": [EVIL],
            "reader": EVIL,
        },
        boot=dict.fromkeys(("chargePointVendor", "chargePointModel", "firmwareVersion"), EVIL),
        configuration={EVIL: (EVIL, False), "HeartbeatInterval": (EVIL, True)},
        security={"scheme": EVIL},
    )


def pages() -> dict[str, str]:
    exchange = Exchange()
    exchange.answered(1.5, exchange.asked(1, "ClearCache"), status="Accepted")
    good = document(run(exchange.outcome(), described={"name": "Good"}))
    evil = document(evil_run())
    return {
        "good": page.html(good),
        "evil": page.html(evil, "index.html"),
        "both": comparison.html([("good", good), ("evil", evil)]),
    }


def test_nothing_of_a_charge_point_is_markup():
    found = {name: Markup(text) for name, text in pages().items()}
    for name, markup in found.items():
        assert markup.broken == [], name
        assert markup.tags.count("script") == 1 and "img" not in markup.tags, name
        assert not [each for each, _ in markup.attributes if each.startswith("on") or each == "style"], name
        assert len(set(markup.ids)) == len(markup.ids), name
    evil = pages()["evil"]
    assert shown(EVIL) in evil and EVIL not in evil


def test_nothing_is_asked_for_outside():
    for text in pages().values():
        for name, value in Markup(text).attributes:
            if name in ("src", "href", "action", "data", "poster", "srcset"):
                assert (
                    value.startswith("#") or value == "data:," or re.fullmatch(r"[\w.-]+\.html(#\S+)?", value)
                )
        assert "@import" not in text and "url(" not in text
        assert re.findall(r"\w+://\S+", text) == []


def test_a_link_of_the_comparison_leads_to_a_case():
    text = pages()
    fragments = re.findall(r'href="evil\.html#([^"]+)"', text["both"])
    assert set(fragments) <= set(Markup(text["evil"]).ids) and len(fragments) > 5


@pytest.mark.parametrize(
    ("text", "visible"),
    [
        ("a\x00b", "a\\u0000b"),
        ("gpj.\u202eexe", "gpj.\\u202eexe"),
        ("half \ud800", "half \\ud800"),
        ("zero\u200bwidth", "zero\\u200bwidth"),
        ("two\nlines\tand ü", "two\nlines\tand ü"),
    ],
)
def test_what_would_not_be_seen_is_shown(text, visible):
    assert html.unescape(shown(text)) == visible


def test_payloads_of_any_shape(tmp_path):
    exchange = Exchange()
    deep: Any = []
    for _ in range(900):
        deep = {"deeper": [deep]}
    for number, payload in enumerate(([], "text", 5, None, [{"timestamp": 5}], {"a": deep})):
        for action in ("StatusNotification", "StartTransaction"):
            exchange.told(number, action).payload = payload
        question = exchange.asked(number + 0.1, "RemoteStartTransaction", connectorId=1, idTag="T")
        exchange.answered(number + 0.2, question).payload = payload
    station = run(
        exchange.outcome(),
        boot={"chargePointVendor": 5, "chargePointModel": ["M"], "firmwareVersion": {}, "iccid": deep},
        configuration={"NumberOfConnectors": (5, True), "SupportedFeatureProfiles": (["Core"], True)},
    )
    written = write([station], tmp_path)
    assert "deeper than anybody looks" in written[0].read_text()
    assert Markup(written[0].read_text()).broken == []


def test_a_message_that_is_too_long_for_a_phone_is_cut_and_says_so():
    exchange = Exchange()
    exchange.told(1, "DataTransfer", vendorId="V", data="x" * 50_000)
    found = document(run(exchange.outcome()))
    assert len(page.html(found)) < 120_000
    assert "more characters: the JSON file has them" in page.html(found)
    assert "x" * 50_000 in json.dumps(found)


def test_the_reason_stands_in_the_diagram_when_no_message_is_to_blame():
    exchange = Exchange()
    exchange.told(1, "Heartbeat")
    why = "expected  Authorize\ncame      nothing within 5 s\nso        it must be told"
    (case,) = document(run(exchange.outcome("TC_003_CS", FAILED, why)))["cases"]
    assert not any(event["blamed"] for event in case["events"])
    assert "nothing within 5 s: it must be told</li>" in page.html(
        document(run(exchange.outcome("TC", FAILED, why)))
    )


def test_the_message_that_came_instead_is_blamed():
    exchange = Exchange()
    exchange.told(1, "Heartbeat")
    wrong = exchange.told(2, "StopTransaction", transactionId=1)
    (case,) = document(
        run(exchange.outcome("TC_003_CS", FAILED, f"expected  Authorize\ncame      {wrong}\nso        no"))
    )["cases"]
    assert [event["blamed"] for event in case["events"]] == [False, True]
    assert case["expected"] == "Authorize" and case["so"] == "no"


# --- files ---


def test_a_run_comes_out_as_three_files_several_with_a_page_that_compares(tmp_path):
    one, two = run(described={"name": "A/B: ../C"}), run(described={"name": "A/B: ../C"})
    assert [file.name for file in write([one], tmp_path / "one")] == [
        "A-B-..-C.html",
        "A-B-..-C.json",
        "conformance.xml",
    ]
    assert [file.name for file in write([one, two], tmp_path / "two")] == [
        "index.html",
        "A-B-..-C.html",
        "A-B-..-C.json",
        "A-B-..-C-2.html",
        "A-B-..-C-2.json",
        "conformance.xml",
    ]


def test_no_station_takes_a_name_that_is_ours():
    names = file_names(["index", "Conformance", "", "..", "index", "con", "ü" * 300])
    assert names == ["index-2", "Conformance-2", "station", "station-2", "index-3", "con-2", "station-3"]


def test_a_page_is_made_again_of_an_old_json(tmp_path):
    first, kept, _ = write([evil_run()], tmp_path)
    before = first.read_text()
    first.unlink()
    assert again(kept) == first and first.read_text() == before


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("[]", "no report of the bench"),
        ("{}", "no report of the bench"),
        ("nonsense", "no report of the bench"),
        ('{"format": 99}', "has format 99"),
        ('{"format": 1}', "is damaged"),
    ],
)
def test_what_is_no_report_is_told(tmp_path, content, complaint):
    file = tmp_path / "old.json"
    file.write_text(content)
    with pytest.raises(ValueError, match=complaint):
        again(file)
    assert not file.with_suffix(".html").exists()
