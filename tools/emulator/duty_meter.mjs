// Pilotlight: open EV charger firmware
// SPDX-License-Identifier: MIT
// Measures the PWM on a wire from its edges, as an oscilloscope beside the board would.

// Without an edge for this long (3 periods of the pilot) the level is steady.
const STEADY_NANOS = 3e6;

export class DutyMeter {
  #clock;
  #level = 0;
  #rose = -1;
  #fell = -1;
  #highNanos = 0;
  #periodNanos = 0;

  /** onPeriod(): called at each rising edge, when a whole period has been seen. */
  constructor(clock, signals, name, onPeriod = () => {}) {
    this.#clock = clock;
    signals.listen(name, (level, nanos) => {
      this.#level = level;
      if (level) {
        if (this.#rose >= 0 && this.#fell > this.#rose) {
          this.#highNanos = this.#fell - this.#rose;
          this.#periodNanos = nanos - this.#rose;
        }
        this.#rose = nanos;
        onPeriod();
      } else {
        this.#fell = nanos;
      }
    });
  }

  /** {duty_e4, hz}: duty in 1/10000 (0 and 10000: steady) and frequency (0: steady) of the last period. */
  read() {
    const quiet = this.#clock.nanos - Math.max(this.#rose, this.#fell) > STEADY_NANOS;
    if (quiet || !this.#periodNanos) return { duty_e4: this.#level ? 10000 : 0, hz: 0 };
    const duty = Math.round((this.#highNanos * 10000) / this.#periodNanos);
    return { duty_e4: duty, hz: 1e9 / this.#periodNanos };
  }
}
