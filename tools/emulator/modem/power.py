# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The modem's supply and its PWRKEY: SIMCom's hardware design guides of SIM7600 and A7670, "Power on/off"."""

from dataclasses import dataclass


@dataclass
class PowerTimes:
    """Seconds. The PWRKEY times are the shortest presses that count."""

    press_on: float = 0.1
    press_off: float = 2.5
    # From the press to the first character on the UART.
    boot: float = 3.0
    shut_down: float = 1.5


class Power:
    """States: "unsupplied", "off", "booting", "on", "stopping". What changes them returns whether it did; the
    owner looks at `state`."""

    def __init__(self, times: PowerTimes):
        self._times = times
        self.state = "unsupplied"
        self._pressed_at: float | None = None
        self._at: float | None = None

    def supply(self, on: bool, now: float) -> bool:
        if on == (self.state != "unsupplied"):
            return False
        self.state = "off" if on else "unsupplied"
        self._at = None
        if on and self._pressed_at is not None:
            self._pressed_at = now  # the key was held already: it counts from the supply on
        return True

    def key(self, pressed: bool, now: float) -> bool:
        changed = self.step(now)
        self._pressed_at = now if pressed else None
        return changed

    def stop(self, now: float) -> bool:
        """AT+CPOF."""
        if self.state != "on":
            return False
        self.state = "stopping"
        self._at = now + self._times.shut_down
        return True

    def restart(self, now: float) -> bool:
        """AT+CFUN=1,1."""
        if self.state != "on":
            return False
        self.state = "booting"
        self._at = now + self._times.boot
        return True

    def step(self, now: float) -> bool:
        changed = False
        while (due := self.deadline()) is not None and due <= now:
            changed = True
            if self._at is not None and self._at == due:
                self._at = None
                self.state = "on" if self.state == "booting" else "off"
            else:
                self._pressed_at = None  # one press does one thing
                if self.state == "off":
                    self.state = "booting"
                    self._at = due + self._times.boot
                else:
                    self.state = "stopping"
                    self._at = due + self._times.shut_down
        return changed

    def deadline(self) -> float | None:
        times = [self._at]
        if self._pressed_at is not None and self.state in ("off", "on"):
            wanted = self._times.press_on if self.state == "off" else self._times.press_off
            times.append(self._pressed_at + wanted)
        return min((time for time in times if time is not None), default=None)
