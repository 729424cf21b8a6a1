# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""What the requests of the control channel do (the table of them: `boards/sim/README.md`).

The firmware binds itself with `attach(firmware)`, an object with

    events.listener             set here: a function that takes one dict, {"event": name, ...}
    supplies                    list of evse.supply.Supply, index 0 is connector 1
    state() -> dict             the station's facts, and "connectors": a list with one dict per connector
    data_transfer(vendor_id, message_id, data)   coroutine: the CSMS's status, None when it did not answer
    security_event(type, info)
    request_reboot()

Any of the last three may raise ValueError with the reason why not. Until it is attached the physical requests
work.
"""

import asyncio

from hal.sim import heap

_TRANSFER_S = 60
_REGISTER_WH = 999999999


class Requests:
    def __init__(self, board, find_fault):
        """`find_fault`: any name of a fault -> its name in the catalogue, None for an unknown one."""
        self._board = board
        self._find_fault = find_fault
        self._firmware = None
        self.emit = None  # set by the channel: a function that takes one event

    def attach(self, firmware) -> None:
        self._firmware = firmware
        firmware.events.listener = self._event

    def _event(self, event):
        if self.emit:
            self.emit(event)

    async def handle(self, request: dict) -> tuple:
        """(answer, what is to be done after it was sent or None). ValueError: the reason why not."""
        do = request.get("do")
        if not isinstance(do, str):
            raise ValueError('"do" is missing')
        method = getattr(self, "do_" + do, None)
        if method is None:
            raise ValueError("unknown request %s" % do)
        answer = method(request)
        then = None
        if isinstance(answer, tuple):
            answer, then = answer
        elif answer is not None and not isinstance(answer, dict):
            answer = await answer
        if answer is None:
            answer = {}
        answer["ok"] = True
        return answer, then

    # The car's side.

    def do_plug(self, request):
        self._connector(request).plug()

    def do_unplug(self, request):
        self._connector(request).unplug()

    def do_car(self, request):
        connector = self._connector(request)
        car = connector.car
        amps = _number(request, "amps", 0, 500)
        phases = _whole(request, "phases", 1, 3)
        ready = _flag(request, "ready")
        delay_s = _number(request, "delay_s", 0, 86400)
        soc = _number(request, "soc", 0, 100)
        battery_wh = _whole(request, "battery_wh", 1, 1000000)
        react_ms = _whole(request, "react_ms", 0, 600000)
        ventilation = _flag(request, "ventilation")
        connector.advance()
        if amps is not None:
            car.limit_ma = int(amps * 1000)
        if phases is not None:
            car.phases = phases
        if ready is not None:
            car.ready = ready
        if delay_s is not None:
            car.delay_ms = int(delay_s * 1000)
        if battery_wh is not None:
            car.set_battery(battery_wh)
        if soc is not None:
            car.set_soc(soc)
        if react_ms is not None:
            car.react_ms = react_ms
        if ventilation is not None:
            car.ventilation = ventilation
        connector.save(True)

    def do_pilot(self, request):
        connector = self._connector(request)
        high_mv = _whole(request, "high_mv", -15000, 15000)
        low_mv = _whole(request, "low_mv", -15000, 15000)
        if high_mv is None and low_mv is not None:
            raise ValueError('"high_mv" is missing')
        connector.force_pilot(high_mv, low_mv)

    def do_tag(self, request):
        uid = _text(request, "id", 40, True)
        number = _whole(request, "connector", 1, len(self._board.connectors))
        reader = self._board.tag_reader
        if reader is None:
            raise ValueError("this station has no tag reader")
        if not uid:
            raise ValueError('"id" is empty')
        if not uid.strip("0123456789abcdefABCDEF"):
            uid = uid.upper()  # as a reader spells a UID
        if not reader.present(uid, number):
            raise ValueError("the reader has not been read since the last tags")

    def do_fault(self, request):
        name = self._fault_name(request)
        silent = _flag(request, "silent", False)
        for connector in self._concerned(request, name):
            connector.break_part(name, silent)
        return {"name": name}

    def do_clear(self, request):
        """Without a name: every fault; without a connector: everywhere. The technician acknowledges what
        latched, unless `acknowledge` is false."""
        acknowledge = _flag(request, "acknowledge")
        name = self._fault_name(request) if "name" in request else None
        board = self._board
        connectors = board.connectors
        number = self._number(request)
        if number:
            connectors = (connectors[number - 1],)
        else:
            for signal in board.fault_signals():
                if name is None or signal == name:
                    board.clear_signal(signal)
        for connector in connectors:
            for broken in connector.broken_parts():
                if name is None or broken == name:
                    connector.mend_part(broken)
            if self._firmware is not None and acknowledge is not False:
                self._firmware.supplies[connector.number - 1].acknowledge()

    def do_limit(self, request):
        """The limit "local", as somebody at the site sets it; without `amps` there is none."""
        amps = _number(request, "amps", 0, 1000)
        phases = _whole(request, "phases", 1, 3)
        supplies = self._running().supplies
        number = _whole(request, "connector", 1, len(supplies), True) or 1
        limits = supplies[number - 1].limits
        if amps is None:
            if phases is not None:
                raise ValueError('"amps" is missing')
            limits.drop("local")
        else:
            limits.put("local", int(amps * 10), phases)

    def do_meter(self, request):
        connector = self._connector(request)
        wh = _whole(request, "wh", 0, _REGISTER_WH)
        fail = _flag(request, "fail")
        if wh is None and fail is None:
            raise ValueError('"wh" or "fail" is missing')
        connector.advance()
        if wh is not None:
            connector.meter.wh = wh
        if fail is not None:
            connector.meter.failing = fail
        connector.save(True)

    def do_grid(self, request):
        """What the house takes of the grid, beside our cars."""
        meter = self._board.grid_meter
        if meter is None:
            raise ValueError("this station has no meter at the grid connection")
        amps = request.get("amps")
        fail = _flag(request, "fail")
        if amps is None and fail is None:
            raise ValueError('"amps" or "fail" is missing')
        if amps is not None:
            if not isinstance(amps, list) or len(amps) != 3:
                raise ValueError('"amps" is not a list of three numbers')
            rows = [_number({"amps": one}, "amps", -1000, 1000, True) for one in amps]
            meter.house_ma = tuple([int((one or 0) * 1000) for one in rows])
        if fail is not None:
            meter.failing = fail

    # The board.

    def do_link(self, request):
        dbm = _whole(request, "dbm", -150, 0)
        up = _flag(request, "up", dbm is None)
        if dbm is not None:
            self._board.link.dbm = dbm
        if up is not None:
            self._board.link.set_up(up)

    def do_reader(self, request):
        reader = self._board.tag_reader
        if reader is None:
            raise ValueError("this station has no tag reader")
        reader.dead = _flag(request, "silent", True)

    def do_button(self, request):
        pressed = _flag(request, "pressed", True)
        button = self._board.start_button if _flag(request, "start") else self._board.button
        button.down = pressed

    def do_power_cut(self, request):
        return {}, self._board.power_cut

    def do_watchdog(self, request):
        return {}, self._board.watchdog_bites

    def do_power_fail(self, request):
        hold_up_ms = _whole(request, "hold_up_ms", 0, 10000)
        active = _flag(request, "active")
        if hold_up_ms is None and active is None:
            raise ValueError('"hold_up_ms" or "active" is missing')
        if hold_up_ms is None:
            self._board.warn_of_power(active)
            return {}
        return {}, lambda: self._board.warn_of_power(True, hold_up_ms)

    def do_reboot(self, request):
        return {}, self._board.reset if self._firmware is None else self._firmware.request_reboot

    # The firmware.

    def do_watch(self, request):
        """The channel itself remembers who watches."""
        return {}

    def do_security_event(self, request):
        kind = _text(request, "type", 50, True)
        info = _text(request, "info", 255)
        self._running().security_event(kind, info)

    def do_data_transfer(self, request):
        vendor = _text(request, "vendorId", 255, True)
        message = _text(request, "messageId", 50)
        data = _text(request, "data", 4096)
        return self._transfer(self._running(), vendor, message, data)

    async def _transfer(self, firmware, vendor, message, data):
        try:
            status = await asyncio.wait_for(firmware.data_transfer(vendor, message, data), _TRANSFER_S)
        except asyncio.TimeoutError:
            status = None
        if status is None:
            raise ValueError("the central system did not answer")
        return {"status": status}

    def do_state(self, request):
        """The firmware's view, completed by what only the simulated world knows."""
        board = self._board
        if self._firmware is not None:
            answer = self._firmware.state()
            heap.as_on_a_board(answer.get("heap", {}))
        else:
            answer = {
                "connected": False,
                "registration": None,
                "faults": list(board.fault_signals()),
                "connectors": [
                    {"connector": c.number, "status": None, "transaction": None} for c in board.connectors
                ],
            }
        answer["link"] = board.link.up()
        answer["sounds"] = list(board.buzzer.heard)
        if board.grid_meter is not None:
            answer["grid_ma"] = list(board.grid_meter.current_ma())
        for connector in board.connectors:
            self._complete(answer["connectors"][connector.number - 1], connector)
        return answer

    def _complete(self, entry, connector):
        high_mv, low_mv = connector.read()
        car = connector.car
        entry["high_mv"] = high_mv
        entry["low_mv"] = low_mv
        entry["volts"] = high_mv / 1000
        entry["duty_e4"] = connector.duty_e4
        entry["duty_pct"] = connector.duty_e4 / 100
        entry["contactor"] = connector.contact
        entry["lock"] = connector.bolt if connector.lock else None
        entry["cable"] = connector.cable if connector.proximity else None
        entry["phases"] = (3 if connector.three else 1) if connector.phase_switch else None
        entry["indication"] = self._board.indicator.shown.get(connector.number)
        entry["register_wh"] = connector.meter.wh
        entry["broken"] = connector.broken_parts()
        entry["car"] = {
            "plugged": car.plugged,
            "s2": car.s2,
            "current_ma": car.current_ma,
            "soc": car.soc_pct(),
        }
        if self._firmware is not None:
            supply = self._firmware.supplies[connector.number - 1]
            entry["pilot"] = supply.pilot
            entry["pilot_state"] = supply.state
            entry["offered_a"] = supply.offered_da / 10
            entry["limit_a"] = supply.limit_da / 10
            entry["limit"] = supply.limit_name
        else:
            entry["pilot"] = None

    # Fields.

    def _running(self):
        if self._firmware is None:
            raise ValueError("the firmware is still starting")
        return self._firmware

    def _number(self, request):
        return _whole(request, "connector", 0, len(self._board.connectors)) or 0

    def _connector(self, request):
        number = _whole(request, "connector", 1, len(self._board.connectors), True) or 1
        return self._board.connectors[number - 1]

    def _fault_name(self, request):
        given = _text(request, "name", 60, True)
        name = self._find_fault(given)
        if name is None:
            raise ValueError("unknown fault %s" % given)
        return name

    def _concerned(self, request, name):
        """The connectors whose part breaks; none: it was a signal of the whole station, raised here."""
        number = self._number(request)
        if number:
            return (self._board.connectors[number - 1],)
        if self._board.connectors[0].is_part(name):
            return self._board.connectors
        self._board.raise_signal(name)
        return ()


def _value(request, key, needed):
    """The field, None when it is left out or null; ValueError when it must not be."""
    value = request.get(key)
    if value is None and needed:
        raise ValueError('"%s" is missing' % key)
    return value


def _number(request, key, low, high, needed=False):
    """A number, whole or not, from `low` to `high`."""
    value = _value(request, key, needed)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError('"%s" is not a number' % key)
    if not low <= value <= high:
        raise ValueError('"%s" is not from %d to %d' % (key, low, high))
    return value


def _whole(request, key, low, high, needed=False):
    value = _number(request, key, low, high, needed)
    if value is not None and not isinstance(value, int):
        raise ValueError('"%s" is not a whole number' % key)
    return value


def _flag(request, key, needed=False):
    value = _value(request, key, needed)
    if value is not None and not isinstance(value, bool):
        raise ValueError('"%s" is neither true nor false' % key)
    return value


def _text(request, key, length, needed=False):
    value = _value(request, key, needed)
    if value is None:
        return None
    if not isinstance(value, str):
        raise ValueError('"%s" is not a string' % key)
    if len(value) > length:
        raise ValueError('"%s" is longer than %d characters' % (key, length))
    return value
