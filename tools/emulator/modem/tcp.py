# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""One TCP connection that the board opened, seen from the server's end: RFC 9293 with the retransmission
timer of RFC 6298 and NewReno (RFC 5681, 6582). No clock, no sockets: segments and seconds in, segments out.

`inbox.py` puts what comes into order; `carrier.py` is the server behind it.
"""

from collections import deque

from emulator.modem.inbox import Inbox
from emulator.modem.segment import ACK, FIN, PSH, RST, SYN, Segment, ahead, plus

# What waits to be sent, or acknowledged; the window offered to the board. Both bound the memory of a
# connection.
SEND_BUFFER = 65536
RECEIVE_WINDOW = 16384

# RFC 9293, 3.7.1: who sends no option takes segments of 536. Ours fit an MRU of 1500.
_DEFAULT_MSS, _HIGHEST_MSS, _LOWEST_MSS = 536, 1460, 64

# RFC 6298, 2. A board that computes a key exchange answers nothing for seconds, and an emulated one is slower
# than real time: the first timeout is long.
_FIRST_RTO_S, _LOWEST_RTO_S, _HIGHEST_RTO_S = 3.0, 1.0, 60.0
_MOST_RETRANSMISSIONS = 12
_MOST_SYN_RETRANSMISSIONS = 5
# 2 MSL of RFC 9293 is 4 minutes: on one serial line nothing wanders about for that long.
_TIME_WAIT_S = 10.0
# Both directions of the server's socket are closed, the board says nothing.
_ORPHAN_S = 60.0


class Connection:
    """States: "held" (the SYN came, the server is being called), "syn-received", then those of RFC 9293, in
    small letters. `ended`: None, "closed", "reset" (by the board), "refused", "aborted" (by this end),
    "timeout".
    """

    def __init__(self, syn: Segment, initial_sequence: int, now: float):
        self.state = "held"
        self.ended: str | None = None
        self.outgoing: deque[Segment] = deque()
        self.retransmitted = 0
        self.last_heard = now
        self._syn = syn
        self._mss = max(_LOWEST_MSS, min(syn.mss or _DEFAULT_MSS, _HIGHEST_MSS))
        self._inbox = Inbox(plus(syn.sequence, 1), RECEIVE_WINDOW)
        # Sending: the bytes from `_base` on are in the buffer, those before `_una` are acknowledged.
        self._iss = initial_sequence
        self._una = self._next = self._highest = initial_sequence
        self._buffer = bytearray()
        self._finishing = False
        self._fin_at: int | None = None
        # The last `_transmit` sent something, and with it the acknowledgment.
        self._acknowledged = False
        self._window = syn.window
        self._window_sequence, self._window_acknowledgment = syn.sequence, initial_sequence
        self._cwnd = 10 * self._mss
        self._ssthresh = SEND_BUFFER
        self._duplicates = 0
        self._recover: int | None = None
        # Timers: one for retransmission and for probing a closed window, one for the end.
        self._rto_s = _FIRST_RTO_S
        self._srtt: float | None = None
        self._rttvar = 0.0
        self._timed: tuple[int, float] | None = None
        self._tries = 0
        self._timer_at: float | None = None
        self._end_at: float | None = None

    # --- the server's end -----------------------------------------------------------------------------------

    def accept(self, now: float) -> None:
        """The server answered: SYN-ACK."""
        if self.state == "held":
            self.state = "syn-received"
            self._next = self._highest = plus(self._iss, 1)
            self._send_syn()
            self._timed = (self._next, now)
            self._timer_at = now + self._rto_s

    def refuse(self) -> None:
        """Nobody listens there."""
        if self.state == "held":
            self._put(Segment(*self._ports(), 0, self._inbox.next, RST | ACK, 0))
            self._end("refused")

    @property
    def room(self) -> int:
        """How many bytes `write` takes."""
        return 0 if self._finishing or self.ended else max(0, SEND_BUFFER - len(self._buffer))

    def write(self, data: bytes, now: float) -> None:
        """More than `room` is taken as well: the bound is kept by who asks first. Nothing after `finish`."""
        if not self._finishing and not self.ended:
            self._buffer += data
            self._transmit(now)

    def finish(self, now: float) -> None:
        """No more is written: FIN after what is in the buffer."""
        if not self._finishing and not self.ended:
            self._finishing = True
            self._transmit(now)

    def abort(self) -> None:
        if not self.ended:
            if self.state not in ("held", "time-wait"):
                self._put(Segment(*self._ports(), self._highest, self._inbox.next, RST | ACK, 0))
            self._end("aborted")

    def take(self, most: int) -> bytes:
        """What came from the board, in order. Opens the window again, and says so when that is worth a
        segment (RFC 9293, 3.8.6.2.2)."""
        data = self._inbox.take(most)
        if data and not self.ended and self._inbox.is_worth_telling(2 * self._mss):
            self._acknowledge()
        return data

    @property
    def received_all(self) -> bool:
        """The board's FIN came, and everything before it was taken."""
        return self._inbox.finished and not len(self._inbox)

    @property
    def sent_all(self) -> bool:
        """Everything, the FIN too, is acknowledged."""
        return self._fin_at is not None and ahead(self._una, self._fin_at) > 0

    def abandon(self, now: float) -> None:
        """The server's socket is gone: if the board does not end it, a reset does."""
        if not self.ended and self._end_at is None:
            self._end_at = now + _ORPHAN_S

    # --- time -----------------------------------------------------------------------------------------------

    def deadline(self) -> float | None:
        if self.ended:
            return None
        return min((at for at in (self._timer_at, self._end_at) if at is not None), default=None)

    def step(self, now: float) -> None:
        if self.ended:
            return
        if self._end_at is not None and now >= self._end_at:
            if self.state == "time-wait":
                self._end("closed")
            else:
                self.abort()
            return
        if self._timer_at is None or now < self._timer_at:
            return
        self._timer_at = None
        self._tries += 1
        most = _MOST_SYN_RETRANSMISSIONS if self.state == "syn-received" else _MOST_RETRANSMISSIONS
        if self._tries > most:
            self._put(Segment(*self._ports(), self._highest, self._inbox.next, RST | ACK, 0))
            self._end("timeout")
            return
        self._rto_s = min(self._rto_s * 2, _HIGHEST_RTO_S)
        self._timed = None  # Karn: what was sent twice tells no round trip time
        self.retransmitted += 1
        if self.state == "syn-received":
            self._send_syn()
        elif self._window == 0:
            self._probe()
        else:
            self._go_back()
            self._transmit(now)
        self._timer_at = now + self._rto_s

    # --- segments of the board ------------------------------------------------------------------------------

    def receive(self, segment: Segment, now: float) -> None:
        if self.ended:
            return
        self.last_heard = now
        if self.state == "held":
            if segment.flags & RST:
                self._end("reset")
            return  # its SYN again: the server still rings
        if not self._inbox.accepts(segment.sequence, segment.length):
            self._refuse_unexpected(segment, now)
            return
        if segment.flags & RST:
            self._end("reset")
            return
        if segment.flags & SYN:
            # RFC 5961, 4: a rebooted board answers the challenge with a reset, and its next SYN finds
            # nothing.
            self._acknowledge()
            return
        if not segment.flags & ACK or not self._receive_acknowledgment(segment, now):
            return
        news = self._inbox.put(segment)
        self._transmit(now)
        # A gap is told by an acknowledgment of its own: one that comes with data is no duplicate.
        if news and (self._inbox.has_gap or not self._acknowledged):
            self._acknowledge()
        self._change_state(now)

    def _refuse_unexpected(self, segment: Segment, now: float) -> None:
        if segment.flags & RST:
            return
        if self.state == "syn-received" and segment.flags & SYN:
            self._send_syn()  # the SYN-ACK was lost
            return
        if self.state == "time-wait" and segment.flags & FIN:
            self._end_at = now + _TIME_WAIT_S
        # The acknowledgment in a segment that is otherwise old still counts: both ends may probe at once.
        if segment.flags & ACK and self.state != "syn-received" and self._is_new(segment.acknowledgment):
            self._receive_acknowledgment(segment, now)
            self._transmit(now)
        self._acknowledge()

    def _is_new(self, acknowledgment: int) -> bool:
        return ahead(acknowledgment, self._una) > 0 and ahead(self._highest, acknowledgment) >= 0

    def _receive_acknowledgment(self, segment: Segment, now: float) -> bool:
        """False: the segment ends here."""
        number = segment.acknowledgment
        if self.state == "syn-received":
            if number != self._highest:
                self._put(Segment(*self._ports(), number, 0, RST, 0))
                return False
            self.state = "established"
            self._una = number
            if self._timed is not None:
                self._measure(now - self._timed[1])
                self._timed = None
            self._tries, self._timer_at = 0, None
            self._rto_s = self._computed_rto()
            self._set_window(segment)
            return True
        if ahead(number, self._highest) > 0:
            self._acknowledge()
            return False
        if self._window == 0:
            self._tries = 0  # it refuses the probe, but it lives
        if self._is_new(number):
            self._advance(number, now)
        elif self._is_duplicate(segment):
            self._count_duplicate()
        newer = ahead(segment.sequence, self._window_sequence)
        if newer > 0 or (newer == 0 and ahead(number, self._window_acknowledgment) >= 0):
            self._set_window(segment)
        self._arm(now)
        return True

    def _set_window(self, segment: Segment) -> None:
        if self._window == 0 and segment.window:
            # Open again: what the probes waited for is no measure of the path, and what they carried was
            # refused.
            self._tries, self._rto_s = 0, self._computed_rto()
            self._timer_at, self._timed = None, None
            self._next = self._una
        self._window = segment.window
        self._window_sequence, self._window_acknowledgment = segment.sequence, segment.acknowledgment

    # --- acknowledgments of the board -----------------------------------------------------------------------

    def _is_duplicate(self, segment: Segment) -> bool:
        """RFC 5681, 2."""
        return (
            segment.acknowledgment == self._una
            and not segment.length
            and segment.window == self._window
            and self._next != self._una
        )

    def _advance(self, number: int, now: float) -> None:
        count = ahead(number, self._una)
        self._una = number
        del self._buffer[: min(count, len(self._buffer))]
        if ahead(self._next, number) < 0:
            self._next = number
        if self._timed is not None and ahead(number, self._timed[0]) >= 0:
            self._measure(now - self._timed[1])
            self._timed = None
        self._tries, self._rto_s = 0, self._computed_rto()
        self._timer_at = None
        if self._recover is None:
            self._duplicates = 0
            grown = count if self._cwnd < self._ssthresh else self._mss * self._mss // self._cwnd
            self._cwnd = min(self._cwnd + min(grown, self._mss), SEND_BUFFER)
        elif ahead(number, self._recover) >= 0:
            self._duplicates, self._recover = 0, None
            self._cwnd = self._ssthresh
        else:
            self._resend_first()  # a partial acknowledgment: the next one was lost as well (RFC 6582, 3.2)

    def _count_duplicate(self) -> None:
        self._duplicates += 1
        if self._duplicates == 3 and self._recover is None:
            self._ssthresh = max(ahead(self._highest, self._una) // 2, 2 * self._mss)
            self._recover = self._highest
            self._cwnd = self._ssthresh + 3 * self._mss
            self._resend_first()
        elif self._recover is not None:
            self._cwnd = min(self._cwnd + self._mss, SEND_BUFFER)

    def _measure(self, rtt: float) -> None:
        """RFC 6298, 2."""
        if self._srtt is None:
            self._srtt, self._rttvar = rtt, rtt / 2
        else:
            self._rttvar = 0.75 * self._rttvar + 0.25 * abs(self._srtt - rtt)
            self._srtt = 0.875 * self._srtt + 0.125 * rtt
        self._rto_s = self._computed_rto()

    def _computed_rto(self) -> float:
        if self._srtt is None:
            return _FIRST_RTO_S
        return min(max(self._srtt + 4 * self._rttvar, _LOWEST_RTO_S), _HIGHEST_RTO_S)

    # --- sending --------------------------------------------------------------------------------------------

    def _transmit(self, now: float) -> None:
        """As much as the windows of the board and of the path let through."""
        self._acknowledged = False
        if self.state in ("held", "syn-received") or self.ended:
            return
        limit = min(self._window, self._cwnd)
        while True:
            offset = ahead(self._next, self._una)
            waiting = len(self._buffer) - offset
            size = min(waiting, self._mss, limit - offset)
            if size <= 0 or (size < self._mss and size < waiting and offset):
                break  # nothing, or a crumb of the window while more is under way (RFC 9293, 3.8.6.2.1)
            self._send_data(offset, size, now)
        if self._finishing and not self.sent_all and len(self._buffer) == ahead(self._next, self._una):
            self._send_fin()
        self._arm(now)

    def _send_data(self, offset: int, size: int, now: float) -> None:
        data = bytes(self._buffer[offset : offset + size])
        push = PSH if offset + size == len(self._buffer) else 0
        self._put(self._segment(self._next, ACK | push, data))
        self._next = plus(self._next, size)
        if ahead(self._next, self._highest) > 0:
            self._highest = self._next
            if self._timed is None:
                self._timed = (self._next, now)
        self._acknowledged = True

    def _send_fin(self) -> None:
        self._fin_at = self._next
        self._put(self._segment(self._next, FIN | ACK))
        self._next = plus(self._next, 1)
        if ahead(self._next, self._highest) > 0:
            self._highest = self._next
        self._acknowledged = True

    def _resend_first(self) -> None:
        """Only what is missing first, whatever else is under way."""
        self._timed = None
        self.retransmitted += 1
        once = min(self._mss, max(1, self._window), ahead(self._highest, self._una))
        data = bytes(self._buffer[:once])
        if data:
            self._put(self._segment(self._una, ACK | PSH, data))
        elif self._fin_at is not None:
            self._put(self._segment(self._fin_at, FIN | ACK))

    def _go_back(self) -> None:
        self._ssthresh = max(ahead(self._highest, self._una) // 2, 2 * self._mss)
        self._cwnd = self._mss
        self._duplicates, self._recover = 0, None
        self._next = self._una

    def _probe(self) -> None:
        """One byte into a closed window; the answer tells whether it still is (RFC 9293, 3.8.6.1)."""
        data = bytes(self._buffer[:1])
        flags = ACK if data or self._fin_at is None else FIN | ACK
        self._put(self._segment(self._una, flags, data))
        probed = plus(self._una, len(data))
        if ahead(probed, self._next) > 0:
            self._next = probed
        if ahead(self._next, self._highest) > 0:
            self._highest = self._next

    def _arm(self, now: float) -> None:
        waits = self._next != self._una or len(self._buffer) > 0
        if not waits or self.state in ("held", "syn-received"):
            self._timer_at = None
        elif self._timer_at is None:
            self._timer_at = now + self._rto_s

    # --- the small things -----------------------------------------------------------------------------------

    def _change_state(self, now: float) -> None:
        """Named as RFC 9293, 3.3.2 does, from the two halves."""
        if self.ended:
            return
        if self._inbox.finished:
            if self._fin_at is None:
                self.state = "close-wait"
            elif not self.sent_all:
                self.state = "last-ack" if self.state in ("close-wait", "last-ack") else "closing"
            elif self.state in ("close-wait", "last-ack"):
                self._end("closed")
            elif self.state != "time-wait":
                self.state = "time-wait"
                self._timer_at = None
                self._end_at = now + _TIME_WAIT_S
        elif self._fin_at is not None:
            self.state = "fin-wait-2" if self.sent_all else "fin-wait-1"

    def _end(self, how: str) -> None:
        self.ended = how
        self.state = "closed"
        self._timer_at = self._end_at = None
        self._buffer.clear()

    def _send_syn(self) -> None:
        window = self._inbox.offer()
        mss = _HIGHEST_MSS
        self._put(Segment(*self._ports(), self._iss, self._inbox.next, SYN | ACK, window, mss=mss))

    def _acknowledge(self) -> None:
        self._put(self._segment(self._highest, ACK))

    def _segment(self, sequence: int, flags: int, data: bytes = b"") -> Segment:
        return Segment(*self._ports(), sequence, self._inbox.next, flags, self._inbox.offer(), data)

    def _ports(self) -> tuple[int, int]:
        return self._syn.destination_port, self._syn.source_port

    def _put(self, segment: Segment) -> None:
        self.outgoing.append(segment)
