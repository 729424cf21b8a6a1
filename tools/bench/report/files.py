# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The files of a report."""

import json
import re
from collections.abc import Iterable
from pathlib import Path

from bench.cases.run import Run
from bench.report import comparison, junit, page
from bench.report.document import FORMAT, Document, document

# Windows asks for that, and nobody's station is to take the place of a page of ours.
_TAKEN = ("index", "conformance", "con", "prn", "aux", "nul")


def write(runs: Iterable[Run], folder: Path) -> list[Path]:
    """STATION.html and STATION.json of each run, conformance.xml of all, and index.html when there are
    several; returns them, the page to look at first as the first.
    """
    documents = [document(run) for run in runs]
    folder.mkdir(parents=True, exist_ok=True)
    names = file_names(each["station"]["name"] for each in documents)
    written = []
    several = len(documents) > 1
    if several:
        text = comparison.html(list(zip(names, documents, strict=True)))
        written.append(_put(folder / "index.html", _encoded(text)))
    for name, each in zip(names, documents, strict=True):
        text = page.html(each, "index.html" if several else "")
        written.append(_put(folder / f"{name}.html", _encoded(text)))
        written.append(_put(folder / f"{name}.json", json.dumps(each, indent=1).encode() + b"\n"))
    written.append(_put(folder / "conformance.xml", junit.xml(documents)))
    return written


def again(file: Path) -> Path:
    """The page of a JSON file of earlier, beside it. ValueError: it is none of ours, or of another format."""
    try:
        each: Document = json.loads(file.read_text())
        told = each["format"]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{file} is no report of the bench") from error
    if told != FORMAT:
        raise ValueError(f"{file} has format {told}, this bench reads {FORMAT}")
    try:
        text = page.html(each)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{file} is damaged: {error!r}") from error
    return _put(file.with_suffix(".html"), _encoded(text))


def file_names(stations: Iterable[str]) -> list[str]:
    """For each a name without a suffix that every file system takes, and nobody else has."""
    taken: set[str] = set(_TAKEN)
    names = []
    for station in stations:
        plain = re.sub(r"[^A-Za-z0-9._-]+", "-", station).strip("-.")[:80] or "station"
        name, number = plain, 1
        while name.casefold() in taken:
            number += 1
            name = f"{plain}-{number}"
        taken.add(name.casefold())
        names.append(name)
    return names


def _put(file: Path, content: bytes) -> Path:
    file.write_bytes(content)
    return file


def _encoded(text: str) -> bytes:
    # JSON can bring half a surrogate pair, UTF-8 cannot.
    return text.encode("utf-8", "replace")
