# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Where things lie, and the one kind of failure that set-up and launcher report."""

import shutil
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build"
VENV = BUILD / "venv"
MPY = BUILD / "mpy"


class SetupError(Exception):
    """One sentence for the person at the terminal; shown without a traceback."""


def put_in_place(new: Path, final: Path) -> None:
    """Make the finished folder `new` appear as `final` in one step, so that an interrupted set-up leaves no
    half."""
    shutil.rmtree(final, ignore_errors=True)
    new.rename(final)


def fresh(folder: Path) -> Path:
    """An empty `folder`, whatever an interrupted run left there."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder
