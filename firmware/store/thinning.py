# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Make room in a full journal: of the records that can be spared, every second one goes.

One segment at a time, from the oldest on and round again. First only segments are thinned of which more than
half of the numbers are left, when a round finds no more of them those with more than a quarter, and so on:
the samples of all transactions become about equally sparse, and none loses all of them. The newest segment
is still being written and is left alone, and so is one with an unreadable stretch, which is kept for
examination. What is left of a segment is joined to the one before when it fits: flash is taken in blocks.

A segment is replaced by a new file that is renamed over it: what is found after a power cut is the old or
the new one, and perhaps the unfinished file, which is removed at the next start. If the power goes before a
joined segment is removed, its records are there twice, under their numbers: they are delivered once, and
thinning removes the leftover.
"""

import os

import log
from store.segments import HEADER_BYTES, Segments, exactly, packed

_EIO = 5
_LEVELS = 10


class Thinning:
    """`expendable(data)`: a hashable key when the record can be spared, None when not. Of the records of one
    key in a segment the first stays, the second goes, the third stays, and so on.
    """

    def __init__(self, segments: Segments, segment_bytes: int, expendable):
        self._segments = segments
        self._segment_bytes = segment_bytes
        self._expendable = expendable
        self._at = -1  # the last segment that was looked at
        self._gained = False  # since the round began
        self._level = 1  # thinned is what has more than 1/2**level of its numbers
        self._barren = False  # all is as thin as can be
        self._failed = False

    def next(self, head_segment: int, head_seq: int):
        """Look at the next segment: (the segment that was rewritten, records removed, bytes freed); None:
        nothing to be had there. The first is None when a leftover was removed and nothing was rewritten.

        Records below `head_seq` were delivered: they go from what is rewritten and are not counted.
        """
        segment = self._candidate(self._at)
        if segment is None:
            if not self._gained:
                if self._level == _LEVELS:
                    self._barren = True  # until another segment is full
                    return None
                self._level += 1
            self._gained = False
            segment = self._candidate(-1)
            if segment is None:
                return None
        elif self._barren:
            self._barren = False
            self._level = 1
        self._at = segment
        try:
            done = self._thin(segment, head_segment, head_seq)
        except OSError as error:
            if not self._failed:
                log.error("journal", "%s cannot be thinned: %s", self._segments.path(segment), error)
            self._failed = True
            return None
        self._gained = self._gained or done is not None
        return done

    def restart(self) -> None:
        """The queue is empty: what was found out about it has gone with it."""
        self._level = 1
        self._barren = self._failed = False

    def _candidate(self, segment):
        """The segment that follows, unless it is the newest."""
        found = newest = None
        for number, _ in self._segments.sizes():
            if newest is None or number > newest:
                newest = number
            if number > segment and (found is None or number < found):
                found = number
        return None if found == newest else found

    def _thin(self, segment, head_segment, head_seq):
        segments = self._segments
        size = segments.size(segment)
        kept_bytes, removed, whole_bytes, is_dense = self._outcome(segment, head_seq)
        if kept_bytes is None:
            return None  # damaged
        if not is_dense:
            kept_bytes = whole_bytes
            removed = 0
        into = segments.before(segment)
        if into is not None and into >= head_segment:
            into_bytes, end, last = segments.measure(into)
            if end == into_bytes and last is not None and last >= segment:
                segments.remove(segment)  # the leftover of a join that a power cut interrupted
                return None, 0, size
            if end == into_bytes and into_bytes + kept_bytes <= self._segment_bytes:
                new_bytes = self._write(into, segment, head_seq, is_dense)
                segments.remove(segment)
                return into, removed, into_bytes + size - new_bytes
        if not removed:
            return None
        return segment, removed, size - self._write(segment, segment, head_seq, True)

    def _outcome(self, segment, head_seq):
        """(bytes that would stay, records that would go, bytes of both, whether it is dense enough for that).

        The first is None when the segment is damaged.
        """
        kept_bytes = whole_bytes = removed = count = first = last = 0
        records = self._sorted(segment, head_seq, True)
        try:
            for seq, data, stays in records:
                if data is None:
                    return None, 0, 0, False
                if seq < head_seq:
                    continue
                if not count:
                    first = seq
                last = seq
                count += 1
                whole_bytes += HEADER_BYTES + len(data)
                if stays:
                    kept_bytes += HEADER_BYTES + len(data)
                else:
                    removed += 1
        finally:
            records.close()
        return kept_bytes, removed, whole_bytes, count << self._level > last - first + 1

    def _write(self, into, segment, head_seq, thin):
        """Rewrite `into` with all its records, if it is not `segment`, and those of `segment` that stay.

        Its bytes. Raises OSError: then all is as it was.
        """
        written = 0
        beside = self._segments.directory + "/thinned.new"
        try:
            with open(beside, "wb") as target:
                for source in (segment,) if into == segment else (into, segment):
                    records = self._sorted(source, head_seq, thin and source == segment)
                    try:
                        for seq, data, stays in records:
                            if data is None:
                                raise OSError(_EIO)  # it could be read a moment ago
                            if stays:
                                target.write(packed(seq, data))
                                written += HEADER_BYTES + len(data)
                    finally:
                        records.close()
            os.rename(beside, self._segments.path(into))
        except OSError:
            try:
                os.remove(beside)
            except OSError:
                pass
            raise
        return written

    def _sorted(self, segment, head_seq, thin):
        """Yield (sequence number, data, whether it stays) of each record; data None, and no more: damage.

        The file is open meanwhile: who leaves early calls close().
        """
        kept = set()  # keys of which one has stayed since one went
        at = 0
        size = self._segments.size(segment)
        with open(self._segments.path(segment), "rb") as file:
            while at < size:
                found = exactly(file, at, size, segment)
                if found is None:
                    yield 0, None, False
                    return
                seq, data = found
                at += HEADER_BYTES + len(data)
                stays = seq >= head_seq
                # The last one stays: what follows in the next segment counts on from its number.
                if stays and thin and at < size:
                    key = self._expendable(data)
                    if key is not None:
                        stays = key not in kept
                        if stays:
                            kept.add(key)
                        else:
                            kept.remove(key)
                yield seq, data, stays
