# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The control channel of the simulated board: TCP on 127.0.0.1, one JSON object per line each way.

Here lines are carried, bounded in every direction; what a request does stands in `hal.sim.requests`. Every
line gets exactly one answer. A client that does not read what it asked to watch is dropped, never waited for.
"""

import asyncio
import json

_CLIENTS = 8
_LINE = 4096
_CHUNK = 512
_UNSENT = 8192  # events waiting for one client; one longer line is let through when nothing else waits


def _refusal(error) -> dict:
    return {"ok": False, "error": error}


def _line(message) -> bytes:
    return (json.dumps(message) + "\n").encode()


class Client:
    """One connection. Only `_send` and `put` write, never both at once."""

    def __init__(self, writer):
        self.task = asyncio.current_task()
        self.watching = False
        self.lost = False
        self._writer = writer
        self._waiting = []
        self._size = 0
        self._busy = False
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()

    def put(self, line: bytes) -> bool:
        """Send or queue a line; False: too much waits already."""
        if self._busy:
            if self._size and self._size + len(line) > _UNSENT:
                return False
            self._waiting.append(line)
            self._size += len(line)
            return True
        try:
            self._writer.write(line)
        except OSError:
            self.lost = True
            return True  # the reader finds the end by itself
        if self._unsent():
            self._busy = True
            self._idle.clear()
            self._wake.set()
        return True

    async def sent(self) -> None:
        """Wait until everything is out."""
        await self._idle.wait()

    async def send(self) -> None:
        """Task: carries what the socket did not take at once."""
        writer = self._writer
        while True:
            await self._wake.wait()
            self._wake.clear()
            try:
                await writer.drain()
                while self._waiting:
                    line = self._waiting.pop(0)
                    self._size -= len(line)
                    writer.write(line)
                    await writer.drain()
            except OSError:
                self.lost = True
                self._waiting = []
                self._size = 0
            self._busy = False
            self._idle.set()

    def _unsent(self):
        writer = self._writer
        if hasattr(writer, "out_buf"):  # MicroPython
            return len(writer.out_buf)
        return writer.transport.get_write_buffer_size()

    async def close(self) -> None:
        writer = self._writer
        if hasattr(writer, "transport"):  # CPython would wait for a peer that does not read
            writer.transport.abort()
            return
        writer.close()
        await writer.wait_closed()


class Control:
    """`requests`: a `hal.sim.requests.Requests`; its events go to everyone who watches. `read_json`: bytes ->
    value, ValueError when they are not JSON (MicroPython's own reader takes half of a line for a whole
    one)."""

    def __init__(self, requests, read_json):
        self._requests = requests
        self._read_json = read_json
        self._clients = []
        self._server = None
        requests.emit = self.emit

    async def listen(self, port: int) -> None:
        """OSError when the port is taken."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", port)

    def emit(self, event: dict) -> None:
        """Send one event to every client that watches."""
        line = None
        for client in self._clients:
            if client.watching and not client.lost:
                if line is None:
                    line = _line(event)
                if not client.put(line):
                    client.lost = True
                    try:
                        client.task.cancel()
                    except RuntimeError:
                        pass  # it runs at this moment, on MicroPython: it looks at `lost` when it is done

    async def _serve(self, reader, writer):
        client = Client(writer)
        if len(self._clients) >= _CLIENTS:
            client.put(_line(_refusal("%d clients are connected already" % _CLIENTS)))
            await client.close()
            return
        self._clients.append(client)
        sender = asyncio.create_task(client.send())
        try:
            await self._converse(reader, client)
        except OSError:
            pass  # the client is gone
        except asyncio.CancelledError:
            if not client.lost:
                raise
        finally:
            self._clients.remove(client)
            sender.cancel()
            await client.close()

    async def _converse(self, reader, client):
        line = bytearray()
        skipping = False
        while not client.lost:
            chunk = await reader.read(_CHUNK)
            if not chunk:
                return
            start = 0
            while True:
                end = chunk.find(b"\n", start)
                if not skipping:
                    line.extend(chunk[start:] if end < 0 else chunk[start:end])
                    if len(line) > _LINE:
                        skipping = True
                        client.put(_line(_refusal("a line is longer than %d bytes" % _LINE)))
                if end < 0:
                    if skipping:
                        line = bytearray()
                    break
                start = end + 1
                if not skipping:
                    await self._answer(client, line)
                skipping = False
                line = bytearray()

    async def _answer(self, client, line):
        """Exactly one answer for this line."""
        request = None
        then = None
        try:
            request = self._parse(line)
            answer, then = await self._requests.handle(request)
        except ValueError as error:
            answer = _refusal(str(error))
        except Exception as error:  # whatever goes wrong in here: the answer comes and the channel lives on
            answer = _refusal("failed: " + repr(error))
        if request is not None and "n" in request:
            answer["n"] = request["n"]
        client.put(_line(answer))
        if then is not None:
            then()
        await client.sent()
        if request is not None and request.get("do") == "watch":
            client.watching = True

    def _parse(self, line):
        try:
            line.decode()
            request = self._read_json(line)
        except ValueError as error:  # UnicodeError is one
            raise ValueError("not a line of JSON: %s" % error)
        if not isinstance(request, dict):
            raise ValueError("not a JSON object")
        return request
