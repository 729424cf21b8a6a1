# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Stores and outboxes that are broken on purpose: the rig must find each of them.

host_tests/integration/test_power_cut.py says what each must be found as.
"""

import builtins
import os

from hal.ticks import ticks_ms
from ocpp16.outbox import Outbox
from ocpp16.trigger import RemoteTrigger
from station import charge_point, charging_profiles
from station.charging_profiles import ChargingProfiles
from station.connector import Connector
from station.local_list import LocalList
from station.meter_values import MeterValues
from station.reservation import Reservations
from store import head, record, segments, sorted_file

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
            "early-removal": _early_removal,
            "fussy-profiles": _fussy_profiles,
            "half": _half,
            "hasty-list": _hasty_list,
            "hasty-profile": _hasty_profile,
            "hasty-reservation": _hasty_reservation,
            "head": _head,
            "ids": _ids,
            "in-place": _in_place,
            "keeper": _keeper,
            "left-tx": _left_tx,
            "lingering": _lingering,
            "mute": _mute,
            "once": _once,
            "open": _left_open,
            "record": _record,
            "reservation": _reservation,
            "samples": _samples,
            "serials": _serials,
            "stale": _stale,
            "unchecked": _unchecked,
            "unsealed": _unsealed,
            "untold": _untold,
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

    def mistrustful(connector, transaction, now):
        connector.most_wh, most_wh = 0, connector.most_wh
        was_cut_off(connector, transaction, now)
        connector.most_wh = most_wh

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


def _reservation():
    """Reservations are not kept: a power cut makes the connector anybody's."""
    _replace(Reservations, "_save", _nothing)


def _hasty_reservation():
    """ReserveNow is answered first, and kept at the next step."""

    def hasty(reservations, rows):
        reservations.all = rows
        reservations._again = ticks_ms()
        reservations.hold()
        return True

    _replace(Reservations, "_change", hasty)


def _hasty_list():
    """SendLocalList is answered first, and kept at the next step."""
    replace_by = LocalList.replace_by
    step = charge_point.ChargePoint.step
    waiting = []

    def later(local_list, version, size, files, lost=False):
        waiting.append((local_list, local_list.files, (version, size, files, lost)))
        local_list._count(version, size, files, lost)

    def stepping(station, *arguments):
        while waiting:
            local_list, before, what = waiting.pop(0)
            if local_list is station.local_list:  # else the power failed meanwhile
                local_list.files = before
                replace_by(local_list, *what)
        step(station, *arguments)

    _replace(LocalList, "replace_by", later)
    _replace(charge_point.ChargePoint, "step", stepping)


def _half():
    """The entries of a list count before its version does."""
    replace_by = LocalList.replace_by

    def halved(local_list, version, size, files, lost=False):
        replace_by(local_list, local_list.version, size, files, lost)
        replace_by(local_list, version, size, files, lost)

    _replace(LocalList, "replace_by", halved)


def _in_place():
    """A list takes the place of the old one's file before the head knows of it."""
    replace_by = LocalList.replace_by

    def in_place(local_list, version, size, files, lost=False):
        if len(files) == 1 and local_list.files:
            number, count, crc = files[0]
            old = local_list.files[-1][0]
            os.rename(local_list.path(number), local_list.path(old))
            files = ((old, count, crc),)
            local_list.files = local_list.files[:-1] + files  # so that it is not removed
        replace_by(local_list, version, size, files, lost)

    _replace(LocalList, "replace_by", in_place)


def _unsealed():
    """A damaged list is used as it is."""
    _replace(sorted_file, "check", _nothing)
    _replace(sorted_file, "_checked", lambda entry: entry)


def _mute():
    """TriggerMessage is accepted, and nothing follows."""
    _replace(RemoteTrigger, "_tell", _nothing)


def _untold():
    """What a sample past the outbox has told is not kept for the bill."""
    tell = MeterValues._tell_triggered

    def telling(values, connector, reading):
        keep = charge_point.Keeper.keep
        setattr(charge_point.Keeper, "keep", _nothing)  # noqa: B010
        tell(values, connector, reading)
        setattr(charge_point.Keeper, "keep", keep)  # noqa: B010

    _replace(MeterValues, "_tell_triggered", telling)


def _early_removal():
    """The profiles that are replaced are removed before the new one is written."""
    keep = ChargingProfiles._keep

    def removing(profiles, profile, out):
        for one in out:
            if one.slot is not None:
                profiles._record(one.slot).remove()
                one.slot = None
        keep(profiles, profile, out)

    _replace(ChargingProfiles, "_keep", removing)


def _serials():
    """Of two profiles that exclude each other the one counts whose file comes last."""
    _replace(charging_profiles, "_by_serial", lambda profile: profile.slot)


def _hasty_profile():
    """SetChargingProfile is answered first, and kept at the next step."""
    keep = ChargingProfiles._keep
    step = charge_point.ChargePoint.step
    waiting = []

    def later(profiles, profile, out):
        waiting.append((profiles, profile, out))

    def stepping(station, *arguments):
        while waiting:
            profiles, profile, out = waiting.pop(0)
            if profiles is station.charging.profiles:  # else the power failed meanwhile
                keep(profiles, profile, out)
        step(station, *arguments)

    _replace(ChargingProfiles, "_keep", later)
    _replace(charge_point.ChargePoint, "step", stepping)


def _lingering():
    """Profiles that are cleared stay on flash."""
    clear = ChargingProfiles.clear

    def clearing(profiles, *criteria):
        for one in profiles.all:
            one.slot = None
        return clear(profiles, *criteria)

    _replace(ChargingProfiles, "clear", clearing)


def _left_tx():
    """A TxProfile stays when its transaction has ended."""
    _replace(ChargingProfiles, "only", _nothing)


class _FussyRecord(record.Record):
    def load(self):
        found = super().load()
        if self.damaged:
            raise OSError("damaged")
        return found


def _fussy_profiles():
    """A damaged profile stops the start."""
    _replace(charging_profiles, "Record", _FussyRecord)
