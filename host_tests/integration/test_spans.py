# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""What other tests take for a steady rhythm (`post.every`): with one that is late, but none missing."""

from datetime import UTC, datetime, timedelta

import pytest

from host_tests.integration.post import every


def at(*seconds: float) -> list[datetime]:
    return [datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=each) for each in seconds]


@pytest.mark.parametrize(
    "seconds",
    [(0, 1, 2, 3), (0, 1.1, 1.9, 3.05), (0.5, 1, 2, 3), (0, 1.5, 2, 3), (0, 1, 2.2, 2.95), (0, 1, 2, 3.5)],
)
def test_steady(seconds):
    assert every(at(*seconds), 1)
    assert every(at(*(5 * each for each in seconds)), 5)


@pytest.mark.parametrize(
    "seconds",
    [
        (0, 2, 3, 4),  # one is missing
        (0, 1, 3, 4),
        (0, 1, 2, 4),
        (0, 1, 1.1, 2),  # one came twice
        (0, 0.1, 1, 2),
        (0, 1, 2, 2.1),
        (0, 1.3, 2.6, 3.9),  # another interval
        (0, 0.7, 1.4, 2.1),
        (0, 1, 2, 3, 4.9),
    ],
)
def test_not_steady(seconds):
    assert not every(at(*seconds), 1)
