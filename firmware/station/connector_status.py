# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The status of one connector by OCPP 1.6 section 4.9: derived at every step from what the connector and its
supply are,
told when MinimumStatusDuration allows."""

from evse import faults
from evse.pilot import MIN_DA
from hal.ticks import ticks_add, ticks_diff
from station import status as st

# A car takes some seconds from the offer to S2 (IEC 61851-1 gives it no limit; most need 1 to 3). Until then
# the connector is on its way to Charging: SuspendedEV would tell the CSMS of a car that does not want.
_SETTLE_MS = 5000
# The guard opens 9 ms after the car has left C, and knows after 100 whether it is gone (evse.guard). Nobody
# is told before that it has suspended.
_LEAVING_MS = 300


class ConnectorStatus:
    """`report`: (status, errorCode, info, vendorErrorCode) as it is now, told or not."""

    def __init__(self, connector):
        self._connector = connector
        self.report = st.plain(st.AVAILABLE)
        self._sound = self.report  # what it would be without faults
        self._reporter = st.StatusReporter()
        self._preparing_since = 0
        self._settle_until = 0
        self._settling = False

    @property
    def name(self):
        return self.report[0]

    def preparing_ms(self, now):
        """For how long it has been Preparing."""
        return ticks_diff(now, self._preparing_since)

    def settle(self, now):
        """The car was given an offer: it has some seconds to take it."""
        self._settle_until = ticks_add(now, _SETTLE_MS)
        self._settling = True

    def step(self, now):
        connector = self._connector
        station = connector.station
        report = self._derive(now)
        # Who is remotely started has ConnectionTimeOut from when the tag is accepted, however long that took.
        if report[0] == st.PREPARING and (self.name != st.PREPARING or connector.remote_pending):
            self._preparing_since = now
        if report != self.report:
            self.report = report
            station.status_changed(connector)
        minimum_ms = (station.config.value("MinimumStatusDuration") or 0) * 1000
        due = self._reporter.update(report, now, station.clock.stamp(), minimum_ms)
        if due is not None:
            station.wire.status(connector.number, due[0], due[1])

    def told_now(self):
        """(report, stamp): it is being told now, for BootNotification's aftermath and for triggers."""
        self._reporter.told = self._reporter.current
        return self.report, self._reporter.stamp or self._connector.station.clock.stamp()

    def _derive(self, now):
        connector = self._connector
        supply = connector.supply
        report = self._sound = self._derive_sound(connector, now)
        for name in supply.faults:
            if not faults.is_warning(name):
                return st.faulted(name)
        if connector.ending and self.name == st.FAULTED:
            return self.report  # the fault left with the car; what comes is told when the session is over
        # What is only a warning stands beside the status that there is.
        for name in supply.faults:
            beside = st.warned(report, name)
            if beside != report:
                return beside
        return report

    def _derive_sound(self, connector, now):
        supply = connector.supply
        if connector.busy:
            return self._derive_transaction(connector, now)
        if not connector.station.availability.operative(connector.number):
            return st.plain(st.UNAVAILABLE)
        if connector.grant is not None:
            return st.plain(st.PREPARING)
        if connector.finishing:
            return st.plain(st.FINISHING)
        if connector.station.reservations.reserved(connector.number):
            # A cable changes nothing: whose it is a tag will tell (section 4.9: G2 is its driver's step).
            return st.plain(st.PREPARING if connector.remote_pending else st.RESERVED)
        return st.plain(st.PREPARING if supply.plugged else st.AVAILABLE)

    def _derive_transaction(self, connector, now):
        supply = connector.supply
        if supply.energised:
            self._settle_until = ticks_add(now, _LEAVING_MS)
            self._settling = True
            return st.plain(st.CHARGING)
        held = self._sound
        if held[0] == st.AVAILABLE or held[0] == st.RESERVED:
            held = st.plain(st.PREPARING)
        if connector.ending:
            return held
        if not supply.plugged:
            return st.plain(st.SUSPENDED_EV, st.EV_SIDE_DISCONNECTED)
        blocked = connector.blocked
        if blocked is not None and not faults.is_warning(blocked):
            # Behind Faulted: when that is over, the state of before comes back (section 4.9, row I).
            return held
        if blocked is not None or supply.limit_da < MIN_DA or not supply.permitted:
            return st.plain(st.SUSPENDED_EVSE)
        if self._settling:
            if ticks_diff(now, self._settle_until) < 0:
                return held
            self._settling = False
        # The charger has its reasons: phases that change, a contactor that rests, a pilot that was shorted.
        return st.plain(st.SUSPENDED_EV if supply.offering else st.SUSPENDED_EVSE)
