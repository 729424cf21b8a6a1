# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""What has happened, on flash: starts and their causes, crashes, faults, warnings and errors of the log,
connections, settings. Lines that people read (docs/event-log.md):

    2026-11-22T03:16:02Z connector 1: RcdTrip (GroundFailure) 5d0c7e11

The last word is the CRC-32 of what is before it. As long as nobody has told the time a line begins with `boot
12 +34 s`. `events` is appended to; when it is full it becomes `events.old`, and the one before that goes. A
line is on flash before `tell` returns, or it is left out: nothing waits in RAM for a power cut.

A block of flash is erased for each line, so lines are a budget: what repeats is left out, then what is above
the rate, and both are counted in the next line. A controller that restarts for ever writes a line at every
16th start.
"""

import os
from array import array
from binascii import crc32

import log
from evse import faults
from station import timestamp
from store.record import replace

NAMES = ("/events.old", "/events")  # oldest first

_FILE_BYTES = 16384
_TEXT_CHARS = 200
_LINE_BYTES = 250  # without its check
_TAIL_BYTES = 1024
_CHUNK_BYTES = 1024
# 144 lines a day, and 32 at once when something happens. What the log says leaves some for what happens to
# the car's side.
_MOST_LINES = 32
_LINE_EVERY_MS = 600000
_RESERVED = 8
# Of the same: so many in an hour. The log says the same with other numbers in it.
_REPEATS = 3
_HOUR_MIN = 60
_KINDS = 8  # that are remembered
# A start that does not last so long is a quick one. After a row of them only some are worth a line: nobody
# knows a better time at which the flash may be worn.
_LASTING_MS = 600000
_QUICK = 4
_SOME = 16

_UP = b" up 10 min"
_START = b" start "
_QUICK_WORD = b", quick "


class EventLog:
    """`folder`: where its two files are; `clock`: `station.clock.Clock`."""

    def __init__(self, folder: str, clock):
        self._station = None
        self._path = folder + NAMES[1]
        self._clock = clock
        self._lines = _MOST_LINES
        self._since_ms = 0  # uptime at which the last line was added to the budget
        self._left_out = 0
        self._busy = False
        self._torn = False
        self._lasting = False
        self._told = False  # the clock
        self._shown: tuple = ()  # the faults of each connector
        self._kinds = array("I", [0] * (3 * _KINDS))  # check, minute, how often since

    def attach(self, station) -> None:
        """`station`: of `station.charge_point`; while it is quiet (the power fails) nothing is written."""
        self._station = station

    def start(self, cause: str, version: str) -> None:
        """The first line of this boot."""
        quick = self._quick()
        if quick > _QUICK:
            self._lines = 0
            if self._clock.boot % _SOME:
                self._left_out += 1
                return
        text = "start %s, boot %d, %s" % (cause, self._clock.boot, version)
        self._write(text + ", quick %d" % quick if quick else text)

    def tell(self, text: str) -> None:
        """Something has happened."""
        self._offer(text, crc32(text.encode()), _REPEATS, 0)

    def line(self, severity, module, fmt, text):
        """As `log.sink`: never raises."""
        try:
            kind = module + fmt
            if fmt[:2] == "%s":  # what it is about comes as an argument
                kind += text[:24]
            self._offer("%s: %s" % (module, text), crc32(kind.encode()), 1, _RESERVED)
        except Exception:
            self._left_out += 1

    def look(self, supplies) -> None:
        """After a step in which something of the supplies (`evse.supply.Supply`) has changed."""
        shown = self._shown or ((),) * len(supplies)
        now = tuple([supply.faults for supply in supplies])
        if now == shown:
            return
        self._shown = now
        for index, names in enumerate(now):
            if names != shown[index]:
                text = ", ".join(["%s (%s)" % (name, faults.error_code(name)) for name in names])
                self.tell("connector %d: %s" % (supplies[index].number, text or "no fault"))

    def tick(self) -> None:
        """Each second or so."""
        clock = self._clock
        if clock.told and not self._told:
            self._told = True
            self.tell("clock set, boot %d +%d s" % (clock.boot, clock.uptime_ms // 1000))
        if not self._lasting and clock.uptime_ms >= _LASTING_MS:
            self._lasting = True
            self._write(str(_UP, "utf-8")[1:])

    # --- what is worth a line ---

    def _offer(self, text, kind, repeats, reserved):
        minute = self._clock.uptime_ms // 60000
        gained = (self._clock.uptime_ms - self._since_ms) // _LINE_EVERY_MS
        if gained:
            self._since_ms += gained * _LINE_EVERY_MS
            self._lines = min(_MOST_LINES, self._lines + gained)
        if self._lines <= reserved or not self._new(kind, minute, repeats):
            self._left_out += 1
            return
        self._lines -= 1
        self._write(text)

    def _new(self, kind, minute, repeats):
        """It has not been said too often in the last hour."""
        kinds = self._kinds
        oldest = 0
        for index in range(0, len(kinds), 3):
            if kinds[index] == kind and kinds[index + 2]:
                if minute - kinds[index + 1] >= _HOUR_MIN:
                    kinds[index + 1] = minute
                    kinds[index + 2] = 0
                if kinds[index + 2] >= repeats:
                    return False
                kinds[index + 2] += 1
                return True
            # One that is not used yet is older than all.
            if not kinds[index + 2] or (kinds[oldest + 2] and kinds[index + 1] < kinds[oldest + 1]):
                oldest = index
        kinds[oldest] = kind
        kinds[oldest + 1] = minute
        kinds[oldest + 2] = 1
        return True

    def _quick(self):
        """How many starts in a row have not lasted, before this one."""
        tail = b""
        try:
            size = os.stat(self._path)[6]
            with open(self._path, "rb") as file:
                file.seek(max(0, size - _TAIL_BYTES))
                tail = file.read(_TAIL_BYTES)
        except OSError:
            pass  # none yet, or it has just become the old one
        self._torn = bool(tail) and tail[-1:] != b"\n"
        # Right behind a moment: what others chose is in many a line.
        at = max(tail.rfind(b"Z" + _START), tail.rfind(b" s" + _START))
        if at < 0 or tail.find(_UP, at) >= 0:
            return 0
        end = tail.find(b"\n", at)
        word = tail.find(_QUICK_WORD, at, end)
        if word < 0:
            return 1
        digits = tail[word + len(_QUICK_WORD) : end].split(b" ")[0]
        return min(int(digits), _SOME) + 1 if digits.isdigit() else 1

    # --- the files ---

    def _write(self, text):
        if self._busy or (self._station is not None and self._station.quiet):
            self._left_out += 1
            return
        # What goes wrong here is told in the log, which would come here again.
        self._busy = True
        try:
            left_out = self._left_out
            if left_out:
                text = "%s (%d left out)" % (text[:_TEXT_CHARS], left_out)
            self._append(packed("%s %s" % (self._moment(), text)))
            self._left_out -= left_out
        except (OSError, MemoryError) as error:
            # Of a file system that is no littlefs a part of it may be there.
            self._torn = True
            self._left_out += 1
            log.failure("events", "a line is lost", error)
        finally:
            self._busy = False

    def _append(self, line):
        path = self._path
        try:
            size = os.stat(path)[6]
        except OSError:
            size = 0
        if size + len(line) > _FILE_BYTES:
            replace(path, path + ".old")
            self._torn = False
        with open(path, "ab") as file:
            if file.seek(0, 2) + len(line) > _FILE_BYTES:
                raise OSError(28)  # ENOSPC: the file could not be put aside
            if self._torn:
                file.write(b"\n")
            file.write(line)
        self._torn = False

    def _moment(self):
        clock = self._clock
        utc_ms = clock.utc_ms
        if utc_ms is None:
            return "boot %d +%d s" % (clock.boot, clock.uptime_ms // 1000)
        return timestamp.text(utc_ms, False)


def packed(text: str) -> bytes:
    """The line of a text, with nothing in it that would end it or confuse a terminal."""
    line = bytearray(text.encode()[:_LINE_BYTES])
    for index, byte in enumerate(line):
        if not 32 <= byte < 127:
            line[index] = 63
    return bytes(line) + b" %08x\n" % crc32(line)


def unpacked(line: bytes) -> "str | None":
    """The text of a line (without its end); None: it is damaged."""
    text, check = line[:-9], line[-9:]
    if len(line) < 10 or check != b" %08x" % crc32(text):
        return None
    try:
        return str(text, "utf-8")
    except UnicodeError:
        return None


def some(path: str, at: int) -> tuple:
    """(texts of some lines from offset `at` on, None for each that is damaged; where the next begin). The
    same offset: there are no more. No file stays open meanwhile."""
    try:
        with open(path, "rb") as file:
            file.seek(at)
            chunk = file.read(_CHUNK_BYTES)
    except OSError:
        return [], at
    end = chunk.rfind(b"\n") + 1 or len(chunk)  # what has no end is none of ours
    return [unpacked(line) for line in chunk[:end].split(b"\n") if line], at + end


def end(path: str, count: int) -> int:
    """Where a line begins, so that no more than `count` bytes follow."""
    try:
        at = os.stat(path)[6] - count
        if at <= 0:
            return 0
        with open(path, "rb") as file:
            file.seek(at)
            return at + file.read(_CHUNK_BYTES).find(b"\n") + 1
    except OSError:
        return 0


def restarts(folder: str) -> dict:
    """{cause: how many starts by it} of all that is kept."""
    counts = {}
    word = str(_START, "utf-8")
    for name in NAMES:
        at = 0
        while True:
            texts, after = some(folder + name, at)
            if after == at:
                break
            at = after
            for text in texts:
                moment, found, rest = (text or "").partition(word)
                if found and (moment[-1:] == "Z" or moment[-2:] == " s"):
                    cause = rest.split(",")[0]
                    if cause in counts or len(counts) < _KINDS:
                        counts[cause] = counts.get(cause, 0) + 1
    return counts
