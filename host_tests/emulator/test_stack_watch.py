# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Whose part of the stack it is, also when the watch begins in the middle of an interrupt."""

import json
import subprocess

import pytest

from toolchain import emulator
from toolchain.layout import ROOT

TO_PROGRAM, TO_HANDLER = 0x0FFFFFF9, 0x0FFFFFF1
# `steps`: where the stack's pointer is, by bytes from its top, and what happens there.
SCRIPT = """
import { StackWatch } from '%s';
const { ipsr, from, steps } = JSON.parse(process.argv[1]);
const TOP = 0x20042000;
const registers = new Uint32Array(16);
const core = { IPSR: ipsr, registers, exceptionEntry() {}, exceptionReturn() {} };
registers[13] = TOP - from;
const watch = new StackWatch();
watch.attach({ core, mcu: { sram: new Uint8Array(0x42000) } });
for (const [what, value] of steps) {
  if (what === 'at') { registers[13] = TOP - value; watch.look(registers[13]); }
  else if (what === 'enter') core.exceptionEntry(value);
  else core.exceptionReturn(value);
}
const { program, interrupts } = watch.figures();
console.log(JSON.stringify([program, interrupts]));
"""


def seen(ipsr: int, start: int, *steps: tuple[str, int]) -> list[int]:
    script = SCRIPT % (ROOT / "tools" / "emulator" / "stack_watch.mjs").as_uri()
    given = json.dumps({"ipsr": ipsr, "from": start, "steps": steps})
    command = [str(emulator.node()), "--input-type=module", "--eval", script, given]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


WHOLE = (("at", 3000), ("enter", 18), ("at", 3600), ("enter", 15), ("at", 3900), ("leave", TO_HANDLER),
         ("at", 3700), ("leave", TO_PROGRAM), ("at", 8000))  # fmt: skip


@pytest.mark.parametrize(
    ("ipsr", "start", "steps", "figures"),
    [
        (0, 1000, WHOLE, [8000, 900]),
        # In an interrupt that found the stack somewhere above: from here on.
        (18, 1000, (("at", 1500), ("leave", TO_PROGRAM), *WHOLE), [8000, 900]),
        (18, 1000, (("at", 2500), ("leave", TO_PROGRAM), *WHOLE), [8000, 1500]),
        # In one on top of another.
        (15, 1000, (("leave", TO_HANDLER), ("at", 1200), ("leave", TO_PROGRAM), *WHOLE), [8000, 900]),
    ],
)
def test_whose_part_it_is(ipsr, start, steps, figures):
    assert seen(ipsr, start, *steps) == figures
