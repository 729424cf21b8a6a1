# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Back to what the installer has set: all that the CSMS has told this charger goes, nothing that is to be
billed does. docs/buttons.md

Files are removed at the next start, before anybody reads them. A mark on flash asks for it, and goes last: a
power cut in the middle goes on from the beginning.
"""

import os

import log

MARK = "/factory_reset"

# Not here, and never: outbox, transactionN, boots and clock (what was charged is told, under numbers that
# are not used again), energy and meters (what has been counted), faults and availability (what is dangerous
# stays out of order), crash.txt and events, installation.json.
_FILES = ("settings", "reservations")
_FOLDERS = ("cache", "local_list", "profiles")


def order(path: str) -> None:
    """The next start does it. `path`: of `hal.contract.Storage`. OSError: it cannot be kept."""
    with open(path + MARK, "wb") as file:
        file.write(b"1")


def carry_out(path: str) -> None:
    """There is a mark. What cannot be removed is told, and left."""
    log.warning("factory reset", "settings, local list, cache, profiles and reservations are removed")
    for name in _FILES:
        _remove(path + "/" + name)
        _remove(path + "/" + name + ".bad")
    for name in _FOLDERS:
        folder = path + "/" + name
        try:
            names = os.listdir(folder)
        except OSError:
            continue  # it was never made
        for name in names:
            _remove(folder + "/" + name)
    _remove(path + MARK)


def _remove(path):
    try:
        os.stat(path)
    except OSError:
        return
    try:
        os.remove(path)
    except OSError as error:
        log.error("factory reset", "%s: %s", path, error)
