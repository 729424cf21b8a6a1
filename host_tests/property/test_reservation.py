# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Random lives of a station whose connectors are reserved, each or any of them: nobody else charges where a
place is kept, who comes for it gets in, a reservation is told and gone with its transaction, and nothing that
is over blocks anybody."""

from hypothesis import strategies as some
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from host_tests.unit.rig import MemoryRecord, Rig
from station.authorization import IdTagInfo
from station.clock import Clock
from station.reservation import Reservation

NOON = 1790000000000
CONNECTORS = 2
CONNECTOR = some.integers(0, CONNECTORS - 1)
PARENTS = {"A": None, "B": None, "FLEET1": "FLEET", "FLEET2": "FLEET", "RIVAL": "RIVALS"}
TAG = some.sampled_from(sorted(PARENTS))
FAULT = some.sampled_from(("GroundFailure", "OverTemperature", "WeakSignal", "", ""))


def row(reservation):
    return (
        reservation.number,
        reservation.connector,
        reservation.tag,
        reservation.parent,
        reservation.expiry_utc_ms,
    )


class Reserved(RuleBasedStateMachine):
    @initialize(
        asks=some.booleans(),
        offline=some.booleans(),
        timeout_s=some.sampled_from(("0", "5", "60")),
        start_ticks=some.sampled_from((0, (1 << 30) - 7000)),
    )
    def begin(self, asks, offline, timeout_s, start_ticks):
        self.keys = {
            "AuthorizeRemoteTxRequests": "true" if asks else "false",
            "AllowOfflineTxForUnknownId": "true" if offline else "false",
            "ConnectionTimeOut": timeout_s,
            "MeterValueSampleInterval": "0",
        }
        self.record = MemoryRecord()
        self.told = []  # the reservationId of each StartTransaction
        self.transactions = [MemoryRecord() for _ in range(CONNECTORS)]
        clock = Clock(1, start_ticks)
        clock.set_utc_ms(NOON)
        self._boot(clock, start_ticks)

    def _boot(self, clock, ticks):
        self.rig = rig = Rig(
            connectors=CONNECTORS,
            records=self.transactions,
            start_ticks=ticks,
            clock=clock,
            reservations=self.record,
            **self.keys,
        )
        rig.wire.tags = {tag: IdTagInfo("Accepted", None, parent) for tag, parent in PARENTS.items()}
        self.set = rig.station.reservations
        for connector in rig.station.connectors:
            connector.give = self._watched(connector, connector.give)
        rig.wire.started = self._started
        rig.station.recover(rig.now)
        self._step()

    def _step(self, ms=20):
        self.rig.step(ms)
        self.rig.step(20)

    # --- what must hold when somebody is let in, and when a transaction begins

    def _admits(self, reservation, tag, parent):
        return reservation.tag == tag or (parent is not None and reservation.parent == parent)

    def _waiting(self):
        """Reservations of any connector whose driver is not there yet."""
        there = [c.grant.reservation for c in self.rig.station.connectors if c.grant is not None]
        return [one for one in self.set.all if one.connector == 0 and one not in there]

    def _is_place(self, connector):
        return (
            not connector.busy
            and connector.grant is None
            and connector.blocked is None
            and connector.station.availability.operative(connector.number)
            and all(one.connector != connector.number for one in self.set.all)
        )

    def _watched(self, connector, give):
        def watched(grant, now):
            for one in self.set.all:
                if one.connector == connector.number:
                    assert self._admits(one, grant.tag, grant.parent), "a stranger at a reserved connector"
            waiting = self._waiting()
            places = [c for c in self.rig.station.connectors if c is not connector and self._is_place(c)]
            if not any(self._admits(one, grant.tag, grant.parent) for one in waiting):
                own = any(one.connector == connector.number for one in self.set.all)
                assert own or len(places) >= len(waiting), "a stranger at the last connector that was kept"
            give(grant, now)

        return watched

    def _started(self, transaction):
        usable = [
            one.number
            for one in self.set.all
            if one.connector == transaction.connector
            or (one in self._waiting() and self.set.of(transaction.connector) is None)
            if self._admits(one, transaction.id_tag, transaction.parent)
        ]
        if transaction.reservation_id is None:
            assert not usable, "a reservation was used and not told"
        else:
            assert transaction.reservation_id in usable, "a reservation was told that was not used"
        self.told.append(transaction.reservation_id)
        return True

    # --- the CSMS

    @rule(
        number=some.integers(1, 4),
        connector=some.integers(0, CONNECTORS + 1),
        tag=TAG,
        parent=some.sampled_from((None, "FLEET")),
        seconds=some.sampled_from((-5, 0, 3, 100, 4000)),
    )
    def reserve(self, number, connector, tag, parent, seconds):
        before = [row(one) for one in self.set.all]
        now_ms = self.rig.clock.utc_ms or NOON
        new = Reservation(number, connector, tag, parent, now_ms + seconds * 1000)
        status = self.rig.station.reserve(new)
        after = [row(one) for one in self.set.all]
        if status == "Accepted":
            assert after == [one for one in before if one[0] != number] + [row(new)]
            assert connector <= CONNECTORS
        else:
            assert status in ("Faulted", "Occupied", "Rejected", "Unavailable")
            assert after == before
        if self.rig.clock.known and seconds <= 0:
            assert status == "Rejected"
        self._step()

    @rule(number=some.integers(1, 4))
    def cancel(self, number):
        known = self.set.find(number) is not None
        assert self.set.cancel(number) == ("Accepted" if known else "Rejected")
        assert self.set.find(number) is None
        self._step()

    @rule(which=some.sampled_from((None, 1, 2)), tag=TAG)
    def remote_start(self, which, tag):
        _, begin = self.rig.station.admission.remote_start(tag, which, self.rig.now)
        if begin is not None:
            begin()
        self._step()

    @rule(which=CONNECTOR)
    def stop(self, which):
        self.rig.station.connectors[which].stop("Remote", None, self.rig.now)
        self._step()

    @rule(online=some.booleans())
    def link(self, online):
        self.rig.wire.online = online

    @rule()
    def csms_thinks(self):
        if self.rig.wire.waiting is None:
            self.rig.wire.waiting = []

    @rule()
    def csms_answers(self):
        waiting, self.rig.wire.waiting = self.rig.wire.waiting, None
        for answer in waiting or ():
            answer()
        self._step()

    @rule(which=some.integers(0, CONNECTORS), operative=some.booleans())
    def availability(self, which, operative):
        self.rig.station.change_availability(which, operative)
        self._step()

    # --- drivers, cars, hardware

    @rule(tag=TAG)
    def swipe(self, tag):
        self.rig.tag(tag)
        self._step()

    @rule(which=CONNECTOR, asking=some.booleans())
    def plug(self, which, asking):
        self.rig.supplies[which].plug(asking)
        self._step()

    @rule(which=CONNECTOR)
    def unplug(self, which):
        self.rig.supplies[which].unplug()
        self._step()

    @rule(which=CONNECTOR, name=FAULT)
    def fault(self, which, name):
        self.rig.supplies[which].faults = (name,) if name else ()
        self._step()

    @rule(which=CONNECTOR)
    def unlock(self, which):
        self.rig.station.connectors[which].unlock(lambda status: None, self.rig.now)

    @precondition(lambda self: self.set.all)
    @rule(data=some.data())
    def the_driver_comes(self, data):
        """Who comes for a reservation gets in, where no car of somebody else is in the way."""
        rig = self.rig
        one = data.draw(some.sampled_from(self.set.all))
        connectors = rig.station.connectors
        if not rig.wire.online or rig.wire.waiting is not None or rig.station.admission._asking:
            return
        if any(c.grant or c.busy or c.holder or c._unlocking for c in connectors if one.connector == 0):
            return
        if any(
            (c.transaction is not None and c.transaction.id_tag == one.tag)
            or (c.grant is not None and c.grant.tag == one.tag)
            for c in connectors
        ):
            return  # the same tag would end that
        if not any(
            c.usable and not c.supply.plugged and c.number in (one.connector or c.number, c.number)
            for c in connectors
            if one.connector in (0, c.number)
        ):
            return
        other = [r for r in self.set.all if r.tag == one.tag or (r.parent and r.parent == PARENTS[one.tag])]
        self.told = []
        rig.tag(one.tag)
        grants = [c.grant for c in connectors if c.grant is not None and c.grant.reservation is not None]
        got = self.told + [grant.reservation.number for grant in grants]
        assert any(r.number in got for r in other), "the driver was turned away"
        self._step()

    # --- time

    @rule(ms=some.sampled_from((20, 1000, 6000, 70000)))
    def time(self, ms):
        self._step(ms)

    @rule(by_s=some.sampled_from((-4000, -10, 5, 200, 5000)))
    def clock(self, by_s):
        self.rig.clock.set_utc_ms((self.rig.clock.utc_ms or NOON) + by_s * 1000)
        self._step()

    @rule(known=some.booleans(), off_s=some.sampled_from((0, 50, 5000)))
    def reboot(self, known, off_s):
        before = [row(one) for one in self.set.all]
        clock = Clock(self.rig.clock.boot + 1, 0)
        later_ms = (self.rig.clock.utc_ms or NOON) + off_s * 1000
        if known:
            clock.set_utc_ms(later_ms)
        self._boot(clock, 0)
        left = [one for one in before if not known or one[4] > self.rig.clock.utc_ms]
        assert [row(one) for one in self.set.all] == left

    # --- at any time

    @invariant()
    def at_most_one_of_each(self):
        if not hasattr(self, "rig"):
            return
        numbers = [one.number for one in self.set.all]
        places = [one.connector for one in self.set.all if one.connector]
        assert len(set(numbers)) == len(numbers) and len(set(places)) == len(places)
        assert len(numbers) <= 2 * CONNECTORS
        assert [list(row(one)) for one in self.set.all] == (self.record.value or [])

    @invariant()
    def what_is_over_is_gone(self):
        if not hasattr(self, "rig") or not self.rig.clock.known:
            return
        for one in self.set.all:
            assert one.expiry_utc_ms > self.rig.clock.utc_ms

    @invariant()
    def it_is_shown(self):
        if not hasattr(self, "rig"):
            return
        for connector in self.rig.station.connectors:
            specific = self.set.of(connector.number)
            if specific is not None:
                assert not connector.busy
                wanted = "Reserved"
                if connector.grant is not None or connector.remote_pending:
                    wanted = "Preparing"
                elif connector.finishing:
                    wanted = "Finishing"
                assert connector.status_name == wanted
            elif connector.status_name == "Reserved":
                assert self._waiting()

    def teardown(self):
        """What was reserved is cancelled, and everybody can charge everywhere."""
        if not hasattr(self, "rig"):
            return
        rig = self.rig
        rig.wire.online = True
        self.csms_answers()
        for one in list(self.set.all):
            assert self.set.cancel(one.number) == "Accepted"
        for supply, connector in zip(rig.supplies, rig.station.connectors, strict=True):
            supply.faults = ()
            supply.unplug()
            connector.stop("Other", None, rig.now)
        rig.station.change_availability(0, True)
        self._step(71000)
        for connector in rig.station.connectors:
            if connector.grant is not None:
                connector.withdraw(rig.now)
        self._step()
        for index in range(CONNECTORS):
            tag = f"NEW{index}"
            rig.wire.tags[tag] = IdTagInfo("Accepted")
            rig.supplies[index].plug(asking=True)
            self._step()
            rig.tag(tag)
            self._step(100)
            assert rig.station.connectors[index].status_name == "Charging", "locked out"


TestReserved = Reserved.TestCase
