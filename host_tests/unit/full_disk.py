# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""A disk that is full in the middle of a write."""


class HalfFile:
    """A file whose write stops half way."""

    def __init__(self, path, mode):
        self.file = open(path, mode)  # noqa: SIM115 closed by __exit__

    def __enter__(self):
        return self

    def __exit__(self, kind, error, traceback):
        self.file.close()

    def write(self, data):
        self.file.write(data[: len(data) // 2])
        raise OSError(28)


def _open(path, mode="r"):
    return HalfFile(path, mode) if mode[0] in "wa" else open(path, mode)


class FullDisk:
    """`with FullDisk(store.journal):` every write of that module stops half way."""

    def __init__(self, module):
        self.module = module

    def __enter__(self):
        self.module.open = _open
        return self

    def __exit__(self, kind, error, traceback):
        del self.module.open
