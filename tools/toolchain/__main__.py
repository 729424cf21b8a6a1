# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""`python3 tools/toolchain [run|test|check|image|emulate|schedule|install]`: set up what that make target
needs. What is there is left alone."""

import sys

if sys.version_info < (3, 11):
    sys.exit("set-up: Python 3.11 or newer is needed, this is %d.%d." % sys.version_info[:2])

import fcntl
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from toolchain import arm, browser, emulator, environment, port_sources, unix_port
from toolchain.layout import BUILD, SetupError

# Each includes the ones before it.
STAGES = ("run", "test", "check")
# Needs what `run` needs.
IMAGE = "image"
# Needs what `test` needs, but for the browser.
EMULATE = "emulate"
# Needs the Python packages of `run`, and is part of `test`.
SCHEDULE = "schedule"
# `make flash` and its like: the Python packages of `run`, and what mpremote needs for a port; part of `test`.
INSTALL = "install"


def say(line: str) -> None:
    print("set-up:", line, flush=True)


def set_up(stage: str) -> None:
    (BUILD / "tmp").mkdir(parents=True, exist_ok=True)  # the Makefile's TMPDIR
    # Two terminals may start at once: the second waits and then finds everything done.
    with open(BUILD / "setup.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if stage in (SCHEDULE, INSTALL):
            environment.install(("run", stage), say)
            return
        unix_port.fetch(say)
        if stage == IMAGE:
            environment.install(("run", IMAGE), say)
            arm.fetch(say)
            port_sources.fetch(say)
            return
        if stage == EMULATE:
            environment.install(("run", "test", EMULATE), say)
            emulator.fetch(say)
            return
        environment.install(STAGES[: STAGES.index(stage) + 1], say)
        if stage != "run":
            environment.install((SCHEDULE, INSTALL), say)
            browser.fetch(say)
            # The tests' fakes of `machine` and its like have their signatures from there.
            environment.install_typings(("typings_esp32", "typings_rp2"), say)
        if stage == "check":
            environment.install_typings(("typings",), say)


def main(arguments: list[str]) -> int:
    stage = arguments[0] if arguments else STAGES[-1]
    if stage not in (*STAGES, IMAGE, EMULATE, SCHEDULE, INSTALL) or len(arguments) > 1:
        print(
            "usage: python3 tools/toolchain [%s]" % "|".join((*STAGES, IMAGE, EMULATE, SCHEDULE, INSTALL)),
            file=sys.stderr,
        )
        return 2
    try:
        set_up(stage)
    except SetupError as error:
        print("set-up:", error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("set-up: interrupted; it goes on where it was when started again.", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
