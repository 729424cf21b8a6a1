# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Where an installation.json is kept: on a board, or in the folder of a simulated one."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from install.board_link import BoardLink, connected, the_port
from install.firmware_set import CURRENT
from install.flash import refuse_while_charging
from install.settings import FILE, MOST_BYTES

_SETTINGS = "settings"  # docs/files.md
_NEW = ".new"


class Place(Protocol):
    """An open one: whoever opened it has the board's console, and the charger stands still."""

    def stay(self) -> None:
        """Leave the charger as it is, standing still; without, it restarts."""
        ...

    def read(self) -> bytes:
        """The file, b"" when there is none."""
        ...

    def write(self, text: bytes) -> None:
        """The file is the old one or the new one, whenever the power goes."""
        ...

    def has_settings(self) -> bool:
        """Has the charger booted with its settings kept? Then `set` counts no more."""
        ...

    def board(self) -> str | None:
        """The name of the board, if it says so."""
        ...


class OnBoard:
    def __init__(self, link: BoardLink):
        self._link = link

    def stay(self) -> None:
        self._link.stays = True

    def read(self) -> bytes:
        return self._link.content("/" + FILE, MOST_BYTES + 1) or b""

    def write(self, text: bytes) -> None:
        self._link.replace("/" + FILE, text)

    def has_settings(self) -> bool:
        return _SETTINGS in self._link.names()

    def board(self) -> str | None:
        words = (self._link.content(CURRENT, 256) or b"").split()
        return words[1].decode(errors="replace") if len(words) > 1 else self._link.frozen_board()


class InFolder:
    def __init__(self, folder: Path):
        self._folder = folder

    def stay(self) -> None:
        pass

    def read(self) -> bytes:
        path = self._folder / FILE
        return path.read_bytes() if path.exists() else b""

    def write(self, text: bytes) -> None:
        new = self._folder / (FILE + _NEW)
        # Not for others to read: it holds secrets.
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        new.replace(self._folder / FILE)

    def has_settings(self) -> bool:
        return (self._folder / _SETTINGS).exists()

    def board(self) -> str | None:
        return None


@contextmanager
def opened(port: str, force: bool) -> Iterator[Place]:
    """port: of a board, or an existing folder. Refused while a car charges, unless forced."""
    if port and Path(port).is_dir():
        yield InFolder(Path(port))
        return
    with connected(the_port(port)) as link:
        if not force:
            refuse_while_charging(link)
        yield OnBoard(link)
