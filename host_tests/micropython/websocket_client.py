# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The firmware's WebSocket under remote control: `micropython websocket_client.py URL OPTIONS`.

host_tests/integration/peer.py starts it and plays the server. OPTIONS is a JSON object: user, password_hex,
interval_ms (WebSocket.ping_every), cancel_ms (cancel the opening), times, ca (folder with the CA's
certificate, for wss://), sure (false: the time is not known), stream (long messages that begin so are taken
as streams; the event has what all pieces together were), and the arguments of WebSocket.open. Every
event is one JSON line on stdout. A text message that begins with "!" is an order:
`!send 500`, `!flood 30`, `!close`, `!abort`, `!ping 100`, `!deaf 500` (does not receive for so long),
`!block 300` (in 300 ms, blocks the event loop for 900), `!cancel` (cancel a receive(), then go on),
`!starve 0` (the next frame finds no memory; `!starve 30`: the next one behind such a flood).
"""

import asyncio
import binascii
import gc
import json
import os
import sys
import time

from hal.ticks import ticks_diff, ticks_ms
from net.tls import Tls
from ocpp16 import frames
from ocpp16.frames import PART, TEXT
from ocpp16.handshake import Refused
from ocpp16.send_queue import Full
from ocpp16.websocket import Closed, WebSocket

_began = ticks_ms()
longest_stall_ms = 0


def say(event, **fields):
    fields["event"] = event
    fields["ms"] = ticks_diff(ticks_ms(), _began)
    print(json.dumps(fields))


def open_files():
    return len(os.listdir("/proc/self/fd"))


async def obey(ws, order):
    word, _, number = order.partition(" ")
    number = int(number or 0)
    if word == "!send":
        ws.send("x" * number)
    elif word in ("!flood", "!starve"):
        sent = 0
        try:
            for _ in range(number):
                ws.send("y" * 1000)
                sent += 1
        except Full:
            pass
        say("flood", sent=sent, queued=ws.queued)
        if word == "!starve":
            frames.os = Starved()
    elif word == "!close":
        asyncio.create_task(ws.close(1000, "bye", 500))
    elif word == "!abort":
        ws.abort("told to")
    elif word == "!ping":
        ws.ping_every(number)
    elif word == "!block":
        asyncio.create_task(block(number))
    elif word == "!deaf":
        await asyncio.sleep_ms(number)
    elif word == "!cancel":
        try:
            await asyncio.wait_for_ms(ws.receive(), 100)
            say("not cancelled")
        except asyncio.TimeoutError:
            say("cancelled")
    else:
        say("what?", order=order)


class Starved:
    """For `os`: no memory, once."""

    def urandom(self, count):
        frames.os = os
        say("starved")
        raise MemoryError


async def block(after_ms):
    """Stop the whole event loop for 900 ms, as a DNS query does."""
    await asyncio.sleep_ms(after_ms)
    time.sleep_ms(900)


async def watch():
    """Note the longest time this task, which wants to run every 5 ms, was kept waiting."""
    global longest_stall_ms
    while True:
        before = ticks_ms()
        await asyncio.sleep_ms(5)
        longest_stall_ms = max(longest_stall_ms, ticks_diff(ticks_ms(), before) - 5)


async def converse(ws):
    pieces = size = crc = 0
    try:
        while True:
            kind, payload, oversize = await ws.receive()
            if kind == PART:
                pieces += 1
                size += len(payload)
                crc = binascii.crc32(payload, crc)
                if oversize:
                    say("message", kind=kind, size=size, pieces=pieces, crc=crc, total=oversize)
                    pieces = size = crc = 0
                continue
            text = str(payload, "utf-8") if kind == TEXT else None
            if text and text[0] == "!":
                await obey(ws, text)
            else:
                head = bytes(payload[:20]).hex()
                say("message", kind=kind, size=len(payload), oversize=oversize, head=head)
    except Closed as closed:
        say("closed", code=closed.code, reason=closed.reason)
    try:
        ws.send("too late")
        say("sent after the end")
    except Closed:
        pass
    await ws.close()


async def main():
    options = json.loads(sys.argv[2])
    authorization = None
    if "user" in options:
        authorization = options.pop("user"), bytes.fromhex(options.pop("password_hex"))
    interval_ms = options.pop("interval_ms", 0)
    cancel_ms = options.pop("cancel_ms", 0)
    stream = options.pop("stream", "").encode() or None
    if "ca" in options:
        sure = options.pop("sure", True)
        options["secure"] = Tls(options.pop("ca"), lambda: (0, sure))
    await asyncio.sleep_ms(1)  # the event loop has its files, too
    files = open_files()
    asyncio.create_task(watch())
    for _ in range(options.pop("times", 1)):
        task = asyncio.create_task(WebSocket.open(sys.argv[1], "ocpp1.6", authorization, **options))
        if cancel_ms:
            await asyncio.sleep_ms(cancel_ms)
            task.cancel()
        try:
            ws = await task
        except asyncio.CancelledError:
            say("cancelled")
        except Refused as error:
            say("refused", reason=error.reason, status=error.status)
        except OSError as error:
            say("failed", reason=str(error))
        else:
            say("open", certified=ws.certified)
            if stream is not None:
                ws.take_as_stream(lambda head: bytes(head[: len(stream)]) == stream)
            ws.ping_every(interval_ms)
            await converse(ws)
            ws = None
        await asyncio.sleep_ms(20)
    gc.collect()
    say("end", leaked=open_files() - files, memory=gc.mem_alloc(), stall_ms=longest_stall_ms)


asyncio.run(main())
