# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""What no message of a charge point may say, whatever the case is about."""

import re
from datetime import datetime

from bench.books import Books
from bench.messages import Message, parse_utc

# OCPP-J 1.6, 3.2 and errata 3.10: ISO 8601 with a zone, as RFC 3339 has it.
_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
# The clock comes from the CSMS, over the network; a timestamp may be of whole seconds.
_CLOCK_S = 5


def objection(message: Message, began: datetime, books: Books) -> str | None:
    """`began`: the case, before which nothing has happened that it hears of. None: nothing is wrong."""
    timestamp = message.payload.get("timestamp")
    if isinstance(timestamp, str):
        if not _RFC_3339.fullmatch(timestamp):
            return f"{timestamp} is no date and time as RFC 3339 has them, with a zone"
        moment = parse_utc(timestamp)
        early_s, late_s = (began - moment).total_seconds(), (moment - message.at).total_seconds()
        # The time of a status is that since when it is (6.47): asked for, it may be told hours later.
        if early_s > _CLOCK_S and message.action != "StatusNotification":
            return f"{timestamp} is {early_s:.0f} s before the case"
        if late_s > _CLOCK_S:
            return f"{timestamp} is to come, in {late_s:.0f} s"
    if message.action == "StopTransaction":
        entry = books.transactions.get(message.payload.get("transactionId", 0))
        if entry is not None and message.payload.get("meterStop", 0) < entry.meter_start_wh:
            return f"meterStop is below meterStart, which was {entry.meter_start_wh}"
    return None
