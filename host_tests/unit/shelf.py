# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""A configuration whose settings are kept in RAM."""

import json

from station.configuration import Configuration
from station.description import Description


class Shelf:
    """A Record in RAM. `fails`: saving raises OSError. `saves`: how often it was written."""

    def __init__(self, content=None, damaged=False):
        self.content = content
        self.damaged = damaged
        self.fails = False
        self.saves = 0

    def load(self):
        return self.content

    def save(self, content):
        if self.fails:
            raise OSError(28)
        self.saves += 1
        self.content = json.loads(json.dumps(content))


def configuration(document=None, initial=None, shelf=None, implemented=("Core",), tolerant=False):
    return Configuration(Description(document), shelf or Shelf(), initial, implemented, tolerant)
