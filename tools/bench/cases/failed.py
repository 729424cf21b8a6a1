# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""How a case ends that does not pass."""


class Failed(Exception):
    """The charge point did something else. Three lines: what was expected, what came, why that is wrong."""

    def __init__(self, expected: str, came: str, why: str):
        super().__init__(f"expected  {expected}\ncame      {came}\nso        {why}")
        self.expected, self.came, self.why = expected, came, why


class NotApplicable(Exception):
    """What the case needs the charge point does not have, as it turns out. The text is the reason."""
