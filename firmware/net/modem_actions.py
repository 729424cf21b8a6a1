# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""What is done with a modem: what `net.bearer` and `net.sim_card` ask for, and `net.lte` carries out."""

# An action is a tuple of one of these and its arguments; behind the arrow what comes back as its outcome.
WAIT = 0  # ms: nothing else to do so long
SUPPLY = 1  # on (bool)
KEY = 2  # pressed (bool)
SPEED = 3  # baud: of our side
ASK = 4  # command, limit_ms, prefix or None -> Answer or None
ESCAPE = 5  # +++ between pauses -> bool
PPP_UP = 6  # limit_ms -> bool
PPP_DOWN = 7  # limit_ms -> bool: the UART is ours again
WATCH = 8  # ms -> bool: PPP is up still; comes back at once when it is not
NOTE = 9  # severity of `log`, text, arguments: a line in the log

COMMAND_MS = 5000  # limit of an ASK whose command needs no longer one
