# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Milliseconds since some moment, wrapping at 2**30 (12.4 days): the only clock for intervals.

Compare with `ticks_diff` only. The boards and the 32-bit unix port wrap by themselves; the 64-bit unix port
(2**62) and CPython are made to wrap at the same place here, so that host tests see what the boards see.
`shift` moves the origin: a test starts the firmware seconds before the wrap.
"""

import time as _time

_PERIOD = 1 << 30
_HALF = 1 << 29

_offset_ms = 0


def _raw_ms():
    if hasattr(_time, "ticks_ms"):
        return _time.ticks_ms() & (_PERIOD - 1)
    return int(_time.monotonic() * 1000) & (_PERIOD - 1)


def ticks_ms() -> int:
    return (_raw_ms() + _offset_ms) & (_PERIOD - 1)


def ticks_add(ticks: int, delta_ms: int) -> int:
    """`delta_ms` must be smaller than 2**29 (6.2 days) either way."""
    if not -_HALF < delta_ms < _HALF:
        raise OverflowError("ticks_add: delta too large")
    return (ticks + delta_ms) & (_PERIOD - 1)


def ticks_diff(later: int, earlier: int) -> int:
    """Signed milliseconds from `earlier` to `later`, right as long as they are within 6.2 days."""
    return ((later - earlier + _HALF) & (_PERIOD - 1)) - _HALF


def start_at(ticks: int) -> None:
    """Move the origin so that `ticks_ms()` reads `ticks` now."""
    global _offset_ms
    _offset_ms = (ticks - _raw_ms()) & (_PERIOD - 1)
