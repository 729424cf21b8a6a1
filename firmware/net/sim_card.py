# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The SIM card of a modem: is it ready, may its PIN be tried. Pure, as `net.bearer`, whose part it is.

A wrong PIN is tried once, and the last try of a card is left to a human: behind it only the PUK helps.
"""

from hal.ticks import ticks_add, ticks_diff
from log import WARNING
from net.at import numbers
from net.modem_actions import ASK, COMMAND_MS, NOTE, WAIT

_READY_MS = 20000  # from start to READY
# TS 27.007 section 9.2.
_NOT_INSERTED = 10
_INCORRECT_PASSWORD = 16


class SimCard:
    """`settings`: of them `pin` is used, if there is one; `ticks`: function without arguments, the time."""

    def __init__(self, settings, ticks):
        self._settings = settings
        self._ticks = ticks
        self._pin_refused = False
        self._pin_left = None  # tries that the card had left before the last one of ours

    def unlock(self):
        """Whether the card is ready; actions as in `net.bearer`."""
        deadline = ticks_add(self._ticks(), _READY_MS)
        said = "no answer"
        while True:
            answer = yield ASK, "AT+CPIN?", COMMAND_MS, "+CPIN:"
            if answer is not None:
                said = answer.lines[-1] if answer.ok else answer.final
                if said == "READY":
                    return True
                if said == "SIM PIN" and not (yield from self._enter_pin()):
                    return False
                if said == "SIM PUK" or answer.error == _NOT_INSERTED:
                    break
            if ticks_diff(deadline, self._ticks()) <= 0:
                break
            yield WAIT, 1000  # it may be busy with its start
        yield NOTE, WARNING, "SIM card: %s", (said,)
        return False

    def _enter_pin(self):
        """False: it is of no use. A wrong PIN is tried once, and the last try of a card is left to a human;
        of a card whose tries cannot be counted, every one.
        """
        pin = self._settings.get("pin")
        if not pin or self._pin_refused:
            yield NOTE, WARNING, "SIM card wants a PIN: %s", ("was refused" if pin else "none is set",)
            return False
        left = yield from self._pin_tries_left()
        if left is None or left < 2:
            yield NOTE, WARNING, "SIM card has %s tries left for its PIN: not tried", (left,)
            return False
        before = self._pin_left
        self._pin_left = left
        if before is not None and left < before:
            # The last one was refused, whatever became of the answer.
            self._pin_refused = True
            yield NOTE, WARNING, "PIN of the SIM card: was refused", ()
            return False
        answer = yield ASK, "AT+CPIN=%s" % pin, COMMAND_MS, None
        if answer is not None and answer.error == _INCORRECT_PASSWORD:
            self._pin_refused = True
        if answer is None or not answer.ok:
            yield (
                NOTE,
                WARNING,
                "PIN of the SIM card: %s",
                ("no answer" if answer is None else answer.final,),
            )
        return not self._pin_refused  # the card is asked again, and has the last word

    def _pin_tries_left(self):
        """None: nobody knows."""
        # SIMCom's own; TS 27.007 section 8.65.
        answer = yield ASK, "AT+SPIC", COMMAND_MS, "+SPIC:"
        left = None
        if answer is not None and answer.ok:
            left = numbers(answer.lines[-1])[0]
        else:
            answer = yield ASK, "AT+CPINR", COMMAND_MS, "+CPINR:"
            for line in answer.lines if answer is not None and answer.ok else ():
                fields = numbers(line)
                if fields[0] == "SIM PIN" and len(fields) > 1:
                    left = fields[1]
        return left if isinstance(left, int) else None
