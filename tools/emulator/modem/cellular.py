# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""SIM, subscription and registration: what the modem knows of its network (3GPP TS 27.007)."""

from dataclasses import dataclass

from emulator.modem.faults import Faults

# <stat> of +CREG (TS 27.007, 7.2)
NOT_SEARCHING, HOME, SEARCHING, DENIED, ROAMING = 0, 1, 2, 3, 5


@dataclass
class Subscription:
    """Numbers of the test network 001-01 (ITU-T E.212)."""

    imsi: str = "001010123456789"
    iccid: str = "8988211000000000017"
    operator: str = "Loopback Mobile"
    # None: the SIM asks for none.
    pin: str | None = None
    # +CSQ's <rssi>: 0..31, 99 unknown (TS 27.007, 8.5)
    rssi: int = 22
    registers_after_s: float = 2.0
    roaming: bool = False


class Cellular:
    def __init__(self, subscription: Subscription, faults: Faults):
        self.subscription = subscription
        self._faults = faults
        # AT+CFUN: 0 minimum, 1 full, 4 flight mode; AT+CGATT
        self.function = 1
        self.attached = True
        self._unlocked = False
        self._searches_since: float | None = None

    def start(self, now: float) -> None:
        self.function, self.attached = 1, True
        self._unlocked = self.subscription.pin is None
        self._searches_since = now

    def stop(self) -> None:
        self._searches_since = None

    def set_function(self, function: int, now: float) -> None:
        if function == 1 and self.function != 1:
            self._searches_since = now
        self.function = function

    @property
    def sim(self) -> str:
        """As +CPIN says it, or "" without a SIM."""
        if self._faults.no_sim:
            return ""
        return "READY" if self._unlocked else "SIM PIN"

    def unlock(self, pin: str, now: float) -> bool:
        if not self._unlocked and pin == self.subscription.pin:
            self._unlocked = True
            self._searches_since = now
        return self._unlocked

    def registers_at(self) -> float | None:
        """When the search ends; None: no search."""
        if self._searches_since is None or self.function != 1 or self.sim != "READY":
            return None
        return self._searches_since + self.subscription.registers_after_s

    def registration(self, now: float) -> int:
        at = self.registers_at()
        if at is None:
            return NOT_SEARCHING
        if now < at:
            return SEARCHING
        if self._faults.refuse_registration:
            return DENIED
        return ROAMING if self.subscription.roaming else HOME

    def is_registered(self, now: float) -> bool:
        return self.registration(now) in (HOME, ROAMING)

    def rssi(self, now: float) -> int:
        return self.subscription.rssi if self.registration(now) != NOT_SEARCHING else 99
