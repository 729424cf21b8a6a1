# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""firmware/main.py: what becomes of a charger that cannot start, stops, or crashes."""

import asyncio
import importlib.util
import sys
import traceback
import types

import pytest

import log
from boards.pico_lte.board import BOARD
from toolchain.layout import ROOT


class Restarted(BaseException):
    """`Board.reset` or `machine.reset`: nothing after it runs."""


class Lamp:
    def __init__(self, told):
        self._told = told

    def show(self, number, indication):
        self._told.append(("lamp", number, indication))

    def tick(self):
        self._told.append("lit")


class World:
    """A controller that runs main.py once. told: what happened, in order.

    trouble     what the storage says
    modem       of the board
    board       the last one
    run         a coroutine function in place of the charger
    interrupts  how many times Ctrl-C comes while the board comes to rest
    """

    def __init__(self, monkeypatch, folder, data=BOARD):
        self.told = []
        self.folder = folder
        self.trouble = None
        self.interrupts = 0
        self.data = data
        self.settings = None
        self.run = self.forever
        # What makes its link asks for, and no more.
        self.modem = types.SimpleNamespace(
            uart=None, supply=None, key=None, baud=9600, flow=False, key_ms=None
        )
        self.board = None
        spec = importlib.util.spec_from_file_location("main_under_test", ROOT / "firmware" / "main.py")
        assert spec and spec.loader
        self.main = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(self.main)
        self.main.CRASH = str(folder / "crash.txt")
        self.main.sys = types.SimpleNamespace(
            platform="rp2",
            modules=sys.modules,
            stdout=types.SimpleNamespace(write=lambda text: None),
            print_exception=lambda error, lines: traceback.print_exception(error, file=lines),
        )
        self.main.time = types.SimpleNamespace(sleep=lambda s: self.told.append(("pause", s)))
        world = self

        class Board:
            def __init__(self, data):
                world.told.append("board")
                world.board = self
                self.modem = world.modem
                self.storage = types.SimpleNamespace(path=str(folder), trouble=lambda: world.trouble)
                self.indicator = Lamp(world.told)
                self.link = None

            def rest(self):
                if world.interrupts:
                    world.interrupts -= 1
                    raise KeyboardInterrupt
                world.told.append("rest")

            def reset(self):
                world.told.append("reset")
                raise Restarted

        def bare_reset():
            world.told.append("bare reset")
            raise Restarted

        async def run(board, settings):
            world.told.append("charger")
            world.settings = settings
            await world.run()

        modules = {
            "board": {"BOARD": data},
            "hal.rp2.board": {"Board": Board},
            "hal.rp2.starting": {
                "begin": lambda: world.told.append("watchdog"),
                "end": lambda: world.told.append("no watchdog"),
            },
            "machine": {"unique_id": lambda: b"\x01\xab", "reset": bare_reset},
            "charger": {"run": run},
        }
        for name, members in modules.items():
            module = types.ModuleType(name)
            module.__dict__.update(members)
            monkeypatch.setitem(sys.modules, name, module)

    async def forever(self):
        raise AssertionError("the test says what the charger does")

    def start(self):
        """What happened. "restarted" at the end: it did not come back."""
        try:
            self.main.start()
        except Restarted:
            return self.told
        return [*self.told, "repl"]

    def crash_file(self):
        path = self.folder / "crash.txt"
        return path.read_text() if path.exists() else None


@pytest.fixture
def world(monkeypatch, tmp_path):
    return World(monkeypatch, tmp_path)


async def failing():
    raise ValueError("a task of the firmware")


def test_a_crash_is_written_down_once_and_the_controller_restarts(world):
    world.run = failing
    assert world.start() == ["watchdog", "board", "charger", "rest", ("pause", 5), "reset"]
    text = world.crash_file()
    assert "ValueError: a task of the firmware" in text
    path = world.folder / "crash.txt"
    path.touch()
    before = path.stat().st_mtime_ns
    world.start()
    assert path.stat().st_mtime_ns == before  # the same again: nothing is erased for it

    async def otherwise():
        raise ValueError("other")

    world.run = otherwise
    world.start()
    assert "other" in world.crash_file()


