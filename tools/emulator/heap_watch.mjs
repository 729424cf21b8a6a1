// Pilotlight: open EV charger firmware
// SPDX-License-Identifier: MIT
// MicroPython's heap, watched from outside: its allocation table is read at regular moments, so that the
// firmware neither knows of it nor spends any time on it.

const BLOCK = 16; // bytes; two bits each in the table, 0: free
const MICROSECOND = 1000;
// A sweep frees at least so much at once: less is an object that was given back (gc.free), or a realloc.
const COLLECTED = 2048;

/**
 * peak      the most that was in use, garbage that waits for its collection included
 * kept      the most that was in use directly after a collection
 * largest   the smallest that the largest free piece was directly after a collection
 * Bytes; kept and largest are null as long as nothing has been collected.
 */
export class HeapWatch {
  #board;
  #table;
  #length;
  #every;
  #alarm;
  #low = null; // in use and largest free piece, as a sweep goes on
  #before = 0;

  /** table, length: address of the allocation table, and its bytes. everyUs: between two looks at it. */
  constructor(board, table, length, everyUs) {
    this.#board = board;
    this.#table = table - 0x20000000;
    this.#length = length;
    this.#every = everyUs * MICROSECOND;
    this.#alarm = board.clock.createAlarm(() => this.#look());
    this.begin();
    this.#alarm.schedule(this.#every);
  }

  begin() {
    this.peak = 0;
    this.kept = null;
    this.largest = null;
    this.collections = 0;
    this.#low = null;
  }

  end() {
    this.#alarm.cancel();
  }

  figures() {
    const { peak, kept, largest, collections } = this;
    return { peak, kept, largest, collections };
  }

  #look() {
    this.#alarm.schedule(this.#every);
    if (!this.#board.chip) return;
    const { used, largest } = this.#read();
    if (used > this.peak) this.peak = used;
    if (used < this.#before && (this.#low || this.#before - used >= COLLECTED)) {
      this.#low = { used, largest }; // the sweep is under way, or has just ended
    } else if (this.#low && used > this.#low.used) {
      this.collections++;
      this.kept = Math.max(this.kept ?? 0, this.#low.used);
      this.largest = Math.min(this.largest ?? Infinity, this.#low.largest);
      this.#low = null;
    }
    this.#before = used;
  }

  #read() {
    const { sram } = this.#board.chip.mcu;
    let used = 0;
    let run = 0;
    let longest = 0;
    for (let at = this.#table; at < this.#table + this.#length; at++) {
      let four = sram[at];
      if (four === 0) {
        run += 4;
        continue;
      }
      for (let i = 0; i < 4; i++, four >>= 2) {
        if (four & 3) {
          used++;
          if (run > longest) longest = run;
          run = 0;
        } else {
          run++;
        }
      }
    }
    return { used: used * BLOCK, largest: Math.max(longest, run) * BLOCK };
  }
}
