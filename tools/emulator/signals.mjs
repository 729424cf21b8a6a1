// Pilotlight: open EV charger firmware
// SPDX-License-Identifier: MIT
// What happens on the board, by name and emulated nanosecond, for whoever watches: pins ("gp10"), the car
// ("s2", "plug"), parts ("contactor", "lock", ...), the flash ("erase", "program"), the chip ("reset").

const LONGEST_LOG = 200000;

export class Signals {
  #clock;
  #listeners = new Map();
  #log = [];
  #logged = new Set();
  values = new Map();

  constructor(clock) {
    this.#clock = clock;
  }

  tell(name, value) {
    this.values.set(name, value);
    if (this.#logged.has(name) && this.#log.length < LONGEST_LOG) {
      this.#log.push([this.#clock.nanos, name, value]);
    }
    const listeners = this.#listeners.get(name);
    if (listeners) for (const listener of [...listeners]) listener(value, this.#clock.nanos, name);
  }

  /** Call `listener(value, nanos, name)` from now on; returns what ends that. */
  listen(name, listener) {
    if (!this.#listeners.has(name)) this.#listeners.set(name, new Set());
    this.#listeners.get(name).add(listener);
    return () => this.#listeners.get(name).delete(listener);
  }

  /** From now on these are kept, with their times; what was kept before is forgotten. */
  keep(names) {
    this.#logged = new Set(names);
    this.#log = [];
  }

  /** [[nanos, name, value], ...] since `keep` or the last call. */
  takeLog() {
    const log = this.#log;
    this.#log = [];
    return log;
  }
}
