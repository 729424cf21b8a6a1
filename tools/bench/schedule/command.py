# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""`python -m bench schedule FILE`: installed charging profiles and the composite schedule that the firmware
makes of them, as a table and as a chart. docs/smart-charging-examples.md says what the file is.
"""

import argparse
import sys
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="FILE", help="JSON: a station, a moment, and profiles")
    parser.add_argument("--png", type=Path, metavar="FILE", help="write this one")
    parser.add_argument("--svg", type=Path, metavar="FILE", help="and this one (default: both, beside FILE)")
    parser.add_argument("--connector", type=int, metavar="N", help="0: the whole station")
    parser.add_argument(
        "--from", dest="begin", metavar="TIME", help="2026-11-21T08:00:00Z (default: the file's now)"
    )
    parser.add_argument(
        "--hours", type=float, metavar="H", help="how far (default: the file's duration, or 24)"
    )
    parser.add_argument("--unit", choices=("A", "W"))


def run(options: argparse.Namespace) -> int:
    """The process's exit code: 0, or 2 after a line that says what is wrong."""
    # Only here: the other commands need none of it.
    from bench.schedule import table  # noqa: PLC0415
    from bench.schedule.lanes import Lanes  # noqa: PLC0415
    from bench.schedule.situation import Wishes, Wrong, read  # noqa: PLC0415

    try:
        wishes = Wishes(options.connector, options.begin, _seconds(options.hours), options.unit)
        lanes = Lanes(read(options.file, wishes))
        print(table.text(lanes))
        _draw(lanes, _files(options))
    except (Wrong, WrongOption) as error:
        print(error, file=sys.stderr)
        return 2
    except OSError as error:
        print(f"{error.filename}: {error.strerror}", file=sys.stderr)
        return 2
    return 0


class WrongOption(ValueError):
    """The text says why."""


def _seconds(hours: float | None) -> int | None:
    if hours is None:
        return None
    if not 0 < hours < 1e6:
        raise WrongOption(f"--hours: more than 0 are needed, not {hours:g}")
    return max(1, round(hours * 3600))


def _files(options: argparse.Namespace) -> dict[str, Path]:
    """Kind -> file to write."""
    given = {kind: path for kind, path in (("png", options.png), ("svg", options.svg)) if path is not None}
    return given or {kind: options.file.with_suffix("." + kind) for kind in ("png", "svg")}


def _draw(lanes, files: dict[str, Path]) -> None:
    from bench.schedule.chart import Chart  # noqa: PLC0415

    try:
        chart = Chart(lanes)
    except ModuleNotFoundError as error:
        raise WrongOption(
            f"a chart needs the package {error.name}: `make schedule FILE=...` installs it"
        ) from None
    for kind, path in files.items():
        path.write_bytes(getattr(chart, kind)())
        print(f"chart: {path}")
