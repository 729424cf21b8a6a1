# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Two blocks of flash that are given back when the file system is full.

littlefs copies before it writes: on a full one not even a shorter file can take the place of a longer one.
"""

import os

# Two blocks of 4 KB, less the pointers that littlefs puts into them.
BYTES = 8176
_CHUNK_BYTES = BYTES // 16


class Reserve:
    """The file `path`.

    is_there  whether it holds the blocks
    """

    def __init__(self, path: str):
        self._path = path
        try:
            self.is_there = os.stat(path)[6] == BYTES  # one that the power cut short is written anew
        except OSError:
            self.is_there = False

    def restore(self, least_free_bytes: int) -> bool:
        """Write it, if it is not there and the file system has as much room. Whether it is there."""
        if self.is_there:
            return True
        try:
            free = os.statvfs(self._path[: self._path.rfind("/")])
            if free[1] * free[3] >= least_free_bytes:
                with open(self._path, "wb") as file:
                    chunk = bytes(_CHUNK_BYTES)
                    for _ in range(BYTES // _CHUNK_BYTES):
                        file.write(chunk)
                self.is_there = True
        except OSError:
            pass
        if not self.is_there:
            self.release()  # cut short
        return self.is_there

    def release(self) -> None:
        """Give the blocks back."""
        self.is_there = False
        try:
            os.remove(self._path)
        except OSError:
            pass
