// Pilotlight: open EV charger firmware
// SPDX-License-Identifier: MIT
// Who takes the processor's time: the cycles that entering and leaving an interrupt cost, which rp2040js does
// not count, and a book of the time spent in each handler.

const ENTRY_CYCLES = 15; // Cortex-M0+ without wait states
const EXIT_CYCLES = 13;

/** owed: cycles of entries and exits that are yet to be charged to the running instruction. */
export class InterruptBook {
  owed = 0;
  #clock;
  #since;
  #rows = new Map();
  #nested = [];

  constructor(core, clock) {
    this.#clock = clock;
    this.#since = clock.nanos;
    const enter = core.exceptionEntry.bind(core);
    const leave = core.exceptionReturn.bind(core);
    core.exceptionEntry = (number) => {
      enter(number);
      this.owed += ENTRY_CYCLES;
      this.#nested.push({ number, began: clock.nanos, inner: 0 });
    };
    core.exceptionReturn = (value) => {
      leave(value);
      this.owed += EXIT_CYCLES;
      this.#close();
    };
  }

  #close() {
    const item = this.#nested.pop();
    if (!item) return;
    const whole = this.#clock.nanos - item.began;
    const row = this.#row(item.number);
    row.count++;
    row.nanos += whole - item.inner;
    row.longest = Math.max(row.longest, whole);
    const outer = this.#nested.at(-1);
    if (outer) outer.inner += whole;
  }

  #row(number) {
    if (!this.#rows.has(number)) this.#rows.set(number, { count: 0, nanos: 0, longest: 0 });
    return this.#rows.get(number);
  }

  /** {nanos: since the last call, share: of it in handlers, handlers: [{irq, count, nanos, longest}]}. An irq
   *  is the number of the datasheet (TIMER_0 is 0, ...), negative for the processor's own exceptions. */
  take() {
    const nanos = this.#clock.nanos - this.#since;
    const handlers = [...this.#rows].map(([number, row]) => ({ irq: number - 16, ...row }));
    const busy = handlers.reduce((sum, row) => sum + row.nanos, 0);
    this.#since = this.#clock.nanos;
    this.#rows = new Map();
    return { nanos, share: nanos ? busy / nanos : 0, handlers };
  }
}
