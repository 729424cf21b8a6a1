# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""What the catalogue leaves to the tester."""

from dataclasses import dataclass

# The reservationIds of all cases; few and always the same, so that those of a run that was killed are found.
RESERVATION, OTHER_RESERVATION = 7101, 7102


@dataclass(frozen=True)
class Parameters:
    """Times in seconds.

    patience_s      for each message that is waited for
    deviation_s     by which an interval may be missed
    """

    connector: int = 1
    tag: str = "04A1B2C3"
    other_tag: str = "04D4E5F6"  # valid as well
    invalid_tag: str = "04BADBAD"  # the CSMS refuses it
    password: bytes | None = None  # the charge point's AuthorizationKey, where it has one
    patience_s: float = 5
    deviation_s: float = 1.5
    retry_s: int = 7  # of BootNotification, while the CSMS has not accepted it; not one that others like
    own_retry_s: float = 90  # until BootNotification comes again that got no answer
    heartbeat_s: int = 4
    connection_timeout_s: int = 4
    offline_s: float = 2  # for what the driver does without a network to be over
    sample_s: int = 2  # MeterValueSampleInterval
    clock_s: int = 4  # ClockAlignedDataInterval; 86400 can be divided by it
    settle_s: float = 0.5  # between plugging in and what comes next
    reserved_s: float = 4  # until a reservation is over, in the case that waits for it
    listed_s: float = 2  # the same of an entry of the local list
    profile_s: float = 2  # for which a charging profile counts, in the case that waits for its end
    limit_s: float = 8  # until the car is offered what a new limit allows; 5 s lie between two offers
    list_s: float = 30  # for the answer to a list that is as long as the charge point takes
    longest_list: int = 2000  # entries; cases that need a longer one are not played
    idle_s: float = 2  # for so long nothing may come of what must not begin
    attempt_s: int = 2  # TransactionMessageRetryInterval
    notice_s: float = 0.5  # until the charge point knows that the network is gone
    restart_s: float = 20  # what a reset, or a new connection, may take
    power_up_s: float = 60
    longest_s: float = 600  # of a case: somebody at the bench has gone for lunch
    boot_s: float = 3  # from power to a charge point that can be used without a CSMS
