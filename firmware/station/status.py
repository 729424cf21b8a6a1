# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Connector status by OCPP 1.6 section 4.9: what it is (pure) and when it is told (MinimumStatusDuration)."""

from evse import faults
from hal.ticks import ticks_diff

AVAILABLE = "Available"
PREPARING = "Preparing"
CHARGING = "Charging"
SUSPENDED_EVSE = "SuspendedEVSE"
SUSPENDED_EV = "SuspendedEV"
FINISHING = "Finishing"
RESERVED = "Reserved"
UNAVAILABLE = "Unavailable"
FAULTED = "Faulted"

NO_ERROR = "NoError"
# Section 4.9: the text a CSMS is told when the cable was pulled at the car and the transaction goes on.
EV_SIDE_DISCONNECTED = "EV side disconnected"


def plain(status, info=None):
    """A report without an error: (status, errorCode, info, vendorErrorCode)."""
    return (status, NO_ERROR, info, None)


def faulted(fault):
    """The report of a fault of `evse.faults` that takes the connector out of service."""
    return (FAULTED, faults.error_code(fault), fault, faults.vendor_error_code(fault) or None)


# Section 4.9: what it says of the car may stand beside these only.
_CAR_ERROR = "EVCommunicationError"
_BESIDE_CAR_ERROR = (PREPARING, SUSPENDED_EV, SUSPENDED_EVSE, FINISHING)


def warned(report, fault):
    """`report` with a fault beside it that does not change the status (section 7.6)."""
    if faults.error_code(fault) == _CAR_ERROR and report[0] not in _BESIDE_CAR_ERROR:
        return report
    return (report[0], faults.error_code(fault), report[2] or fault, faults.vendor_error_code(fault) or None)


def list_conflict(report, text):
    """`report` of connector 0 with what is told once of a conflict with the local list (section 3.5.2)."""
    return (report[0], "LocalListConflict", text, None)


class StatusReporter:
    """Holds a status back until it has lasted MinimumStatusDuration; states that did not last are never told.

    Faults are not special (section 4.9). `update` returns (report, stamp) when something is to be told now,
    else None; the stamp is the moment of the change, not of the report.
    """

    def __init__(self):
        self.current = None  # what it is
        self.told = None  # what was reported last
        self._since_ticks = 0
        self._stamp = None

    def update(self, report, now, stamp, minimum_ms):
        if report != self.current:
            self.current = report
            self._since_ticks = now
            self._stamp = stamp
        if report == self.told:
            return None
        # The first report after boot has nothing to be compared with and waits for nothing.
        if self.told is not None and ticks_diff(now, self._since_ticks) < minimum_ms:
            return None
        self.told = report
        return (report, self._stamp)

    @property
    def stamp(self):
        """When the current status began."""
        return self._stamp