def crash_again(world, *places):
    """Restarts, one crash after the other: whether the file was written, of each."""
    written = []
    for place in places:

        async def run(place=place):
            place()

        world.run = run
        before = world.crash_file()
        world.start()
        written.append(world.crash_file() != before)
    return written


def places(count):
    """So many functions that fail, each in a line of its own."""
    found = {}
    exec("".join("def f%d():\n    raise ValueError\n" % number for number in range(count)), found)
    return [found["f%d" % number] for number in range(count)]


def test_crashes_that_alternate_are_written_once_each(world):
    one, other = places(2)
    assert crash_again(world, one, other, one, other, one, other) == [True, True] + 4 * [False]
    assert world.crash_file().count("Traceback") == 2


def test_a_crash_is_the_same_whatever_its_words(world):
    """How much memory was wanted differs from one time to the next."""
    sizes = iter(range(100, 200))
    kinds = iter([MemoryError, ValueError, MemoryError, ValueError])

    def out_of_memory():
        raise MemoryError("memory allocation failed, allocating %d bytes" % next(sizes))

    def another():
        raise next(kinds)("x" * next(sizes))

    assert crash_again(world, out_of_memory, out_of_memory) == [True, False]
    assert crash_again(world, another, another, another, another) == [True, True, False, False]


def test_a_charger_that_restarts_all_the_time_fills_the_file_once(world):
    written = crash_again(world, *places(100))
    # How many find room depends on how long the path of this folder is.
    assert written[0] and written.count(True) < 50 and not any(written[50:])
    assert len(world.crash_file()) <= 4096
    # One that has worked for a while has something new to say.
    times = iter((0, 11 * 60 * 1000))
    world.main.ticks_ms = lambda: next(times)
    assert crash_again(world, places(101)[-1]) == [True]
    assert world.crash_file().count("Traceback") == 1


def test_a_crash_that_cannot_be_written_down_restarts_all_the_same(world):
    world.run = failing
    world.main.CRASH = str(world.folder / "absent" / "crash.txt")
    assert world.start()[-3:] == ["rest", ("pause", 5), "reset"] and world.crash_file() is None


def test_a_crash_file_of_any_content_does_not_stop_the_restart(world):
    world.run = failing
    path = world.folder / "crash.txt"
    for content in (b"Traceback \xff\xed\xa0\xbd", b"", bytes(5000)):
        path.write_bytes(content)
        assert world.start()[-3:] == ["rest", ("pause", 5), "reset"]
        assert "a task of the firmware" in world.crash_file()


def test_what_is_written_down_may_have_any_character(world):
    async def run():
        raise ValueError("\u20ac" * 3000)

    world.run = run
    world.start()
    path = world.folder / "crash.txt"
    before = path.stat().st_mtime_ns
    assert "\u20ac" in path.read_text("utf-8")
    assert world.start()[-1] == "reset"
    assert path.stat().st_mtime_ns == before


@pytest.mark.parametrize("name", ["print_exception", "stdout"])
def test_no_memory_for_a_traceback_does_not_stop_the_restart(world, monkeypatch, name):
    def out_of_memory(*arguments):
        raise MemoryError("memory allocation failed, allocating 512 bytes")

    world.run = failing
    setattr(world.main.sys, name, out_of_memory)
    monkeypatch.setattr(log, "emit", out_of_memory)
    assert world.start()[-3:] == ["rest", ("pause", 5), "reset"]


@pytest.mark.parametrize("kind", [asyncio.CancelledError, SystemExit, GeneratorExit])
def test_whatever_ends_the_charger_it_is_started_again(world, kind):
    async def run():
        raise kind

    world.run = run
    assert world.start()[-3:] == ["rest", ("pause", 5), "reset"]
    assert kind.__name__ in world.crash_file()


def test_no_memory_while_the_board_comes_to_rest(world, monkeypatch):
    def out_of_memory(*arguments):
        raise MemoryError

    monkeypatch.setattr(sys.modules["hal.rp2.board"].Board, "rest", out_of_memory)
    monkeypatch.setattr(log, "emit", out_of_memory)
    world.run = failing
    assert world.start()[-2:] == [("pause", 5), "reset"]


