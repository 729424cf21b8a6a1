# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Which meter is on the wires: address, speed, parity and model. The plan, `search`, is pure: a generator
of questions that takes the answers; `detect` carries it.

A model is known by its maker's identification register where there is one (Eastron 0xFC02, Carlo Gavazzi
0x000B, ABB 0x8960), and always by what its registers say: 80 to 300 V and 45 to 65 Hz where it measures
them. What fits no model, or two, is told and not used: a scale that bills is never guessed."""

from hal.meter.modbus import EVEN, GENERAL, NO_PARITY, READ_HOLDING, READ_INPUT
from hal.meter.registers import reading_of, table_of
from hal.ticks import ticks_add, ticks_diff, ticks_ms

# Factory settings first.
LINES = (
    (9600, NO_PARITY, 1),
    (9600, EVEN, 1),
    (9600, NO_PARITY, 2),
    (19200, EVEN, 1),
    (19200, NO_PARITY, 1),
    (2400, NO_PARITY, 1),
    (4800, NO_PARITY, 1),
    (38400, NO_PARITY, 1),
)
STATIONS = (1, 2, 3, GENERAL)
_SDM = {0x0084: "sdm72", 0x0089: "sdm72v2", 0x0070: "sdm630", 0x0079: "sdm630"}
_ABB = {b"B21 ": "b21", b"B23 ": "b23", b"B24 ": "b24"}
# Of these nobody knows such a register, or not every one has it.
_UNNAMED = ("sdm630", "sdm120", "ddsu666", "dtsu666", "pzem004t")
_NO_SUCH_REGISTER = 2
_TWICE_MS = 700
_NOTES = 8  # on wires full of noise each address would be one


class Found:
    """meters   (kind, station, line), in the order in which they answered
    odd      what answered and is no meter that is known, in words
    """

    def __init__(self):
        self.meters = []
        self.odd = []

    def note(self, words):
        if len(self.odd) < _NOTES:
            self.odd.append(words)


def text(station, line):
    """For people."""
    return "address %d, %d 8%s%d" % (station, line[0], {None: "N", 0: "E"}.get(line[1], "O"), line[2])


def search(found, lines=LINES, stations=STATIONS):
    """Yields (station, line, function, first register, count, whether to ask twice), takes (data or None,
    code of the exception or 0, bytes heard). `found` gets what answers. Ends with the first speed at which
    a meter does: several speeds cannot share the wires."""
    for line in lines:
        for station in stations:
            if station == GENERAL and found.meters:
                continue  # a PZEM that has answered at its own address would be there twice
            yield from _place(found, line, station)
        if found.meters:
            return


def _place(found, line, station):
    heard = 0
    # Some meters have but one of the two functions, and are silent at the other one.
    for function, first in ((READ_INPUT, 0x0000), (READ_HOLDING, 0x2000)):
        data, refused, count = yield station, line, function, first, 2, False
        heard += count
        if data is not None or refused:
            break
    else:
        if heard:
            found.note(text(station, line) + ": something is heard, but no answer")
        return
    kinds, note = yield from _named(line, station)
    fits = []
    for kind in kinds if note else _UNNAMED:
        fit = yield from _fits(kind, line, station)
        if fit:
            fits.append(kind)
    if "sdm630" in fits and "sdm120" in fits:
        fits.remove("sdm120")  # the first registers are the same
    if len(fits) == 1:
        found.meters.append((fits[0], station, line))
    else:
        found.note("%s: %s" % (text(station, line), ", ".join(fits) or note or "no known meter"))


def _named(line, station):
    """(kinds, what the meter calls itself); ("" where it has no name)."""
    data, _, _ = yield station, line, READ_HOLDING, 0xFC02, 1, True
    code = 0 if data is None else data[0] << 8 | data[1]
    if code in _SDM:
        return (_SDM[code],), "Eastron %04X" % code
    data, _, _ = yield station, line, READ_HOLDING, 0x8960, 2, True
    if data is not None and bytes(data) in _ABB:
        return (_ABB[bytes(data)],), "ABB"
    data, _, _ = yield station, line, READ_INPUT, 0x000B, 1, True
    code = 0 if data is None else data[0] << 8 | data[1]
    if 102 <= code <= 121:
        return ("em112",), "Carlo Gavazzi %d" % code
    if 330 <= code <= 349:
        return ("em340",), "Carlo Gavazzi %d" % code
    return (), ""


def _fits(kind, line, station):
    table = table_of(kind)
    blocks = []
    for first, count in table[3]:
        data, refused, _ = yield station, line, table[0], first, count, True
        if data is None:
            if refused != _NO_SUCH_REGISTER:
                return False
            data = b""
        blocks.append(data)
    return plausible(table, reading_of(table, blocks))


def plausible(table, reading) -> bool:
    """Is it one of a meter at the mains? `table`: of `hal.meter.registers`."""
    if reading is None:
        return False
    if table[4] is None:
        return True  # measures no voltage: its name has to do
    if len(reading.voltage_mv) != table[2]:
        return False
    for voltage_mv in reading.voltage_mv:
        if not 80000 <= voltage_mv <= 300000:
            return False
    return reading.frequency_mhz is not None and 45000 <= reading.frequency_mhz <= 65000


async def step(bus, plan, answer):
    """Ask the plan's next question; `answer` is what the last one brought, None at first. Its answer; None
    when the plan has come to its end."""
    try:
        station, line, function, first, count, twice = plan.send(answer)
    except StopIteration:
        return None
    until = ticks_add(ticks_ms(), _TWICE_MS) if twice else None
    data = await bus.read(station, function, first, count, until, line)
    return data, bus.refused, bus.heard


async def detect(bus, lines=LINES, stations=STATIONS, limit_ms=60000) -> "Found":
    """For an installer's self-test; may be cancelled at any moment. The wires are as they were after it."""
    found = Found()
    plan = search(found, lines, stations)
    limit = ticks_add(ticks_ms(), limit_ms)
    answer = None
    while True:
        answer = await step(bus, plan, answer)
        if answer is None:
            return found
        if ticks_diff(limit, ticks_ms()) <= 0:
            found.odd.append("not all was asked: the time is over")
            return found
