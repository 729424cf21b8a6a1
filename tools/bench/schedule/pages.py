# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Write docs/smart-charging-examples.md and its pictures from tools/bench/examples/schedules.

python -m bench.schedule.pages            write them
python -m bench.schedule.pages --check    exit 1 when one is not what would be written

The text is in pages.md beside this module. A line `EXAMPLE name` becomes the payloads, the chart and the
table of name.json; `AFTER name [payload, ...]` the table of what is left after these ClearChargingProfile.
"""

import argparse
import json
import re
import sys
import textwrap
from pathlib import Path
from typing import Any

from bench.schedule import table
from bench.schedule.chart import Chart
from bench.schedule.lanes import Lanes
from bench.schedule.situation import Situation, Wrong, situation

ROOT = Path(__file__).resolve().parents[3]
EXAMPLES = ROOT / "tools" / "bench" / "examples" / "schedules"
TEMPLATE = Path(__file__).with_name("pages.md")
PAGE = "smart-charging-examples.md"
PICTURES = "pictures"
_PREFIX = "schedule-"

_DIRECTIVE = re.compile(r"^(EXAMPLE|AFTER) ([a-z0-9-]+)(?: (\[.*\]))?$", re.MULTILINE)
_COLUMNS = 116
_BLANK = "\u00a0"  # at which textwrap does not break


def made() -> dict[str, bytes]:
    """Name in docs -> what is in it."""
    found: dict[str, bytes] = {}

    def put(directive: re.Match[str]) -> str:
        kind, name, clears = directive.groups()
        if kind == "AFTER":
            return table.markdown(Lanes(_example(name, clear=json.loads(clears))))
        lanes = Lanes(_example(name))
        picture = f"{PICTURES}/{_PREFIX}{name}.svg"
        found[picture] = Chart(lanes).svg()
        title = table.title(lanes.situation)
        chart = f"![{title}]({picture})"
        return "\n\n".join((_payloads(lanes.situation), chart, table.markdown(lanes)))

    page = _DIRECTIVE.sub(put, TEMPLATE.read_text("utf-8"))
    return {PAGE: page.encode(), **found}


def _example(name: str, **more: Any) -> Situation:
    path = EXAMPLES / f"{name}.json"
    try:
        return situation({**json.loads(path.read_text("utf-8")), **more})
    except Wrong as error:
        raise Wrong(f"{path}: {error}") from None


def _payloads(asked: Situation) -> str:
    """As the CSMS sends them; a name and its value stay in one line."""
    lines = []
    for payload in asked.payloads:
        text = json.dumps(payload).replace('": ', f'":{_BLANK}')
        wrapped = textwrap.wrap(
            text, _COLUMNS, initial_indent="    ", subsequent_indent="      ", break_long_words=False,
            break_on_hyphens=False,
        )  # fmt: skip
        lines += [line.replace(_BLANK, " ") for line in wrapped]
    return "\n".join(lines)


def _strays(docs: Path, wanted: dict[str, bytes]) -> list[Path]:
    """Pictures of examples that are no more."""
    pictures = (docs / PICTURES).glob(f"{_PREFIX}*.svg")
    return sorted(path for path in pictures if f"{PICTURES}/{path.name}" not in wanted)


def main(arguments: list[str] | None = None, docs: Path = ROOT / "docs") -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--check", action="store_true", help="compare instead of writing")
    options = parser.parse_args(arguments)
    wanted = made()
    strays = _strays(docs, wanted)
    if options.check:
        stale = [docs / name for name, data in wanted.items() if _read(docs / name) != data]
        for path in (*stale, *strays):
            print(f"{path} is stale: make schedule-pages", file=sys.stderr)
        return 1 if stale or strays else 0
    for name, data in wanted.items():
        (docs / name).parent.mkdir(parents=True, exist_ok=True)
        (docs / name).write_bytes(data)
    for path in strays:
        path.unlink()
    return 0


def _read(path: Path) -> bytes | None:
    return path.read_bytes() if path.exists() else None


if __name__ == "__main__":
    sys.exit(main())
