# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Flash, DMA, PIO and StateMachine of `rp2`: what can be asked of them is checked, what the hardware would do
is not modelled (that is the emulator's).
"""

_FLASH_BYTES = 256
_BLOCK_BYTES = 4096
_DMA_FIELDS = {
    "enable", "high_pri", "size", "inc_read", "inc_write", "ring_size", "ring_sel", "chain_to", "treq_sel",
    "irq_quiet", "bswap", "sniff_en", "write_err", "read_err",
}  # fmt: skip


def asm_pio(**settings):
    """The decorator; the program itself is the assembler's."""

    def made(function):
        return (function, settings)

    return made


def addressof(buffer):
    return 0x20010000 + 12  # anywhere: a heap's blocks begin at multiples of 16, and this is inside one


class PIO:
    def __init__(self, id):
        self._id = id


class StateMachine:
    """`_told`: the instructions and words that it was given; what came through its registers is in
    `Chip.registers`."""

    def __init__(self, id, program=None, *, freq=-1, set_base=None, **pins):
        if not 0 <= id <= 7:
            raise ValueError("invalid StateMachine(%d)" % id)
        self._active = False
        self._told = []
        self._x = self._isr = 0
        self._fifo = []
        self._handler = None
        self._pins = pins
        self._program = program
        if set_base is not None:
            # It may take a pin that was held low until now; what its registers put out is not modelled.
            state = set_base._state
            state.mode, state.function, state.idle = None, "StateMachine(%d)" % id, 0

    def active(self, *value):
        if value:
            self._active = bool(value[0])
        return self._active

    def put(self, value, shift=0):
        self._told.append(value)

    def exec(self, instr):
        self._told.append(instr)
        if instr == 0xE020:  # set(x, 0)
            self._x = 0
        elif instr == 0xA0C1:  # mov(isr, x)
            self._isr = self._x
        elif instr == 0x8000 and len(self._fifo) < 4:  # push(noblock)
            self._fifo.append(self._isr)

    def rx_fifo(self):
        return len(self._fifo)

    def get(self, buf=None, shift=0):
        assert self._fifo, "it would wait for ever"
        return self._fifo.pop(0) >> shift

    def irq(self, handler=None, trigger=0 | 1, hard=False):
        assert hard
        self._handler = handler

    def restart(self):
        self._told.clear()


class DMA:
    """A channel. As on the chip, neither `close` nor a soft reset stops one that is busy, and it takes no new
    count meanwhile (`Chip.dma`: number -> the object that used it last)."""

    _documented = ("channel",)  # the documentation has it, the stub does not

    def __init__(self):
        number = next((number for number in range(12) if number not in self._chip.claimed), None)
        if number is None:
            raise OSError(16)
        self._chip.claimed.add(number)
        before = self._chip.dma.get(number)
        self._channel = number
        self._enabled = before._enabled if before else False
        self._busy = before._busy if before else False
        self._left = before._left if before else 0
        self._fields = {}
        self._read = self._write_to = None
        self._count = 0
        self._handler = None
        self._hard = False
        self._chip.dma[number] = self

    def config(self, *, read=None, write=None, count=None, ctrl=None, trigger=False):
        self._open()
        self._read = self._read if read is None else read
        self._write_to = self._write_to if write is None else write
        self._count = self._count if count is None else count
        if ctrl is not None:
            self._fields = self._chip.packed[ctrl]
            self._enabled = self._fields.get("enable", True)
        if trigger:
            self._start()

    def pack_ctrl(self, *, default=None, **fields):
        if not set(fields) <= _DMA_FIELDS:
            raise TypeError
        number = 1 + len(self._chip.packed)
        self._chip.packed[number] = fields
        return number

    def irq(self, handler=None, hard=False):
        self._open()
        self._handler, self._hard = handler, hard

    def active(self, value=None):
        self._open()
        if value is not None:
            self._start() if value else self._abort()
        return self._busy

    def close(self):
        self._chip.claimed.discard(self._channel)
        self._handler = None
        self._closed = True

    def _open(self):
        if getattr(self, "_closed", False):
            raise ValueError("channel closed")

    def _start(self):
        if self._enabled and not self._busy:
            self._busy = True
            self._left = self._count

    def _abort(self):
        # RP2040-E13: an abort of a channel that is enabled may start the one that it is chained to.
        assert not self._enabled, "an enabled channel is aborted"
        self._busy = False

    def _finish(self):
        """What it was to do is done: its interrupt."""
        assert self._busy
        self._busy = False
        self._left = 0
        if self._handler is not None:
            assert self._hard
            self._handler(self)

    def _register(self, offset):
        return {0x08: self._left, 0x0C: self._busy << 24 | self._enabled}.get(offset, 0)

    def _write(self, offset, word):
        if offset == 0x10:  # AL1_CTRL
            self._enabled = bool(word & 1)
        elif offset == 0x1C:  # AL1_TRANS_COUNT_TRIG
            self._count = word
            self._start()


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
