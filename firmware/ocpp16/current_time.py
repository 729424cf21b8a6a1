# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""currentTime in what the CSMS answers: what of it is believed."""

import gc

import log


class Expired(Exception):
    """By the word of its owner the certificate with which the connection was made has expired."""


def take(conf, clock, certified, ticks):
    """Set the clock by an answer with a currentTime.

    `certified`: (from_s, until_s, known) of the certificates with which the connection was made, seconds
    since 1970; `known`: the time was known then, not assumed; None without TLS. A CSMS whose time is outside
    of that is not believed: 2050 would be kept as the earliest time that it can be, and no certificate be
    valid any more, for good. Raises Expired when nothing speaks for the certificate but a time that we had
    assumed.
    """
    told = str(conf["currentTime"])[:40]
    try:
        utc_ms = clock.parse(conf["currentTime"])
    except ValueError:
        log.warning("session", "currentTime of the CSMS is no time: %s", told)
        return
    if certified is not None:
        from_s, until_s, known = certified
        if utc_ms // 1000 > until_s and not known:
            raise Expired(told)
        if not from_s <= utc_ms // 1000 <= until_s:
            log.warning("session", "currentTime %s is not believed: its certificate was not valid then", told)
            return
    try:
        clock.advance(ticks)
        clock.set_utc_ms(utc_ms)
    except Exception as error:
        # A board's clock that cannot be set, to that year for one: charging goes on without.
        gc.collect()
        log.failure("session", "the clock is not set", error)
