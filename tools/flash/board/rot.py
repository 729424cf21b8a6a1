# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Damaged files: the life of `life.py` is stopped in its fullest moment, offline; then every byte of every
file is damaged in turn, and every file cut at every length.

Each time the charger must boot, say what it found, lose at most the record that was hit, and bill what
flowed: see `judge`. Of a local list all is lost or nothing, and nobody is in it who was not; of charging
profiles the one that was hit, and the others say what they said. In the life
"long" the record of the transaction is as old as can be. There the meter keeps its register, and forgets it,
in turn.
flash.power_cut starts this with a JSON object as the only argument, as board/power_cut.py.
"""

import gc
import json
import sys

import charger  # noqa: F401 (first: its imports are nested deeply, and the stack is small)
from flash.board import defects, life
from flash.board.device import PROG_BYTES
from flash.board.ledger import DAMAGED_LOST_MS
from flash.board.promises import NO_LIST
from flash.board.world import MOUNT, Stuck, World
from store.sorted_file import KEY_BYTES, RECORD_BYTES

_LOG_LINES = 40
_WAYS = ("bit", "byte", "cut")
_SHOWN = 20
_RESERVE_STEP = 97
_LIST = "local_list/"
_PROFILES = "profiles/"


class Rot:
    """What the chip holds in the fullest moment, and what comes of it.

    meters      what the meter of connector 1 does when the power returns, see `World.meter`
    references  for each of them: what the central system is told when nothing is damaged
    """

    def __init__(self, board, kind):
        self._prog_bytes = PROG_BYTES[board]
        world = World(self._prog_bytes, life.Plan(kind))
        for _, step in world.plan.until_fullest():
            world.boot()
            step(world)
        world.power_off(0)
        self.files = {}
        for name in sorted(world.files()):
            with open(MOUNT + "/" + name, "rb") as file:
                self.files[name] = file.read()
        self.world = world
        self.image = bytes(world.device.image)
        self.lines = []
        self.meters = ("restarts", "keeps") if world.plan.meters_forget else ("keeps",)
        self.references = {}
        for meter in self.meters:
            self.references[meter], faults = self.live(meter)
            if faults:
                raise RuntimeError("without damage: %s" % faults)

    def live(self, meter, name=None, content=None, show=None):
        """Go on with the file `name` as `content`: (what the central system was told then, faults)."""
        self.lines = lines = []

        def keep(line):
            if line[11] in "WE" and len(lines) < _LOG_LINES:
                lines.append(line)
            if show is not None:
                show(line)

        world = self.world.branch(bytearray(self.image), keep)
        world.meter(1, meter)
        before = len(world.central.said)
        if name is not None:
            with open(MOUNT + "/" + name, "wb") as file:
                file.write(content)
            world.records.get(MOUNT + "/" + name, []).append(None)
            if name.startswith(_LIST):
                world.promises.lists.append(NO_LIST)
                if not name.endswith("head"):
                    world.promises.strangers += _tags(content)
            if name.startswith(_PROFILES):
                world.promises.charging.damaged(_number(self.files[name]))
        version = None
        profiles = None
        try:
            world.boot()
            world.wait(20000)  # what the boot has to end is ended
            world.link(True)
            world.drained()
            world.restart()
            world.boot()
            world.drained()
            if world.plan.has_list:
                version = world.list_version()
            if world.plan.has_profiles:
                profiles = world.promises.charging.numbers(world.charger.station)
        except Stuck as error:
            world.fault("stuck", str(error))
        except Exception as error:
            if show is not None:
                sys.print_exception(error)
            world.fault("unbootable", repr(error))
        bills = world.ledger.misbilled(world.central, DAMAGED_LOST_MS if meter == "restarts" else 0)
        said = world.central.said[before:]
        said.append(("GetLocalListVersion", version))
        said.append(("charging profiles", profiles))
        return said, world.faults + world.central.faults + world.ledger.faults + bills

    def damaged(self, name, at, way):
        """The file's content with the byte at `at` damaged, or cut before it."""
        content = bytearray(self.files[name])
        if way == "cut":
            return content[:at]
        content[at] ^= 0xFF if way == "byte" else 1 << at % 8
        return content

    def _is_told(self, stem):
        return any(stem in line for line in self.lines)

    def _is_sound(self, name, at, way):
        """Whether the file cut there is as good as one that was never longer: nobody can tell."""
        if way != "cut":
            return False
        content, end = self.files[name], 0
        while name.endswith(".seg") and end < at:  # 0xA5, length u16 of the data, in all 11 bytes before it
            end += 11 + content[end + 1] + 256 * content[end + 2]
        return end == at

    def judge(self, name, at, way, meter, said, faults):
        """Texts of what is worse than it may be."""
        mild = ["lost", "duplicated"]
        if name.endswith(".seg") and self.world.plan.meters_forget:
            # The sample that stood for the record was hit: the end is told from the record, which is older
            # than what was told.
            mild += ["order", "energy"]
        wrong = ["%s: %s" % fault for fault in faults if fault[0] not in mild]
        reference = self.references[meter]
        is_other = said != reference
        if meter != "keeps":  # a bill may be lower: that is judged by what flowed
            reference, said = _without_bills(reference), _without_bills(said)
        missing, extra = _compare(reference, said)
        stem = name.rsplit("/", 1)[-1]
        if name.endswith(".seg"):
            # The record itself; of a segment that was cut, those behind it.
            allowed, tolerated = (1 if way != "cut" else len(reference)), 0
        elif name.startswith(_LIST):
            allowed, tolerated = 1, 1  # its version
        elif name.startswith(_PROFILES):
            allowed, tolerated = 1, 1  # the numbers of those that are left
        elif stem == "head":
            # Two copies: one byte spoils nothing. Without both what was delivered may come again.
            allowed, tolerated = 0, (0 if way != "cut" else len(self.world.central.said))
        elif stem.startswith("transaction"):
            allowed, tolerated = 1, 0  # its StopTransaction
        else:
            allowed, tolerated = 0, 0
        if len(missing) > allowed:
            wrong.append("lost: %d messages, %s" % (len(missing), missing[:4]))
        if len(extra) > tolerated:
            wrong.append("duplicated: %d messages too many, %s" % (len(extra), extra[:4]))
        if is_other and not self._is_sound(name, at, way) and not self._is_told(stem):
            wrong.append("silent: no log line says anything about it")
        return wrong


