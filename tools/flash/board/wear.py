# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The life of a charger, counted: flash.wear runs this under MicroPython, once for each geometry.

    micropython tools/flash/board/wear.py GEOMETRY DAYS

The last line is a JSON object of plain counts: sums, not averages. A count is [operations, erases, programmed
bytes].
"""

import json
import sys

from flash.board import device as chip
from flash.board.site import BLOCKS, MOUNT, Site
from flash.board.trace import Trace

_HOUR_MS = 3600000
_DAY_MS = 24 * _HOUR_MS
_A_DAY = 10  # transactions
# What is not part of the life is measured on so many transactions at most, on the flash as the life left it.
_SAMPLES = 30
# Drivers who come again and again, each every second day: their cache entries are refreshed once a week.
_REGULARS = 18


class Count:
    """Operations, erases and programmed bytes of `device`, summed from each on() to its off()."""

    def __init__(self, device):
        self.total = [0, 0, 0]
        self._device = device
        self._from = (0, 0, 0)

    def _now(self):
        device = self._device
        return (device.operations, device.erases, device.programmed_bytes)

    def on(self):
        self._from = self._now()

    def off(self):
        for index, value in enumerate(self._now()):
            self.total[index] += value - self._from[index]


class Life:
    def __init__(self, geometry):
        self.site = Site(geometry, {})
        self.device = self.site.device
        self.trace = Trace(self.device, MOUNT)
        self.trace.install()
        self.transactions = 0
        self.messages = 0
        self.meter_values = 0
        self._regular = 0
        self.site.on_message = self._message

    def _message(self, action, payload):
        self.messages += 1
        self.meter_values += action == "MeterValues"

    def transaction(self, tag, charging=None):
        """From the plug to the next free connector; one hour of charging, counted in `charging` too."""
        site = self.site
        site.begin(tag)
        if not site.charging:
            raise RuntimeError("no transaction for " + tag)
        if charging is not None:
            charging.on()
        site.wait(_HOUR_MS)
        if charging is not None:
            charging.off()
        site.end(tag)
        self.transactions += 1

    def regular(self):
        self._regular = (self._regular + 1) % _REGULARS
        return "04A1B2%08X" % self._regular

    def day(self, number, ordinary, charging):
        """A boot, ten transactions of an hour, one of them of somebody who was never here, and quiet hours.

        The boot comes first: the station is switched off and on again at midnight.
        """
        site = self.site
        site.boot()
        quiet_ms = (_DAY_MS - _A_DAY * _HOUR_MS) // _A_DAY
        for index in range(_A_DAY):
            if index == 0:
                self.transaction("04FFFF%08X" % number)
            else:
                ordinary.on()
                self.transaction(self.regular(), charging)
                ordinary.off()
            site.wait(quiet_ms)


def _sampled(life, number, prepare):
    """Counts of `number` transactions, `prepare()` before each; all are delivered at the end."""
    count = Count(life.device)
    messages = life.messages
    count.on()
    for _ in range(number):
        prepare()
        life.transaction(life.regular())
    life.site.link(True)
    count.off()
    return {"transactions": number, "messages": life.messages - messages, "count": count.total}


def measure(geometry, days):
    life = Life(geometry)
    site = life.site
    ordinary = Count(life.device)
    charging = Count(life.device)
    whole = Count(life.device)
    whole.on()
    for number in range(days):
        # The files' shares are shown for the last tenth, on flash that has been used for a while.
        if number == days - max(1, days // 10):
            life.trace.reset()
            share_from = Count(life.device)
            share_from.on()
            share_transactions = life.transactions
        life.day(number, ordinary, charging)
    whole.off()
    share_from.off()
    blocks = life.device.block_erases
    result = {
        "geometry": geometry,
        "prog_bytes": chip.PROG_BYTES[geometry],
        "blocks": BLOCKS,
        "days": days,
        "transactions": life.transactions,
        "a_day": _A_DAY,
        "messages": life.messages,
        "life": whole.total,
        "worst_erases": max(blocks),
        "blocks_used": len([erases for erases in blocks if erases]),
        "ordinary": {
            "transactions": days * (_A_DAY - 1),
            "meter_values": life.meter_values // life.transactions * days * (_A_DAY - 1),
            "count": ordinary.total,
        },
        "charging": charging.total,
        "files": {name: list(row) for name, row in life.trace.rows.items()},
        "files_total": share_from.total,
        "files_transactions": life.transactions - share_transactions,
    }
    samples = min(_SAMPLES, 5 * days)
    result["offline"] = _sampled(life, samples, lambda: site.link(False))
    site.charger.station.config.change("MeterValueSampleInterval", "0")
    result["without"] = _sampled(life, samples, lambda: None)
    return result


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1], int(sys.argv[2]))))
