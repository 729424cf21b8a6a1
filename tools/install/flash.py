# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""`make flash BOARD=... PORT=...`: the firmware onto a board with official MicroPython (docs/flash.md)."""

import argparse
import sys
from typing import TextIO

from install import checks, firmware_set, plan
from install.board_link import BoardError, BoardLink, connected, the_port
from install.firmware_set import FirmwareSet
from install.plan import NoRoom, Step
from toolchain.layout import SetupError
from toolchain.output import line_by_line

_RECORD_BYTES = 16384


class Refused(Exception):
    """It was not installed; the text says why."""


class Progress:
    """So many bytes of so many: one line that changes at a terminal, a line for each tenth elsewhere."""

    def __init__(self, total: int, output: TextIO):
        self._total = total
        self._done = 0
        self._tenth = 0
        self._output = output

    def add(self, count: int, name: str) -> None:
        self._done += count
        tenth = self._done * 10 // self._total
        text = "%9s of %s bytes  %3d %%" % (_n(self._done), _n(self._total), self._done * 100 // self._total)
        if self._output.isatty():
            self._output.write("\r%s  %-40s" % (text, name[-40:]))
            if self._done == self._total:
                self._output.write("\n")
        elif tenth != self._tenth:
            self._output.write("%s\n" % text)
        self._tenth = tenth
        self._output.flush()


def _n(number: int) -> str:
    return format(number, ",")


def install(link: BoardLink, wanted: FirmwareSet, force: bool, say) -> bool:
    """Was anything to be done? Refused, BoardError. say: called with a line for the person."""
    facts = link.facts()
    say("%s, MicroPython %s" % (facts.machine, ".".join(map(str, facts.version))))
    if not force:
        refuse_while_charging(link)
    found = link.look()
    against = checks.problems(facts, link.lacks(wanted.modules), link.frozen_board(), found, wanted)
    for problem in against:
        say("%s%s" % ("forced: " if force else "", problem))
    if against and not force:
        raise Refused("not installed; FORCE=yes installs it all the same.")
    try:
        todo = plan.steps(found, wanted)
    except NoRoom as error:
        raise Refused("not installed: %s." % error) from None
    if not todo:
        say("firmware %s is there, nothing to transfer" % wanted.name)
        return False
    before = found.name()
    say("firmware %s, before %s" % (wanted.name, before or "none, or half of one"))
    if plan.stops_the_old(todo):
        say("there is no room for both: the board starts nothing until this is finished")
    carry_out(link, todo, wanted, Progress(max(1, plan.bytes_to_send(todo)), sys.stdout))
    say(
        "verified: %d files, %s bytes, %s of them transferred"
        % (len(wanted.files), _n(wanted.total_bytes), _n(_of_files(todo)))
    )
    return True


def _of_files(todo: list[Step]) -> int:
    return sum(len(step.content) for step in todo if step.do == "write")


def refuse_while_charging(link: BoardLink) -> None:
    """Refused if a transaction is running. It was interrupted for the question; the restart lets it go on."""
    for name in link.names():
        if checks.is_transaction(name) and checks.running(link.content("/" + name, _RECORD_BYTES) or b""):
            raise Refused("a car is charging (%s): the charger is restarted. FORCE=yes does not ask." % name)


def carry_out(link: BoardLink, todo: list[Step], wanted: FirmwareSet, progress: Progress) -> None:
    for step in todo:
        name = step.path.removeprefix(wanted.folder + "/")

        def on_bytes(count: int, name: str = name) -> None:
            progress.add(count, name)

        if step.do == "write":
            link.write(step.path, step.content, on_bytes)
        elif step.do == "replace":
            link.replace(step.path, step.content, on_bytes)
        elif step.do == "copy":
            link.copy(step.path, step.other)
        elif step.do == "verify":
            verify(link, wanted)
        else:
            _change(link, step)


def _change(link: BoardLink, step: Step) -> None:
    if step.do == "move":
        link.move(step.path, step.other)
    elif step.do == "remove":
        link.remove(step.path)
    elif step.do == "make folder":
        link.make_folder(step.path)
    elif step.do == "remove folder":
        link.remove_folder(step.path)
    else:
        raise ValueError(step.do)


def verify(link: BoardLink, wanted: FirmwareSet) -> None:
    """The whole set by the hashes that the board works out of its flash, before it counts."""
    found = link.look()
    for name, content in wanted.files.items():
        path = "%s/%s" % (wanted.folder, name)
        if found.files.get(path) != (len(content), firmware_set.sha256(content)):
            raise BoardError("%s is not what it should be: run make flash again." % path)


def main() -> int:
    line_by_line()
    parser = argparse.ArgumentParser(prog="make flash", description="Install the firmware with mpremote.")
    parser.add_argument("board")
    parser.add_argument("--port", default="")
    parser.add_argument("--force", action="store_true")
    chosen = parser.parse_args()

    def say(line: str) -> None:
        print("flash:", line, flush=True)

    wanted = firmware_set.build(chosen.board)
    port = the_port(chosen.port)
    with connected(port) as link:
        install(link, wanted, chosen.force, say)
    say("the board restarts. Its settings: make configure PORT=%s" % port)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (SetupError, BoardError, Refused) as error:
        sys.exit("flash: %s" % error)
    except KeyboardInterrupt:
        sys.exit("flash: interrupted; the next make flash goes on where this one was.")
