# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Several links in order of priority as one `hal.contract.Link`: one is used, the others rest.

One at a time, because no port of MicroPython lets anybody choose the route. lwIP has one default interface:
on the rp2 port the one that was started last, whether or not it is up (cyw43_cb_tcpip_init,
wiznet5k_lwip_init, network_ppp_connect each call netif_set_default); on the esp32 port Wi-Fi before Ethernet
(route_prio of esp_netif), or PPP when that came last. `network.route` only lists. Two that are up on the
esp32 break connections besides: answers leave through the wrong one. So the links that are not used are taken
down (`release`), and whether a better one works again is found out by using it.

`Choice` decides, purely; `Links` carries it out. Loaded by boards with two links or more.
"""

import asyncio

import log
from hal.deadline import within
from hal.ticks import ticks_diff, ticks_ms
from net import dns

_LOOK_S = 0.2
_FAILED_S = 2
_TURNS = 100  # of 10 ms, for a task that is cancelled to end
_RELEASE_MS = 30000  # PPP waits for a silent peer for 12 s, the esp32's 8 s more
# Up, and the far end out of reach: each link has its own remedies for that first (Wi-Fi joins anew, LTE dials
# again), so it takes so many tries of those above over so long a time.
_VAIN_TRIES = 4
_VAIN_MS = 150000
# Of a link on trial, while another one is known to work: its first two tries.
_TRIAL_VAIN_TRIES = 2
# When all have failed it is hardly the links: each round gives them twice the time, to 8 times.
_MOST_ROUNDS = 3
# On a lower link for so long: a better one is tried, which costs some seconds to a minute offline. Twice as
# long after each time that was of no use, to an hour.
_RETURN_FIRST_MS = 300000
_RETURN_MOST_MS = 3600000
# A better link that was left again within that time was not worth the change.
_LASTING_MS = 600000


class Choice:
    """Which link is used. `patience_ms`: for each, best first, how long it may take to come up.

    use     its index
    trial   index of the link that works, while a better one is tried; None
    """

    def __init__(self, patience_ms, now: int):
        self._patience_ms = patience_ms
        self.use = 0
        self.trial = None
        self._rounds = 0
        self._return_ms = _RETURN_FIRST_MS
        self._won = False  # the link at hand was won by a trial, and has not lasted yet
        self._begin(now)

    def _begin(self, now):
        self._since = self._last = now  # it is used; of the last step
        self._up = self._was_up = False
        self._down_ms = 0  # for so long; what it is up again is taken off
        self._heard = False  # something came from the far end over it
        self._news = False
        self._vain = 0
        self._vain_since = now
        self._lasted = False
        self._due = False  # a better one is to be tried

    def heard(self):
        self._news = True
        self._vain = 0

    def in_vain(self, now: int):
        if self._up:
            if not self._vain:
                self._vain_since = now
            self._vain += 1

    def step(self, now: int, up: bool, idle: bool):
        """Some times a second. Why another link is to be used now, in words: `use` is that one; None: it
        stays. `idle`: nothing is on its way that a change of links would delay.
        """
        passed_ms = ticks_diff(now, self._last)
        self._last = now
        self._up = up
        if not up:
            self._down_ms += passed_ms
        else:
            # Once it has come up all it took is forgotten. One that is down more than it is up is left,
            # however short each time: a session needs some time to begin.
            self._down_ms = max(0, self._down_ms - passed_ms) if self._was_up else 0
            self._was_up = True
        if self._news:
            self._news = False
            self._arrived()
        trouble = self._trouble(now)
        if trouble is not None:
            self._leave(now)
            return trouble
        # Flags, because ticks wrap: a link may be used for months.
        age_ms = ticks_diff(now, self._since)
        if not self._lasted and age_ms >= _LASTING_MS:
            self._lasted = True
            if self._won:
                self._won = False
                self._return_ms = _RETURN_FIRST_MS
        if self.use == 0 or self.trial is not None or not self._heard:
            return None
        if age_ms >= self._return_ms:
            self._due = True
        if self._due and idle:
            self.trial = self.use
            self.use = 0
            self._begin(now)
            return "a better one may work again"
        return None

    def _arrived(self):
        self._heard = True
        self._rounds = 0
        if self.trial is not None:
            self.trial = None
            self._won = True

    def _trouble(self, now):
        if not self._up:
            if self.trial is not None and self._was_up:
                return "down again"
            patience_ms = self._patience_ms[self.use] << (0 if self.trial is not None else self._rounds)
            if self._down_ms >= patience_ms:
                return "down for %d s" % (patience_ms // 1000)
        elif self.trial is not None:
            if self._vain >= _TRIAL_VAIN_TRIES:
                return "the far end is out of reach"
        elif self._vain >= _VAIN_TRIES and ticks_diff(now, self._vain_since) >= _VAIN_MS << self._rounds:
            return "the far end is out of reach"
        return None

    def _leave(self, now):
        """The next one: down the list, then from its beginning."""
        if self.trial is not None:
            self.use += 1
            if self.use == self.trial:
                self._later()
                self.trial = None
                self._won = False
        else:
            if self._won:
                self._later()
            elif self._heard:
                self._return_ms = _RETURN_FIRST_MS
            self._won = False
            self.use += 1
            if self.use == len(self._patience_ms):
                self.use = 0
                self._rounds = min(self._rounds + 1, _MOST_ROUNDS)
        self._begin(now)

    def _later(self):
        self._return_ms = min(self._return_ms * 2, _RETURN_MOST_MS)


class Links:
    """`rows`: (name, patience_ms, make) of each link, best first; make(): a `hal.contract.Link`, which is not
    asked for before it is needed.

    idle    fn(): nothing is on its way; put here by who knows
    """

    def __init__(self, rows):
        self._rows = rows
        self._made: list = [None] * len(rows)
        self._choice = Choice([row[1] for row in rows], ticks_ms())
        self._up = False
        self._event = asyncio.Event()
        self.idle = _always

    @property
    def name(self):
        """Of the link in use, for people."""
        return self._rows[self._choice.use][0]

    # --- hal.contract.Link ---

    def up(self):
        return self._up

    async def changed(self):
        await self._event.wait()

    def heard(self):
        self._choice.heard()
        link = self._made[self._choice.use]
        if link is not None:
            link.heard()

    def in_vain(self):
        self._choice.in_vain(ticks_ms())
        link = self._made[self._choice.use]
        if link is not None:
            link.in_vain()

    def refused(self):
        """Somebody is there, who is not the one we want or does not want us. For the link that is evidence of
        life. Here it is as good as nobody: with a captive portal, or in somebody else's network, all ends
        like that, and over another link it may not.
        """
        self._choice.in_vain(ticks_ms())
        link = self._made[self._choice.use]
        if link is not None:
            link.heard()

    def signal_dbm(self):
        link = self._made[self._choice.use]
        return None if link is None else link.signal_dbm()

    async def run(self):
        told = None
        while True:
            index = self._choice.use
            try:
                await self._run_one(index)
                told = None
            except Exception as error:
                # As in each of them: were this task to end, the charger would be stopped with it.
                if told != index:
                    told = index  # once: a part that is not there is not there the next time
                    log.failure("links", self._rows[index][0], error)
                self._show(False)
                await asyncio.sleep(_FAILED_S)
                self._change(index, self._choice.step(ticks_ms(), False, False))

    async def release(self):
        self._show(False)
        link = self._made[self._choice.use]
        if link is not None:
            await link.release()

    async def _run_one(self, index):
        """Until another one is to be used."""
        link = self._made[index]
        if link is None:
            link = self._made[index] = self._rows[index][2]()
        task = asyncio.create_task(self._life(link, self._rows[index][0]))
        why = None
        try:
            while why is None:
                if task.done():
                    task = asyncio.create_task(self._life(link, self._rows[index][0]))
                self._show(link.up())
                await asyncio.sleep(_LOOK_S)
                why = self._choice.step(ticks_ms(), link.up(), self.idle())
        finally:
            self._show(False)
            task.cancel()
        self._change(index, why)
        for _ in range(_TURNS):
            if task.done():
                break
            await asyncio.sleep(0.01)
        # It has the route: nothing goes over the next one before it has let go.
        try:
            await within(link.release(), _RELEASE_MS)
        except asyncio.TimeoutError:
            log.warning("links", "%s: does not let go", self._rows[index][0])

    def _change(self, index, why):
        if why is None:
            return
        # What another network's DNS has said may be of no use in this one.
        dns.doubt()
        try:
            log.warning("links", "%s: %s; %s is used", self._rows[index][0], why, self.name)
        except Exception as error:
            log.failure("links", "changed", error)  # no memory for a line: it lets go all the same

    async def _life(self, link, name):
        try:
            await link.run()
        except Exception as error:
            log.failure("links", name, error)
            await asyncio.sleep(_FAILED_S)

    def _show(self, up):
        if up != self._up:
            self._up = up
            # Everyone who waits now is woken; who waits from now on waits for the next change.
            self._event.set()
            self._event.clear()


def _always():
    return True
