# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""From the station's words to OCPP 1.6 payloads and back. Pure. The messages that wait in the outbox are made
in `ocpp16.queued`.
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


def meter_values(number, time_text, values):
    """`values`: SampledValues of one moment; the outbox adds the transactionId where there is one."""
    return {"connectorId": number, "meterValue": [meter_value(time_text, values)]}


def meter_value(time_text, values):
    return {"timestamp": time_text, "sampledValue": values}


def time_text(stamp, clock, milliseconds):
    """The time of a stamp (see `station.clock`) as the wire wants it."""
    utc_ms = clock.resolve(stamp)
    if utc_ms is None:
        # The CSMS accepted us and told no time that can be read; the schema wants one all the same.
        utc_ms = clock.floor_utc_ms
    return clock.text(utc_ms, milliseconds)


def id_tag_info(payload, clock, strict=False):
    """`idTagInfo` of a .conf as IdTagInfo; None when there is none. A date that nobody can read limits
    nothing; `strict`: ValueError."""
    info = payload.get("idTagInfo")
    if info is None:
        return None
    expiry = None
    if "expiryDate" in info:
        try:
            # Year 9999 means never, year 1 means long ago: both are beyond what the clock counts.
            expiry = clock.parse(info["expiryDate"], True)
        except ValueError:
            if strict:
                raise
    return IdTagInfo(info["status"], expiry, info.get("parentIdTag"))
