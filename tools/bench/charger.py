# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Our firmware on the simulated board, as a process of its own under MicroPython.

    async with SimulatedCharger(csms_url=csms.url, id="CP1", station="loop_evs32a",
                                set={"HeartbeatInterval": 30}) as charger:
        await charger.do("plug", connector=1)
        await charger.do("tag", id="04A1B2C3")
        state = await charger.state()
        await charger.event("contactor", where=lambda event: event["closed"])
        await charger.do("reboot")                  # ends with code 3: started again by itself
        await charger.power_cut(); await charger.start()

A process that ends in any way nobody asked for is a crash: the next `do`, and the end of the block, raise
`ChargerCrashed` with its last output.
"""

import asyncio
import contextlib
import ctypes
import functools
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Self

from bench.control import ControlChannel, ControlLost, Event
from bench.deadline import within

REPOSITORY = Path(__file__).resolve().parents[2]
LAUNCHER = REPOSITORY / "tools" / "charger"
STATIONS = REPOSITORY / "boards" / "sim"

EXIT_REBOOT = 3  # DESIGN section 6: Reset, software update, `reboot`
EXIT_POWER_CUT = 137


class ChargerCrashed(AssertionError):
    """The firmware process ended by itself, or never became ready."""


def station_file(name: str | Path) -> Path:
    """`loop_evs32a` or a path of one's own. FileNotFoundError with the names that exist."""
    for path in (Path(name), STATIONS / f"{name}.json", STATIONS / name):
        if path.is_file():
            return path.resolve()
    known = ", ".join(sorted(path.stem for path in STATIONS.glob("*.json")))
    raise FileNotFoundError(f"no station description {str(name)!r}; those of boards/sim: {known}")


def reserve_port() -> socket.socket:
    """A port for the control channel, on a socket that keeps it until it is closed: the charger can listen
    there, nobody else finds it free. (Two chargers that were given the same one, some hundredths of a second
    apart, have been seen: the first ended, and its owner spoke with the second.)

    Not one of those that the kernel gives to outgoing connections (32768 and up on Linux, 49152 on others):
    one of many processes would take it before the charger does.
    """
    while True:
        holder = socket.socket()
        try:
            holder.bind(("127.0.0.1", random.randrange(15000, 32768)))
        except OSError:
            holder.close()
            continue
        # Linux lets the charger, which sets this as well, share a port that nobody listens to yet.
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        return holder


