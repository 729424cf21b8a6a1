# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The charging profiles that are installed (OCPP 1.6 sections 3.13, 5.1 and 5.16): in RAM packed, 8 bytes a
period, and on flash a file each.

What is answered Accepted is on flash (errata 3.37), but for the TxProfile of a station whose transactions end
with a power cut. The one that takes another's place is written over it, or beside it with a later serial
number: after a power cut it is the old or the new that counts. A file that should be gone and could not be
removed goes before anything else changes: behind its successor's back it would count again. The same once
more writes nothing: there are central systems that repeat theirs every ten seconds.
"""

import os

import log
from station.charging_profile import TX, Implausible, check, packed, restored
from store.record import NewerVersion, Record

ACCEPTED = "Accepted"
REJECTED = "Rejected"

_VERSION = 1
_FILE = "profile_"
_UNITS = {"A": "Current", "W": "Power"}


class ChargingProfiles:
    """`directory`: made with the first profile; None: nothing is kept. `keeps_transactions`: they go on after
    a power cut.

    all        list of `ChargingProfile`
    revision   another number after each change
    """

    def __init__(self, directory, config, keeps_transactions):
        self.all = []
        self.revision = 0
        self._directory = directory
        self._config = config
        self._keeps_transactions = keeps_transactions
        self._serial = 0  # the last one that was given
        self._stale = []  # slots of files that should be gone
        self._foreign = []  # slots of files that we cannot read
        self._load(config.value("NumberOfConnectors"))

    # --- from the CSMS ---

    def judge(self, profile, now_s):
        """Raise Implausible where this station cannot do what the profile says. `now_s`: as for `check`."""
        value = self._config.value
        if not 0 <= profile.level <= value("ChargeProfileMaxStackLevel"):
            raise Implausible("there is no stackLevel %d" % profile.level)
        if len(profile.periods) > 2 * value("ChargingScheduleMaxPeriods"):
            raise Implausible("it has too many periods")
        if _UNITS[profile.unit] not in value("ChargingScheduleAllowedChargingRateUnit"):
            raise Implausible("the unit %s is not allowed" % profile.unit)
        check(profile, now_s)
        if self._room(profile, now_s) is None:
            raise Implausible("MaxChargingProfilesInstalled are installed")

    def install(self, profile, now_s, promised=False):
        """SetChargingProfile: the status of the answer. `promised`: it was judged before, and counts whatever
        has become of the room and of the flash since.
        """
        try:
            if not promised:
                self.judge(profile, now_s)
        except Implausible as error:
            log.warning("profiles", "%s rejected: %s", profile.describe(), error)
            return REJECTED
        out = self._room(profile, now_s)
        if out is None:
            out = []
        if len(out) == 1 and out[0].same(profile) and (out[0].slot is not None or not self._lasts(profile)):
            return ACCEPTED
        # Before anything is written: there may be no memory for it, not even for the line of the log.
        after = [one for one in self.all if one not in out]
        after.append(profile)
        log.info("profiles", "connector %d: %s", profile.connector, profile.describe())
        try:
            self._sweep()
            self._serial += 1
            profile.serial = self._serial
            self._keep(profile, out)
        except (OSError, MemoryError) as error:
            log.failure("profiles", "not kept", error)
            if not promised:
                return REJECTED
            profile.slot = None
            self._leave(out)
        self.all = after
        self.revision += 1
        return ACCEPTED

    def clear(self, number=None, connector=None, purpose=None, level=None):
        """ClearChargingProfile: False when there is none such. With a `number` nothing else counts, without
        it all that is given (errata 3.25 and 3.26). OSError: one could not be removed, and stays.
        """
        found = []
        for profile in self.all:
            if number is not None:
                if profile.number == number:
                    found.append(profile)
            elif (
                (connector is None or profile.connector == connector)
                and (purpose is None or profile.purpose == purpose)
                and (level is None or profile.level == level)
            ):
                found.append(profile)
        if found:
            self._sweep()
        for profile in found:
            if profile.slot is not None:
                self._record(profile.slot).remove()
            self._drop(profile)
        return bool(found)

    def ended(self, transaction):
        """The transaction with this number of ours has ended, and its profiles with it."""
        self.only([one.transaction for one in self.all if one.transaction not in (None, transaction)])

    def only(self, transactions):
        """Of TxProfiles those of these transactions stay."""
        over = [one for one in self.all if one.purpose == TX and one.transaction not in transactions]
        for profile in over:
            self._drop(profile)
        self._leave(over)

    def _drop(self, profile):
        self.all.remove(profile)
        self.revision += 1

    def _room(self, profile, now_s):
        """Those that go when it is installed: whom it replaces, and where there is no room else, those that
        are over for ever. None: there is no room.
        """
        out = [one for one in self.all if one.excludes(profile)]
        if out:
            return out  # one that was promised may be one too many: that keeps nobody from replacing his
        most = self._config.value("MaxChargingProfilesInstalled")
        if now_s is not None:
            for one in self.all:
                if len(self.all) - len(out) < most:
                    break
                if one.is_over(now_s):
                    out.append(one)
        return out if len(self.all) - len(out) < most else None

    # --- on flash ---

    def _lasts(self, profile):
        """Is it to be on flash?"""
        return self._directory is not None and (profile.purpose != TX or self._keeps_transactions)

    def _keep(self, profile, out):
        """Write it in the place of those that are `out`. OSError: they count as before."""
        slots = [one.slot for one in out if one.slot is not None]
        profile.slot = None
        if self._lasts(profile):
            profile.slot = slot = slots.pop(0) if slots else self._free_slot()
            left = self._stale + slots
            try:
                self._save(profile)
            except (OSError, MemoryError):
                if profile.slot not in [one.slot for one in self.all]:
                    self._stale.append(slot)  # what there may be of it
                raise
        if profile.slot is not None:
            self._stale = left  # a later serial number than theirs is on flash: it is done, memory or not
            self._tidy()
            return
        for one in out:
            if one.slot in slots:
                self._record(one.slot).remove()
                one.slot = None

    def _save(self, profile):
        record = self._record(profile.slot)
        row = packed(profile)
        try:
            record.save(row)
        except OSError as error:
            try:
                os.mkdir(self._directory)  # it is the first
            except OSError:
                raise error
            record.save(row)

    def _leave(self, profiles):
        """These count no more, whatever the flash says."""
        self._stale.extend([one.slot for one in profiles if one.slot is not None])
        self._tidy()

    def _tidy(self):
        """Now or later."""
        try:
            self._sweep()
        except (OSError, MemoryError) as error:
            log.failure("profiles", "not removed", error)

    def _sweep(self):
        """OSError: there is still a file that should be gone."""
        while self._stale:
            self._record(self._stale[-1]).remove()
            self._stale.pop()

    def _record(self, slot):
        return Record("%s/%s%d" % (self._directory, _FILE, slot), _VERSION)

    def _free_slot(self):
        taken = [one.slot for one in self.all] + self._foreign
        slot = 0
        while slot in taken:
            slot += 1
        return slot

    def _load(self, connectors):
        found = []
        serial = 0
        for slot in self._slots():
            record = self._record(slot)
            try:
                row = record.load()
                if row is not None:
                    profile = restored(row)
                    # Also above one that is left out: the connector may be back one day.
                    serial = max(serial, profile.serial)
                    if profile.connector > connectors:
                        raise ValueError("there is no connector %d" % profile.connector)
                    profile.slot = slot
                    found.append(profile)
                elif not record.damaged:
                    self._stale.append(slot)  # empty: the power failed before it was written
            except (ValueError, NewerVersion) as error:
                log.error("profiles", "%s left out: %s", record.path, error)
                self._foreign.append(slot)
        found.sort(key=_by_serial)
        for profile in found:
            # The power failed between two writes.
            before = [one for one in self.all if one.excludes(profile)]
            self.all = [one for one in self.all if one not in before]
            self.all.append(profile)
            self._stale.extend([one.slot for one in before])
        self._serial = serial
        self._tidy()

    def _slots(self):
        if self._directory is None:
            return []
        try:
            names = os.listdir(self._directory)
        except OSError:
            return []
        numbers = [name[len(_FILE) :] for name in names if name.startswith(_FILE)]
        # Not of "profile_07", which would be slot 7 twice.
        return [int(number) for number in numbers if number.isdigit() and number == str(int(number))]


def _by_serial(profile):
    return profile.serial
