# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""From reset to the first pass of the guard: nothing is driven, and what hangs is restarted.

The pins that a soft reset leaves as they were are let go, the DMA channels that it leaves running are
stopped, and the watchdog runs meanwhile. A soft timer feeds it for a minute: its callback comes while the
interpreter works, however slowly, and does not while it hangs in one call of C. A first start on a flash that
has to be formatted, or one that goes through a full outbox, is not cut off; an endless loop is, after that
minute.
"""

import machine

_MOST_FEEDS = 60
_FEED_MS = 1000
_LONGEST_MS = 8388  # what the RP2040's watchdog can count
_WATCHDOG_STOP = 0x4005B000  # WATCHDOG_CTRL, through the alias that clears bits; bit 30 is ENABLE
# WATCHDOG_SCRATCH1 outlives a reset by the watchdog, not one by the supply or the RUN button.
_SCRATCH = 0x40058010
_MOUNTING = 0x1CEB00D5
_DMA = 0x50000000
_DMA_CHANNELS = 12
_CHAN_ABORT = 0x50000444

_timer = None
_feeds = 0


def begin() -> None:
    """The watchdog runs from now on, fed for a minute at most."""
    global _timer, _feeds
    _feeds = 0
    machine.WDT(timeout=_LONGEST_MS)
    if _timer is None:
        _timer = machine.Timer(-1, mode=machine.Timer.PERIODIC, period=_FEED_MS, callback=_feed)


def handed_over() -> None:
    """Somebody else feeds it now."""
    global _timer
    if _timer is not None:
        _timer.deinit()
        _timer = None


def end() -> None:
    """No watchdog: somebody works at the REPL."""
    handed_over()
    machine.mem32[_WATCHDOG_STOP] = 1 << 30


def _feed(_):
    global _feeds
    _feeds += 1
    if _feeds <= _MOST_FEEDS:
        machine.WDT(timeout=_LONGEST_MS)


def let_go(board: dict) -> None:
    """After a soft reset: PIO and GPIO keep the levels that they had, and DMA channels go on. The coils fall,
    the motors of the locks stop. `board`: see `hal.board_data`, not yet checked."""
    for connector in board.get("connectors", ()):
        contactor = connector.get("contactor", {})
        lock = connector.get("lock", {})
        rcd = connector.get("rcd", {})
        second = connector.get("phase_switch", {})
        pins = (contactor.get("coil"), lock.get("lock"), lock.get("unlock"), rcd.get("test"))
        for pin in pins + (second.get("coil"),):
            if pin:
                machine.Pin(pin["pin"], machine.Pin.OUT, value=1 - pin["active"])
    register = machine.mem32
    for number in range(_DMA_CHANNELS):
        register[_DMA + 0x40 * number + 0x10] = 0  # AL1_CTRL: off first, or the abort starts its partner
    register[_CHAN_ABORT] = (1 << _DMA_CHANNELS) - 1


def mount(bring_up, *arguments) -> "str | None":
    """`bring_up(*arguments)` mounts the file system and says what is wrong, or None. Not when it was what
    hung the controller at the last start."""
    register = machine.mem32
    hung = machine.reset_cause() == machine.WDT_RESET and register[_SCRATCH] == _MOUNTING
    if hung:
        register[_SCRATCH] = 0
        return "the controller hung while it mounted the file system, it is left as it is"
    begin()
    register[_SCRATCH] = _MOUNTING
    trouble = bring_up(*arguments)
    end()
    register[_SCRATCH] = 0
    return trouble
