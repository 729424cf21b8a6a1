# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""net.signal: weak until it is fair again; a driver that fails at being asked ends nobody's charging."""

import log
from net.signal import Signal


class Link:
    def __init__(self, answers):
        self._answers = list(answers)

    def signal_dbm(self):
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def looks(*answers):
    """What each look at a link with these answers finds."""
    signal = Signal()
    link = Link(answers)
    found = []
    for _ in answers:
        signal.look(link)
        found.append(signal.weak)
    return found


def test_a_weak_signal_is_a_warning_until_it_is_fair():
    signal = Signal()
    signal.look(None)
    assert not signal.weak
    assert looks(-90, -108, -105, -102, -105) == [False, True, True, False, False]
    assert looks(-110, None) == [True, False]


def test_a_driver_that_raises_is_told_once():
    failures = [OSError(22), ValueError("x"), ValueError("x"), -110, MemoryError()]
    before = len([line for line in log.lines() if "signal of the link" in line])
    assert looks(*failures) == [False, False, False, True, False]
    assert len([line for line in log.lines() if "signal of the link" in line]) - before == 3


def test_no_memory_to_tell_of_a_driver_that_raises():
    def full(*rest):
        raise MemoryError

    emit, log.emit = log.emit, full
    try:
        assert looks(-110, OSError(5)) == [True, False]
    finally:
        log.emit = emit