def _tags(content):
    """What stands where the keys of a list's entries are."""
    found = []
    for at in range(0, len(content), RECORD_BYTES):
        try:
            found.append(str(bytes(content[at : at + KEY_BYTES]).rstrip(b"\0"), "utf-8"))
        except ValueError:
            pass  # no text: nobody's tag
    return found


def _number(content):
    """chargingProfileId of a file."""
    return json.loads(str(content[content.find(b"\n") + 1 :], "utf-8"))[1]


def _without_bills(said):
    return [message[:1] + message[2:] if message[0] == "StopTransaction" else message for message in said]


def _compare(reference, said):
    """(what of the reference was not said, what was said beyond it)."""
    left = list(said)
    missing = []
    for message in reference:
        if message in left:
            left.remove(message)
        else:
            missing.append(message)
    return missing, left


def main_with(options):
    defects.apply(options.get("defect"))
    rot = Rot(options["board"], options["kind"])
    counts = {"files": len(rot.files), "bytes": 0, "boots": 0, "faulty": 0, "harmed": 0}
    kinds = {}
    every = options.get("every", 1)
    only, at_only, way_only = options.get("file"), options.get("at"), options.get("how")
    show = print if options.get("verbose") else None
    turn = 0
    for name, content in rot.files.items():
        if only is not None and name != only:
            continue
        counts["bytes"] += len(content)
        for way in _WAYS if way_only is None else (way_only,):
            # Nobody reads the reserve: it is there to be removed.
            step = _RESERVE_STEP if name.endswith("/reserve") else 1
            for at in range(0, len(content), step) if at_only is None else (at_only,):
                turn += 1
                if turn % every and at_only is None:
                    continue
                meter = rot.meters[at % len(rot.meters)]
                said, faults = rot.live(meter, name, rot.damaged(name, at, way), show)
                counts["boots"] += 1
                counts["harmed"] += said != rot.references[meter]
                wrong = rot.judge(name, at, way, meter, said, faults)
                if wrong:
                    counts["faulty"] += 1
                    kind = wrong[0].split(":")[0]
                    kinds[kind] = kinds.get(kind, 0) + 1
                    if counts["faulty"] <= _SHOWN:
                        what: dict = {"rot": True, "board": options["board"], "kind": options["kind"]}
                        what["defect"] = options.get("defect")
                        what.update({"file": name, "at": at, "how": way, "faults": wrong[:4]})
                        print("#fault", json.dumps(what))
        gc.collect()
    total: dict = dict(counts)
    total["kinds"] = kinds
    print("#total", json.dumps(total))


if __name__ == "__main__":
    main_with(json.loads(sys.argv[1]))
