# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Random lives of a transaction's meter: silence, replacement, roll-over, registers that make no sense,
power cuts. Never is more billed than flowed, the bill never goes back, and what is missing was lost at
those moments."""

import json

from hypothesis import given
from hypothesis import strategies as some

from station.clock import Clock
from station.transaction import Transaction
from station.transaction_record import packed, restored

NOON = 1795176000000
MOST_WH = 2000
# Far apart: a register just above the old one goes on from it, as far as anybody can tell.
REGISTERS = some.integers(0, 10**5).map(lambda number: number * 100003)
EVENTS = some.lists(
    some.one_of(
        some.tuples(some.just("flow"), some.integers(0, 60)),
        some.tuples(some.just("flow"), some.integers(0, 60)),
        some.tuples(some.just("flow"), some.integers(0, 60)),
        some.tuples(some.just("silence"), some.integers(0, 60)),
        some.tuples(some.just("replace"), REGISTERS),
        some.tuples(some.just("wrong"), REGISTERS),
        some.tuples(some.just("starts"), some.just(0)),
        some.tuples(some.just("cut"), some.just(0)),
    ),
    max_size=60,
)


@given(REGISTERS, EVENTS)
def test_what_is_billed_has_flowed(start_wh, events):
    clock = Clock(1, 0)
    clock.set_utc_ms(NOON)
    transaction = Transaction(7, 1, "TAG", None, NOON, start_wh)
    register_wh, flowed_wh, shown_wh = start_wh, 0, {start_wh}
    billed_wh = unsure_wh = 0
    for what, number in events:
        if what in ("flow", "silence"):
            register_wh += number
            flowed_wh += number
        elif what == "replace":
            # A register that nobody could take for the last one, nor for one that was wrong.
            if any(abs(number - known) <= 10 * MOST_WH for known in shown_wh):
                continue
            register_wh = number
            shown_wh.add(number)
            # What flows until it has been read three times, and any wrong one in between begins anew.
            disturbed = sum(each in ("wrong", "starts", "cut") for each, _ in events)
            unsure_wh += 4 * 60 * (1 + disturbed) + MOST_WH
        if what == "flow":
            transaction.seen(register_wh, clock, MOST_WH)
        elif what == "starts":
            transaction.seen(0, clock, MOST_WH)
        elif what == "wrong":
            if all(abs(number - known) > 10 * MOST_WH for known in shown_wh):
                transaction.seen(number, clock, MOST_WH)
        elif what == "cut":
            transaction = restored(json.loads(json.dumps(packed(transaction))))
        else:
            transaction.seen(None, clock)
        assert billed_wh <= transaction.energy_wh() <= flowed_wh
        billed_wh = transaction.energy_wh()
    for _ in range(4):
        transaction.seen(register_wh, clock, MOST_WH)
    assert flowed_wh - unsure_wh <= transaction.energy_wh() <= flowed_wh
