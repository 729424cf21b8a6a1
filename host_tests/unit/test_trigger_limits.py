# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""TriggerMessage over and over, with a connection that is lost, or a meter that says nothing."""

from host_tests.unit.trigger_rig import ACCEPTED, PENDING, REJECTED, Bench, boot, names, samples, told


def test_a_flood_takes_no_memory():
    async def script(bench):
        await bench.charge()
        bench.line.hold = True
        kept = bench.outbox.last_sequence
        everything = ("BootNotification", "Heartbeat", "StatusNotification", "MeterValues")
        for _ in range(30):
            for message in everything:
                said = await bench.trigger(message)
                assert said[0] == ACCEPTED
        assert len(bench.session._notes) == 4  # BootNotification is under way, and will be once more
        assert bench.outbox.last_sequence == kept + 1
        bench.line.hold = False
        bench.line.answer()
        said = await bench.step()
        assert sorted(names(said)) == sorted(
            ["Heartbeat", "MeterValues", "BootNotification"] + ["StatusNotification"] * 2
        )
        assert await bench.step() == []

    Bench(MeterValueSampleInterval="0").play(script)


def test_what_is_on_its_way_was_said_before():
    async def script(bench):
        await bench.charge()
        bench.line.hold = True
        assert names(await bench.trigger("MeterValues")) == ["conf", "MeterValues"]
        for _ in range(5):
            assert await bench.trigger("MeterValues") == [ACCEPTED]
        bench.line.answer()
        assert names(await bench.step()) == ["MeterValues"]
        assert bench.outbox.depth == 1
        bench.line.answer()
        assert await bench.step() == []
        assert names(await bench.trigger("MeterValues")) == ["conf", "MeterValues"]

    Bench(MeterValueSampleInterval="0").play(script)


def test_a_flood_without_a_transaction_or_an_answer():
    for boots in (boot("Accepted"), PENDING):

        async def script(bench):
            await bench.step()
            bench.line.hold = True
            bench.rig.held_readings = []
            for _ in range(30):
                assert await bench.trigger("MeterValues") == [ACCEPTED]
            assert len(bench.rig.held_readings) == 2 == len(bench.rig.station.connectors)
            for _ in range(2):
                bench.rig.held_readings.pop()()
            bench.rig.held_readings = None
            for _ in range(30):
                said = await bench.trigger("MeterValues", 1)
            assert said == [ACCEPTED] and len(bench.session._notes) <= 2

        Bench(boots, connectors=2).play(script)


def test_no_room():
    async def script(bench):
        await bench.step()
        bench.line.hold = True
        for count in range(31):
            bench.session._note("DataTransfer", {"n": count})
        assert names(await bench.step()) == ["DataTransfer"]
        assert await bench.trigger("StatusNotification") == [REJECTED]  # it would be three
        assert await bench.trigger("StatusNotification", 1) == [ACCEPTED]
        assert await bench.trigger("Heartbeat") == [ACCEPTED]
        assert await bench.trigger("BootNotification") == [REJECTED]
        assert bench.session._notes.room == 0

    Bench(connectors=2).play(script)


def test_a_flash_that_takes_nothing():
    """What is answered Accepted is said all the same, past the outbox, and so is the next one."""

    async def script(bench):
        await bench.charge()
        bench.journal.full = True
        for wh in (1300, 1400):
            bench.rig.energy_wh[0] = wh
            answer, message = await bench.trigger("MeterValues", 1)
            assert answer == ACCEPTED and message[1]["transactionId"] == 77
            assert samples(message)[0][1] == str(wh)
            assert bench.rig.station.connectors[0].transaction.meter_last_wh == wh
        bench.line.hold = True
        for _ in range(5):
            said = await bench.trigger("MeterValues", 1)
        assert said == [ACCEPTED] and len(bench.session._notes) == 1
        bench.line.hold = False
        bench.line.answer()
        assert names(await bench.step()) == ["MeterValues"]

    Bench(MeterValueSampleInterval="0").play(script)


