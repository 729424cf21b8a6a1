# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Stores and outboxes that are broken on purpose: the rig must find each of them.

host_tests/integration/test_power_cut.py says what each must be found as.
"""

import builtins

from ocpp16.outbox import Outbox
from station import charge_point
from station.connector import Connector
from store import head, record, segments

_undo = []
_open = open


def apply(name):
    """`name`: of a function below; None: nothing is broken."""
    undo()
    if name is not None:
        {
            "allowance": _allowance,
            "append": _append,
            "boot": _boot,
            "forgetful": _forgetful,
            "head": _head,
            "ids": _ids,
            "keeper": _keeper,
            "once": _once,
            "open": _left_open,
            "record": _record,
            "samples": _samples,
            "stale": _stale,
            "unchecked": _unchecked,
            "unwarned": _unwarned,
        }[name]()


def undo():
    while _undo:
        owner, attribute, value = _undo.pop()
        setattr(owner, attribute, value)


def _replace(owner, attribute, value):
    _undo.append((owner, attribute, getattr(owner, attribute)))
    setattr(owner, attribute, value)


class _Deaf:
    """A file that takes what is written to it and writes nothing."""

    def __init__(self, file):
        self._file = file

    def write(self, data):
        return len(data)

    def __getattr__(self, name):
        return getattr(self._file, name)

    def __enter__(self):
        return self

    def __exit__(self, kind, error, traceback):
        self._file.close()


def _not_written(ending, every):
    """Every so many times nothing is written to a file with such a name."""
    count = [0]

    def opened(path, mode="r"):
        if (mode[0] == "r" and "+" not in mode) or not path.endswith(ending):
            return _open(path, mode)
        count[0] += 1
        return _open(path, mode) if count[0] % every else _Deaf(_open(path, "ab"))

    _replace(builtins, "open", opened)


def _append():
    """A journal whose append does not always write."""
    _not_written(".seg", 4)


def _head():
    """A journal that does not keep what was delivered, nor the prefix of its message ids."""
    _not_written("/head", 1)


def _ids():
    """An outbox that gives a message another id each time it is sent."""
    message = Outbox.message
    count = [0]

    def renamed(outbox):
        found = message(outbox)
        if found is None:
            return None
        count[0] += 1
        return "again-%d" % count[0], found[1], found[2]

    _replace(Outbox, "message", renamed)


def _forgetful():
    """An outbox that says of every third StopTransaction that it has it, and has not."""
    stopped = Outbox.stopped
    count = [0]

    def forgetful(outbox, *arguments):
        count[0] += 1
        return stopped(outbox, *arguments) if count[0] % 3 else True

    _replace(Outbox, "stopped", forgetful)


def _keeper():
    """The running transaction is not kept: nobody knows of it after a power cut."""
    _replace(charge_point.Keeper, "keep", _nothing)


def _nothing(*arguments):
    return None


def _stale():
    """The record of a transaction is not written again for as long as it runs."""
    _replace(charge_point.Keeper, "due", lambda keeper, now: False)


def _samples():
    """What samples on flash say of the transaction that was cut off is not looked at."""
    _replace(Outbox, "told", _nothing)


def _left_open():
    """A file that was read is not closed."""
    first = segments.Segments.first

    def forgetful(found, segment, *arguments):
        open(found.path(segment), "rb")  # noqa: SIM115
        return first(found, segment, *arguments)

    _replace(segments.Segments, "first", forgetful)


def _once():
    """What the samples said is known until the next power cut only."""
    was_cut_off = Connector.was_cut_off

    def forgetful(connector, *arguments):
        keep = charge_point.Keeper.keep
        setattr(charge_point.Keeper, "keep", _nothing)  # noqa: B010
        was_cut_off(connector, *arguments)
        setattr(charge_point.Keeper, "keep", keep)  # noqa: B010

    _replace(Connector, "was_cut_off", forgetful)


def _allowance():
    """A meter that shows more than the record is not believed."""
    was_cut_off = Connector.was_cut_off

    def mistrustful(connector, transaction, most_wh, now):
        was_cut_off(connector, transaction, 0, now)

    _replace(Connector, "was_cut_off", mistrustful)


def _unwarned():
    """The board's power-fail input is not asked."""
    _replace(charge_point.ChargePoint, "watch_power", lambda station, failing, now: False)


def _record():
    """A record that is emptied before it is written."""
    overwrite = record.overwrite

    def emptied(path, content):
        _open(path, "wb").close()
        overwrite(path, content)

    _replace(record, "overwrite", emptied)


def _unchecked():
    """Checksums that hold whatever was damaged."""
    _replace(record, "crc32", _no_crc)
    _replace(segments, "crc32", _no_crc)
    _replace(head, "crc32", _no_crc)


def _no_crc(data, value=0):
    return 0


def _boot():
    """A boot that fails when it finds a transaction without an id."""
    load = charge_point.Keeper.load

    def failing(keeper):
        transaction = load(keeper)
        if transaction is not None and transaction.transaction_id is None:
            raise TypeError("transaction_id")
        return transaction

    _replace(charge_point.Keeper, "load", failing)
