# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Ethernet as a `hal.contract.Link`: a PHY on RMII, or a W5500 on SPI. The chips' own parts:
`hal.esp32.ethernet`, `hal.rp2.ethernet`.

The cable may go and come at any time, the chip may hang, or the DHCP server be late: what is waited for is
waited for without a word, what can be started anew is.
"""

import asyncio

import log
from hal.ticks import ticks_diff, ticks_ms

_LOOK_S = 0.5
_FAILED_S = 10  # after an error of the driver, whose start costs a third of a second
_VAIN = 3  # as of Wi-Fi
# A cable, and no address: lwIP asks for one by itself, for ever. The chip is started anew, ever less often,
# in case it is the chip.
_RESTART_MS = 60000
_RESTART_MOST_MS = 600000


class Ethernet:
    """A `hal.contract.Link`. `make()`: the driver's object; may raise. `cable(nic)`: there is one in it.
    `fixed`: (address, netmask, gateway, DNS server), None for DHCP. `reset`: a `hal.parts.pins.Output`, on
    while the chip rests; None.
    """

    def __init__(self, make, cable, fixed=None, reset=None):
        self._make = make
        self._cable = cable
        self._fixed = fixed
        self._reset = reset
        self._nic = None
        self._up = False
        self._plugged = None
        self._vain = 0
        self._patience_ms = _RESTART_MS
        self._event = asyncio.Event()

    # --- hal.contract.Link ---

    def up(self):
        return self._up

    async def changed(self):
        await self._event.wait()

    def heard(self):
        self._vain = 0
        self._patience_ms = _RESTART_MS

    def in_vain(self):
        self._vain += 1

    def signal_dbm(self):
        return None

    async def run(self):
        while True:
            try:
                await self._visit()
            except Exception as error:
                # As of Wi-Fi: with this task the charger would end.
                log.failure("ethernet", "driver", error)
            self._show(False)
            await asyncio.sleep(_FAILED_S)

    async def release(self):
        """`run` was cancelled: another link is used now. It may run again."""
        self._show(False)
        self._rest()

    def _rest(self):
        if self._nic is not None:
            try:
                self._nic.active(False)
            except Exception:  # it was off: the esp32 before MicroPython 1.25 calls that an error
                pass

    async def _visit(self):
        """From the chip's reset until it is worth another one."""
        self._rest()
        if self._reset is not None:
            # W5500 datasheet 5.5.1: low for 500 us, 1 ms until its clock is stable.
            self._reset.put(True)
            await asyncio.sleep(0.002)
            self._reset.put(False)
            await asyncio.sleep(0.2)
        if self._nic is None:
            self._nic = self._make()
        nic = self._nic
        nic.active(True)
        if self._fixed is not None:
            nic.ifconfig(self._fixed)
        self._vain = 0
        without = ticks_ms()
        while self._vain < _VAIN:
            cable, up = self._cable(nic), nic.isconnected()
            now = ticks_ms()
            if up or not cable:
                without = now
            elif ticks_diff(now, without) >= self._patience_ms:
                self._patience_ms = min(self._patience_ms * 2, _RESTART_MOST_MS)
                log.warning("ethernet", "a cable, and no address: the chip is started anew")
                return
            self._tell(cable)
            self._show(up)
            await asyncio.sleep(_LOOK_S)
        log.warning("ethernet", "nothing comes from the far end: the chip is started anew")

    def _tell(self, cable):
        if cable != self._plugged:
            self._plugged = cable
            log.info("ethernet", "cable" if cable else "no cable")

    def _show(self, up):
        if up != self._up:
            self._up = up
            # Everyone who waits now is woken; who waits from now on waits for the next change.
            self._event.set()
            self._event.clear()
            if up and self._nic is not None:
                log.info("ethernet", "online as %s", self._nic.ifconfig()[0])
