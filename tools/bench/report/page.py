# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""One charge point's report as one self-contained page: it asks for nothing, works from a file, and without
its script but for conveniences.
"""

import base64
import hashlib
import itertools
import json
from pathlib import Path
from typing import Any

from bench.cases.run import FAILED, NOT_APPLICABLE, PASSED
from bench.report import tables
from bench.report.diagram import diagram
from bench.report.document import Document
from bench.report.text import anchor, css_class, duration, shown, some

_HERE = Path(__file__).parent

_DRIVERS = {
    "pilotlight": "the bench, through the simulated board",
    "command": "the bench, through a command for each stimulus",
    "manual": "a person at the bench",
}
_SECTIONS = (
    ("hardware", "Hardware feature set", "What a station is made of can hardly be read over OCPP."),
    ("options", "Optional features", ""),
    ("limits", "Limits and settings", "Read before the first case."),
    ("security_rows", "Security", ""),
)


def html(document: Document, index: str = "") -> str:
    """`index`: the address of the page that compares several; "": there is none."""
    station = document["station"]
    body = [_head(document, index), _navigation(document), "<main>", _problems(document)]
    body.append(
        _section(
            "profiles",
            "Profiles",
            tables.profiles(document["profiles"]),
            "Passed: every case that this bench has for the profile was passed or does not apply.",
            is_open=True,
        )
    )
    body.append(
        _section(
            "performance",
            "Performance",
            tables.performance(document["performance"]),
            "Measured by the CSMS between messages, in passed cases. RemoteStartTransaction only where the"
            " cable was plugged in before, so that nobody's hands are measured.",
            is_open=True,
        )
    )
    for name, title, note in _SECTIONS:
        body.append(_section(name, title, tables.features(document[name]), note))
    body.append(
        _section("configuration", "Configuration", tables.configuration(document["configuration"]), _READ)
    )
    body.append(_section("described", "Station description", _described(document), ""))
    body += [_cases(document), "</main>", _FOOT]
    return frame(f"{station['name']}: OCPP 1.6J conformance", "\n".join(body))


def frame(title: str, body: str) -> str:
    style, script = (_HERE / "page.css").read_text(), (_HERE / "page.js").read_text()
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; base-uri 'none';
 form-action 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'">
<title>{shown(title)}</title>
<link rel="icon" href="data:,">
<style>{style}</style>
</head>
<body>
{body}
<script>{script}</script>
</body>
</html>
"""


def _hash(text: str) -> str:
    # Only these two run or colour the page, whatever a charge point smuggles into it.
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def verdict_of(counts: dict[str, int]) -> tuple[str, str]:
    """(verdict, sentence) for a whole run."""
    passed, failed = counts[PASSED], counts[FAILED]
    if failed:
        return FAILED, f"{failed} of {some(passed + failed, 'case')} failed"
    if passed:
        return PASSED, f"{some(passed, 'case')} passed, none failed"
    return NOT_APPLICABLE, "No case was played"


def day(began: str) -> str:
    return f"{began[:10]}, {began[11:16]} UTC"


# --- the top ------------------------------------------------------------------------------------------------


def _head(document: Document, index: str) -> str:
    station, counts = document["station"], document["counts"]
    verdict, sentence = verdict_of(counts)
    told = [f"{station['vendor']} {station['model']}".strip()]
    told += [f"firmware {station['firmware']}"] if station["firmware"] else []
    told += [f"serial {station['serial']}"] if station["serial"] else []
    who = " \u00b7 ".join(shown(word) for word in told if word) or "no BootNotification was seen"
    facts = {
        "Played": day(document["began"]),
        "Took": duration(document["seconds"]),
        "Driven by": _DRIVERS.get(document["driver"], document["driver"]),
        "Connection": _connection(document["security"]),
    }
    rows = "".join(f"<div><dt>{name}</dt><dd>{shown(text)}</dd></div>" for name, text in facts.items())
    tiles = "".join(_tile(verdict, counts[verdict]) for verdict in (PASSED, FAILED, NOT_APPLICABLE))
    back = f'<p class="back"><a href="{shown(index)}">\u2190 all charge points</a></p>' if index else ""
    return f"""<header>
{back}<p class="over">OCPP 1.6J conformance</p>
<h1>{shown(station["name"])}</h1>
<p class="who">{who}</p>
<p class="verdict {css_class(verdict)}"><span>{tables.mark(verdict)}</span> {sentence}</p>
{left_out(document)}<div class="tiles">{tiles}</div>
<dl class="facts">{rows}</dl>
</header>"""


def _tile(verdict: str, count: int) -> str:
    name = css_class(verdict)
    return (
        f'<a class="tile {name}{" some" if count else ""}" href="#cases" data-show="{name}">'
        f"<b>{shown(count)}</b> {verdict}</a>"
    )


def left_out(document: Document) -> str:
    """A run of a few cases is not to look like one of all."""
    played, known = len(document["cases"]), document["catalogue"]
    if played >= known:
        return ""
    return f'<p class="note">{shown(played)} of the {shown(known)} cases that this bench has.</p>'


def _connection(security: dict[str, Any]) -> str:
    scheme = {"ws": "not encrypted (ws)", "wss": "TLS (wss)"}.get(
        security["scheme"] or "", security["scheme"]
    )
    if not scheme:
        return "not recorded"
    return f"{scheme}, {'with' if security['basic_auth'] else 'without'} a password"


