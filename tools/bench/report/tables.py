# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The tables of a page. On a phone each row is a small card: the head of a column stands before its value."""

from collections.abc import Iterable
from typing import Any

from bench.report.text import anchor, breakable, css_class, shown

Row = dict[str, Any]

_MARKS = {"passed": "\u2713", "failed": "\u2717", "not applicable": "\u2013", "incomplete": "\u25d0"}


def mark(verdict: str) -> str:
    """A sign for a verdict: colour alone tells some people nothing."""
    return _MARKS.get(verdict, "\u00b7")


def badge(verdict: str) -> str:
    return f'<span class="badge {css_class(verdict)}">{mark(verdict)} {shown(verdict)}</span>'


def case_link(case: str, verdict: str) -> str:
    return (
        f'<a class="badge {css_class(verdict)}" href="#{anchor(case)}">'
        f'{mark(verdict)} {shown(case)}<span class="sr"> {shown(verdict)}</span></a>'
    )


def table(heads: Iterable[str], rows: Iterable[tuple[str, list[str]]], kind: str = "") -> str:
    """`rows`: (class, cells), all of it HTML. The first cell is the head of its row."""
    names = list(heads)
    lines = [
        f'<table class="{kind}">',
        "<thead><tr>",
        *(f'<th scope="col">{name}</th>' for name in names),
        "</tr></thead>",
    ]
    lines.append("<tbody>")
    for row_kind, cells in rows:
        first, *others = cells
        row = [f'<th scope="row">{first}</th>']
        row += [f'<td data-label="{name}">{cell}</td>' for name, cell in zip(names[1:], others, strict=True)]
        lines.append(f'<tr class="{row_kind}">{"".join(row)}</tr>')
    lines += ["</tbody>", "</table>"]
    return "\n".join(lines)


def features(rows: Iterable[Row]) -> str:
    return table(
        ("Feature", "Claimed", "Read", "Proven by"),
        (
            (
                _kind(row),
                [_name(row), _claimed(row["claimed"]), _read(row["read"], row), _cases(row["cases"])],
            )
            for row in rows
        ),
        "even",
    )


def profiles(rows: Iterable[Row]) -> str:
    return table(
        ("Profile", "Claimed", "Read", "Result", "Cases"),
        (
            (
                _kind(row),
                [
                    shown(row["feature"]),
                    _claimed(row["claimed"]),
                    _read(row["read"], row),
                    badge(row["result"]),
                    _counts(row),
                ],
            )
            for row in rows
        ),
    )


def configuration(rows: Iterable[Row]) -> str:
    return table(
        ("Key", "Value", "Access", "Claimed"),
        (
            (
                _kind(row),
                [
                    f"<code>{breakable(row['key'])}</code>",
                    _value(row),
                    {True: "read-only", False: "can be changed"}.get(row["read_only"], "\u2013"),
                    _claimed(row["claimed"]),
                ],
            )
            for row in rows
        ),
    )


def performance(rows: Iterable[Row]) -> str:
    return table(
        ("Seconds", "min", "max", "average", "samples", "longest"),
        (
            (
                "figures",
                [
                    breakable(row["measure"]),
                    *(figure(row[name]) for name in ("min", "max", "average")),
                    shown(row["samples"]),
                    _where(row["longest"]),
                ],
            )
            for row in rows
        ),
    )


def figure(seconds: float | None) -> str:
    if seconds is None:
        return '<span class="none">not measured</span>'
    return f'<span class="figure">{seconds:.{3 if seconds >= 0.1 else 4}f}</span>'


def _kind(row: Row) -> str:
    return "contradicted" if row["contradiction"] else ""


def _name(row: Row) -> str:
    return (f'<span class="id">{shown(row["id"])}</span> ' if row["id"] else "") + breakable(row["feature"])


def _claimed(text: str | None) -> str:
    if text is None:
        return '<span class="none">not stated</span>'
    return breakable(text) or '<span class="none">empty</span>'


def _read(text: str | None, row: Row) -> str:
    if text is None:
        cell = '<span class="none">\u2013</span>'
    else:
        cell = breakable(text) or '<span class="none">empty</span>'
    return cell + _contradiction(row)


def _value(row: Row) -> str:
    if row["value"] is None:
        cell = '<span class="none">not told</span>'
    else:
        cell = shown(row["value"]) or '<span class="none">empty</span>'
    return cell + _contradiction(row)


def _contradiction(row: Row) -> str:
    if not row["contradiction"]:
        return ""
    return f'<span class="contradiction">\u26a0 {shown(row["contradiction"])}</span>'


def _cases(cases: Iterable[Row]) -> str:
    links = [case_link(case["id"], case["verdict"]) for case in cases]
    return " ".join(links) or '<span class="none">not tested</span>'


def _counts(row: Row) -> str:
    played = row["passed"] + row["failed"]
    if not row["catalogue"]:
        return '<span class="none">the bench has none</span>'
    if not played:
        return f'<span class="none">none of {shown(row["catalogue"])}</span>'
    words = [f"{row['passed']} passed"]
    words += [f"{row['failed']} failed"] if row["failed"] else []
    words += [f"{row['not_applicable']} not applicable"] if row["not_applicable"] else []
    left = row["catalogue"] - played - row["not_applicable"]
    words += [f"{left} not played"] if left > 0 else []
    return shown(", ".join(words))


def _where(end: Row | None) -> str:
    if end is None:
        return '<span class="none">\u2013</span>'
    return f'{shown(end["what"])}, <a href="#{anchor(end["case"])}">{shown(end["case"])}</a>'
