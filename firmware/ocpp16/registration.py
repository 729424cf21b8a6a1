# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Whether the CSMS has accepted the charge point (section 4.2), when the next BootNotification and the next
Heartbeat are due, and what is believed of the currentTime in their answers.
"""

import gc

import log
from hal.ticks import ticks_add, ticks_diff
from ocpp16.back_off import BackOff

ACCEPTED = "Accepted"
PENDING = "Pending"
REJECTED = "Rejected"

# BootNotification without a usable answer, or with interval 0: our own rhythm (section 4.2 leaves it to us).
_RETRY_MS = 15000
_RETRY_MOST_MS = 300000
# Heartbeats also set the clock: once a day whatever HeartbeatInterval says.
_DAY_MS = 86400000
_MOST_INTERVAL_S = 2147483647  # as much as the configuration key takes
_AGREED_MS = 3600000


class Registration:
    """status: of the last BootNotification.conf, None before the first."""

    def __init__(self, config, now):
        self._config = config
        self.status = None
        self._retry = BackOff(_RETRY_MS, _RETRY_MOST_MS)
        self._boot_at = None  # ticks before which no BootNotification may go out
        self._heartbeat_at = now

    def age(self, now):
        """Call it about once a second, connected or not: ticks wrap, and what was due a week ago, before the
        network failed, would be due in a week.
        """
        if self._boot_at is not None and ticks_diff(self._boot_at, now) < 0:
            self._boot_at = now
        if ticks_diff(self._heartbeat_at, now) < 0:
            self._heartbeat_at = now

    # --- BootNotification ---

    @property
    def accepted(self):
        return self.status == ACCEPTED

    @property
    def rejected(self):
        return self.status == REJECTED

    def boot_wait_ms(self, now):
        """Milliseconds until a BootNotification may go out, 0 = now."""
        return 0 if self._boot_at is None else max(0, ticks_diff(self._boot_at, now))

    def unanswered(self, now):
        """BootNotification without a usable answer."""
        self._boot_at = ticks_add(now, self._retry.next_ms())

    def answered(self, conf, now):
        self._retry.reset()
        interval_s = conf["interval"]
        self.status = conf["status"]
        log.info("session", "BootNotification %s, interval %d s", self.status, interval_s)
        if self.status == ACCEPTED:
            self._boot_at = None
            if interval_s > 0:
                self._config.set_internal("HeartbeatInterval", str(min(interval_s, _MOST_INTERVAL_S)))
            return
        wait_ms = interval_s * 1000 if interval_s > 0 else _RETRY_MS
        self._boot_at = ticks_add(now, min(wait_ms, _DAY_MS))

    # --- Heartbeat ---

    def arm_heartbeat(self, now):
        interval_ms = self._config.value("HeartbeatInterval") * 1000
        self._heartbeat_at = ticks_add(now, min(interval_ms or _DAY_MS, _DAY_MS))

    def heartbeat_wait_ms(self, now):
        """Milliseconds until the next Heartbeat, 0 = now."""
        return max(0, ticks_diff(self._heartbeat_at, now))


class Expired(Exception):
    """By the word of its owner the certificate with which the connection was made has expired."""


def believe(conf, clock, certified, ticks):
    """Set the clock by an answer with a currentTime.

    `certified`: (from_s, until_s, known) of the certificates with which the connection was made, seconds
    since 1970; `known`: the time was known then, not assumed; None without TLS. A CSMS whose time is outside
    of that is not believed: 2050 would be kept as the earliest time that it can be, and no certificate be
    valid any more, for good. Unless our own clock, which it has set before, says much the same: a connection
    may outlive its certificate. Raises Expired when nothing speaks for the certificate but a time that we had
    assumed.
    """
    clock.advance(ticks)
    told = str(conf["currentTime"])[:40]
    try:
        utc_ms = clock.parse(conf["currentTime"])
    except ValueError:
        log.warning("session", "currentTime of the CSMS is no time: %s", told)
        return
    if certified is not None and not (clock.told and abs(utc_ms - clock.utc_ms) <= _AGREED_MS):
        from_s, until_s, known = certified
        if utc_ms // 1000 > until_s and not known:
            raise Expired(told)
        if not from_s <= utc_ms // 1000 <= until_s:
            log.warning("session", "currentTime %s is not believed: its certificate was not valid then", told)
            return
    try:
        clock.set_utc_ms(utc_ms)
    except Exception as error:
        # A board's clock that cannot be set, to that year for one: charging goes on without.
        gc.collect()
        log.failure("session", "the clock is not set", error)