class SimulatedCharger:
    """`restart`: start again on exit code 3. `launcher` lets a test put another program in its place.

    `watch=False`: no events, which cost the firmware time and memory.

    `data=None` uses a folder of its own that vanishes with the block. `on_event` gets every event of the
    control channel; `on_end` the exit code of each process that ended; `on_output` each line of its console.
    """

    def __init__(
        self,
        csms_url: str,
        id: str = "CP1",
        *,
        station: str | Path | None = "loop_evs32a",
        data: str | Path | None = None,
        set: Mapping[str, object] | None = None,
        info: str | Path | None = None,
        heap: str | None = None,
        options: tuple[str, ...] = (),
        restart: bool = True,
        watch: bool = True,
        launcher: tuple[str, ...] = (str(LAUNCHER),),
        on_event: Callable[[Event], None] | None = None,
        on_end: Callable[[int], None] | None = None,
        on_output: Callable[[str], None] | None = None,
    ):
        self.id = id
        self.exit_codes: list[int] = []  # of every process that ended, in order
        self.output: deque[str] = deque(maxlen=400)  # last lines of the firmware's console
        self.events: deque[Event] = deque(maxlen=2000)
        self._own_data = tempfile.TemporaryDirectory(prefix="pilotlight-") if data is None else None
        self.data = Path(self._own_data.name if self._own_data else data or "")
        self.control_port = 0  # of the present process
        self._arguments = [*launcher, "--csms", csms_url, "--id", id, "--data", str(self.data)]
        if heap is not None:  # otherwise the launcher knows: 200k with 32-bit objects
            self._arguments += ["--heap", heap]
        if station is not None:
            self._arguments += ["--station", str(station_file(station))]
        if info is not None:
            self._arguments += ["--info", str(info)]
        for key, value in (set or {}).items():
            text = str(value).lower() if isinstance(value, bool) else str(value)
            self._arguments += ["--set", f"{key}={text}"]
        self._arguments += options
        self._restart, self._watch = restart, watch
        self._user_on_event, self._on_end, self._on_output = on_event, on_end, on_output
        self._process: asyncio.subprocess.Process | None = None
        self._following: asyncio.Task[None] | None = None
        self._control = ControlChannel(self._note_event)
        self._changed = asyncio.Condition()
        self._ready = False
        self._asked_to_end = False
        self._crash: str | None = None

    # --- life -----------------------------------------------------------------------------------------------

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.returncode is None

    @property
    def crash(self) -> str | None:
        """How the process ended when nobody had asked for it, and its last output."""
        return self._crash

    @property
    def ready(self) -> bool:
        """Its control channel answers."""
        return self._ready

    async def start(self, timeout: float = 20) -> None:
        """Start the process and wait until its control channel answers."""
        if self._following is not None and not self._following.done():
            raise RuntimeError("the charger runs already")
        self._crash, self._asked_to_end, self._ready = None, False, False
        self._following = asyncio.create_task(self._follow())
        await self._wait(lambda: self._ready, timeout, "the control channel")

    async def stop(self) -> None:
        """End the process (SIGTERM, then SIGKILL); no reboot follows."""
        self._asked_to_end = True
        process = self._process
        if process is not None and process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            try:
                await within(3, process.wait())
            except TimeoutError:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
        if self._following is not None:
            # The process is dead by now; what follows its output must not keep us.
            with contextlib.suppress(TimeoutError):
                await within(10, self._following)

    async def __aenter__(self) -> Self:
        try:
            await self.start()
        except BaseException:
            await self._clean_up()
            raise
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_rest: object) -> None:
        crash = self._crash
        await self._clean_up()
        if crash and kind is None:
            raise ChargerCrashed(crash)

    async def _clean_up(self) -> None:
        await self.stop()
        if self._own_data:
            self._own_data.cleanup()

    async def ended(self, timeout: float = 10) -> int:
        """Wait for the next process to end that has not been waited for; returns its exit code."""
        seen = len(self.exit_codes)
        if not self.running and self.exit_codes:
            return self.exit_codes[-1]
        await self._wait(
            lambda: len(self.exit_codes) > seen, timeout, "the end of the process", crash_is_fine=True
        )
        return self.exit_codes[seen]

    async def power_cut(self) -> None:
        """The process dies at once, nothing flushed. `start()` gives power again."""
        self._asked_to_end = True
        with contextlib.suppress(ControlLost):
            await self._control.request("power_cut")
        assert self._following is not None
        await within(10, self._following)
        if self.exit_codes[-1] not in (EXIT_POWER_CUT, -signal.SIGKILL):
            raise ChargerCrashed(self._report(f"a power cut ended with {self.exit_codes[-1]} instead of 137"))

    async def kill(self) -> None:
        """SIGKILL, whatever the firmware does at this moment: its start and its end included. `start()` gives
        power again.
        """
        self._asked_to_end = True
        following = self._following
        assert following is not None
        for _ in range(200):  # a process that was just being started shows itself in the next turn
            process = self._process
            if process is not None and process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    # Not process.kill(), which would take the exit code of one that has just ended by itself.
                    os.kill(process.pid, signal.SIGKILL)
            done, _ = await asyncio.wait({following}, timeout=0.05)
            if done:
                following.result()
                return
        raise ChargerCrashed(self._report("the process outlives SIGKILL"))

    # --- control channel ------------------------------------------------------------------------------------

    async def do(self, request: str, timeout: float = 10, **fields: Any) -> dict[str, Any]:
        """One request of the control channel; returns its answer. While the charger reboots this waits."""
        await self._wait(lambda: self._ready, timeout, "the control channel")
        if request == "power_cut":
            await self.power_cut()
            return {"ok": True}
        ends = len(self.exit_codes)
        try:
            answer = await self._control.request(request, timeout, **fields)
            if request == "reboot":  # it ends what runs first; the next request is for the next process
                await self._wait(lambda: len(self.exit_codes) > ends, timeout, "the end of the process")
            return answer
        except ControlLost:
            if request == "reboot":
                return {"ok": True}
            await asyncio.sleep(0.1)  # the crash report comes with the exit code
            self._raise_crash()
            raise

    async def state(self) -> dict[str, Any]:
        return await self.do("state")

    async def event(
        self, name: str, timeout: float = 5, where: Callable[[Event], bool] | None = None, **fields: Any
    ) -> Event:
        """The next event of this name (with these fields), come already or not; it is taken off `events`."""
        found: list[Event] = []

        def arrived() -> bool:
            found[:] = [
                event
                for event in self.events
                if event["event"] == name
                and all(event.get(key) == value for key, value in fields.items())
                and (where is None or where(event))
            ][:1]
            return bool(found)

        await self._wait(arrived, timeout, f"event {name} {fields or ''}")
        while self.events.popleft() is not found[0]:
            pass
        return found[0]

    # --- inside ---------------------------------------------------------------------------------------------

    async def _follow(self) -> None:
        """Run the process, again after each reboot, until it ends for good."""
        while True:
            code = await self._run_once()
            self._ready = False
            self.exit_codes.append(code)
            if self._on_end is not None:
                self._on_end(code)
            again = code == EXIT_REBOOT and self._restart and not self._asked_to_end
            if not again and not self._asked_to_end and code not in (EXIT_REBOOT, EXIT_POWER_CUT):
                self._crash = self._report(f"the charger ended with exit code {code}")
            await self._wake()
            if not again:
                return

    async def _run_once(self) -> int:
        with reserve_port() as holder:
            port = self.control_port = holder.getsockname()[1]
            if sys.platform != "linux":
                holder.close()
            return await self._run_with(port)

    async def _run_with(self, port: int) -> int:
        self._process = process = await asyncio.create_subprocess_exec(
            *self._arguments,
            "--control",
            str(port),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            limit=2**20,
            start_new_session=True,  # Ctrl-C at the terminal is ours to handle
            preexec_fn=functools.partial(_die_with, os.getpid()) if sys.platform == "linux" else None,
        )
        reading = asyncio.create_task(self._read_output(process))
        connecting = asyncio.create_task(self._connect(process, port))
        try:
            await reading
            return await process.wait()
        finally:
            connecting.cancel()
            await asyncio.gather(connecting, return_exceptions=True)
            await self._control.close()

    async def _read_output(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        while line := await process.stdout.readline():
            text = line.decode("utf-8", "replace").rstrip()
            self.output.append(text)
            if self._on_output is not None:
                self._on_output(text)

    async def _connect(self, process: asyncio.subprocess.Process, port: int) -> None:
        while process.returncode is None:
            try:
                await self._control.connect(port)
                break
            except OSError:
                await asyncio.sleep(0.02)
        with contextlib.suppress(ControlLost):
            if self._watch:
                await self._control.request("watch")
            self._ready = True
            await self._wake()

    def _note_event(self, event: Event) -> None:
        self.events.append(event)
        if self._user_on_event is not None:
            self._user_on_event(event)
        asyncio.get_running_loop().create_task(self._wake())

    async def _wake(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    async def _wait(
        self, happened: Callable[[], bool], timeout: float, wanted: str, crash_is_fine: bool = False
    ) -> None:
        def done() -> bool:
            return happened() or (self._crash is not None and not crash_is_fine)

        async with self._changed:
            try:
                await within(timeout, self._changed.wait_for(done))
            except TimeoutError:
                raise ChargerCrashed(
                    self._report(f"waited {timeout} s for {wanted} of the charger")
                ) from None
        if not happened():
            self._raise_crash()

    def _raise_crash(self) -> None:
        if self._crash:
            raise ChargerCrashed(self._crash)

    def _report(self, what: str) -> str:
        lines = "\n    ".join(list(self.output)[-40:]) or "(it printed nothing)"
        return f"{what}; its last output:\n    {lines}"


def _die_with(parent: int) -> None:
    """In the child before exec: the kernel ends it when the parent dies, however it dies. Survives exec."""
    pr_set_pdeathsig = 1
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)
    if os.getppid() != parent:  # it died before the request
        os._exit(1)
