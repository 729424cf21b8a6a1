# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The CSMS's answers to a charge point's CALLs: the `ocpp` library routes and validates, the books know.

The library hands over the payload's fields in snake case and turns the returned object into the answer. What
the books cannot keep (an exception of theirs) is answered with CALLERROR: the charge point must try again.
"""

import contextlib
import logging
from collections.abc import Iterator
from typing import Any

from ocpp.charge_point import snake_to_camel_case as camel
from ocpp.exceptions import PropertyConstraintViolationError
from ocpp.routing import on
from ocpp.v16 import ChargePoint, call_result
from ocpp.v16.enums import Action, DataTransferStatus, GenericStatus, RegistrationStatus

from bench.books import Books
from bench.messages import utc_text

# What the library logs stands in the station's log already.
_silent = logging.getLogger("bench.ocpp")
_silent.addHandler(logging.NullHandler())
_silent.propagate = False


def _dicts(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Entries as the standard spells them again: `sampledValue`, not `sampled_value`."""
    return [camel(entry) for entry in entries]  # pyright: ignore[reportReturnType]


@contextlib.contextmanager
def _as_it_can_be() -> Iterator[None]:
    """What can never be kept (a date that is none, a number without end) is the charge point's fault."""
    try:
        yield
    except (ValueError, OverflowError) as error:
        raise PropertyConstraintViolationError(str(error)) from error


class Handlers(ChargePoint):
    """Answers of one charge point's connection. `connection` needs `async send(text)` only."""

    def __init__(self, station_id: str, connection: Any, books: Books):
        super().__init__(station_id, connection, logger=_silent)
        self._books = books

    def _info(self, id_tag: str) -> Any:
        return self._books.id_tag_info(id_tag)

    @on(Action.boot_notification)
    def boot_notification(self, **fields: Any):
        self._books.booted(self.id, dict(camel(fields)))
        return call_result.BootNotification(
            current_time=utc_text(),
            interval=self._books.heartbeat_interval_s,
            status=RegistrationStatus.accepted,
        )

    @on(Action.heartbeat)
    def heartbeat(self):
        self._books.heartbeat(self.id)
        return call_result.Heartbeat(current_time=utc_text())

    @on(Action.authorize)
    def authorize(self, id_tag: str):
        return call_result.Authorize(id_tag_info=self._info(id_tag))

    @on(Action.status_notification)
    def status_notification(self, connector_id: int, **fields: Any):
        self._books.status(self.id, connector_id, dict(camel(fields)))
        return call_result.StatusNotification()

    @on(Action.start_transaction)
    def start_transaction(
        self,
        *,
        connector_id: int,
        id_tag: str,
        meter_start: int,
        timestamp: str,
        reservation_id: int | None = None,
    ):
        # A transaction is entered whatever the tag's status: the charge point has started it (errata 3.17).
        with _as_it_can_be():
            entry = self._books.start(
                station_id=self.id,
                connector=connector_id,
                tag=id_tag,
                meter_start_wh=meter_start,
                timestamp=timestamp,
                reservation=reservation_id,
            )
        return call_result.StartTransaction(transaction_id=entry.id, id_tag_info=self._info(id_tag))

    @on(Action.stop_transaction)
    def stop_transaction(
        self,
        *,
        meter_stop: int,
        timestamp: str,
        transaction_id: int,
        reason: str | None = None,
        id_tag: str | None = None,
        transaction_data: list[dict[str, Any]] | None = None,
    ):
        with _as_it_can_be():
            self._stop(meter_stop, timestamp, transaction_id, reason, id_tag, transaction_data or [])
        return call_result.StopTransaction(id_tag_info=self._info(id_tag) if id_tag else None)

    def _stop(
        self,
        meter_stop: int,
        timestamp: str,
        transaction_id: int,
        reason: str | None,
        id_tag: str | None,
        data: list[dict[str, Any]],
    ) -> None:
        self._books.stop(
            station_id=self.id,
            transaction_id=transaction_id,
            meter_stop_wh=meter_stop,
            timestamp=timestamp,
            tag=id_tag,
            reason=reason,
            data=_dicts(data),
        )

    @on(Action.meter_values)
    def meter_values(
        self, connector_id: int, meter_value: list[dict[str, Any]], transaction_id: int | None = None
    ):
        self._books.meter_values(self.id, connector_id, transaction_id, _dicts(meter_value))
        return call_result.MeterValues()

    @on(Action.data_transfer)
    def data_transfer(self, vendor_id: str, message_id: str | None = None, data: Any = None):
        known = vendor_id in self._books.data_transfer_vendors
        status = DataTransferStatus.accepted if known else DataTransferStatus.unknown_vendor_id
        return call_result.DataTransfer(status=status)

    @on(Action.diagnostics_status_notification)
    def diagnostics_status_notification(self, **_fields: Any):
        return call_result.DiagnosticsStatusNotification()

    @on(Action.firmware_status_notification)
    def firmware_status_notification(self, **_fields: Any):
        return call_result.FirmwareStatusNotification()

    @on(Action.log_status_notification)
    def log_status_notification(self, **_fields: Any):
        return call_result.LogStatusNotification()

    @on(Action.signed_firmware_status_notification)
    def signed_firmware_status_notification(self, **_fields: Any):
        return call_result.SignedFirmwareStatusNotification()

    @on(Action.security_event_notification)
    def security_event_notification(self, **fields: Any):
        self._books.security_event(self.id, dict(camel(fields)))
        return call_result.SecurityEventNotification()

    @on(Action.sign_certificate)
    def sign_certificate(self, csr: str):
        return call_result.SignCertificate(status=GenericStatus.rejected)  # no certificate authority here yet
