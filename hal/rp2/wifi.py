# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Wi-Fi of a Pico W: the CYW43439 beside the RP2040 (extmod/network_cyw43.c, cyw43-driver).

`active(True)` loads the chip's firmware when it was off: some tenths of a second in which nothing but the
guard's interrupt runs. It does not say when that fails: connect() and status() do.
"""

from network import STA_IF, WLAN  # pyright: ignore (on no stock Pico)

from hal.parts import wifi

# CYW43_LINK_...
_JOINED = 2  # without an address
_WHY = {-1: wifi.REFUSED, -2: wifi.NO_NETWORK, -3: wifi.PASSWORD}


class Wifi(wifi.Wifi):
    def __init__(self, networks):
        super().__init__(networks, WLAN(STA_IF))

    def start(self):
        wlan = self._wlan
        wlan.active(True)
        wlan.config(pm=WLAN.PM_NONE)

    def restart(self):
        # For a station active(False) does nothing at all in this driver.
        self._wlan.deinit()

    def rest(self):
        # The netif goes with it: as the default one it would have all traffic, also while it is down.
        self._wlan.deinit()

    def verdict(self):
        return _WHY.get(self._wlan.status())

    def associated(self):
        return self._wlan.status() == _JOINED
