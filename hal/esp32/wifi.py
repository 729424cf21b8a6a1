# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Wi-Fi of the ESP32: stays with one network, takes it up again, never gives up."""

import asyncio

from network import STA_IF, WLAN

import log
from hal.ticks import ticks_diff, ticks_ms

_LOOK_MS = 500
_TRY_MS = 20000  # a try that has not come to an address by then is begun anew
# The far end was not reached so often in a row: the association may be dead although it looks alive.
_VAIN = 3
_FAILED_MS = 5000  # after an error of the driver


class Wifi:
    """A `hal.contract.Link`."""

    def __init__(self, ssid: str, password: str):
        self._ssid = ssid
        self._password = password
        self._wlan = WLAN(STA_IF)
        self._up = False
        self._vain = 0
        self._event = asyncio.Event()

    def up(self):
        return self._up

    async def changed(self):
        await self._event.wait()

    async def run(self):
        steps = self._stay, self._leave
        while True:
            for step in steps:
                try:
                    await step()
                except Exception as error:
                    # Nearly all of the driver may raise: no memory, busy with a try of its own. Were this
                    # task to end, the charger would be stopped with it.
                    log.failure("wifi", "driver", error)
                    await asyncio.sleep_ms(_FAILED_MS)
            await asyncio.sleep_ms(_LOOK_MS)

    async def _stay(self):
        """Join, and come back when that does not succeed or is no good any more."""
        wlan = self._wlan
        wlan.active(True)
        # Power saving lets answers wait for the next beacon.
        wlan.config(pm=WLAN.PM_NONE)
        self._vain = 0
        began = ticks_ms()
        wlan.connect(self._ssid, self._password)
        while wlan.isconnected() or ticks_diff(ticks_ms(), began) < _TRY_MS:
            if wlan.isconnected():
                began = ticks_ms()
            self._show(wlan.isconnected())
            if self._vain >= _VAIN:
                break
            await asyncio.sleep_ms(_LOOK_MS)

    async def _leave(self):
        self._show(False)
        self._wlan.disconnect()

    def heard(self):
        self._vain = 0

    def in_vain(self):
        self._vain += 1

    def signal_dbm(self):
        try:
            return self._wlan.status("rssi") if self._up else None
        except OSError:  # gone since `run` has looked
            return None

    def _show(self, up):
        if up != self._up:
            self._up = up
            # Everyone who waits now is woken; who waits from now on waits for the next change.
            self._event.set()
            self._event.clear()
