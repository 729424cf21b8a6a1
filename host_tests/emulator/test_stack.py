# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""How much stack the real image needs: the guard's interrupt runs on top of whatever it interrupts, and finds
room there."""

import asyncio
import ssl

import pytest

from bench.certificates import Authority
from emulator import stack
from emulator.bench import one_session
from emulator.guard_bench import AIM_MS, wait_for
from emulator.rig import HOST, TAG, charger

pytestmark = pytest.mark.timeout(900)

# Kept free of what the program may use: records that do not come in a session of this test, such as one that
# finds the outbox full and thins it out (1,800 bytes more), or are yet to be written.
SPARE_BYTES = 2048

# As deep as MicroPython's own check allows, and beyond, again and again; a car is charging.
RECURSION = """
import time
from board import BOARD
from evse.guard import Guard
from evse.ticker import Ticker
from hal.rp2.board import Board
board = Board(BOARD)
guard = Guard(board.connectors[0])
ticker = Ticker(board, [guard])
guard.set_duty(5000)
ticker.start()
def deep(n):
    if n:
        return deep(n - 1)
    end = time.ticks_add(time.ticks_ms(), 100)
    while time.ticks_diff(end, time.ticks_ms()) > 0:
        pass
def living(n):
    ticker.live()
    guard.ask(True, guard.openings)
    try:
        deep(n)
    except RuntimeError:
        return False
    return True
print("running")
while not guard.closed:
    living(0)
most = 5
while living(most):
    most += 1
print("deepest", most)
while True:
    living(most - 1)
    living(1000)
"""


def test_the_guard_goes_on_above_a_program_that_has_used_its_stack(start, tmp_path):
    """Its interrupt is not refused its part of the stack; the program is, and finds out by itself."""
    board = start(pace=1)
    path = tmp_path / "recursion.py"
    path.write_text(RECURSION)
    board.mpremote("run", "--no-follow", str(path))
    wait_for(board, "running")
    stack.watch(board)
    board.do("pace", factor=None)
    board.do("plug")
    board.do("s2", closed=True)
    assert board.run(8000, until="gp10", value=1)["reached"]
    assert not board.run(10000, until="gp10", value=0)["reached"]
    depth = stack.depth(board)
    said = board.do("console")["text"].rpartition("running")[2]
    assert "deepest" in said and "Uncaught" not in said and "Traceback" not in said, said
    # It was as deep as it may get, less a call's worth, and no deeper.
    assert stack.room() - stack.interrupts_room() - 2048 < depth.program and depth.fits(), depth
    began = board.state()["ns"]
    board.do("s2", closed=False)
    opened = board.run(1000, until="gp10", value=0)
    assert opened["reached"] and (opened["at_ns"] - began) / 1e6 < AIM_MS


def test_whole_sessions_over_tls(image, capsys):
    async def live():
        authority = Authority("ec")
        context = authority.server(HOST).context(highest=ssl.TLSVersion.TLSv1_2)
        async with charger(image, context, authority.der) as rig:
            await asyncio.to_thread(stack.watch, rig.board)
            await rig.start()
            await rig.charge()
            deep = '{"vendorId":"x","data":%s}' % ("[" * 200 + "]" * 200)
            await rig.station.send_raw('[2,"deep","DataTransfer",%s]' % deep)
            await rig.pause(4000)
            await rig.do("tag", id=TAG)
            await rig.expect("StopTransaction", reason="Local")
            await rig.do("unplug")
            await rig.expect("StatusNotification", connectorId=1, status="Available")
            await one_session(rig)  # started remotely: the deepest way to a record
            return await asyncio.to_thread(stack.depth, rig.board)

    depth = asyncio.run(live())
    program_room = stack.room() - stack.interrupts_room()
    with capsys.disabled():
        print(
            "stack in sessions over TLS: program %d of %d, interrupts %d of %d"
            % (depth.program, program_room, depth.interrupts, stack.interrupts_room())
        )
    assert depth.fits() and depth.program <= program_room - SPARE_BYTES, depth


def test_the_handshake_that_takes_most(image, capsys):
    """P-384 and SHA-384: longer numbers, and a hash with a frame of 2 KB."""

    async def live():
        authority = Authority("ec384")
        context = authority.server(HOST).context(highest=ssl.TLSVersion.TLSv1_2)
        async with charger(image, context, authority.der) as rig:
            await asyncio.to_thread(stack.watch, rig.board)
            await rig.start()
            return await asyncio.to_thread(stack.depth, rig.board)

    depth = asyncio.run(live())
    with capsys.disabled():
        print("stack in a handshake with P-384: program %d" % depth.program)
    assert depth.fits() and depth.program <= stack.room() - stack.interrupts_room() - SPARE_BYTES, depth
