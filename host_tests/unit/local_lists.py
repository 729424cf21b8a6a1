# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""What the tests of the local list say and see: entries as {tag: (status, expiry, parent)}."""

from station import list_update
from station.authorization import IdTagInfo
from station.local_list import LocalList

NOW = 1_795_176_000_000
ACCEPTED = ("Accepted", None, None)
BLOCKED = ("Blocked", NOW + 5, "Fleet")


class Keys:
    def __init__(self, most=1000, at_once=1000):
        self.values = {"LocalAuthListMaxLength": most, "SendLocalListMaxLength": at_once}

    def value(self, key):
        return self.values[key]


def opened(directory, most=1000, at_once=1000):
    return LocalList(directory, Keys(most, at_once))


def added(local_list, entries):
    """An update with these entries: pairs of a tag and facts, or None: no idTagInfo."""
    update = local_list.update()
    for tag, facts in entries:
        update.add(tag, None if facts is None else IdTagInfo(*facts))
    return update


def finished(update, version, full):
    for _ in update.finish(version, full):
        pass
    return update.status


def full(local_list, version, entries=()):
    return finished(added(local_list, entries), version, True)


def differential(local_list, version, entries=()):
    return finished(added(local_list, entries), version, False)


def facts(info):
    return None if info is None else (info.status, info.expiry_utc_ms, info.parent)


def found(local_list, tags):
    """{tag: facts} of those that are in it."""
    shown = {}
    for tag in tags:
        info = local_list.lookup(tag)
        if info is not None:
            shown[tag] = facts(info)
    return shown


def many(count, first=0, info=ACCEPTED):
    """`count` entries in no order."""
    return [("04%06X" % ((number * 7919 + 13) & 0xFFFFFF), info) for number in range(first, first + count)]


class Short:
    """`with Short():` runs are short and few are merged at a time, as with lists of tens of thousands."""

    def __enter__(self):
        self.kept = (list_update._RUN, list_update._WIDTH)
        list_update._RUN, list_update._WIDTH = 3, 2

    def __exit__(self, kind, error, traceback):
        list_update._RUN, list_update._WIDTH = self.kept
