# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""How long a fault has been seen. Pure.

The main loop may be away for seconds (a TLS handshake takes 1.4 s, a name lookup up to 14), and what is there
before and after was not seen meanwhile: hardware and drivers do their work in the dark. So the look that sees
it first counts for nothing, and each that follows for no more than `_STEP_MS`: whoever waits for more than
that has had three looks at least.

Not for what the pilot was told to show, and did show in a stall too: that counts in full (`evse.timer`).
"""

UNSEEN = -1

_STEP_MS = 100  # five steps of the main loop
_MOST_MS = 100000000  # the count stops here


def seen(before_ms: int, holds: bool, dt_ms: int) -> int:
    """The count after a look `dt_ms` after the one before; `UNSEEN` while it does not hold."""
    if not holds:
        return UNSEEN
    if before_ms < 0:
        return 0
    return min(before_ms + min(dt_ms, _STEP_MS), _MOST_MS)
