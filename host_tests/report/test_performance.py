# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""What is measured, and what is not."""

import pytest

from bench.cases.run import FAILED
from bench.report import performance
from host_tests.report.made import Exchange


def measured(*exchanges: Exchange) -> dict[str, list[float]]:
    """Measure -> seconds of its samples."""
    found: dict[str, list[float]] = {name: [] for name in performance.TITLES}
    for exchange in exchanges:
        for sample in performance.samples(exchange.outcome()):
            found[sample.measure].append(round(sample.seconds, 3))
    return found


def remote_start(*, plugged_at_s: float | None, status: str = "Accepted") -> Exchange:
    """RemoteStartTransaction at 10 s, StartTransaction at 17.5 s."""
    exchange = Exchange()
    if plugged_at_s is not None:
        exchange.did(plugged_at_s, "plugs in at connector 1")
    question = exchange.asked(10, "RemoteStartTransaction", connectorId=1, idTag="04A1")
    exchange.answered(10.25, question, status=status)
    exchange.told(17.5, "StartTransaction", connectorId=1, idTag="04a1", meterStart=0)
    return exchange


def test_every_answer_counts_a_refusal_too():
    exchange = Exchange()
    exchange.answered(1.5, exchange.asked(1, "GetConfiguration"), configurationKey=[])
    exchange.answered(3.25, exchange.asked(3, "DataTransfer"), kind="error")
    exchange.asked(5, "ClearCache")  # never answered
    exchange.answered(7.75, exchange.told(7, "Heartbeat"))  # the CSMS's own answers are not its subject
    assert measured(exchange)["response"] == [0.5, 0.25]


@pytest.mark.parametrize("status", ["Unlocked", "UnlockFailed"])
def test_what_a_lock_did_is_no_mere_answer(status):
    exchange = Exchange()
    exchange.answered(3, exchange.asked(1, "UnlockConnector", connectorId=1), status=status)
    assert measured(exchange)["triggered"] == [2] and measured(exchange)["response"] == []
    exchange.answered(6, exchange.asked(5, "UnlockConnector", connectorId=9), status="NotSupported")
    assert measured(exchange)["response"] == [1]


def test_the_row_says_least_most_average_and_where():
    quick, slow = Exchange(), Exchange()
    quick.answered(1.5, quick.asked(1, "ClearCache"), status="Accepted")
    slow.answered(3, slow.asked(1, "GetConfiguration"), configurationKey=[])
    rows = performance.rows([quick.outcome("TC_061_CS"), slow.outcome("TC_019_CS")])
    row = next(row for row in rows if row["id"] == "response")
    assert (row["min"], row["max"], row["average"], row["samples"]) == (0.5, 2, 1.25, 2)
    assert row["shortest"] == {"what": "ClearCache", "case": "TC_061_CS"}
    assert row["longest"] == {"what": "GetConfiguration", "case": "TC_019_CS"}


def test_what_was_not_measured_has_no_figure():
    for row in performance.rows([]):
        assert (row["samples"], row["min"], row["max"], row["average"]) == (0, None, None, None)
        assert row["shortest"] is None and row["longest"] is None


def test_a_failed_case_is_no_sample():
    exchange = Exchange()
    exchange.answered(2, exchange.asked(1, "ClearCache"), status="Accepted")
    assert performance.samples(exchange.outcome(verdict=FAILED)) == []


def test_remote_start_counts_when_the_cable_was_in_before():
    assert measured(remote_start(plugged_at_s=5))["remote_start"] == [7.5]
    # The driver's hands are not the charge point's time.
    assert measured(remote_start(plugged_at_s=12))["remote_start"] == []
    assert measured(remote_start(plugged_at_s=None))["remote_start"] == []
    assert measured(remote_start(plugged_at_s=5, status="Rejected"))["remote_start"] == []


def test_a_cable_that_was_pulled_again_or_sits_elsewhere_was_not_in():
    pulled = remote_start(plugged_at_s=5)
    pulled.did(6, "unplugs at connector 1")
    assert measured(pulled)["remote_start"] == []
    elsewhere = remote_start(plugged_at_s=None)
    elsewhere.did(5, "plugs in at connector 2")
    assert measured(elsewhere)["remote_start"] == []


