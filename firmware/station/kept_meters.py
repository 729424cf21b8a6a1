# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Where the meters were found that nobody has described (`hal.meter.auto`): the search begins there after a
start. Loaded only where there is such a meter.
"""

import log


class KeptMeters:
    """`record`: a store record, {number of the meter: what its `found` says}. `meters`: all of them."""

    def __init__(self, record, meters):
        self._record = record
        self._meters = meters
        kept = record.load()
        self._kept = kept if isinstance(kept, dict) else {}
        self._odd = ""
        for number, meter in self._searching():
            meter.found = self._kept.get(number)

    def _searching(self):
        for index, meter in enumerate(self._meters):
            if hasattr(meter, "found"):
                yield str(index + 1), meter

    def keep(self) -> None:
        """What has been found since; a flash that does not take it is tried again with the next."""
        changed = False
        for number, meter in self._searching():
            odd = "; ".join(meter.odd)
            if odd and odd != self._odd:
                self._odd = odd
                log.warning("meter", "%s: %s", number, odd)
            if meter.found is not None and meter.found != self._kept.get(number):
                self._kept[number] = list(meter.found)
                log.info("meter", "%s: found: %s", number, meter.found)
                changed = True
        if changed:
            try:
                self._record.save(self._kept)
            except OSError as error:
                log.error("meter", "not kept: %s", error)
