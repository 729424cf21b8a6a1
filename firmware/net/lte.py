# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""A modem on a UART as a `hal.contract.Link`: carries out what `net.bearer` decides.

`modem` is given by the board:

    uart            as `machine.UART`, on which nothing waits: timeout=0, timeout_char=0, buffers of 4 KB both
                    ways, flow control where it is wired; `any`, `read`, `write`, `init(baudrate=)`
    supply(on)      switch its supply; None if that cannot be done
    key(pressed)    press its power key (for a transistor: the pin, whatever its polarity); None if not wired
    baud            of the modem when it starts
    flow            RTS and CTS are wired
    key_ms          how long its power key is to be pressed; None: as most modems want it

`settings`: apn, user, password, auth ("pap" or "chap"), pin, each may be missing. None of them is logged.
"""

import asyncio
import random

import log
from hal.ticks import ticks_add, ticks_diff, ticks_ms
from net import modem_actions
from net.at import Dialogue, pause
from net.bearer import Bearer, Parts
from net.ppp import Ppp

# PPP is looked at so often while it comes and goes. It polls the UART by interrupt itself.
_LOOK_MS = 50
# Silence before and after +++ (V.250 S12 is one second by default).
_GUARD_MS = 1100
_FAILED_MS = 1000
# lwIP sends two Terminate-Requests 6 s apart to a peer that is silent.
_RELEASE_MS = 20000
_SECRETS = ("AT+CPIN=", "AT+CGDCONT=")


def parts_of(modem):
    """What `modem` needs, as its board describes it."""
    baud = modem.baud
    # Faster than it starts only with flow control: what comes while nobody reads would be lost.
    values = {"speeds": (baud, max(baud, Parts.speeds[1]) if modem.flow else baud), "flow": modem.flow}
    if modem.key_ms is not None:
        values["key_ms"] = modem.key_ms
    return Parts(**values)


class LteLink:
    """`parts`: what this modem needs, `net.bearer.Parts()` if None; whether its supply and its key can be
    switched is looked up.

    phase, trouble    as those of `net.bearer.Bearer`, for people
    """

    def __init__(self, modem, settings, parts=None, ppp=None):
        parts = parts or Parts()
        self._modem = modem
        self._settings = settings
        self._uart = modem.uart
        self._ppp = ppp or Ppp(modem.uart)
        self._dialogue = Dialogue(modem.uart)
        self._event = asyncio.Event()
        self._up = False
        self._baud = parts.speeds[0]
        parts.can_cut = modem.supply is not None
        parts.has_key = modem.key is not None
        self._bearer = Bearer(settings, parts, ticks_ms(), random.randrange)

    # --- hal.contract.Link ---

    def up(self) -> bool:
        return self._up

    async def changed(self) -> None:
        await self._event.wait()

    def heard(self) -> None:
        self._bearer.heard()

    def in_vain(self) -> None:
        self._bearer.in_vain(ticks_ms())

    def signal_dbm(self):
        return self._bearer.signal_dbm

    async def run(self) -> None:
        outcome = None
        while True:
            try:
                action = self._bearer.next(ticks_ms(), outcome)
                self._tell()
                outcome = await self._do(action)
            except Exception as error:
                # Whatever a driver may think of, and no memory at any moment: the modem is tried again as
                # long as the charger runs. Were this task to end, the charger would be stopped with it; so
                # nothing in here asks for memory.
                log.failure("lte", self._bearer.phase, error)
                outcome = None
                await pause(_FAILED_MS)

    async def release(self) -> None:
        """`run` was cancelled: the call ends, which is what costs; the modem stays on. It may run again."""
        self._bearer.begin_anew()
        self._tell()
        if self._modem.key is not None:
            self._modem.key(False)  # it may have been pressed
        await self._disconnect(_RELEASE_MS)

    # --- for people ---

    @property
    def phase(self):
        return self._bearer.phase

    @property
    def trouble(self):
        return self._bearer.trouble

    # --- one action after the other ---

    def _tell(self):
        up = self._bearer.online
        if up == self._up:
            return
        self._up = up
        # Everyone who waits now is woken; who waits from now on waits for the next change. Before the line in
        # the log, for which there may be no memory.
        self._event.set()
        self._event.clear()
        try:
            if up:
                log.info("lte", "online as %s", self._ppp.address())
            else:
                log.warning("lte", "offline")
        except Exception as error:
            log.failure("lte", "online" if up else "offline", error)  # what is to be done next is done

    async def _do(self, action):
        kind = action[0]
        if kind == modem_actions.WAIT:
            await pause(action[1])
        elif kind == modem_actions.ASK:
            return await self._ask(action[1], action[2], action[3])
        elif kind == modem_actions.WATCH:
            return await self._watch(action[1])
        elif kind == modem_actions.SUPPLY:
            self._modem.supply(action[1])
            self._dialogue.forget()
        elif kind == modem_actions.KEY:
            self._modem.key(action[1])
        elif kind == modem_actions.SPEED:
            self._set_speed(action[1])
        elif kind == modem_actions.ESCAPE:
            return await self._dialogue.escape(_GUARD_MS)
        elif kind == modem_actions.PPP_UP:
            return await self._connect(action[1])
        elif kind == modem_actions.PPP_DOWN:
            return await self._disconnect(action[1])
        elif kind == modem_actions.NOTE:
            log.emit(action[1], "lte", action[2], action[3])
        return None

    async def _ask(self, command, limit_ms, prefix):
        answer = await self._dialogue.ask(command, limit_ms, prefix)
        if log.level <= log.DEBUG:
            said = None if answer is None else (answer.final, answer.lines)
            log.debug("lte", "%s: %s", _shown(command), said)
        return answer

    def _set_speed(self, baud):
        if baud == self._baud:
            return
        self._baud = baud
        self._uart.init(baudrate=baud)
        self._dialogue.forget()

    async def _connect(self, limit_ms):
        settings = self._settings
        deadline = ticks_add(ticks_ms(), limit_ms)
        self._ppp.start(settings.get("user"), settings.get("password"), settings.get("auth") == "chap")
        while not self._ppp.up():
            if ticks_diff(deadline, ticks_ms()) <= 0 or self._ppp.failed():
                return False
            await pause(_LOOK_MS)
        return True

    async def _disconnect(self, limit_ms):
        deadline = ticks_add(ticks_ms(), limit_ms)
        self._ppp.stop()
        while not self._ppp.idle():
            if ticks_diff(deadline, ticks_ms()) <= 0:
                return False
            await pause(_LOOK_MS)
        self._dialogue.forget()
        return True

    async def _watch(self, limit_ms):
        deadline = ticks_add(ticks_ms(), limit_ms)
        while self._ppp.up():
            self._ppp.poll()
            left_ms = ticks_diff(deadline, ticks_ms())
            if left_ms <= 0:
                return True
            await pause(min(left_ms, 4 * _LOOK_MS))
        return False


def _shown(command):
    """Without what nobody may read in a log."""
    for secret in _SECRETS:
        if command.startswith(secret):
            return secret + "..."
    return command
