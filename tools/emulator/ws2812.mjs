// Pilotlight: open EV charger firmware
// SPDX-License-Identifier: MIT
// A string of WS2812 LEDs, in the place of the lamp: the waveform of its pin in emulated time, as bits, as
// frames, as what each LED shows; and the times that no data sheet has.

const LATCH_NANOS = 280000; // the longest of the data sheets: what is dark for longer ends a frame
const SHORTEST_LATCH_NANOS = 50000; // WS2812 and older WS2812B take this for an end already
const ONE_NANOS = 525; // between the longest 0 and the shortest 1 of all of them
const KEPT = 1000;
const ROUNDING = 0.5; // of nanoseconds that are sums of cycles

// Nanoseconds, at least and at most. Worldsemi's data sheets: WS2812; WS2812B of 2014; WS2812B-V5.
const SHEETS = {
  WS2812: { t0h: [200, 500], t1h: [550, 850], t0l: [650, 950], t1l: [450, 750] },
  WS2812B: { t0h: [250, 550], t1h: [650, 950], t0l: [700, 1000], t1l: [300, 600] },
  'WS2812B-V5': { t0h: [220, 380], t1h: [580, 1000], t0l: [580, 1000], t1l: [580, 1000] },
};

export class Ws2812 {
  #clock;
  #signals;
  #count;
  #rose = null;
  #fell = null;
  #one = false;
  #begin = 0; // when the frame began
  #bits = [];
  #shown; // of each LED, null: it has not been told anything
  #latch;
  #frames = [];
  #told = 0;
  #times = {};
  #odd = [];

  /** count: LEDs. Signal "pixels": what a frame has said, in hex, at the moment the LEDs take it over. */
  constructor(clock, signals, name, count) {
    this.#clock = clock;
    this.#signals = signals;
    this.#count = count;
    this.#shown = new Array(count).fill(null);
    this.#latch = clock.createAlarm(() => this.#take());
    signals.listen(name, (level, nanos) => (level ? this.#rises(nanos) : this.#falls(nanos)));
  }

  /**
   * What has come since the last call, and begin anew:
   * frames   [{ns, took_ns: from the first edge to the last, bits, grb: three bytes an LED, in hex}, ...]
   * told     how many frames there were; the last 1,000 are kept
   * shown    of each LED now: "ggrrbb", null: it has not been told
   * times    {t0h: [least, most], t1h:, t0l:, t1l:, latch:} in ns; latch: between two frames
   * outside  {data sheet: [which of the times are not as it has them, ...], ...}
   * odd      what is no WS2812 at all
   */
  report() {
    const found = {
      frames: this.#frames,
      told: this.#told,
      shown: [...this.#shown],
      times: this.#times,
      outside: outside(this.#times),
      odd: this.#odd,
    };
    this.#frames = [];
    this.#told = 0;
    this.#times = {};
    this.#odd = [];
    return found;
  }

  #rises(nanos) {
    this.#rose = nanos;
    if (this.#fell === null) this.#begin = nanos;
    else if (!this.#latch.scheduled) {
      this.#note('latch', nanos - this.#fell);
      this.#begin = nanos;
    } else {
      const low = nanos - this.#fell;
      if (low >= SHORTEST_LATCH_NANOS) this.#strange('a pause of ' + Math.round(low) + ' ns');
      else this.#note(this.#one ? 't1l' : 't0l', low);
      this.#latch.cancel();
    }
  }

  #falls(nanos) {
    if (this.#rose === null) return;
    const high = nanos - this.#rose;
    this.#one = high > ONE_NANOS;
    this.#note(this.#one ? 't1h' : 't0h', high);
    this.#bits.push(this.#one ? 1 : 0);
    this.#fell = nanos;
    this.#latch.schedule(LATCH_NANOS);
  }

  #take() {
    const bits = this.#bits;
    this.#bits = [];
    if (bits.length % 24) this.#strange(bits.length + ' bits');
    const leds = [];
    for (let i = 0; i + 24 <= bits.length; i += 24) {
      const value = bits.slice(i, i + 24).reduce((sum, bit) => sum * 2 + bit, 0);
      leds.push(value.toString(16).padStart(6, '0'));
    }
    // Each LED keeps the first 24 bits and passes on the rest; behind the last one it goes nowhere.
    leds.slice(0, this.#count).forEach((led, i) => (this.#shown[i] = led));
    const grb = leds.join('');
    this.#told++;
    this.#frames.push({ ns: this.#begin, took_ns: this.#fell - this.#begin, bits: bits.length, grb });
    if (this.#frames.length > KEPT) this.#frames.shift();
    this.#signals.tell('pixels', grb);
  }

  #note(name, nanos) {
    const [least, most] = this.#times[name] ?? [nanos, nanos];
    this.#times[name] = [Math.min(least, nanos), Math.max(most, nanos)];
  }

  #strange(text) {
    if (this.#odd.length < KEPT) this.#odd.push(text);
  }
}

function outside(times) {
  const found = {};
  for (const [sheet, windows] of Object.entries(SHEETS)) {
    found[sheet] = Object.keys(windows).filter((name) => {
      const [least, most] = windows[name];
      const seen = times[name];
      return seen && (seen[0] < least - ROUNDING || seen[1] > most + ROUNDING);
    });
  }
  return found;
}
