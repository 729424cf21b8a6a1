# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""What somebody types at the board's console, USB or UART, while the charger runs: `help` lists it
(docs/console.md). Loaded with the first character.

A line of an answer begins with `: `, lines of the log do not; the last one is `: ok`, or `: no` and why.
Noise on the wire is no command, and what is longer than a command is nothing. Ctrl-C never comes here: it is
MicroPython's, and stops the charger.
"""

import asyncio
import sys

import event_log
import log
from hal.ticks import ticks_ms
from station import keys, timestamp

_MOST_CHARS = 560  # a value has 500 at most
_AT_ONCE = 64  # characters, then others have their turn
_PAUSE_MS = 100
_STEP_MS = 20
_EVENTS_BYTES = 2048

_HELP = """\
state               what the charger is doing
log                 the last lines of the log
events, events all  what is kept of the past on flash: the last of it, everything
get KEY, get        a configuration key, all of them
set KEY VALUE       as ChangeConfiguration does
stats               memory, stalls, restarts, firmware
test                self-test, contactors stay open; `test contactor` closes them as well
stop                ends the test
reboot              restart, charging ends"""


class Console:
    """`firmware`: a `charger.Firmware`; `read()`: the next character as bytes, b"" when there is none now,
    None when there will never be one."""

    def __init__(self, firmware, read):
        self._firmware = firmware
        self._read = read
        self._line = bytearray()
        self._hidden = False  # what is typed now is nobody's business
        self._too_long = False
        self._asked = False  # whether contactors may be closed
        self._test = None

    async def run(self):
        """Returns when there is nobody any more."""
        while True:
            for _ in range(_AT_ONCE):
                char = self._read()
                if char is None:
                    return
                if not char:
                    break
                line = self._take(char[0])
                if line is not None:
                    await self._obey(line)
            await asyncio.sleep(_PAUSE_MS / 1000)

    # --- the line ---

    def _take(self, byte):
        """The line that this character ends, or None."""
        line = self._line
        if byte == 13 or byte == 10:
            text = str(bytes(line), "ascii")
            too_long = self._too_long
            self._line = bytearray()
            self._hidden = self._too_long = False
            if too_long:
                sys.stdout.write("\n")
                _say("no: longer than %d characters" % _MOST_CHARS)
                return None
            if not text.strip():
                return None  # mpremote begins with one, and expects nothing
            sys.stdout.write("\n")
            return text
        if byte == 8 or byte == 127:
            if line:
                self._line = line[:-1]
                self._echo("\b \b")
        elif not 32 <= byte < 127:
            self._line = bytearray()  # Ctrl-A, Ctrl-U, noise: nobody's command
        elif len(line) >= _MOST_CHARS:
            self._too_long = True
        else:
            if byte == 32 or byte == 61:  # " ", or "=" as `get` has it
                self._hidden = self._hidden or _secret(str(bytes(line), "ascii"))
            line.append(byte)
            self._echo(chr(byte))
        return None

    def _echo(self, text):
        if not self._hidden:
            sys.stdout.write(text)

    async def _obey(self, line):
        words = line.split(None, 2)
        asked = self._asked
        self._asked = False
        if asked:
            if words == ["yes"]:
                self._begin_test(True)
                _say("ok")
            else:
                _say("no: not confirmed")
            return
        method = _COMMANDS.get(words[0])
        if method is None:
            _say("no: `help` lists what there is")
            return
        try:
            answer = method(self, words[1:])
            if answer is not None and not isinstance(answer, str):
                answer = await answer
            _say(answer or "ok")
        except MemoryError:
            _say("no: no memory")
        except Exception as error:
            log.failure("console", words[0], error)
            _say("no: it failed")

    # --- commands: a text is why not ---

    def _help(self, rest):
        return _say_all(_HELP.split("\n"))

    def _state(self, rest):
        return self._show_state()

    async def _show_state(self):
        shown = self._firmware.state()
        connectors = shown.pop("connectors")
        # What stands in `stats`; and tags are known to those who pay with them.
        for name in ("heap", "stall", "last_tag", "reservations"):
            shown.pop(name, None)
        await _say_all(_pairs(shown))
        for connector in connectors:
            number = connector.pop("connector")
            if connector["transaction"] is not None:
                connector["transaction"] = connector["transaction"]["number"]
            await _say_all(["%d %s" % (number, pair) for pair in _pairs(connector)])

    def _log(self, rest):
        return _say_all(log.lines())

    def _events(self, rest):
        if rest and rest != ["all"]:
            return "no: events, or events all"
        return self._show_events(bool(rest))

    async def _show_events(self, everything):
        folder = self._firmware.board.storage.path
        for name in event_log.NAMES if everything else event_log.NAMES[-1:]:
            path = folder + name
            at = 0 if everything else event_log.end(path, _EVENTS_BYTES)
            while True:
                texts, after = event_log.some(path, at)
                if after == at:
                    break
                at = after
                await _say_all([text or "(unreadable)" for text in texts])

    def _get(self, rest):
        if len(rest) > 1:
            return "no: get KEY"
        rows, unknown = self._firmware.station.config.rows(rest)
        if unknown:
            return "no: NotSupported"
        return _say_all(["%s=%s" % (key, "(secret)" if text is None else text) for key, _, text in rows])

    def _set(self, rest):
        if not rest:
            return "no: set KEY VALUE"
        if _secret("set " + rest[0]):
            return "no: a secret is not typed here; `make configure` asks for it and hides it"
        config = self._firmware.station.config
        status = config.change(rest[0], rest[1].strip() if len(rest) > 1 else "")
        return None if status == "Accepted" else "no: " + status

    def _stats(self, rest):
        return self._show_stats()

    async def _show_stats(self):
        firmware = self._firmware
        shown = firmware.state()
        rows = ["%s %s" % (name, text) for name, text in _facts(firmware)]
        rows += ["heap_%s %d" % (name, value) for name, value in sorted(shown["heap"].items())]
        rows.append("uptime_s %d" % shown["uptime_s"])
        rows.append("longest_stall %d ms, at %d s" % (firmware.stall_ms, firmware.stall_at_s))
        counts = event_log.restarts(firmware.board.storage.path)
        rows += ["starts_%s %d" % (cause, counts[cause]) for cause in sorted(counts)]
        await _say_all(rows)

    def _reboot(self, rest):
        self._firmware.request_reboot()

    # --- the test ---

    def _start_test(self, rest):
        if self._test is not None:
            return "no: one is under way"
        if rest == ["contactor"]:
            self._asked = True
            return "sure? outputs get mains voltage; nothing plugged in, nobody near? type yes"
        if rest:
            return "no: test, or test contactor"
        self._begin_test(False)
        return None

    def _begin_test(self, contactor):
        from self_test import SelfTest

        self._test = self._firmware.self_test = SelfTest(self._firmware, contactor)
        asyncio.create_task(self._run_test(self._test))

    def _stop_test(self, rest):
        if self._test is None:
            return "no: none is under way"
        self._test.stop()
        return None

    async def _run_test(self, test):
        for name, text in _facts(self._firmware):
            _say("fact %s %s" % (name, text))
        told = 0
        prompt = ""
        running = True
        try:
            while running:
                running = test.step(ticks_ms())
                while told < len(test.results):
                    _say("result %d|%s|%s|%s" % test.results[told])
                    told += 1
                if test.prompt != prompt:
                    prompt = test.prompt
                    if prompt:
                        _say("do " + prompt)
                await asyncio.sleep(_STEP_MS / 1000)
        except Exception as error:
            log.failure("console", "test", error)
        finally:
            if running:
                test.stop()  # the firmware ends, or a part has failed: nothing stays closed
            _say("verdict " + ("pass" if test.passed else "fail"))
            self._test = self._firmware.self_test = None


_COMMANDS = {
    "help": Console._help,
    "state": Console._state,
    "log": Console._log,
    "events": Console._events,
    "get": Console._get,
    "set": Console._set,
    "stats": Console._stats,
    "test": Console._start_test,
    "stop": Console._stop_test,
    "reboot": Console._reboot,
}


def _facts(firmware):
    """(name, text) of what a page about this charger begins with."""
    info = firmware.info
    time = firmware.station.clock.utc_ms
    return (
        ("station", info["chargePointModel"]),
        ("vendor", info["chargePointVendor"]),
        ("serial", info.get("chargePointSerialNumber") or info.get("chargeBoxSerialNumber") or "not set"),
        ("id", firmware.identity),
        ("firmware", info["firmwareVersion"]),
        ("board", firmware.board.name),
        ("time", "not known" if time is None else timestamp.text(time, False)),
        ("connectors", len(firmware.supplies)),
    )


def _say(text):
    # A value may be anything that a CSMS has set.
    data = text.encode()
    if data and min(data) < 32:
        text = str(bytes([byte if 31 < byte < 127 else 63 for byte in data]), "utf-8")
    sys.stdout.write(": %s\n" % text)


async def _say_all(rows):
    for row in rows:
        _say(row)
        await asyncio.sleep(0)  # a terminal that does not read holds up each of them


def _pairs(shown):
    return ["%s %s" % (name, shown[name]) for name in sorted(shown)]


def _secret(line):
    """It begins with `set` and a key whose value nobody may see."""
    words = line.split()
    if len(words) < 2 or words[0] != "set":
        return False
    entry = keys.find(words[1])
    return entry is not None and entry[2] == keys.W
