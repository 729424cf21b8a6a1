# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The catalogue of faults, worst first: one row per fault, used by the connector, StatusNotification and the
simulator.

A set of faults is an integer here: bit n is row n of the catalogue (at most 30 rows: small integers of the
boards).
"""

# One row each: name, errorCode of OCPP 1.6 section 7.6, marks, `ends`, other names of the same thing.
#
# marks   B  blocking: no energy while it lasts, the contactor opens at once
#         L  latching: stays after its cause is gone, until a technician acknowledges it
# (`Supply.acknowledge`)
#         W  warning: OCPP reports the errorCode beside the status that there is; all others make it Faulted
# ends    reason of the StopTransaction that it imposes; -: the session may go on once it is over
# others  names of the MREC list (minimum required error codes), without their numbers
#
# What the list of errorCodes cannot say is OtherError, with our name as the vendorErrorCode. A short on the
# pilot or a car without diode is OtherError and not EVCommunicationError: that one "is not a real error" in
# the standard and may only stand beside Preparing, Suspended and Finishing, while with these the connector
# has to be shown as out of order. What a car merely asks amiss is EVCommunicationError.
#
# One text and not a tuple of tuples: 27 rows of objects are 4 KB on a board, the text is 1.5, and it is read
# when a fault comes or goes.
_CATALOGUE = """
EmergencyStop OtherError B EmergencyStop
RcdTrip GroundFailure BL Other
GroundFailure GroundFailure B Other
ContactorWelded PowerSwitchFailure BL Other EVSEContactorFault
ContactorStuckOpen PowerSwitchFailure BL Other
WaterIngress OtherError B Other
CutCable OtherError BL Other
EnclosureOpen OtherError B Other
PilotFault OtherError B -
DiodeFault OtherError B -
ProximityFault OtherError B - PartialInsertion
ConnectorLockFailure ConnectorLockFailure B - BrokenLatch
OverCurrent OverCurrentFailure B -
OverVoltage OverVoltage B - ConnectorVoltageHigh
UnderVoltage UnderVoltage B - BrownOut
PowerLoss OtherError B -
OverTemperature HighTemperature B -
CableOverTemp HighTemperature B - CableOverTempStop CableOverTempDerate
MeterFailure PowerMeterFailure B -
InvalidVehicleMode EVCommunicationError BW -
VentilationRequired EVCommunicationError BW - VentilationNotAvailable
InternalError InternalError B -
OtherError OtherError B - Tilt
ReaderFailure ReaderFailure W -
ResetFailure ResetFailure W -
WeakSignal WeakSignal W - CommunicationFault
LocalListConflict LocalListConflict W -
"""

_CODE = 0
_MARKS = 1
_ENDS = 2
_OTHERS = 3

# The row asked for last: a connector with a fault asks for the same one at every step.
_name = ""
_fields = []


def _row(name):
    global _name, _fields
    if name != _name:
        start = _CATALOGUE.find("\n" + name + " ")
        if start < 0:
            raise KeyError(name)
        start += len(name) + 2
        _fields = _CATALOGUE[start : _CATALOGUE.find("\n", start)].split(" ")
        _name = name
    return _fields


def names() -> list:
    """Every name of the catalogue, worst first."""
    return [line[: line.find(" ")] for line in _CATALOGUE.split("\n") if line]


def find(name: str) -> "str | None":
    """The catalogue name for a catalogue name, an OCPP errorCode (the worst row with it) or an MREC name
    (with or without its number); None for anything else."""
    if name[:4] == "MREC":
        name = name[4:].lstrip("0123456789")
    if name in names():
        return name
    for row in names():
        fields = _row(row)
        if fields[_CODE] == name or name in fields[_OTHERS:]:
            return row
    return None


def bit(name: str) -> int:
    """The bit of a catalogue name; KeyError for any other."""
    start = _CATALOGUE.find("\n" + name + " ")
    if start < 0:
        raise KeyError(name)
    return 1 << _CATALOGUE[:start].count("\n")


def mask(some) -> int:
    """The set as an integer of catalogue names; a name that is not in the catalogue counts as OtherError."""
    bits = 0
    for name in some:
        try:
            bits |= bit(name)
        except KeyError:
            bits |= bit("OtherError")
    return bits


def _marked(mark):
    bits = 0
    for name in names():
        if mark in _row(name)[_MARKS]:
            bits |= bit(name)
    return bits


BLOCKING_MASK = _marked("B")
LATCHING_MASK = _marked("L")


def listed(bits: int) -> tuple:
    """The catalogue names of a set, worst first."""
    found = []
    if bits:
        for name in names():
            if bits & 1:
                found.append(name)
            bits >>= 1
    return tuple(found)


def error_code(name: str) -> str:
    """The OCPP 1.6 errorCode of a fault of the catalogue."""
    return _row(name)[_CODE]


def vendor_error_code(name: str) -> str:
    """What goes into vendorErrorCode beside the errorCode: our own name, empty where the errorCode says it
    all."""
    return "" if _row(name)[_CODE] == name else name


def is_latching(name: str) -> bool:
    return "L" in _row(name)[_MARKS]


def is_blocking(name: str) -> bool:
    """No energy while it lasts."""
    return "B" in _row(name)[_MARKS]


def is_warning(name: str) -> bool:
    """OCPP reports the errorCode beside the status that there is; everything else makes the connector
    Faulted."""
    return "W" in _row(name)[_MARKS]


def ends(name: str) -> "str | None":
    """The reason of the StopTransaction that this fault imposes on a running transaction, None: it may
    wait."""
    reason = _row(name)[_ENDS]
    return None if reason == "-" else reason
