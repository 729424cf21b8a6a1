# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Where a board begins: MicroPython runs this file after `_boot.py`. It puts the board together from its
data, starts the charger and restarts the controller when that ends.

Ctrl-C (mpremote sends it) stops the charger with its contactors open and leaves the REPL to whoever is there;
the charger starts again with the next reset.
"""

import asyncio
import sys
import time

import installation
import log

CRASH = "crash.txt"
_CRASH_BYTES = 2048
# A controller that fails at once again shall neither hammer the CSMS nor wear the flash.
_PAUSE_S = 5


def _put_together():
    from board import BOARD  # of the image: boards/<name>/board.py
    from hal.board_data import require

    require(BOARD)
    name = "hal.%s.board" % sys.platform
    __import__(name)
    return sys.modules[name].Board(BOARD), BOARD


def _serial():
    import machine

    return "".join(["%02X" % byte for byte in machine.unique_id()])


def settings_of(given: dict, data: dict) -> dict:
    """What the charger is built with: the installer's fields, and the board's description under his."""
    station = dict(data["station"])
    station.update(given["station"])
    return {
        "csms_url": given["csms_url"],
        "id": given["id"],
        "set": given["set"],
        "info": given["info"],
        "station": station,
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
        from net.bearer import Parts
        from net.lte import LteLink

        board.link = LteLink(board.modem, given["lte"], Parts())
    await charger.run(board, settings_of(given, data))


def _keep(error):
    """The traceback, for whoever looks after it; the same one again is not written again."""
    import io

    lines = io.StringIO()
    sys.print_exception(error, lines)  # pyright: ignore[reportArgumentType] (of the stubs)
    text = lines.getvalue()[-_CRASH_BYTES:]  # pyright: ignore[reportAttributeAccessIssue]
    sys.stdout.write(text)
    try:
        with open(CRASH) as file:
            if file.read() == text:
                return
    except OSError:
        pass
    try:
        with open(CRASH, "w") as file:
            file.write(text)
    except OSError as failure:
        log.error("main", "%s not written: %s", CRASH, failure)


def start():
    """Does not return, except to a REPL."""
    board = None
    try:
        board, data = _put_together()
        trouble = board.storage.trouble()
        if trouble is not None:
            # What is there may be somebody's bill: nothing is formatted, nobody charges.
            log.error("main", "no storage: %s", trouble)
            if board.indicator is not None:
                board.indicator.show(0, "fault")
            return
        asyncio.run(_charge(board, data))
    except KeyboardInterrupt:
        log.warning("main", "stopped at the REPL")
        return
    except Exception as error:
        _keep(error)
    finally:
        if board is not None:
            board.rest()
    time.sleep(_PAUSE_S)
    import machine

    machine.reset() if board is None else board.reset()


if __name__ == "__main__":
    start()
