# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""From a meter's reading to OCPP 1.6 sampled values (7.43), by integers only.

A column is one number of a sample: a byte, eight times the place of its measurand in `measurands.MEASURANDS`
and the place of its phase in `measurands.PHASES`. Numbers stay in the integers of `hal.reading` (Wh, mA, mV,
W, ...) until they are written; what the meter does not give is None and left out, never 0.

The values of one moment, on their way from here to the wire, are (context, columns, numbers): bytes and a
tuple of the same length.
"""

from station import measurands

SAMPLE_PERIODIC = "Sample.Periodic"
SAMPLE_CLOCK = "Sample.Clock"
TRANSACTION_BEGIN = "Transaction.Begin"
TRANSACTION_END = "Transaction.End"
TRIGGER = "Trigger"

REGISTER = 0  # the column of Energy.Active.Import.Register


class IntervalEnergy:
    """Energy since the previous sample of a series, for the ...Interval measurands: one object per series."""

    def __init__(self):
        self._import_wh = None
        self._export_wh = None

    @property
    def empty(self):
        """Nothing to count from yet."""
        return self._import_wh is None

    def take(self, reading):
        """(import_wh, export_wh) since the last take(); None at first, and where a register went back."""
        since = self.since(reading)
        if reading is None:
            return since
        self._import_wh = reading.energy_wh
        self._export_wh = reading.export_wh
        return since

    def since(self, reading):
        """What take() would say, for a sample of no series."""
        if reading is None:
            return None, None
        return _since(self._import_wh, reading.energy_wh), _since(self._export_wh, reading.export_wh)


def _since(before_wh, now_wh):
    if before_wh is None or now_wh is None or now_wh < before_wh:
        return None
    return now_wh - before_wh


def columns(names, connector) -> bytes:
    """The columns for configured measurands (tuple of `Name` or `Name.L2`): all phases of each unless one is
    named.

    `connector`: `station.description.Connector`.
    """
    found = []
    for item in names:
        name, phase = measurands.split(item)
        index = measurands.index(name)
        if index is None:
            raise KeyError(name)
        phases = measurands.phases_of(measurands.MEASURANDS[index], connector.phases)
        for one in phases or (None,):
            column = index << 3 | measurands.PHASES.index(one)
            if (phase is None or phase == one) and column not in found:
                found.append(column)
    return bytes(found)


def known(column: int) -> bool:
    """Whether this firmware has such a column: one of a record may come from a newer firmware."""
    return column >> 3 < len(measurands.MEASURANDS) and column & 7 < len(measurands.PHASES)


def numbers(columns_, reading, connector, offered=None, interval_wh=(None, None)) -> tuple:
    """The number of each column, None where there is none now.

    `reading`: `hal.reading.Reading`, or None when the meter did not answer: offered values are given all the
    same. `offered`: (deci-ampere offered to the car, on how many phases). `interval_wh`: what
    IntervalEnergy.take() said.
    """
    return tuple([_number(column, reading, connector, offered, interval_wh) for column in columns_])


def sampled_value(column: int, number: int, context: str) -> dict:
    """One SampledValue; context, measurand and unit are always there: central systems misread defaults."""
    name, unit, location, decimals, _, _ = measurands.MEASURANDS[column >> 3]
    phase = measurands.PHASES[column & 7]
    value = {"value": decimal(number, decimals), "context": context, "measurand": name, "location": location}
    if unit is not None:
        value["unit"] = unit
    if phase is not None:
        value["phase"] = phase
    return value


def sample(names, reading, connector, offered, context, interval_wh=(None, None)):
    """The values of one moment; None when the meter gave nothing that is asked for.

    `names`: the value of a measurand key. Empty means the default measurand (the schema's) in periodic
    samples: pass `names or (measurands.DEFAULT,)`; in transaction data it means nothing (errata 3.14.5).
    """
    wanted = columns(names, connector)
    found = numbers(wanted, reading, connector, offered, interval_wh)
    return None if empty(found) else (context, wanted, found)


def empty(numbers_) -> bool:
    """No number at all."""
    return all(number is None for number in numbers_)


def register_wh(values):
    """The energy register among the values of one moment, None without one."""
    for column, number in zip(values[1], values[2]):
        if column == REGISTER:
            return number
    return None


def sampled_values(values) -> list:
    """The values of one moment as the wire wants them: dicts of texts."""
    context, columns_, numbers_ = values
    return [
        sampled_value(column, number, context)
        for column, number in zip(columns_, numbers_)
        if number is not None
    ]


def decimal(number: int, decimals: int) -> str:
    """`number` / 10**decimals without needless decimals: (15980, 3) -> "15.98", (320, 1) -> "32.0"."""
    if decimals == 0:
        return str(number)
    sign = "-" if number < 0 else ""
    text = str(abs(number))
    if len(text) <= decimals:
        text = "0" * (decimals + 1 - len(text)) + text
    fraction = text[-decimals:].rstrip("0")
    return sign + text[:-decimals] + "." + (fraction or "0")


def _number(column, reading, connector, offered, interval_wh):
    name, _, _, _, phases, source = measurands.MEASURANDS[column >> 3]
    if name == "Current.Offered":
        return None if offered is None else offered[0]
    if name == "Power.Offered":
        return None if offered is None else offered[0] * connector.nominal_v * offered[1] // 10
    if reading is None:
        return None
    if name == "Energy.Active.Import.Interval":
        return interval_wh[0]
    if name == "Energy.Active.Export.Interval":
        return interval_wh[1]
    if name == "Power.Factor":
        return _power_factor(reading)
    value = getattr(reading, source.lstrip("+-"))
    if phases:
        index = (max(column & 7, 1) - 1) % 3
        value = value[index] if index < len(value) else None
    if value is None:
        return None
    if source[0] == "+":
        return max(value, 0)
    if source[0] == "-":
        return max(-value, 0)
    return value


def _power_factor(reading):
    """Active over apparent power in thousandths; None without current, where it has no meaning."""
    if (
        reading.power_w is None
        or not reading.current_ma
        or len(reading.current_ma) != len(reading.voltage_mv)
    ):
        return None
    apparent_uva = 0
    for current_ma, voltage_mv in zip(reading.current_ma, reading.voltage_mv):
        if current_ma is None or voltage_mv is None:
            return None
        apparent_uva += abs(current_ma * voltage_mv)
    if apparent_uva < 1000000:
        return None
    return min(1000, abs(reading.power_w) * 1000000000 // apparent_uva)
