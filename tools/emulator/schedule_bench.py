# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""`make schedule-bench`: what the composite schedule of 10 charging profiles of 32 periods costs on the
emulated RP2040. They are set over LTE and TLS while a car charges, and GetCompositeSchedule is asked for;
then the charger is stopped, and composite schedules are made with nothing but the guard beside them.

Times are emulated. With --host only what the heap says, on the host's 32-bit MicroPython, within a second.
"""

import argparse
import asyncio
import json
import os
import random
import ssl
import subprocess
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import Any

from bench.certificates import Authority
from bench.messages import FROM_STATION, TO_STATION, Message
from emulator import schedule_mix
from emulator.bench import SETTINGS, Series, Timeline
from emulator.emulated import IMAGE, EmulatorError
from emulator.heap import watch_heap
from emulator.rig import HOST, Rig, charger
from image.elf import Elf
from toolchain import interpreter
from toolchain.layout import ROOT, SetupError
from toolchain.output import line_by_line

BOARD_SCRIPT = Path(__file__).parent / "board" / "schedule_load.py"
DAY_AIM_MS = 150
DAY_AIM_BYTES = 12 * 1024
# TxProfiles are on flash only where transactions outlive a power cut: so that all ten are.
STATION = {"options": {"power_loss": "resume"}}
_DAY = {"connectorId": 1, "duration": schedule_mix.DAY_S}
# On the host they come without a wire.
_INSTALL = """
import json
from ocpp16.smart_charging import read
from station.charging_profile import TX
from station.charging_profiles import ChargingProfiles
from station.clock import Clock

class Every:
    def value(self, key):
        return {"ChargingScheduleAllowedChargingRateUnit": ("Current", "Power")}.get(key, 99)

installed = ChargingProfiles(FOLDER, Every(), True)
for payload in json.loads(PAYLOADS):
    profile = read(payload["csChargingProfiles"], payload["connectorId"], Clock(1, 0))
    if profile.purpose == TX:
        profile.transaction = 1
    assert installed.install(profile, NOW_S) == "Accepted"
