# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Flash that takes nothing for a while: full, read-only, failing. The charger keeps charging, says what it
cannot keep, and is as good as new when the trouble is over.

flash.power_cut starts this with a JSON object as the only argument, as board/power_cut.py.
"""

import json
import os
import sys

import charger  # noqa: F401 (first: its imports are nested deeply, and the stack is small)
from flash.board import defects, life
from flash.board.charging import profile
from flash.board.device import PROG_BYTES
from flash.board.world import MOUNT, Stuck, World

_BALLAST = MOUNT + "/ballast"
_LOG_LINES = 200


class _Full:
    """Other data takes all there is. `reserve`: the outbox still has its own."""

    def __init__(self, reserve):
        self._reserve = reserve

    def begin(self, world):
        if not self._reserve and "outbox/reserve" in world.files():
            os.remove(MOUNT + "/outbox/reserve")
        for size in (4096, 512, 64):
            try:
                with open(_BALLAST, "ab") as file:
                    while True:
                        file.write(bytes(size))
                        file.flush()
            except OSError:
                pass

    def end(self, world):
        os.remove(_BALLAST)


class _ReadOnly:
    def begin(self, world):
        world.device.read_only = True

    def end(self, world):
        world.device.read_only = False


class _Failing:
    """Every `every`-th operation reports an error; `raises`: by an exception, which leaves littlefs at once,
    as the esp32's partitions do.
    """

    def __init__(self, every, raises):
        self._every = every
        self._raises = raises

    def begin(self, world):
        world.device.failing = lambda operation, block: operation % self._every == 0
        world.device.raises = self._raises

    def end(self, world):
        world.device.failing = None


TROUBLES = {
    "full": _Full(True),
    "full-to-the-brim": _Full(False),
    "read-only": _ReadOnly(),
    "failing": _Failing(1, False),
    "failing-esp32": _Failing(1, True),
    "every-third": _Failing(3, False),
    "every-third-esp32": _Failing(3, True),
}


class Story:
    """What happens while the flash is in trouble, and after it. `when`: "online", "offline" or "boot", where
    the charger also restarts in it.
    """

    def __init__(self, board, trouble, when, show=None):
        self.lines = []

        def keep(line):
            if line[11] in "WE" and len(self.lines) < _LOG_LINES:
                self.lines.append(line)
            if show is not None:
                show(line)

        self._show = show
        self._trouble = TROUBLES[trouble]
        self._when = when
        self._refused = False  # something was not kept
        self.world = World(PROG_BYTES[board], life.Plan("stop"), (), keep)

    def tell(self):
        """(kind, text) of what went wrong."""
        world = self.world
        try:
            self._before()
            self._trouble.begin(world)
            self._note("the trouble begins")
            self._within()
            self._trouble.end(world)
            self._note("the trouble is over")
            self._after()
        except Stuck as error:
            world.fault("stuck", str(error))
        except Exception as error:
            if self._show is not None:
                sys.print_exception(error)
            world.fault("unbootable", repr(error))
        drawn = {number: world.drawn_wh(number) for number in (1, 2)}
        faults = world.faults + world.central.faults + world.ledger.compare(world.central, drawn, True)
        if self._refused and not any(" E " in line for line in self.lines):
            faults.append(("silent", "nothing was said of what cannot be kept"))
        return faults

    def _note(self, text):
        if self._show is not None:
            self._show("--- " + text)

    def _before(self):
        world = self.world
        world.boot()
        world.online()
        world.configure("MeterValueSampleInterval", "60")
        world.send_list(1, True, life.LIST)
        world.install(*life.MAXIMUM)
        world.install(*life.DEFAULT)
        world.charge(1, "ALICE", 70000)
        if self._when == "offline":
            world.link(False)
        if self._when == "boot":
            # What ends while the flash takes nothing has not ended for who boots from it.
            world.stop(1, "ALICE")
            world.drained()

    def _within(self):
        world = self.world
        if self._when == "boot":
            world.restart()
            world.boot()
        world.charge(2, "BOB", 70000)
        world.stop(1, "ALICE")
        self._contactor_follows()
        if self._when != "offline":
            answer = world.request("ChangeConfiguration", {"key": "ConnectionTimeOut", "value": "77"})[
                "status"
            ]
            value = world.charger.station.config.value("ConnectionTimeOut")
            if (answer == "Accepted") != (value == 77):
                world.fault("settings", "the answer is %s and the value %s" % (answer, value))
            self._refused = answer != "Accepted"
            # Whatever it answers has to be true, then and after the next boot.
            world.offer_list(2, False, life.CHANGES)
            world.offer_list(3, True, life.OTHER_LIST)
            world.offer(1, profile(2, "TxDefaultProfile", 3, 9, 2))
            world.offer(2, profile(3, "TxDefaultProfile", 3, 9))
            world.try_to_clear({"id": 1})
            world.offer(2, life.HERS[1])
            world.try_to_clear({})
        world.charge(1, "CAROL", 70000)
        world.stop(1, "CAROL")
        world.stop(2, "BOB")
        self._contactor_follows()
        world.charge(2, "DAVE", 130000)

    def _after(self):
        world = self.world
        world.link(True)
        world.wait(10000)
        world.stop(2, "DAVE")
        world.drained()
        world.configure("ConnectionTimeOut", "88")
        world.charge(1, "ALICE", 70000)
        # What is on flash now is what a power cut leaves.
        world.power_off(1000)
        world.boot()
        world.wait(10000)
        if world.charger.station.config.value("ConnectionTimeOut") != 88:
            world.fault("settings", "ConnectionTimeOut is not 88")
        world.send_list(4, True, life.OTHER_LIST)
        world.install(*life.DEFAULT)
        world.clear({})
        world.charge(1, "ALICE", 10000)
        world.stop(1, "ALICE")
        world.drained()

    def _contactor_follows(self):
        for number in (1, 2):
            charges = self.world.connector(number).transaction is not None
            if self.world.energised(number) != charges:
                self.world.fault("contactor", "connector %d: closed is not %s" % (number, charges))


def main_with(options):
    show = print if options.get("verbose") else None
    defects.apply(options.get("defect"))
    counts = {"stories": 0, "faulty": 0}
    kinds = {}
    for trouble in sorted(TROUBLES) if options.get("trouble") is None else (options["trouble"],):
        for when in ("online", "offline", "boot") if options.get("when") is None else (options["when"],):
            story = Story(options["board"], trouble, when, show)
            faults = story.tell()
            counts["stories"] += 1
            if faults:
                counts["faulty"] += 1
                kinds[faults[0][0]] = kinds.get(faults[0][0], 0) + 1
                what: dict = {"board": options["board"], "trouble": trouble, "when": when}
                what["defect"] = options.get("defect")
                what["faults"] = ["%s: %s" % fault for fault in faults[:6]]
                print("#fault", json.dumps(what))
    total: dict = dict(counts)
    total["kinds"] = kinds
    print("#total", json.dumps(total))


if __name__ == "__main__":
    main_with(json.loads(sys.argv[1]))
