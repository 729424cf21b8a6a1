# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""A directory that behaves as on littlefs, with a power cut before any of its operations.

An operation is what is found done or not done after a power cut: the content of a file when it is closed, a
new file's name, a rename, a removal. A new file whose content is still missing is empty.
"""

import os
from pathlib import Path
from types import TracebackType

import station.list_update
import station.local_list
import store.head
import store.journal
import store.overwrite
import store.record
import store.reserve
import store.segments
import store.sorted_file
import store.thinning

MODULES = (
    station.list_update,
    station.local_list,
    store.head,
    store.journal,
    store.overwrite,
    store.record,
    store.reserve,
    store.segments,
    store.sorted_file,
    store.thinning,
)


class PowerCut(BaseException):
    pass


class Flash:
    """`with Flash(cut_at):` the store's modules work on it; operation `cut_at` (from 0) raises PowerCut."""

    def __init__(self, cut_at: int | None = None):
        self.cut_at = cut_at
        self.operations = 0
        self.is_dead = False

    def __enter__(self) -> "Flash":
        for module in MODULES:
            vars(module)["open"] = self.open
            if hasattr(module, "os"):
                vars(module)["os"] = self
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for module in MODULES:
            del vars(module)["open"]
            if hasattr(module, "os"):
                vars(module)["os"] = os

    def operation(self) -> None:
        """Raises PowerCut when it is not done."""
        if self.is_dead or self.operations == self.cut_at:
            self.is_dead = True
            raise PowerCut
        self.operations += 1

    # what the store uses of os, and open

    stat = staticmethod(os.stat)
    listdir = staticmethod(os.listdir)
    statvfs = staticmethod(os.statvfs)

    def mkdir(self, path: str) -> None:
        if not Path(path).exists():
            self.operation()
        Path(path).mkdir()

    def remove(self, path: str) -> None:
        if Path(path).exists():
            self.operation()
        Path(path).unlink()

    def rename(self, path: str, target: str) -> None:
        self.operation()
        Path(path).replace(target)

    def open(self, path: str, mode: str):
        if mode == "rb":
            return Path(path).open("rb")
        return Written(self, Path(path), mode)


class Written:
    def __init__(self, flash: Flash, path: Path, mode: str):
        self.flash = flash
        self.path = path
        if not path.exists():
            flash.operation()
            path.touch()
        self.content = bytearray(path.read_bytes() if mode == "ab" else b"")
        self.closed = False

    def write(self, data: bytes) -> None:
        self.content += data

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            self.flash.operation()
            self.path.write_bytes(self.content)

    def __enter__(self) -> "Written":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
