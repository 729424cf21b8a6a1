# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Functions and classes of frozen modules lie in flash (tools/toolchain/mends/rom_objects.patch), and are
what they would be in RAM."""

FLASH = 0x10
RAM = 0x20


def test_functions_and_classes_are_in_flash_and_their_globals_are_not_collected(start):
    said = start().exec("""
import gc
from hal.ticks import ticks_diff
from evse.guard import Guard
from ocpp16.frames import FrameReader, ProtocolError
things = ticks_diff, Guard, Guard.tick, FrameReader.__init__, ProtocolError, len
print([id(thing) >> 24 for thing in things])
for _ in range(3):
    gc.collect()
    [bytearray(64) for _ in range(500)]
reader = FrameReader()
reader.space()[:3] = b"\\x81\\x01x"
reader.advance(3)
print(reader.next(), bytes(reader.payload), FrameReader.__name__, type(reader) is FrameReader)
try:
    FrameReader(100, limit=2)._long_length(0, 8)
except ProtocolError as error:
    print(error.code, repr(error), issubclass(ProtocolError, Exception))
""")
    assert said.splitlines() == [
        str([FLASH, FLASH, FLASH, FLASH, RAM, FLASH]),
        "1 b'x' FrameReader True",
        "1002 ProtocolError(1002, 'length not in its shortest form') True",
    ]


def test_a_class_in_flash_is_a_class(start):
    said = start().exec("""
from evse.guard import Guard
from ocpp16.websocket import WebSocket
from asyncio import core

class Other(WebSocket):
    def __init__(self):
        self._state = 5
    def more(self):
        return self.closed, isinstance(self, WebSocket)

print(Other().more(), type(Other.__dict__["more"]).__name__, hasattr(WebSocket, "closed"))
try:
    Guard.extra = 1
except AttributeError as error:
    print("refused")
core.Loop.set_exception_handler(5)  # assigns a member of the class that it is in
print(core.Loop.get_exception_handler())
core.Loop.set_exception_handler(None)
""")
    assert said.splitlines() == ["(False, True) function True", "refused", "5"]


def test_a_module_that_is_imported_again_is_a_new_one(start):
    said = start().exec("""
import sys
import log
log.error("a", "before")
print(len(log.lines()))
del sys.modules["log"]
import log
print(len(log.lines()))
log.error("a", "after")
print(len(log.lines()))
""")
    assert [line for line in said.splitlines() if line.isdigit()] == ["1", "0", "1"]


def test_what_is_needed_once_gives_its_memory_back(start):
    said = start().exec("""
import gc, sys
import main, once
def used():
    gc.collect()
    return gc.mem_alloc()
import hal.board_sense
full = used()
once.forget("hal.board_keys", "hal.board_data", "hal.board_sense")
less = used()
print(full - less)
from hal.board_data import require
from board import BOARD
require(BOARD)
print(used() - less > (full - less) // 2, "hal.board_keys" in sys.modules)
""")
    given_back, again = said.splitlines()
    assert int(given_back) > 400
    assert again == "True True"
