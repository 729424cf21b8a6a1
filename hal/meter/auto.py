# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""A meter on Modbus whose model nobody has told: it is looked for while the station asks for readings, and
silent until exactly one is found that measures enough phases. One that falls silent is looked for again: who
answers then may be another one, with other registers.
"""

from hal.board_keys import MODBUS_METERS
from hal.meter import detect
from hal.meter.registers import RegisterMeter, table_of
from hal.ticks import ticks_add, ticks_diff, ticks_ms

_STEP_MS = 300  # of a reading's second: the question that begins then still has its time
_SILENCE = (None, 0, 0)
_SILENCES = 3
_EVERYWHERE = 8  # one search of so many is not for the known place only


class AutoMeter:
    """A `hal.contract.Meter`. `phases`: it has to measure at least so many. `address`: the only one to be
    asked.

    found   [kind, address, baud, parity, stop bits], None before: to be kept by who can, and put here again
            at the next start, before the first reading. It is where the search begins; it is not believed
    odd     what answered and cannot be used, in words"""

    slow = True

    def __init__(self, bus, phases, address=None):
        self._bus = bus
        self._phases = phases
        self._stations = detect.STATIONS if address is None else (address,)
        self._meter = None
        self._silences = 0
        self._plan = None
        self._answer = None
        self._result = detect.Found()
        self._searches = 0
        self.found = None
        self.odd = ()

    async def read(self):
        if self._meter is not None:
            reading = await self._meter.read()
            self._silences = self._silences + 1 if reading is None else 0
            if self._silences >= _SILENCES:
                self._meter = None
            return reading
        limit = ticks_add(ticks_ms(), _STEP_MS)
        while self._meter is None:
            if self._plan is None:
                self._begin()
            answer = _SILENCE  # of a question that somebody has cancelled
            try:
                answer = await detect.step(self._bus, self._plan, self._answer)
            finally:
                self._answer = answer
            if answer is None:
                self._plan = None
                self._end()
                return None
            if ticks_diff(limit, ticks_ms()) <= 0:
                return None
        return None

    def _begin(self):
        lines, stations = detect.LINES, self._stations
        if self._bus.users > 1:
            lines = (self._bus.line,)  # the others are there
        known = _checked(self.found)
        if known is not None and self._searches % _EVERYWHERE != _EVERYWHERE - 1:
            place = (known[2], known[3], known[4])
            if place in lines and known[1] in stations:
                lines, stations = (place,), (known[1],)
        self._searches += 1
        self._result = detect.Found()
        self._plan = detect.search(self._result, lines, stations)
        self._answer = None

    def _end(self):
        result = self._result
        self.odd = result.odd
        if len(result.meters) != 1:
            return
        kind, station, line = result.meters[0]
        if MODBUS_METERS[kind][0] < self._phases:
            self.odd.append("%s: %s, of too few phases" % (detect.text(station, line), kind))
            return
        if self._bus.users == 1:
            self._bus.use(line)
        self._meter = RegisterMeter(self._bus, station, table_of(kind))
        self._silences = 0
        self._searches = 0
        self.found = [kind, station] + list(line)


def _checked(found):
    """What was kept, or None: whatever was in a file."""
    whole = isinstance(found, list) and len(found) == 5 and isinstance(found[0], str)
    return found if whole and found[0] in MODBUS_METERS else None
