# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Something a single task waits for, with a deadline: rung from anywhere in the event loop."""

import asyncio

from hal.deadline import within


class Bell:
    def __init__(self):
        self._event = asyncio.Event()

    def ring(self):
        self._event.set()

    async def wait(self, timeout_ms):
        """Until rung or until the time is over."""
        try:
            await within(self._event.wait(), timeout_ms)
        except asyncio.TimeoutError:
            return
        finally:
            self._event.clear()
