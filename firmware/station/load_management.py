# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""What the connectors may have together: the ChargePointMaxProfile where there are several, and the limit of
the site. One connector has it alone, as the limit "site"; several share it, as the limit "share".
"""

from evse.pilot import MIN_DA
from station.charging_limits import SHARE, SITE

_OWN = (SHARE,)


class LoadManagement:
    """`site`: `station.site_limit.SiteLimit`, None: there is none. Call `step` after the connectors' own, and
    that of the charging profiles.
    """

    def __init__(self, station, site):
        self._station = station
        self._site = site
        self._total_da = None
        self._sharing = None
        if len(station.connectors) > 1:
            from station.sharing import Sharing

            self._sharing = Sharing(len(station.connectors))

    def grid_metered(self, now, reading):
        """The meter at the grid connection was read at `now`: `hal.reading.Reading`, None: it was silent."""
        if self._site is None:
            return
        from station.site_limit import drawn_ma

        # The last reading of a meter that has fallen silent since would stand for ever.
        own_ma = drawn_ma([row.reading if row.supply.live else None for row in self._station.connectors])
        self._site.metered(now, None if reading is None else reading.current_ma, own_ma)

    def step(self, now):
        total_da = None if self._site is None else self._site.available_da(now)
        if self._sharing is None:
            if total_da != self._total_da:
                self._total_da = total_da
                _put(self._station.connectors[0].supply.limits, SITE, total_da)
            return
        charging = self._station.charging
        if charging is not None:
            most_da = charging.total_da(now)
            if most_da is not None and (total_da is None or most_da < total_da):
                total_da = most_da
        before_da = self._total_da
        self._total_da = total_da
        if total_da is None and before_da is None:
            return
        came = self._claim(self._sharing.claims)
        if self._sharing.step(now, total_da) or came:
            self._hand_out(self._sharing)

    def why(self):
        """Where the limit "site" or "share" comes from, in words."""
        site = self._site
        charging = self._station.charging
        if site is not None and (charging is None or charging.total_da() != self._total_da):
            return site.why
        return None if charging is None else charging.total_why

    def _claim(self, claims):
        """What each wants. True: one takes part that did not, or does no longer."""
        charging = self._station.charging
        came = False
        for connector in self._station.connectors:  # 50 times a second: nothing is allocated
            claim = claims[connector.number - 1]
            supply = connector.supply
            wants = (
                connector.transaction is not None
                and supply.permitted
                and supply.plugged
                and connector.blocked is None
            )
            permitted = supply.permitted
            came = came or wants != claim.wants or permitted != claim.permitted
            claim.wants = wants
            claim.permitted = permitted
            claim.own_da = supply.limits.lowest(_OWN)
            claim.least_da = MIN_DA if charging is None else charging.least_da(connector.number)
            claim.offered_da = supply.offered_da
            # Welded, and nobody has ever plugged in: it carries nothing.
            claim.live = supply.live and (supply.plugged or claim.held_da > 0)
            claim.asking = supply.asking
        return came

    def _hand_out(self, sharing):
        """Who takes no part is not limited: what is shown of him is what he would have alone. But a supply
        that has permission makes an offer as soon as a fault goes or a car comes back, before anybody looks
        here, and it would stand for 5 s.
        """
        rows = zip(self._station.connectors, sharing.claims, sharing.limits_da)
        for connector, claim, limit_da in rows:
            if not claim.wants and limit_da is not None:
                limit_da = 0 if claim.permitted else None
            _put(connector.supply.limits, SHARE, limit_da)


def _put(limits, name, limit_da):
    if limit_da is None:
        limits.drop(name)
    else:
        limits.put(name, limit_da)