def test_the_newest_status_is_the_last_one_told():
    async def script(bench):
        await bench.step()
        bench.line.hold = True
        assert names(await bench.trigger("Heartbeat")) == ["conf", "Heartbeat"]
        bench.rig.supply.plug()
        await bench.step(100)
        assert await bench.trigger("StatusNotification", 1) == [ACCEPTED]  # it waits already
        bench.rig.supply.unplug()
        await bench.step(100)
        assert await bench.trigger("StatusNotification", 1) == [ACCEPTED]
        bench.line.hold = False
        bench.line.answer()
        said = await bench.step()
        assert [payload["status"] for _, payload in said] == ["Preparing", "Available"]

    Bench().play(script)


def test_pending_the_newest_status_as_well():
    async def script(bench):
        await bench.step()
        bench.line.hold = True
        assert names(await bench.trigger("Heartbeat")) == ["conf", "Heartbeat"]
        assert await bench.trigger("StatusNotification", 1) == [ACCEPTED]
        bench.rig.supply.plug()
        assert await bench.step(100) == []
        for _ in range(3):
            assert await bench.trigger("StatusNotification", 1) == [ACCEPTED]
        bench.line.hold = False
        bench.line.answer()
        said = await bench.step()
        assert [payload["status"] for _, payload in said] == ["Available", "Preparing"]

    Bench(PENDING).play(script)


def test_what_was_asked_for_goes_with_the_connection():
    async def script(bench):
        await bench.charge()
        kept = bench.outbox.last_sequence
        bench.rig.held_readings = held = []
        bench.line.hold = True
        assert names(await bench.trigger("Heartbeat")) == ["conf", "Heartbeat"]
        for message in ("MeterValues", "BootNotification", "Heartbeat", "StatusNotification"):
            assert await bench.trigger(message) == [ACCEPTED]
        bench.hold = False
        bench.session._connect, connect = no_network, bench.session._connect
        bench.line.abort("cut")
        await bench.step()
        held.pop()()  # its reading comes now
        assert bench.outbox.last_sequence == kept and len(bench.session._notes) == 0
        bench.session._connect = connect
        while len(bench.lines) < 2:
            await bench.step()
        assert await bench.step(100) == []  # what the CSMS knows is told no more, what it asked for neither
        bench.rig.held_readings = None
        assert names(await bench.trigger("MeterValues")) == ["conf", "MeterValues"]

    Bench(MeterValueSampleInterval="0").play(script)


def test_pending_it_goes_with_the_connection_as_well():
    async def script(bench):
        await bench.step()
        bench.rig.held_readings = held = []
        assert await bench.trigger("MeterValues") == [ACCEPTED]
        bench.session._connect = no_network
        bench.line.abort("cut")
        await bench.step()
        held.pop()()
        assert len(bench.session._notes) == 0

    Bench(PENDING).play(script)


async def no_network():
    raise OSError("no network")


def test_a_silent_meter():
    async def script(bench):
        await bench.step()
        rig = bench.rig
        rig.meter_silent = True
        assert await bench.trigger("MeterValues", 1) == [ACCEPTED]
        assert rig.asked_meters == 3
        rig.held_readings = held = []
        assert await bench.trigger("MeterValues", 1) == [ACCEPTED]
        rig.meter_silent = False
        held.pop()()  # a single silence is noise
        held.pop()()
        assert told(await bench.step()) == [("MeterValues", 1)]
        rig.meter_silent = True
        rig.supplies[0].report("MeterFailure", True)
        assert await bench.trigger("MeterValues", 1) == [REJECTED]
        rig.held_readings = None
        rig.meter_silent = False
        said = await bench.trigger("MeterValues")  # the other one can be read
        assert told(said[1:]) == [("MeterValues", 2)]
        rig.supplies[1].report("MeterFailure", True)
        assert await bench.trigger("MeterValues") == [REJECTED]

    Bench(connectors=2).play(script)
