# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""How well the link hears its network, as the station tells of it: weak or not."""

import log

# Below -107 dBm LTE modems lose their cell now and then; the status shall not flap on the way there.
_WEAK_DBM = -107
_FAIR_DBM = -103


class Signal:
    """weak    what the last look found"""

    def __init__(self):
        self.weak = False
        self._trouble = None

    def look(self, link):
        """`link`: a `hal.contract.Link`, or None."""
        dbm = None if link is None else self._dbm(link)
        if dbm is None or dbm > _FAIR_DBM:
            self.weak = False
        elif dbm < _WEAK_DBM:
            self.weak = True

    def _dbm(self, link):
        """Whatever a radio's driver thinks of being asked just now: nobody's charging ends for it."""
        trouble = None
        dbm = None
        try:
            dbm = link.signal_dbm()
        except Exception as error:
            trouble = type(error)
            if trouble is not self._trouble:  # once: it is asked each second
                log.failure("net", "signal of the link", error)
        self._trouble = trouble
        return dbm
