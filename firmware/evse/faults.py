# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The catalogue of faults, worst first: one row per fault, used by the connector, StatusNotification and the
simulator.

A set of faults is an integer here: bit n is row n of the catalogue (at most 30 rows: small integers of the
boards).
"""

# One row each: name, errorCode of OCPP 1.6 section 7.6, marks, `ends`, other names of the same thing | what
# the driver reads.
#
# marks   B  blocking: no energy while it lasts. The car is asked to stop (duty 100 %), and cut off after 6 s
#         O  dangerous: the contactor opens at once, under load if need be
#         L  latching: stays after its cause is gone, over a power cut too, until a technician acknowledges it
#            (`Supply.acknowledge`)
#         S  stays until the car is unplugged
#         W  warning: OCPP reports the errorCode beside the status that there is; all others make it Faulted
# ends    reason of the StopTransaction that it imposes; -: the session may go on once it is over
# others  names of the MREC list (minimum required error codes), without their numbers
#
# What the list of errorCodes cannot say is OtherError, with our name as the vendorErrorCode. A short on the
# pilot or a car without diode is OtherError and not EVCommunicationError: that one "is not a real error" in
# the standard and may only stand beside Preparing, Suspended and Finishing, while with these the connector
# has to be shown as out of order. What a car merely asks amiss is EVCommunicationError.
#
# At once opens what endangers somebody or destroys something now, and what asking cannot mend: a pilot that
# carries nothing, a car that draws more than it was told, a supply that dies. What can wait 6 s asks first.
#
# One text and not a tuple of tuples: 30 rows of objects are 5 KB on a board, the text lies in its flash, and
# it is read when a fault comes or goes.
_CATALOGUE = """
EmergencyStop OtherError BO EmergencyStop|Emergency stop: call the operator
RcdTrip GroundFailure BOL Other|Leakage current: unplug, call the operator
GroundFailure GroundFailure BO Other|No safe earth: unplug, call the operator
RcdSelfTest GroundFailure BL Other|Out of order: protection failed its test
ContactorWelded PowerSwitchFailure BOL Other EVSEContactorFault|Out of order: output may be live
ContactorStuckOpen PowerSwitchFailure BOL Other|Out of order: does not switch on
PhaseSwitchFailure PowerSwitchFailure BO -|Out of order: phase switch
WaterIngress OtherError BO Other|Out of order: water inside
CutCable OtherError BOL Other|Cable damaged: do not touch it
EnclosureOpen OtherError BO Other|Out of order: enclosure open
PilotFault OtherError BO -|Cable or car fault: unplug, try again
DiodeFault OtherError BOS -|Car fault: it cannot be charged safely
ProximityFault OtherError BO - PartialInsertion|Plug not recognised: push it home
ConnectorLockFailure ConnectorLockFailure BO - BrokenLatch|Plug not locked: push it home
OverCurrent OverCurrentFailure BOS -|The car draws too much: unplug it
OverVoltage OverVoltage BO - ConnectorVoltageHigh|Mains voltage too high: please wait
UnderVoltage UnderVoltage B - BrownOut|Mains voltage too low: please wait
PowerLoss OtherError BO -|Power failure
OverTemperature HighTemperature B -|Too hot: goes on when cooler
CableOverTemp HighTemperature B - CableOverTempStop CableOverTempDerate|Plug too hot: goes on when cooler
MeterFailure PowerMeterFailure B -|Out of order: meter
InvalidVehicleMode EVCommunicationError BW -|The car asks for what it cannot have
VentilationRequired EVCommunicationError BOSW - VentilationNotAvailable|The car needs a ventilated place
InternalError InternalError BO -|Out of order
OtherError OtherError BO - Tilt|Out of order
ReaderFailure ReaderFailure W -|Card reader out of order: use the app
ResetFailure ResetFailure W -|
WeakSignal WeakSignal W - CommunicationFault|
LocalListConflict LocalListConflict W -|
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
        _fields = _CATALOGUE[start : _CATALOGUE.find("|", start)].split(" ")
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
AT_ONCE_MASK = _marked("O")
LATCHING_MASK = _marked("L")
STICKY_MASK = _marked("S")


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


def opens_at_once(name: str) -> bool:
    """The contactor opens under load; with every other blocking fault the car is asked to stop first."""
    return "O" in _row(name)[_MARKS]


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


def other_names(name: str) -> list:
    """The names of the MREC list that lead here."""
    return _row(name)[_OTHERS:]


def driver_text(name: str) -> str:
    """What a display shows; empty: the driver need not care."""
    start = _CATALOGUE.find("\n" + name + " ")
    if start < 0:
        raise KeyError(name)
    start = _CATALOGUE.find("|", start) + 1
    return _CATALOGUE[start : _CATALOGUE.find("\n", start)]


def indication(name: str) -> "str | None":
    """What `hal.contract.Indicator` shows; None: what it would show without this fault."""
    return "fault" if is_blocking(name) else None
