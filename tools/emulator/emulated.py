# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""An emulated board as a context manager: starts the process, speaks its control channel, ends it surely."""

import json
import os
import queue
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from toolchain import emulator
from toolchain.layout import ROOT, VENV

MAIN = ROOT / "tools" / "emulator" / "main.mjs"
IMAGE = ROOT / "build" / "image" / "pico_lte" / "firmware.uf2"

POWER_CUT = 137
CRASH = 4

_START_S = 20
_ANSWER_S = 120


class EmulatorError(Exception):
    """The emulator did not start, ended, or refused a request; in words."""


class Emulated:
    """One emulated board.

    image     firmware to lay over the flash (UF2 or binary), or None: what is in `flash` already
    flash     file that keeps the flash over restarts, made when absent, or None: forgotten at the end
    pace      emulated seconds per second; 0: as fast as possible; None: it stands, `run` moves it
    seed      of all noise; None: another one each time. `seed` has it afterwards
    usb_port, control_port, uart1_port    on 127.0.0.1, once started
    events    what the processes told without being asked: {"event":, "value":, "ns":}, from `watch` and
              "usb", "reset", "power"
    """

    def __init__(
        self,
        image: Path | None = IMAGE,
        flash: Path | None = None,
        pace: float | None = 1,
        seed: int | None = None,
        options: tuple[str, ...] = (),
    ):
        self._command = [str(emulator.node()), str(MAIN), "--attached"]
        self._command += ["--pace", "hold" if pace is None else str(pace)]
        for name, value in (("--image", image), ("--flash", flash), ("--seed", seed)):
            if value is not None:
                self._command += [name, str(value)]
        self._command += options
        self.events: queue.SimpleQueue[dict] = queue.SimpleQueue()
        self._process: subprocess.Popen[str] | None = None
        self._control: Control | None = None
        self._ready = threading.Event()
        self._usb = threading.Event()
        self.ports: dict = {}

    def __enter__(self) -> "Emulated":
        self.start()
        return self

    def __exit__(self, *_) -> None:
        self.end()

    def start(self) -> None:
        """Start the process and open the control channel. EmulatorError: it did not start."""
        # Its own process group: Ctrl-C at the terminal is for who started it, and ends it through standard
        # input.
        self._process = subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=None,
            text=True,
            start_new_session=True,
        )
        threading.Thread(target=self._listen, args=(self._process,), daemon=True).start()
        if not self._ready.wait(_START_S) or not self.ports:
            raise EmulatorError("the emulator did not start (exit code %s)" % self.end())
        self.usb_port = self.ports["usb"]
        self.uart1_port = self.ports["uart1"]
        self.control_port = self.ports["control"]
        self.seed = self.ports["seed"]
        self._control = Control(self.control_port, self.events)

    def end(self) -> int | None:
        """End the process, whatever it is doing. Return its exit code."""
        if self._control:
            self._control.close()
            self._control = None
        process, self._process = self._process, None
        if process is None:
            return None
        assert process.stdin and process.stdout
        process.stdin.close()  # --attached: it ends by itself
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()
        return process.returncode

    def wait(self, timeout_s: float) -> int:
        """Wait for the process to end by itself (a power cut, a crash); return its exit code."""
        assert self._process
        try:
            return self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise EmulatorError("the emulator still runs after %g s" % timeout_s) from None

    def do(self, what: str, **fields: Any) -> dict:
        """One request of the control channel; its answer. EmulatorError: refused, or the process is gone."""
        if self._control is None:
            raise EmulatorError("the emulator does not run")
        return self._control.do({"do": what, **fields})

    def state(self) -> dict:
        return self.do("state")

    def run(self, ms: float, until: str | None = None, value: int = 1) -> dict:
        """Let `ms` of emulated time pass as fast as possible; with `until` no further than to the moment when
        that signal has `value`. Answer: "reached", "ns", "at_ns"."""
        fields = {} if until is None else {"until": until, "value": value}
        return self.do("run", ms=ms, **fields)

    def wait_for_usb(self, timeout_s: float = 30) -> None:
        """Until mpremote can be started: the USB port is there. Only while time passes."""
        if not self._usb.wait(timeout_s):
            raise EmulatorError("the USB port is not there after %g s" % timeout_s)

    def mpremote(self, *arguments: str, timeout_s: float = 120) -> str:
        """Run the unmodified mpremote against the board; what it printed. EmulatorError: it failed."""
        command = [
            str(VENV / "bin" / "mpremote"),
            "connect",
            "socket://127.0.0.1:%d" % self.usb_port,
            *arguments,
        ]
        try:
            done = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=timeout_s,
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
            )
        except subprocess.TimeoutExpired as error:
            said = error.stdout.decode(errors="replace") if isinstance(error.stdout, bytes) else error.stdout
            raise EmulatorError(
                "mpremote %s: nothing more after %g s: %s" % (arguments, timeout_s, said)
            ) from None
        if done.returncode:
            raise EmulatorError("mpremote %s: %s%s" % (" ".join(arguments)[:80], done.stdout, done.stderr))
        return done.stdout

    def exec(self, code: str, timeout_s: float = 120) -> str:
        """Run MicroPython code on the board; what it printed."""
        return self.mpremote("exec", code, timeout_s=timeout_s)

    def _listen(self, process: "subprocess.Popen[str]") -> None:
        assert process.stdout
        try:
            for line in process.stdout:
                try:
                    told = json.loads(line)
                except ValueError:
                    print("emulator:", line.rstrip(), file=sys.stderr)
                    continue
                if "event" not in told:
                    self.ports = told
                    self._ready.set()
                    continue
                if told["event"] == "usb":
                    (self._usb.set if told["value"] else self._usb.clear)()
                self.events.put(told)
        except ValueError:
            pass  # closed by `end`
        self._ready.set()


class Control:
    """A connection to a control channel; events go to `events`."""

    def __init__(self, port: int, events: "queue.SimpleQueue[dict]"):
        self._events = events
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=_START_S)
        self._socket.settimeout(None)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._answers: queue.SimpleQueue[dict | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._number = 0
        threading.Thread(target=self._listen, daemon=True).start()

    def do(self, request: dict) -> dict:
        """Send `request`, return its answer. EmulatorError: it was refused, or the connection is gone."""
        with self._lock:
            self._number += 1
            try:
                self._socket.sendall(json.dumps({**request, "n": self._number}).encode() + b"\n")
            except OSError:
                raise EmulatorError("the emulator has ended") from None
            deadline = time.monotonic() + _ANSWER_S
            while True:
                try:
                    answer = self._answers.get(timeout=max(0.1, deadline - time.monotonic()))
                except queue.Empty:
                    raise EmulatorError("no answer to %s" % request) from None
                if answer is None:
                    self._answers.put(None)
                    raise EmulatorError("the emulator has ended")
                if answer.get("n") == self._number:
                    break
        if not answer.pop("ok"):
            raise EmulatorError("%s: %s" % (request, answer["error"]))
        answer.pop("n")
        return answer

    def close(self) -> None:
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self._socket.close()

    def _listen(self) -> None:
        try:
            with self._socket.makefile("r", encoding="utf-8") as lines:
                for line in lines:
                    told = json.loads(line)
                    if "event" in told:
                        self._events.put(told)
                    else:
                        self._answers.put(told)
        except (OSError, ValueError):
            pass
        self._answers.put(None)
