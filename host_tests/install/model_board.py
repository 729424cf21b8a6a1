# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""A board at whose REPL the installer works, in this process: what it sends is run by CPython on a model of
littlefs that loses its power at the Nth change. What littlefs promises and no more: a file that is there is
old or new, a file that is new may be found empty, a rename or removal is done or not.
"""

import binascii
import builtins
import contextlib
import hashlib
import io
import types

from mpremote.transport import TransportExecError

BLOCK_BYTES = 4096


class PowerCut(Exception):
    """No OSError: nobody may catch it."""


class Flash:
    """files: path -> content; folders. cut_at: the change, counted from 0, before which the power goes."""

    def __init__(self, files: dict[str, bytes] | None = None, blocks: int = 512):
        self.files = dict(files or {})
        self.folders = {"/"}
        self.blocks = blocks
        self.cut_at: int | None = None
        self.changes = 0
        self.touched: set[str] = set()
        self.writers: list[_Writer] = []
        for path in self.files:
            self._make_parents(path)

    def _make_parents(self, path):
        parts = path.split("/")[1:-1]
        self.folders |= {"/" + "/".join(parts[: count + 1]) for count in range(len(parts))}

    def change(self, *paths: str) -> None:
        if self.cut_at is not None and self.changes >= self.cut_at:
            self.writers.clear()
            raise PowerCut
        self.changes += 1
        self.touched |= set(paths)

    def free_blocks(self) -> int:
        used = sum(-(-len(content) // BLOCK_BYTES) for content in self.files.values())
        return self.blocks - used - 2 * len(self.folders)


class _Writer:
    """A file that is being written. Not one of CPython's, which its collector closes whenever it comes by;
    on a board nothing does before the soft reset."""

    def __init__(self, flash: Flash, path: str):
        self._flash, self._path = flash, path
        self._content = bytearray()
        flash.writers.append(self)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def write(self, part):
        self._content += part
        return len(part)

    def close(self):
        if self not in self._flash.writers:
            return
        self._flash.writers.remove(self)
        self._flash.change(self._path)
        if -(-len(self._content) // BLOCK_BYTES) > self._flash.free_blocks():
            raise OSError(28, "ENOSPC")
        self._flash.files[self._path] = bytes(self._content)


class ModelOs:
    def __init__(self, flash: Flash):
        self._flash = flash

    def _entries(self, folder):
        folder = folder.rstrip("/")
        flash = self._flash
        if (folder or "/") not in flash.folders:
            raise OSError(2, "ENOENT")
        for path in sorted((flash.folders | set(flash.files)) - {"/"}):
            if path.rpartition("/")[0] == folder:
                yield path

    def listdir(self, folder):
        return [path.rpartition("/")[2] for path in self._entries(folder)]

    def ilistdir(self, folder):
        flash = self._flash
        for path in self._entries(folder):
            name = path.rpartition("/")[2]
            yield (name, 0x4000, 0, 0) if path in flash.folders else (name, 0x8000, 0, len(flash.files[path]))

    def stat(self, path):
        if path in self._flash.files:
            return (0x8000, 0, 0, 0, 0, 0, len(self._flash.files[path]), 0, 0, 0)
        raise OSError(2, "ENOENT")

    def statvfs(self, path):
        return (BLOCK_BYTES, BLOCK_BYTES, self._flash.blocks, self._flash.free_blocks(), 0, 0, 0, 0, 0, 255)

    def mkdir(self, path):
        if path in self._flash.folders or path in self._flash.files:
            raise OSError(17, "EEXIST")
        if path.rpartition("/")[0] not in self._flash.folders | {""}:
            raise OSError(2, "ENOENT")
        self._flash.change(path)
        self._flash.folders.add(path)

    def rmdir(self, path):
        if next(self._entries(path), None) is not None:
            raise OSError(39, "ENOTEMPTY")
        self._flash.change(path)
        self._flash.folders.discard(path)

    def remove(self, path):
        if path not in self._flash.files:
            raise OSError(2, "ENOENT")
        self._flash.change(path)
        del self._flash.files[path]

    def rename(self, old, new):
        flash = self._flash
        if old not in flash.files and old not in flash.folders:
            raise OSError(2, "ENOENT")
        if new in flash.folders:
            raise OSError(39, "ENOTEMPTY")
        flash.change(old, new)
        if old in flash.files:
            flash.files[new] = flash.files.pop(old)
            return
        for path in [path for path in flash.files if path.startswith(old + "/")]:
            flash.files[new + path[len(old) :]] = flash.files.pop(path)
        for path in [path for path in flash.folders if path == old or path.startswith(old + "/")]:
            flash.folders.discard(path)
            flash.folders.add(new + path[len(old) :])


class ModelBoard:
    """A `SerialTransport` as far as the installer uses it. `answers`: what `sys` and its like say there.
    corrupt: paths whose next content arrives with a bit turned. sent: bytes of Python text."""

    def __init__(self, flash: Flash, **answers):
        self.flash = flash
        self.heap_bytes = answers.get("heap_bytes", 8_000_000)
        self.platform = answers.get("platform", "esp32")
        self.machine = answers.get("machine", "Generic ESP32 module with SPIRAM with ESP32")
        self.version = answers.get("version", (1, 28, 0, ""))
        self.mpy = answers.get("mpy", 6 | 3 << 8 | 10 << 10)
        self.without = answers.get("without", ())
        self.in_image = answers.get("in_image")
        self.corrupt: set[str] = set()
        self.restarts = 0
        self.sent: list[str] = []
        self._globals: dict = {}

    def enter_raw_repl(self):
        """With a soft reset, which closes what is open: a file of which a part had come has that part."""
        for writer in list(self.flash.writers):
            with contextlib.suppress(OSError):
                writer.close()
        self._globals = {"__builtins__": self._builtins()}

    def close(self):
        pass

    def exec_raw_no_follow(self, command):
        self.sent.append(command)
        assert "machine.reset()" in command
        self.restarts += 1

    def exec(self, command, data_consumer=None):
        self.sent.append(command)
        said = io.StringIO()
        self._globals["print"] = lambda *words: print(*words, file=said)
        try:
            exec(command, self._globals)
        except (PowerCut, KeyboardInterrupt):
            raise
        except Exception as error:
            raise TransportExecError("", "%s: %s" % (type(error).__name__, error)) from None
        said = said.getvalue().encode()
        if data_consumer is not None:
            data_consumer(said)
        return said

    def _builtins(self):
        fakes = {
            "os": ModelOs(self.flash),
            "gc": types.SimpleNamespace(collect=lambda: None, mem_free=lambda: self.heap_bytes),
            "sys": types.SimpleNamespace(
                platform=self.platform,
                path=["", ".frozen", "/lib"],
                implementation=types.SimpleNamespace(
                    version=self.version, _machine=self.machine, _mpy=self.mpy
                ),
            ),
            "machine": types.SimpleNamespace(mem32={}, WDT=lambda timeout: None),
            "binascii": binascii,
            "hashlib": hashlib,
        }
        if self.in_image:
            fakes["board"] = types.SimpleNamespace(BOARD={"name": self.in_image})

        def module(name, *_):
            if name in fakes and name not in self.without:
                return fakes[name]
            if name in self.without or name == "board":
                raise ImportError(name)
            return types.SimpleNamespace()

        def opened(path, mode="r"):
            if "w" in mode:
                if path.rpartition("/")[0] not in self.flash.folders | {""}:
                    raise OSError(2, "ENOENT")
                if path not in self.flash.files:
                    self.flash.change(path)
                    self.flash.files[path] = b""
                return _Writer(self.flash, path)
            if path not in self.flash.files:
                raise OSError(2, "ENOENT")
            content = self.flash.files[path]
            if path in self.corrupt:
                content = bytes([content[0] ^ 1]) + content[1:]
            return io.BytesIO(content) if "b" in mode else io.StringIO(content.decode())

        return {**vars(builtins), "open": opened, "__import__": module}

    def boot(self) -> dict[str, bytes] | None:
        """What `/main.py` starts: the files beside the firmware's main.mpy; None: nothing."""
        if "/main.py" not in self.flash.files:
            return None
        started: list[str] = []
        files = self.flash.files

        def module(name, *_):
            if name == "sys":
                return types.SimpleNamespace(path=path)
            folder = next((folder for folder in path if "%s/main.mpy" % folder in files), None)
            if name != "main" or folder is None:
                raise ImportError(name)
            return types.SimpleNamespace(start=lambda: started.append(folder))

        path: list[str] = ["", ".frozen", "/lib"]
        self.enter_raw_repl()
        builtins_of_board = {**self._builtins(), "__import__": module}
        exec(files["/main.py"], {"__builtins__": builtins_of_board, "print": lambda *_: None})
        if not started:
            return None
        prefix = started[0] + "/"
        return {name[len(prefix) :]: files[name] for name in files if name.startswith(prefix)}
