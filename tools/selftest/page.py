# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The page to keep with the installation's papers, as text and as HTML: what was tested, what was found, and
room for a name.
"""

import html
import re
from datetime import datetime
from pathlib import Path

from selftest.calibration import offer
from selftest.dialogue import Findings, as_text

_TITLE = "Self-test of a charging station"
_FACTS = ("station", "vendor", "serial", "id", "firmware", "board", "connectors", "time")
_SIGNED = ("Place", "Date", "Name", "Signature")
_COLOURS = {"pass": "#d8f0d8", "fail": "#f6c9c9", "absent": "#eeeeee", "skipped": "#fbeec2"}
_STYLE = """
body { font: 11pt sans-serif; max-width: 52em; margin: 2em auto; }
table { border-collapse: collapse; width: 100%; }
td, th { border: 1px solid #999; padding: .3em .6em; text-align: left; vertical-align: top; }
.verdict { font-size: 1.4em; padding: .4em .6em; border: 2px solid; }
.line { display: inline-block; width: 11em; border-bottom: 1px solid; margin: 2em 1em 0 0; }
@media print { body { margin: 0; } }
"""


def verdict(findings: Findings) -> str:
    if not findings.passed:
        return "FAILED"
    return "PASSED, NOT COMPLETE" if findings.incomplete else "PASSED"


def _facts(findings: Findings, now: datetime) -> list[tuple[str, str]]:
    rows = [(name, findings.facts.get(name, "?")) for name in _FACTS]
    return [*rows, ("tested", now.strftime("%Y-%m-%d %H:%M %Z").strip())]


def as_plain(findings: Findings, now: datetime) -> str:
    lines = [_TITLE, "=" * len(_TITLE), ""]
    lines += [f"{name:12}{text}" for name, text in _facts(findings, now)]
    lines += ["", *(as_text(result) for result in findings.results), "", f"Verdict: {verdict(findings)}", ""]
    lines += [*offer(findings), ""]
    lines += [f"{name:12}______________________________\n" for name in _SIGNED]
    return "\n".join(lines)


def as_html(findings: Findings, now: datetime) -> str:
    def row(cells: tuple[str, ...], colour: str = "") -> str:
        style = f' style="background: {colour}"' if colour else ""
        return f"<tr{style}>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in cells) + "</tr>"

    facts = "\n".join(row(pair) for pair in _facts(findings, now))
    results = "\n".join(
        row(
            (str(result.connector or "station"), result.name, result.verdict, result.text),
            _COLOURS.get(result.verdict, ""),
        )
        for result in findings.results
    )
    offers = "".join(f"<p>{html.escape(line)}</p>" for line in offer(findings))
    signed = "".join(f'<span class="line">{name}</span>' for name in _SIGNED)
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{_TITLE}</title>'
        f"<style>{_STYLE}</style></head><body>\n<h1>{_TITLE}</h1>\n<table>{facts}</table>\n"
        f'<p class="verdict">{verdict(findings)}</p>\n'
        f"<table><tr><th>connector</th><th>what</th><th>verdict</th><th>found</th></tr>\n{results}</table>\n"
        f"{offers}\n<p>{signed}</p>\n</body></html>\n"
    )


def write(findings: Findings, folder: Path, now: datetime) -> list[Path]:
    """Both files; their names have the charger's id, with nothing in it that would be a path."""
    name = re.sub(r"[^A-Za-z0-9_-]", "_", findings.facts.get("id", "charger"))[:60] or "charger"
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for suffix, text in ((".txt", as_plain(findings, now)), (".html", as_html(findings, now))):
        path = folder / f"{name}-{now:%Y%m%d-%H%M%S}{suffix}"
        path.write_text(text, encoding="utf-8")
        written.append(path)
    return written
