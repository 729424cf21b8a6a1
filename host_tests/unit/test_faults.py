# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""evse.faults: the catalogue and the ways into it."""

from evse import faults
from host_tests.unit.expect import raises

# OCPP 1.6 section 7.6, without NoError.
ERROR_CODES = (
    "ConnectorLockFailure",
    "EVCommunicationError",
    "GroundFailure",
    "HighTemperature",
    "InternalError",
    "LocalListConflict",
    "OtherError",
    "OverCurrentFailure",
    "OverVoltage",
    "PowerMeterFailure",
    "PowerSwitchFailure",
    "ReaderFailure",
    "ResetFailure",
    "UnderVoltage",
    "WeakSignal",
)

# StopTransaction.req reasons, OCPP 1.6 section 7.35.
REASONS = (
    "DeAuthorized",
    "EmergencyStop",
    "EVDisconnected",
    "HardReset",
    "Local",
    "Other",
    "PowerLoss",
    "Reboot",
    "Remote",
    "SoftReset",
    "UnlockCommand",
)

# facts/iec61851.md section 6.3: names of EVerest's board support, and what of ours each is.
MREC = (
    ("DiodeFault", "DiodeFault"),
    ("VentilationNotAvailable", "VentilationRequired"),
    ("BrownOut", "UnderVoltage"),
    ("GroundFailure", "GroundFailure"),
    ("HighTemperature", "OverTemperature"),
    ("OverCurrent", "OverCurrent"),
    ("OverVoltage", "OverVoltage"),
    ("UnderVoltage", "UnderVoltage"),
    ("EmergencyStop", "EmergencyStop"),
    ("InvalidVehicleMode", "InvalidVehicleMode"),
    ("PilotFault", "PilotFault"),
    ("PowerLoss", "PowerLoss"),
    ("EVSEContactorFault", "ContactorWelded"),
    ("CableOverTemp", "CableOverTemp"),
    ("PartialInsertion", "ProximityFault"),
    ("ProximityFault", "ProximityFault"),
    ("BrokenLatch", "ConnectorLockFailure"),
    ("CutCable", "CutCable"),
    ("Tilt", "OtherError"),
    ("WaterIngress", "WaterIngress"),
    ("EnclosureOpen", "EnclosureOpen"),
    ("CommunicationFault", "WeakSignal"),
)


def test_every_row_is_whole_and_speaks_ocpp():
    names = faults.names()
    assert len(names) == len(set(names)) <= 30
    for name in names:
        assert faults.error_code(name) in ERROR_CODES, name
        assert faults.ends(name) is None or faults.ends(name) in REASONS, name
        assert faults.is_blocking(name) or faults.is_warning(name), name
        assert len(faults.vendor_error_code(name)) <= 50


def test_every_error_code_leads_to_a_row_that_has_it():
    for code in ERROR_CODES:
        assert faults.error_code(faults.find(code)) == code


def test_mrec_names_with_and_without_number():
    for name, ours in MREC:
        assert faults.find(name) == ours, name
    assert faults.find("MREC2GroundFailure") == "GroundFailure"
    assert faults.find("MREC17EVSEContactorFault") == "ContactorWelded"
    assert faults.find("MREC3HighTemperature") == "OverTemperature"


def test_unknown_names():
    for name in (
        "",
        "MREC",
        "MREC8",
        "NoError",
        "groundfailure",
        "B",
        "BL",
        "-",
        "Other",
        "EmergencyStop OtherError",
    ):
        assert faults.find(name) is None, name
    raises(KeyError, faults.bit, "NoError")
    raises(KeyError, faults.error_code, "NoError")


def test_what_a_driver_and_an_operator_need_of_the_common_ones():
    assert faults.error_code("ContactorWelded") == "PowerSwitchFailure" and faults.is_latching(
        "ContactorWelded"
    )
    assert faults.error_code("OverTemperature") == "HighTemperature" and not faults.is_latching(
        "OverTemperature"
    )
    assert faults.error_code("RcdTrip") == "GroundFailure" and faults.is_latching("RcdTrip")
    assert faults.error_code("MeterFailure") == "PowerMeterFailure"
    assert faults.ends("EmergencyStop") == "EmergencyStop"
    assert faults.vendor_error_code("DiodeFault") == "DiodeFault"
    assert faults.vendor_error_code("GroundFailure") == ""


def test_what_may_not_stand_beside_faulted_is_a_warning():
    # OCPP 1.6 section 7.6: EVCommunicationError only beside Preparing, SuspendedEV, SuspendedEVSE and
    # Finishing.
    for name in faults.names():
        if faults.error_code(name) == "EVCommunicationError":
            assert faults.is_warning(name), name


def test_sets():
    bits = faults.mask(("WeakSignal", "RcdTrip"))
    assert faults.listed(bits) == ("RcdTrip", "WeakSignal")  # worst first
    assert bits & faults.BLOCKING_MASK == faults.bit("RcdTrip")
    assert bits & faults.LATCHING_MASK == faults.bit("RcdTrip")
    assert faults.listed(0) == () and faults.mask(()) == 0
    assert faults.listed(faults.mask(("SomethingNew",))) == ("OtherError",)


def test_masks_and_rows_agree():
    for name in faults.names():
        assert bool(faults.bit(name) & faults.BLOCKING_MASK) == faults.is_blocking(name)
        assert bool(faults.bit(name) & faults.LATCHING_MASK) == faults.is_latching(name)
        assert faults.listed(faults.bit(name)) == (name,)
