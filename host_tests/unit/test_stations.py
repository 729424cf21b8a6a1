# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""boards/sim/*.json: every value that a certificate states, as the station has it at first boot."""

import json

from hal.sim.board import SimBoard
from station.configuration import Configuration
from station.description import Description

FOLDER = __file__.rsplit("/", 3)[0] + "/boards/sim/"
UNLIMITED = "2147483647"
ALL = (
    "Core",
    "FirmwareManagement",
    "LocalAuthListManagement",
    "SmartCharging",
    "RemoteTrigger",
    "Reservation",
)


class Shelf:
    """A settings file on an empty data directory."""

    damaged = False

    def load(self):
        return None

    def save(self, content):
        pass


class Station:
    def __init__(self, name):
        with open(FOLDER + name + ".json") as file:
            self.document = json.load(file)
        self.description = Description(self.document)
        self.board = SimBoard(self.document, None)
        self.configuration = Configuration(self.description, Shelf(), None, ALL + ("Security",))
        self.access = {}
        for key, readonly, _ in self.configuration.rows()[0]:
            self.access[key] = "R" if readonly else "RW"

    def check(self, wanted):
        for key, value in wanted:
            assert self.configuration.text(key) == value, (key, self.configuration.text(key), value)
            assert key in self.access, key

    def takes(self, key, text):
        return self.configuration.change(key, text) == "Accepted"


def test_loop_evs32a():
    station = Station("loop_evs32a")
    connector = station.board.connectors[0]
    description = station.description
    assert len(station.board.connectors) == 1 and connector.proximity is None and connector.lock is None
    assert (description.connectors[0].current, description.connectors[0].phases) == ("AC", 1)
    assert description.connectors[0].rated_da == 320
    assert station.board.tag_reader is not None and description.reader == "single"
    assert sorted(description.profiles) == sorted(ALL + ("Security",))
    assert description.option("cache") is True and description.option("power_loss") == "stop"
    sampled = (  # C-09.1
        "Current.Import", "Current.Offered", "Energy.Active.Import.Register", "Power.Active.Import",
        "Power.Offered", "Temperature", "Voltage",
    )  # fmt: skip
    aligned = sampled + ("Energy.Active.Import.Interval",)  # C-09.2
    assert sorted(description.measurands) == sorted(aligned)
    station.check(
        (
            ("GetConfigurationMaxKeys", "160"),  # ORS-1
            ("MeterValuesAlignedDataMaxLength", "8"),
            ("MeterValuesSampledDataMaxLength", "7"),
            ("StopTxnAlignedDataMaxLength", "7"),  # ORS-9
            ("StopTxnSampledDataMaxLength", "6"),
            ("WebSocketPingInterval", "120"),  # ORS-11
            ("LocalAuthListMaxLength", "1000"),
            ("SendLocalListMaxLength", "1000"),
            ("ChargeProfileMaxStackLevel", "99"),  # ORS-14
            ("ChargingScheduleMaxPeriods", "32"),
            ("MaxChargingProfilesInstalled", "10"),  # ORS-19
            ("SupportedFileTransferProtocols", "HTTP,FTP"),
            ("CertificateSignedMaxChainSize", "10"),
            ("CertificateStoreMaxLength", "10"),
            ("ChargingScheduleAllowedChargingRateUnit", "Current,Power"),  # SC-1
            ("ReserveConnectorZeroSupported", "true"),
            ("UnlockConnectorOnEVSideDisconnect", "false"),  # C-10.1 no, C-10.2 yes
            ("NumberOfConnectors", "1"),
        )
    )
    assert station.access["UnlockConnectorOnEVSideDisconnect"] == "R"
    assert station.access["StopTransactionOnEVSideDisconnect"] == "RW"  # C-06.1 and C-06.2
    for key in (
        "AllowOfflineTxForUnknownId",
        "MaxEnergyOnInvalidId",
        "AuthorizationCacheEnabled",
        "MinimumStatusDuration",
    ):
        assert station.access[key] == "RW"  # C-02 to C-05
    assert station.takes("MeterValuesSampledData", ",".join(sampled))
    assert station.takes("MeterValuesAlignedData", ",".join(aligned))
    assert not station.takes("MeterValuesSampledData", ",".join(aligned))
    for key in ("MeterValueSampleInterval", "HeartbeatInterval"):  # ORS-4 to ORS-7
        assert station.takes(key, "0") and station.takes(key, "86400") and not station.takes(key, "86401")


