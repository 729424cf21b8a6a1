# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""TriggerMessage (section 5.17, cases 054 and 055): the answer first, then the message."""

from host_tests.unit.trigger_rig import (
    ACCEPTED,
    NOT_IMPLEMENTED,
    PENDING,
    REJECTED,
    Bench,
    boot,
    names,
    samples,
    told,
)
from ocpp16.trigger import RemoteTrigger

BAD_VALUE = ("error", "PropertyConstraintViolation")


# Message, connectorId -> what is said behind the answer, on a station of two connectors.
EVERY = (
    ("Heartbeat", None, [("Heartbeat", None)]),
    ("Heartbeat", 1, [("Heartbeat", None)]),
    ("Heartbeat", 99, [("Heartbeat", None)]),  # of no meaning: ignored
    ("BootNotification", None, [("BootNotification", None)]),
    ("BootNotification", 2, [("BootNotification", None)]),
    ("StatusNotification", None, [("StatusNotification", number) for number in (0, 1, 2)]),
    ("StatusNotification", 0, [("StatusNotification", 0)]),
    ("StatusNotification", 2, [("StatusNotification", 2)]),
    ("MeterValues", None, [("MeterValues", 1), ("MeterValues", 2)]),
    ("MeterValues", 1, [("MeterValues", 1)]),
)
REFUSED = (
    ("StatusNotification", 3, REJECTED),
    ("MeterValues", 3, REJECTED),
    ("MeterValues", 0, REJECTED),  # no main meter
    ("StatusNotification", -1, BAD_VALUE),
    ("MeterValues", -1, BAD_VALUE),
    ("Heartbeat", -1, BAD_VALUE),
    ("DiagnosticsStatusNotification", None, NOT_IMPLEMENTED),
    ("FirmwareStatusNotification", None, NOT_IMPLEMENTED),
    ("FirmwareStatusNotification", 1, NOT_IMPLEMENTED),
    ("StartTransaction", None, NOT_IMPLEMENTED),  # not in the schema, and section 5.17 has this for it
    ("LogStatusNotification", None, NOT_IMPLEMENTED),
    ("", None, NOT_IMPLEMENTED),
    ("x" * 3000, 1, NOT_IMPLEMENTED),
)


async def every_message(bench):
    for message, number, expected in EVERY:
        said = await bench.trigger(message, number)
        assert said[0] == ACCEPTED, (message, number, said)
        assert told(said[1:]) == expected, (message, number, said)
    for message, number, answer in REFUSED:
        assert await bench.trigger(message, number) == [answer], (message, number)


def test_each_message_registered():
    async def script(bench):
        assert names(await bench.step()) == ["BootNotification"] + ["StatusNotification"] * 3
        await every_message(bench)
        assert await bench.step(1000) == []

    Bench(connectors=2).play(script)


def test_each_message_pending():
    async def script(bench):
        assert names(await bench.step()) == ["BootNotification"]
        await every_message(bench)
        assert bench.session.registration == "Pending" and not bench.session.online
        assert await bench.step(1000) == []

    Bench(PENDING, connectors=2).play(script)


def test_what_the_schema_forbids():
    async def script(bench):
        await bench.step()
        for payload, code in (
            ({}, "OccurenceConstraintViolation"),
            ({"connectorId": 1}, "OccurenceConstraintViolation"),
            ({"requestedMessage": 5}, "TypeConstraintViolation"),
            ({"requestedMessage": None}, "TypeConstraintViolation"),
            ({"requestedMessage": ["Heartbeat"]}, "TypeConstraintViolation"),
            ({"requestedMessage": "MeterValues", "connectorId": "1"}, "TypeConstraintViolation"),
            ({"requestedMessage": "MeterValues", "connectorId": True}, "TypeConstraintViolation"),
            ({"requestedMessage": "MeterValues", "connectorId": 2147483648}, "PropertyConstraintViolation"),
            ({"requestedMessage": "MeterValues", "connector": 1}, "FormationViolation"),
        ):
            bench.line.ask("TriggerMessage", payload)
            assert await bench.step() == [("error", code)], payload

    Bench().play(script)


def test_what_it_says():
    async def script(bench):
        await bench.step()
        bench.rig.supply.report("GroundFailure", True)
        bench.rig.config.change("MinimumStatusDuration", "60")
        await bench.step(100)
        # MinimumStatusDuration holds back what is told by itself, not what is asked for.
        _, (_, status) = await bench.trigger("StatusNotification", 1)
        assert (status["status"], status["errorCode"]) == ("Faulted", "GroundFailure") and status["info"]
        assert "StatusNotification" not in names(await bench.step(60000))
        _, (_, again) = await bench.trigger("StatusNotification", 1)
        assert again == status  # since when it is so, not since when it is asked for
        bench.rig.config.change("MeterValuesSampledData", "Power.Active.Import,Energy.Active.Import.Register")
        _, message = await bench.trigger("MeterValues", 1)
        assert samples(message) == [("Power.Active.Import", "0"), ("Energy.Active.Import.Register", "1000")]
        assert "transactionId" not in message[1]
        assert message[1]["meterValue"][0]["timestamp"] == bench.rig.clock.text(bench.rig.clock.utc_ms, True)
        bench.rig.config.change("MeterValuesSampledData", "")
        _, message = await bench.trigger("MeterValues", 1)
        assert samples(message) == [("Energy.Active.Import.Register", "1000")]
        _, message = await bench.trigger("BootNotification")
        assert message == ("BootNotification", {"chargePointVendor": "V"})
        assert bench.rig.asked_meters == 2

    Bench().play(script)


