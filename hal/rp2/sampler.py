# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Samples of the pilot at fixed phases of its PWM, taken by the RP2040's hardware without the processor.

Two PWM slices run from one clock: the pilot's, 1 kHz, and a trigger that wraps 16 times in a period of the
pilot, 47.5 us after its rising edge for the first time. Each wrap lets one DMA channel write a word into the
ADC's CS register (which input, one conversion); a second channel carries the results from the ADC's FIFO into
a ring in RAM. So slot 0 of each cycle is taken 47.5 us after the rising edge (6 A: the high phase lasts 100
us) and slot 15 at 985 us (80 A: the low phase begins at 960 us), whatever the duty, and the slots between
show whether the edges are where they belong. Two of them belong to the other inputs of the converter.

The hardware goes on while interrupts are off: after a flash erase of 45 ms the last 27 cycles are there to be
looked at. When a pair of channels has done its 2**30 transfers (18 hours) it chains to an equal pair.

A channel outlives the object that stands for it: neither a soft reset nor `close()` stops it. One that goes
on writes into a ring that is somebody else's memory by then; one that is used anew while it runs keeps its
old count, and the samples that `advance` takes for the newest are up to 31 ms old. So channels are stopped
before they are used and when the sampling ends, and what they write to is kept until then.

RP2040 datasheet: 2.5 (DMA), 4.5 (PWM), 4.9 (ADC).
"""

from array import array

import machine
import micropython
import uctypes
from rp2 import DMA  # by its name: `main` forgets the rest of that module

SLOTS = 16
CYCLES = 32  # in the ring; a power of two, since the DMA wraps addresses
MOST = 9  # samples at a time, of 3 cycles each: 27, what is being written is left out

# PWM at the 200 MHz of `hal.rp2.speed`: 20 ns a count, 50000 = 16 * 3125 counts a period.
_DIVIDER = 4
_PERIOD = 50000
_TRIGGER = _PERIOD // SLOTS
_FIRST = 2375  # counts from the rising edge to the first trigger: 47.5 us
_EDGE = 750  # counts after an edge in which the line may still be on its way: 15 us

_PROXIMITY_SLOT = 5
_TEMPERATURE_SLOT = 10

_ADC_CS = 0x4004C000
_ADC_FCS = 0x4004C008
_ADC_FIFO = 0x4004C00C
_CONVERT = 0b101  # CS: EN, START_ONCE
_FIFO_ON = 1 << 24 | 0b11 << 10 | 0b1001  # FCS: THRESH 1, OVER and UNDER cleared, DREQ_EN, EN
_DREQ_ADC = 36
_PWM = 0x40050000
_PWM_ENABLE = 0x400500A0
_DREQ_WRAP = 24
_DMA = 0x50000000

# The duty acts from the next rising edge; this many samples may still be of the one before.
_GRACE_SAMPLES = 4
_AVERAGED = 8  # cycles, of the slow inputs

# Places in `work`.
_A = 0  # registers of the two channels that fill the ring
_B = 1
_STINT = 2  # transfers of each of them
_DONE = 3  # transfers seen of the present stint
_SPARE = 4  # complete cycles that were not looked at yet
_HIGH = 5  # bit n: slot n has to be on the high plateau
_LOW = 6  # ... on the low one; 0: no PWM, all slots are equal
_GRACE = 7
_SCALE = 8  # 4096 * millivolt a count
_OFFSET = 9  # millivolt at count 0
_WORK = 10


@micropython.viper
def advance(work_: object) -> int:
    """How many samples have become complete since the last call."""
    work = ptr32(work_)
    channel = ptr32(work[0])
    if not channel[3] & 0x1000000:  # CTRL.BUSY: the other one has taken over
        channel = ptr32(work[1])
    done = work[2] - channel[2]
    cycles = (done >> 4) - (work[3] >> 4)
    if cycles < 0:
        cycles += work[2] >> 4
    work[3] = done
    spare = work[4] + cycles
    if spare > 27:  # noqa: PLR1730 (viper has no min)
        spare = 27  # the newest: older ones are being overwritten
    work[4] = spare
    return spare // 3


@micropython.viper
def median(ring_: object, first: int, slot: int) -> int:
    """Of a slot in three cycles, the first of which is `first`: a lone glitch goes."""
    ring = ptr16(ring_)
    one = ring[((first & 31) << 4) + slot]
    two = ring[(((first + 1) & 31) << 4) + slot]
    three = ring[(((first + 2) & 31) << 4) + slot]
    if one > two:
        if two > three:
            return two
        return three if one > three else one
    if one > three:
        return one
    return three if two > three else two


@micropython.viper
def misplaced(work_: object, ring_: object, cycle: int, edge: int) -> int:
    """1 when a slot of this cycle is not where it has to be. `edge`: count between the plateaus; with a
    steady pilot, of its level."""
    work = ptr32(work_)
    ring = ptr16(ring_)
    at = (cycle & 31) << 4
    high = work[5]
    low = work[6]
    slot = 0
    if low == 0:  # steady: within 1.5 V of each other
        while high:
            if high & 1 and (ring[at + slot] > edge + 205 or ring[at + slot] < edge - 205):
                return 1
            high >>= 1
            slot += 1
        return 0
    while slot < 16:
        if high & 1:
            if ring[at + slot] < edge:
                return 1
        elif low & 1 and ring[at + slot] > edge:
            return 1
        high >>= 1
        low >>= 1
        slot += 1
    return 0


@micropython.viper
def reduce(work_: object, ring_: object, high_: object, low_: object) -> int:
    """Samples of the complete cycles: their number, -1 when there are some and none can be believed."""
    work = ptr32(work_)
    high = ptr16(high_)
    low = ptr16(low_)
    zero = (0 - (work[9] << 12)) // work[8]  # counts at 0 V
    good = 0
    seen = 0
    while work[4] >= 3:
        first = (work[3] >> 4) - work[4]
        work[4] -= 3
        seen += 1
        top = int(median(ring_, first, 0))
        bottom = int(median(ring_, first, 15))
        wrong = 0
        if work[7]:
            work[7] -= 1
        elif work[6] and top - bottom < 410:
            # No swing of 3 V although PWM runs. A short of the pilot to earth has both plateaus within 1.5 V
            # of 0; everything else is a converter or an oscillator that stands still.
            if top > zero + 205 or bottom < zero - 205:
                wrong = 3
        else:
            # One cycle that is as it should be is enough, two of three have to be wrong.
            edge = (top + bottom) >> 1
            wrong = int(misplaced(work_, ring_, first + 2, edge))
            if wrong:
                wrong += int(misplaced(work_, ring_, first + 1, edge)) + int(
                    misplaced(work_, ring_, first, edge)
                )
        if wrong < 2:
            high[good] = ((top * work[8]) >> 12) + work[9]
            low[good] = ((bottom * work[8]) >> 12) + work[9]
            good += 1
    if seen and not good:
        return -1
    return good


def expected(level: int) -> tuple:
    """(slots that are high, slots that are low) at a compare level of the PWM, as bits; slots within 15 us
    after the falling edge, and those of other inputs, are in neither. Steady: (all, 0)."""
    high = low = 0
    for slot in range(SLOTS):
        if slot in (_PROXIMITY_SLOT, _TEMPERATURE_SLOT):
            continue
        at = _FIRST + _TRIGGER * slot
        if level == 0 or at < level:
            high |= 1 << slot
        elif at > level + _EDGE:
            low |= 1 << slot
    return high, low


def number_of(channel) -> int:
    """Of a DMA channel."""
    return channel.channel


# Samplers that run: their memory is not free, whoever else forgets them.
_running = []


def silence(channel) -> None:
    """Stop a DMA channel, whoever has started it. Disabled, and chained to nobody, first: an abort would
    start its partner (RP2040-E13 of the datasheet's errata)."""
    channel.config(ctrl=channel.pack_ctrl(enable=False))
    channel.active(False)


class Sampler:
    """high_mv, low_mv   what `sample` found last, see `hal.contract.Pilot`"""

    def __init__(self, pilot_pin: int, inputs: tuple, points: tuple, trigger: int):
        """`inputs`: numbers of the ADC inputs (0..3) of pilot, proximity contact and temperature sensor, None
        where there is none of these two; `points`: calibration, ((millivolt, count), (millivolt, count));
        `trigger`: a PWM slice that no pin uses."""
        (first_mv, first_count), (second_mv, second_count) = points
        scale = (second_mv - first_mv) * 4096 // (second_count - first_count)
        self.high_mv = array("h", [0] * MOST)
        self.low_mv = array("h", [0] * MOST)
        self._work = work = array("i", [0] * _WORK)
        work[_STINT] = 1 << 30
        work[_SCALE] = scale
        work[_OFFSET] = first_mv - (first_count * scale >> 12)
        for number in inputs:
            if number is not None:
                machine.ADC(machine.Pin(26 + number))  # prepares pin and converter
        self._pwm = machine.PWM(machine.Pin(pilot_pin), freq=1000, duty_u16=65535)
        self.slice = (pilot_pin >> 1) & 7
        self._compare = _PWM + 0x14 * self.slice + 0x0C
        self._shift = 16 * (pilot_pin & 1)
        self._allot()
        self._start(inputs, trigger)

    def _allot(self):
        """Ring and words in one block: the ring begins at a multiple of its size, as the DMA wants it, and
        the words lie in what is left over."""
        size = CYCLES * SLOTS * 2
        self._block = bytearray(2 * size)
        start = -uctypes.addressof(self._block) % size
        self._ring = memoryview(self._block)[start : start + size]
        words_at = start + size if start <= size - SLOTS * 4 else start - SLOTS * 4
        self._words = memoryview(self._block)[words_at : words_at + SLOTS * 4]

    def _start(self, inputs, trigger):
        pilot, proximity, temperature = inputs
        for slot in range(SLOTS):
            number = pilot
            if slot == _PROXIMITY_SLOT and proximity is not None:
                number = proximity
            elif slot == _TEMPERATURE_SLOT and temperature is not None:
                number = temperature
            self._words[slot * 4 : slot * 4 + 4] = (number << 12 | _CONVERT).to_bytes(4, "little")
        both = 1 << self.slice | 1 << trigger
        register = machine.mem32
        register[_PWM_ENABLE] &= ~both
        for number, top, counter in (
            (self.slice, _PERIOD - 1, 0),
            (trigger, _TRIGGER - 1, _TRIGGER - _FIRST),
        ):
            base = _PWM + 0x14 * number
            register[base] = 0
            register[base + 4] = _DIVIDER << 4
            register[base + 8] = counter
            register[base + 0x10] = top
        self.set_duty(10000)
        # What was running converts no more, and what it left goes.
        register[_ADC_CS] = 1
        register[_ADC_FCS] = _FIFO_ON
        while not register[_ADC_FCS] & 1 << 8:
            register[_ADC_FIFO]
        results = self._pair(
            read=_ADC_FIFO,
            write=self._ring,
            size=1,
            inc_read=False,
            ring_sel=True,
            ring_size=10,
            treq=_DREQ_ADC,
        )
        words = self._pair(
            read=self._words, write=_ADC_CS, size=2, inc_write=False, ring_size=6, treq=_DREQ_WRAP + trigger
        )
        self._channels = results + words
        self._work[_A] = _DMA + 0x40 * number_of(results[0])
        self._work[_B] = _DMA + 0x40 * number_of(results[1])
        _running.append(self)
        results[0].active(True)
        words[0].active(True)
        register[_PWM_ENABLE] |= both  # both slices count from the same cycle on

    def _pair(self, read, write, treq, **fields):
        """Two channels with the same task, each starting the other when it is through."""
        pair = (DMA(), DMA())
        for channel in pair:
            silence(channel)
        for channel, other in (pair, (pair[1], pair[0])):
            control = channel.pack_ctrl(treq_sel=treq, chain_to=number_of(other), high_pri=True, **fields)
            channel.config(read=read, write=write, count=self._work[_STINT], ctrl=control)
        return pair

    def stop(self) -> None:
        """No samples any more, for good; the pilot goes on as it is."""
        for channel in self._channels:
            silence(channel)
        for channel in self._channels:
            channel.close()
        self._channels = ()
        if self in _running:
            _running.remove(self)

    def set_duty(self, duty_e4: int) -> None:
        """See `hal.contract.Pilot`; between 3 % and 96.5 % when it is PWM."""
        if duty_e4 not in (0, 10000) and not 300 <= duty_e4 <= 9650:
            raise ValueError("duty")
        level = duty_e4 * _PERIOD // 10000
        high, low = expected(level if level < _PERIOD else 0)
        compare = level << self._shift  # on an odd pin it does not fit into a small integer, and may collect
        work = self._work
        # The interrupt may come at any place here: it checks nothing until all is as it shall be.
        work[_GRACE] = _GRACE_SAMPLES
        work[_HIGH] = high
        work[_LOW] = low
        machine.mem32[self._compare] = compare
        work[_GRACE] = _GRACE_SAMPLES

    def sample(self) -> int:
        work = self._work
        if not advance(work):
            return 0
        return reduce(work, self._ring, self.high_mv, self.low_mv)

    def _mean(self, slot):
        """Counts of a slow input."""
        ring = self._ring
        cycle = self._work[_DONE] >> 4
        total = 0
        for back in range(1, _AVERAGED + 1):
            at = (((cycle - back) % CYCLES) * SLOTS + slot) * 2
            total += ring[at] | ring[at + 1] << 8
        return total // _AVERAGED

    def proximity(self) -> int:
        """Counts (0..4095) of the proximity contact."""
        return self._mean(_PROXIMITY_SLOT)

    def temperature(self) -> int:
        """Counts of the temperature sensor."""
        return self._mean(_TEMPERATURE_SLOT)
