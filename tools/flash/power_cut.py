# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""`make power-cut`: a charger's life, the power cut at each of its flash operations. `make bit-rot`: its
files damaged at each of their bytes, and flash that is full, read-only or failing.

    python -m flash.power_cut                                            everything
    python -m flash.power_cut --board rp2 --cut 123 --torn 2 -v          that one life, with its log
    python -m flash.power_cut --board rp2 --kind stop --during "other list"   cuts of that step
    python -m flash.power_cut --rot --trouble                            damaged files, flash in trouble
    python -m flash.power_cut --rot --file outbox/head --at 17 -v        those of one byte

The lives are lived by `board/power_cut.py`, under 32-bit MicroPython. The exit code is 1 when anything is
wrong.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from toolchain import interpreter
from toolchain.layout import ROOT, SetupError
from toolchain.output import line_by_line

# What the boards mount littlefs with: rp2 erases 4096 bytes and programs 256, esp32 programs 32.
BOARDS = ("rp2", "esp32")
KINDS = ("stop", "resume", "full", "long")
_SLOW_KINDS = ("full", "long")
_HEAP = "8M"
# Nobody waits for one of its lives, and chargers that run beside it live by the clock.
_YIELDING = ("nice", "-n", "10")
_SUMMARY = ("lost", "duplicated", "unbootable")
_FAULTS_SHOWN = 10


def run(script: str, options: dict, relay=None) -> tuple[dict, list[dict]]:
    """(totals, faults) of one process. `relay(line)` gets what it prints otherwise. RuntimeError: it died."""
    command = [*_YIELDING, str(interpreter.find(32).path), "-X", "heapsize=" + _HEAP]
    command += [str(ROOT / "tools" / "flash" / "board" / (script + ".py")), json.dumps(options)]
    path = ":".join(str(ROOT / part) for part in ("", "firmware", "tools")) + ":.frozen"
    totals: dict = {}
    faults: list[dict] = []
    last: list[str] = []
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env={**os.environ, "MICROPYPATH": path},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            line = line.rstrip("\n")
            word, _, rest = line.partition(" ")
            if word == "#total":
                totals = json.loads(rest)
            elif word == "#fault":
                faults.append(json.loads(rest))
            elif relay is not None:
                relay(line)
            else:
                last = [*last[-20:], line]
    if process.returncode or not totals:
        raise RuntimeError("exit code %s\n%s" % (process.returncode, "\n".join(last)))
    return totals, faults


def repeat(fault: dict) -> str:
    """The command that lives this life again."""
    words = ["python -m flash.power_cut"]
    for name in ("board", "kind", "rot", "file", "at", "how", "cut", "torn", "second", "defect",
                 "trouble", "when"):  # fmt: skip
        value = fault.get(name)
        if value is True:
            words.append("--" + name)
        elif value is not None:
            words.append("--%s %s" % (name.replace("_", "-"), value))
    return " ".join([*words, "-v"])


def report(faults: list[dict]) -> None:
    for fault in faults[:_FAULTS_SHOWN]:
        for text in fault["faults"]:
            print("  " + text)
        print("    PYTHONPATH=tools build/venv/bin/" + repeat(fault))


def total_of(results: list[dict]) -> tuple[dict, dict]:
    """Sums of the counts, and of the lives by what was wrong in them."""
    counts: dict = {}
    kinds: dict = {}
    for result in results:
        for name, value in result.items():
            if isinstance(value, int):
                counts[name] = counts.get(name, 0) + value
        for kind, number in result["kinds"].items():
            kinds[kind] = kinds.get(kind, 0) + number
    return counts, kinds


def all_cuts(arguments) -> int:
    began = time.monotonic()
    jobs = [
        {
            "board": board,
            "kind": kind,
            "every": arguments.every,
            # Such lives take long, and so do the recoveries in them: one way of tearing each.
            "torn": "turn" if kind in _SLOW_KINDS else arguments.torn_all,
            "stride": arguments.stride * (5 if kind in _SLOW_KINDS else 1),
            "defect": arguments.defect,
            "during": arguments.during,
        }
        for board in ([arguments.board] if arguments.board else reversed(BOARDS))
        for kind in ([arguments.kind] if arguments.kind else KINDS)
    ]
    with ThreadPoolExecutor(arguments.jobs) as pool:
        results = list(pool.map(lambda job: run("power_cut", job), jobs))
    for job, (totals, faults) in zip(jobs, results, strict=True):
        totals = {**totals, **job}
        print(
            "{board} {kind}: {operations} flash operations, {acknowledged} transactions; {lives} lives,"
            " {cuts} cuts; {double} double, of {recovery_operations} operations of recoveries;"
            " {retries} messages sent again with their id; {faulty} lives with a fault".format(**totals)
        )
        report(faults)
    counts, kinds = total_of([totals for totals, _ in results])
    others = {kind: number for kind, number in kinds.items() if kind not in _SUMMARY}
    print("%d s; other faults: %s" % (time.monotonic() - began, _listed(others)))
    print(
        "power-cut: %d cuts, %s"
        % (counts["cuts"], ", ".join("%d %s" % (kinds.get(kind, 0), kind) for kind in _SUMMARY))
    )
    return 1 if counts["faulty"] else 0


