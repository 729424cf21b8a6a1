# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Who does to a charge point what a case needs done: plugs in, presents a tag, cuts the power.

pilotlight.py   our firmware on the simulated board, through its control channel
command.py      any charge point: a shell command for each stimulus
manual.py       any charge point: the person at the bench is asked
"""

from typing import Protocol

# What a driver may be unable to do; a case that needs it does not apply then. Everything else it must do.
# No case needs `link`: without it the CSMS itself goes away.
STIMULI = {
    "leave": "pull the cable out of the car and leave it in the socket",
    "full": "make the car stop asking for energy",
    "power": "cut the power and give it back",
    "link": "cut the network and give it back",
    "fault": "cause a fault that the charge point reports as Faulted",
    "lock_failure": "keep the lock of the cable from moving",
    "data_transfer": "make the charge point send a DataTransfer",
    "offered": "tell what current the car is offered",
}


class Driver(Protocol):
    """Each returns when it is done, not when the charge point has told of it.

    `can`: those of STIMULI that it has. A stimulus that was asked for and cannot be given raises NotDone.
    """

    can: frozenset[str]

    async def begin(self) -> None:
        """Before the first case: nothing is plugged in."""
        ...

    async def plug(self, connector: int) -> None:
        """The cable is in at both ends, and the car asks for energy."""
        ...

    async def unplug(self, connector: int) -> None:
        """The cable is out at both ends (of a fixed cable: out of the car). What is out stays out."""
        ...

    async def leave(self, connector: int) -> None:
        """The cable is pulled out of the car only; in the charge point's socket it stays."""
        ...

    async def full(self, connector: int) -> None:
        """The car has enough: it stays plugged in and asks for no more. A car plugged in again asks anew."""
        ...

    async def present(self, tag: str) -> None:
        """Identification, by whatever local means there is."""
        ...

    async def power(self, on: bool) -> None:
        """The power goes, or comes back."""
        ...

    async def link(self, up: bool) -> None:
        """The network goes, or comes back."""
        ...

    async def fault(self, connector: int, present: bool) -> None:
        """Something is wrong with the connector, so that it is Faulted; or no more (present=False)."""
        ...

    async def lock_failure(self, connector: int, present: bool) -> None:
        """The lock of the connector's socket does not move, neither way; or does again."""
        ...

    async def data_transfer(self) -> None:
        """The charge point sends a DataTransfer of some vendor that the CSMS does not know."""
        ...

    async def offered(self, connector: int) -> float:
        """The current that the car may draw now, in A of each phase, 0 for none: what the control pilot says,
        not what the charge point tells.
        """
        ...


class NotDone(Exception):
    """The driver could not do what was asked of it. The text says what."""
