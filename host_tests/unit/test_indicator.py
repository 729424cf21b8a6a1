# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""hal.parts: the table of indications, and the lamps and buzzers that follow it."""

from hal.parts import buzzer as buzzer_module
from hal.parts.buzzer import Buzzer, Tone
from hal.parts.indications import INDICATIONS, SOUNDS
from hal.parts.lamp import TICK_MS, Lamp
from hal.parts.leds import Leds
from hal.parts.ws2812 import Ws2812
from hal.ticks import ticks_add
from host_tests.unit.expect import raises

try:
    from micropython import heap_lock, heap_unlock
except ImportError:  # CPython has no lock: there the loop runs without the proof

    def heap_lock():
        pass

    def heap_unlock():
        pass


NAMES = [row[0] for row in INDICATIONS]

# What light from red, green and blue LEDs is to somebody without the red, or the green, receptor (Machado and
# others, 2009), and CIELAB of sRGB's primaries.
PROTAN = (
    (0.152286, 1.052583, -0.204868),
    (0.114503, 0.786281, 0.099216),
    (-0.003882, -0.048116, 1.051998),
)
DEUTAN = (
    (0.367322, 0.860646, -0.227968),
    (0.280085, 0.672501, 0.047413),
    (-0.011820, 0.042940, 0.968881),
)
EVERYBODY = ((1, 0, 0), (0, 1, 0), (0, 0, 1))
XYZ = ((0.4124, 0.3576, 0.1805), (0.2126, 0.7152, 0.0722), (0.0193, 0.1192, 0.9505))


def times(matrix, vector):
    return [sum([a * b for a, b in zip(row, vector)]) for row in matrix]


def lab(rgb, eyes):
    light = [min(1, max(0, level)) for level in times(eyes, [level / 255 for level in rgb])]
    roots = []
    for value, white in zip(times(XYZ, light), (0.9505, 1, 1.089)):
        value /= white
        roots.append(value ** (1 / 3) if value > 0.008856 else 7.787 * value + 16 / 116)
    x, y, z = roots
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


def distance(one, other, eyes):
    return sum([(a - b) ** 2 for a, b in zip(lab(one, eyes), lab(other, eyes))]) ** 0.5


def test_every_two_rhythms_are_told_apart():
    """With one lamp there is nothing else: another pace by half, or another share of light by a fifth."""
    for index, row in enumerate(INDICATIONS):
        for other in INDICATIONS[:index]:
            (light, dark), (other_light, other_dark) = row[4:], other[4:]
            if not (dark and other_dark and light and other_light):  # steady, or dark
                assert (light > 0, dark > 0) != (other_light > 0, other_dark > 0), (row[0], other[0])
                continue
            period, other_period = light + dark, other_light + other_dark
            pace = max(period, other_period) / min(period, other_period)
            share = abs(light / period - other_light / other_period)
            assert pace >= 1.5 or share >= 0.2, (row[0], other[0], pace, share)


def test_colours_that_matter_are_told_apart_by_everybody():
    seen = {row[0]: row[1:4] for row in INDICATIONS}
    matter = ("fault", "charging", "preparing", "available")
    for eyes in (EVERYBODY, PROTAN, DEUTAN):
        for name in matter:
            for other in matter:
                assert name == other or distance(seen[name], seen[other], eyes) >= 30, (name, other)
    # Pure red and pure green, as on many chargers, are not.
    assert distance((255, 0, 0), (0, 255, 0), DEUTAN) < 30


def test_sounds_end_soon_and_differ():
    patterns = [pattern for _, pattern in SOUNDS]
    for name, pattern in SOUNDS:
        assert sum(pattern) <= 2000 and len(pattern) % 2 == 1 and min(pattern) >= 30, name
    assert len(set(patterns)) == len(patterns)


# --- lamps ---


class Output:
    def __init__(self):
        self.lit = None
        self.times = 0

    def put(self, on):
        self.lit = bool(on)
        self.times += 1


