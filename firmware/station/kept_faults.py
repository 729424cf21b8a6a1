# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Latched faults over a power cut: who switches a charger off and on again has not mended it.

Kept is, per connector, a list of names; the file is written when they change, and does not exist as long as
there never was one.
"""

import log
from evse import faults
from hal.ticks import ticks_add, ticks_diff

_AGAIN_MS = 10000  # after a flash that could not be written


class KeptFaults:
    def __init__(self, record, supplies):
        """Gives the supplies back what they had. `record`: a `store.record.Record`; `supplies`: one per
        connector, in order, each with `latched` and `restore`."""
        self._record = record
        self._supplies = supplies
        self._again = None
        kept = record.load()
        known = faults.names() if kept else ()
        if isinstance(kept, list):
            for supply, some in zip(supplies, kept):
                mask = faults.mask([name for name in some if name in known]) if isinstance(some, list) else 0
                if mask:
                    names = ", ".join(faults.listed(mask))
                    log.warning("station", "connector %d: not acknowledged: %s", supply.number, names)
                    supply.restore(mask)
        self._kept = [supply.latched for supply in supplies]

    def keep(self, now: int) -> None:
        """To be called at every step."""
        for index in range(len(self._supplies)):
            if self._supplies[index].latched != self._kept[index]:
                break
        else:
            self._again = None  # nothing is to be written: a tick of long ago lies in the future some day
            return
        if self._again is not None and ticks_diff(now, self._again) < 0:
            return
        latched = [supply.latched for supply in self._supplies]
        try:
            self._record.save([list(faults.listed(mask)) for mask in latched])
        except OSError as error:
            log.error("station", "latched faults not kept: %s", error)
            self._again = ticks_add(now, _AGAIN_MS)
            return
        self._kept = latched
        self._again = None
