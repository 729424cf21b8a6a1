# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The automaton that every control protocol of PPP has in common: RFC 1661, section 4, as far as a modem that
opens at once and closes for good needs it."""

import struct
from collections.abc import Callable

CONFIGURE_REQUEST, CONFIGURE_ACK, CONFIGURE_NAK, CONFIGURE_REJECT = 1, 2, 3, 4
TERMINATE_REQUEST, TERMINATE_ACK, CODE_REJECT, PROTOCOL_REJECT = 5, 6, 7, 8
ECHO_REQUEST, ECHO_REPLY, DISCARD_REQUEST = 9, 10, 11

# RFC 1661, 4.6
RESTART_S = 3.0
MAX_CONFIGURE = 10
MAX_TERMINATE = 2

Options = dict[int, bytes]


class BadPacket(ValueError):
    """Its lengths contradict each other: silently discarded (RFC 1661, 5)."""


def packed(options: Options) -> bytes:
    return b"".join(bytes((kind, len(value) + 2)) + value for kind, value in options.items())


def unpacked(data: bytes) -> Options:
    """Raises BadPacket. Of an option that comes twice the last stands."""
    options = {}
    while data:
        if len(data) < 2 or not 2 <= data[1] <= len(data):
            raise BadPacket
        options[data[0]] = data[2 : data[1]]
        data = data[data[1] :]
    return options


def parsed(packet: bytes) -> tuple[int, int, bytes]:
    """Code, identifier and data of a control packet. Raises BadPacket."""
    if len(packet) < 4:
        raise BadPacket
    code, identifier, length = struct.unpack_from(">BBH", packet)
    if not 4 <= length <= len(packet):
        raise BadPacket
    return code, identifier, packet[4:length]


def composed(code: int, identifier: int, data: bytes = b"") -> bytes:
    return struct.pack(">BBH", code, identifier, 4 + len(data)) + data


class Negotiation:
    """One control protocol's side of the modem.

    send: gets each packet. wants: what is asked of the other side; it shrinks when refused. judge: given the
    other side's options, (code, options) of the answer: Ack with all of them, Nak with better ones, Reject
    with the unknown ones. Times are seconds of any clock.
    """

    def __init__(
        self,
        send: Callable[[bytes], None],
        wants: Options,
        judge: Callable[[Options], tuple[int, Options]],
    ):
        self._send = send
        self._wants = dict(wants)
        self._judge = judge
        self._identifier = 0
        self._request_id = -1
        self._tries = 0
        self._at: float | None = None
        self._ours_accepted = self._theirs_accepted = False
        self._closing = False
        self._reason = b""
        self.theirs: Options = {}
        # The other side does not answer, or not in a way that leads anywhere.
        self.failed = False
        self.closed = False

    @property
    def opened(self) -> bool:
        return self._ours_accepted and self._theirs_accepted and not self._closing

    @property
    def wants(self) -> Options:
        return self._wants

    def deadline(self) -> float | None:
        return self._at

    def open(self, now: float) -> None:
        self._tries = MAX_CONFIGURE
        self._request(now)

    def close(self, reason: bytes, now: float) -> None:
        """Terminate-Request; `closed` when it was acknowledged, or nobody does."""
        if not self._closing and not self.closed:
            self._closing = True
            self._tries = MAX_TERMINATE
            self._reason = reason
            self._ask_to_terminate(now)

    def step(self, now: float) -> None:
        if self._at is None or now < self._at:
            return
        self._at = None
        if self._tries <= 0:
            if self._closing:
                self.closed = True
            else:
                self.failed = True
        elif self._closing:
            self._ask_to_terminate(now)
        else:
            self._request(now)

    def receive(self, code: int, identifier: int, data: bytes, now: float) -> bool:
        """Whether the code is one that every control protocol has. Raises BadPacket."""
        if code == CONFIGURE_REQUEST:
            self._judge_theirs(identifier, unpacked(data), now)
        elif code in (CONFIGURE_ACK, CONFIGURE_NAK, CONFIGURE_REJECT):
            if identifier == self._request_id and not self._closing:
                self._hear_of_ours(code, unpacked(data), now)
        elif code == TERMINATE_REQUEST:
            self._send(composed(TERMINATE_ACK, identifier))
            self._end()
        elif code == TERMINATE_ACK:
            if self._closing:
                self._end()
        elif code == CODE_REJECT:
            self.failed = True
        else:
            return False
        return True

    def _end(self) -> None:
        self.closed = True
        self._at = None

    def _request(self, now: float) -> None:
        self._tries -= 1
        self._ours_accepted = False
        self._request_id = self._next()
        self._send(composed(CONFIGURE_REQUEST, self._request_id, packed(self._wants)))
        self._at = now + RESTART_S

    def _ask_to_terminate(self, now: float) -> None:
        self._tries -= 1
        self._send(composed(TERMINATE_REQUEST, self._next(), self._reason))
        self._at = now + RESTART_S

    def _next(self) -> int:
        self._identifier = self._identifier % 255 + 1
        return self._identifier

    def _judge_theirs(self, identifier: int, options: Options, now: float) -> None:
        if self._closing or self.closed:
            return
        again = self.opened
        code, answer = self._judge(options)
        self._theirs_accepted = code == CONFIGURE_ACK
        if self._theirs_accepted:
            self.theirs = options
        if again:  # the other side began anew: so does this one (RFC 1661, 4.1, Opened, RCR)
            self._tries = MAX_CONFIGURE
            self._request(now)
        self._send(composed(code, identifier, packed(answer)))
        if self.opened:
            self._at = None

    def _hear_of_ours(self, code: int, options: Options, now: float) -> None:
        if code == CONFIGURE_ACK:
            self._ours_accepted = True
            self._request_id = -1
            # Ours alone is not enough: without a request of the other side's it is asked again.
            self._at = None if self.opened else now + RESTART_S
            return
        for kind, value in options.items():
            if code == CONFIGURE_REJECT:
                self._wants.pop(kind, None)
            elif kind in self._wants:
                self._wants[kind] = value
        if self._tries <= 0:
            self.failed = True
            self._at = None
        else:
            self._request(now)
