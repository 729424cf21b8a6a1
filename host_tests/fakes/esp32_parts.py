# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""NVS and Partition of `esp32`; mounting of `vfs`."""

_NOT_FOUND = -0x1102  # ESP_ERR_NVS_NOT_FOUND
_NVS_KEY = 15
_BLOCK_BYTES = 4096
_MAGIC = b"littlefs"


class NVS:
    """Values are kept at `commit`, as on the chip."""

    def __init__(self, namespace):
        assert len(namespace) <= _NVS_KEY
        self._kept = self._chip.nvs.setdefault(namespace, {})
        self._open = dict(self._kept)

    def _get(self, key, kind):
        value = self._open.get(key)
        if not isinstance(value, kind):
            raise OSError(_NOT_FOUND, "ESP_ERR_NVS_NOT_FOUND")
        return value

    def _set(self, key, value):
        assert len(key) <= _NVS_KEY
        self._open[key] = value

    def get_i32(self, key):
        return self._get(key, int)

    def set_i32(self, key, value):
        assert -(1 << 31) <= value < 1 << 31
        self._set(key, value)

    def get_blob(self, key, buffer):
        value = self._get(key, bytes)
        buffer[: len(value)] = value
        return len(value)

    def set_blob(self, key, value):
        self._set(key, bytes(value))

    def erase_key(self, key):
        self._get(key, int | bytes)
        del self._open[key]

    def commit(self):
        self._kept.clear()
        self._kept.update(self._open)


class Partition:
    """A block device over `Chip.flash[label]`; bits are only cleared by writing, set by erasing."""

    def __init__(self, id, block_size=_BLOCK_BYTES):
        if id not in self._chip.flash:
            raise OSError(2, "ENOENT")
        self._label = id

    def _bytes(self):
        return self._chip.flash[self._label]

    def readblocks(self, block_num, buf, offset=0):
        start = block_num * _BLOCK_BYTES + offset
        buf[:] = self._bytes()[start : start + len(buf)]

    def writeblocks(self, block_num, buf, offset=0):
        start = block_num * _BLOCK_BYTES + offset
        self._bytes()[start : start + len(buf)] = buf

    def ioctl(self, op, arg=0):
        if op == 4:
            return len(self._bytes()) // _BLOCK_BYTES
        if op == 5:
            return _BLOCK_BYTES
        if op == 6:
            self._bytes()[arg * _BLOCK_BYTES : (arg + 1) * _BLOCK_BYTES] = b"\xff" * _BLOCK_BYTES
        return 0

    def info(self):
        return (self.TYPE_DATA, 0x82, 0, len(self._bytes()), self._label, False)

    @classmethod
    def find(cls, type=0, subtype=255, label=None):
        return [cls(found) for found in cls._chip.flash if label in (None, found)]


def vfs_functions(chip) -> dict:
    def mount(fsobj=None, mount_point=None, *, readonly=False):
        if fsobj is None:
            return [(found, path) for path, found in chip.mounted.items()]
        chip.mounted[mount_point] = fsobj
        return None

    return {"mount": mount, "umount": chip.mounted.pop}


class VfsLfs2:
    """A file system is where the magic word is; otherwise it does not mount, as on the chip."""

    def __init__(self, block_dev, readsize=32, progsize=32, lookahead=32, mtime=True):
        head = bytearray(16)
        block_dev.readblocks(0, head, 0)
        if head[8:] != _MAGIC:
            raise OSError(19, "ENODEV")
        self._device = block_dev

    @staticmethod
    def mkfs(block_dev, readsize=32, progsize=32, lookahead=32):
        for block in range(2):
            block_dev.ioctl(6, block)
            block_dev.writeblocks(block, b"\0" * 8 + _MAGIC, 0)


class PCNT:
    """A pulse counter whose `_pulses` the test moves."""

    def __init__(self, id, **settings):
        assert 0 <= id <= 7 and settings["filter"] <= 1023
        self._id = id
        self._settings = settings
        self._pulses = 0
        self._runs = False

    def start(self):
        self._runs = True

    def value(self):
        return self._pulses % self._settings["max"] if self._runs else 0


CLASSES = {"NVS": NVS, "Partition": Partition, "PCNT": PCNT}
VFS_CLASSES = {"VfsLfs2": VfsLfs2}
