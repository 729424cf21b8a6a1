# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Write docs/configuration.md from firmware/station/keys.py, the firmware's own table of keys.

python tools/keys_page.py            write the page
python tools/keys_page.py --check    exit 1 when the page is not what would be written
"""

import argparse
import re
import runpy
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "firmware" / "station" / "keys.py"
TEMPLATE = ROOT / "tools" / "keys_page.md"
PAGE = ROOT / "docs" / "configuration.md"

KEYS = runpy.run_path(str(SOURCE))["KEYS"]

_LINE = re.compile(r'^    \("(\w+)", .*\),(?:  # (.*))?$')
_SECTION = re.compile(r"^    # (.*)$")
_KIND_NAMES = {"bool": "boolean", "int": "integer", "secret": "password"}


def remarks():
    """[(section, [(key, remark)])] in the order of the source; its comments are the last column."""
    source = SOURCE.read_text(encoding="utf-8")
    found = []
    for line in source[source.index("KEYS = (") : source.index("# fmt: on")].splitlines()[1:]:
        if section := _SECTION.match(line):
            title = section[1]
            found.append((title[:1].upper() + title[1:], []))
        elif key := _LINE.match(line):
            found[-1][1].append((key[1], key[2] or ""))
        elif line != ")":
            raise SystemExit(f"{SOURCE}: this line is no key: {line}")
    names = [name for _, lines in found for name, _ in lines]
    if names != [entry[0] for entry in KEYS]:
        raise SystemExit(f"{SOURCE}: the lines do not match the table")
    return found


def row(entry, remark):
    name, (kind, least, most, unit), access, default, needs, demand = entry
    bounds = ""
    if kind in ("int", "text"):
        bounds = f"from {least}" if most == 2147483647 else f"{least} to {most}"
        bounds = f"{bounds} {unit}".strip()
    if default is None:
        default = "-"
    elif default == "":
        default = "(empty)"
    where = {"": "", "cache": "option `cache`", "given": "the description gives it a value"}.get(needs, needs)
    cells = [name, _KIND_NAMES.get(kind, kind), bounds, access, default, where, demand, remark]
    return "| " + " | ".join(map(str, cells)) + " |"


def page():
    lines = []
    entries_of = {entry[0]: entry for entry in KEYS}
    for section, entries in remarks():
        lines.append(f"## {section}\n")
        lines.append("| Key | Type | Range | Access | Default | There when | Standard | Remark |")
        lines.append("| --- | --- | --- | --- | --- | --- | --- | --- |")
        lines.extend(row(entries_of[name], remark) for name, remark in entries)
        lines.append("")
    return TEMPLATE.read_text(encoding="utf-8").replace("TABLES\n", "\n".join(lines))


def main(arguments=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--check", action="store_true", help="compare instead of writing")
    options = parser.parse_args(arguments)
    text = page()
    if not options.check:
        PAGE.write_text(text, encoding="utf-8")
    elif not PAGE.exists() or PAGE.read_text(encoding="utf-8") != text:
        print(f"{PAGE.relative_to(ROOT)} is stale: run python tools/keys_page.py", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
