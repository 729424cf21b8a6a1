# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""A board at a serial port, through mpremote's own connection, unmodified. What is done on the board is
Python text for its REPL (`board/side.py`); nothing of it is echoed, and none of it is ever shown: it may be a
secret.
"""

import ast
import base64
import contextlib
import io
import struct
from collections.abc import Callable, Iterator

import serial
import serial.tools.list_ports
from mpremote.transport import TransportError, TransportExecError
from mpremote.transport_serial import SerialTransport

from install.firmware_set import BOARD_SIDE, CURRENT, FOLDER, START, sha256
from install.plan import NEW, Found

_BAUD = 115200
# A word more than the board's USB buffers, and a line that its compiler takes with little heap.
_CHUNK_BYTES = 1536
_READ_TIMEOUT_S = 20
_ATTEMPTS = 3
_START_CHARS = 256
_LOST = (TransportError, serial.SerialException, OSError, struct.error)


class BoardError(Exception):
    """No board, or it is gone, or it refuses; in words for the person at the terminal."""


class Facts:
    """platform, version, machine, mpy   of `sys` and `sys.implementation`
    heap_bytes                        free, after a collection
    block_bytes, free_bytes           of the file system
    """

    def __init__(self, told: tuple):
        self.platform, self.version, self.machine, self.mpy = told[:4]
        self.heap_bytes, self.block_bytes = told[4:6]
        self.free_bytes = told[6] * self.block_bytes


def the_port(named: str) -> str:
    """The port that was named, or the only one with a board. BoardError."""
    if named:
        return named
    found = sorted(port.device for port in serial.tools.list_ports.comports() if port.vid is not None)
    if len(found) == 1:
        return found[0]
    there = "there is no USB serial port" if not found else "there are %s" % ", ".join(found)
    raise BoardError("which port? PORT=/dev/ttyACM0 or the like: %s." % there)


@contextlib.contextmanager
def connected(port: str) -> Iterator["BoardLink"]:
    """The board, its firmware stopped with contactors open, its REPL ours. At the end it restarts, whatever
    has happened, unless `stays` was set. BoardError."""
    link = BoardLink(_transport(port))
    try:
        link.take_over()
        yield link
    except _LOST as error:
        # TransportExecError has the text of a traceback of ours, which holds no values.
        words = str(error).strip().splitlines()
        raise BoardError(
            "the board does not answer as it should: %s" % (words[-1] if words else error)
        ) from None
    finally:
        link.leave()


def _transport(port: str) -> SerialTransport:
    try:
        return SerialTransport(port, baudrate=_BAUD, timeout=_READ_TIMEOUT_S)
    except _LOST:
        raise BoardError("%s: no such port, or another program has it." % port) from None


class BoardLink:
    """stays: at the console, without firmware, until somebody restarts it."""

    def __init__(self, transport):
        self._transport = transport
        self._ours = False
        self.stays = False

    def take_over(self) -> None:
        for attempt in range(_ATTEMPTS):
            try:
                # What mpremote prints when that fails is the charger's log.
                with contextlib.redirect_stdout(io.StringIO()):
                    self._transport.enter_raw_repl()
                break
            except TransportError:
                if attempt == _ATTEMPTS - 1:
                    raise BoardError("no MicroPython answers there.") from None
        self._ours = True
        self._run((BOARD_SIDE / "side.py").read_text())
        self._run("quiet_watchdog()")

    def leave(self) -> None:
        with contextlib.suppress(*_LOST):
            if self._ours and not self.stays:
                self._transport.exec_raw_no_follow("import machine\nmachine.reset()\n")
        with contextlib.suppress(*_LOST):
            self._transport.close()

    def facts(self) -> Facts:
        return Facts(self._told("facts()")[0])

    def lacks(self, modules: tuple[str, ...]) -> list[str]:
        return self._told("has(%r)" % (modules,))[0]

    def names(self, folder: str = "/") -> list[str]:
        return self._told("print(os.listdir(%r))" % folder)[0]

    def content(self, path: str, most: int) -> bytes | None:
        return self._told("content(%r,%d)" % (path, most))[0]

    def frozen_board(self) -> str | None:
        """The name of the board whose image this is, if it is one of ours."""
        code = (
            "try:\n from board import BOARD\n print(repr(BOARD['name']))\nexcept ImportError:\n print(None)"
        )
        return self._told(code)[0]

    def look(self, on_file: Callable[[], None] = lambda: None) -> Found:
        """What there is of ours. on_file: called for each file, whose hash takes the board its time."""
        files, folders = {}, set()
        code = "told(%r)\ntold(%r)\ntree(%r)" % (START, START + NEW, FOLDER)
        for path, size, digest in self._told(code, on_file):
            if size < 0:
                folders.add(path)
            else:
                files[path] = (size, digest)
        if FOLDER[1:] in self.names():
            folders.add(FOLDER)
        facts = self.facts()
        current = self.content(CURRENT, _START_CHARS) or b""
        start = self.content(START, _START_CHARS)
        return Found(files, frozenset(folders), current, start, facts.free_bytes, facts.block_bytes)

    def write(self, path: str, content: bytes, on_bytes: Callable[[int], None] = lambda _: None) -> None:
        """Whole, by what the board reads back; or in parts, when the connection breaks, and empty at the
        least."""
        code = "f=open(%r,'wb')\nw=f.write\nb=binascii.a2b_base64\n" % path
        told = []
        for at in range(0, max(1, len(content)), _CHUNK_BYTES):
            part = content[at : at + _CHUNK_BYTES]
            code += "w(b(%r))\n" % base64.b64encode(part).decode()
            if at + _CHUNK_BYTES >= len(content):
                code += "f.close()\ntold(%r)\n" % path
            told = self._told(code)
            on_bytes(len(part))
            code = ""
        if told != [(path, len(content), sha256(content))]:
            raise BoardError("%s: what the board reads back is not what it was sent." % path)

    def replace(self, path: str, content: bytes, on_bytes: Callable[[int], None] = lambda _: None) -> None:
        """Old or new, whenever the power goes: littlefs renames in one step, over what is there."""
        self.write(path + NEW, content, on_bytes)
        self._run("os.rename(%r,%r)" % (path + NEW, path))

    def copy(self, old: str, new: str) -> None:
        self._run("copied(%r,%r)" % (old, new))

    def move(self, old: str, new: str) -> None:
        self._run("os.rename(%r,%r)" % (old, new))

    def remove(self, path: str) -> None:
        self._run("os.remove(%r)" % path)

    def make_folder(self, path: str) -> None:
        self._run("os.mkdir(%r)" % path)

    def remove_folder(self, path: str) -> None:
        self._run("os.rmdir(%r)" % path)

    def _run(self, code: str) -> bytes:
        try:
            return self._transport.exec(code)
        except TransportExecError as error:
            lines = error.error_output.strip().splitlines()
            raise BoardError("the board says: %s" % (lines[-1] if lines else "nothing")) from None

    def _told(self, code: str, on_line: Callable[[], None] = lambda: None) -> list:
        """The literals that it prints."""
        said = bytearray()

        def take(data: bytes) -> None:
            said.extend(data)
            if data.endswith(b"\n"):
                on_line()

        try:
            self._transport.exec(code, data_consumer=take)
        except TransportExecError as error:
            lines = error.error_output.strip().splitlines()
            raise BoardError("the board says: %s" % (lines[-1] if lines else "nothing")) from None
        lines = bytes(said).replace(b"\x04", b"").decode(errors="replace").splitlines()
        try:
            return [ast.literal_eval(line) for line in lines if line.strip()]
        except (ValueError, SyntaxError):
            raise BoardError(
                "the board's answer is not what was asked for: is it somebody else's console?"
            ) from None
