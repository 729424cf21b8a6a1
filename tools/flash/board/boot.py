# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""One boot of a charger: the firmware as `charger` builds it, its tasks stepped by hand in virtual time.

Everything is the real thing from the files up to the text of a message: store, station, outbox, session, rpc.
Scripted are the car's side (`ScriptedSupply` of the unit tests), the meter, which answers at once, and the
WebSocket, behind which the central system answers in the call. So no task ever waits for another, and its
coroutine can be driven to where it sleeps: there is no event loop. What the central system asks for, and may
take the charger long, is gone on with in each turn (see `connection`).
"""

import charger
import log
import meters
from flash.board.connection import Socket, Tasks
from hal import ticks
from hal.reading import Reading
from host_tests.unit.open_files import OpenFiles
from host_tests.unit.rig import ScriptedSupply
from ocpp16 import answering, local_list, receiving
from ocpp16.channel import Channel
from station.description import Description
from store.journal import Journal

_TICKS_MASK = 0x3FFFFFFF
_open_files = OpenFiles("/flash")
_open_files.watch()
_LIST = "/local_list/"  # its files are open for as long as an update is on its way


class _Never(Exception):
    pass


class _ByHand:
    """Stands for asyncio in `main`: what sleeps yields once, what could wait does not."""

    TimeoutError = _Never

    @staticmethod
    def create_task(coroutine):
        try:
            while True:
                coroutine.send(None)
        except StopIteration:
            return

    @staticmethod
    def sleep_ms(ms):
        yield


def _at_once(coroutine, timeout_ms):
    return coroutine


def _idle(timeout_ms):
    yield


class _NoGuard:
    def tick(self, now, stopped, alive):
        return None


class _Supply(ScriptedSupply):
    def __init__(self, hardware, described, station_faults):
        super().__init__(described.number, described.lock)
        self.on_permit = None
        self.guard = _NoGuard()

    def step(self, now):
        return False

    def permit(self, on):
        super().permit(on)
        if on and self.on_permit is not None:
            self.on_permit(self.number)


class _Meter:
    slow = False

    def __init__(self, world, number):
        self._world = world
        self._number = number

    async def read(self):
        register_wh = self._world.register_wh(self._number)
        if register_wh is None:
            return None
        energised = self._world.energised(self._number)
        power_w = self._world.power_w if energised else 0
        return Reading(register_wh, power_w, (power_w * 1000 // 230,), (230000,))


class _Pilot:
    sample_ms = 0


class _Hardware:
    def __init__(self, world, number):
        self.number = number
        self.pilot = _Pilot()
        self.meter = _Meter(world, number)


class _Storage:
    def __init__(self, path):
        self.path = path

    def trouble(self):
        return None


class _Board:
    """As `hal.contract.Board`, as far as `main` looks at it."""

    tag_reader = None
    link = None
    indicator = None
    buzzer = None
    button = None
    start_button = None
    watchdog = None

    def __init__(self, world, data_dir, connectors):
        self.storage = _Storage(data_dir)
        self.connectors = [_Hardware(world, number + 1) for number in range(connectors)]
        self.clock = self
        self.power_fails = world.power_fails if world.plan.warns else None

    def utc_ms(self):
        return None  # no clock that a battery keeps

    def set_utc_ms(self, utc_ms):
        return None

    def fault_signals(self):
        return ()

    def every_ms(self, period_ms, fn):
        return False

    def stopped(self):
        return False

    def cause(self):
        return "PowerUp"


_descriptions = {}  # reading a description compiles a module, which would be most of a boot


def _described(document):
    name = document["name"]
    if name not in _descriptions:
        _descriptions[name] = Description(document)
    return _descriptions[name]


class _Console:
    """Stands for `sys` in `log`."""

    def __init__(self, show):
        self.stdout = self
        self._show = show

    def write(self, line):
        if self._show is not None:
            self._show(line[:-1])


def prepare(world, show=None):
    """Put the scripted parts in their places; `world.uptime_ms()` is the time since boot. `show(line)` gets
    what is logged.
    """
    log.sys = _Console(show)
    charger.asyncio = meters.asyncio = _ByHand
    meters.within = _at_once
    charger.Supply = _Supply
    charger.Description = _described
    charger.Journal = lambda *arguments: _journal(world.plan, *arguments)
    setattr(charger.Firmware, "_note_peak", _nothing)  # noqa: B010  (it counts the whole heap, each second)
    ticks._raw_ms = lambda: world.uptime_ms() & _TICKS_MASK


def _journal(plan, directory, segment_bytes, budget_bytes=None, *others):
    return Journal(directory, plan.segment_bytes, plan.budget_bytes or budget_bytes, *others)


def _nothing(firmware):
    return None


class Charger:
    def __init__(self, world, data_dir):
        """Builds it: what `charger.Firmware` reads and writes at boot is read and written. See `start`."""
        station = world.plan.station
        settings = {"csms_url": None, "id": "CUT", "station": station, "set": world.plan.keys}
        board = _Board(world, data_dir, len(station["connectors"]))
        self.firmware = charger.Firmware(board, settings)
        self.station = self.firmware.station
        self.outbox = self.firmware.outbox
        self.session = self.firmware.session
        setattr(self.session._bell, "wait", _idle)  # noqa: B010
        self._world = world
        self._socket: Socket = None  # pyright: ignore[reportAttributeAccessIssue]
        self._heard = None  # the message of the central system that is on its way
        self._tasks = ()
        self._sender = None
        self._beside = Tasks()
        setattr(answering, "asyncio", self._beside)  # noqa: B010
        setattr(local_list, "asyncio", self._beside)  # noqa: B010
        setattr(receiving, "asyncio", self._beside)  # noqa: B010
        _open_files.paths.clear()

    def start(self):
        """What `Firmware.run` does."""
        self.station.recover(ticks.ticks_ms())
        self._tasks = (self.firmware._steps(), self.firmware._rounds())

    def turn(self):
        """Every task as far as its next sleep; True when the charger is to restart."""
        for task in self._tasks:
            task.send(None)
        if self._world.link_up:
            self._converse()
        elif self._sender is not None:
            self._disconnect()
        self._beside.turn()
        left_open = [path for path in _open_files.paths if not (self._beside.busy and _LIST in path)]
        if left_open:
            self._world.fault("open", ", ".join(left_open))
            _open_files.paths.clear()
        return self.station.closed(self.session.all_told)

    @property
    def online(self):
        return self._sender is not None and self.session.online

    def receive(self, text):
        """A CALL of the central system: a short one is answered at once."""
        self._heard = self._socket.hear(text)
        self._beside.create_task(self._heard)

    def gone(self):
        """The power went, or it restarts: what it was doing nobody does any more."""
        self._beside.end_all()

    # what `Session._converse` does

    def _converse(self):
        if self._sender is None:
            rpc = self.firmware._rpc
            self._socket = Socket(self._world, rpc)
            self.session._channel = channel = Channel(self._socket, rpc)
            self._sender = self.session._send(channel)
        try:
            self._sender.send(None)
        except StopIteration:
            self._disconnect()

    def _disconnect(self):
        sender, self._sender = self._sender, None
        if sender is not None:
            sender.close()
        self._beside.end(self._heard)
        self._socket = None  # pyright: ignore[reportAttributeAccessIssue]
        self.session._channel = None
        self.firmware._rpc.detach()
        self.session._forget()
