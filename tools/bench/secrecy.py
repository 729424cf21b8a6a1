# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Passwords in addresses: `ftp://user:password@host`."""

import re

HIDDEN = "(hidden)"
# The password may hold anything but blanks and quotes; the last @ before the host ends it.
_IN_URL = re.compile(r"(\w://[^\s/:@\"']*:)[^\s\"']+@(?=[^\s@\"']*)")


def without_password(text: str) -> str:
    return _IN_URL.sub(rf"\1{HIDDEN}@", text)
