# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Give a file new content, so that a power cut leaves the old or the new.

littlefs does so when a file is written and closed, for 0.07 erases (docs/files.md): a name and a rename of
its own would cost seven times that. A POSIX file system empties the file first; there, on the simulated
board, the content is written beside and renamed over it.
"""

import os

# Whether the file system keeps the old content until the new is complete.
in_place = True


def overwrite(path: str, content: bytes) -> None:
    """Raises OSError (disk full, read-only): then the old content is still there."""
    if in_place:
        with open(path, "wb") as file:
            file.write(content)
        return
    beside = path + ".new"
    try:
        with open(beside, "wb") as file:
            file.write(content)
        os.rename(beside, path)
    except OSError:
        _remove(beside)  # half of it would only take the room that is missing
        raise


def _remove(path):
    try:
        os.remove(path)
    except OSError:
        pass
