# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""What to do next to get a modem online and to keep it there: pure, the time comes in, actions go out.

    bearer = Bearer(settings, parts, now)
    action = bearer.next(now, None)
    ...                                      # whoever carries it out
    action = bearer.next(now, outcome)       # and so on, for ever

An attempt begins with the modem as it is and goes as far as it can: it answers, the SIM card is ready, the
network has us, the call is up, PPP is up. It ends with a trouble, each of which has remedies, the milder ones
first: waiting, the radio off and on, the power key, the supply. The supply is the last resort: once, then no
sooner than ten minutes later, then twenty, up to an hour. Nothing is ever given up.

That a link is up says little: modems and lwIP keep a dead one up for ever (micropython issues 5566, 6541).
What counts is who has heard something from the far end: `heard` and `in_vain`.
"""

from hal.ticks import ticks_add, ticks_diff
from log import DEBUG, INFO, WARNING
from net.at import numbers
from net.modem_actions import (
    ASK,
    COMMAND_MS,
    ESCAPE,
    KEY,
    NOTE,
    PPP_DOWN,
    PPP_UP,
    SPEED,
    SUPPLY,
    WAIT,
    WATCH,
)
from net.sim_card import SimCard

# Troubles.
MUTE = "modem does not answer"
SIM = "SIM card"
UNREGISTERED = "no network"
REFUSED = "no connection"
DEAD = "link is up but dead"

# Remedies.
_NOTHING = 0
_PAUSE = 1
_RADIO = 2
_KEY = 3
_CYCLE = 4

# What is tried when a trouble comes for the first, second, ... time in a row; the last one from then on.
_REMEDIES = {
    MUTE: (_KEY, _CYCLE),
    SIM: (_PAUSE, _RADIO, _PAUSE, _CYCLE),
    UNREGISTERED: (_RADIO, _CYCLE),
    REFUSED: (_PAUSE, _PAUSE, _RADIO, _PAUSE, _PAUSE, _CYCLE),
    DEAD: (_NOTHING, _RADIO, _CYCLE),
}

_PAUSE_FIRST_MS = 2000
_PAUSE_MOST_MS = 120000
_CYCLE_FIRST_MS = 600000
_CYCLE_MOST_MS = 3600000

# Where a modem answers at neither of its speeds, some other firmware may have left it at one of these.
_OTHER_SPEEDS = (9600, 57600, 230400, 460800, 921600, 3000000, 115200)
_ANSWER_MS = 500  # to a bare AT
_RADIO_MS = 15000  # AT+CFUN: SIM7600 and A7670 take up to 10 s
_REGISTER_MS = 120000
_REGISTER_LOOK_MS = 1000
_DIAL_MS = 60000
_PPP_MS = 30000
# lwIP sends two Terminate-Requests 6 s apart before it lets go of a peer that is silent.
_PPP_DOWN_MS = 20000
_WATCH_MS = 1000
_SETTLE_MS = 300  # a modem's supply, before its key is pressed
# The far end is out of reach: so many tries of those above us, over so long a time at least. One is a busy
# server; their pauses between tries grow to two minutes.
_VAIN_TRIES = 3
_VAIN_MS = 120000
# The first time, the connection that fell silent and the next one that did not come about: dialled again,
# which costs some seconds where it was the server after all.
_VAIN_FIRST_TRIES = 2
_VAIN_FIRST_MS = 30000
_VAIN_STALE_MS = 3600000
# A connection that lasted so long was worth having: drops each minute, as some A7670 have them, are redialled
# at once and are no reason for more.
_SOUND_MS = 60000


class Parts:
    """What the modem at hand needs: keyword arguments where it is not what stands below.

    can_cut     its supply can be switched
    has_key     its power key is wired (without either nothing but the radio is left to be restarted)
    speeds      of the UART: the one it starts with, and the one to work with (may be the same)
    key_ms      how long the key is pressed to switch it on: 100 (A7670), 500 (SIM7600), 1000 (SIM7000)
    boot_ms     from then until it answers, at most
    off_ms      how long it stays without supply, so that its capacitors run empty
    long_ms     how long the key is pressed to switch it off, where the supply cannot be cut
    flow        RTS and CTS are wired
    """

    can_cut = True
    has_key = True
    speeds = (115200, 921600)
    key_ms = 500
    boot_ms = 30000
    off_ms = 5000
    long_ms = 3500
    flow = True

    def __init__(self, **values):
        for name, value in values.items():
            if not hasattr(self, name):
                raise ValueError("a modem has no " + name)
            setattr(self, name, value)


class Bearer:
    """`settings`: dict of strings, each may be missing: apn, pin; PPP takes user and password. `draw(n)`: a
    random number from 0 to n - 1.

    online       PPP is up
    phase        what is being done, in a word, for people
    signal_dbm   received signal strength when it was last asked, None: not known
    trouble      why the last attempt ended, None as long as there was none
    """

    def __init__(self, settings, parts, now: int, draw):
        self.online = False
        self.phase = "off"
        self.signal_dbm = None
        self.trouble = None
        self._settings = settings
        self._parts = parts
        self._draw = draw
        self._now = now
        self._speed = 0
        self._strikes = {}
        self._pauses = 0
        self._cycle_from = None  # ticks before which the supply is left alone; None: it may be cut
        self._cycle_gap_ms = _CYCLE_FIRST_MS
        self._vain_since = None
        self._vain_tries = 0
        self._sim_card = SimCard(settings, self._ticks)
        self._life = None  # none yet, or the last one has failed
        self._failed = False

    def next(self, now: int, outcome):
        """What to do now, `outcome` being that of the last action. Never ends. It raises nothing but for lack
        of memory; the modem's life is begun anew then with the next call, and what was learnt of it stays: a
        PIN that was refused, when the supply may be cut.
        """
        self._now = now
        if self._cycle_from is not None and ticks_diff(now, self._cycle_from) >= 0:
            self._cycle_from = None  # looked at each second: ticks do not get old enough to mean the future
        life = self._life
        if life is None:
            life = self._live(self._failed)
            outcome = None
        self._life = None
        self._failed = True
        action = life.send(outcome)
        self._life = life
        return action

    def begin_anew(self) -> None:
        """The last action was broken off: it is begun as after a failure, and what was learnt stays."""
        self.online = False
        self._life = None
        self._failed = True

    def heard(self) -> None:
        """Something came from the far end: everything below is in order, and the past is forgotten."""
        self._vain_since = None
        self._vain_tries = 0
        self._pauses = 0
        self._strikes.clear()
        self._cycle_gap_ms = _CYCLE_FIRST_MS

    def in_vain(self, now: int) -> None:
        """The far end could not be reached, or fell silent."""
        if not self.online:
            return  # that is no news
        since = self._vain_since
        if since is None or not 0 <= ticks_diff(now, since) < _VAIN_STALE_MS:
            self._vain_since = now
            self._vain_tries = 0
        self._vain_tries += 1

    def _ticks(self):
        return self._now

    # --- the life of a modem, written as it goes ---

    def _live(self, again):
        self.online = False
        if self._parts.can_cut:
            yield SUPPLY, True
            yield WAIT, _SETTLE_MS
        if again:
            # It may have ended with its key pressed, or in a call, in which a modem answers nothing and would
            # have its key pressed: that turns some of them off.
            if self._parts.has_key:
                yield KEY, False
            yield from self._hang_up()
        while True:
            trouble = yield from self._attempt()
            self.trouble = trouble
            yield from self._remedy(trouble)

    def _attempt(self):
        self.phase = "asking"
        # The first time most modems are off, and the key is pressed the sooner the better.
        if not (yield from self._answers(1 if self.trouble is None else 2)):
            return MUTE
        self._strikes.pop(MUTE, None)
        if not (yield from self._set_up()):
            return MUTE
        self.phase = "SIM card"
        if not (yield from self._sim_card.unlock()):
            return SIM
        self._strikes.pop(SIM, None)
        self.phase = "registering"
        if not (yield from self._register()):
            return UNREGISTERED
        self._strikes.pop(UNREGISTERED, None)
        yield from self._measure()
        self.phase = "dialling"
        if not (yield from self._dial()):
            return REFUSED
        self.phase = "connecting"
        trouble = REFUSED
        if (yield PPP_UP, _PPP_MS):
            trouble = yield from self._watch()
        self.phase = "hanging up"
        yield from self._hang_up()
        return trouble

    def _answers(self, rounds):
        """Whether it answers at the speed we think it has, or at another; both sides have the same then."""
        speeds = self._parts.speeds
        for _ in range(rounds):
            for index in (self._speed, 1 - self._speed) if speeds[0] != speeds[1] else (self._speed,):
                yield SPEED, speeds[index]
                answer = yield ASK, "AT", _ANSWER_MS, None
                if answer is not None and answer.ok:
                    self._speed = index
                    return True
        return False

    def _search(self):
        """The last that can be thought of: it speaks, at a speed of which nobody has told us."""
        first = self._parts.speeds[0]
        for baud in _OTHER_SPEEDS:
            if baud in self._parts.speeds:
                continue
            yield SPEED, baud
            answer = yield ASK, "AT", _ANSWER_MS, None
            if answer is None or not answer.ok:
                continue
            yield NOTE, WARNING, "modem was set to %d baud", (baud,)
            for command in ("AT+IPREX=%d", "AT+IPR=%d"):  # for good, or as long as it has its supply
                answer = yield ASK, command % first, COMMAND_MS, None
                if answer is not None and answer.ok:
                    self._speed = 0
                    return

    def _wake(self):
        """Press the key and wait until it answers, or for as long as it may take."""
        parts = self._parts
        self.phase = "starting"
        if parts.has_key:
            yield KEY, True
            yield WAIT, parts.key_ms
            yield KEY, False
        deadline = ticks_add(self._now, parts.boot_ms)
        tries = 0
        while ticks_diff(deadline, self._now) > 0:
            if (yield from self._answers(1)):
                return True
            tries += 1
            if tries % 8 == 4:
                # It may have been running all the time, in the middle of a call that a controller had which
                # has been reset since.
                for index in (1, 0):
                    yield SPEED, parts.speeds[index]
                    yield (ESCAPE,)
        return False

    def _set_up(self):
        """False: it fell silent. What it does not know it need not do."""
        parts = self._parts
        commands = ["ATE0", "AT+CMEE=1"]
        if parts.flow:
            commands.append("AT+IFC=2,2")
        apn = self._settings.get("apn")
        if apn:
            commands.append('AT+CGDCONT=1,"IP","%s"' % apn)
        for command in commands:
            answer = yield ASK, command, COMMAND_MS, None
            if answer is None:
                return False
            if not answer.ok:
                yield NOTE, DEBUG, "%s: %s", (command.partition("=")[0], answer.final)
        if self._speed == 0 and parts.speeds[1] != parts.speeds[0]:
            yield from self._speed_up()
        return True

    def _speed_up(self):
        answer = yield ASK, "AT+IPR=%d" % self._parts.speeds[1], COMMAND_MS, None
        if answer is None or not answer.ok:
            yield NOTE, INFO, "stays at %d baud", (self._parts.speeds[0],)
            return
        self._speed = 1
        if not (yield from self._answers(3)):
            self._speed = 0

    def _register(self):
        deadline = ticks_add(self._now, _REGISTER_MS)
        state = None
        while True:
            for name in ("CEREG", "CGREG"):  # LTE, and what there was before it
                answer = yield ASK, "AT+%s?" % name, COMMAND_MS, "+%s:" % name
                if answer is not None and answer.ok:
                    fields = numbers(answer.lines[-1])
                    state = fields[1] if len(fields) > 1 else None
                    if state == 1 or state == 5:
                        return True
            if ticks_diff(deadline, self._now) <= 0:
                break
            yield WAIT, _REGISTER_LOOK_MS
        yield NOTE, WARNING, "not registered: %s", (_REGISTRATION.get(state or 0, "unknown"),)
        return False

    def _measure(self):
        # Here, and not while online: the modem would have to leave its data mode for it, which takes two
        # seconds of silence and ends many a connection. A bad signal brings us here again soon enough.
        answer = yield ASK, "AT+CSQ", COMMAND_MS, "+CSQ:"
        if answer is None or not answer.ok:
            return
        level = numbers(answer.lines[-1])[0]
        # TS 27.007 section 8.5: 0 = -113 dBm or less, 31 = -51 or more, 99 = not known.
        known = isinstance(level, int) and 0 <= level <= 31
        self.signal_dbm = -113 + 2 * level if known else None
        yield NOTE, INFO, "registered, signal %s dBm", (self.signal_dbm,)

    def _dial(self):
        answer = yield ASK, "ATD*99***1#", _DIAL_MS, None
        if answer is not None and answer.final.startswith("CONNECT"):
            return True
        said = "no answer" if answer is None else answer.final
        yield NOTE, WARNING, "dialling: %s", (said,)
        if answer is None:
            yield from self._hang_up()
        return False

    def _watch(self):
        """Until PPP is down or dead."""
        self.phase = "online"
        self.online = True
        self._vain_since = None
        self._vain_tries = 0
        since = self._now
        sound = False
        while (yield WATCH, _WATCH_MS):
            if not sound and ticks_diff(self._now, since) >= _SOUND_MS:
                sound = True
                self._strikes.pop(REFUSED, None)
                if DEAD not in self._strikes:
                    self._pauses = 0
            if self._is_dead():
                self.online = False
                return DEAD
        self.online = False
        return REFUSED

    def _is_dead(self):
        if self._vain_since is None:
            return False
        vain_ms = ticks_diff(self._now, self._vain_since)
        if DEAD not in self._strikes:
            return self._vain_tries >= _VAIN_FIRST_TRIES and vain_ms >= _VAIN_FIRST_MS
        return self._vain_tries >= _VAIN_TRIES and vain_ms >= _VAIN_MS

    def _hang_up(self):
        """Back to command mode, by whatever it takes short of the supply."""
        if not (yield PPP_DOWN, _PPP_DOWN_MS):
            yield NOTE, WARNING, "PPP does not end", ()
        if (yield from self._answers(1)):
            return
        yield SPEED, self._parts.speeds[self._speed]
        yield (ESCAPE,)
        yield ASK, "ATH", COMMAND_MS, None

    # --- remedies ---

    def _remedy(self, trouble):
        strike = self._strikes.get(trouble, 0)
        remedies = _REMEDIES[trouble]
        self._strikes[trouble] = min(strike + 1, len(remedies))
        remedy = remedies[min(strike, len(remedies) - 1)]
        if remedy == _CYCLE and (self._cycle_from is not None or not self._can_cycle()):
            remedy = _KEY if trouble == MUTE else _RADIO  # not yet: what is left
        if remedy == _RADIO:
            yield NOTE, WARNING, "%s: radio off and on", (trouble,)
            yield from self._restart_radio()
            if strike >= len(remedies):
                yield from self._rest()
        elif remedy == _CYCLE:
            yield NOTE, WARNING, "%s: modem off and on", (trouble,)
            if not (yield from self._cycle()):
                yield from self._search()
        elif remedy == _KEY:
            yield NOTE, WARNING, "%s: power key", (trouble,)
            if not (yield from self._wake()):
                yield from self._rest()
        elif remedy == _PAUSE:
            yield from self._rest()

    def _rest(self):
        """Twice as long each time, and never as long as the neighbour: a street that gets its network back
        must not dial all at once.
        """
        self.phase = "waiting"
        middle_ms = min(_PAUSE_FIRST_MS << self._pauses, _PAUSE_MOST_MS)
        self._pauses = min(self._pauses + 1, 8)
        yield WAIT, middle_ms // 2 + self._draw(middle_ms)

    def _restart_radio(self):
        self.phase = "radio off and on"
        yield ASK, "AT+CFUN=0", _RADIO_MS, None
        yield WAIT, 1000
        yield ASK, "AT+CFUN=1", _RADIO_MS, None

    def _can_cycle(self):
        return self._parts.can_cut or self._parts.has_key

    def _cycle(self):
        parts = self._parts
        self.phase = "off"
        self._cycle_from = ticks_add(self._now, self._cycle_gap_ms)
        self._cycle_gap_ms = min(self._cycle_gap_ms * 2, _CYCLE_MOST_MS)
        if parts.can_cut:
            yield SUPPLY, False
            yield WAIT, parts.off_ms
            yield SUPPLY, True
            yield WAIT, _SETTLE_MS
        else:
            yield KEY, True
            yield WAIT, parts.long_ms
            yield KEY, False
            yield WAIT, parts.off_ms
        self._speed = 0
        return (yield from self._wake())


_REGISTRATION = {0: "not searching", 2: "searching", 3: "denied", 4: "out of coverage"}