def test_a_traceback_without_end_is_cut(world):
    async def deep():
        raise ValueError("x" * 10000)

    world.run = deep
    world.start()
    assert 1024 <= len(world.crash_file()) < 1200


def test_without_storage_nobody_charges_and_the_technician_finds_a_repl(world):
    world.trouble = "flash does not mount"
    # The lamp's rhythm comes from the interrupt, which does not run: it is lit once and stays so.
    assert world.start() == ["watchdog", "board", ("lamp", 0, "fault"), "lit", "rest", "repl"]


@pytest.mark.parametrize(
    "text",
    [
        b"{",
        b"\xff",
        b"[]",
        b'{"csms_url": "http://x"}',
        b'{"cmss_url": "ws://x"}',
        b'{"csms_url": "ws://x", "lte": {"APN": "internet"}}',
        b" " * 9000,
    ],
)
def test_a_wrong_installation_charges_by_itself(world, text):
    (world.folder / "installation.json").write_bytes(text)

    async def stops():
        raise KeyboardInterrupt

    world.run = stops
    assert world.start()[-3:] == ["charger", "rest", "repl"]
    assert world.settings["csms_url"] is None and world.settings["id"] == "PL01AB"
    assert world.settings["station"] == BOARD["station"]


def test_the_installers_fields_are_put_over_the_boards(world):
    (world.folder / "installation.json").write_bytes(
        b'{"csms_url": "wss://csms.test", "station": {"name": "Garage"}, "set": {"AuthorizationKey": "k"}}'
    )
    world.run = failing
    world.start()
    assert world.settings["csms_url"] == "wss://csms.test" and world.settings["set"] == {
        "AuthorizationKey": "k"
    }
    assert world.settings["station"] == {**BOARD["station"], "name": "Garage"}
    assert BOARD["station"]["name"] == "Pilotlight pico_lte"


@pytest.mark.parametrize(
    "station",
    [
        '{"nope": 1}',
        '{"connectors": "x"}',
        '{"connectors": []}',
        '{"connectors": [{}, {}]}',  # more than the board has
        '{"name": 7}',
        '{"configuration": {"HeartbeatInterval": "abc"}}',
        '{"limits": {"HeartbeatInterval": [500, 600]}}',  # its default is less
        '{"absent": [{}]}',
    ],
)
def test_a_station_that_cannot_be_is_the_boards_own_at_6_a(world, station):
    (world.folder / "installation.json").write_text(
        '{"csms_url": "ws://csms.test", "set": {"AuthorizationKey": "k"}, "station": %s}' % station
    )
    world.run = failing
    assert world.start()[-1] == "reset"
    (connector,) = BOARD["station"]["connectors"]
    assert world.settings["station"] == {**BOARD["station"], "connectors": [{**connector, "rated_a": 6}]}
    assert world.settings["csms_url"] == "ws://csms.test"
    assert world.settings["set"] == {"AuthorizationKey": "k"}
    assert any("installation.json" in line and "station" in line for line in log.lines()[-2:])


def test_what_is_wrong_of_set_is_left_out(world):
    world.run = failing
    world.start()
    assert world.settings["tolerant"] is True


def test_the_link_knows_its_modem(world, monkeypatch):
    monkeypatch.setattr("net.lte.Ppp", lambda uart: None)
    uart = types.SimpleNamespace(any=lambda: 0)
    world.modem = types.SimpleNamespace(
        uart=uart, supply=None, key=lambda on: None, baud=9600, flow=False, key_ms=1000
    )
    world.run = failing
    world.start()
    parts = world.board.link._bearer._parts
    assert parts.speeds == (9600, 9600) and not parts.flow and parts.key_ms == 1000
    assert parts.has_key and not parts.can_cut


