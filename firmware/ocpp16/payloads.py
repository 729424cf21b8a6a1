# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""From the station's words to OCPP 1.6 payloads and back. Pure.

Timestamps of queued messages stay stamps (see `station.clock`) until they are sent: an event before the
first time sync gets its time when the time is known.
"""

from station.authorization import IdTagInfo

# CiString limits of the schemas, so that a long model name never makes a message invalid.
_BOOT_LIMITS = (
    ("chargePointVendor", 20),
    ("chargePointModel", 20),
    ("chargePointSerialNumber", 25),
    ("chargeBoxSerialNumber", 25),
    ("firmwareVersion", 50),
    ("iccid", 20),
    ("imsi", 20),
    ("meterType", 25),
    ("meterSerialNumber", 25),
)


def boot_notification(info):
    """`info`: dict with the names of BootNotification.req; others are left out, texts cut to the schema's
    length.
    """
    payload = {}
    for name, limit in _BOOT_LIMITS:
        value = info.get(name)
        if value:
            payload[name] = str(value)[:limit]
    return payload


def status_notification(number, report, time_text):
    status, error_code, info, vendor_error_code = report
    payload = {"connectorId": number, "status": status, "errorCode": error_code}
    if time_text is not None:
        payload["timestamp"] = time_text
    if info:
        payload["info"] = info[:50]
    if vendor_error_code:
        payload["vendorErrorCode"] = vendor_error_code[:50]
    return payload


def start_transaction(transaction):
    payload = {
        "connectorId": transaction.connector,
        "idTag": transaction.id_tag,
        "meterStart": transaction.meter_start_wh,
        "timestamp": transaction.started,
    }
    if transaction.reservation_id is not None:
        payload["reservationId"] = transaction.reservation_id
    return payload


def stop_transaction(transaction, reason, tag, stamp, data):
    """`data`: list of (stamp, sampled values). The reason is always said: some CSMSs cannot do without."""
    payload = {"meterStop": transaction.meter_last_wh, "timestamp": stamp, "reason": reason}
    if tag is not None:
        payload["idTag"] = tag
    if data:
        payload["transactionData"] = [meter_value(at, values) for at, values in data]
    return payload


def meter_values(number, stamp, values):
    return {"connectorId": number, "meterValue": [meter_value(stamp, values)]}


def meter_value(stamp, values):
    return {"timestamp": stamp, "sampledValue": values}


def with_times(payload, clock, milliseconds):
    """A copy of a queued payload, every stamp in it turned into the text that the wire wants. The original
    stays as it is: the message may have to be sent again, with the time known better.
    """
    payload = dict(payload)
    if "timestamp" in payload:
        payload["timestamp"] = _time_text(payload["timestamp"], clock, milliseconds)
    for name in ("meterValue", "transactionData"):
        if name in payload:
            payload[name] = [
                meter_value(_time_text(value["timestamp"], clock, milliseconds), value["sampledValue"])
                for value in payload[name]
            ]
    return payload


def _time_text(stamp, clock, milliseconds):
    utc_ms = clock.resolve(stamp)
    if utc_ms is None:
        # The CSMS accepted us and told no time that can be read; the schema wants one all the same.
        utc_ms = clock.floor_utc_ms
    return clock.text(utc_ms, milliseconds)


def id_tag_info(payload, clock):
    """`idTagInfo` of a .conf as IdTagInfo; None when there is none."""
    info = payload.get("idTagInfo")
    if info is None:
        return None
    expiry = None
    if "expiryDate" in info:
        try:
            # Year 9999 means never, year 1 means long ago: both are beyond what the clock counts.
            expiry = clock.parse(info["expiryDate"], True)
        except ValueError:
            expiry = None  # a date that nobody can read limits nothing
    return IdTagInfo(info["status"], expiry, info.get("parentIdTag"))
