# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""UART, SPI and I2C of `machine`, each with a peer that the test gives (`Chip.peers`)."""

from host_tests.fakes.pins import number_of


class UART:
    """Peer: f(bytes) -> bytes, what comes back at once; f(b"") is asked before every read for what comes by
    itself."""

    def __init__(
        self,
        id,
        baudrate=9600,
        bits=8,
        parity=None,
        stop=1,
        *,
        tx=None,
        rx=None,
        txbuf=None,
        rxbuf=None,
        timeout=None,
        timeout_char=None,
        invert=None,
        flow=None,
        rts=None,
        cts=None,
    ):
        if not 0 <= id <= (2 if self._chip.name == "esp32" else 1):
            raise ValueError("UART(%d) does not exist" % id)
        self._id = id
        self._baudrate = baudrate
        self._pins = [number_of(pin) for pin in (tx, rx, rts, cts) if pin is not None]
        self._room = 256 if rxbuf is None else rxbuf
        self._received = bytearray()

    def _exchange(self, data):
        peer = self._chip.peers.get(("uart", self._id))
        if peer is not None:
            self._received += peer(bytes(data))
            del self._received[self._room :]  # what does not fit is lost

    def write(self, buf):
        self._exchange(buf)
        return len(buf)

    def any(self):
        self._exchange(b"")
        return len(self._received)

    def read(self, nbytes=None):
        self._exchange(b"")
        count = len(self._received) if nbytes is None else nbytes
        data = bytes(self._received[:count])
        del self._received[:count]
        return data or None

    def readinto(self, buf, nbytes=None):
        data = self.read(len(buf) if nbytes is None else nbytes)
        if data is None:
            return None
        buf[: len(data)] = data
        return len(data)

    def init(self, baudrate=9600, **settings):
        self._baudrate = baudrate

    def flush(self):
        pass

    def deinit(self):
        self._received.clear()


class SPI:
    """Peer: f(bytes written) -> bytes read, of the same length; chip select is a pin of its own."""

    def __init__(
        self,
        id,
        baudrate=1000000,
        *,
        polarity=0,
        phase=0,
        bits=8,
        firstbit=0,
        sck=None,
        mosi=None,
        miso=None,
    ):
        self._id = id
        self._baudrate = baudrate

    def _exchange(self, data):
        answer = self._chip.peers["spi", self._id](bytes(data))
        assert len(answer) == len(data)
        return answer

    def write(self, buf):
        self._exchange(buf)

    def read(self, nbytes, write=0):
        return self._exchange(bytes([write]) * nbytes)

    def readinto(self, buf, write=0):
        buf[:] = self._exchange(bytes([write]) * len(buf))

    def write_readinto(self, write_buf, read_buf):
        read_buf[:] = self._exchange(write_buf)

    def deinit(self):
        pass


class I2C:
    """Peer: {address: bytearray}, memories of one byte's address."""

    def __init__(self, id, *, scl=None, sda=None, freq=400000, timeout=50000):
        self._id = id

    def _memory(self, addr):
        memories = self._chip.peers.get(("i2c", self._id), {})
        if addr not in memories:
            raise OSError(19, "ENODEV")
        return memories[addr]

    def scan(self):
        return sorted(self._chip.peers.get(("i2c", self._id), {}))

    def readfrom_mem(self, addr, memaddr, nbytes, *, addrsize=8):
        return bytes(self._memory(addr)[memaddr : memaddr + nbytes])

    def readfrom_mem_into(self, addr, memaddr, buf, *, addrsize=8):
        buf[:] = self.readfrom_mem(addr, memaddr, len(buf))

    def writeto_mem(self, addr, memaddr, buf, *, addrsize=8):
        self._memory(addr)[memaddr : memaddr + len(buf)] = buf


CLASSES = {"UART": UART, "SPI": SPI, "I2C": I2C}
