# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""What was said in a case, as a sequence diagram: lanes Driver | Charge point | CSMS, time runs downwards.

HTML rather than SVG: texts wrap on a phone, can be selected and found, and each message opens on click
without a script. page.css draws lanes and arrows.
"""

import json
from typing import Any

from bench.report.text import breakable, css_class, shown

_WAY = {
    "driver": "The driver, at the charge point:",
    "station": "From the charge point to the CSMS:",
    "csms": "From the CSMS to the charge point:",
}
# Of a payload; the JSON file has the whole.
_LONGEST = 20_000


def diagram(case: dict[str, Any]) -> str:
    rows = [_event(event) for event in case["events"]]
    if case["verdict"] == "failed" and not any(event["blamed"] for event in case["events"]):
        came, so = case["came"] or "", case["so"] or case["text"]
        text = f"{came}: {so}" if came else so
        rows.append(f'<li class="end">\u2717 {shown(text)}</li>')
    return (
        '<ol class="diagram">\n'
        '<li class="heads"><span>Driver</span><span>Charge<br> point</span><span>CSMS</span></li>\n'
        + "\n".join(rows)
        + "\n</ol>"
    )


def _event(event: dict[str, Any]) -> str:
    kind, source = css_class(event["kind"]), css_class(event["from"])
    wrong = bool(event["blamed"] or event["objection"])
    classes = f"event {source} {kind}" + (" wrong" if wrong else "")
    way = f'<span class="sr">{_WAY.get(event["from"], "")}</span>'
    line = (
        f'<span class="time"><time datetime="{shown(event["at"])}">{shown(str(event["at"])[11:-1])}</time> '
        f"<span>+{float(event['after_s']):.3f}\u202fs</span></span>"
        f'<span class="label">{way} {_label(event, wrong)}</span>'
        '<span class="arrow"></span>'
    )
    if event["objection"]:
        line += f'<span class="objection">Against the schema: {shown(event["objection"])}</span>'
    if event["kind"] == "deed":
        return f'<li class="{classes}"><div class="line">{line}</div></li>'
    return (
        f'<li class="{classes}"><details><summary class="line">{line}</summary>'
        f"{_payload(event)}</details></li>"
    )


def _label(event: dict[str, Any], wrong: bool) -> str:
    mark = "\u2717 " if wrong else ""
    text = f'<span class="what">{breakable(event["text"])}</span>' if event["text"] else ""
    if event["kind"] == "call":
        return f"<b>{mark}{breakable(event['action'])}</b> {text}"
    if event["kind"] == "deed":
        return f"<b>{shown(event['text'])}</b>"
    return mark + text


def _payload(event: dict[str, Any]) -> str:
    kind = {"call": "request", "result": "answer", "error": "CALLERROR"}.get(event["kind"], "frame")
    head = f"{event['action']} {kind}".strip()
    if event["answer_s"] is not None:
        head += f", after {event['answer_s'] * 1000:.1f} ms"
    if event["id"]:
        head += f", message id {event['id']}"
    payload = event["payload"]
    text = payload if isinstance(payload, str) else json.dumps(payload, indent=2, ensure_ascii=False)
    if len(text) > _LONGEST:
        text = (
            f"{text[:_LONGEST]}\n\u2026 and {len(text) - _LONGEST} more characters: the JSON file has them."
        )
    return f'<div class="payload"><p>{shown(head)}</p><pre>{shown(text)}</pre></div>'
