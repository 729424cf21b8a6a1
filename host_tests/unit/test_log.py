# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""log: levels, the ring of remembered lines and its bounds."""

import log


def said(text):
    return [line for line in log.lines() if text in line]


def test_line_names_severity_and_module():
    log.warning("outbox", "%d messages wait for %s", 3, "the CSMS")
    line = log.lines()[-1]
    assert line.endswith(" W outbox: 3 messages wait for the CSMS"), line


def test_below_the_level_nothing_is_formatted_or_kept():
    class Unprintable:
        def __str__(self):
            raise AssertionError("formatted although the level is off")

    log.debug("rpc", "unheard %s", Unprintable())
    assert not said("unheard")
    before = log.level
    try:
        log.level = log.ERROR
        log.warning("rpc", "unheard as well")
        log.error("rpc", "heard")
    finally:
        log.level = before
    assert not said("unheard")
    assert said("heard")


def test_ring_keeps_the_newest_in_order():
    for number in range(100):
        log.info("ring", "line %d.", number)
    kept = [line.split()[-1] for line in log.lines()]
    assert len(kept) == 40
    assert kept == ["%d." % number for number in range(60, 100)]


def test_long_line_is_cut():
    log.info("rpc", "x" * 5000)
    line = log.lines()[-1]
    assert len(line) < 200
    assert line.endswith("xxx...")


def test_arguments_that_do_not_fit_the_format_are_not_fatal():
    log.info("rpc", "one %d", "text")
    assert said("one %d") and said("text")
    log.info("rpc", "none", 1, 2)
    assert said("none (1, 2)")
