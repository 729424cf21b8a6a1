# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Flash, DMA, PIO and StateMachine of `rp2`: what can be asked of them is checked, what the hardware would do
is not modelled (that is the emulator's).
"""

_FLASH_BYTES = 256
_BLOCK_BYTES = 4096


def asm_pio(**settings):
    """The decorator; the program itself is the assembler's."""

    def made(function):
        return (function, settings)

    return made


class PIO:
    def __init__(self, id):
        self._id = id


class StateMachine:
    """`_told`: the instructions and words that it was given."""

    def __init__(self, id, program=None, *, freq=-1, set_base=None, **pins):
        if not 0 <= id <= 7:
            raise ValueError("invalid StateMachine(%d)" % id)
        self._active = False
        self._told = []

    def active(self, *value):
        if value:
            self._active = bool(value[0])
        return self._active

    def put(self, value, shift=0):
        self._told.append(value)

    def exec(self, instr):
        self._told.append(instr)

    def restart(self):
        self._told.clear()


class DMA:
    def __init__(self):
        self._settings = {}
        self._active = False
        self._handler = None

    def config(self, *, read=None, write=None, count=None, ctrl=None, trigger=False):
        self._settings.update(read=read, write=write, count=count, ctrl=ctrl)
        self._active = trigger

    def pack_ctrl(self, *, default=None, **fields):
        return 0 if default is None else default

    def irq(self, handler=None, hard=False):
        self._handler = handler

    def active(self, value=None):
        if value is not None:
            self._active = bool(value)
        return self._active

    def close(self):
        self._active = False


class Flash:
    """A block device over `Chip.flash["flash"]`."""

    def __init__(self, *, start=-1, len=-1):
        pass

    def _bytes(self):
        return self._chip.flash.setdefault("flash", bytearray(b"\xff" * _FLASH_BYTES * _BLOCK_BYTES))

    def readblocks(self, block_num, buf, offset=0):
        start = block_num * _BLOCK_BYTES + offset
        buf[:] = self._bytes()[start : start + len(buf)]

    def writeblocks(self, block_num, buf, offset=0):
        start = block_num * _BLOCK_BYTES + offset
        self._bytes()[start : start + len(buf)] = buf

    def ioctl(self, op, arg=0):
        if op == 6:
            self._bytes()[arg * _BLOCK_BYTES : (arg + 1) * _BLOCK_BYTES] = b"\xff" * _BLOCK_BYTES
        return {4: len(self._bytes()) // _BLOCK_BYTES, 5: _BLOCK_BYTES}.get(op, 0)


FUNCTIONS = {"asm_pio": asm_pio}
CLASSES = {"PIO": PIO, "StateMachine": StateMachine, "DMA": DMA, "Flash": Flash}
