# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""What is wrong with the modem, its SIM, its network and its radio, for now."""

from dataclasses import dataclass, fields
from typing import Any

from emulator.modem.dns import MOODS


class UnknownFault(ValueError):
    """The text names it, and what would be known."""


@dataclass
class Faults:
    """Latency is in each direction. Fractions are of 1."""

    # The data call swallows everything in both directions, LCP too; the modem says nothing of it.
    dead: bool = False
    # LCP is answered, IP goes nowhere: what a lost PDP context looks like.
    half_dead: bool = False
    # The modem answers nothing until its supply was off.
    hang: bool = False
    no_sim: bool = False
    refuse_registration: bool = False
    refuse_authentication: bool = False
    # ATD gets NO CARRIER.
    refuse_call: bool = False
    # Each data call ends with NO CARRIER after so long; 0: it lasts.
    flap_s: float = 0.0
    loss: float = 0.0
    duplicate: float = 0.0
    # One byte of that fraction of the frames is damaged on the serial line.
    noise: float = 0.0
    latency_ms: float = 0.0
    jitter_ms: float = 0.0
    # 0: as fast as the serial line.
    bits_per_s: float = 0.0
    # Every AT answer comes so much later.
    answer_delay_ms: float = 0.0
    # One of dns.MOODS.
    dns: str = "answer"

    def set(self, name: str, value: Any = True) -> None:
        """Raises UnknownFault, ValueError."""
        if name not in self.names():
            raise UnknownFault(f"no fault {name!r}; known: {', '.join(self.names())}")
        now = getattr(self, name)
        if isinstance(now, bool):
            if not isinstance(value, bool):
                raise ValueError(f"{name} is true or false")
        elif isinstance(now, str):
            if value not in MOODS:
                raise ValueError(f"{name} is one of {', '.join(MOODS)}")
        elif isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
            raise ValueError(f"{name} is a number from 0 on")
        setattr(self, name, value)

    def clear(self, name: str | None = None) -> None:
        """None: all of them. Raises UnknownFault."""
        if name is not None and name not in self.names():
            raise UnknownFault(f"no fault {name!r}")
        for known in fields(self):
            if name in (None, known.name):
                setattr(self, known.name, known.default)

    def active(self) -> dict[str, Any]:
        every = {known.name: (getattr(self, known.name), known.default) for known in fields(self)}
        return {name: value for name, (value, default) in every.items() if value != default}

    @classmethod
    def names(cls) -> list[str]:
        return [known.name for known in fields(cls)]
