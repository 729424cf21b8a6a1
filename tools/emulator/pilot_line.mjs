// Pilotlight: open EV charger firmware
// SPDX-License-Identifier: MIT
// The control pilot as a voltage over time (IEC 61851-1 annex A): a source of +12 V or -12 V behind 1000 ohm,
// what the car loads it with, and the capacitance of the cable, which makes every edge a curve.

const SOURCE_MV = 12000;
const SOURCE_OHM = 1000;
const DIODE_MV = 700;
// 300 pF of the station, 1500 pF of the cable, 600 pF of the car (table A.2 allows 2400 pF) behind 1000 ohm.
const TAU_NANOS = 2400;
// Below this the exponential is not worth its time.
const SETTLED_MV = 1;

/**
 * ohm         what the car has between pilot and earth behind its diode; null: nothing is plugged in
 * diode       false: it is shorted
 * shorted     the pilot touches earth
 * forced      {high, low} in mV: what is there instead; null: nothing is forced
 * powered     the 12 V supplies are there
 */
export class PilotLine {
  ohm = null;
  diode = true;
  shorted = false;
  forced = null;
  powered = true;
  high = false; // the source is at +12 V
  apart = false; // the relay has taken the pilot off the line
  #clock;
  #from = 0;
  #since = 0;
  #target = 0;

  constructor(clock, signals) {
    this.#clock = clock;
    signals.listen('gp8', (level) => {
      this.high = level === 1;
      this.changed();
    });
    signals.listen('gp9', (level) => {
      this.apart = level === 1;
      this.changed();
    });
    this.changed();
  }

  /** Something that makes the voltage has changed: from now on it goes where it belongs. */
  changed() {
    this.#from = this.millivolts();
    this.#since = this.#clock.nanos;
    this.#target = this.#level(this.high);
  }

  /** What is on the pilot now, at the station. */
  millivolts() {
    const rest = this.#from - this.#target;
    if (Math.abs(rest) < SETTLED_MV) return this.#target;
    return this.#target + rest * Math.exp(-(this.#clock.nanos - this.#since) / TAU_NANOS);
  }

  /** {high_mv, low_mv}: where the two plateaus would be. */
  plateaus() {
    return { high_mv: Math.round(this.#level(true)), low_mv: Math.round(this.#level(false)) };
  }

  #level(high) {
    if (this.forced) return high ? this.forced.high : this.forced.low;
    if (!this.powered) return 0;
    const source = high ? SOURCE_MV : -SOURCE_MV;
    if (this.shorted && !this.apart) return 0;
    if (this.ohm === null || this.apart) return source;
    if (!this.diode) return (source * this.ohm) / (this.ohm + SOURCE_OHM);
    if (!high) return source;
    return DIODE_MV + ((source - DIODE_MV) * this.ohm) / (this.ohm + SOURCE_OHM);
  }
}
