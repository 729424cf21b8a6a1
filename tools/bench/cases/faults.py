# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Core: something is wrong with the connector."""

from bench.cases.catalogue import case
from bench.cases.exempt import needs_a_lock
from bench.cases.expected import Expected, authorize, status
from bench.cases.play import Play


@case("Start of a session, the lock fails", exemption=needs_a_lock, stimuli=("lock_failure",))
async def tc_024(play: Play) -> None:
    await play.remotely_authorized()
    await play.lock_failure()
    await play.plug()
    fields = {**play.status("Faulted").fields, "errorCode": "ConnectorLockFailure"}
    await play.expect(Expected("StatusNotification", fields))
    await play.nothing()


@case("No session while there is a fault", stimuli=("fault",))
async def tc_041(play: Play) -> None:
    await play.alone()
    # A fault of the whole charge point, such as an emergency stop, is one of each connector.
    others = [number for number in (0, *play.claims.numbers) if number != play.connector]
    play.tolerate(*(status("Faulted", number) for number in others))
    await play.fault()
    await play.expect(play.status("Faulted"))
    # Whether it asks about the tag, the catalogue leaves open.
    play.tolerate(authorize(play.tag))
    await play.plug()
    await play.present(play.tag)
    await play.nothing()
