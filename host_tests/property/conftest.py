# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Hypothesis for every property test: no deadline per example (two test processes share two cores)."""

import os

from hypothesis import settings

# In CI hypothesis' own profile: examples are the same each time, and a failure prints how to repeat it.
_parent = settings.get_profile("ci" if os.environ.get("CI") else "default")
settings.register_profile("pilotlight", parent=_parent, deadline=None)
settings.load_profile("pilotlight")
