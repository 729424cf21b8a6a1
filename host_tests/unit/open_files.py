# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Which files are open. What nobody closes stays in littlefs's list of open files until the garbage collector
comes by; when that comes in the middle of a rename, the list points into memory that is free, and the next
write never ends (seen with MicroPython 1.25 and a block device in Python).
"""

import builtins


class OpenFiles:
    """`with OpenFiles() as files:` `files.paths` are open now; only such below `root` are watched."""

    def __init__(self, root: str = ""):
        self.paths = []
        self._root = root
        self._open = builtins.open

    def watch(self):
        """From now on, for every module."""
        builtins.open = self._opened

    def __enter__(self):
        self.watch()
        return self

    def __exit__(self, kind, error, traceback):
        builtins.open = self._open

    def _opened(self, path, *others):
        file = self._open(path, *others)
        if not isinstance(path, str) or not path.startswith(self._root):
            return file
        self.paths.append(path)
        return _File(self, path, file)


class _File:
    def __init__(self, files, path, file):
        self._files = files
        self._path = path
        self._file = file

    def __getattr__(self, name):
        return getattr(self._file, name)

    def close(self):
        if self._path in self._files.paths:  # not when it was reported before
            self._files.paths.remove(self._path)
        self._path = None
        self._file.close()

    def __enter__(self):
        return self

    def __exit__(self, kind, error, traceback):
        self.close()
