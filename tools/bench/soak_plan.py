# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""What happens during a soak, decided from its seed alone: sessions, what is reserved for whom, what goes
wrong meanwhile, and what the CSMS answers. Pure. What else the CSMS asks for stands in `bench.soak_calls`.

How far a plan is carried out in a given time depends on the machine; what stands in it does not.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field

ATTEMPTS = 3  # TransactionMessageAttempts of every charger
MESSAGE_TIMEOUT_S = 3  # MessageTimeout
TAGS = 64  # of each connector, one session after the other: each comes back, and is in the cache by then
LISTED = 12  # tags of each connector that nobody but the local list knows; see `bench.soak_calls`

# Where in a session trouble begins.
PHASES = ("plugged", "shown", "charging", "ending", "ended")

# What becomes of one transmission of a message.
LATE = "late"  # answered within MessageTimeout
TOO_LATE = "too late"  # answered when the charge point waits for its next try already
ERROR = "error"  # CALLERROR
NONSENSE = "nonsense"  # a .conf against the schema
SILENT = "silent"  # neither processed nor answered
LOST = "lost"  # processed, not answered
HANG_UP = "hang up"  # the connection is cut, nothing processed
LOST_HANG_UP = "lost, hang up"  # processed, and the connection is cut instead of an answer
BLOCKED = "blocked"  # StartTransaction: confirmed, the tag refused
WELCOME = "welcome"  # StartTransaction: confirmed, the tag accepted, whatever the books say

# What can become of a message, one word per transmission, and how often. After ATTEMPTS failures it is given
# up.
_FATES: tuple[tuple[tuple[str, ...], int], ...] = (
    ((LATE,), 6),
    ((TOO_LATE,), 2),
    ((ERROR,), 5),
    ((ERROR, ERROR), 2),
    ((ERROR, LATE), 2),
    ((NONSENSE,), 1),
    ((SILENT,), 2),
    ((LOST,), 2),
    ((LOST, ERROR), 1),
    ((HANG_UP,), 3),
    ((LOST_HANG_UP,), 3),
    ((LOST_HANG_UP, HANG_UP, ERROR), 1),
    ((ERROR,) * ATTEMPTS, 3),
    ((LOST,) * ATTEMPTS, 1),
    ((ERROR, SILENT, NONSENSE), 1),
)

# kind of trouble: how often, and how long it lasts at the least and most (seconds)
_TROUBLES: tuple[tuple[str, int, float, float], ...] = (
    ("link", 8, 0.2, 3),
    ("link", 2, 8, 20),  # over several sessions
    ("cut", 4, 0, 0),  # the CSMS's side of the connection is reset
    ("freeze", 1, 1, 8),  # half-open
    ("kill", 9, 0, 1.5),  # SIGKILL
    ("power_cut", 3, 0, 1.5),
    ("reboot", 2, 0, 0),
    ("SoftReset", 2, 0, 0),
    ("HardReset", 2, 0, 0),
)
RESTARTS = ("kill", "power_cut", "reboot", "SoftReset", "HardReset")


@dataclass(frozen=True)
class Trouble:
    kind: str
    phase: str
    delay_s: float  # after that phase has begun
    span_s: float
    again_s: float | None = None  # a second power cut so long after the first: during the start


@dataclass(frozen=True)
class Booking:
    """A reservation that is made just before the session. `connector`: 0 is any."""

    number: int
    connector: int
    tag: str
    parent: str | None
    span_s: float  # until it expires
    # The same number was reserved for this tag before, and is then for the other.
    first_for: str | None = None
    cancel: str | None = None  # the phase of the session in which the CSMS cancels it
    returns: bool = False  # the driver, a stranger, comes again when it has expired

    def admits(self, tag: str) -> bool:
        """Is it for the driver of this session, as far as is planned?"""
        parent = parent_of(tag)
        ours = self.tag == tag or (parent is not None and self.parent == parent)
        return ours or self.cancel == "plugged"


@dataclass(frozen=True)
class Session:
    """`start`, `stop`, `authorize`: what becomes of each transmission of that message, as usual when there
    are no more words; `meter_values`: the same for the n-th of the transaction.
    """

    number: int
    connector: int
    tag: str
    status: str | None  # of the tag in the books; None: unknown there
    begin: str  # "plug", "tag" (which of the two comes first) or "remote"
    end: str  # "tag", "remote", "unplug"
    amps: int  # what the car takes
    charge_s: float
    start: tuple[str, ...] = ()
    stop: tuple[str, ...] = ()
    authorize: tuple[str, ...] = ()
    meter_values: dict[int, tuple[str, ...]] = field(default_factory=dict)
    trouble: Trouble | None = None
    booking: Booking | None = None

    @property
    def listed(self) -> bool:
        """Its tag is one that only the local list knows."""
        return self.tag[4] == _LISTED_MARK


@dataclass(frozen=True)
class Outage:
    """The CSMS stops after so many further sessions have begun. `rude`: without a close frame."""

    sessions: int
    span_s: float
    rude: bool


_LISTED_MARK, _STRANGER_MARK = "L", "X"


