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


def link_of(networks) -> wifi.Wifi:
    """`networks`: as `hal.parts.joining.Joining` has them."""
    return wifi.Wifi(networks, WLAN(STA_IF), _start, _stop, _verdict, _associated)


def _start(wlan):
    wlan.active(True)
    wlan.config(pm=WLAN.PM_NONE)


def _stop(wlan):
    # For a station active(False) does nothing at all in this driver. The netif goes with it: as the default
    # one it would have all traffic, also while it is down.
    wlan.deinit()


def _verdict(wlan):
    return _WHY.get(wlan.status())


def _associated(wlan):
    return wlan.status() == _JOINED
