# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""What the tests without a CSMS share: configurations, and a look at what was said of transactions."""

from datetime import datetime

from bench.messages import Message, parse_utc
from host_tests.integration.post import Post

C6 = {"station": "xcharge_c6", "connectors": 2}
ANYBODY = {"AllowOfflineTxForUnknownId": True}
METERED = {"MeterValueSampleInterval": 1}


def said(post: Post) -> list[str]:
    return [message.action for message in post.transaction_messages()]


def moment(message: Message) -> datetime:
    return parse_utc(message.payload["timestamp"])


def near(message: Message, at: datetime, within_s: float = 1.5) -> bool:
    """Is this the time of which the message speaks?"""
    return abs((moment(message) - at).total_seconds()) < within_s
