# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""One SendLocalList on its way to flash (OCPP 1.6, 5.15): entries in any order become a sorted file.

Forty of them wait in RAM, are sorted and written to a file of such runs, `update`. At the end all runs, and
for a Differential update the files of the list, are merged into a new file; of more than 25 runs first fewer
and longer ones are made.
"""

import os
from binascii import crc32
from io import BytesIO

import log
from station import list_entry
from store import sorted_file
from store.sorted_file import KEY_BYTES, RECORD_BYTES, Damaged

# So many entries of an update wait in RAM, with 80 bytes each on the board's heap, to be sorted.
_RUN = 40
# So many runs are merged at a time, with 100 bytes each.
_WIDTH = 25
# Changes are kept beside the list as long as they fit into one block of littlefs.
_BESIDE = 4096 // RECORD_BYTES
# What an update leaves of the flash: bills come first.
_SPARED_BYTES = 32768
# A merge rests after so many records: less than 10 ms of a RP2040, erases apart.
_SLICE = 8
_ENOSPC = 28


class Update:
    """Any number of add(), then finish() or abandon(). `owner`: `station.local_list.LocalList`.

    failed  None, or why nothing will come of it
    status  of the answer, once finish() has come to its end
    """

    def __init__(self, owner):
        self.failed = None
        self.status = None
        self._owner = owner
        self._spool_path = owner.directory + "/update"  # made once: to remove it takes no memory
        self._run = []  # records that are not sorted yet
        self._spool = None  # the file of sorted runs while it is written
        self._spooled = False  # there is more than one run
        self._length = _RUN  # of each run but the last
        self._count = 0
        self._deletes = False
        self._work = None

    def add(self, tag: str, info) -> None:
        """An entry in the order of its arrival. `info`: IdTagInfo, None: the entry has none."""
        if self.failed is not None:
            return
        try:
            most = self._owner.config.value("SendLocalListMaxLength")
            if self._count >= most:
                raise ValueError("more than %d entries, SendLocalListMaxLength" % most)
            record = list_entry.packed(tag, info)
            if len(self._run) == _RUN:
                self._spill()
            self._run.append(record)
            self._count += 1
            self._deletes = self._deletes or info is None
        except (ValueError, OSError, MemoryError) as error:
            self._fail(error)

    def finish(self, version: int, full: bool):
        """Make it the list: a generator, to be run to its end, or left by abandon(). Then `status` is
        "Accepted", "Failed" or "VersionMismatch".
        """
        self._work = self._finish(version, full)
        return self._work

    def abandon(self) -> None:
        """Nothing comes of it; nothing happens when it has come to its end already."""
        if self.status is not None:
            return
        if self._work is not None:
            self._work.close()  # MicroPython leaves its files open until it is collected
        self.failed = self.failed or "abandoned"
        self._drop()
        self._end("Failed")

    def _end(self, status):
        self.status = status
        self._owner.finished(self)

    def _finish(self, version, full):
        if self.status is not None:
            return  # it was abandoned
        status = "Failed"
        try:
            if not full and version <= self._owner.version:
                status = "VersionMismatch"
            elif self.failed is None:
                if version <= 0:
                    raise ValueError("version %d" % version)  # errata 3.52
                if full and self._deletes:
                    raise ValueError("an entry of a full list has no idTagInfo")
                if not full and self._owner.lost:
                    raise ValueError("the list was damaged, a full one is needed")
                yield from self._replace(version, full)
                status = "Accepted"
        except (ValueError, OSError, MemoryError) as error:
            self._fail(error)
        finally:
            self._drop()
        self._end(status)

    def _replace(self, version, full):
        """Give the owner the new list, in slices. Raises ValueError, OSError, MemoryError: it has the old."""
        owner = self._owner
        before = () if full else owner.files
        if not self._count:
            owner.replace_by(version, 0 if full else owner.size, before)
            return
        changes = self._count + (before[0][1] if len(before) == 2 else 0)
        beside = bool(before) and before[-1][1] > _BESIDE and changes <= _BESIDE
        self._need_room(changes if beside else self._count + sum([entry[1] for entry in before]))
        number = max([entry[0] for entry in owner.files] or [0]) + 1
        path = owner.path(number)
        files = []
        try:
            if self._spooled:
                self._spill()
                self._close_spool()
                yield
                while self._count > self._length * _WIDTH:
                    yield from self._join_runs()
            sources = self._sources(files)
            runs = len(sources)
            for entry in before:
                files.append(open(owner.path(entry[0]), "rb"))  # noqa: SIM115
                sources.append((files[-1], 0, entry[1]))
            target = open(path, "wb")  # noqa: SIM115
            files.append(target)
            yield
            # Where the changes stay beside the list, its own entries are only counted.
            written_below = len(sources) - 1 if beside else len(sources)
            written = (0, 0, 0)
            try:
                work = _merged(sources, runs, written_below, not beside, target, self._most())
                for written in work:  # noqa: B007 (the last one counts)
                    yield
            except Damaged as error:
                if error.place >= runs and before is owner.files:
                    owner.set_aside(before[error.place - runs][0], error)
                raise
            target.close()  # now it is on flash, or the disk is full
            if not full and before is not owner.files:
                raise ValueError("the list was lost meanwhile")
            count, check, size = written
            kept = before[-1:] if beside else ()
            owner.replace_by(version, size, (((number, count, check),) if count else ()) + kept)
            path = path if not count else None
        finally:
            for file in files:
                _close(file)
            if path is not None:
                owner.remove(path)

    def _most(self):
        return self._owner.config.value("LocalAuthListMaxLength")

    def _sources(self, files):
        """What was added, as sources of a merge; the file they lie in goes to `files`."""
        if not self._spooled:
            self._run.sort()
            files.append(BytesIO(b"".join(self._run)))
            self._run = []
            return [(files[0], 0, self._count)]
        files.append(open(self._spool_path, "rb"))  # noqa: SIM115
        return self._runs(files[0], 0, self._count)

    def _runs(self, file, first, end):
        """Those that begin from record `first` on, as sources of a merge."""
        length = self._length
        return [(file, at * RECORD_BYTES, min(length, end - at)) for at in range(first, end, length)]

    def _join_runs(self):
        """Make one run of _WIDTH, each time, in slices. Raises OSError, Damaged."""
        self._need_room(self._count)
        path = self._spool_path
        beside = path + ".new"
        length = self._length * _WIDTH
        try:
            with open(path, "rb") as file, open(beside, "wb") as target:
                for first in range(0, self._count, length):
                    runs = self._runs(file, first, min(first + length, self._count))
                    for turn, (_, record) in enumerate(sorted_file.merge(runs)):
                        target.write(record)
                        if turn % _SLICE == 0:
                            yield
            os.rename(beside, path)
            self._length = length
        finally:
            self._owner.remove(beside)  # where it could not be completed

    def _close_spool(self):
        """What was added is on flash. Raises OSError: the disk is full."""
        spool, self._spool = self._spool, None
        if spool is None:
            return
        try:
            spool.close()
        except OSError:
            _close(spool)
            raise

    def _spill(self):
        """Write the entries in RAM, sorted, behind those that are on flash. Raises OSError."""
        self._need_room(len(self._run))
        if self._spool is None:
            self._spooled = True
            self._spool = open(self._spool_path, "wb")  # noqa: SIM115
        self._run.sort()
        for record in self._run:
            self._spool.write(record)
        self._run = []

    def _need_room(self, records):
        room = os.statvfs(self._owner.directory)
        if room[1] * room[3] < records * RECORD_BYTES + _SPARED_BYTES:
            raise OSError(_ENOSPC, "no room on the flash")

    def _fail(self, why):
        self.failed = str(why) or repr(why)
        log.warning("local list", "update refused: %s", self.failed)
        self._drop()

    def _drop(self):
        """Give back RAM and flash."""
        self._run = []
        if self._spool is not None:
            _close(self._spool)
            self._spool = None
        if self._spooled:
            self._spooled = False
            self._owner.remove(self._spool_path)


def _merged(sources, runs, written_below, whole, target, most):
    """Write the newest record of each tag, as far as its source is `written_below`, to `target`; deletions
    only if it is not the `whole` list. Yields (records written, their CRC-32, entries of the list) now and
    then, and at the end. ValueError: a tag is twice in the update's `runs`, the list has more than `most`.
    """
    written = check = size = 0
    previous = None
    turn = 0
    for place, record in sorted_file.merge(sources):
        turn += 1
        if turn % _SLICE == 0:
            yield written, check, size
        key = record[:KEY_BYTES]
        if key == previous:
            if place < runs:
                raise ValueError("a tag is there twice")
            continue
        previous = key
        listed = list_entry.is_listed(record)
        if listed:
            size += 1
            if size > most:
                raise ValueError("the list has more than %d entries, LocalAuthListMaxLength" % most)
        if place < written_below and (listed or not whole):
            target.write(record)
            check = crc32(record, check)
            written += 1
    yield written, check, size


def _close(file):
    try:
        file.close()
    except OSError:
        pass  # a full disk; who needs the content has closed it before