def test_ecarplug_ac():
    station = Station("ecarplug_ac")
    description = station.description
    assert len(station.board.connectors) == 1 and station.board.connectors[0].proximity is None
    assert description.connectors[0].current == "AC" and description.reader == "single"
    assert sorted(description.profiles) == sorted(ALL)  # no security extension
    assert description.measurands == ("Energy.Active.Import.Register",)
    assert description.option("cache") is True and description.option("milliseconds") is True
    station.check(
        (
            ("AllowOfflineTxForUnknownId", "true"),
            ("AuthorizationCacheEnabled", "false"),
            ("AuthorizeRemoteTxRequests", "true"),
            ("BlinkRepeat", "5"),
            ("ClockAlignedDataInterval", "60"),
            ("ConnectionTimeOut", "60"),
            ("ConnectorPhaseRotation", "RST"),
            ("ConnectorPhaseRotationMaxLength", "1"),
            ("ConnectorSwitch3to1PhaseSupported", "false"),
            ("HeartbeatInterval", "10"),
            ("LightIntensity", "10"),
            ("LocalAuthListEnabled", "true"),
            ("LocalAuthorizeOffline", "true"),
            ("LocalPreAuthorize", "false"),
            ("MaxEnergyOnInvalidId", "0"),
            ("MessageTimeout", "300"),
            ("MeterValueSampleInterval", "10"),
            ("MinimumStatusDuration", "0"),
            ("ResetRetries", "3"),
            ("ReserveConnectorZeroSupported", "false"),
            ("StopTransactionOnEVSideDisconnect", "true"),
            ("StopTransactionOnInvalidId", "true"),
            ("SupportedFeatureProfilesMaxLength", "6"),
            ("TransactionMessageAttempts", "3"),
            ("TransactionMessageRetryInterval", "60"),
            ("UnlockConnectorOnEVSideDisconnect", "false"),
            ("NumberOfConnectors", "1"),
            ("MeterValuesSampledData", "Energy.Active.Import.Register"),  # C-09
            ("MeterValuesAlignedData", "Energy.Active.Import.Register"),
            ("GetConfigurationMaxKeys", "50"),  # ORS
            ("MeterValuesAlignedDataMaxLength", "10"),
            ("MeterValuesSampledDataMaxLength", "1"),
            ("StopTransactionMaxMeterValues", "0"),
            ("StopTxnAlignedDataMaxLength", "0"),
            ("StopTxnSampledDataMaxLength", "0"),
            ("WebSocketPingInterval", "0"),
            ("LocalAuthListMaxLength", "0"),
            ("SendLocalListMaxLength", "0"),
            ("ChargeProfileMaxStackLevel", "3"),
            ("ChargingScheduleMaxPeriods", "16"),
            ("MaxChargingProfilesInstalled", "24"),
            ("ChargingScheduleAllowedChargingRateUnit", "Current"),
            ("SupportedFileTransferProtocols", "HTTP,HTTPS"),
        )
    )


def test_xcharge_c6():
    station = Station("xcharge_c6")
    description = station.description
    assert len(station.board.connectors) == 2 and description.reader == "single"
    for connector, hardware in zip(description.connectors, station.board.connectors):
        assert (connector.current, connector.cable, connector.phases) == ("DC", "fixed", 1)
        assert hardware.dc and hardware.proximity is None
    assert sorted(description.profiles) == sorted(ALL + ("Security",))
    assert description.option("cache") is True and description.option("power_loss") == "stop"
    sampled = (  # C-09.1
        "Current.Export", "Current.Import", "Current.Offered", "Energy.Active.Export.Register",
        "Energy.Active.Import.Register", "Energy.Reactive.Export.Register", "Energy.Reactive.Import.Register",
        "Power.Active.Import", "SoC", "Voltage", "Power.Offered", "Temperature",
    )  # fmt: skip
    assert sorted(description.measurands) == sorted(sampled)
    station.check(
        (
            ("GetConfigurationMaxKeys", "60"),
            ("MeterValuesAlignedData", "Energy.Active.Import.Register"),  # C-09.2
            ("MeterValuesAlignedDataMaxLength", UNLIMITED),
            ("MeterValuesSampledDataMaxLength", UNLIMITED),
            ("StopTransactionMaxMeterValues", UNLIMITED),
            ("StopTxnAlignedDataMaxLength", UNLIMITED),
            ("StopTxnSampledDataMaxLength", UNLIMITED),
            ("WebSocketPingInterval", "60"),
            ("LocalAuthListMaxLength", "50"),
            ("SendLocalListMaxLength", "50"),
            ("ChargeProfileMaxStackLevel", "3"),
            ("SupportedFileTransferProtocols", "HTTP,HTTPS,FTP,FTPS"),
            ("ChargingScheduleAllowedChargingRateUnit", "Current,Power"),
            ("ReserveConnectorZeroSupported", "false"),  # R-1 no
            ("StopTransactionOnEVSideDisconnect", "true"),  # C-06.1 no, C-06.2 yes
            ("NumberOfConnectors", "2"),
        )
    )
    assert station.access["StopTransactionOnEVSideDisconnect"] == "R"
    assert "MinimumStatusDuration" not in station.access  # C-05 no
    assert station.takes("MeterValuesSampledData", ",".join(sampled))
    for key in ("MeterValueSampleInterval", "HeartbeatInterval"):
        assert station.takes(key, "0")


def test_generic_socket():
    station = Station("generic_socket")
    connector = station.description.connectors[0]
    hardware = station.board.connectors[0]
    assert (connector.cable, connector.lock, connector.phases, connector.rated_da) == ("socket", True, 3, 320)
    assert hardware.lock is not None and hardware.proximity is not None and hardware.cable_ohm == 220
    assert station.access["UnlockConnectorOnEVSideDisconnect"] == "RW"
    assert len(station.board.connectors) == 1
