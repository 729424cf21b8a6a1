# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""A modem, a board and servers in a time of their own, which runs from one event to the next."""

from emulator.modem.modem import Modem, ModemSettings
from host_tests.emulator_peer.board_ppp import BoardPpp, frame_in
from host_tests.emulator_peer.board_tcp import BoardTcp

NOON = 1700000000.0
BOOTED = b"\r\nRDY\r\n\r\n+CPIN: READY\r\n\r\nSMS DONE\r\n\r\nPB DONE\r\n"


class Server:
    """One accepted connection. does: "echo" (and closes when the board has), "sink", "silent"."""

    def __init__(self, connection, does):
        self.connection, self.does = connection, does
        self.received = bytearray()
        self.to_send = bytearray()
        self.finish = False

    def pump(self, now):
        connection = self.connection
        if self.does == "silent":
            return
        data = connection.take(1 << 20)
        self.received += data
        if self.does == "echo":
            self.to_send += data
            self.finish = connection.received_all
        size = min(connection.room, len(self.to_send))
        if size:
            connection.write(bytes(self.to_send[:size]), now)
            del self.to_send[:size]
        if self.finish and not self.to_send:
            connection.finish(now)


class World:
    """ports: port -> what its server does; others refuse."""

    def __init__(self, settings=None, ports=None, on=True):
        self.now = 1000.0
        self.modem = Modem(settings or ModemSettings(), self._dial, lambda: NOON)
        self.ports = ports or {}
        self.servers = []
        self.text = b""
        self.ppp = None
        self.tcp = []
        self.packets = []
        if on:
            self.modem.turn_on(self.now)

    def _dial(self, connection, port):
        if port in self.ports:
            connection.accept(self.now)
            self.servers.append(Server(connection, self.ports[port]))
        else:
            connection.refuse()

    def say(self, text):
        self.modem.receive(text, self.now)
        self._exchange()

    def at(self, command, seconds=0.5):
        """What the modem says to it."""
        before = len(self.text)
        self.say(command.encode() + b"\r")
        self.run(seconds)
        return self.text[before:].decode("latin-1")

    def dial(self, ppp=None):
        """ATD*99#, and PPP until it is up; what the modem says comes to `text`."""
        answer = self.at("ATD*99#", 0)
        self.run(5, lambda: b"CONNECT" in self.text[-40:])
        assert "CONNECT" in answer + self.text[-40:].decode("latin-1"), answer
        self.ppp = ppp or BoardPpp()
        self.ppp.start(self.now)
        self.run(30, lambda: self.ppp.address is not None or self.ppp.dead)
        return self.ppp

    def connect(self, port, **more):
        tcp = BoardTcp(self._send_ip, port, now=self.now, local_port=50000 + len(self.tcp), **more)
        self.tcp.append(tcp)
        self._exchange()
        return tcp

    def _send_ip(self, packet):
        if self.ppp is not None:
            self.ppp.send_ip(packet)

    def send_ip(self, packet):
        self._send_ip(packet)
        self._exchange()

    def run(self, seconds, until=None):
        """Returns whether `until` came true."""
        end = self.now + seconds
        self._exchange()
        while until is None or not until():
            times = [self.modem.deadline(), *(tcp.deadline() for tcp in self.tcp)]
            if self.ppp is not None:
                times.append(self.ppp.deadline())
            due = min((time for time in times if time is not None), default=None)
            if due is None or due > end:
                self.now = end
                return until is None
            self.now = max(self.now, due)
            self.modem.step(self.now)
            for tcp in self.tcp:
                tcp.step(self.now)
            if self.ppp is not None:
                self.ppp.step(self.now)
            self._exchange()
        return True

    def _exchange(self):
        """Until nobody has anything more to say in this moment."""
        while True:
            for server in self.servers:
                server.pump(self.now)
            self.modem.step(self.now)
            data = self.modem.take()
            self._hear(data)
            out = self.ppp.take() if self.ppp is not None else b""
            if out:
                self.modem.receive(out, self.now)
            if not data and not out:
                return

    def _hear(self, data):
        # Each frame has both its flags; what is between frames is text.
        inside = False
        for piece in data.split(b"~"):
            frame = frame_in(piece) if inside else None
            if frame is None:
                self.text += piece
            elif self.ppp is not None:
                self.ppp.hear(*frame, self.now)
            inside = frame is None
        while self.ppp is not None and self.ppp.packets:
            packet = self.ppp.packets.popleft()
            self.packets.append(packet)
            for tcp in self.tcp:
                tcp.receive(packet, self.now)


def powered(settings=None, press_s=0.5):
    """Supply and a press of the key; it boots."""
    it = World(settings, on=False)
    it.modem.supply(True, it.now)
    it.modem.pwrkey(True, it.now)
    it.run(press_s)
    it.modem.pwrkey(False, it.now)
    return it
