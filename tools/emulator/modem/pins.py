# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The two pins between the board and its modem, and the speed of the UART between them: a client of the
emulator's control channel.
"""

import asyncio
import json
from typing import Any

from emulator.modem.carrier import LOOPBACK
from emulator.modem.line import Line

# What the emulator tells of GP20 and GP3.
SUPPLY, KEY = "modem_supply", "modem_key"
_AGAIN_S = 0.1
# The answer OK is still on its way to the chip, at the old speed, when the modem has changed its own.
_SPEED_DELAY_S = 0.03


class Pins:
    def __init__(self, line: Line):
        self._line = line
        self._pressed: tuple[float, float] | None = None
        self._writer: asyncio.StreamWriter | None = None
        line.on_speed = self._speed_changed

    def event(self, message: dict[str, Any]) -> None:
        """{"event": "modem_key", "value": 1, "ns": 12345}; other events are not for the modem. A press lasts
        as long as it did in emulated time, when that is longer: an emulator may run ahead of the clock."""
        level = bool(message.get("value"))
        if message.get("event") == SUPPLY:
            self._line.modem.supply(level, self._line.now)
        elif message.get("event") == KEY:
            now, emulated = self._line.now, message.get("ns", 0) / 1e9
            if level:
                self._pressed = (now, emulated)
            elif self._pressed is not None:
                begun, emulated_begun = self._pressed
                self._pressed = None
                now = max(now, begun + emulated - emulated_begun)
            self._line.modem.pwrkey(level, now)
        self._line.wake()

    async def follow(self, port: int) -> None:
        """Never ends: an emulator that is gone will come back."""
        while True:
            try:
                reader, self._writer = await asyncio.open_connection(LOOPBACK, port)
                self._ask({"do": "watch", "signals": [SUPPLY, KEY]})
                self._ask({"do": "modem", "baud": self._line.modem.commands.speed})
                while line := await reader.readline():
                    self._heard(json.loads(line))
            except (OSError, ValueError):
                pass
            finally:
                if self._writer is not None:
                    self._writer.close()
                self._writer = None
            await asyncio.sleep(_AGAIN_S)

    def _heard(self, message: dict[str, Any]) -> None:
        if "event" in message:
            self.event(message)
        elif "values" in message:  # the answer to `watch`: what they are now; None: never driven
            for name in (SUPPLY, KEY):
                self.event({"event": name, "value": message["values"].get(name), "ns": message.get("ns", 0)})

    def _ask(self, request: dict[str, Any]) -> None:
        if self._writer is not None:
            self._writer.write(json.dumps(request).encode() + b"\n")

    def _speed_changed(self, speed: int) -> None:
        loop = asyncio.get_running_loop()
        loop.call_later(_SPEED_DELAY_S, self._ask, {"do": "modem", "baud": speed})
