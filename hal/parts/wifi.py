# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Wi-Fi as a `hal.contract.Link`: joins one of several networks, takes it up again, never gives up. What
differs between the chips is in `hal.esp32.wifi` and `hal.rp2.wifi`.

Names of networks are logged, passwords never. A driver that raises costs a pause; one that does not come back
is what the watchdog is for.
"""

import asyncio
import random

import log
from hal.parts.joining import Joining
from hal.ticks import ticks_diff, ticks_ms

_LOOK_S = 0.5
_TRY_MS = 20000  # a try that has not come to an address by then is begun anew
# The far end was not reached so often in a row: the association may be dead although it looks alive.
_VAIN = 3
_FAILED_S = 5  # after an error of the driver
# After each so many rounds without any network, some minutes: the radio is started anew, in case it is the
# radio.
_ROUNDS = 6
# One that lets us go sooner than that did not take us.
_BRIEF_MS = 10000

# Why a try has failed.
NO_NETWORK = "no such network"
PASSWORD = "wrong password"
SECURITY = "its security is none that we have"
REFUSED = "refused"
NO_ANSWER = "no answer within 20 s"
NO_ADDRESS = "no address within 20 s (DHCP)"
LOST = "lost"
BRIEF = "it lets go of us at once"
DEAD = "nothing comes from the far end"


class Wifi:
    """A `hal.contract.Link`. `networks`: as `hal.parts.joining.Joining` has them. `wlan`: a `network.WLAN`.
    Of the chip's driver, each told `wlan`:

    start        switch the radio on, without power saving: that lets answers wait for the next beacon
    stop         whatever may be stuck in the radio ends; it takes part in nothing, no route leads to it
    verdict      why the try has failed, None: it goes on
    associated   whether what is missing is the address
    """

    def __init__(self, networks, wlan, start, stop, verdict, associated):
        self._joining = Joining(networks, random.randrange)
        self._told = [None] * len(networks)  # the last trouble in the log
        self._wlan = wlan
        self._start = start
        self._stop = stop
        self._verdict = verdict
        self._associated = associated
        self._up = False
        self._vain = 0
        self._restart_from = _ROUNDS
        self._event = asyncio.Event()

    # --- hal.contract.Link ---

    def up(self):
        return self._up

    async def changed(self):
        await self._event.wait()

    def heard(self):
        self._vain = 0

    def in_vain(self):
        self._vain += 1

    def signal_dbm(self):
        try:
            return self._wlan.status("rssi") if self._up else None
        except Exception:  # gone since `run` has looked; the esp32 has RuntimeError for what it does not know
            return None

    async def run(self):
        while True:
            pause_s = _FAILED_S
            try:
                pause_s = await self._visit()
            except Exception as error:
                # Nearly all of the driver may raise: no memory, busy with a try of its own. Were this
                # task to end, the charger would be stopped with it.
                log.failure("wifi", "driver", error)
                self._joining.rounds += 1
            self._show(False)
            try:
                self._wlan.disconnect()
            except Exception as error:
                log.failure("wifi", "disconnect", error)
            await asyncio.sleep(pause_s)

    async def release(self):
        """`run` was cancelled: another link is used now. It may run again."""
        self._show(False)
        self._stop(self._wlan)

    async def _visit(self):
        """One network, from the try to its end: seconds until the next."""
        joining = self._joining
        if joining.rounds >= self._restart_from:
            self._restart_from = joining.rounds + _ROUNDS
            log.warning("wifi", "the radio is started anew")
            self._stop(self._wlan)
        self._start(self._wlan)
        self._vain = 0
        ssid, password = joining.next()
        # Not "" for an open one: that is a password to some drivers.
        self._wlan.connect(ssid, password or None)
        trouble = await self._join()
        if trouble is None:
            self._show(True)
            joining.joined(self.signal_dbm())
            log.info("wifi", "%s: joined", ssid)
            trouble = await self._stay()
            self._show(False)
        self._tell(ssid, trouble)
        if trouble == LOST:
            return _LOOK_S  # an access point that was restarted, or a moment without reception
        return joining.failed() / 1000 + _LOOK_S

    async def _join(self):
        """None when there is an address, else what is wrong."""
        began = ticks_ms()
        # A moment after connect() this is of the try before: the esp32's driver keeps it until something else
        # happens (micropython issue 17339). The same again is told by time alone.
        old = self._verdict(self._wlan)
        while not self._wlan.isconnected():
            trouble = self._verdict(self._wlan)
            if trouble is not None and trouble != old:
                return trouble
            if ticks_diff(ticks_ms(), began) >= _TRY_MS:
                return trouble or (NO_ADDRESS if self._associated(self._wlan) else NO_ANSWER)
            await asyncio.sleep(_LOOK_S)
        return None

    async def _stay(self):
        """Until it is lost, or of no use."""
        began = ticks_ms()
        brief = True
        while self._wlan.isconnected():
            if brief and ticks_diff(ticks_ms(), began) >= _BRIEF_MS:
                brief = False
                self._joining.stayed()
                self._restart_from = _ROUNDS
                self._told[self._joining.at] = None
            if self._vain >= _VAIN:
                return DEAD
            await asyncio.sleep(_LOOK_S)
        return BRIEF if brief else LOST

    def _tell(self, ssid, trouble):
        """Once: it is tried again for ever."""
        at = self._joining.at
        if self._told[at] != trouble:
            self._told[at] = trouble
            log.warning("wifi", "%s: %s", ssid, trouble)

    def _show(self, up):
        if up != self._up:
            self._up = up
            # Everyone who waits now is woken; who waits from now on waits for the next change.
            self._event.set()
            self._event.clear()
