# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""What others see of the charger, over the control channel, on a console, on a page: its state, its heap,
and events as they happen.
"""

import gc

import log
from ocpp16.message import harmless

# Of a message as much is shown to who watches: a copy of the largest would not find room beside the message
# itself.
_SHOWN_CHARS = 1024


class Events:
    """What happens, told to who watches.

    listener    fn(dict): pilot, contactor, status, message, connection...; None: nobody watches
    """

    def __init__(self, connectors):
        self.listener = None
        self._seen = [None] * connectors  # of each connector what was told last

    def tell(self, event):
        if self.listener is None:
            return
        try:
            self.listener(event)
        except MemoryError:
            log.warning("view", "no memory for an event, %s is not shown", event.get("event"))

    def connection(self, up):
        self.tell({"event": "connection", "up": up})

    def status(self, number, status):
        self.tell({"event": "status", "connector": number, "status": status})

    def supply(self, supply):
        """Something of an `evse.supply.Supply` has changed."""
        if self.listener is None:
            return
        number = supply.number
        now = (supply.pilot, supply.energised, supply.faults, supply.offered_da, supply.locked)
        before = self._seen[number - 1] or (None,) * len(now)
        self._seen[number - 1] = now
        if now[0] != before[0]:
            self.tell({"event": "pilot", "connector": number, "pilot": now[0]})
        if now[1] != before[1]:
            self.tell({"event": "contactor", "connector": number, "closed": now[1]})
        if now[2] != before[2]:
            self.tell({"event": "fault", "connector": number, "faults": list(now[2])})
        if now[3] != before[3]:
            self.tell({"event": "offer", "connector": number, "offered_da": now[3], "by": supply.limit_name})

    def message(self, direction, text, length=None):
        """`direction`: "in" or "out". `length`: of the message, where `text` is only its head."""
        if self.listener is None:
            return
        if direction == "in":
            text = harmless(text)
        if length is None:
            length = len(text)
        if len(text) > _SHOWN_CHARS:
            text = text[:_SHOWN_CHARS]
        self.tell({"event": "message", "direction": direction, "text": text, "length": length})


class Heap:
    """MicroPython's. CPython tells nothing of its own: there are no figures then."""

    def __init__(self):
        self._peak = 0  # bytes in use, garbage that waits for the collection included

    def note_peak(self):
        """To be called often: MicroPython keeps no peak."""
        if hasattr(gc, "mem_alloc"):
            self._peak = max(self._peak, gc.mem_alloc())

    def figures(self):
        self.note_peak()
        gc.collect()
        if not hasattr(gc, "mem_alloc"):
            return {}
        return {
            "used": gc.mem_alloc(),
            "free": gc.mem_free(),
            "peak": self._peak,
            "largest_free": _largest_free(),
        }


def state(station, session, outbox, heap):
    """What the control channel's `state` shows, less what only the board knows. `heap`: its figures."""
    clock = station.clock
    admission = station.admission
    now_utc_ms = clock.utc_ms
    listed = station.local_list
    return {
        "connected": session.connected,
        "registration": session.registration,
        "queue_depth": outbox.depth,
        "heap": heap,
        "uptime_s": clock.uptime_ms // 1000,
        "time": None if now_utc_ms is None else clock.text(now_utc_ms),
        "faults": list(station.faults),
        "local_list": None if listed is None else {"version": listed.version, "size": listed.size},
        # Of two that are the same the second one is told apart by its time.
        "last_tag": list(admission.last) + [admission.last_ms] if admission.last else None,
        "connectors": [_connector_state(connector) for connector in station.connectors],
        "reservations": [
            {
                "reservationId": one.number,
                "connector": one.connector,
                "idTag": one.tag,
                "until": clock.text(one.expiry_utc_ms),
            }
            for one in station.reservations.all
        ],
    }


def _connector_state(connector):
    supply = connector.supply
    transaction = connector.transaction
    shown = {
        "connector": connector.number,
        "pilot": supply.pilot,
        "plugged": supply.plugged,
        "contactor": supply.energised,
        "locked": supply.locked,
        "offered_da": supply.offered_da,
        "limit_da": supply.limit_da,
        "limit_by": supply.limit_name,
        "limit_why": _limit_why(connector, supply.limit_name),
        "status": connector.status_name,
        "faults": list(supply.faults),
        "transaction": None,
    }
    reading = connector.reading
    if reading is not None:
        shown["energy_wh"] = reading.energy_wh
        shown["power_w"] = reading.power_w
        shown["current_ma"] = list(reading.current_ma)
        shown["voltage_mv"] = list(reading.voltage_mv)
    if transaction is not None:
        shown["transaction"] = {
            "number": transaction.number,
            "transactionId": transaction.transaction_id,
            "idTag": transaction.id_tag,
            "meter_start_wh": transaction.meter_start_wh,
            "energy_wh": transaction.energy_wh(),
        }
    return shown


def _limit_why(connector, name):
    """The winning profile, where one limits, or what is shared."""
    station = connector.station
    if name == "ocpp":
        return None if station.charging is None else station.charging.why(connector.number)
    return station.load.why() if station.load is not None and name in ("share", "site") else None


def _largest_free():
    """The largest block that can be had now, to the KB below: MicroPython tells nobody, so it is tried."""
    least, most = 0, gc.mem_free() >> 10
    while least < most:
        middle = (least + most + 1) >> 1
        try:
            bytearray(middle << 10)
            least = middle
        except MemoryError:
            most = middle - 1
    return least << 10
