# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Anybody's charge point under the cases: it connects to the bench, a script or a person drives it."""

import argparse
import getpass
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from bench.cases import claims
from bench.cases.catalogue import Case
from bench.cases.parameters import Parameters
from bench.cases.run import Outcome, Run, play
from bench.charger import station_file
from bench.csms import Csms
from bench.drivers import STIMULI, Driver, command, manual
from bench.station import Station

_MANUAL = "manual"
# A person presses Enter before or after the deed, and walks to the car.
_PATIENCE_S = 15
_LONGEST_S = 3600


def add_arguments(parser: argparse.ArgumentParser) -> None:
    usual = Parameters()
    others = parser.add_argument_group("a charge point that is not ours")
    others.add_argument("--port", type=int, default=9000, help="where it is to connect (default: 9000)")
    others.add_argument(
        "--host", default="127.0.0.1", help="the address to listen on (default: this machine only)"
    )
    others.add_argument("--id", help="its id; without: whichever comes first")
    others.add_argument(
        "--password-file", type=Path, metavar="FILE", help="its AuthorizationKey; -: asked for, not shown"
    )
    others.add_argument("--cannot", default="", metavar="WHAT,...", help=f"manual: of {', '.join(STIMULI)}")
    others.add_argument(
        "--wait", type=float, default=300, metavar="SECONDS", help="for it to connect (default: 300)"
    )
    others.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=SECONDS",
        help=f"another time than usual, of: {', '.join(_times(usual))}",
    )
    tags = parser.add_argument_group("tags")
    tags.add_argument("--tag", default=usual.tag)
    tags.add_argument("--other-tag", default=usual.other_tag, help="a valid one as well")
    tags.add_argument("--invalid-tag", default=usual.invalid_tag, help="the CSMS will refuse it")


def _times(usual: Parameters) -> dict[str, int | float]:
    values = {name: getattr(usual, name) for name in vars(usual) if name.endswith("_s")}
    return dict(sorted(values.items()))


def _set(usual: Parameters, pairs: list[str]) -> Parameters:
    """ValueError: one sentence."""
    times = _times(usual)
    for pair in pairs:
        name, _, text = pair.partition("=")
        if name not in times:
            raise ValueError(f"--set {pair}: there is no time {name!r}; known: {', '.join(times)}")
        try:
            value = type(times[name])(text)
        except ValueError:
            raise ValueError(f"--set {pair}: seconds are needed") from None
        if value < 0:
            raise ValueError(f"--set {pair}: no time is negative")
        usual = replace(usual, **{name: value})
    return usual


def with_tags(parameters: Parameters, options: argparse.Namespace) -> Parameters:
    return replace(parameters, tag=options.tag, other_tag=options.other_tag, invalid_tag=options.invalid_tag)


def parameters(options: argparse.Namespace) -> Parameters:
    """ValueError: the password cannot be one."""
    found = with_tags(Parameters(password=_password(options.password_file)), options)
    # Real ones boot, reconnect and sense a plug at leisure.
    found = replace(found, restart_s=120, power_up_s=180, boot_s=60, offline_s=5)
    if options.driver == _MANUAL:
        found = replace(found, patience_s=_PATIENCE_S, longest_s=_LONGEST_S)
    return _set(found, options.set)


def _password(file: Path | None) -> bytes | None:
    """32 to 40 hex digits stand for their bytes; 16 to 20 characters are taken as they are."""
    if file is None:
        return None
    text = getpass.getpass("AuthorizationKey: ") if str(file) == "-" else file.read_text().strip()
    if 32 <= len(text) <= 40:
        try:
            return bytes.fromhex(text)
        except ValueError:
            raise ValueError("an AuthorizationKey of that length is hexadecimal") from None
    if not 16 <= len(text) <= 20:
        raise ValueError("an AuthorizationKey has 16 to 20 characters, or 32 to 40 hex digits")
    return text.encode()


def _driver(options: argparse.Namespace) -> Driver:
    if options.driver == _MANUAL:
        return manual.Manual([name for name in options.cannot.split(",") if name])
    return command.read(Path(options.driver))


async def with_a_charge_point(
    options: argparse.Namespace,
    cases: list[Case],
    parameters: Parameters,
    tell: Callable[[Outcome], None],
    runs: list[Run],
) -> None:
    """`runs` gets one when the charge point has connected, which is filled in as it goes."""
    described = claims.read(station_file(options.station))
    if not 1 <= parameters.connector <= len(described.connectors):
        raise ValueError(f"{described.name} has {len(described.connectors)} connectors")
    if parameters.password is not None and options.id is None:
        raise ValueError("a password belongs to a charge point: say --id too")
    driver = _driver(options)
    passwords = {options.id: parameters.password} if parameters.password is not None else None
    run = Run(described, options.driver, datetime.now(UTC))
    async with Csms(host=options.host, port=options.port, passwords=passwords, strict=False) as csms:
        who = options.id or "any id"
        print(f"waiting for the charge point: {csms.url}/ and its id ({who})", file=sys.stderr)
        station = await _connected(csms, options.id, options.wait)
        print(f"{station.id} is connected", file=sys.stderr)
        runs.append(run)
        await play(cases, csms, station, driver, described, parameters, tell, run)


async def _connected(csms: Csms, station_id: str | None, wait_s: float) -> Station:
    if station_id is not None:
        return await csms.connected(station_id, wait_s)
    return await csms.anybody(wait_s)
