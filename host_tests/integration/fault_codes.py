# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""What errorCode a fault of the catalogue has (section 7.6), written down beside the firmware's own table."""

from host_tests.integration.case import Expected, status

FAULTS = {
    "EmergencyStop": "OtherError",
    "RcdTrip": "GroundFailure",
    "GroundFailure": "GroundFailure",
    "RcdSelfTest": "GroundFailure",
    "PhaseSwitchFailure": "PowerSwitchFailure",
    "ContactorWelded": "PowerSwitchFailure",
    "ContactorStuckOpen": "PowerSwitchFailure",
    "WaterIngress": "OtherError",
    "CutCable": "OtherError",
    "EnclosureOpen": "OtherError",
    "PilotFault": "OtherError",
    "ConnectorLockFailure": "ConnectorLockFailure",
    "OverCurrent": "OverCurrentFailure",
    "OverVoltage": "OverVoltage",
    "UnderVoltage": "UnderVoltage",
    "PowerLoss": "OtherError",
    "OverTemperature": "HighTemperature",
    "CableOverTemp": "HighTemperature",
    "MeterFailure": "PowerMeterFailure",
    "InternalError": "InternalError",
    "OtherError": "OtherError",
}
WARNINGS = {
    "InvalidVehicleMode": "EVCommunicationError",
    "VentilationRequired": "EVCommunicationError",
    "ReaderFailure": "ReaderFailure",
    "ResetFailure": "ResetFailure",
    "WeakSignal": "WeakSignal",
    "LocalListConflict": "LocalListConflict",
}


def told(state: str, fault: str, connector: int = 1) -> Expected:
    """`state` with this fault: its errorCode, and our own name for it where the errorCode does not say it."""
    code = {**FAULTS, **WARNINGS, "DiodeFault": "OtherError", "ProximityFault": "OtherError"}[fault]
    more = {"info": fault} if code == fault else {"info": fault, "vendorErrorCode": fault}
    return status(state, connector, code, **more)
