# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Milliseconds since some moment, wrapping at 2**30 (12.4 days): the only clock for intervals.

Compare with `ticks_diff` only. The boards and the 32-bit unix port wrap by themselves; the 64-bit unix port
(2**62) and CPython are made to wrap at the same place here, so that host tests see what the boards see.
`shift` moves the origin: a test starts the firmware seconds before the wrap.
"""

import time as _time

# Literals and orders of operations are such that nothing here leaves the small integers of a 32-bit board
# (-2**30 to 2**30 - 1): beyond them every call would allocate, fifty times a second for each connector.
_MASK = 0x3FFFFFFF
_HALF = 0x20000000

_offset_ms = 0  # from -_HALF to _HALF - 1

if hasattr(_time, "ticks_ms"):

    def _raw_ms():
        return _time.ticks_ms() & _MASK  # the 64-bit port counts on to 2**62

else:

    def _raw_ms():
        return int(_time.monotonic() * 1000) & _MASK  # pyright: ignore (CPython)


def ticks_ms() -> int:
    return ((_raw_ms() - _HALF + _offset_ms) & _MASK) ^ _HALF


def ticks_add(ticks: int, delta_ms: int) -> int:
    """`delta_ms` must be smaller than 2**29 (6.2 days) either way."""
    if not -_HALF < delta_ms < _HALF:
        raise OverflowError("ticks_add: delta too large")
    # Adding 2**29 modulo 2**30 is turning the highest bit over.
    return ((ticks - _HALF + delta_ms) & _MASK) ^ _HALF


def ticks_diff(later: int, earlier: int) -> int:
    """Signed milliseconds from `earlier` to `later`, right as long as they are within 6.2 days."""
    return (((later - earlier) & _MASK) ^ _HALF) - _HALF


def start_at(ticks: int) -> None:
    """Move the origin so that `ticks_ms()` reads `ticks` now."""
    global _offset_ms
    _offset_ms = ticks_diff(ticks, _raw_ms())
