# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The cable in a session: unplugged at the car, locked for its owner, unlocked on request."""

from host_tests.unit.rig import Rig
from station.authorization import IdTagInfo


def test_unplugged_at_the_car_with_a_fixed_cable():
    rig = Rig(StopTransactionOnEVSideDisconnect="true")
    rig.charge()
    rig.supply.unplug()
    said = rig.step(20)
    assert ("Stop", 1, "EVDisconnected", None, 1000) in said
    assert rig.statuses(said)[-1] == "Available"


def test_unplugged_at_the_car_with_a_socket_and_unlock():  # case 005_1
    rig = Rig(
        cable="socket", StopTransactionOnEVSideDisconnect="true", UnlockConnectorOnEVSideDisconnect="true"
    )
    rig.charge()
    assert not rig.supply.held
    rig.supply.unplug(cable_stays=True)
    said = rig.step(20)
    assert ("Stop", 1, "EVDisconnected", None, 1000) in said
    assert rig.statuses(said) == ["Finishing"]
    assert rig.supply.locked is False
    rig.supply.cable = False
    assert rig.step() == [("Status", 1, "Available")]


def test_unplugged_at_the_car_without_unlock_keeps_the_cable_for_its_owner():  # case 005_2, errata 3.5
    rig = Rig(
        cable="socket", StopTransactionOnEVSideDisconnect="true", UnlockConnectorOnEVSideDisconnect="false"
    )
    rig.charge()
    assert rig.supply.held
    rig.supply.unplug(cable_stays=True)
    rig.step(20)
    assert rig.supply.locked is True
    rig.tag("BAD")
    assert rig.tag("OTHER") == []  # may charge here, but with a cable of its own
    assert rig.station.admission.remote_start("OTHER", 1, rig.now)[0] == "Rejected"
    assert rig.supply.locked is True
    said = rig.tag("GOOD")
    assert rig.supply.locked is False
    assert not [entry for entry in said if entry[0] == "Start"]


def test_the_owner_of_a_locked_cable_plugs_in_again():
    rig = Rig(
        cable="socket", StopTransactionOnEVSideDisconnect="true", UnlockConnectorOnEVSideDisconnect="false"
    )
    rig.charge()
    rig.supply.unplug(cable_stays=True)
    rig.step(20)
    rig.supply.plug()
    assert rig.step() == [("Status", 1, "Preparing")]
    assert rig.tag("OTHER") == []
    assert ("Start", 1, "GOOD", 1000) in rig.tag("GOOD")


def test_a_locked_cable_and_a_tag_of_the_same_parent():  # errata 3.5
    rig = Rig(
        cable="socket", StopTransactionOnEVSideDisconnect="true", UnlockConnectorOnEVSideDisconnect="false"
    )
    rig.wire.tags = {tag: IdTagInfo("Accepted", None, "FLEET") for tag in ("GOOD", "OTHER")}
    rig.wire.tags["CLUB"] = IdTagInfo("Accepted", None, "CLUB")
    rig.charge()
    rig.supply.unplug(cable_stays=True)
    rig.step(20)
    assert rig.tag("CLUB") == [("Authorize", "CLUB")]
    assert rig.supply.locked is True
    assert rig.tag("OTHER") == [("Authorize", "OTHER")]
    assert rig.supply.locked is False


def test_unplugged_at_the_car_and_the_transaction_goes_on():  # case 005_3
    rig = Rig(
        cable="socket", StopTransactionOnEVSideDisconnect="false", UnlockConnectorOnEVSideDisconnect="false"
    )
    connector = rig.charge()
    rig.supply.unplug(cable_stays=True)
    assert rig.step(20) == [("Status", 1, "SuspendedEV")]
    assert rig.wire.last_report == ("SuspendedEV", "NoError", "EV side disconnected", None)
    rig.supply.plug(asking=True)
    assert rig.step(20) == [("Status", 1, "Charging")]
    rig.supply.unplug(cable_stays=True)
    rig.step(20)
    connector.stop("Remote", None, rig.now)
    said = rig.step()
    assert ("Stop", 1, "Remote", None, 1000) in said
    assert rig.statuses(said) == ["Finishing"]


def test_the_cable_stays_locked_as_long_as_the_session_goes_on():  # section 9.1
    rig = Rig(
        cable="socket", StopTransactionOnEVSideDisconnect="false", UnlockConnectorOnEVSideDisconnect="true"
    )
    connector = rig.charge()
    rig.supply.unplug(cable_stays=True)
    rig.step(1000)
    assert rig.supply.locked is True
    rig.config.change("StopTransactionOnEVSideDisconnect", "true")  # counts from now on
    rig.step()
    assert not rig.supply.held
    connector.stop("Remote", None, rig.now)
    rig.step()
    assert rig.supply.locked is False


def test_unlock_a_fixed_cable():  # cases 017_2, 018_2
    rig = Rig()
    connector = rig.charge()
    answers = []
    connector.unlock(answers.append, rig.now)
    assert answers == ["NotSupported"]
    assert connector.transaction is not None


def test_unlock_an_idle_socket():  # case 017_1
    rig = Rig(cable="socket")
    rig.supply.plug()
    rig.step()
    answers = []
    rig.station.connectors[0].unlock(answers.append, rig.now)
    assert rig.supply.locked is False
    rig.step(1000)
    assert answers == ["Unlocked"]
    rig.supply.unplug()
    rig.step()
    rig.station.connectors[0].unlock(answers.append, rig.now)
    assert answers == ["Unlocked"] * 2  # nothing to wait for


def test_unlock_while_the_lock_is_closing():
    rig = Rig(cable="socket")
    rig.supply.plug()
    rig.supply.locked = False
    rig.step()
    rig.supply.lock_stuck = True
    answers = []
    rig.station.connectors[0].unlock(answers.append, rig.now)
    rig.step(200)
    rig.supply.locked = True  # the bolt went home nevertheless
    rig.step(2000)
    assert answers == []
    rig.step(1000)
    assert answers == ["UnlockFailed"]


def test_unlock_ends_the_transaction_first():  # case 018_1
    rig = Rig(cable="socket")
    connector = rig.charge()
    rig.supply.slow_car = True
    answers = []
    connector.unlock(lambda status: answers.append((status, rig.supply.energised)), rig.now)
    rig.step(1000)
    assert answers == []
    assert rig.supply.locked
    rig.supply.slow_car = False
    said = rig.step(600)
    assert answers == [("Unlocked", False)]
    assert ("Stop", 1, "UnlockCommand", None, 1000) in said
    assert rig.statuses(said) == ["Finishing"]


def test_unlock_fails():  # case 030
    rig = Rig(cable="socket")
    rig.supply.plug()
    rig.step()
    rig.supply.lock_stuck = True
    answers = []
    rig.station.connectors[0].unlock(answers.append, rig.now)
    rig.step(2900)
    assert answers == []
    rig.step(300)
    assert answers == ["UnlockFailed"]


def test_nobody_begins_while_the_lock_is_opening():
    rig = Rig(cable="socket")
    rig.supply.plug()
    rig.step()
    rig.wire.waiting = []
    rig.tag("GOOD")
    rig.supply.lock_stuck = True
    answers = []
    rig.station.connectors[0].unlock(answers.append, rig.now)
    rig.wire.waiting[0]()
    said = rig.step(4000)
    assert answers == ["UnlockFailed"]
    assert not [entry for entry in said if entry[0] == "Start"]
