# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The head of a journal: what is to be delivered next, in a small file that is overwritten whole.

    2 CRC SEQUENCE MISSING NOTE

twice, as two identical lines: one flipped bit must not make a delivered record come back. CRC: eight hex
digits of the CRC-32 over the line without it and the space behind it. SEQUENCE: number of the next record
to deliver. MISSING: how many numbers from there on belong to no record, because it was thinned out. NOTE:
a JSON object of the journal's owner, at most 1 KB. Version 1 has no MISSING; it is still read.
"""

import json
from binascii import crc32

import log
from store.overwrite import overwrite
from store.record import NewerVersion, replace, report

_VERSION = 2
_NOTE_LIMIT_BYTES = 1024
_ENOENT = 2


class Head:
    """What the file `path` says: seq, missing, note. As on flash, except that the owner may change `note`.

    damaged  how many copies or files were found unreadable by load()
    """

    def __init__(self, path: str):
        self.path = path
        self.seq = 1
        self.missing = 0
        self.note = {}
        self.damaged = 0
        self._note_check = None  # CRC-32 of the note on flash

    def load(self) -> None:
        """Raises NewerVersion."""
        path = self.path
        try:
            with open(path, "rb") as file:
                content = file.read(4 * _NOTE_LIMIT_BYTES)
        except OSError as error:
            if error.args[0] != _ENOENT:
                log.error("journal", "%s cannot be read: %s", path, error)
            return
        half = len(content) // 2
        # By the middle, so that a damaged end of line spoils one copy only; by the lines, if the file is cut.
        copies = [content[: half - 1], content[half:-1]]
        copies.extend(content.split(b"\n"))
        for index, line in enumerate(copies):
            try:
                self._take(line)
            except (ValueError, IndexError):
                continue
            if index:
                self.damaged += 1
                log.warning("journal", "%s: first copy is damaged, the second is used", path)
            return
        if content:
            self.damaged += 1
            report("journal", path, "set aside as head.bad, delivery restarts at the oldest record")
            replace(path, path + ".bad")

    def save(self, seq: int, missing: int, note: dict) -> None:
        """Raises ValueError when the note is too long, OSError when it cannot be written."""
        text = _json(note)
        if len(text) > _NOTE_LIMIT_BYTES:
            raise ValueError("note of %d bytes" % len(text))
        rest = b"%d %d %s" % (seq, missing, text)
        line = b"%d %08x %s\n" % (_VERSION, crc32(b"%d %s" % (_VERSION, rest)), rest)
        overwrite(self.path, line + line)
        self.seq = seq
        self.missing = missing
        self.note = note
        self._note_check = crc32(text)

    def holds(self, note: dict) -> bool:
        """Whether this note is the one on flash."""
        return self._note_check == crc32(_json(note))

    def _take(self, line):
        """One of the two lines; ValueError or IndexError when it is damaged."""
        version, check, rest = _fields(line, 3)
        if b"%08x" % crc32(version + b" " + rest) != check:
            raise ValueError
        number = int(version)
        if number > _VERSION:
            raise NewerVersion(
                "%s has format %d, this firmware reads up to %d: install newer firmware or remove it"
                % (self.path, number, _VERSION)
            )
        if number == 1:
            seq, text = _fields(rest, 2)
            missing = b"0"
        else:
            seq, missing, text = _fields(rest, 3)
        note = json.loads(str(text, "utf-8"))
        self.seq, self.missing, self.note = int(seq), int(missing), note
        self._note_check = crc32(text)


def _json(note):
    return json.dumps(note, separators=(",", ":")).encode()


def _fields(text, count):
    fields = text.split(b" ", count - 1)
    if len(fields) != count:
        raise ValueError
    return fields
