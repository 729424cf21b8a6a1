# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""`python -m emulator.modem --port N`: an LTE modem on the emulator's UART. docs/modem.md says what it can
do."""

import argparse
import asyncio
import json
import sys

from emulator.modem import control
from emulator.modem.line import Line
from emulator.modem.modem import ModemSettings, a7670
from emulator.modem.pins import Pins


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m emulator.modem", description=__doc__)
    parser.add_argument("--port", type=int, required=True, help="of the emulator's UART, on 127.0.0.1")
    parser.add_argument("--control", type=int, metavar="PORT", help="JSON lines, on 127.0.0.1")
    parser.add_argument("--emulator", type=int, metavar="PORT", help="its control port: the pins, the speed")
    parser.add_argument("--model", choices=("sim7600", "a7670"), default="sim7600")
    parser.add_argument("--on", action="store_true", help="powered and registered from the start: no pins")
    parser.add_argument("--authentication", choices=("pap", "chap"), help="what PPP asks of the board")
    parser.add_argument(
        "--map",
        action="append",
        default=[],
        metavar="PORT=PORT",
        help="a port of the gateway 10.64.0.1 and where it leads on 127.0.0.1 (default: to the same number)",
    )
    parser.add_argument(
        "--name", action="append", default=[], metavar="HOST", help="a name that DNS knows, as the gateway's"
    )
    parser.add_argument(
        "--fault", action="append", default=[], metavar="NAME=VALUE", help="from the start, e.g. loss=0.02"
    )
    parser.add_argument("--seed", type=int, default=1, help="of what is lost (default: 1)")
    return parser.parse_args()


def settings(options: argparse.Namespace) -> ModemSettings:
    chosen = a7670() if options.model == "a7670" else ModemSettings()
    chosen.seed = options.seed
    chosen.ppp.authentication = options.authentication
    for pair in options.map:
        outside, _, inside = pair.partition("=")
        chosen.routes.ports[chosen.routes.gateway, int(outside)] = int(inside)
    for name in options.name:
        chosen.names[name.lower()] = chosen.routes.gateway
    return chosen


async def run(options: argparse.Namespace) -> None:
    line = Line(settings(options))
    for pair in options.fault:
        name, _, value = pair.partition("=")
        line.modem.faults.set(name, json.loads(value) if value else True)
    if options.on:
        line.modem.turn_on(line.now)
    if options.control is not None:
        server = await control.serve(control.Control(line), options.control)
        print(f"control: {server.sockets[0].getsockname()[1]}", flush=True)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(line.follow(options.port))
        if options.emulator is not None:
            tasks.create_task(Pins(line).follow(options.emulator))


def main() -> int:
    try:
        asyncio.run(run(arguments()))
    except KeyboardInterrupt:
        return 130
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