def test_remote_stop_counts_to_the_end_of_that_transaction():
    exchange = Exchange()
    exchange.answered(10.5, exchange.asked(10, "RemoteStopTransaction", transactionId=7), status="Accepted")
    exchange.told(11, "StopTransaction", transactionId=6)
    exchange.told(12, "StopTransaction", transactionId=7)
    assert measured(exchange)["remote_stop"] == [2]


@pytest.mark.parametrize(
    ("statuses", "measure"),
    [
        ([(1, "Preparing"), (1, "Charging")], "remote_stop_charging"),
        ([(2, "Charging"), (1, "Preparing")], "remote_stop_charging"),
        ([(1, "Charging"), (1, "SuspendedEV")], "remote_stop"),
        ([], "remote_stop"),
    ],
)
def test_the_remote_stop_of_a_car_that_draws_is_a_measure_of_its_own(statuses, measure):
    exchange = Exchange()
    for at_s, (connector, status) in enumerate(statuses):
        exchange.told(at_s, "StatusNotification", connectorId=connector, status=status)
    exchange.answered(10.5, exchange.asked(10, "RemoteStopTransaction", transactionId=7), status="Accepted")
    exchange.told(12, "StopTransaction", transactionId=7)
    stops = {name: found for name, found in measured(exchange).items() if name.startswith("remote_stop")}
    assert stops == {"remote_stop": [], "remote_stop_charging": [], measure: [2]}


@pytest.mark.parametrize(
    ("asked", "answer", "told"),
    [
        (
            ("ChangeAvailability", {"connectorId": 1, "type": "Inoperative"}),
            "Accepted",
            ("StatusNotification", {"connectorId": 1, "status": "Unavailable"}),
        ),
        (
            ("TriggerMessage", {"requestedMessage": "MeterValues", "connectorId": 1}),
            "Accepted",
            ("MeterValues", {"connectorId": 1, "meterValue": []}),
        ),
        (
            ("ExtendedTriggerMessage", {"requestedMessage": "SignChargePointCertificate"}),
            "Accepted",
            ("SignCertificate", {"csr": "-"}),
        ),
        (
            ("UnlockConnector", {"connectorId": 1}),
            "Unlocked",
            ("StopTransaction", {"transactionId": 1, "reason": "UnlockCommand"}),
        ),
        (
            ("ReserveNow", {"connectorId": 1, "reservationId": 3}),
            "Accepted",
            ("StatusNotification", {"connectorId": 1, "status": "Reserved"}),
        ),
    ],
)
def test_a_triggered_function(asked, answer, told):
    def exchange(status: str, disturbance: str = "", told_before_the_answer: bool = False) -> Exchange:
        made = Exchange()
        question = made.asked(1, asked[0], **asked[1])
        made.told(1.1, "StatusNotification", connectorId=2, status="Faulted")  # of something else
        if told_before_the_answer:
            made.told(1.2, told[0], **told[1])
        made.answered(1.5, question, status=status)
        if disturbance == "driver":
            made.did(2, "presents 04A1")
        if disturbance == "csms":
            made.asked(2, "GetConfiguration")
        made.told(3, told[0], **told[1])
        return made

    lock = [0.5] if answer == "Unlocked" else []  # its answer is one as well
    assert measured(exchange(answer))["triggered"] == [*lock, 2]
    assert measured(exchange(answer, told_before_the_answer=True))["triggered"] == [*lock, 0.2]
    assert measured(exchange("Rejected"))["triggered"] == []
    # Then nobody knows what it answers to.
    assert measured(exchange(answer, "driver"))["triggered"] == lock
    assert measured(exchange(answer, "csms"))["triggered"] == lock


def test_a_reset_is_no_triggered_function():
    exchange = Exchange()
    exchange.answered(1.5, exchange.asked(1, "Reset", type="Hard"), status="Accepted")
    exchange.told(9, "BootNotification", chargePointVendor="V", chargePointModel="M")
    assert measured(exchange)["triggered"] == []