def listed_tag(charger: int, connector: int, number: int) -> str:
    """One of LISTED."""
    return f"{charger:02X}{connector:02X}{_LISTED_MARK}{number:03X}"


def parent_of(tag: str) -> str | None:
    """Every second tag is of its connector's family, whoever says so: the CSMS, or the local list."""
    if tag[4] == _STRANGER_MARK or int(tag[5:], 16) % 2:
        return None
    return "P" + tag[:4]


def sessions(seed: int, charger: int, connector: int, steady: bool) -> Iterator[Session]:
    """Without end. `steady`: this charger is never restarted."""
    rng = random.Random(f"{seed} sessions {charger} {connector}")
    number = 0
    while True:
        yield _session(rng, number, charger, connector, steady)
        number += 1


def outages(seed: int, chargers: int) -> Iterator[Outage]:
    rng = random.Random(f"{seed} outages")
    while True:
        yield Outage(rng.randint(3, 9) * chargers, round(rng.uniform(0.2, 6), 2), rng.random() < 0.5)


def minor_fate(seed: int, charger: int, action: str, ordinal: int) -> str | None:
    """What becomes of the n-th StatusNotification, Heartbeat or BootNotification of a charger."""
    chance = random.Random(f"{seed} {action} {charger} {ordinal}").random()
    if action == "BootNotification":
        # Without a usable answer the charge point waits 15 s: seldom, and never at the first boot.
        if ordinal == 0:
            return None
        return (
            "Pending" if chance < 0.08 else "Rejected" if chance < 0.12 else ERROR if chance < 0.13 else None
        )
    if chance < 0.02:
        return SILENT
    return ERROR if chance < 0.05 else LATE if chance < 0.12 else None


def _session(rng: random.Random, number: int, charger: int, connector: int, steady: bool) -> Session:
    status = rng.choices(("Accepted", "Blocked", "Expired", None), (88, 4, 3, 5))[0]
    tag = f"{charger:02X}{connector:02X}{number % TAGS:04X}"
    start = _fates(rng, 0.18)
    if rng.random() < 0.04:
        start = (BLOCKED,)
    if rng.random() < 0.2:
        tag, status = listed_tag(charger, connector, rng.randrange(LISTED)), None
        if not start and rng.random() < 0.8:
            start = (WELCOME,)
    return Session(
        number=number,
        connector=connector,
        tag=tag,
        status=status,
        begin=rng.choices(("plug", "tag", "remote"), (6, 2, 2))[0],
        end=rng.choices(("tag", "remote", "unplug"), (5, 2, 3))[0],
        amps=rng.choice((6, 16, 32, 80, 80)),
        # Seldom so long that a change of what is offered is seen to the end.
        charge_s=round(rng.uniform(0.3, 3) if rng.random() < 0.96 else rng.uniform(10, 14), 2),
        start=start,
        stop=_fates(rng, 0.18),
        authorize=_fates(rng, 0.06)[:1],
        meter_values={sample: _fates(rng, 1) for sample in range(4) if rng.random() < 0.06},
        trouble=_trouble(rng, steady) if rng.random() < 0.3 else None,
        booking=_booking(rng, charger, connector, number, tag) if rng.random() < 0.25 else None,
    )


def _booking(rng: random.Random, charger: int, connector: int, number: int, tag: str) -> Booking:
    stranger = f"{charger:02X}{connector:02X}{_STRANGER_MARK}{number % 1000:03d}"
    kind = rng.choices(("own", "family", "foreign", "brief"), (35, 30, 20, 15))[0]
    parent = parent_of(tag)
    if kind == "family" and parent is None:
        kind = "own"
    span_s = round(rng.uniform(1.5, 3) if kind == "brief" else rng.uniform(8, 20), 2)
    cancel = {
        "own": rng.choices((None, "plugged", "ended"), (5, 2, 3))[0],
        "family": None,
        "foreign": "ended" if rng.random() < 0.8 else None,
        "brief": None,
    }[kind]
    return Booking(
        number=charger * 10**6 + connector * 10**5 + number,
        connector=connector if rng.random() < 0.8 else 0,
        tag=tag if kind == "own" else stranger,
        parent=parent if kind == "family" else None,
        span_s=span_s,
        first_for=stranger + "B" if rng.random() < 0.15 else None,
        cancel=cancel,
        returns=kind == "brief",
    )


def _fates(rng: random.Random, chance: float) -> tuple[str, ...]:
    if rng.random() >= chance:
        return ()
    return rng.choices([fate for fate, _ in _FATES], [weight for _, weight in _FATES])[0]


def _trouble(rng: random.Random, steady: bool) -> Trouble:
    rows = [row for row in _TROUBLES if not (steady and row[0] in RESTARTS)]
    kind, _, least_s, most_s = rng.choices(rows, [row[1] for row in rows])[0]
    again_s = round(rng.uniform(0, 1.5), 3) if kind in ("kill", "power_cut") and rng.random() < 0.2 else None
    return Trouble(
        kind,
        rng.choice(PHASES),
        round(rng.expovariate(2), 3),  # mostly in the same moment, sometimes seconds later
        round(rng.uniform(least_s, most_s), 2),
        again_s,
    )
