# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The event log on littlefs: what a line costs, and the power cut at each of its flash operations."""

import pytest

from flash.lane import measure


@pytest.mark.timeout(240)
def test_a_power_cut_loses_the_line_under_way_and_nothing_else():
    counts = measure("events", "rp2")
    assert counts["cuts"] > 150 and counts["wrong"] == 0, counts
    assert counts["erases"] < 1.2 and counts["restarts"] < 100, counts
