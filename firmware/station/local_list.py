# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The Local Authorization List (OCPP 1.6, 3.5.2, 3.5.3, 5.15): on flash, none of it in RAM.

A directory holds `head`, a `store.record.Record` {"version", "size", "lost", "files": [[number, count,
CRC-32], ...]}, and the files that it names, `entries_NUMBER` of `store.sorted_file`. The last one is the
list. One before it has the changes of the last Differential updates, deletions too, and counts first: to
change one entry of thousands costs one block of flash. When it would outgrow a block both become one file.

A file is never changed: the head, which littlefs replaces whole or not at all, decides which ones count. So
after a power cut it is the old list or the new one; what the head does not name is removed at the next start.

A damaged list is worth nothing: a blocked tag might not be found in what is left of it. It is set aside as
`entries.bad`, and is empty, version 0, which tells the CSMS to send it again: it is `lost` until a full one
came, since changes of what is not there would make a list that only looks whole.
"""

import gc
import os

import log
from station import list_entry
from store import sorted_file
from store.record import Record, replace, report
from store.sorted_file import Damaged

_VERSION = 1
# One failed read may be noise on a bus; one that fails again is damage.
_READS = 3


class LocalList:
    """The list in `directory`, made with the first update. One owner per directory.

    `config`: `station.configuration.Configuration` or anything with value(key), for LocalAuthListMaxLength
    and SendLocalListMaxLength. Raises store.record.NewerVersion.

    version  of the list; 0: it is empty, or was never sent
    size     its entries
    lost     it was damaged: no Differential update is taken
    """

    def __init__(self, directory: str, config):
        self.version = 0
        self.size = 0
        self.lost = False
        self.directory = directory
        self.config = config
        self.files = ()  # (number, count, CRC-32), newest first
        self._head = Record(directory + "/head", _VERSION)
        self._update = None
        kept = self._head.load()
        if kept is not None:
            try:
                self._take(kept)
            except (KeyError, TypeError, ValueError, IndexError) as error:
                self._set_aside(self._head.path, "head.bad", repr(error))
        elif self._head.damaged:
            self._lose()
        self._remove_leftovers()

    def lookup(self, tag: str):
        """IdTagInfo of the tag, expired or not; None: not in the list, or the list is unreadable. Never
        raises.
        """
        why = number = starved = None
        for _ in range(_READS):
            try:
                key = list_entry.key(tag)
                for number, count, _crc in self.files:
                    record = sorted_file.find(self.path(number), count, key)
                    if record is not None:
                        return list_entry.unpacked(record)
                return None
            except (OSError, Damaged) as error:
                why = error
            except ValueError:
                return None  # no update could have brought such a tag
            except MemoryError as error:
                starved = error
                gc.collect()
        if why is not None:
            try:
                self.set_aside(number, why)
                return None
            except MemoryError as error:  # the next one finds the damage as well
                starved = error
        log.failure("local list", "no memory to look for a tag", starved)
        return None

    def update(self):
        """A new Update; one that is not finished is abandoned."""
        if self._update is not None:
            self._update.abandon()
        try:
            os.mkdir(self.directory)
        except OSError:
            pass  # it is there already, or the first write says what is wrong
        # 2 KB of RAM that most stations, most of the time, do without.
        from station.list_update import Update

        self._update = Update(self)
        return self._update

    # --- for the update ---

    def path(self, number) -> str:
        return "%s/entries_%d" % (self.directory, number)

    def replace_by(self, version: int, size: int, files, lost: bool = False) -> None:
        """From now on these files are the list. Raises OSError, MemoryError: then all is as it was."""
        if not size:
            version = 0  # section 5.10, and TC_042_2: so says an empty list, whatever was sent
        gone = [self.path(entry[0]) for entry in self.files if entry not in files]
        self._head.save({"version": version, "size": size, "lost": lost, "files": files})
        # From here on nothing may fail: who is told so removes the files that count now.
        self._count(version, size, files, lost)
        for path in gone:
            self.remove(path)

    def set_aside(self, number, why) -> None:
        """The file with this number is damaged, and so is the list."""
        self._set_aside(self.path(number), "entries.bad", why)

    def finished(self, update) -> None:
        if self._update is update:
            self._update = None

    @staticmethod
    def remove(path) -> None:
        try:
            os.remove(path)
        except (OSError, MemoryError):
            pass  # it is not there; else the next start tries again

    # --- at start ---

    def _take(self, kept):
        """What the head says. KeyError, TypeError, ValueError or IndexError when it is not ours."""
        files = tuple([(int(entry[0]), int(entry[1]), int(entry[2])) for entry in kept["files"]])
        self._count(int(kept["version"]), int(kept["size"]), files, bool(kept["lost"]))
        for number, count, crc in files:
            for attempt in range(_READS):
                try:
                    sorted_file.check(self.path(number), count, crc)
                    break
                except (OSError, Damaged) as error:
                    if attempt == _READS - 1:
                        self.set_aside(number, error)
                        return

    def _count(self, version, size, files, lost):
        self.version = version
        self.size = size
        self.files = files
        self.lost = lost

    def _set_aside(self, path, name, why):
        report("local list", path, "%s: set aside as %s, the CSMS has to send the list again" % (why, name))
        replace(path, self.directory + "/" + name)
        self._lose()

    def _lose(self):
        try:
            self.replace_by(0, 0, (), True)
        except OSError as error:
            log.error("local list", "its end cannot be kept: %s", error)  # the next start finds it out again
            self._count(0, 0, (), True)

    def _remove_leftovers(self):
        """What a power cut left of an update, or of a list before this one."""
        try:
            names = os.listdir(self.directory)
        except OSError:
            return  # there never was a list
        wanted = [self.path(entry[0]) for entry in self.files]
        wanted.append(self._head.path)
        for name in names:
            path = self.directory + "/" + name
            if path not in wanted and name[-4:] != ".bad":
                self.remove(path)
