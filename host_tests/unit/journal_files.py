# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""What the tests of the journal share: one that is filled, emptied, and its files."""

import os

from store.journal import Journal

HEADER_BYTES = 11


def drain(journal):
    found = []
    while True:
        record = journal.peek()
        if record is None:
            return found
        found.append(record[1])
        journal.drop()


def segments(path):
    return sorted([name for name in os.listdir(path) if name.endswith(".seg")])


def fill(path, records, segment_bytes=8192):
    journal = Journal(path, segment_bytes)
    for data in records:
        journal.append(data)
    return journal
