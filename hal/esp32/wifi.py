# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Wi-Fi of the ESP32 (ports/esp32/network_wlan.c)."""

from network import STA_IF, WLAN

from hal.parts import wifi

_CONNECTING = 1001
# WIFI_REASON_... of the IDF, as status() has them. 2 and 15 are what most access points make of a wrong
# password: the four-way handshake is given up; so is one that is lost in noise.
_WHY = {
    8: None,  # we have left, before this try
    2: wifi.PASSWORD,
    15: wifi.PASSWORD,
    202: wifi.PASSWORD,
    204: wifi.PASSWORD,
    200: wifi.LOST,
    201: wifi.NO_NETWORK,
    212: wifi.NO_NETWORK,
    210: wifi.SECURITY,
    211: wifi.SECURITY,
}


def link_of(networks) -> wifi.Wifi:
    """`networks`: as `hal.parts.joining.Joining` has them."""
    return wifi.Wifi(networks, WLAN(STA_IF), _start, _stop, _verdict, _associated)


def _start(wlan):
    wlan.active(True)
    # Tries by itself would hide from status() why the last one failed, and go on beside ours.
    wlan.config(pm=WLAN.PM_NONE, reconnects=0)


def _stop(wlan):
    wlan.active(False)  # the IDF's own choice of a route prefers Wi-Fi to all others


def _verdict(wlan):
    status = wlan.status()
    if status >= 1000 or status == 0:
        return None
    return _WHY.get(status, wifi.REFUSED)


def _associated(wlan):
    # The driver does not tell: it says "connecting" until there is an address. An access point that does not
    # answer ends a try sooner, with a reason.
    return wlan.status() == _CONNECTING
