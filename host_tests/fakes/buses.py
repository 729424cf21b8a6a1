# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""UART, SPI and I2C of `machine`, each with a peer that the test gives (`Chip.peers`). They take their pins,
those that they were not given too: each has default pins (ports/rp2 and ports/esp32, machine_uart.c,
machine_spi.c, machine_hw_spi.c, machine_i2c.c of MicroPython 1.25).
"""

import types

from host_tests.fakes.pins import number_of, take

_DEFAULT_PINS = {
    ("rp2", "UART0"): {"tx": 0, "rx": 1, "cts": 2, "rts": 3},
    ("rp2", "UART1"): {"tx": 4, "rx": 5, "cts": 6, "rts": 7},
    ("rp2", "SPI0"): {"sck": 18, "mosi": 19, "miso": 16},
    ("rp2", "SPI1"): {"sck": 10, "mosi": 11, "miso": 8},
    ("rp2", "I2C0"): {"scl": 5, "sda": 4},
    ("rp2", "I2C1"): {"scl": 7, "sda": 6},
    ("esp32", "UART0"): {},  # the console's stay what they are
    ("esp32", "UART1"): {"tx": 10, "rx": 9},
    ("esp32", "UART2"): {"tx": 17, "rx": 16},
    ("esp32", "SPI1"): {"sck": 14, "mosi": 13, "miso": 12},
    ("esp32", "SPI2"): {"sck": 18, "mosi": 23, "miso": 19},
    ("esp32", "I2C0"): {"scl": 18, "sda": 19},
    ("esp32", "I2C1"): {"scl": 25, "sda": 26},
}
_IDLE = {"tx": 1, "rts": 0, "sck": 0, "mosi": 0}
_RTS, _CTS = 2, 1  # the RP2040's bits of `flow`


def _take_pins(chip, unit, names, given) -> None:
    """`names` of the bus's pins, those that are in use; `given`: name -> pin or None."""
    defaults = _DEFAULT_PINS[chip.name, unit]
    for name in names:
        pin = given.get(name)
        number = defaults.get(name) if pin is None else number_of(pin)
        if number is not None:
            take(chip, number, "%s %s" % (unit, name), _IDLE.get(name))


class UART:
    """Peer: f(bytes) -> bytes, what comes back at once; f(b"") is asked before every read for what comes by
    itself."""

    # Of the documentation, "Additional keyword-only parameters" of `init`, and "Construct a UART object": the
    # constructor's are the same. The stubs of both have them not.
    _documented_keywords = types.MappingProxyType(
        {"init": ("rts", "cts", "flow"), "__init__": ("rts", "cts", "flow")}
    )

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
        self._settings = {
            "txbuf": 256 if txbuf is None else txbuf,
            "rxbuf": 256 if rxbuf is None else rxbuf,
            "timeout": timeout or 0,
            "timeout_char": timeout_char or 0,
            "flow": flow or 0,
        }
        self._pins = {"tx": tx, "rx": rx, "rts": rts, "cts": cts}
        self._received = bytearray()
        self._connect()

    def _connect(self):
        flow = self._settings["flow"]
        names = ["tx", "rx"]
        # An ESP32 connects what it was given, an RP2040 what is to be used.
        rp2 = self._chip.name == "rp2"
        for name, bit in (("rts", _RTS), ("cts", _CTS)):
            if flow & bit if rp2 else self._pins[name] is not None:
                names.append(name)
        _take_pins(self._chip, "UART%d" % self._id, names, self._pins)

    def _exchange(self, data):
        peer = self._chip.peers.get(("uart", self._id))
        if peer is not None:
            self._received += peer(bytes(data))
            del self._received[self._settings["rxbuf"] :]  # what does not fit is lost

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
        for name, value in settings.items():
            (self._pins if name in self._pins else self._settings)[name] = value
        self._connect()

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
        if not 0 <= id <= 2 or (self._chip.name, "SPI%d" % id) not in _DEFAULT_PINS:
            raise ValueError("SPI(%d) doesn't exist" % id)
        self._id = id
        self._baudrate = baudrate
        given = {"sck": sck, "mosi": mosi, "miso": miso}
        _take_pins(self._chip, "SPI%d" % id, given, given)

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
    """Peer: {address: bytearray}, memories of one byte's address; or what has `writeto` and `readfrom_into`
    itself, and is told `freq` and `timeout` (us)."""

    # Of the documentation of the constructor; the stubs have it not.
    _documented_keywords = types.MappingProxyType({"__init__": ("timeout",)})

    def __init__(self, id, *, scl=None, sda=None, freq=400000, timeout=50000):
        self._id = id
        self._freq = freq
        self._timeout = timeout
        given = {"scl": scl, "sda": sda}
        _take_pins(self._chip, "I2C%d" % id, given, given)

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

    def _device(self):
        device = self._chip.peers["i2c", self._id]
        device.freq, device.timeout_us = self._freq, self._timeout
        return device

    def writeto(self, addr, buf, stop=True):
        self._device().writeto(addr, bytes(buf))
        return len(buf)

    def readfrom_into(self, addr, buf, stop=True):
        self._device().readfrom_into(addr, buf)

    def writeto_mem(self, addr, memaddr, buf, *, addrsize=8):
        self._memory(addr)[memaddr : memaddr + len(buf)] = buf


CLASSES = {"UART": UART, "SPI": SPI, "I2C": I2C}