def _listed(kinds: dict) -> str:
    return ", ".join("%d %s" % (number, kind) for kind, number in sorted(kinds.items())) or "none"


def trouble(arguments) -> int:
    options = {"trouble": arguments.trouble, "when": arguments.when, "verbose": arguments.verbose}
    options["defect"] = arguments.defect
    if options["trouble"] == "all":
        options["trouble"] = None
    boards = [arguments.board] if arguments.board else BOARDS
    relay = print if arguments.verbose else None
    results = [run("trouble", {**options, "board": board}, relay) for board in boards]
    for _, faults in results:
        report(faults)
    counts, _ = total_of([totals for totals, _ in results])
    print("trouble: %d stories, %d with a fault" % (counts["stories"], counts["faulty"]))
    return 1 if counts["faulty"] else 0


def rot(arguments) -> int:
    began = time.monotonic()
    options = {"every": arguments.every, "file": arguments.file, "at": arguments.at, "how": arguments.how}
    options.update({"defect": arguments.defect, "verbose": arguments.verbose})
    pairs = [("rp2", "stop"), ("esp32", "resume"), ("rp2", "long")]
    if arguments.board or arguments.kind:
        pairs = [(arguments.board or BOARDS[0], arguments.kind or KINDS[0])]
    jobs = [{**options, "board": board, "kind": kind} for board, kind in pairs]
    relay = print if arguments.verbose else None
    with ThreadPoolExecutor(arguments.jobs) as pool:
        results = list(pool.map(lambda job: run("rot", job, relay), jobs))
    for job, (totals, faults) in zip(jobs, results, strict=True):
        totals = {**totals, **job}
        print(
            "{board} {kind}: {files} files of {bytes} bytes, {boots} boots with a damaged file, in {harmed}"
            " of them the central system was told less or more than without; {faulty} with a fault".format(
                **totals
            )
        )
        report(faults)
    counts, kinds = total_of([totals for totals, _ in results])
    print("%d s; faults: %s" % (time.monotonic() - began, _listed(kinds)))
    print("bit-rot: %d damages, %d worse than the record hit" % (counts["boots"], counts["faulty"]))
    return 1 if counts["faulty"] else 0


def one_cut(arguments) -> int:
    options = {
        "board": arguments.board or BOARDS[0],
        "kind": arguments.kind or KINDS[0],
        "cut": arguments.cut,
        "torn": arguments.torn,
        "second": arguments.second,
        "defect": arguments.defect,
        "verbose": arguments.verbose,
    }
    totals, faults = run("power_cut", options, print)
    report(faults)
    print("%d cuts; faults: %s" % (totals["cuts"], _listed(totals["kinds"])))
    return 1 if totals["faulty"] else 0


def main() -> int:
    line_by_line()
    parser = argparse.ArgumentParser(prog="flash.power_cut", description="Power cuts and damaged files.")
    parser.add_argument("--board", choices=BOARDS, help="only this geometry")
    parser.add_argument("--kind", choices=KINDS, help="only this kind of life, see board/life.py")
    parser.add_argument("--cut", type=int, help="one life, the power cut at this operation; -1: never")
    parser.add_argument("--torn", type=int, default=0, help="so many quarters of that operation are done (0)")
    parser.add_argument("--second", type=int, help="and cut again at this operation after the boot")
    parser.add_argument("--every", type=int, default=1, help="only every so-manieth cut or damage (1)")
    parser.add_argument("--during", help="only during the steps of this name, see board/life.py")
    parser.add_argument("--turn", dest="torn_all", action="store_const", const="turn", default="all",
                        help="one way of tearing for each operation, in turn, not all five")  # fmt: skip
    parser.add_argument("--stride", type=int, default=13,
                        help="of a recovery every so-manieth operation is cut too (13), 0: none")  # fmt: skip
    parser.add_argument("--rot", action="store_true", help="damaged files, not power cuts")
    parser.add_argument("--trouble", nargs="?", const="all",
                        help="flash that takes nothing: all ways, or one of board/trouble.py")  # fmt: skip
    parser.add_argument("--when", choices=("online", "offline", "boot"), help="with --trouble")
    parser.add_argument("--file", help="only this file, relative to the charger's directory (with --rot)")
    parser.add_argument("--at", type=int, help="only the byte at this offset (with --rot)")
    parser.add_argument("--how", choices=("bit", "byte", "cut"), help="only damaged like that (with --rot)")
    parser.add_argument("--defect", help="break something on purpose, see board/defects.py")
    parser.add_argument("--jobs", type=int, default=2, help="processes at a time (2)")
    parser.add_argument("-v", "--verbose", action="store_true", help="show the log (with --cut, --at)")
    arguments = parser.parse_args()
    try:
        if arguments.rot or arguments.trouble:
            code = trouble(arguments) if arguments.trouble else 0
            return max(code, rot(arguments) if arguments.rot else 0)
        return all_cuts(arguments) if arguments.cut is None else one_cut(arguments)
    except (SetupError, RuntimeError) as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
