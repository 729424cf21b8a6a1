# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Emulated boards for the tests of this folder. `make emulate` runs it, `make test` does not: it needs an
image."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from emulator import emulated
from emulator.emulated import Emulated


@pytest.fixture(scope="session")
def image() -> Path:
    """The image that the runner's own tests use: any MicroPython for the Pico will do."""
    image = Path(os.environ.get("PILOTLIGHT_RUNNER_IMAGE") or emulated.IMAGE)
    if not image.exists():
        pytest.fail(
            "there is no image at %s: run `make image`, or name one in PILOTLIGHT_RUNNER_IMAGE" % image
        )
    return image


@pytest.fixture
def start(image: Path) -> Iterator[Callable[..., Emulated]]:
    """`start(pace=4, ...)`: an emulated board that runs, by `Emulated`'s arguments; ended after the test."""
    started = []

    def begin(**arguments) -> Emulated:
        arguments = {"image": image, "pace": 4, "seed": 5, **arguments}
        board = Emulated(**arguments)
        started.append(board)
        board.start()
        if arguments["pace"] is not None:
            board.wait_for_usb()
        return board

    yield begin
    for board in started:
        board.end()
