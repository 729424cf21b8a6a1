# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Runs on the emulated board for `make guard-bench`: the guard of the firmware on its timer interrupt, and
beside it one kind of work that keeps the interpreter from anything else. LOAD is put before this text.

The main loop says that it lives, and asks for the contactor, between two pieces of that work.
"""

import gc
import io
import random
import time

import rp2

from board import BOARD
from evse.guard import Guard
from evse.ticker import Ticker
from hal.rp2.board import Board


def idle():
    time.sleep_ms(20)


class Erase:
    """The last block of the flash, again and again: what the outbox does at its busiest, without a pause."""

    def __init__(self):
        self._flash = rp2.Flash()
        self._block = (self._flash.ioctl(4, 0) or 1) - 1

    def __call__(self):
        self._flash.ioctl(6, self._block)


class Write(Erase):
    """Erases at any distance from each other and from the guard's passes, pages programmed right after some
    of them: what a file system does."""

    def __init__(self):
        super().__init__()
        self._page = bytes(1024)  # as much as littlefs programs at once

    def __call__(self):
        super().__call__()
        if random.getrandbits(1):
            self._flash.writeblocks(self._block, self._page, 0)
        time.sleep_us(random.randrange(12000))


class Collect:
    """A full collection over a heap of many small objects that are all alive: the longest there is."""

    def __init__(self):
        gc.collect()
        self._kept = None
        while gc.mem_free() > 32000:
            for _ in range(100):
                self._kept = (self._kept, [gc, (self._kept,)])

    def __call__(self):
        gc.collect()


class _Wire(io.IOBase):
    """One end of a connection in memory."""

    def __init__(self, out, back):
        self._out = out
        self._back = back

    def write(self, data):
        self._out.extend(data)
        return len(data)

    def readinto(self, view):
        count = min(len(view), len(self._back))
        if not count:
            return None
        view[:count] = self._back[:count]
        self._back[:] = self._back[count:]
        return count

    def ioctl(self, request, argument):
        return 3 if request == 3 else 0  # MP_STREAM_POLL: always ready


class Handshake:
    """TLS with itself, both sides verified by what the firmware verifies with: P-256 and SHA-256."""

    def __init__(self):
        import tls  # pyright: ignore[reportMissingImports] (not in the stubs)

        self._client = tls.SSLContext(tls.PROTOCOL_TLS_CLIENT)
        self._client.load_verify_locations(CERTIFICATE)  # noqa: F821
        self._server = tls.SSLContext(tls.PROTOCOL_TLS_SERVER)
        self._server.load_cert_chain(CERTIFICATE, KEY)  # noqa: F821

    def __call__(self):
        one, two = bytearray(), bytearray()
        gc.collect()
        server = self._server.wrap_socket(_Wire(one, two), server_side=True, do_handshake_on_connect=False)
        client = self._client.wrap_socket(
            _Wire(two, one), server_hostname="guard", do_handshake_on_connect=False
        )
        buffer = bytearray(1)
        said = heard = None
        while not heard:
            said = said or client.write(b"x")
            heard = server.readinto(buffer)
        client.close()
        server.close()
        print("handshake")


def prepare():
    machine_time = time.gmtime()
    if machine_time[0] < 2026:
        import machine

        machine.RTC().datetime((2027, 1, 1, 0, 0, 0, 0, 0))


prepare()
LOADS = {
    "idle": lambda: idle,
    "erase": Erase,
    "write": Write,
    "collect": Collect,
    "handshake": Handshake,
}
work = LOADS[LOAD]()  # noqa: F821
board = Board(BOARD)
guard = Guard(board.connectors[0])
ticker = Ticker(board, [guard])
ticker.start()
guard.set_duty(5000)
print("running")
while True:
    ticker.live()
    guard.ask(True, guard.openings)
    work()
