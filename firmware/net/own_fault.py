# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Faults that are the charger's own, told apart from those of the network."""


class OwnFault(OSError):
    """There is no connection because of what this charger was given, or was not: a URL that is none, a file
    that is missing. Nothing was sent: it says nothing about the network, whatever the error's number, and
    making the link anew mends nothing.
    """
