# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The receiving half of a TCP connection: puts segments into order, offers the window (RFC 9293,
3.10.7.4)."""

from emulator.modem.segment import FIN, Segment, ahead, plus


class Inbox:
    """next: the sequence number expected next. capacity: bytes in order that wait to be taken; what came
    early is within the window, and so bounded as well."""

    def __init__(self, first: int, capacity: int):
        self.next = first
        self.finished = False
        self._capacity = capacity
        self._ready = bytearray()
        self._early: dict[int, bytes] = {}
        self._fin_at: int | None = None
        self._offered_to = first

    def __len__(self) -> int:
        return len(self._ready)

    @property
    def window(self) -> int:
        return self._capacity - len(self._ready)

    @property
    def has_gap(self) -> bool:
        """Something came early: what is before it is missing."""
        return bool(self._early)

    def offer(self) -> int:
        """The window, from the moment on in which the board is told of it."""
        self._offered_to = plus(self.next, self.window)
        return self.window

    def is_worth_telling(self, bytes_more: int) -> bool:
        """The window has grown by that much, or half of all, over what the board knows."""
        grown = ahead(plus(self.next, self.window), self._offered_to)
        return grown >= min(bytes_more, self._capacity // 2)

    def accepts(self, sequence: int, length: int) -> bool:
        """Whether any of it is in the window (RFC 9293, 3.10.7.4, first check)."""
        start = ahead(sequence, self.next)
        if not length:
            return start == 0 if self.window == 0 else 0 <= start < self.window
        return start < self.window and start + length > 0

    def put(self, segment: Segment) -> bool:
        """Whether it has to be acknowledged now: everything with data or a FIN."""
        if not segment.length:
            return False
        data = segment.data
        if segment.flags & FIN and self._fin_at is None:
            end = plus(segment.sequence, len(data))
            if 0 <= ahead(end, self.next) <= self.window:
                self._fin_at = end
        start = ahead(segment.sequence, self.next)
        if start < 0:
            data, start = data[-start:], 0
        data = data[: self.window - start]
        if self._fin_at is not None:
            data = data[: max(0, ahead(self._fin_at, plus(self.next, start)))]
        if start == 0:
            self._append(data)
            self._append_early()
        elif data and sum(map(len, self._early.values())) + len(data) <= self._capacity:
            at = plus(self.next, start)
            if len(data) > len(self._early.get(at, b"")):
                self._early[at] = data
        if self._fin_at == self.next and not self.finished:
            self.finished = True
            self.next = plus(self.next, 1)
            self._early.clear()
        return True

    def take(self, most: int) -> bytes:
        data = bytes(self._ready[:most])
        del self._ready[:most]
        return data

    def _append(self, data: bytes) -> None:
        self._ready += data
        self.next = plus(self.next, len(data))

    def _append_early(self) -> None:
        for at in sorted(self._early, key=lambda number: ahead(number, self.next)):
            behind = ahead(self.next, at)
            if behind < 0:
                return
            data = self._early.pop(at)
            if behind < len(data):
                self._append(data[behind:])
