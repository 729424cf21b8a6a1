# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The catalogue of faults, worst first: one row per fault, used by the connector, StatusNotification and the simulator.

A set of faults is an integer here: bit n is row n of the catalogue (at most 30 rows: small integers of the boards).
"""

LATCHING = 1  # stays after its cause is gone, until a technician acknowledges it (`Supply.acknowledge`)
BLOCKING = 2  # no energy while it lasts: the contactor opens at once
WARNING = 4  # OCPP 1.6 reports it beside a status other than Faulted (section 7.6, errata 3.x: status keeps its value)

# The errorCodes are those of OCPP 1.6 section 7.6. What that list cannot say is OtherError with our name of it as the
# vendorErrorCode. A short on the pilot or a car without diode is OtherError, not EVCommunicationError: that one "is not
# a real error" in the standard and may only stand beside Preparing, Suspended and Finishing, while with these the
# connector has to be shown as out of order. What a car merely asks amiss (ventilation) is EVCommunicationError.
#
# name, errorCode, flags, `ends` (reason of the StopTransaction that it imposes, None: the session may go on once it is
# over), names of the MREC list (minimum required error codes; the numbers are its own) for the same thing
_CATALOGUE = (
    ("EmergencyStop", "OtherError", BLOCKING, "EmergencyStop", "MREC8EmergencyStop"),
    ("RcdTrip", "GroundFailure", BLOCKING | LATCHING, "Other", ""),
    ("GroundFailure", "GroundFailure", BLOCKING, "Other", "MREC2GroundFailure"),
    ("ContactorWelded", "PowerSwitchFailure", BLOCKING | LATCHING, "Other", "MREC17EVSEContactorFault"),
    ("ContactorStuckOpen", "PowerSwitchFailure", BLOCKING | LATCHING, "Other", ""),
    ("WaterIngress", "OtherError", BLOCKING, "Other", ""),
    ("CutCable", "OtherError", BLOCKING | LATCHING, "Other", "MREC26CutCable"),
    ("EnclosureOpen", "OtherError", BLOCKING, "Other", ""),
    ("PilotFault", "OtherError", BLOCKING, None, "MREC14PilotFault"),
    ("DiodeFault", "OtherError", BLOCKING, None, ""),
    ("ProximityFault", "OtherError", BLOCKING, None, "MREC23ProximityFault PartialInsertion MREC20PartialInsertion"),
    ("ConnectorLockFailure", "ConnectorLockFailure", BLOCKING, None, "MREC1ConnectorLockFailure MREC25BrokenLatch"),
    ("OverCurrent", "OverCurrentFailure", BLOCKING, None, "MREC4OverCurrent MREC4OverCurrentFailure"),
    ("OverVoltage", "OverVoltage", BLOCKING, None, "MREC5OverVoltage"),
    ("UnderVoltage", "UnderVoltage", BLOCKING, None, "MREC6UnderVoltage BrownOut"),
    ("PowerLoss", "OtherError", BLOCKING, None, "MREC15PowerLoss"),
    ("OverTemperature", "HighTemperature", BLOCKING, None, "MREC3HighTemperature"),
    ("CableOverTemp", "HighTemperature", BLOCKING, None, "CableOverTempStop MREC19CableOverTempStop"),
    ("MeterFailure", "PowerMeterFailure", BLOCKING, None, ""),
    ("VentilationRequired", "EVCommunicationError", BLOCKING | WARNING, None, "VentilationNotAvailable"),
    ("InvalidVehicleMode", "EVCommunicationError", BLOCKING | WARNING, None, "MREC10InvalidVehicleMode"),
    ("InternalError", "InternalError", BLOCKING, None, ""),
    ("OtherError", "OtherError", BLOCKING, None, "Tilt"),
    ("ReaderFailure", "ReaderFailure", WARNING, None, ""),
    ("ResetFailure", "ResetFailure", WARNING, None, ""),
    ("WeakSignal", "WeakSignal", WARNING, None, "MREC7WeakSignal CommunicationFault"),
    ("LocalListConflict", "LocalListConflict", WARNING, None, ""),
)

# Where several rows share an errorCode, a look-up by errorCode means the plain one of them.
_PLAIN = (
    ("HighTemperature", "OverTemperature"),
    ("PowerSwitchFailure", "ContactorWelded"),
    ("PowerMeterFailure", "MeterFailure"),
    ("OverCurrentFailure", "OverCurrent"),
    ("EVCommunicationError", "InvalidVehicleMode"),
)

# What forbids energy, what stays: the masks, made once.
BLOCKING_MASK = 0
LATCHING_MASK = 0
for _index in range(len(_CATALOGUE)):
    if _CATALOGUE[_index][2] & BLOCKING:
        BLOCKING_MASK |= 1 << _index
    if _CATALOGUE[_index][2] & LATCHING:
        LATCHING_MASK |= 1 << _index


def names() -> list:
    """Every name of the catalogue, worst first."""
    return [row[0] for row in _CATALOGUE]


def find(name: str) -> "str | None":
    """The catalogue name for a catalogue name, an OCPP errorCode or an MREC name (with or without its number)."""
    for row in _CATALOGUE:
        if row[0] == name:
            return name
    for code, plain in _PLAIN:
        if code == name:
            return plain
    if name:
        for row in _CATALOGUE:
            for other in row[4].split():
                if other == name or (other[:4] == "MREC" and other[4:].lstrip("0123456789") == name):
                    return row[0]
    return None


def bit(name: str) -> int:
    """The bit of a catalogue name; KeyError for any other."""
    for index in range(len(_CATALOGUE)):
        if _CATALOGUE[index][0] == name:
            return 1 << index
    raise KeyError(name)


def mask(some) -> int:
    """The set as an integer of catalogue names; a name that is not in the catalogue counts as OtherError."""
    bits = 0
    for name in some:
        try:
            bits |= bit(name)
        except KeyError:
            bits |= bit("OtherError")
    return bits


def listed(bits: int) -> tuple:
    """The catalogue names of a set, worst first."""
    return tuple([_CATALOGUE[index][0] for index in range(len(_CATALOGUE)) if bits & (1 << index)])


def _row(name):
    for row in _CATALOGUE:
        if row[0] == name:
            return row
    raise KeyError(name)


def error_code(name: str) -> str:
    """The OCPP 1.6 errorCode of a fault of the catalogue."""
    return _row(name)[1]


def vendor_error_code(name: str) -> str:
    """What goes into vendorErrorCode beside the errorCode: our own name, empty where the errorCode says it all."""
    row = _row(name)
    return "" if row[0] == row[1] else row[0]


def is_latching(name: str) -> bool:
    return bool(_row(name)[2] & LATCHING)


def is_blocking(name: str) -> bool:
    """No energy while it lasts."""
    return bool(_row(name)[2] & BLOCKING)


def is_warning(name: str) -> bool:
    """OCPP reports the errorCode beside the status that there is; everything else makes the connector Faulted."""
    return bool(_row(name)[2] & WARNING)


def ends(name: str) -> "str | None":
    """The reason of the StopTransaction that this fault imposes on a running transaction, None: it may wait."""
    return _row(name)[3]