def _navigation(document: Document) -> str:
    links = [("cases", "Cases"), ("profiles", "Profiles"), ("performance", "Performance")]
    links += [(name, title) for name, title, _ in _SECTIONS]
    links += [("configuration", "Configuration"), ("described", "Description")]
    if document["counts"][FAILED] or document["contradictions"]:
        links.insert(0, ("problems", "Problems"))
    return "<nav>" + "".join(f'<a href="#{name}">{title}</a>' for name, title in links) + "</nav>"


# Of contradictions: so many are read before what comes after them.
_MANY = 5


def _problems(document: Document) -> str:
    failed = [case for case in document["cases"] if case["verdict"] == FAILED]
    parts = []
    if failed:
        rows = "".join(
            f'<li><a href="#{anchor(case["id"])}"><b>{shown(case["id"])}</b> {shown(case["title"])}</a>'
            f"<span>{shown(case['so'] or case['text'])}</span></li>"
            for case in failed
        )
        parts.append(f'<h3>Failed</h3><ul class="problems failed">{rows}</ul>')
    if document["contradictions"]:
        rows = "".join(
            f"<li><b>{shown(each['subject'])}</b><span>{shown(each['text'])}</span></li>"
            for each in document["contradictions"]
        )
        number = len(document["contradictions"])
        parts.append(
            f"<details{'' if number > _MANY else ' open'}><summary>{some(number, 'row')} of the tables:"
            f' other than the description claims</summary><ul class="problems plain">{rows}</ul></details>'
        )
    if not parts:
        return ""
    return f'<section id="problems"><h2>Problems</h2>{"".join(parts)}</section>'


# --- sections -----------------------------------------------------------------------------------------------

_READ = "As the charge point told it before the first case, beside what its description claims."

_FOOT = """<footer>
<p>Claimed: what the station's description says. Read: what the charge point told. Proven: by the case beside
it; what is not tested is not proven. Times are UTC, taken by the CSMS.</p>
<p>The bench is not the Open Charge Alliance's tool, and passing is no certificate.</p>
</footer>"""


def _section(name: str, title: str, content: str, note: str, is_open: bool = False) -> str:
    note = f'<p class="note">{shown(note)}</p>' if note else ""
    return (
        f'<details class="section" id="{name}"{" open" if is_open else ""}>'
        f"<summary><h2>{title}</h2></summary>{note}{content}</details>"
    )


def _described(document: Document) -> str:
    described, boot = document["described"], document["boot"]
    parts = [
        f"<h3>{title}</h3><pre>{shown(json.dumps(value, indent=2, ensure_ascii=False))}</pre>"
        for title, value in (("The description", described), ("BootNotification", boot))
        if value
    ]
    return "".join(parts) or '<p class="note">There is none.</p>'


def _cases(document: Document) -> str:
    counts = document["counts"]
    choices = [("all", "All", sum(counts.values()))]
    choices += [
        (css_class(verdict), verdict.capitalize(), counts[verdict])
        for verdict in (FAILED, PASSED, NOT_APPLICABLE)
    ]
    filters = "".join(
        f'<label><input type="radio" name="show" id="show-{name}"{" checked" if name == "all" else ""}>'
        f"<span>{title} <b>{shown(count)}</b></span></label>"
        for name, title, count in choices
    )
    parts = [
        '<section id="cases"><h2>Cases</h2>',
        f'<fieldset class="filter"><legend class="sr">Which cases are shown</legend>{filters}</fieldset>',
        '<p class="note">A case opens to what was said in it; a message opens to its JSON.</p>',
    ]
    for profile, cases in itertools.groupby(document["cases"], key=lambda case: case["profile"]):
        group = list(cases)
        kinds = " ".join(sorted({f"has-{css_class(case['verdict'])}" for case in group}))
        parts.append(f'<div class="group {kinds}"><h3>{shown(profile)}</h3>')
        parts += [_case(case) for case in group]
        parts.append("</div>")
    parts.append("</section>")
    return "\n".join(parts)


def _case(case: dict[str, Any]) -> str:
    verdict = case["verdict"]
    took = f'<span class="took">{duration(case["seconds"])}</span>' if case["events"] else ""
    aliases = (
        f'<span class="aliases">also {shown(", ".join(case["aliases"]))}</span>' if case["aliases"] else ""
    )
    line = (
        f'{tables.badge(verdict)} <span class="id">{shown(case["id"])}</span> '
        f'<span class="title">{shown(case["title"])}</span> {aliases}{took}{_why(case)}'
    )
    place = f'class="case {css_class(verdict)}" id="{anchor(case["id"])}"'
    if not case["events"]:
        return f'<div {place}><div class="head">{line}</div></div>'
    return (
        f'<details {place}><summary class="head">{line}</summary>'
        f'{diagram(case)}<p class="link"><a href="#{anchor(case["id"])}">Link to this case</a></p></details>'
    )


def _why(case: dict[str, Any]) -> str:
    if not case["text"]:
        return ""
    if not case["so"]:
        return f'<span class="why"><span>{shown(case["text"])}</span></span>'
    lines = "".join(
        f'<span class="{name}"><b>{name}</b> {shown(case[name])}</span>'
        for name in ("expected", "came", "so")
    )
    return f'<span class="why">{lines}</span>'