def test_a_sample_of_a_transaction_goes_through_the_outbox():
    async def script(bench):
        said = await bench.charge()
        assert "StartTransaction" in names(said)
        bench.rig.energy_wh[0] = 1300
        bench.rig.config.change(
            "MeterValuesSampledData", "Energy.Active.Import.Register,Energy.Active.Import.Interval"
        )
        kept = bench.outbox.last_sequence
        answer, message = await bench.trigger("MeterValues")
        assert answer == ACCEPTED and message[1]["transactionId"] == 77
        assert samples(message) == [
            ("Energy.Active.Import.Register", "1300"),
            ("Energy.Active.Import.Interval", "300"),
        ]
        assert bench.outbox.last_sequence == kept + 1 and bench.outbox.depth == 0
        # What was told is billed, whatever the meter says later; the series of samples has not seen it.
        assert bench.rig.station.connectors[0].transaction.meter_last_wh == 1300
        bench.rig.energy_wh[0] = 1500
        said = await bench.step(60000)
        values = said[0][1]["meterValue"][0]["sampledValue"]
        assert [(value["context"], value["value"]) for value in values] == [
            ("Sample.Periodic", "1500"),
            ("Sample.Periodic", "500"),
        ]

    Bench(MeterValueSampleInterval="60").play(script)


def test_a_transaction_that_has_just_ended():
    async def script(bench):
        await bench.charge()
        bench.rig.held_readings = held = []
        assert await bench.trigger("MeterValues", 1) == [ACCEPTED]
        bench.rig.station.tag("GOOD", None, bench.rig.now)
        await bench.step(100)
        held.pop(1)()  # the reading for the end comes first
        said = await bench.step(100)
        assert said[0][0] == "StopTransaction"
        held.pop(0)()
        [message] = await bench.step(100)
        assert samples(message) and "transactionId" not in message[1]

    Bench(AuthorizeRemoteTxRequests="false").play(script)


# --- Pending ---


def test_pending_nothing_is_said_but_what_is_asked_for():
    async def script(bench):
        assert names(await bench.step()) == ["BootNotification"]
        bench.rig.supply.plug(asking=True)
        bench.rig.station.tag("GOOD", None, bench.rig.now)  # offline rules: unknown tags may start
        assert await bench.step(5000) == []
        record = bench.rig.records[0]
        assert bench.rig.station.connectors[0].transaction is not None and bench.outbox.depth > 0
        bench.rig.energy_wh[0] = 1234
        saves = record.saves
        said = await bench.trigger("MeterValues", 1)
        assert names(said) == ["conf", "MeterValues"]
        # Its StartTransaction waits: there is no transactionId yet. What is told is in its record.
        assert "transactionId" not in said[1][1] and samples(said[1])[0][1] == "1234"
        assert record.saves == saves + 1
        said = await bench.trigger("StatusNotification")
        assert [payload.get("status") for _, payload in said] == ["Accepted", "Available", "Charging"]
        depth = bench.outbox.depth
        assert await bench.step(40000) == [] and bench.outbox.depth == depth
        # BootNotification when its time has come; then everything else.
        said = await bench.step(60000)
        assert names(said) == ["BootNotification", "StartTransaction"] + ["StatusNotification"] * 2
        said = await bench.trigger("MeterValues", 1)
        assert said[1][1]["transactionId"] == 77

    keys = {"MeterValueSampleInterval": "0", "AllowOfflineTxForUnknownId": "true"}
    Bench(PENDING, boot("Accepted"), **keys).play(script)


def test_pending_a_boot_notification_counts_at_once():
    async def script(bench):
        await bench.step()
        said = await bench.trigger("BootNotification")
        assert names(said) == ["conf", "BootNotification"]
        assert bench.session.registration == "Pending"
        assert await bench.step(59000) == []  # from the second answer on: 100 s
        assert await bench.step(2000) == []
        said = await bench.trigger("BootNotification")
        assert names(said) == ["conf", "BootNotification"] + ["StatusNotification"] * 2
        assert bench.session.online and bench.rig.config.value("HeartbeatInterval") == 7
        assert names(await bench.step(7000)) == ["Heartbeat"]

    Bench(PENDING, boot("Pending", 100), boot("Accepted", 7)).play(script)


def test_before_the_first_answer_nothing_but_boot_notification():
    async def script(bench):
        line = bench.line
        assert names(line.take()) == ["BootNotification"]
        for message in ("Heartbeat", "StatusNotification", "MeterValues"):
            assert await bench.trigger(message) == [REJECTED]
        assert await bench.trigger("BootNotification") == [ACCEPTED]
        line.hold = False
        line.answer()
        # One more, since the CSMS has asked for it; only then it is known how things stand.
        assert names(await bench.step()) == ["BootNotification"] + ["StatusNotification"] * 2
        assert bench.session.online

    Bench(PENDING, boot("Accepted"), hold=True).play(script)


