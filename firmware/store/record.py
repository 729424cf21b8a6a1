# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""One JSON object in one file: whole, old or new, never mixed.

File: one header line `pilotlight VERSION CRC`, then the JSON text. VERSION is the decimal version of the
content, CRC eight hex digits of the CRC-32 over `VERSION`, a newline and the JSON text: a flipped bit in the
version is damage, not a newer version. Every future version keeps this header, so that any firmware can tell
"newer" from "damaged".

littlefs gives the old or the new content of an existing file that is overwritten in one open/write/close; a
file that did not exist may be found empty after a power cut, so an empty file means absent.
"""

import json
import os
from binascii import crc32

import log
from store.overwrite import overwrite

_MAGIC = b"pilotlight"
# A record is read into RAM whole; the largest one we write is a few KB. More than this is not ours.
_LIMIT_BYTES = 16384
_ENOENT = 2
# One failed read may be noise on a bus; one that fails again is damage.
_READS = 3

# fn(path, why): called for every file, or stretch of one, that turns out to be damaged; it must not raise.
# For the security event that tells the operator.
on_damage = None


class NewerVersion(Exception):
    """The file was written by a newer firmware. It is left untouched; the text says what to do."""


class Record:
    """The file `path` with content of format `version` (an integer from 1).

    `migrate(old_version, obj) -> obj` turns the content of an older version into the current one; without it
    an older version is set aside like a damaged file. `damaged` is True after a load() that had to set the
    file aside.
    """

    def __init__(self, path: str, version: int, migrate=None):
        self.path = path
        self.version = version
        self.damaged = False
        self._migrate = migrate

    def load(self):
        """The object; None when there is no file yet, or a damaged one: that is set aside as `<path>.bad`.

        Raises NewerVersion.
        """
        self.damaged = False
        try:
            content = self._read()
        except OSError as error:
            # A charger that cannot start is worse off than one with defaults.
            self._set_aside(error)
            return None
        if content is None:
            return None
        if not content:
            log.warning("record", "%s is empty: as if it were not there", self.path)
            return None
        try:
            version, body = _open(content)
            if version > self.version:
                raise NewerVersion(
                    "%s has format %d, this firmware reads up to %d: install newer firmware or remove it"
                    % (self.path, version, self.version)
                )
            obj = json.loads(str(body, "utf-8"))
            if version < self.version:
                if self._migrate is None:
                    raise ValueError("format %d is no longer read" % version)
                obj = self._migrate(version, obj)
            return obj
        except (ValueError, KeyError, IndexError, TypeError) as error:
            self._set_aside(error)
            return None

    def save(self, obj) -> None:
        """Replace the content. Raises OSError (disk full, read-only): then the old content is still there."""
        body = json.dumps(obj, separators=(",", ":")).encode()
        version = b"%d" % self.version
        check = crc32(body, crc32(version + b"\n"))
        content = b"%s %s %08x\n%s" % (_MAGIC, version, check, body)
        if len(content) > _LIMIT_BYTES:
            raise OSError(27, "%s would be %d bytes" % (self.path, len(content)))  # EFBIG
        overwrite(self.path, content)

    def _read(self):
        """The file's bytes, None when there is none. OSError: it cannot be read."""
        tries = 0
        while True:
            tries += 1
            try:
                # read(n) allocates n bytes beforehand: never ask for more than there is.
                size = min(os.stat(self.path)[6], _LIMIT_BYTES + 1)
                with open(self.path, "rb") as file:
                    return file.read(size)
            except OSError as error:
                if error.args[0] == _ENOENT:
                    return None
                if tries == _READS:
                    raise

    def remove(self) -> None:
        """Delete the file; nothing happens when there is none."""
        try:
            os.remove(self.path)
        except OSError as error:
            if error.args[0] != _ENOENT:
                raise

    def _set_aside(self, why):
        self.damaged = True
        aside = self.path + ".bad"
        report("record", self.path, "%s: set aside as %s, defaults are used" % (why, aside))
        replace(self.path, aside)


def report(module: str, path: str, why: str) -> None:
    """Say that the file `path` is damaged: a line of the log, and `on_damage`."""
    log.error(module, "%s is damaged: %s", path, why)
    if on_damage is not None:
        on_damage(path, why)


def replace(path: str, target: str) -> None:
    """Rename `path` to `target`, overwriting an older one; a failing file system is only logged."""
    try:
        os.remove(target)  # not every file system lets rename overwrite
    except OSError:
        pass
    try:
        os.rename(path, target)
    except OSError as error:
        log.error("record", "%s could not be set aside: %s", path, error)


def _open(content):
    """(version, body) of a file's bytes; ValueError tells what is wrong with it."""
    if len(content) > _LIMIT_BYTES:
        raise ValueError("larger than %d bytes" % _LIMIT_BYTES)
    end = content.find(b"\n")
    fields = content[:end].split(b" ") if end > 0 else ()
    if len(fields) != 3 or fields[0] != _MAGIC:
        raise ValueError("no header")
    body = memoryview(content)[end + 1 :]
    version = int(fields[1])
    if b"%08x" % crc32(body, crc32(fields[1] + b"\n")) != fields[2]:
        raise ValueError("wrong checksum")
    return version, body
