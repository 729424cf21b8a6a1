// Pilotlight: open EV charger firmware
// SPDX-License-Identifier: MIT
// How fast emulated time passes: as fast as it can, at a pace of the wall clock, or only as far as was asked.

const SLICE_NANOS = 2e6;
// Behind by more than this (the host was busy) the lost time is let go instead of caught up in a rush, which
// peers on real sockets would take for one.
const FORGIVEN_MS = 20;
const LONGEST_SLEEP_MS = 20;

/** factor: emulated seconds per second; 0: as fast as it can; null: it stands, and `runUntil` moves it. */
export class Pacer {
  #board;
  #factor;
  #origin = 0; // the wall clock in ms when emulated time was `#from`
  #from = 0;
  #goal = null; // {nanos, done}
  #cancel = () => {};

  constructor(board, factor) {
    this.#board = board;
    this.factor = factor;
  }

  get factor() {
    return this.#factor;
  }

  set factor(factor) {
    this.#factor = factor;
    this.#mark();
    this.#later(0);
  }

  /** Run as fast as possible up to this time, then call `done()`; from there on as the factor says. */
  runUntil(nanos, done) {
    if (this.#goal) throw new Error('it is running already');
    this.#goal = { nanos, done };
    this.#later(0);
  }

  /** End `runUntil` now; to be called from within emulated time. */
  enough() {
    if (!this.#goal) return;
    this.#goal.nanos = this.#board.nanos;
    this.#board.stop();
  }

  #mark() {
    this.#origin = performance.now();
    this.#from = this.#board.nanos;
  }

  #later(ms) {
    this.#cancel();
    if (ms > 0) {
      const timer = setTimeout(() => this.#slice(), ms);
      this.#cancel = () => clearTimeout(timer);
    } else {
      const immediate = setImmediate(() => this.#slice());
      this.#cancel = () => clearImmediate(immediate);
    }
  }

  #slice() {
    const end = this.#board.nanos + SLICE_NANOS;
    if (this.#goal) {
      this.#board.run(Math.min(end, this.#goal.nanos));
      if (this.#board.nanos >= this.#goal.nanos) {
        const { done } = this.#goal;
        this.#goal = null;
        this.#mark();
        done();
      }
      this.#later(0);
    } else if (this.#factor !== null) {
      this.#board.run(end);
      this.#later(this.#factor ? this.#ahead() : 0);
    }
  }

  // How many ms to wait for the wall clock.
  #ahead() {
    const emulated = (this.#board.nanos - this.#from) / 1e6 / this.#factor;
    const ahead = emulated - (performance.now() - this.#origin);
    if (ahead < -FORGIVEN_MS) this.#mark();
    return ahead > 1 ? Math.min(LONGEST_SLEEP_MS, ahead) : 0;
  }
}