def links_made(world, monkeypatch, links, texts):
    """What a board with these links has for one after each start with these files."""
    made = types.ModuleType("hal.rp2.wifi")
    made.link_of = lambda networks: ("wifi", networks)  # pyright: ignore[reportAttributeAccessIssue]
    monkeypatch.setitem(sys.modules, "hal.rp2.wifi", made)
    said = {}
    network = types.ModuleType("network")
    network.country = lambda code: said.update(country=code)  # pyright: ignore[reportAttributeAccessIssue]
    network.hostname = lambda name: said.update(hostname=name)  # pyright: ignore[reportAttributeAccessIssue]
    monkeypatch.setitem(sys.modules, "network", network)
    monkeypatch.setattr(sys.modules["board"], "BOARD", {**BOARD, "links": links})
    if {"kind": "modem"} not in links:
        world.modem = None
    monkeypatch.setattr("hal.board_data.require", lambda data: None)
    world.run = failing
    found = []
    for text in texts:
        (world.folder / "installation.json").write_bytes(text)
        world.start()
        found.append(world.board.link)
    return found, said


def test_wi_fi_is_the_link_where_the_installer_named_a_network(world, monkeypatch):
    texts = (
        b'{"id": "CP 1", "country": "DE", "wifi": {"ssid": "home", "password": "long secret"}}',
        b'{"wifi": [{"ssid": "a"}, {"ssid": "b"}]}',
        b'{"csms_url": "ws://h"}',
    )
    found, said = links_made(world, monkeypatch, ({"kind": "wifi"},), texts)
    assert found == [("wifi", [("home", "long secret")]), ("wifi", [("a", ""), ("b", "")]), None]
    assert said["country"] == "DE"


def test_several_links_have_one_above_them_that_knows_when_all_is_told(world, monkeypatch):
    links = ({"kind": "wifi"}, {"kind": "modem"})
    session = types.SimpleNamespace(all_told=False)
    idle = []

    async def run(board, settings, attach):
        attach(types.SimpleNamespace(session=session, board=board))
        idle.append(board.link.idle())
        session.all_told = True
        idle.append(board.link.idle())
        raise ValueError("over")

    sys.modules["charger"].run = run  # pyright: ignore[reportAttributeAccessIssue]
    texts = (b'{"wifi": {"ssid": "home"}, "links": ["modem", "wifi"], "dns": ["9.9.9.9"]}',)
    (found,), _ = links_made(world, monkeypatch, links, texts)
    assert [row[0] for row in found._rows] == ["modem", "wifi"] and idle == [False, True]
    assert sys.modules["net.dns"].others == ("9.9.9.9",)
    monkeypatch.setattr(sys.modules["net.dns"], "others", ())


def test_ctrl_c_ends_at_the_repl_with_everything_at_rest(world):
    async def interrupted():
        raise KeyboardInterrupt

    world.run = interrupted
    # mpremote says Ctrl-C twice at once.
    world.interrupts = 2
    assert world.start() == ["watchdog", "board", "charger", "rest", "repl"]
    assert world.crash_file() is None


def test_a_board_that_cannot_come_to_rest_is_restarted_all_the_same(world, monkeypatch):
    def rest(board):
        raise ValueError("channel closed")

    monkeypatch.setattr(sys.modules["hal.rp2.board"].Board, "rest", rest)
    world.run = failing
    assert world.start()[-2:] == [("pause", 5), "reset"]


def test_ctrl_c_in_the_pause_after_a_crash_ends_at_the_repl(world):
    world.run = failing

    def sleep(seconds):
        raise KeyboardInterrupt

    world.main.time.sleep = sleep
    with pytest.raises(KeyboardInterrupt):
        world.start()
    assert world.told[-1] == "rest"


def test_a_board_that_is_wrong_is_told_in_words_and_drives_nothing(monkeypatch, tmp_path):
    world = World(monkeypatch, tmp_path, {**BOARD, "watchdog_ms": 9000})
    assert world.start() == ["watchdog", "no watchdog", ("pause", 5), "bare reset"]
    assert "watchdog_ms: the RP2040's watchdog ends at 8388" in world.crash_file()


def test_ctrl_c_before_there_is_a_board_stops_the_watchdog(world, monkeypatch):
    def put_together():
        raise KeyboardInterrupt

    world.main._put_together = put_together
    assert world.start() == ["watchdog", "no watchdog", "repl"]


def test_a_charger_that_ends_is_started_again(world):
    async def ends():
        await asyncio.sleep(0)

    world.run = ends
    assert world.start()[-3:] == ["rest", ("pause", 5), "reset"]