del installed, profile, payload, PAYLOADS
"""


def script(folder: str, now_s: int, times: int) -> str:
    return "FOLDER, NOW_S, TIMES = %r, %d, %d\n%s" % (folder, now_s, times, BOARD_SCRIPT.read_text())


def show(told: dict[str, Any], clocked: bool) -> bool:
    """What the script has told. Are the aims met? clocked: its times mean something."""
    print(
        "%d profiles, %d periods: %s bytes of the heap"
        % (told["profiles"], told["periods"], format(told["installed"], ","))
    )
    form = "%-40s %7s %8s %8s %8s %8s %10s %8s"
    print(form % ("composite schedule", "periods", "ms: min", "median", "max", "aim", "heap", "aim"))
    for title, name, aim_ms, aim_bytes in (
        ("24 hours, connector 1", "day", DAY_AIM_MS, DAY_AIM_BYTES),
        ("24 hours, connector 0", "station", DAY_AIM_MS, DAY_AIM_BYTES),
        ("of an answer: 100 periods at most", "answer", None, None),
        ("what is in force now", "now", None, None),
    ):
        took, heap, periods = told[name]
        times = [us / 1000 for us in (min(took), median(took), max(took))]
        shown = ["%.1f" % ms for ms in times] if clocked else ["", "", ""]
        aims = aim_ms if clocked and aim_ms else "", format(aim_bytes, ",") if aim_bytes else ""
        print(form % (title, periods, *shown, aims[0], format(heap, ","), aims[1]))
    took_us, step_bytes = told["step"]
    step = "%d us, " % took_us if clocked else ""
    print("a step of the main loop without a change: %s%d bytes of the heap" % (step, step_bytes))
    rows = told["day"], told["station"]
    return step_bytes == 0 and all(
        heap <= DAY_AIM_BYTES and (not clocked or max(took) <= 1000 * DAY_AIM_MS) for took, heap, _ in rows
    )


async def set_profiles(rig: Rig, payloads: list[dict[str, Any]]) -> list[int]:
    """Flash erases of each SetChargingProfile."""
    erases = []
    for payload in payloads:
        before = (await rig.state())["flash"]["erases"]
        answer = await rig.station.call("SetChargingProfile", payload, timeout=60)
        assert answer == {"status": "Accepted"}, (payload, answer)
        await rig.pause(300)
        erases.append((await rig.state())["flash"]["erases"] - before)
    return erases


async def ask(rig: Rig, times: int) -> int:
    """GetCompositeSchedule of a day so many times; the periods of the answer."""
    answer: dict[str, Any] = {}
    for _ in range(times):
        answer = await rig.station.call("GetCompositeSchedule", _DAY, timeout=60)
        assert answer["status"] == "Accepted", answer
        await rig.pause(200)
    return len(answer["chargingSchedule"]["chargingSchedulePeriod"])


def answered(messages: list[Message], times: dict[int, int], action: str) -> Series:
    """Milliseconds from CALL to CALLRESULT."""
    asked = {
        message.id: message.index
        for message in messages
        if (message.direction, message.kind, message.action) == (TO_STATION, "call", action)
    }
    return Series(
        [
            (times[message.index] - times[asked[message.id]]) / 1e6
            for message in messages
            if message.direction == FROM_STATION and message.kind == "result" and message.id in asked
        ]
    )


async def measure(image: Path, times: int, seed: int) -> bool:
    authority = Authority("ec")
    context = authority.server(HOST).context(highest=ssl.TLSVersion.TLSv1_2)
    async with charger(image, context, authority.der, SETTINGS, STATION) as rig:
        await rig.install()
        await asyncio.to_thread(watch_heap, rig.board, Elf(image.with_suffix(".elf")))
        line = Timeline(rig)
        await line.begin()
        await rig.do("reset")
        rig.station = await rig.csms.connected("CP1", timeout=180)
        await rig.expect("StatusNotification", connectorId=1, status="Available")
        started = await rig.charge()
        await rig.pause(3000)
        await line.fetch()
        now_s = int(datetime.fromisoformat(started.payload["timestamp"]).timestamp()) + 1
        await rig.do("heap")  # what there was before counts no more
        erases = await set_profiles(rig, schedule_mix.payloads(now_s, random.Random(seed)))
        await line.fetch()
        setting = await rig.do("heap")
        periods = await ask(rig, times)
        await rig.pause(500)
        asking = await rig.do("heap")
        await line.fetch()
        messages = list(rig.station.log)
        moments = line.times(messages)
        print("%-40s %4s %8s %8s" % ("CALL to CALLRESULT, ms", "n", "p50", "max"))
        print(answered(messages, moments, "SetChargingProfile").row("SetChargingProfile, 32 periods"))
        print(
            answered(messages, moments, "GetCompositeSchedule").row(
                "GetCompositeSchedule, %d periods" % periods
            )
        )
        print("flash erases of a SetChargingProfile: %s" % ", ".join(map(str, erases)))
        for title, heap in (("setting", setting), ("asking", asking)):
            print(
                "heap while %s: %s in use after a collection, %s with garbage, largest free block %s"
                % (title, *(format(heap[name] or 0, ",") for name in ("kept", "peak", "largest")))
            )
        rig.crashes.append("KeyboardInterrupt")
        said = await asyncio.to_thread(rig.board.exec, script("profiles", now_s, times))
        return show(_last(said), True)


def _last(said: str) -> dict[str, Any]:
    return json.loads(said.strip().splitlines()[-1])


def on_host(times: int, seed: int) -> bool:
    now_s = int(time.time())
    payloads = json.dumps(schedule_mix.payloads(now_s, random.Random(seed)))
    with tempfile.TemporaryDirectory() as folder:
        kept = folder + "/profiles"
        head = "FOLDER, NOW_S, PAYLOADS = %r, %d, %r\n" % (kept, now_s, payloads)
        program = Path(folder) / "schedule.py"
        program.write_text(head + _INSTALL + script(kept, now_s, times))
        done = subprocess.run(
            [str(interpreter.find(32).path), "-X", "heapsize=1M", str(program)],
            env={**os.environ, "MICROPYPATH": "%s:%s:.frozen" % (ROOT, ROOT / "firmware")},
            capture_output=True,
            text=True,
        )
    if done.returncode:
        raise SetupError(done.stdout + done.stderr)
    return show(_last(done.stdout), False)


def main() -> int:
    line_by_line()
    parser = argparse.ArgumentParser(prog="make schedule-bench", description=__doc__)
    parser.add_argument("--image", type=Path, default=IMAGE)
    parser.add_argument("--times", type=int, default=10, help="of each measurement (%(default)s)")
    parser.add_argument("--host", action="store_true", help="the heap only, without an image")
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 30))
    options = parser.parse_args()
    if options.host:
        print("schedule-bench: seed %d, on the host" % options.seed)
        met = on_host(options.times, options.seed)
    else:
        print("schedule-bench: seed %d, LTE, PPP, TLS 1.2 with a P-256 certificate" % options.seed)
        met = asyncio.run(measure(options.image, options.times, options.seed))
    print(
        "schedule-bench: 24 hours within %d ms and %d KB: %s"
        % (DAY_AIM_MS, DAY_AIM_BYTES >> 10, "met" if met else "NOT met")
    )
    return 0 if met else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (EmulatorError, SetupError) as error:
        sys.exit("schedule-bench: %s" % error)
