# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""A charge point written with the CPython `ocpp` library, to compare our firmware with.

In memory, no car: what remains is the library, `websockets` and the least code an honest user of them writes.
Schema validation is on, as the library has it by default.

    python -m bench.rival --csms ws://127.0.0.1:9000/ocpp --id RIVAL --keys 40
"""

import argparse
import asyncio
import contextlib
import itertools
import logging
from typing import Any

import websockets
from ocpp.routing import after, on
from ocpp.v16 import ChargePoint, call, call_result
from ocpp.v16.datatypes import KeyValue
from ocpp.v16.enums import (
    Action,
    ChargePointErrorCode,
    ChargePointStatus,
    ConfigurationStatus,
    Reason,
    RegistrationStatus,
    RemoteStartStopStatus,
)
from websockets.typing import Subprotocol

from bench.messages import utc_text

_NO_ERROR, _AVAILABLE = ChargePointErrorCode.no_error, ChargePointStatus.available


class Rival(ChargePoint):
    def __init__(self, station_id: str, connection: Any, keys: int):
        super().__init__(station_id, connection)
        self._configuration = {"HeartbeatInterval": "300", "MeterValueSampleInterval": "60"}
        for number in itertools.count(1):
            if len(self._configuration) >= keys:
                break
            self._configuration[f"VendorSetting{number:02d}"] = "value of a plausible length"
        self._transaction: int | None = None

    async def boot(self) -> None:
        answer = await self.call(
            call.BootNotification(charge_point_model="CPython", charge_point_vendor="Rival"), suppress=False
        )
        if answer is None or answer.status != RegistrationStatus.accepted:
            raise SystemExit("the CSMS does not accept this charge point")
        for connector in (0, 1):
            await self.call(call.StatusNotification(connector, _NO_ERROR, _AVAILABLE))
        while True:
            await asyncio.sleep(answer.interval)
            await self.call(call.Heartbeat())

    @on(Action.get_configuration)
    def get_configuration(self, key: list[str] | None = None):
        asked = key or list(self._configuration)
        known = [
            KeyValue(name, False, self._configuration[name]) for name in asked if name in self._configuration
        ]
        unknown = [name for name in asked if name not in self._configuration]
        return call_result.GetConfiguration(known, unknown or None)

    @on(Action.change_configuration)
    def change_configuration(self, key: str, value: str):
        if key not in self._configuration:
            return call_result.ChangeConfiguration(ConfigurationStatus.not_supported)
        self._configuration[key] = value
        return call_result.ChangeConfiguration(ConfigurationStatus.accepted)

    @on(Action.remote_start_transaction)
    def remote_start(self, id_tag: str, connector_id: int = 1, **_profile: Any):
        free = self._transaction is None
        return call_result.RemoteStartTransaction(
            RemoteStartStopStatus.accepted if free else RemoteStartStopStatus.rejected
        )

    @after(Action.remote_start_transaction)
    async def started(self, id_tag: str, connector_id: int = 1, **_profile: Any):
        if self._transaction is None:
            answer = await self.call(
                call.StartTransaction(connector_id, id_tag, 0, utc_text()), suppress=False
            )
            self._transaction = answer.transaction_id if answer else None

    @on(Action.remote_stop_transaction)
    def remote_stop(self, transaction_id: int):
        known = transaction_id == self._transaction
        return call_result.RemoteStopTransaction(
            RemoteStartStopStatus.accepted if known else RemoteStartStopStatus.rejected
        )

    @after(Action.remote_stop_transaction)
    async def stopped(self, transaction_id: int):
        if transaction_id == self._transaction:
            self._transaction = None
            await self.call(call.StopTransaction(0, utc_text(), transaction_id, Reason.remote))


async def run(url: str, station_id: str, keys: int) -> None:
    async with websockets.connect(f"{url}/{station_id}", subprotocols=[Subprotocol("ocpp1.6")]) as connection:
        rival = Rival(station_id, connection, keys)
        boot = asyncio.create_task(rival.boot())
        try:
            await rival.start()
        finally:
            boot.cancel()


def main() -> None:
    parser = argparse.ArgumentParser(
        description="A charge point on the CPython ocpp library, for comparison."
    )
    parser.add_argument("--csms", required=True, help="ws:// endpoint without the id")
    parser.add_argument("--id", required=True)
    parser.add_argument("--keys", type=int, default=40, help="how many configuration keys it has")
    options = parser.parse_args()
    logging.getLogger("ocpp").setLevel(logging.ERROR)
    with contextlib.suppress(KeyboardInterrupt, websockets.ConnectionClosed):
        asyncio.run(run(options.csms, options.id, options.keys))


if __name__ == "__main__":
    main()
