# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Several charge points beside each other: a page that leads to their pages."""

from collections.abc import Iterable
from typing import Any

from bench.report import tables
from bench.report.document import Document
from bench.report.page import day, frame, left_out, verdict_of
from bench.report.text import anchor, breakable, css_class, duration, shown

# A charge point's file name without suffix, and its document.
Named = tuple[str, Document]

_SIGNS = ", ".join(
    f"{tables.mark(word)} {word}"
    for word in ("passed", "failed", "not applicable", "incomplete", "not tested")
)


def html(stations: list[Named]) -> str:
    cards = "".join(_card(number, *each) for number, each in enumerate(stations, 1))
    body = f"""<header>
<p class="over">OCPP 1.6J conformance</p>
<h1>{len(stations)} charge points</h1>
</header>
<ol class="stations">{cards}</ol>
<div class="beside">
<section id="profiles"><h2>Profiles</h2>
<p class="note">{_SIGNS}</p>{_profiles(stations)}</section>
<section id="performance"><h2>Performance</h2>
<p class="note">Seconds on average.</p>{_performance(stations)}</section>
<section id="cases"><h2>Cases</h2>{_cases(stations)}</section>
</div>"""
    return frame("OCPP 1.6J conformance", body)


def _card(number: int, name: str, document: Document) -> str:
    verdict, sentence = verdict_of(document["counts"])
    station = document["station"]
    who = " \u00b7 ".join(
        shown(word)
        for word in (f"{station['vendor']} {station['model']}".strip(), f"firmware {station['firmware']}")
        if word and not word.endswith(" ")
    )
    link = f'<a href="{name}.html">{shown(station["name"])}</a>'
    return (
        f'<li><h2><span class="number">{number}</span> {link}</h2>'
        f'<p class="verdict {css_class(verdict)}"><span>{tables.mark(verdict)}</span> {sentence}</p>'
        f"{left_out(document)}"
        f"<p>{who}<br>{day(document['began'])}, {duration(document['seconds'])}</p></li>"
    )


def _matrix(head: str, stations: list[Named], rows: Iterable[list[str]]) -> str:
    heads = (
        head,
        *(
            f'{number}<span class="sr"> {shown(document["station"]["name"])}</span>'
            for number, (_, document) in enumerate(stations, 1)
        ),
    )
    lines = "".join(
        f'<tr><th scope="row">{first}</th>{"".join(f"<td>{cell}</td>" for cell in cells)}</tr>'
        for first, *cells in rows
    )
    top = "".join(f'<th scope="col">{each}</th>' for each in heads)
    return f'<table class="matrix"><thead><tr>{top}</tr></thead><tbody>{lines}</tbody></table>'


def _sign(verdict: str, link: str = "") -> str:
    sign = f'{tables.mark(verdict)}<span class="sr"> {shown(verdict)}</span>'
    kind = f'class="badge {css_class(verdict)}" title="{shown(verdict)}"'
    return f'<a {kind} href="{link}">{sign}</a>' if link else f"<span {kind}>{sign}</span>"


def _profiles(stations: list[Named]) -> str:
    rows = []
    for place, profile in enumerate(stations[0][1]["profiles"]):
        results = [document["profiles"][place]["result"] for _, document in stations]
        rows.append(
            [
                shown(profile["feature"]),
                *(
                    _sign(result, f"{name}.html#profiles")
                    for (name, _), result in zip(stations, results, strict=True)
                ),
            ]
        )
    return _matrix("Profile", stations, rows)


def _performance(stations: list[Named]) -> str:
    rows = []
    for place, measure in enumerate(stations[0][1]["performance"]):
        averages = [document["performance"][place]["average"] for _, document in stations]
        figures = ["\u2013" if average is None else tables.figure(average) for average in averages]
        rows.append([breakable(measure["measure"]), *figures])
    return _matrix("Measure", stations, rows)


def _cases(stations: list[Named]) -> str:
    found: dict[str, dict[str, Any]] = {}
    for name, document in stations:
        for case in document["cases"]:
            row = found.setdefault(case["id"], {"title": case["title"], "cells": {}})
            link = f"{name}.html#{anchor(case['id'])}"
            row["cells"][name] = _sign(case["verdict"], link)
    return _matrix(
        "Case",
        stations,
        (
            [
                f'{shown(case)} <span class="title">{shown(row["title"])}</span>',
                *(row["cells"].get(name, '<span class="none">\u2013</span>') for name, _ in stations),
            ]
            for case, row in found.items()
        ),
    )
