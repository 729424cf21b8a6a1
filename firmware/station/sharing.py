# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Several connectors share one total (a ChargePointMaxProfile, the site's limit): who may have how much.

Pure: a step with what each connector wants, and a limit for each. What is offered, or may still be drawn,
never adds up to more than the total. A car has 5 s to follow a lower offer (IEC 61851-1 table A.6), and one
that was told to pause draws until the contactor is open: what is given back is free only then, and increases
wait for it, while decreases come at once. The pilot keeps an offer for 5 s (`evse.offer`), so what counts is
what it shows, not only what was allowed.

Equal shares; what one cannot use the others have. A car that is offered current and does not ask for it
keeps the least, so that it can ask. When the total is too small for everybody's least they take turns.
"""

from evse.pilot import MIN_DA
from hal.ticks import ticks_add, ticks_diff

_FOLLOWS_MS = 5000
# Longer than a car takes to close S2 after an offer, shorter than the first wake-up (90 s, `evse.wake_up`).
_QUIET_MS = 60000
# Each turn ends with an interruption, under which contactors age and after some of which cars give up or fall
# asleep (`evse.wake_up`): so not of minutes. But who parks for an hour shall not go as he came, and the first
# kilometres are worth most: so not of hours.
TURN_MS = 15 * 60000
# A pause that has not opened the contactor after so long never will (it is welded): more than the 6 s after
# which a deaf car is cut off, and the longest stall of the main loop.
_STUCK_MS = 20000
# The limit of one who could not charge anyway: his own limits stay the reason that is told.
_NO_USE_DA = MIN_DA - 1

_OUT, _WAITS, _CHARGES = 0, 1, 2
# In this order they are given their least: those within their turn, who waits, who has had his turn, who does
# not ask for what he is offered, and who waits but did not ask when it was his turn. The last one counts as
# one who waits after the length of a turn: two full cars would else take turns of a minute all night.
_WITHIN, _WAITING, _DONE, _QUIET, _IDLE = 0, 1, 2, 3, 4


class Claim:
    """What one connector wants; all is set by the caller before a step.

    wants       it takes part: a transaction runs, energy is permitted, a car is plugged in
    permitted   energy is: it may take part at any moment
    own_da      what its own limits would allow, deci-ampere for each phase
    least_da    below that it is of no use (minChargingRate); 60 at least counts, and `own_da` at most
    offered_da  what its pilot offers now; 0: nothing
    live        its contactor is closed, or told to be
    asking      the car is in C or D
    """

    def __init__(self):
        self.wants = False
        self.permitted = False
        self.own_da = 0
        self.least_da = MIN_DA
        self.offered_da = 0
        self.live = False
        self.asking = False
        # What follows is the sharing's own.
        self.held_da = 0  # may be drawn now: the most that was offered lately
        self.held_at = 0  # when that was offered last
        self.less_da = 0  # the most that was offered since then
        self.less_at = 0
        self.shown_da = 0  # was offered at the last look
        self.stuck = False
        self.quiet = False  # offered current, it does not ask for it
        self.idle = False  # nor has it since
        self.asked_at = 0
        self.place = _OUT
        self.since = 0  # when it came to its place
        self.long = False  # it has been there for the length of a turn
        self.chosen = False
        self.known = (False, 0, 0)  # wants, own_da, least_da, as they were thought over

    def follow(self, now):
        """What time and the pilot have brought. True: the shares are to be thought over."""
        changed = False
        offered_da = self.offered_da
        # Until now the pilot has shown what it showed at the last look, which may be a stall ago.
        most_da = max(offered_da, self.shown_da)
        if most_da >= self.held_da:
            self.held_da = most_da
            self.less_da = offered_da
            self.held_at = self.less_at = now
        elif most_da >= self.less_da:
            self.less_da = most_da
            self.less_at = now
        if self.live and not self.held_da and self.own_da:
            # It was closed before anybody looked here, with an offer that nobody knows.
            self.held_da = self.own_da
            self.less_da = 0
            self.held_at = self.less_at = now
            changed = True
        if offered_da and not self.shown_da and self.live:
            self.held_at = now  # a car that has not seen the pause has 5 s from here
        self.shown_da = offered_da
        stuck = False
        if offered_da < self.held_da and ticks_diff(now, self.held_at) >= _FOLLOWS_MS:
            if offered_da or not self.live:
                self.held_da = self.less_da
                self.held_at = self.less_at
                self.less_da = offered_da
                self.less_at = now
                changed = True
            elif ticks_diff(now, self.held_at) >= _STUCK_MS:
                stuck = True
                self.held_at = ticks_add(now, -_STUCK_MS)  # for weeks: the ticks would come round
        if stuck != self.stuck:
            self.stuck = stuck
            changed = True
        if self.asking or not offered_da:
            self.asked_at = now
            if self.asking and self.idle:
                self.quiet = self.idle = False
                changed = True
        elif not self.quiet and ticks_diff(now, self.asked_at) >= _QUIET_MS:
            self.quiet = self.idle = changed = True
        if self.place != _OUT and not self.long and ticks_diff(now, self.since) >= TURN_MS:
            self.long = changed = True
        known = self.known
        if self.wants != known[0] or self.own_da != known[1] or self.least_da != known[2]:
            self.known = (self.wants, self.own_da, self.least_da)
            changed = True
        return changed

    def able(self):
        return self.wants and self.own_da >= MIN_DA and not self.stuck

    def need_da(self):
        return max(MIN_DA, min(self.least_da, self.own_da))

    def share_da(self, level_da):
        """Of equal shares of `level_da`."""
        need_da = self.need_da()
        return need_da if self.quiet else max(need_da, min(level_da, self.own_da))

    def engaged_da(self, limit_da):
        """Not to be given to others: what may be drawn now, or may be offered at any moment."""
        return limit_da if limit_da >= MIN_DA and limit_da > self.held_da else self.held_da

    def turn(self):
        if self.place == _WAITS:
            return _IDLE if self.idle and not self.long else _WAITING
        if self.place == _OUT:
            return -1
        return _QUIET if self.quiet else _DONE if self.long else _WITHIN

    def move(self, place, now):
        self.place = place
        self.since = now
        self.long = False


class Sharing:
    """claims      of each connector a `Claim`, for the caller to fill in before each step
    limits_da   of each connector the limit, deci-ampere for each phase, below 60 a pause; None: there is none
    """

    def __init__(self, count):
        self.claims = [Claim() for _ in range(count)]
        self.limits_da: list = [None] * count
        self._queue = list(self.claims)  # who came to his place first stands first
        self._total_da: int | None = None

    def step(self, now, total_da) -> bool:
        """`total_da`: deci-ampere for each phase, None: the connectors need not share. True: another limit.

        It allocates nothing as long as nothing changes.
        """
        limits_da = self.limits_da
        if total_da is None:
            if self._total_da is None:
                return False
            self._total_da = None
            for index in range(len(limits_da)):
                limits_da[index] = None
            return True
        changed = total_da != self._total_da
        begun = self._total_da is None
        if begun:
            self._begin(now)
        self._total_da = total_da
        for claim in self.claims:
            changed = claim.follow(now) or changed
        return (changed and self._divide(now, max(0, total_da))) or begun

    def _begin(self, now):
        """There was no total: what is offered is what each one has, and all turns begin."""
        for index, claim in enumerate(self.claims):
            self.limits_da[index] = claim.offered_da
            claim.held_da = claim.shown_da = 0
            claim.stuck = claim.quiet = claim.idle = False
            claim.asked_at = now
            claim.move(_OUT, now)

    def _divide(self, now, total_da):
        free_da = total_da
        for claim in self.claims:
            if claim.stuck:
                free_da -= claim.held_da
        self._choose(now, free_da)
        level_da = self._level(free_da)
        limits_da = self.limits_da
        changed = False
        room_da = total_da
        for index, claim in enumerate(self.claims):
            limit_da = limits_da[index]
            if claim.chosen:
                lower_da = min(limit_da, claim.share_da(level_da))
            else:
                lower_da = _NO_USE_DA if claim.wants and claim.own_da < MIN_DA else 0
            if lower_da != limit_da:
                limits_da[index] = lower_da
                changed = True
            room_da -= claim.engaged_da(lower_da)
        # First those who have nothing.
        for paused in (True, False):
            for index, claim in enumerate(self.claims):
                limit_da = limits_da[index]
                if not claim.chosen or (limit_da < claim.need_da()) != paused:
                    continue
                share_da = claim.share_da(level_da)
                has_da = claim.engaged_da(limit_da)
                if claim.engaged_da(share_da) - has_da > room_da:
                    # All at once, or an offer would be followed by another 5 s later; but who has nothing
                    # begins with what there is.
                    share_da = min(share_da, has_da + room_da)
                    if not paused or share_da < claim.need_da():
                        continue
                if share_da > limit_da:
                    room_da -= claim.engaged_da(share_da) - has_da
                    limits_da[index] = share_da
                    changed = True
        return changed

    def _level(self, free_da):
        """The equal share: the most with which all shares are no more than there is."""
        low_da, high_da = 0, max(0, free_da)
        while low_da < high_da:
            middle_da = (low_da + high_da + 1) >> 1
            sum_da = 0
            for claim in self.claims:
                if claim.chosen:
                    sum_da += claim.share_da(middle_da)
            if sum_da <= free_da:
                low_da = middle_da
            else:
                high_da = middle_da - 1
        return low_da

    def _choose(self, now, free_da):
        """Who charges. As many as there is enough for, in the order of `Claim.turn`; who came last is the
        last to be interrupted, and who has waited longest the first to begin."""
        queue = self._queue
        for claim in self.claims:
            claim.chosen = False
            if not claim.able():
                claim.place = _OUT
                if not claim.wants:
                    claim.quiet = claim.idle = False  # the next car is another one
            elif claim.place == _OUT:
                self._move(claim, _WAITS, now)
        last = len(queue) - 1
        left_da = free_da
        barred = False
        for turn in (_WITHIN, _WAITING, _DONE, _QUIET, _IDLE):
            for index in range(last + 1):
                claim = queue[index if turn == _WAITING else last - index]
                if claim.turn() != turn or (barred and claim.place == _WAITS):
                    continue
                need_da = claim.need_da()
                if need_da <= left_da:
                    claim.chosen = True
                    left_da -= need_da
                elif turn == _WAITING and claim.long and need_da <= free_da:
                    # He needs more than others, who would come and go for ever: from now on nobody begins
                    # before him.
                    barred = True
        self._change(now)

    def _change(self, now):
        interrupted = begun = False
        for claim in self.claims:
            interrupted = interrupted or (claim.place == _CHARGES and not claim.chosen)
            begun = begun or (claim.place == _WAITS and claim.chosen)
        if not (interrupted or begun):
            return
        for claim in list(self._queue):
            if claim.place == _CHARGES:
                if not claim.chosen:
                    self._move(claim, _WAITS, now)
                elif claim.long and interrupted:
                    # Else who was just interrupted would take his place at once.
                    claim.move(_CHARGES, now)
            elif claim.chosen:
                self._move(claim, _CHARGES, now)
                claim.quiet = False
                claim.asked_at = now

    def _move(self, claim, place, now):
        claim.move(place, now)
        self._queue.remove(claim)
        self._queue.append(claim)