def ticks(lamp, ms, look):
    """[(what `look()` saw, milliseconds)]."""
    found = []
    for _ in range(ms // TICK_MS):
        lamp.tick()
        seen = look()
        if found and found[-1][0] == seen:
            found[-1][1] += TICK_MS
        else:
            found.append([seen, TICK_MS])
    return [(seen, length) for seen, length in found]


def test_the_lamp_has_the_rhythm_of_the_table():
    for name, _, _, _, light_ms, dark_ms in INDICATIONS:
        output = Output()
        lamp = Lamp(output)
        lamp.show(1, name)
        found = ticks(lamp, 10000, lambda output=output: output.lit)
        if light_ms and dark_ms:
            up = (light_ms + TICK_MS - 1) // TICK_MS * TICK_MS
            down = (dark_ms + TICK_MS - 1) // TICK_MS * TICK_MS
            whole = found[1:-1]
            assert set(whole) <= {(True, up), (False, down)} and len(whole) >= 2, (name, found)
        else:
            assert found == [(light_ms > 0, 10000)], name


def test_one_lamp_shows_the_worst_of_all_connectors():
    output = Output()
    lamp = Lamp(output)
    lamp.show(1, "available")
    lamp.show(2, "fault")
    assert ticks(lamp, 3000, lambda: output.lit)[1:3] == [(False, 160), (True, 160)]
    lamp.show(2, "off")
    lamp.tick()
    assert ticks(lamp, 3000, lambda: output.lit)[-1][0] is True
    raises(ValueError, lamp.show, 1, "purple")


def test_the_whole_station_goes_before_its_connectors():
    output = Output()
    lamp = Lamp(output)
    lamp.show(1, "fault")
    lamp.show(0, "available")
    assert ticks(lamp, 2000, lambda: output.lit)[-1] == (True, 2000)
    lamp.show(0, "off")
    assert len(ticks(lamp, 2000, lambda: output.lit)) > 5
    lamp.show(1, "off")
    assert ticks(lamp, 2000, lambda: output.lit)[-1][0] is False


def test_leds_have_the_nearest_colour():
    for blue in (True, False):
        red, green = Output(), Output()
        leds = Leds(red, green, Output() if blue else None)
        for name, with_blue, without in (
            ("fault", "r..", "r.."),
            ("charging", "..b", ".g."),
            ("available", ".g.", ".g."),
            ("preparing", "rg.", "rg."),
            ("starting", "rgb", "rg."),
            ("reserved", "r.b", "rg."),
            ("off", "...", "..."),
        ):
            leds.show(1, name)
            seen = set()
            leds.tick()
            for _ in range(400):
                leds.tick()
                outputs = (red, green, leds._blue)
                seen.add("".join([c if o is not None and o.lit else "." for c, o in zip("rgb", outputs)]))
            wanted = with_blue if blue else without
            assert wanted in seen and seen <= {wanted, "..."}, (name, blue, seen)


class Ring:
    """WS2812 LEDs: what they show is what was sent last. `late`: no more than is called for is sent."""

    def __init__(self):
        self.bytes = b""
        self.sent = 0

    def send(self, pixels):
        self.bytes = bytes(pixels)
        self.sent += 1

    def leds(self):
        """(red, green, blue) of each."""
        row = self.bytes
        return [(row[at + 1], row[at], row[at + 2]) for at in range(0, len(row), 3)]


def test_pixels_are_sent_when_something_changes_and_every_ten_seconds():
    ring = Ring()
    pixels = Ws2812(ring.send, 3, 1, 255)
    pixels.tick()
    assert ring.sent == 1 and ring.leds() == [(0, 0, 0)] * 3
    pixels.show(1, "available")
    pixels.tick()
    pixels.tick()
    assert ring.leds() == [(0, 255, 100)] * 3
    before = ring.sent
    for _ in range(100000 // TICK_MS):
        pixels.tick()
    assert 9 <= ring.sent - before <= 11
    # A ring that was without its supply is dark until then.
    ring.bytes = bytes(9)
    for _ in range(10100 // TICK_MS):
        pixels.tick()
    assert ring.leds() == [(0, 255, 100)] * 3
    pixels.show(1, "charging")
    found = ticks(pixels, 6000, lambda: ring.leds()[0])
    assert found[1:4] == [((0, 0, 255), 1500), ((0, 0, 0), 500), ((0, 0, 255), 1500)]


def test_connectors_share_a_ring():
    ring = Ring()
    pixels = Ws2812(ring.send, 7, 2, 255)
    pixels.show(1, "available")
    pixels.show(2, "off")
    pixels.tick()
    pixels.tick()
    green = (0, 255, 100)
    # Three each; one is left over.
    assert ring.leds() == [green] * 3 + [(0, 0, 0)] * 4
    pixels.show(2, "available")
    for _ in range(3):
        pixels.tick()
    assert ring.leds() == [green] * 6 + [(0, 0, 0)]
    pixels.show(0, "fault")
    seen = set()
    for _ in range(20):
        pixels.tick()
        seen.add(ring.leds()[0])
        assert ring.leds()[0] == ring.leds()[5]
    assert (255, 0, 0) in seen


def test_one_pixel_for_two_connectors_shows_the_worst():
    ring = Ring()
    pixels = Ws2812(ring.send, 1, 2, 255)
    pixels.show(1, "available")
    pixels.show(2, "fault")
    seen = set()
    for _ in range(40):
        pixels.tick()
        seen.add(ring.leds()[0])
    assert seen == {(0, 0, 0), (255, 0, 0)}


def test_brightness_keeps_every_part_of_a_colour():
    for brightness in (1, 4, 64):
        ring = Ring()
        pixels = Ws2812(ring.send, 1, 1, brightness)
        pixels.show(1, "unavailable")
        pixels.tick()
        pixels.tick()
        red, green, blue = ring.leds()[0]
        assert 0 < green <= red <= brightness and blue == 0


class Queue:
    """As micropython.schedule: it may be full, and what is in it comes later."""

    def __init__(self):
        self.jobs = []
        self.full = False

    def soon(self, fn, argument):
        if self.full:
            raise RuntimeError("schedule queue full")
        self.jobs.append((fn, argument))

    def work(self):
        jobs, self.jobs = self.jobs, []
        for fn, argument in jobs:
            fn(argument)


def test_an_interrupt_asks_once_and_does_not_send():
    ring, queue = Ring(), Queue()
    pixels = Ws2812(ring.send, 2, 1, 255, queue.soon)
    pixels.show(1, "fault")
    for _ in range(1000):  # a main loop that is away for 20 s
        pixels.tick()
    assert ring.sent == 0 and len(queue.jobs) == 1
    queue.work()
    assert ring.sent == 1
    for _ in range(100):
        pixels.tick()
        queue.work()
    assert ring.sent > 10


def test_a_full_queue_is_asked_again():
    ring, queue = Ring(), Queue()
    pixels = Ws2812(ring.send, 1, 1, 255, queue.soon)
    queue.full = True
    pixels.show(1, "available")
    for _ in range(10):
        pixels.tick()
    queue.full = False
    pixels.tick()
    queue.work()
    assert ring.leds() == [(0, 255, 100)]


# --- buzzer ---


class Ear:
    """A buzzer, ticked by a clock of its own that wraps on the way."""

    def __init__(self, output):
        self.output = output
        self.now = (1 << 30) - 300
        buzzer_module.ticks_ms = lambda: self.now
        self.buzzer = Buzzer(output)

    def hear(self, ms, step_ms=20):
        found = []
        for _ in range(ms // step_ms):
            self.now = ticks_add(self.now, step_ms)
            self.buzzer.tick()
            if found and found[-1][0] == self.output.lit:
                found[-1][1] += step_ms
            else:
                found.append([self.output.lit, step_ms])
        return [(on, length) for on, length in found if on]


def test_each_sound_once():
    for name, pattern in SOUNDS:
        ear = Ear(Output())
        assert ear.hear(500) == []
        ear.buzzer.sound(name)
        tones = [length for _, length in ear.hear(5000)]
        wanted = [pattern[index] for index in range(0, len(pattern), 2)]
        assert len(tones) == len(wanted)
        for tone, length in zip(tones, wanted):
            assert 0 <= tone - length < 40, (name, tones)
        assert ear.output.lit is False
    raises(ValueError, ear.buzzer.sound, "march")


def test_the_last_word_counts_and_a_storm_ends():
    ear = Ear(Output())
    ear.buzzer.sound("reset")
    ear.hear(200)
    for _ in range(100):
        ear.buzzer.sound("unplugged")
    assert ear.hear(3000) == [(True, 80)]
    ear.buzzer.sound("fault")
    ear.hear(100)
    ear.buzzer.rest()
    assert ear.output.lit is False and ear.hear(3000) == []


def test_a_late_interrupt_makes_a_tone_longer_by_one_of_its_passes():
    ear = Ear(Output())
    ear.buzzer.sound("unplugged")
    assert ear.hear(3000, 500) == [(True, 500)]


def test_a_passive_buzzer_has_half_its_period():
    class Pwm:
        duties = []

        def duty_u16(self, duty):
            self.duties.append(duty)

    pwm = Pwm()
    tone = Tone(pwm)
    tone.put(True)
    tone.put(False)
    assert pwm.duties == [0, 32768, 0]


class Still:
    def __init__(self):
        self.lit = False

    def put(self, on):
        self.lit = on


def test_the_interrupt_allocates_nothing():
    output = Still()
    lamp, leds = Lamp(output), Leds(output, output, output)
    pixels = Ws2812(None, 14, 2, 64, soon=lambda fn, argument: None)
    buzzer = Buzzer(output)
    buzzer_module.ticks_ms = Clock().now
    for part in (lamp, leds, pixels):
        part.show(1, "fault")
        part.show(2, "charging")
    buzzer.sound("fault")
    heap_lock()
    try:
        for _ in range(2000):
            lamp.tick()
            leds.tick()
            pixels.tick()
            pixels._asked = False
            buzzer.tick()
    finally:
        heap_unlock()


class Clock:
    def __init__(self):
        self.count = 0

    def now(self):
        self.count += 20
        return self.count
