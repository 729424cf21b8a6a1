# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Is this board one that the firmware runs on, and may it be disturbed? No input or output here."""

import json

from install.board_link import Facts
from install.firmware_set import ARCHITECTURES, FirmwareSet, family
from install.plan import Found, foreign_start

OLDEST = (1, 24)
# Loaded from files the code takes about its own size of the heap, and a charger at work about so much more
# (`make footprint`: 250 KB of .mpy files, 310 KB in use after boot).
_DATA_BYTES = 64 * 1024
_RECORD = b"pilotlight "


def problems(
    facts: Facts, lacking: list[str], in_image: str | None, found: Found, wanted: FirmwareSet
) -> list[str]:
    """Why not; each a sentence. lacking: modules that this MicroPython does not have. in_image: the board
    whose firmware is frozen into it: that is what would be started, whatever lies in the file system."""
    if in_image is not None:
        return ["the firmware is part of this board's image (%s), a newer one comes with an image" % in_image]
    told = []
    if facts.version < OLDEST:
        told.append("MicroPython %s is too old, %s is needed" % (_dotted(facts.version), _dotted(OLDEST)))
    chip = facts.machine.rpartition(" with ")[2].lower().replace("-", "")
    if facts.platform != family(wanted.chip) or chip != wanted.chip:
        told.append(
            "%s is for a board with %s; this is a %s"
            % (wanted.board, wanted.chip, facts.machine or facts.platform)
        )
        return told  # of another chip nothing else fits either
    told += _formats(facts, wanted)
    if lacking:
        told.append("this MicroPython lacks what the firmware needs: %s" % ", ".join(lacking))
    needed = wanted.total_bytes + _DATA_BYTES
    if facts.heap_bytes < needed:
        told.append(
            "loaded from files the firmware takes some %d KB of the heap, and %d KB are free: it needs an "
            "image (docs/image.md), or a board with more RAM" % (needed // 1024, facts.heap_bytes // 1024)
        )
    if found.board() not in (None, wanted.board):
        told.append("%s is installed on it, and its settings are that board's" % found.board())
    if foreign_start(found):
        told.append("its main.py is somebody else's; it would be replaced")
    return told


def _formats(facts: Facts, wanted: FirmwareSet) -> list[str]:
    # sys.implementation._mpy: version, then sub-version and architecture as in the header of a file.
    version, sub, architecture = facts.mpy & 0xFF, facts.mpy >> 8 & 3, facts.mpy >> 10 & 0x0F
    for of_file, sub_of_file, architecture_of_file in sorted(wanted.formats()):
        if of_file != version:
            return [
                ".mpy files of version %d are not read by this MicroPython, which reads %d"
                % (of_file, version)
            ]
        if architecture_of_file and (sub_of_file, architecture_of_file) != (sub, architecture):
            names = {number: name for name, number in ARCHITECTURES.items()}
            return [
                "machine code %d.%d for %s does not run here: %d.%d, %s"
                % (
                    of_file,
                    sub_of_file,
                    names[architecture_of_file],
                    version,
                    sub,
                    names.get(architecture, architecture),
                )
            ]
    return []


def _dotted(version: tuple) -> str:
    return ".".join(map(str, version))


def is_transaction(name: str) -> bool:
    """Is it the file of a connector's transaction? (docs/files.md)"""
    return name.startswith("transaction") and name.removeprefix("transaction").isdigit()


def running(record: bytes) -> bool:
    """Does the file say that a transaction is running? What cannot be read counts as one."""
    if not record:
        return False
    head, _, body = record.partition(b"\n")
    try:
        return not (head.startswith(_RECORD) and json.loads(body) is None)
    except ValueError:
        return True
