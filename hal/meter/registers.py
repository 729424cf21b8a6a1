# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""A meter on Modbus that is described by a table of its registers (`hal.meter.eastron` and the other makers).

A table is a tuple:

    function, low    READ_HOLDING or READ_INPUT; 1: of a number the low word comes first
    phases           that are measured
    blocks           ((first register, count), ...): the questions. Their counts differ, so that a late answer
                     to one of them is none to another
    then a field for each of: voltage, current, power of each phase; power of all; energy, export, reactive
    import, reactive export, frequency. A field is None, or (block, register within it, kind, times, by): the
    number times `times` divided by `by` is in the units of `hal.reading`. Of three phases the numbers follow
    each other.

All in integers: the floats of the boards have 24 bits, and so have the meters': they are taken apart, so
that what is billed is what the meter shows.
"""

import sys

from hal.reading import Reading
from hal.ticks import ticks_add, ticks_ms

FLOAT, SIGNED, UNSIGNED, LONG, WORD = 0, 1, 2, 3, 4  # of 32, 32, 32, 64 and 16 bits
_BYTES = (4, 4, 4, 8, 2)
# A reading takes at most a second (`hal.contract`): a question that was lost is asked again within that.
_READING_MS = 900
_MOST = 10000000000  # 10 GWh: the widest display, 9999999.9 kWh, ends there
_NO_SUCH_REGISTER = 2
_MOST_MV = 600000  # more is on no terminal of these meters: it is another meter, or another scale


def scaled(data, factor: int) -> "int | None":
    """A float of four bytes times `factor`, in integers only; None: it is no number, or 10**10 and above.

    0.005 kWh are 0.00499999989 in a float: half of its last bit is added, then what is less than one is
    dropped. So a register is what its meter shows, as far as 24 bits go: to the Wh up to 16384 kWh, in steps
    of 8 Wh at 100000 kWh (and half a step too high). It never goes back.
    """
    bits = data[0] << 24 | data[1] << 16 | data[2] << 8 | data[3]
    exponent = bits >> 23 & 0xFF
    if exponent == 0xFF:
        return None
    if exponent == 0:
        return 0
    mantissa = ((bits & 0x7FFFFF | 0x800000) * 2 + 1) * factor
    shift = exponent - 151
    if shift > 30:
        return None
    value = mantissa << shift if shift >= 0 else mantissa >> min(-shift, 60)
    if value >= _MOST:
        return None
    return -value if bits >> 31 else value


def number(data, kind: int, low: int, times: int = 1, by: int = 1) -> "int | None":
    """The number at the beginning of `data`; None: the meter says that it has none (all bits set, but for
    the sign of one that has a sign), or a float that is none."""
    if kind == FLOAT:
        value = scaled(data, times)
        if value is None:
            return None
    else:
        count = _BYTES[kind]
        value = 0
        for at in range(0, count, 2):
            word = count - 2 - at if low else at
            value = value << 16 | data[word] << 8 | data[word + 1]
        top = 1 << (8 * count - 1)
        if value == (top - 1 if kind == SIGNED else 2 * top - 1):
            return None
        if kind == SIGNED and value >= top:
            value -= 2 * top
        value *= times
    return value // by if value >= 0 else -(-value // by)


def reading_of(table, blocks) -> "Reading | None":
    """`blocks`: the answers, in the order of the table's. None: they are not those of such a meter."""
    low, phases = table[1], table[2]

    def each(field, count=phases):
        """Of the phases from the first one on that the meter knows of."""
        found = []
        if field is not None and blocks[field[0]]:
            block, at, kind, times, by = field
            for phase in range(count):
                start = 2 * at + phase * _BYTES[kind]
                value = number(blocks[block][start : start + 8], kind, low, times, by)
                if value is None:
                    break
                found.append(value)
        return tuple(found)

    def one(field):
        found = each(field, 1)
        return found[0] if found else None

    voltage_mv, current_ma, watts = each(table[4]), each(table[5]), each(table[6])
    power_w = one(table[7])
    energy_wh, export_wh, import_varh, export_varh, frequency_mhz = [one(field) for field in table[8:]]
    if power_w is None:
        if len(watts) < phases:
            return None
        power_w = sum(watts)
    if energy_wh is None or not 0 <= energy_wh < _MOST:
        return None
    for value in voltage_mv:
        if not 0 <= value <= _MOST_MV:
            return None
    if not watts and phases == 1:
        watts = (power_w,)
    if len(watts) == len(current_ma):
        # Most meters tell currents without a sign: their power has it.
        current_ma = tuple([-abs(a) if w < 0 else a for a, w in zip(current_ma, watts)])
    return Reading(
        energy_wh=energy_wh,
        power_w=power_w,
        current_ma=current_ma,
        voltage_mv=voltage_mv,
        export_wh=export_wh,
        reactive_import_varh=import_varh,
        reactive_export_varh=export_varh,
        frequency_mhz=frequency_mhz,
    )


def table_of(kind: str) -> tuple:
    """Of a kind in MODBUS_METERS; only the module of its maker is loaded."""
    from hal.board_keys import MODBUS_METERS  # not kept

    name = "hal.meter." + MODBUS_METERS[kind][1]
    __import__(name)
    return sys.modules[name].table_of(kind)


class RegisterMeter:
    """A `hal.contract.Meter`."""

    slow = True

    def __init__(self, bus, station, table):
        self._bus = bus
        self._station = station
        self._table = table

    async def read(self):
        blocks = await ask(self._bus, self._station, self._table, ticks_add(ticks_ms(), _READING_MS))
        return None if blocks is None else reading_of(self._table, blocks)


async def ask(bus, station, table, until=None, line=None):
    """The answers to a table's questions; None: one of them is missing. Empty: registers that this meter does
    not have, as it says itself; what is in them is not known then."""
    blocks = []
    for first, count in table[3]:
        data = await bus.read(station, table[0], first, count, until, line)
        if data is None:
            if bus.refused != _NO_SUCH_REGISTER:
                return None
            data = b""
        blocks.append(data)
    return blocks
