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


def test_what_is_dangerous_opens_at_once():
    for name in (
        "EmergencyStop",
        "RcdTrip",
        "DiodeFault",
        "PilotFault",
        "ConnectorLockFailure",
        "ContactorWelded",
    ):
        assert faults.opens_at_once(name), name
    for name in ("OverTemperature", "MeterFailure", "UnderVoltage", "WeakSignal"):
        assert not faults.opens_at_once(name), name
    for name in faults.names():
        assert bool(faults.bit(name) & faults.AT_ONCE_MASK) == faults.opens_at_once(name)
        assert faults.is_blocking(name) or not (faults.opens_at_once(name) or faults.is_latching(name))


def test_the_driver_is_told_in_one_line():
    for name in faults.names():
        text = faults.driver_text(name)
        assert len(text) <= 42 and "|" not in text, name
        assert bool(text) or not faults.is_blocking(name), name
        assert faults.indication(name) == ("fault" if faults.is_blocking(name) else None)
    raises(KeyError, faults.driver_text, "NoError")


def test_the_page_says_what_the_catalogue_says():
    try:
        import os.path
    except ImportError:
        return  # the boards have no pages
    here = os.path.dirname(__file__)
    with open(here + "/../../docs/faults.md", encoding="utf-8") as page:
        rows = [line.strip() for line in page if line.startswith("| ")]
    for name in faults.names():
        assert _row(name) in rows, _row(name)
    assert len([row for row in rows if row.startswith("| `")]) == len(faults.names())


def _row(name):
    opens = "at once" if faults.opens_at_once(name) else "asks first" if faults.is_blocking(name) else "-"
    if faults.is_latching(name):
        clears = "acknowledged, its cause gone"
    elif faults.bit(name) & faults.STICKY_MASK:
        clears = "the car is unplugged"
    else:
        clears = "with its cause"
    cells = (
        "`%s`" % name,
        faults.error_code(name),
        faults.vendor_error_code(name) or "-",
        "beside" if faults.is_warning(name) else "Faulted",
        opens,
        clears,
        faults.ends(name) or "-",
        ", ".join(faults.other_names(name)) or "-",
        faults.driver_text(name) or "-",
        faults.indication(name) or "-",
    )
    return "| " + " | ".join(cells) + " |"
