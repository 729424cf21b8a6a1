# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The life of `life.py`, once without a power cut and then once per flash operation with the power cut there.

flash.power_cut starts this under MicroPython, with a JSON object as the only argument; see `main_with`. It
prints a line `#fault` with a JSON object for every life in which something was wrong, and `#total` with the
counts at the end.
"""

import gc
import json
import sys

import charger  # noqa: F401 (first: its imports are nested deeply, and the stack is small)
from flash.board import defects, life
from flash.board.device import PROG_BYTES, PowerCut
from flash.board.world import MOUNT, Stuck, World

_HEX = "0123456789abcdef"
# Files that say what somebody chose: at the end they are byte for byte those of a life without a cut.
_CHOSEN = ("settings", "availability", "local_list/head")
_SHOWN = 20  # lives with a fault that are printed; all are counted


class Life:
    """What one life came to.

    faults      (kind, text)
    cuts        power cuts that happened
    operations  flash operations since the last of them
    recovery    operations from the boot after the first cut to the end of the step that it interrupted
    steps       (name, first operation, the one behind the last) of each step, of a life without a cut
    """

    def __init__(self, board, kind, cuts=(), show=None, defect=None, reference=None):
        defects.apply(defect)
        self.recovery = 0
        self.cuts = 0
        self.steps = []
        self._show = show
        world = World(PROG_BYTES[board], life.Plan(kind), cuts, show)
        try:
            whole = self._live(world)
        finally:
            defects.undo()
        self.operations = world.device.operations
        self.retries = world.central.retries
        self.acknowledged = world.ledger.acknowledged
        self.faults = world.faults + world.central.faults
        self.files = {}
        self.chosen = {}
        if whole:
            drawn = {number + 1: world.drawn_wh(number + 1) for number in range(world.plan.connectors)}
            if world.plan.meters_forget:
                drawn = {}
            self.faults += world.ledger.compare(world.central, drawn, world.plan.is_thinned)
            self._look_at_files(world, reference)

    def _live(self, world):
        """Every step, again when a cut interrupted it; False when the charger does not live to the end."""
        for name, step in world.plan.steps():
            while True:
                before = world.device.operations
                try:
                    world.boot()
                    step(world)
                    break
                except PowerCut:
                    self.cuts += 1
                    self._note("*** the power goes during: " + name)
                    world.after_cut()
                except Stuck as error:
                    world.fault("stuck", "%s: %s" % (name, error))
                    return False
                except Exception as error:
                    world.fault("unbootable", "%s: %s" % (name, repr(error)))
                    if self._show is not None:
                        sys.print_exception(error)
                    return False
            if self.cuts and not self.recovery:
                self.recovery = world.device.operations
            self.steps.append((name, before, world.device.operations))
            self._note("--- %s: %d operations" % (name, world.device.operations - before))
        return True

    def _note(self, text):
        if self._show is not None:
            self._show(text)

    def _look_at_files(self, world, reference):
        for name in world.files():
            number = name.rsplit("/", 1)[-1].split(".")[0]
            if len(number) == 8 and all(char in _HEX for char in number):
                name = name.replace(number, "*")
            self.files[name] = self.files.get(name, 0) + 1
        for name in _CHOSEN:
            if name in self.files:
                with open(MOUNT + "/" + name, "rb") as file:
                    self.chosen[name] = file.read()
        if reference is None:
            return
        for name in sorted(set(self.files) | set(reference.files)):
            count, usual = self.files.get(name, 0), reference.files.get(name, 0)
            if count > usual or (not count and usual):
                self.faults.append(("files", "%s is there %d times, not %d" % (name, count, usual)))
        if self.chosen != reference.chosen:
            self.faults.append(("settings", "%s, not %s" % (self.chosen, reference.chosen)))


class Totals:
    def __init__(self):
        self.counts: dict = {"lives": 0, "cuts": 0, "double": 0, "retries": 0, "faulty": 0}
        self.kinds = {}

    def add(self, outcome, description):
        """Count a life; print what was wrong with it."""
        counts = self.counts
        counts["lives"] += 1
        counts["cuts"] += outcome.cuts
        counts["double"] += outcome.cuts > 1
        counts["retries"] += outcome.retries
        for kind in {kind for kind, _ in outcome.faults}:
            self.kinds[kind] = self.kinds.get(kind, 0) + 1
        if outcome.faults:
            counts["faulty"] += 1
            if counts["faulty"] <= _SHOWN:
                description["faults"] = ["%s: %s" % fault for fault in outcome.faults[:4]]
                print("#fault", json.dumps(description))


def _operations(reference, during):
    """Of the steps with this name, and some behind them: a defect may add to what is written."""
    found = set()
    for name, first, end in reference.steps:
        if name == during:
            found.update(range(first, end + 3))
    if not found:
        raise ValueError("no step is called " + during)
    return sorted(found)


def campaign(board, kind, every, torn, stride, defect, offset=0, during=None):
    """Every `every`-th operation is cut; `torn`: "all" quarters, or "turn": one for each operation, in turn.

    stride: in the recovery from a cut every stride-th operation is cut as well, 0: none
    during: only in the steps of that name
    """
    totals = Totals()
    reference = Life(board, kind)
    totals.counts["operations"] = reference.operations
    totals.counts["acknowledged"] = reference.acknowledged
    totals.counts["recovery_operations"] = 0
    if reference.faults:
        totals.add(reference, {"board": board, "kind": kind, "cut": -1})
        return totals
    operations = range(reference.operations) if during is None else _operations(reference, during)
    for cut in operations[offset::every]:
        for quarters in range(5) if torn == "all" else ((cut // every) % 5,):
            what = {"board": board, "kind": kind, "cut": cut, "torn": quarters, "defect": defect}
            outcome = Life(board, kind, [(cut, quarters)], None, defect, reference)
            totals.add(outcome, what)
            if quarters != cut // every % 5 or not stride or outcome.faults:
                continue
            totals.counts["recovery_operations"] += outcome.recovery
            for second in range(cut % stride, outcome.recovery, stride):
                cuts = [(cut, quarters), (second, second % 5)]
                what = dict(what)
                what["second"] = second
                totals.add(Life(board, kind, cuts, None, defect, reference), what)
        gc.collect()
    return totals


def main_with(options):
    board, kind, defect = options["board"], options["kind"], options.get("defect")
    if options.get("cut") is None:
        totals = campaign(
            board,
            kind,
            options["every"],
            options["torn"],
            options["stride"],
            defect,
            options.get("offset", 0),
            options.get("during"),
        )
    else:
        show = print if options.get("verbose") else None
        totals = Totals()
        cuts = [(options["cut"], options["torn"])]
        if options.get("second") is not None:
            cuts.append((options["second"], options["second"] % 5))
        reference = Life(board, kind)
        outcome = Life(board, kind, cuts, show, defect, reference)
        totals.add(outcome, {"board": board, "kind": kind, "cut": options["cut"]})
    total = dict(totals.counts)
    total["kinds"] = totals.kinds
    print("#total", json.dumps(total))


if __name__ == "__main__":
    main_with(json.loads(sys.argv[1]))
