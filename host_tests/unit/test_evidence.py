# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""What connections, and the lack of them, say about the link."""

import errno

from host_tests.unit.rig import Rig
from host_tests.unit.session_rig import Channel, Link
from net.dns import Unknown
from net.url import OwnFault
from ocpp16.evidence import Evidence


def evidence():
    return Evidence(Rig().config), Link()


def test_no_connection():
    for error, told in (
        (OSError(errno.ETIMEDOUT, ""), ["in vain"]),
        (OSError("TLS: no memory"), ["in vain"]),
        (OSError(errno.ECONNREFUSED, ""), ["heard"]),
        (OSError(errno.ECONNRESET, ""), ["heard"]),
        (Unknown("x"), []),
        (OwnFault("no CA certificate"), []),
        (OwnFault(errno.ECONNREFUSED, ""), []),
    ):
        seen, link = evidence()
        seen.unreached(link, error)
        assert link.told == told


def test_of_several_links_the_one_above_them_is_told_that_we_were_refused():
    seen, link = evidence()
    link.refused = lambda: link.told.append("refused")
    seen.unreached(link, OSError(errno.ECONNREFUSED, ""))
    seen.unreached(link, OSError(errno.ETIMEDOUT, ""))
    assert link.told == ["refused", "in vain"]


def test_a_fault_of_our_own_says_nothing_however_often():
    seen, link = evidence()
    for _ in range(20):
        seen.unreached(link, OwnFault("no CA certificate"))
    assert link.told == []
    for _ in range(7):
        seen.unreached(link, Unknown("x"))
        seen.unreached(link, OwnFault(errno.ENOENT, "no file"))
    assert link.told == []
    seen.unreached(link, Unknown("x"))
    assert link.told == ["in vain"]


def test_a_connection_that_was_useful_or_long_was_worth_having():
    seen, link = evidence()
    seen.opened(0, link)
    assert not seen.worth_having(59999) and seen.worth_having(60000)
    seen.heard(1)
    assert seen.worth_having(1)
    seen.opened(0, link)
    assert not seen.worth_having(1)  # the one before says nothing about this one
    seen.heard(1)
    seen.leave(Channel(), "of no use")
    assert not seen.worth_having(60000)
    # One that was good for long, and is left then, was worth having all the same.
    seen.opened(0, link)
    seen.heard(60000)
    seen.leave(Channel(), "of no use")
    assert seen.worth_having(60001)


def test_how_it_ended():
    for useful, left, silent, told in (
        (False, False, False, ["in vain"]),
        (False, False, True, ["in vain"]),
        (False, True, False, []),
        (False, True, True, ["in vain"]),
        (True, False, False, ["heard"]),
        (True, False, True, ["heard", "in vain"]),
    ):
        seen, link = evidence()
        seen.opened(0, link)
        if useful:
            seen.heard(1)
        if left:
            seen.leave(Channel(), "of no use")
        seen.ended(link, silent)
        assert link.told == told


def test_silence_where_pings_are_off():
    seen, link = evidence()
    seen._config.change("WebSocketPingInterval", "0")
    seen.opened(0, link)
    channel = Channel()
    channel.silent = 30000
    seen.unanswered(channel, 30000)
    assert channel.aborted is None and not seen.answers
    channel.silent = 29999  # something came, if no answer
    seen.unanswered(channel, 30000)
    channel.silent = 60000
    seen.unanswered(channel, 30000)
    assert channel.aborted is None
    channel.silent = 90000
    seen.unanswered(channel, 30000)
    assert channel.aborted == "nothing came during 2 calls" and channel.fell_silent
