# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""A Run as one JSON-able dict. Pages and JUnit XML are made of it alone, so that an old one can be shown
again.

    format         1
    station        {"name", "vendor", "model", "serial", "firmware"}, "" what is not known
    driver, began, seconds, security, boot, described    as the Run has them; began as UTC text
    counts         verdict -> number of cases
    catalogue      how many cases the bench has
    contradictions [{"subject", "text"}], of all tables
    profiles       rows of bench.report.profiles
    hardware, options, security_rows, limits    rows of bench.report.certificate
    configuration  rows of bench.report.profiles
    performance    rows of bench.report.performance
    cases          {"id", "title", "profile", "aliases", "verdict", "seconds", "text", "expected", "came",
                   "so", "events"}; `text`: why it failed or does not apply; its three parts where it has them

An event is {"from": "driver", "station" or "csms", "kind", "action", "text", "at", "after_s", "payload",
"id", "answer_s", "objection", "blamed"}: `kind` deed, call, result, error or garbage; `after_s` since the
first event; `answer_s` of an answer: since its question; `objection`: what the schema has against it;
`blamed`: it is what came instead of the expected.
"""

import collections
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC
from typing import Any

from bench.cases import catalogue
from bench.cases.run import FAILED, NOT_APPLICABLE, PASSED, Outcome, Run
from bench.cases.steps import Deed
from bench.desk.screen import describe
from bench.messages import FROM_STATION, Message, utc_text
from bench.report import certificate, performance, profiles
from bench.report.facts import Facts
from bench.report.masking import HIDDEN, Mask

FORMAT = 1
VERDICTS = (PASSED, FAILED, NOT_APPLICABLE)

Document = dict[str, Any]

_PARTS = {"expected": "expected  ", "came": "came      ", "so": "so        "}


def document(run: Run) -> Document:
    mask = Mask(_everything(run))
    facts = Facts(run)
    known = collections.Counter(case.profile for case in catalogue.all_cases())
    tables = {
        "profiles": profiles.profiles(facts, run.outcomes, known),
        "hardware": certificate.rows(certificate.HARDWARE, facts),
        "options": certificate.rows(certificate.OPTIONS, facts),
        "security_rows": certificate.rows(certificate.SECURITY, facts),
        "limits": certificate.rows(certificate.LIMITS, facts),
        "configuration": profiles.configuration(facts),
    }
    verdicts = [outcome.verdict for outcome in run.outcomes]
    found = {
        "station": {
            "name": run.claims.name,
            "vendor": run.boot.get("chargePointVendor", ""),
            "model": run.boot.get("chargePointModel", ""),
            "serial": run.boot.get("chargePointSerialNumber") or run.boot.get("chargeBoxSerialNumber", ""),
            "firmware": run.boot.get("firmwareVersion", ""),
        },
        "driver": run.driver,
        "security": {
            "scheme": run.security.get("scheme"),
            "basic_auth": bool(run.security.get("basic_auth")),
        },
        "boot": run.boot,
        "described": run.claims.described,
        "contradictions": _contradictions(tables),
        **tables,
        "performance": performance.rows(run.outcomes),
    }
    masked = mask.value(found)
    for row in masked["configuration"]:
        if row["key"].casefold() == "authorizationkey":
            row.update(value=row["value"] and HIDDEN, claimed=row["claimed"] and HIDDEN, contradiction="")
    return {
        "format": FORMAT,
        "began": utc_text(run.began.astimezone(UTC)),
        "seconds": round(run.seconds, 3),
        "catalogue": known.total(),
        "counts": {verdict: verdicts.count(verdict) for verdict in VERDICTS},
        **masked,
        "cases": [_case(outcome, mask) for outcome in run.outcomes],
    }


def _contradictions(tables: dict[str, list[Document]]) -> list[dict[str, str]]:
    """What a table of features says of a configuration key, the configuration need not say again."""
    found, keys = [], set()
    for row in (row for name, rows in tables.items() if name != "configuration" for row in rows):
        if row["contradiction"]:
            keys.add(row.get("key"))
            subject = f"{row['id']} {row['feature']}" if row.get("key") is not None else row["feature"]
            found.append({"subject": subject.strip(), "text": row["contradiction"]})
    found += [
        {"subject": row["key"], "text": row["contradiction"]}
        for row in tables["configuration"]
        if row["contradiction"] and row["key"] not in keys
    ]
    return found


def _everything(run: Run) -> Iterable[Any]:
    yield from (run.boot, run.claims.described, run.security)
    for key, (value, _) in run.configuration.items():
        yield {"key": key, "value": value}
    for outcome in run.outcomes:
        yield from (message.payload for message in outcome.exchange)


def _case(outcome: Outcome, mask: Mask) -> Document:
    parts = {
        name: next(
            (line.removeprefix(head) for line in outcome.text.split("\n") if line.startswith(head)), ""
        )
        for name, head in _PARTS.items()
    }
    blamed = None
    if outcome.verdict == FAILED:
        blamed = next((message for message in outcome.exchange if str(message) == parts["came"]), None)
    events = sorted([*outcome.exchange, *outcome.deeds], key=lambda event: event.monotonic_s)
    began = events[0].monotonic_s if events else 0
    return {
        "id": outcome.case.id,
        "title": outcome.case.title,
        "profile": outcome.case.profile,
        "aliases": list(outcome.case.aliases),
        "verdict": outcome.verdict,
        "seconds": round(outcome.seconds, 3),
        "text": mask.text(outcome.text),
        **{name: mask.text(text) for name, text in parts.items()},
        "events": [
            _deed(event, began, mask)
            if isinstance(event, Deed)
            else _message(event, began, mask, event is blamed)
            for event in events
        ],
    }


def _deed(deed: Deed, began: float, mask: Mask) -> Document:
    return {
        "from": "driver",
        "kind": "deed",
        "action": "",
        "text": mask.text(deed.text),
        "at": utc_text(deed.at),
        "after_s": round(deed.monotonic_s - began, 6),
        "payload": None,
        "id": "",
        "answer_s": None,
        "objection": "",
        "blamed": False,
    }


def _message(message: Message, began: float, mask: Mask, blamed: bool) -> Document:
    payload = mask.value(message.payload)
    # describe() looks into the payload: it is shown the one without secrets.
    shown = replace(message, payload=payload, raw=mask.text(_raw(message)))
    answer_s = message.monotonic_s - message.question.monotonic_s if message.question else None
    if message.kind == "garbage":
        payload = _without_a_key(shown.raw)
    elif message.kind == "error":
        payload = {
            "errorCode": mask.text(str(message.error_code)),
            "errorDescription": mask.text(str(message.error_description)),
            "errorDetails": payload,
        }
    return {
        "from": "station" if message.direction == FROM_STATION else "csms",
        "kind": message.kind,
        "action": mask.text(str(message.action)),
        "text": mask.text(describe(replace(shown, raw=_without_a_key(shown.raw)))),
        "at": utc_text(message.at),
        "after_s": round(message.monotonic_s - began, 6),
        "payload": payload,
        "id": mask.text(str(message.id)),
        "answer_s": None if answer_s is None else round(answer_s, 6),
        "objection": mask.text(message.violation or ""),
        "blamed": blamed,
    }


def _raw(message: Message) -> str:
    return message.raw if isinstance(message.raw, str) else repr(message.raw)


def _without_a_key(raw: Any) -> str:
    """A frame that is no message cannot be taken apart: one that speaks of the key is not shown at all."""
    return HIDDEN if "authorizationkey" in str(raw).casefold() else str(raw)
