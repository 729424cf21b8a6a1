// Pilotlight: open EV charger firmware
// SPDX-License-Identifier: MIT
// Numbers by chance that a seed brings back: noise on the pilot, the ring oscillator's random bit.

export class Chance {
  #state;

  constructor(seed) {
    this.#state = seed >>> 0 || 1;
  }

  /** A 32-bit number (xorshift). */
  bits() {
    let x = this.#state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#state = x >>> 0;
    return this.#state;
  }

  /** Evenly spread in 0..1, both excluded. */
  fraction() {
    return (this.bits() + 0.5) / 2 ** 32;
  }

  /** Normally spread around 0 with this standard deviation. */
  normal(deviation) {
    return deviation * Math.sqrt(-2 * Math.log(this.fraction())) * Math.cos(2 * Math.PI * this.fraction());
  }
}
