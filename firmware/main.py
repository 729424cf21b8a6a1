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

import installation
import log

CRASH = "crash.txt"
_CRASH_BYTES = 2048
# A controller that fails at once again shall neither hammer the CSMS nor wear the flash.
_PAUSE_S = 5
# As `charger` has it for the rest of its life. Without, nothing is collected before the heap is full for the
# first time, and what is imported and built lies all over it.
_COLLECT_BYTES = 16384


def _of_this_chip(name):
    name = "hal.%s.%s" % (sys.platform, name)
    __import__(name)
    return sys.modules[name]


def _put_together():
    from board import BOARD  # of the image: boards/<name>/board.py
    from hal.board_data import require

    require(BOARD)
    return _of_this_chip("board").Board(BOARD), BOARD


def _serial():
    import machine

    return "".join(["%02X" % byte for byte in machine.unique_id()])


def settings_of(given: dict, data: dict) -> dict:
    """What the charger is built with: the installer's fields, and the board's description under his."""
    return {
        "csms_url": given["csms_url"],
        "id": given["id"],
        "set": given["set"],
        # On its pole nobody sees a charger that will not start: what is wrong is told and left out.
        "tolerant": True,
        "info": given["info"],
        "station": installation.station_of(given["station"], data["station"], len(data["connectors"])),
    }


async def _charge(board, data):
    import charger

    try:
        given = installation.load(board.storage.path, _serial())
    except installation.InstallationError as error:
        # It charges by itself, as far as its configuration allows: nobody is in its books.
        log.error("main", "%s", error)
        given = installation.read(b"", _serial())
    if board.modem is not None:
        from net.lte import LteLink, parts_of

        board.link = LteLink(board.modem, given["lte"], parts_of(board.modem))
    elif "ssid" in given["wifi"]:
        board.link = _of_this_chip("wifi").Wifi(given["wifi"]["ssid"], given["wifi"].get("password", ""))
    await charger.run(board, settings_of(given, data))


def _keep(error):
    """The traceback, for whoever looks after it; the same one again is not written again. Nothing that
    happens here is in the way of the restart.
    """
    try:
        gc.collect()  # what the charger had is garbage now, and it may have ended for lack of memory
        _write_down(error)
    except Exception as failure:
        _tell("%s not written: %s", CRASH, failure)


def _write_down(error):
    import io

    lines = io.StringIO()
    sys.print_exception(error, lines)  # pyright: ignore[reportArgumentType] (of the stubs)
    text = lines.getvalue()[-_CRASH_BYTES:]  # pyright: ignore[reportAttributeAccessIssue]
    sys.stdout.write(text)
    # As bytes: what a power cut has left of the last one need not be UTF-8.
    data = text.encode()
    try:
        with open(CRASH, "rb") as file:
            if file.read(len(data) + 1) == data:
                return
    except OSError:
        pass
    with open(CRASH, "wb") as file:
        file.write(data)


def _tell(text, *args):
    """A line in the log, if there is the memory for it."""
    try:
        log.error("main", text, *args)
    except Exception:
        pass


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
            _tell("not at rest: %r", error)
            return


def start():
    """Does not return, except to a REPL."""
    if hasattr(gc, "threshold"):  # CPython's is another thing
        gc.threshold(_COLLECT_BYTES)
    board = None
    starting = _of_this_chip("starting")
    try:
        starting.begin()
        board, data = _put_together()
        trouble = board.storage.trouble()
        if trouble is not None:
            # What is there may be somebody's bill: nothing is formatted, nobody charges.
            log.error("main", "no storage: %s", trouble)
            if board.indicator is not None:
                board.indicator.show(0, "fault")
                board.indicator.tick()  # the only one: it stays lit
            return
        asyncio.run(_charge(board, data))
    except KeyboardInterrupt:
        log.warning("main", "stopped at the REPL")
        return
    except BaseException as error:
        # Also a CancelledError that comes out of the charger, and SystemExit, with which MicroPython would
        # restart without the hardware: whatever it was, the controller is reset.
        _keep(error)
    finally:
        _stop(board, starting)
    time.sleep(_PAUSE_S)
    import machine

    machine.reset() if board is None else board.reset()


if __name__ == "__main__":
    start()
