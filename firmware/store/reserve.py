# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Two blocks of flash that are given back when the file system is full.

littlefs copies before it writes: on a full one not even a shorter file can take the place of a longer one.
"""

import os

# Two blocks of 4 KB, less the pointers that littlefs puts into them.
BYTES = 8176
# Only where three times as much is left besides: a small file system has better uses for it.
_FREE_BYTES = 4 * BYTES
_CHUNK = bytes(BYTES // 16)


class Reserve:
    """The file `path`."""

    def __init__(self, path: str):
        self._path = path
        try:
            self._wanted = os.stat(path)[6] != BYTES  # one that the power cut short is written anew
        except OSError:
            self._wanted = True

    def restore(self) -> None:
        """Write it if it is missing and there is room. Asked once; then not before it was released again."""
        if not self._wanted:
            return
        self._wanted = False
        try:
            free = os.statvfs(self._path[: self._path.rfind("/")])
            if free[1] * free[3] < _FREE_BYTES:
                self.release()  # of an earlier life with more room, or cut short
                self._wanted = False
                return
            with open(self._path, "wb") as file:
                for _ in range(BYTES // len(_CHUNK)):
                    file.write(_CHUNK)
        except OSError:
            self.release()
            self._wanted = False

    def release(self) -> None:
        """Give the blocks back."""
        self._wanted = True
        try:
            os.remove(self._path)
        except OSError:
            pass
