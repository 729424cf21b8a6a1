# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""A board for unmodified mpremote: MicroPython's unix port with littlefs at its root, and the raw REPL of a
board at a TCP port, which the unix port does not have. Runs under MicroPython:

    micropython repl.py PORT IMAGE CUT_AT TORN

IMAGE: the flash, as it is at the start and at the end. CUT_AT: the flash operation at which the power goes,
-1: never. TORN: quarters of it that are done. It prints "listening", and after each reset what `/main.py` has
said. It ends with 137 when the power goes.
"""

import gc
import io
import socket
import sys

import vfs

from flash.board.device import BLOCK_BYTES, Device, PowerCut, format, mount

PROG_BYTES = 32
BLOCKS = 512  # 2 MB, the file system of an ESP32 with 4 MB of flash
_WINDOW_BYTES = 4096
_IPPROTO_TCP = 6
_TCP_NODELAY = 1
_BANNER = b"raw REPL; CTRL-B to exit\r\n>"


class Reset(BaseException):
    pass


class _Machine:
    mem32: dict = {}

    @staticmethod
    def reset():
        raise Reset

    @staticmethod
    def WDT(timeout):  # noqa: N802
        pass


class _Sys:
    platform = "esp32"
    path = ["", ".frozen", "/lib"]
    modules = sys.modules

    class implementation:  # noqa: N801
        version = (1, 28, 0, "")
        _machine = "Generic ESP32 module with SPIRAM with ESP32"
        _mpy = 6 | 3 << 8 | 10 << 10


class Repl:
    def __init__(self, connection):
        self._connection = connection
        self._waiting = b""

    def _byte(self):
        if not self._waiting:
            self._waiting = self._connection.recv(4096)
            if not self._waiting:
                raise EOFError
        byte = self._waiting[:1]
        self._waiting = self._waiting[1:]
        return byte

    def _say(self, data):
        self._connection.write(data)

    def serve(self):
        """Until the connection ends, or the board is reset."""
        names = {}
        code = bytearray()
        while True:
            byte = self._byte()
            if byte == b"\x01":
                code = bytearray()
                self._say(_BANNER)
            elif byte == b"\x03" or byte == b"\x02":
                code = bytearray()
            elif byte == b"\x05":
                self._byte()
                self._byte()
                self._say(b"R\x01\x00\x10")
                self._run(str(self._pasted(), "utf-8"), names)
            elif byte != b"\x04":
                code += byte
            elif not code.strip():
                names = {}
                code = bytearray()
                self._say(b"OK\r\nMPY: soft reboot\r\n" + _BANNER)
            else:
                text = str(bytes(code), "utf-8").replace("\r", "")
                code = bytearray()
                self._say(b"OK")
                self._run(text, names)

    def _pasted(self):
        """Raw paste: the sender is told whenever there is room for another window."""
        code = bytearray()
        while True:
            byte = self._byte()
            if byte == b"\x04":
                self._say(b"\x04")
                return code
            code += byte
            if len(code) % _WINDOW_BYTES == 0:
                self._say(b"\x01")

    def _run(self, text, names):
        def tell(*words, end="\n", sep=" "):
            self._say((sep.join([str(word) for word in words]) + end).encode())

        names["print"] = tell
        names["__name__"] = "__main__"
        problem = b""
        try:
            exec(text, names)
        except (Reset, PowerCut):
            raise
        except BaseException as error:
            said = io.StringIO()
            sys.print_exception(error, said)  # pyright: ignore[reportArgumentType] (of the stubs)
            problem = said.getvalue().encode()  # pyright: ignore[reportAttributeAccessIssue]
        self._say(b"\x04" + problem + b"\x04>")


def boot(log):
    """What a reset does: `/main.py`, from the flash, and nothing that was imported before is left."""
    known = set(sys.modules)
    path = list(sys.path)
    sys.path[:] = ["", ".frozen", "/lib"]
    try:
        with open("/main.py") as file:
            text = file.read()
        exec(text, {"__name__": "__main__", "print": log})
    except OSError as error:
        log("no main.py: %s" % error)
    except Exception as error:
        log("main.py: %r" % error)
    sys.path[:] = path
    for name in set(sys.modules) - known:
        del sys.modules[name]
    gc.collect()


def main(port, image_path, cut_at, torn):
    host = vfs.VfsPosix("/")
    try:
        with host.open(image_path, "rb") as file:
            image = bytearray(BLOCKS * BLOCK_BYTES)  # `read` would make room for it bit by bit: some seconds
            if file.readinto(image) != len(image):
                raise ValueError("half an image")
        device = Device(image=image)
    except OSError:
        device = Device(BLOCKS)
        format(device, PROG_BYTES)
    mount(device, PROG_BYTES, "/")
    device.reset_counts()
    device.cut_at = cut_at if cut_at >= 0 else None
    device.torn = torn
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(socket.getaddrinfo("127.0.0.1", port)[0][-1])
    listener.listen(1)

    def log(*words):
        print(*words)

    def keep(content):
        with host.open(image_path, "wb") as file:
            file.write(content)

    boot(log)
    print("listening")
    try:
        while True:
            connection = listener.accept()[0]
            connection.setsockopt(_IPPROTO_TCP, _TCP_NODELAY, 1)  # an answer is said in several pieces
            try:
                sys.modules["sys"] = _Sys  # pyright: ignore[reportArgumentType]
                sys.modules["machine"] = _Machine  # pyright: ignore[reportArgumentType]
                Repl(connection).serve()
            except EOFError:
                pass
            except Reset:
                keep(device.image)
                print("operations %d" % device.operations)
                sys.modules.pop("sys", None)  # MicroPython keeps its own elsewhere
                boot(log)
                print("booted")
            finally:
                sys.modules.pop("sys", None)
                connection.close()
    except PowerCut:
        keep(device.survivor)
        print("power cut")
        sys.exit(137)


main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
