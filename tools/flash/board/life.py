# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The lives of a charger, as steps that can be repeated after a power cut.

A step is (name, function of the `World`). A power cut ends the step in which it comes; when the charger has
booted again the same step is done once more, from its beginning. So a step says what is to be true when it is
over, with the verbs of `World`, and works from wherever the cut has left the charger: a transaction that the
cut has ended, or not; a setting that is old or new. Two things that must not be done twice are two steps.

To add a step: append it where it belongs in `steps`, give the verb that it needs to `World` if there is none.
What the step leaves on flash must be gone, or the same whatever happened before, at the end of the life: the
files are compared. What the charger promises in it (a list version, a profile) and how it is checked belong
into `ledger.py`. Each flash operation costs five lives of some 0.1 s in `make power-cut`, which prints how
many there are.
"""

from flash.board.central import BLOCKED, LISTED, REFUSED
from flash.board.charging import profile

KINDS = ("stop", "resume", "full", "long")
_CONNECTOR = {"cable": "fixed", "rated_a": 32, "phases": 3}
_KEYS = {
    "AllowOfflineTxForUnknownId": "true",
    "AuthorizationCacheEnabled": "true",
    "LocalAuthorizeOffline": "true",
    "TransactionMessageRetryInterval": "10",
}
# Entries of local lists, see `promises`. Longer than the receive buffer, and of several runs (`list_run`).
_ACCEPTED = ("Accepted", None, None)
_EXPIRY_MS = 3800000000000
_FLEET = [("04%06X" % (number * 7919 % 65536), _ACCEPTED) for number in range(20)]
LIST = _FLEET + [(BLOCKED, _ACCEPTED), ("heidi", ("Accepted", _EXPIRY_MS, "FLEET"))]
CHANGES = [(LISTED, _ACCEPTED), (BLOCKED, ("Blocked", None, None)), (_FLEET[3][0], None)]
OTHER_LIST = [(tag, ("Expired", _EXPIRY_MS, None)) for tag, _ in _FLEET[10:]] + [("GRACE", _ACCEPTED)]
OTHER_CHANGES = [("HEIDI", _ACCEPTED), ("GRACE", ("Invalid", None, None)), (_FLEET[12][0], None)]

# Charging profiles: (connector, as csChargingProfiles). What `resume` has is longer, see `Plan`.
_SINCE = "2026-09-21T00:00:00Z"
MAXIMUM = 0, profile(1, "ChargePointMaxProfile", 0, 32)
DEFAULT = 0, profile(2, "TxDefaultProfile", 0, 16, 2, startSchedule=_SINCE)
HERS = 1, profile(10, "TxProfile", 1, 10, 2, minChargingRate=6)
HIS = profile(11, "TxProfile", 2, 13, 2)
_LONG = {"chargingProfileKind": "Recurring", "recurrencyKind": "Daily", "startSchedule": _SINCE}


class Plan:
    """The charger and its life. `kind`: "stop" or "resume", what becomes of a transaction during which the
    power failed; "full": as "stop", and the outbox has so little room that MeterValues are thinned out;
    "long": as "stop", with three connectors, meters that forget their registers or start slowly, a power-fail
    input, and transactions of which for a long time nothing but samples is written.

    Segments of the outbox are small, so that a short queue has several. So are the runs in which a local list
    is sorted, and it is soon long enough to have its changes in a file of their own. Only "stop" has a list.
    "stop" and "resume" have charging profiles, "resume" such of 32 periods.

    resumes         transactions go on after a power cut
    receive_bytes   of the charger's buffer: a list is longer than it, and comes in several parts
    warns           the board has a power-fail input
    meters_forget   not all that flows is in the registers
    """

    segment_bytes = 384
    list_run = 8
    list_beside = 16
    keys = _KEYS

    def __init__(self, kind):
        self.is_thinned = kind == "full"
        self.budget_bytes = 700 if self.is_thinned else None
        self.warns = self.meters_forget = self._is_long = kind == "long"
        self.has_list = kind == "stop"
        self.blocks = 40 if self.has_list else 32  # an update wants 32 KB to be free
        self.resumes = kind == "resume"
        self.has_profiles = self.has_list or self.resumes
        self.receive_bytes = 512 if self.has_list else 2048
        self._periods = 32 if self.resumes else 3
        self.connectors = 3 if self._is_long else 2
        profiles = ["Core", "Reservation", "RemoteTrigger"]
        self.station = {
            "name": "life, " + kind,
            "connectors": [_CONNECTOR] * self.connectors,
            "reader": "per_connector",
            "profiles": profiles
            + (["LocalAuthListManagement"] if self.has_list else [])
            + (["SmartCharging"] if self.has_profiles else []),
            "options": {"power_loss": "resume" if self.resumes else "stop"},
        }
        self._interval_s = 10 if self.is_thinned else 60

    def steps(self):
        if self._is_long:
            return self.until_fullest() + _cut_twice() + _asked_for() + _warned() + _refused()
        other_list = _other_list() if self.has_list else []
        profiles = _profiles_end() if self.has_profiles else []
        steps = self.until_fullest() + _drain() + other_list + _restarts()
        return steps + profiles + _end(self.has_list)

    def until_fullest(self):
        """The steps to where most is on flash: a queue, a running transaction, an unknown time. "long": to
        where the samples tell most that the record does not.
        """
        if self._is_long:
            return _set_up(self._interval_s) + _sampled()
        profiles = _profiles(self._periods) if self.has_profiles else []
        return _set_up(self._interval_s) + _online(self.has_list, profiles) + _offline(self.has_list)


def _set_up(interval_s):
    return [
        ("first boot", lambda w: w.online()),
        ("interval", lambda w: w.configure("MeterValueSampleInterval", str(interval_s))),
        ("data", lambda w: w.configure("StopTxnSampledData", "Energy.Active.Import.Register")),
        ("2 inoperative", lambda w: w.available(2, False)),
        ("2 operative", lambda w: w.available(2, True)),
    ]


def _profiles(periods):
    """While ALICE charges. In the end there are MAXIMUM and one of `periods` periods, which has replaced two,
    and hers as long as she charges.
    """
    first = profile(3, "TxDefaultProfile", 2, 20)
    moved = profile(3, "TxDefaultProfile", 4, 20, 2)
    in_place = profile(4, "TxDefaultProfile", 4, 25, periods, duration=86400)
    both = profile(2, "TxDefaultProfile", 4, 14, periods, **_LONG)
    return [
        ("a maximum", lambda w: w.install(*MAXIMUM)),
        ("a default", lambda w: w.install(*DEFAULT)),
        ("ALICE's own", lambda w: w.install_for(HERS[0], "ALICE", HERS[1])),
        ("another default", lambda w: w.install(1, first)),
        ("the same number", lambda w: w.install(1, moved)),
        ("in its place", lambda w: w.install(1, in_place)),
        ("in the place of two", lambda w: w.install(1, both)),
        ("once more", lambda w: w.repeat(1, both)),
        ("one to be cleared", lambda w: w.install(2, first)),
        ("cleared", lambda w: w.clear({"connectorId": 2})),
    ]


def _profiles_end():
    """One that a transaction begins with, one with the number of another purpose; and none."""
    default = profile(12, "TxDefaultProfile", 2, 18)
    return [
        ("CAROL is started with a profile", lambda w: w.begin_remotely(2, "CAROL", HIS)),
        ("power off while CAROL charges", lambda w: w.power_off(60000)),
        ("CAROL charges on", lambda w: w.charge(2, "CAROL", 5000)),
        ("one for everybody", lambda w: w.install(0, default)),
        ("CAROL's has its number", lambda w: w.install_for(2, "CAROL", profile(12, "TxProfile", 3, 18))),
        ("CAROL leaves", lambda w: w.stop(2, "CAROL")),
        ("all cleared", lambda w: w.clear({})),
    ]


def _online(has_list, profiles):
    listed = [
        ("list", lambda w: w.send_list(1, True, LIST)),
        ("its changes", lambda w: w.send_list(2, False, CHANGES)),
        ("who is listed need not wait", lambda w: w.configure("LocalPreAuthorize", "true")),
        ("ERIN charges", lambda w: w.charge(2, LISTED, 10000)),
        ("ERIN ends", lambda w: w.stop(2, LISTED)),
        ("everybody is asked about", lambda w: w.configure("LocalPreAuthorize", "false")),
    ]
    steps = [
        ("1 reserved for ALICE", lambda w: w.reserve(5, 1, "ALICE")),
        ("ALICE begins", lambda w: w.begin(1, "ALICE")),
        ("her reservation is used", lambda w: w.reservation_used(5)),
        ("ALICE charges", lambda w: w.charge(1, "ALICE", 130000)),
        ("her meter is asked for", lambda w: w.trigger("MeterValues", 1)),
        ("and her status", lambda w: w.trigger("StatusNotification", 1)),
    ]
    steps += profiles
    if has_list:
        steps += listed
    return steps + [
        ("1 inoperative when ALICE ends", lambda w: w.available(1, False)),
        ("remote stop", lambda w: w.remote_stop(1)),
        ("ALICE leaves", lambda w: w.unplug(1)),
        ("1 operative", lambda w: w.available(1, True)),
        ("BOB's MeterValues are refused", lambda w: _refuse(w, 1)),
        ("BOB charges", lambda w: w.charge(2, "BOB", 70000)),
        ("BOB ends", lambda w: w.stop(2, "BOB")),
        ("all told", lambda w: w.drained()),
    ]


def _offline(has_list):
    steps = [
        ("link down", lambda w: w.link(False)),
        ("BOB begins", lambda w: w.begin(2, "BOB")),
        ("ALICE charges offline", lambda w: w.charge(1, "ALICE", 125000)),
        ("BOB ends offline", lambda w: w.stop(2, "BOB")),
    ]
    if has_list:
        steps.append(("FRANK is blocked", lambda w: w.turned_away(2, BLOCKED)))
    return steps + [
        ("power off", lambda w: w.power_off(600000)),
        ("ALICE goes on, time unknown", lambda w: w.charge(1, "ALICE", 70000)),
        ("CAROL charges", lambda w: w.charge(2, "CAROL", 65000)),
        ("CAROL ends", lambda w: w.stop(2, "CAROL")),
        ("ALICE ends", lambda w: w.stop(1, "ALICE")),
        ("BOB charges offline", lambda w: w.charge(1, "BOB", 65000)),
    ]


def _drain():
    return [
        ("an answer will be lost", lambda w: _lose_answer(w, 5)),
        ("link up", lambda w: w.link(True)),
        ("queue drained", lambda w: w.drained()),
    ]


def _other_list():
    return [
        ("a list is cut short", lambda w: w.interrupt_list(3, True, LIST)),
        ("another list", lambda w: w.send_list(3, True, OTHER_LIST)),
        ("other changes", lambda w: w.send_list(4, False, OTHER_CHANGES)),
    ]


def _restarts():
    return [
        ("any reserved for DAVE", lambda w: w.reserve(6, 0, "DAVE")),
        ("soft reset", lambda w: _reset(w, "Soft")),
        ("BOB leaves", lambda w: w.stop(1, "BOB")),
        ("DAVE charges", lambda w: w.charge(2, "DAVE", 65000)),
        ("his reservation is used", lambda w: w.reservation_used(6)),
        ("power off while online", lambda w: w.power_off(60000)),
        ("DAVE goes on", lambda w: w.charge(2, "DAVE", 10000)),
        ("hard reset", lambda w: _reset(w, "Hard")),
        ("DAVE ends", lambda w: w.stop(2, "DAVE")),
    ]


def _end(has_list):
    steps = [("no list", lambda w: w.send_list(5, True, []))] if has_list else []
    return steps + [
        ("cache cleared", lambda w: w.ask("ClearCache", {})),
        ("ALICE comes again", lambda w: w.charge(1, "ALICE", 10000)),
        ("ALICE goes", lambda w: w.stop(1, "ALICE")),
        ("end", lambda w: w.drained()),
    ]


def _sampled():
    """One transaction for half an hour: it is as old as can be what its record says."""
    return [
        ("1 will forget", lambda w: w.meter(1, "restarts")),
        ("ALICE charges for long", lambda w: w.charge(1, "ALICE", 29 * 60000)),
    ]


def _cut_twice():
    """The second time while the charger waits for the meter of the transaction that the first has ended, and
    somebody else has begun.
    """
    return [
        ("power off after half an hour", lambda w: w.power_off(60000)),
        ("1 will be silent", lambda w: w.meter(1, "silent")),
        ("ALICE leaves", lambda w: w.stop(1, "ALICE")),
        ("CAROL charges", lambda w: w.charge(1, "CAROL", 8 * 60000)),
        ("power off", lambda w: w.power_off(60000)),
        ("BOB begins at once", lambda w: w.begin(2, "BOB")),
        ("power off at once", lambda w: w.power_off(5000)),
        ("CAROL leaves", lambda w: w.stop(1, "CAROL")),
        ("BOB leaves", lambda w: w.stop(2, "BOB")),
    ]


def _asked_for():
    """The last that was told of a transaction is what the central system has asked for; of the second, which
    goes past the outbox, there is only the record. The meter is silent when the power returns.
    """
    return [
        ("DAVE charges", lambda w: w.charge(1, "DAVE", 70000)),
        ("his meter is asked for", lambda w: w.trigger("MeterValues", 1)),
        ("DAVE charges on", lambda w: w.charge(1, "DAVE", 40000)),
        ("nothing else is to be told", lambda w: w.pending()),
        ("his meter is asked for again", lambda w: w.trigger("MeterValues", 1)),
        ("the central system is ready", _ready),
        ("power off while DAVE charges", lambda w: w.power_off(60000)),
        ("DAVE leaves", lambda w: w.stop(1, "DAVE")),
    ]


def _warned():
    """Of all three connectors nothing but the records is left, which the power-fail input has made fresh."""
    return [
        ("all forget", lambda w: _meters(w, "restarts")),
        ("ALICE begins", lambda w: w.begin(1, "ALICE")),
        ("BOB begins", lambda w: w.begin(2, "BOB")),
        ("CAROL charges with them", lambda w: w.charge(3, "CAROL", 90000)),
        ("power off with a warning", lambda w: w.warned_power_off(60000)),
        ("ALICE is gone", lambda w: w.stop(1, "ALICE")),
        ("BOB is gone", lambda w: w.stop(2, "BOB")),
        ("CAROL is gone", lambda w: w.stop(3, "CAROL")),
        ("told", lambda w: w.drained()),
    ]


def _refused():
    """Offline nobody knows that the tag is no good: it is refused when StartTransaction is answered."""
    return [
        ("link down", lambda w: w.link(False)),
        ("somebody charges offline", lambda w: w.charge(3, REFUSED, 70000)),
        ("link up", lambda w: w.link(True)),
        ("refused", lambda w: w.refused(3)),
        ("end", lambda w: w.drained()),
    ]


def _meters(world, at_power_up):
    for number in range(world.plan.connectors):
        world.meter(number + 1, at_power_up)


def _refuse(world, count):
    world.central.refuse = count


def _lose_answer(world, after):
    world.central.lose_answer = after


def _ready(world):
    world.central.pending = False


def _reset(world, kind):
    world.online()
    boots = world.boots
    world.ask("Reset", {"type": kind})
    world.until("reset", lambda: world.boots > boots)
