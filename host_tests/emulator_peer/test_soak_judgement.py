# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""What `make emulate-soak` finds wrong: a coil that is on for nobody, one that is off too late, bills."""

from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from bench.books import Transaction
from emulator.soak import Contactor, Found, Soak

MS = 1000000


def judged(*rows):
    found = Found()
    Contactor(found).look([[ms * MS, name, value] for ms, name, value in rows])
    return found


def test_the_coil_by_the_cars_switch():
    good = judged((0, "s2", 1), (600, "gp10", 1), (5000, "s2", 0), (5099, "gp10", 0))
    assert good.wrong == [] and good.openings == 1 and good.slowest_ms == 99
    # The charger opens first: nothing was late, nothing is counted.
    assert judged((0, "s2", 1), (600, "gp10", 1), (5000, "gp10", 0), (6000, "s2", 0)).openings == 0
    assert "after 101.0 ms" in judged((0, "s2", 1), (1, "gp10", 1), (10, "s2", 0), (111, "gp10", 0)).wrong[0]
    assert "S2 open" in judged((0, "s2", 0), (600, "gp10", 1)).wrong[0]


@pytest.mark.parametrize(
    "bills, metered_wh, kept, wrong",
    [
        ([3, 4], 7.9, 90000, ""),
        ([3, 4], 6.5, 90000, "7 Wh billed, 6.5 Wh flowed"),
        ([3, 4], 9.1, 90000, "7 Wh billed, 9.1 Wh flowed"),
        ([3, None], 3.0, 90000, "has no bill"),
        ([3], 3.0, 90000, "2 sessions, 1 transactions"),
        ([3, 4], 7.0, 102401, "of the heap"),
    ],
)
def test_the_bills_and_the_heap(bills, metered_wh, kept, wrong):
    transactions = {
        number: Transaction(
            number, "CP1", 1, "T", 10, datetime.now(UTC), meter_stop_wh=None if bill is None else 10 + bill
        )
        for number, bill in enumerate(bills)
    }
    rig = SimpleNamespace(csms=SimpleNamespace(books=SimpleNamespace(transactions=transactions)))
    soak = Soak(rig, 1)  # pyright: ignore[reportArgumentType]
    soak.found.sessions = 2
    soak.found.kept = kept
    soak.judge(metered_wh)
    assert (soak.found.wrong == []) if not wrong else wrong in soak.found.wrong[0]
