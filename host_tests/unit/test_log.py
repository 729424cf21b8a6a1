# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""log: levels, the ring of remembered lines and its bounds."""

import log
from host_tests.unit.expect import raises


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


def test_no_text_ends_a_line_or_tells_the_terminal_what_to_do():
    """What a CSMS has sent is in many a line, and none may look like an answer of the console."""
    log.warning("configuration", "%s is not one of those", "\x1b[2J\r\n: ok\x00\x7f")
    line = log.lines()[-1]
    assert line.endswith(" W configuration: ?[2J??: ok?? is not one of those"), line
    log.warning("configuration", "%s", "K\u00fcche")
    assert log.lines()[-1].endswith(": K\u00fcche")
    log.warning("configuration", "%s", "")
    assert log.lines()[-1].endswith("configuration: ")


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


def test_a_failure_is_told():
    log.failure("lte", "online", MemoryError("no room"))
    line = log.lines()[-1]
    assert " E lte: online: MemoryError(" in line and "no room" in line, line


def test_telling_a_failure_never_raises():
    class Untold(Exception):
        def __repr__(self):
            raise MemoryError

    kept = log.lines()
    log.failure("lte", "online", Untold())
    assert log.lines() == kept

    def full(*rest):
        raise MemoryError

    emit, log.emit = log.emit, full
    try:
        log.failure("lte", "online", ValueError())
        raises(MemoryError, log.error, "lte", "this one does")
    finally:
        log.emit = emit


def test_telling_a_failure_on_a_full_heap():
    try:
        import micropython
    except ImportError:
        return
    if not hasattr(micropython, "heap_lock"):
        return
    error = MemoryError()
    micropython.heap_lock()
    try:
        log.failure("lte", 1, error)
    finally:
        micropython.heap_unlock()
