# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""MicroPython's `network.PPP`, in the two kinds that exist, with its traps walked around.

rp2 (extmod/network_ppp_lwip.c): there is room for one PPP interface, and an object that is dropped while it
connects takes that room with it for ever: so there is one object for the life of the program, and it is left
alone until `idle`. Whoever does not answer is waited for 12 s after `stop` (two Terminate-Requests).
esp32 (ports/esp32/network_ppp.c): an object that was stopped cannot be started again (micropython issues
6541, 15157): each call gets a new one; stopping it keeps the interpreter for up to 8 s when the modem is
silent.

In neither does a link that died without a word show (issue 5566): `up` says what lwIP believes.
"""

try:
    import network  # pyright: ignore (not on every port)
except ImportError:  # a host
    network = None

# status() of the rp2 port; negative: an error, which ended it.
_ACTIVE = 1
_CONNECTED = 4


class Ppp:
    """`uart`: a `machine.UART` with timeout=0 (with more, each frame waits for it), and buffers that hold a
    TCP window."""

    def __init__(self, uart, make=None):
        """`make(uart)`: the class to use, `network.PPP` if None."""
        self._uart = uart
        self._make = make
        self._ppp = None

    def start(self, user=None, password=None, chap=False) -> None:
        """Negotiate; the modem is in data mode. Raises OSError."""
        ppp = self._ppp
        if ppp is None:
            make = self._make or network.PPP  # pyright: ignore (on no host)
            ppp = self._ppp = make(self._uart)
        options = {}
        if hasattr(ppp, "active"):
            ppp.active(True)
            if user:
                options["authmode"] = ppp.AUTH_CHAP if chap else ppp.AUTH_PAP
                options["username"] = user
                options["password"] = password or ""
        elif user:
            options["security"] = ppp.SEC_CHAP if chap else ppp.SEC_PAP
            options["user"] = user
            options["key"] = password or ""
        ppp.connect(**options)

    def up(self) -> bool:
        return self._ppp is not None and self._ppp.isconnected()

    def failed(self) -> bool:
        """It has ended by itself: the other side said so, or did not answer."""
        ppp = self._ppp
        if ppp is None or hasattr(ppp, "active"):
            return False
        return ppp.status() <= _ACTIVE

    def stop(self) -> None:
        """Begin to end it; `idle` tells when the UART is free."""
        ppp = self._ppp
        if ppp is None:
            return
        if hasattr(ppp, "active"):
            self._ppp = None
            ppp.active(False)
        elif ppp.status() > _ACTIVE:
            ppp.disconnect()

    def idle(self) -> bool:
        return self._ppp is None or (not hasattr(self._ppp, "active") and self._ppp.status() <= _ACTIVE)

    def poll(self) -> None:
        """Once in a while: takes what a missed interrupt has left in the UART."""
        if self._ppp is not None and hasattr(self._ppp, "poll"):
            self._ppp.poll()

    def address(self) -> str:
        try:
            return self._ppp.ifconfig()[0]  # pyright: ignore (None: below)
        except (AttributeError, OSError, ValueError):
            return "?"