def test_a_rejection_drops_what_was_asked_for():
    async def script(bench):
        await bench.step()
        bench.line.hold = True
        said = await bench.trigger("BootNotification")
        assert names(said) == ["conf", "BootNotification"]
        assert await bench.trigger("Heartbeat") == [ACCEPTED]
        bench.rig.held_readings = []
        assert await bench.trigger("MeterValues") == [ACCEPTED]
        bench.line.answer()
        bench.rig.held_readings.pop()()
        assert await bench.step(1000) == []
        assert bench.session.registration == "Rejected"
        bench.line.hold = False
        said = await bench.step(60000)
        assert names(said) == ["BootNotification"] + ["StatusNotification"] * 2

    Bench(PENDING, boot("Rejected", 60), boot("Accepted")).play(script)


def test_pending_in_the_middle_of_a_transaction():
    async def script(bench):
        await bench.charge()
        assert names(await bench.trigger("BootNotification")) == ["conf", "BootNotification"]
        kept = bench.outbox.last_sequence
        said = await bench.trigger("MeterValues", 1)
        assert said[1][1]["transactionId"] == 77 and samples(said[1])
        assert bench.outbox.last_sequence == kept

    Bench(boot("Accepted"), PENDING).play(script)


# --- BootNotification of a station that is registered ---


def test_boot_notification_once_more():
    async def script(bench):
        await bench.step()
        said = await bench.trigger("BootNotification")
        assert names(said) == ["conf", "BootNotification"]
        assert bench.session.online and bench.rig.config.value("HeartbeatInterval") == 7
        assert names(await bench.step(7000)) == ["Heartbeat"]

    Bench(boot("Accepted"), boot("Accepted", 7)).play(script)


def test_boot_notification_that_ends_the_registration():
    async def script(bench):
        await bench.step()
        bench.line.hold = True
        done = []
        assert names(await bench.trigger("BootNotification")) == ["conf", "BootNotification"]
        bench.session.request("DataTransfer", {"vendorId": "v"}, done.append)
        bench.rig.supply.plug()
        assert await bench.step(100) == []
        # Its answer, and a TriggerMessage right behind it.
        bench.line.hold = False
        bench.line.answer()
        assert done == [None] and not bench.session.online
        said = await bench.trigger("StatusNotification", 1)
        assert said[0] == ACCEPTED and names(said[1:]) == ["StatusNotification"]  # the plug's is not said
        bench.rig.supply.unplug()
        assert await bench.step(50000) == []  # nothing is said, Heartbeat neither
        said = await bench.step(10000)
        assert told(said) == [("BootNotification", None)] + [
            ("StatusNotification", number) for number in (0, 1)
        ]

    Bench(boot("Accepted", 5), PENDING, boot("Accepted")).play(script)


def test_boot_notification_that_is_rejected():
    async def script(bench):
        await bench.step()
        assert names(await bench.trigger("BootNotification")) == ["conf", "BootNotification"]
        assert bench.session.registration == "Rejected" and bench.line.deaf()
        assert await bench.step(50000) == []
        said = await bench.step(10000)
        assert names(said) == ["BootNotification"] + ["StatusNotification"] * 2

    Bench(boot("Accepted", 5), boot("Rejected", 60), boot("Accepted")).play(script)


# --- the profile ---


def test_without_the_profile():
    async def script(bench):
        await bench.step()
        assert await bench.trigger("Heartbeat") == [("error", "NotSupported")]
        assert len(bench.rpc.tables) == 1

    Bench(profiles=("Core",)).play(script)


def test_the_profile_is_loaded_when_it_is_asked_for():
    async def script(bench):
        await bench.step()
        assert len(bench.rpc.tables) == 1
        for _ in range(3):
            assert names(await bench.trigger("Heartbeat")) == ["conf", "Heartbeat"]
        assert len(bench.rpc.tables) == 2
        assert bench.profiles.find("TriggerMessag") is None and bench.profiles.find("SendLocalList") is None

    Bench().play(script)


def test_another_profile_answers_for_its_messages():
    async def script(bench):
        await bench.step()

        def status_of(action):
            asked.append(action)
            return {"status": "Idle"} if action == "FirmwareStatusNotification" else None

        asked = []
        trigger = RemoteTrigger(bench.rig.station, bench.session, status_of)
        await bench.trigger("Heartbeat")
        bench.profiles._handlers.update(trigger.handlers())
        assert names(await bench.trigger("Heartbeat")) == ["conf", "Heartbeat"] and asked == []
        said = await bench.trigger("FirmwareStatusNotification", 5)
        assert said == [ACCEPTED, ("FirmwareStatusNotification", {"status": "Idle"})]
        assert await bench.trigger("DiagnosticsStatusNotification") == [NOT_IMPLEMENTED]

    Bench().play(script)
