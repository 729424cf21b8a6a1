# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Random lives of a station with two connectors: whatever drivers, cars, CSMS and hardware do, and in any
order,
every transaction is begun and ended once, nothing flows without one, and nobody is locked out afterwards."""

from hypothesis import strategies as some
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from host_tests.unit.rig import Rig
from station.authorization import IdTagInfo

CONNECTOR = some.integers(0, 1)
TAG = some.sampled_from(("GOOD", "other", "FLEET1", "FLEET2", "BAD", "BLOCKED"))
STATUS = some.sampled_from(("Accepted", "Blocked", "Expired", "Invalid", "ConcurrentTx"))
FAULT = some.sampled_from(
    ("GroundFailure", "OverTemperature", "ConnectorLockFailure", "EmergencyStop", "WeakSignal")
)


class Station(RuleBasedStateMachine):
    @initialize(
        cable=some.sampled_from(("fixed", "socket")),
        keys=some.fixed_dictionaries(
            {
                "StopTransactionOnEVSideDisconnect": some.sampled_from(("true", "false")),
                "StopTransactionOnInvalidId": some.sampled_from(("true", "false")),
                "MaxEnergyOnInvalidId": some.sampled_from(("0", "300")),
                "AuthorizeRemoteTxRequests": some.sampled_from(("true", "false")),
                "AllowOfflineTxForUnknownId": some.sampled_from(("true", "false")),
                "MinimumStatusDuration": some.sampled_from(("0", "2")),
                "ConnectionTimeOut": some.sampled_from(("0", "5", "60")),
                "MeterValueSampleInterval": some.sampled_from(("0", "10")),
            }
        ),
        unlock=some.booleans(),
        start_ticks=some.sampled_from((0, (1 << 30) - 7000)),
    )
    def begin(self, cable, keys, unlock, start_ticks):
        if cable == "socket":
            keys = dict(keys, UnlockConnectorOnEVSideDisconnect="true" if unlock else "false")
        self.rig = Rig(connectors=2, cable=cable, start_ticks=start_ticks, **keys)
        self.rig.wire.tags = {
            "GOOD": IdTagInfo("Accepted"),
            "other": IdTagInfo("Accepted"),
            "FLEET1": IdTagInfo("Accepted", None, "FLEET"),
            "FLEET2": IdTagInfo("Accepted", None, "FLEET"),
            "BLOCKED": IdTagInfo("Blocked"),
        }
        self.running = {}  # connector -> meterStart
        self.sold_wh = [0, 0]
        self.next_id = 1
        self.rig.step()
        self._listen()

    def _listen(self, said=None):
        """Go through what was said on the wire."""
        for entry in (said or []) + self.rig.wire.take():
            if entry[0] == "Start":
                _, number, tag, meter_wh = entry
                assert number not in self.running, "two transactions at one connector"
                assert tag != "BAD" or not self.rig.wire.online or self._unasked()
                self.running[number] = meter_wh
            elif entry[0] == "Stop":
                _, number, _, _, meter_wh = entry
                assert number in self.running, "a StopTransaction without a start"
                assert meter_wh >= self.running[number], "energy went backwards"
                self.sold_wh[number - 1] += meter_wh - self.running.pop(number)
            elif entry[0] == "Meter":
                assert entry[1] in self.running, "MeterValues of a transaction outside it"

    def _unasked(self):
        """Some way in needs no Authorize."""
        value = self.rig.config.value
        return not value("AuthorizeRemoteTxRequests") or value("AllowOfflineTxForUnknownId")

    def _step(self, ms):
        for index, supply in enumerate(self.rig.supplies):
            if supply.energised:
                self.rig.energy_wh[index] += ms // 100
        self._listen(self.rig.step(ms))

    @rule(ms=some.sampled_from((20, 100, 1000, 6000, 70000)))
    def time(self, ms):
        self._step(ms)

    @rule(which=CONNECTOR, asking=some.booleans())
    def plug(self, which, asking):
        self.rig.supplies[which].plug(asking)

    @rule(which=CONNECTOR, cable_stays=some.booleans())
    def unplug(self, which, cable_stays):
        supply = self.rig.supplies[which]
        supply.unplug(cable_stays and supply.has_lock)
        self._step(20)

    @rule(which=CONNECTOR, asking=some.booleans(), slow=some.booleans())
    def car(self, which, asking, slow):
        supply = self.rig.supplies[which]
        if supply.plugged:
            supply.asking = asking
        supply.slow_car = slow

    @rule(tag=TAG)
    def swipe(self, tag):
        self._listen(self.rig.tag(tag))

    @rule(which=some.sampled_from((None, 0, 1, 2, 3)), tag=TAG, at_once=some.booleans())
    def remote_start(self, which, tag, at_once):
        status, begin = self.rig.station.admission.remote_start(tag, which, self.rig.now)
        assert (begin is None) == (status == "Rejected")
        if begin is not None:
            if not at_once:
                self._step(20)
            begin()
        self._step(20)

    @rule(transaction_id=some.integers(0, 6))
    def remote_stop(self, transaction_id):
        _, end = self.rig.station.admission.remote_stop(transaction_id)
        if end is not None:
            end()
        self._step(20)

    @rule(status=STATUS, parent=some.sampled_from((None, "FLEET")))
    def start_confirmed(self, status, parent):
        for connector in self.rig.station.connectors:
            transaction = connector.transaction
            if transaction is not None and transaction.transaction_id is None:
                info = IdTagInfo(status, None, parent)
                connector.start_confirmed(transaction.number, self.next_id, info)
                self.next_id += 1
        self._step(20)

    @rule(online=some.booleans())
    def link(self, online):
        self.rig.wire.online = online

    @rule()
    def csms_thinks(self):
        if self.rig.wire.waiting is None:
            self.rig.wire.waiting = []

    @precondition(lambda self: self.rig.wire.waiting)
    @rule()
    def csms_answers(self):
        waiting, self.rig.wire.waiting = self.rig.wire.waiting, None
        for answer in waiting:
            answer()
        self._step(20)

    @rule()
    def meter_thinks(self):
        if self.rig.held_readings is None:
            self.rig.held_readings = []

    @rule(silent=some.booleans())
    def meter_answers(self, silent):
        self.rig.meter_silent = silent
        held, self.rig.held_readings = self.rig.held_readings, None
        for answer in held or ():
            answer()
        self._step(20)

    @rule(which=CONNECTOR, name=FAULT, present=some.booleans())
    def fault(self, which, name, present):
        self.rig.supplies[which].faults = (name,) if present else ()
        self._step(20)

    @rule(which=some.integers(0, 2), operative=some.booleans())
    def availability(self, which, operative):
        assert self.rig.station.change_availability(which, operative) in ("Accepted", "Scheduled")
        self._step(20)

    @rule(which=CONNECTOR, stuck=some.booleans())
    def unlock(self, which, stuck):
        supply = self.rig.supplies[which]
        supply.lock_stuck = stuck
        answers = []
        self.rig.station.connectors[which].unlock(answers.append, self.rig.now)
        # A stop waits 8 s for the contactor at most, the lock gets 3 s; what was asked twice is refused at
        # once.
        self._answer_everything()
        self._step(12000)
        assert len(answers) == 1, answers
        supply.lock_stuck = False

    def _answer_everything(self):
        for answer in self.rig.wire.waiting or ():
            answer()
        self.rig.wire.waiting = None
        for answer in self.rig.held_readings or ():
            answer()
        self.rig.held_readings = None

    @invariant()
    def nothing_flows_without_a_transaction(self):
        if not hasattr(self, "rig"):
            return
        for connector in self.rig.station.connectors:
            if connector.supply.permitted:
                assert connector.transaction is not None
                assert not connector.ending
            assert (connector.transaction is not None) == (connector.number in self.running)

    def teardown(self):
        """Everybody leaves, everything is mended: a new driver must be able to charge at both connectors."""
        if not hasattr(self, "rig"):
            return
        rig = self.rig
        self._answer_everything()
        rig.meter_silent = False
        rig.wire.online = True
        for index, supply in enumerate(rig.supplies):
            supply.faults = ()
            supply.slow_car = supply.lock_stuck = False
            supply.unplug()
            connector = rig.station.connectors[index]
            connector.stop("Other", None, rig.now)
        rig.station.change_availability(0, True)
        self._step(71000)
        self._answer_everything()
        for connector in rig.station.connectors:
            if connector.grant is not None:
                connector.withdraw(rig.now)
        self._step(20)
        assert self.running == {}
        for index, tag in enumerate(("NEW1", "NEW2")):
            rig.wire.tags[tag] = IdTagInfo("Accepted")
            rig.supplies[index].plug(asking=True)
            self._step(20)
            self._listen(rig.tag(tag))
            self._step(100)
            assert index + 1 in self.running, "locked out"
            assert rig.station.connectors[index].status_name in ("Charging", "Preparing")


TestStation = Station.TestCase
