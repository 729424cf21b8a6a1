# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The modem's control channel, in the manner of the simulated board's: one JSON object per line each way,
`{"do": ...}` in, `{"ok": ...}` out, "n" echoed.
"""

import asyncio
import contextlib
import json
from typing import Any

from emulator.modem.carrier import LOOPBACK
from emulator.modem.faults import UnknownFault
from emulator.modem.line import Line

_LONGEST_LINE = 65536

Message = dict[str, Any]


class Refused(ValueError):
    """The text is the answer's "error"."""


class Control:
    """What may be asked of a modem; docs/modem.md has the table."""

    def __init__(self, line: Line):
        self._line = line

    def answer(self, request: Message) -> Message:
        """Never raises: what is wrong stands in the answer."""
        try:
            said = self._do(request)
            answer = {"ok": True, **said}
        except (Refused, UnknownFault) as error:
            answer = {"ok": False, "error": str(error)}
        except (KeyError, TypeError, ValueError) as error:
            answer = {"ok": False, "error": f"{type(error).__name__}: {error}"}
        self._line.wake()
        if "n" in request:
            answer["n"] = request["n"]
        return answer

    def _do(self, request: Message) -> Message:
        modem, now = self._line.modem, self._line.now
        what = request.get("do")
        if what == "fault":
            modem.faults.set(request["name"], request.get("value", True))
        elif what == "clear":
            modem.faults.clear(request.get("name"))
        elif what == "drop":
            if not modem.drop(now, bool(request.get("terminate", False))):
                raise Refused("there is no data call")
        elif what == "supply":
            modem.supply(bool(request["on"]), now)
        elif what == "pwrkey":
            modem.pwrkey(bool(request["pressed"]), now)
        elif what == "turn_on":
            modem.turn_on(now)
        elif what == "say":
            modem.dialogue.unsolicited(str(request["text"]), now)
        elif what == "name":
            name = str(request["name"]).lower()
            modem.dns.names[name] = request.get("address", modem.settings.routes.gateway)
        elif what == "map":
            port, to = int(request["port"]), request["to"]
            address = str(request.get("address", modem.settings.routes.gateway))
            modem.settings.routes.ports[address, port] = None if to is None else int(to)
        elif what == "state":
            return {**modem.state(now), "dropped_bytes": self._line.dropped_bytes}
        else:
            raise Refused(f"cannot do {what!r}")
        return {}


async def serve(control: Control, port: int) -> asyncio.Server:
    """On 127.0.0.1; port 0: any."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, ValueError):
            while line := await reader.readline():
                writer.write(json.dumps(_answer(control, line)).encode() + b"\n")
                await writer.drain()
        writer.close()

    return await asyncio.start_server(talk, LOOPBACK, port, limit=_LONGEST_LINE)


def _answer(control: Control, line: bytes) -> Message:
    try:
        request = json.loads(line)
    except ValueError:
        request = None
    if not isinstance(request, dict):
        return {"ok": False, "error": "not a JSON object"}
    return control.answer(request)
