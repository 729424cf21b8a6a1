# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The charging profiles that are installed (OCPP 1.6 sections 3.13, 5.1 and 5.16): in RAM packed, 8 bytes a
period, and on flash a file each.

What is answered Accepted is on flash (errata 3.37), but for the TxProfile of a station whose transactions end
with a power cut. The one that takes another's place is written over it, or beside it with a later serial
number: after a power cut it is the old or the new that counts. The same once more writes nothing: there are
central systems that repeat theirs every ten seconds.
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
        self._load(config.value("NumberOfConnectors"))

    # --- from the CSMS ---

    def judge(self, profile, now_s):
        """Raise Implausible where this station cannot do what the profile says. `now_s`: as for `check`."""
        value = self._config.value
        if profile.level > value("ChargeProfileMaxStackLevel"):
            raise Implausible("stackLevel %d is too high" % profile.level)
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
        if len(out) == 1 and out[0].same(profile):
            return ACCEPTED
        profile.serial = max([one.serial for one in self.all] or [0]) + 1
        # Before anything is written: there may be no memory for it.
        kept = [one for one in self.all if one not in out]
        kept.append(profile)
        try:
            self._keep(profile, out)
        except (OSError, MemoryError) as error:
            log.failure("profiles", "not kept", error)
            if not promised:
                return REJECTED
            profile.slot = None
        self.all = kept
        self.revision += 1
        log.info("profiles", "connector %d: %s", profile.connector, profile.describe())
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
        for profile in found:
            self._forget(profile)
            self._drop(profile)
        return bool(found)

    def ended(self, transaction):
        """The transaction with this number of ours has ended, and its profiles with it."""
        self.only([one.transaction for one in self.all if one.transaction not in (None, transaction)])

    def only(self, transactions):
        """Of TxProfiles those of these transactions stay."""
        for profile in list(self.all):
            if profile.purpose == TX and profile.transaction not in transactions:
                self._drop(profile)
                try:
                    self._forget(profile)
                except OSError as error:  # the next start finds that its transaction is over
                    log.failure("profiles", "not removed", error)

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

    def _keep(self, profile, out):
        """Write it in the place of those that are `out`. OSError: nothing has changed."""
        slots = [one.slot for one in out if one.slot is not None]
        if self._directory is None or (profile.purpose == TX and not self._keeps_transactions):
            profile.slot = None
        else:
            profile.slot = slots.pop(0) if slots else self._free_slot()
            record = self._record(profile.slot)
            try:
                record.save(packed(profile))
            except OSError as error:
                try:
                    os.mkdir(self._directory)  # it is the first
                except OSError:
                    raise error
                record.save(packed(profile))
        for slot in slots:
            try:
                self._record(slot).remove()
            except OSError as error:  # the later serial number counts
                log.failure("profiles", "not removed", error)

    def _forget(self, profile):
        if profile.slot is not None:
            self._record(profile.slot).remove()

    def _record(self, slot):
        return Record("%s/%s%d" % (self._directory, _FILE, slot), _VERSION)

    def _free_slot(self):
        taken = [one.slot for one in self.all]
        slot = 0
        while slot in taken:
            slot += 1
        return slot

    def _load(self, connectors):
        found = []
        for name in self._names():
            try:
                slot = int(name[len(_FILE) :])
                row = self._record(slot).load()
                if row is not None:
                    profile = restored(row)
                    if profile.connector > connectors:
                        raise ValueError("there is no connector %d" % profile.connector)
                    profile.slot = slot
                    found.append(profile)
            except (ValueError, NewerVersion) as error:
                log.error("profiles", "%s left out: %s", name, error)
        found.sort(key=_by_serial)
        for profile in found:
            for one in list(self.all):
                if one.excludes(profile):  # the power failed between two writes
                    self.all.remove(one)
                    try:
                        self._forget(one)
                    except OSError as error:
                        log.failure("profiles", "not removed", error)
            self.all.append(profile)

    def _names(self):
        if self._directory is None:
            return []
        try:
            names = os.listdir(self._directory)
        except OSError:
            return []
        return [name for name in names if name.startswith(_FILE) and "." not in name]


def _by_serial(profile):
    return profile.serial
