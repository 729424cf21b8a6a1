# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Where a board begins: MicroPython runs this file after `_boot.py`. It puts the board together from its
data, starts the charger and restarts the controller when that ends.

Ctrl-C (mpremote sends it) stops the charger with its contactors open and leaves the REPL to whoever is there;
the charger starts again with the next reset.
"""

import asyncio
import gc
import sys
import time

import log
from hal.ticks import ticks_diff, ticks_ms
from once import forget

# What has crashed, each place once, one behind the other. It wears the flash by a few writes, however often
# the controller restarts: when it is full, one that fails within ten minutes of its start writes no more.
CRASH = "crash.txt"
_CRASH_FILE_BYTES = 4096
_CRASH_CHARS = 1024  # of each
_HEAD = "--- "
_LASTING_MS = 600000
# A controller that fails at once again shall neither hammer the CSMS nor wear the flash.
_PAUSE_S = 5
# As `charger` has it for the rest of its life. Without, nothing is collected before the heap is full for the
# first time, and what is imported and built lies all over it.
_COLLECT_BYTES = 16384
# What is needed to put the charger together. `rp2` is MicroPython's assembler for PIO programs.
_TO_BUILD = (
    "installation",
    "board",
    "hal.board_data",
    "hal.board_keys",
    "hal.board_sense",
    "hal.parts.buses",
    "hal.parts.from_data",
    "hal.meter.from_data",
    "hal.rfid.from_data",
    "rp2",
)


def _of_this_chip(name):
    name = "hal.%s.%s" % (sys.platform, name)
    __import__(name)
    return sys.modules[name]


def _put_together():
    from board import BOARD  # of the image: boards/<name>/board.py
    from hal.board_data import require

    require(BOARD)
    return _of_this_chip("board").Board(BOARD)


def _serial():
    import machine

    return "".join(["%02X" % byte for byte in machine.unique_id()])


def _charger(board):
    """The work of a life. No coroutine, and without `data` from outside: whoever has called with it and waits
    for the end keeps it, on the stack behind his variables."""
    import charger
    import installation
    from board import BOARD

    data = BOARD
    try:
        given = installation.load(board.storage.path, _serial())
    except installation.InstallationError as error:
        # It charges by itself, as far as its configuration allows: nobody is in its books.
        log.error("main", "%s", error)
        given = installation.read(b"", _serial())
    if board.modem is not None and len(data["links"]) == 1:
        from net.lte import LteLink, parts_of

        board.link = LteLink(board.modem, given["lte"], parts_of(board.modem))
    else:
        from net.link_settings import link_of

        board.link = link_of(board, data["links"], given, _of_this_chip)
    if "dns" in given:
        from net import dns

        dns.others = tuple(given["dns"])
    attend = (_attend,) if hasattr(board.link, "idle") else ()
    work = charger.run(board, installation.settings_of(given, data), *attend)
    if hasattr(gc, "mem_free"):  # CPython's modules are those of the tests, too
        forget(*_TO_BUILD)
    return work


def _attend(firmware):
    """Of several links none is left in the middle of a message."""
    session = firmware.session
    firmware.board.link.idle = lambda: session.all_told


def _keep(error, began):
    """The traceback, for whoever looks after it. Nothing that happens here is in the way of the restart."""
    try:
        gc.collect()  # what the charger had is garbage now, and it may have ended for lack of memory
        _write_down(error, began)
    except Exception as failure:
        log.failure("main", "crash not written down", failure)


def _write_down(error, began):
    import io

    lines = io.StringIO()
    sys.print_exception(error, lines)  # pyright: ignore[reportArgumentType] (of the stubs)
    text = lines.getvalue()  # pyright: ignore[reportAttributeAccessIssue]
    # The same crash is the same kind of error raised at the same place. Its words are not compared: those of
    # a MemoryError say how much was wanted, which differs each time.
    _, found, place = text.rpartition('File "')
    place = place.partition("\n")[0][:120].replace('"', "") if found else ""
    head = "%s%s %s\n" % (_HEAD, type(error).__name__, place)
    text = text[-_CRASH_CHARS:]
    sys.stdout.write(text)
    log.failure("main", "crash in " + place if place else "crash", error)  # the event log, if there is one
    # As bytes: what is there need not be UTF-8.
    head, data = head.encode(), text.encode()
    kept = b""
    try:
        with open(CRASH, "rb") as file:
            kept = file.read(_CRASH_FILE_BYTES)
    except OSError:
        pass
    if not kept.startswith(_HEAD.encode()):
        kept = b""  # nothing of ours
    if head in kept:
        return
    if kept and len(kept) + len(head) + len(data) > _CRASH_FILE_BYTES:
        # The ticks wrap: a negative age is one of days.
        if 0 <= ticks_diff(ticks_ms(), began) < _LASTING_MS:
            return
        kept = b""
    with open(CRASH, "ab" if kept else "wb") as file:
        file.write(head)
        file.write(data)


def _stop(board, starting):
    """Contactors open, no watchdog. mpremote says Ctrl-C twice, and the second one comes in the middle."""
    while True:
        try:
            starting.end() if board is None else board.rest()
            return
        except KeyboardInterrupt:
            pass
        except Exception as error:
            # Coils are the first that it sees to; whatever is left over ends with the watchdog, which runs.
            log.failure("main", "not at rest", error)
            return


def start():
    """Does not return, except to a REPL."""
    if hasattr(gc, "threshold"):  # CPython's is another thing
        gc.threshold(_COLLECT_BYTES)
    board = None
    began = ticks_ms()
    starting = _of_this_chip("starting")
    try:
        starting.begin()
        board = _put_together()
        trouble = board.storage.trouble()
        if trouble is not None:
            # What is there may be somebody's bill: nothing is formatted, nobody charges.
            log.error("main", "no storage: %s", trouble)
            if board.indicator is not None:
                board.indicator.show(0, "fault")
                board.indicator.tick()  # the only one: it stays lit
            return
        asyncio.run(_charger(board))
    except KeyboardInterrupt:
        log.warning("main", "stopped at the REPL")
        return
    except BaseException as error:
        # Also a CancelledError that comes out of the charger, and SystemExit, with which MicroPython would
        # restart without the hardware: whatever it was, the controller is reset.
        _keep(error, began)
    finally:
        _stop(board, starting)
    time.sleep(_PAUSE_S)
    import machine

    machine.reset() if board is None else board.reset()


if __name__ == "__main__":
    start()
