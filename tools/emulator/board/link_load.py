# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Runs on the emulated board for host_tests/emulator/test_link_*: TCP over the firmware's LTE link, as much
as goes both ways, beside flash erases and garbage collections. PORT, CONNECTIONS, BYTES and ERASE_MS are put
before this text.

What goes over a connection is one pattern again and again, so that a byte that is missing or comes twice
shows. A line of JSON each second tells how far it is.
"""

import asyncio
import gc
import json
import time

import rp2

from board import BOARD
from hal.parts.from_data import Modem
from net import tcp
from net.bearer import Parts
from net.lte import LteLink

PATTERN = bytes((index * 7 + (index >> 3)) & 255 for index in range(1021))
TWICE = memoryview(PATTERN + PATTERN)
SIZES = (17, 200, 1021, 640, 3, 900)
LIMIT_MS = 20000

told = {
    "sent": 0,
    "got": 0,
    "wrong": 0,
    "connections": 0,
    "failures": 0,
    "erases": 0,
    "late_ms": 0,
    "link": "",
}


async def one():
    stream = await tcp.connect("10.64.0.1", PORT, LIMIT_MS)  # noqa: F821
    writer = asyncio.create_task(write(stream))
    view = memoryview(bytearray(1021))
    done = 0
    try:
        while done < BYTES:  # noqa: F821
            count = await stream.read_into(view, LIMIT_MS)
            at = done % 1021
            if not count or view[:count] != TWICE[at : at + count]:
                told["wrong"] += 1
                break
            done += count
            told["got"] += count
        told["connections"] += 1
    finally:
        writer.cancel()
        stream.close()


async def write(stream):
    done = step = 0
    try:
        while True:
            at = done % 1021
            part = TWICE[at : at + SIZES[step % len(SIZES)]]
            await stream.write_all(part, LIMIT_MS)
            step += 1
            done += len(part)
            told["sent"] += len(part)
            if step % 50 == 0:
                await asyncio.sleep_ms(1)
    except OSError as error:
        told["failures"] += 1
        told["error"] = repr(error)


async def beside():
    flash = rp2.Flash()
    block = (flash.ioctl(4, 0) or 1) - 1
    while True:
        await asyncio.sleep_ms(ERASE_MS or 1000)  # noqa: F821
        if ERASE_MS:  # noqa: F821
            flash.ioctl(6, block)
            told["erases"] += 1
        gc.collect()


async def report(link):
    while True:
        gc.collect()
        told["free"] = gc.mem_free()
        told["link"] = link.phase
        print("LINK " + json.dumps(told))
        await asyncio.sleep(1)


async def watch():
    """The longest that the event loop stood still."""
    while True:
        began = time.ticks_ms()
        await asyncio.sleep_ms(10)
        late_ms = time.ticks_diff(time.ticks_ms(), began) - 10
        told["late_ms"] = max(told["late_ms"], late_ms)


async def main():
    modem = Modem(BOARD["links"][0])
    if modem.supply is not None:
        modem.supply(True)
    link = LteLink(modem, {"apn": "internet"}, Parts())
    tasks = [asyncio.create_task(each) for each in (link.run(), report(link), beside())]
    while not link.up():
        await asyncio.sleep_ms(100)
    tasks.append(asyncio.create_task(watch()))
    while told["connections"] < CONNECTIONS:  # noqa: F821
        while not link.up():
            await asyncio.sleep_ms(100)
        try:
            await one()
        except OSError as error:
            told["failures"] += 1
            told["error"] = repr(error)
            link.in_vain()
            await asyncio.sleep_ms(500)
        else:
            link.heard()
    while True:
        await asyncio.sleep(10)


asyncio.run(main())
