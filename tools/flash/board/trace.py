# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Which file each flash operation was for: stands between the firmware and the file system.

littlefs writes when a file is closed, flushed or outgrows its cache, and when names change; reading writes
nothing.
"""

import builtins
import os
import sys

_DIGITS = "0123456789abcdef"
_REAL = os  # the name `os` is replaced in every module, in this one too


class Trace:
    """`rows`: {file: [writes, operations, erases, programmed bytes]}; numbered files are one."""

    def __init__(self, device, root):
        self.device = device
        self.rows = {}
        self._root = root + "/"
        self._open = builtins.open

    def install(self):
        """From now on, for every module that is imported by then."""
        builtins.open = self._opened
        traced = _Os(self)
        for module in list(sys.modules.values()):
            if getattr(module, "os", None) is _REAL:
                module.os = traced  # pyright: ignore[reportAttributeAccessIssue]

    def reset(self):
        self.rows = {}

    def _opened(self, path, mode="r"):
        if mode[0] == "r" and "+" not in mode:
            return self._open(path, mode)
        row = self._row(path)
        row[0] += 1
        return _File(self, row, self.count(row, self._open, path, mode))

    def _row(self, path):
        name = path[len(self._root) :] if path.startswith(self._root) else path
        cut = max(name.rfind("/"), name.rfind("_")) + 1
        number = name[cut:].split(".", 1)[0]
        if cut and number and all(char in _DIGITS for char in number):
            # "outbox/0000001f.seg", "cache/bucket_a": one row for all of them
            name = name[:cut] + "*" + name[cut + len(number) :]
        return self.rows.setdefault(name, [0, 0, 0, 0])

    def count(self, row, function, *arguments):
        device = self.device
        operations, erases, programmed = device.operations, device.erases, device.programmed_bytes
        try:
            return function(*arguments)
        finally:
            row[1] += device.operations - operations
            row[2] += device.erases - erases
            row[3] += device.programmed_bytes - programmed


class _File:
    def __init__(self, trace, row, file):
        self._trace = trace
        self._row = row
        self._file = file

    def __getattr__(self, name):
        return getattr(self._file, name)

    def write(self, data):
        return self._trace.count(self._row, self._file.write, data)

    def flush(self):
        return self._trace.count(self._row, self._file.flush)

    def close(self):
        return self._trace.count(self._row, self._file.close)

    def __enter__(self):
        return self

    def __exit__(self, kind, error, traceback):
        self.close()


class _Os:
    def __init__(self, trace):
        self._trace = trace

    def __getattr__(self, name):
        return getattr(_REAL, name)

    def _changed(self, function, path, *others):
        row = self._trace._row(path)
        row[0] += 1
        return self._trace.count(row, function, path, *others)

    def remove(self, path):
        return self._changed(_REAL.remove, path)

    def rename(self, path, target):
        return self._changed(_REAL.rename, path, target)

    def mkdir(self, path):
        return self._changed(_REAL.mkdir, path)
