# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Entry of the simulated board: reads the options, puts the board together, runs the firmware.

    micropython -m boards.sim.main --csms ws://127.0.0.1:9000/ --id CP1 --data DIR ...

with the repository and its `firmware/` on the module path; `tools/charger` does all that. Exit codes: 2
wrong options or files of a newer firmware, 3 the charger wants to be started again, 137 power cut; any other
end is a crash.
"""

import asyncio
import gc
import sys

# While modules are loaded and parts are built much is made that stays: it must not come to lie between what
# does not (see _COLLECT_BYTES in firmware/charger.py, which takes over then).
_COLLECT_BYTES = 4096


def _chosen():
    """The options; nothing of the module that reads them stays in the heap."""
    from boards.sim import options

    try:
        return options.chosen(sys.argv[1:])
    finally:
        del sys.modules["boards.sim.options"]
        delattr(sys.modules["boards.sim"], "options")


async def _run(options):
    from hal.sim import heap
    from hal.sim.board import SimBoard
    from store import overwrite

    overwrite.in_place = False  # the data directory is no littlefs
    board = SimBoard(options["station"], options["data"], options["clock"] == "battery")
    attach = None
    if options["control"]:
        # The channel listens before the firmware's own modules are loaded, which is the better part of a
        # start.
        from evse import faults
        from hal.sim.control import Control
        from hal.sim.requests import Requests
        from ocpp16 import json_text

        requests = Requests(board, faults.find)
        attach = requests.attach
        try:
            await Control(requests, json_text.read).listen(options["control"])
        except OSError as error:
            raise SystemExit(_refuse("--control %d: %s" % (options["control"], error)))
        await asyncio.sleep(0)
    settings = {
        "csms_url": options["csms"],
        "id": options["id"],
        "set": options["set"],
        "info": options["info"],
        "station": options["station"],
        "web_port": options["web"],
    }
    options.clear()

    import charger as firmware
    from station.configuration import ConfigurationError
    from station.description import DescriptionError
    from store.record import NewerVersion

    if heap.in_flash_bytes is not None:
        heap.fill_names()
    try:
        await firmware.run(board, settings, attach)
    except (ConfigurationError, DescriptionError, NewerVersion) as error:
        raise SystemExit(_refuse(error))


def _refuse(reason):
    print("charger: %s" % reason, file=sys.stderr)
    return 2


def start():
    """Returns only when something is wrong: the exit code."""
    if hasattr(gc, "threshold"):
        gc.threshold(_COLLECT_BYTES)
    try:
        options = _chosen()
    except ValueError as error:
        return _refuse(error)
    if options["ticks"] is not None:
        from hal import ticks

        ticks.start_at(options["ticks"])
    try:
        asyncio.run(_run(options))
    except KeyboardInterrupt:
        return 130
    print("charger: the firmware has returned", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(start())
