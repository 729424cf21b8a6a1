// Pilotlight: open EV charger firmware
// SPDX-License-Identifier: MIT
// The flash chip: contents that outlive the process in a file, the time that erasing and programming take,
// and a power cut in the middle of either.

import fs from 'node:fs';

import { layOver } from './image.mjs';

const SECTOR = 4096;
const PAGE = 256;
// Half of what the last operation did not come to is neither old nor new.
const TORN = 0x5a;

/**
 * erases, programs   sectors erased and pages programmed since the process began
 * cutAfter           the power goes at this many further operations, in the middle of the last; null: never
 * onCut()            the power is to go now
 * during             {kind, began, nanos} while an operation runs, else null
 */
export class Flash {
  erases = 0;
  programs = 0;
  bytes = 0;
  cutAfter = null;
  during = null;
  onCut = () => {};
  onBootsel = () => {};
  #file = null;
  #clock;
  #signals;
  #timing;

  /** timing: {eraseMs, programMs} of a sector and of a page. */
  constructor(clock, signals, size, timing) {
    this.#clock = clock;
    this.#signals = signals;
    this.#timing = timing;
    this.contents = new Uint8Array(size).fill(0xff);
  }

  /** file: path of what persists, made when absent, or null; image: path of the firmware to lay over it. */
  load(file, image) {
    if (file && fs.existsSync(file)) {
      this.contents.set(fs.readFileSync(file).subarray(0, this.contents.length));
    }
    if (image) layOver(this.contents, image);
    if (!file) return;
    if (fs.existsSync(file)) this.#file = fs.openSync(file, 'r+');
    else this.#file = fs.openSync(file, 'w+');
    fs.writeSync(this.#file, this.contents, 0, this.contents.length, 0);
  }

  /** From the boot ROM: flash_range_erase(offset, length). */
  erase(core) {
    const [offset, length] = core.registers;
    const sectors = Math.ceil(length / SECTOR);
    for (let i = 0; i < sectors; i++) {
      const at = offset + i * SECTOR;
      this.erases++;
      const done = this.#spend('erase', this.#timing.eraseMs * 1e6, (share) => {
        const erased = at + Math.floor(SECTOR * share);
        this.contents.fill(0xff, at, erased);
        if (share < 1) this.contents.fill(TORN, erased, at + Math.floor((SECTOR * (1 + share)) / 2));
        this.#keep(core, at, SECTOR);
      });
      if (!done) break;
    }
    return 100;
  }

  /** From the boot ROM: flash_range_program(offset, data, length). */
  program(core) {
    const [offset, from, length] = core.registers;
    for (let at = 0; at < length; at += PAGE) {
      this.programs++;
      this.bytes += PAGE;
      const page = new Uint8Array(PAGE);
      for (let i = 0; i < PAGE; i++) page[i] = core.rp2040.readUint8(from + at + i);
      const done = this.#spend('program', this.#timing.programMs * 1e6, (share) => {
        // Programming only clears bits.
        const bytes = Math.floor(PAGE * share);
        for (let i = 0; i < bytes; i++) this.contents[offset + at + i] &= page[i];
        this.#keep(core, offset + at, PAGE);
      });
      if (!done) break;
    }
    return 100;
  }

  bootsel() {
    this.onBootsel();
  }

  /** The power goes: what is being done now is left half done. */
  tear() {
    if (!this.during) return;
    const { began, nanos, apply } = this.during;
    this.during = null;
    apply(Math.min(0.99, (this.#clock.nanos - began) / nanos));
  }

  // Lets the time of one operation pass, with the interrupts off as the firmware has them, then does it.
  // False: the power went meanwhile.
  #spend(kind, nanos, apply) {
    const operation = { kind, began: this.#clock.nanos, nanos, apply };
    this.during = operation;
    this.#signals.tell(kind, 1);
    if (this.cutAfter !== null && --this.cutAfter <= 0) {
      this.cutAfter = null;
      this.#clock.tick(nanos / 2);
      this.onCut();
    } else {
      this.#clock.tick(nanos);
    }
    this.#signals.tell(kind, 0);
    if (this.during !== operation) return false;
    this.during = null;
    apply(1);
    return true;
  }

  #keep(core, offset, length) {
    core.rp2040.flash.set(this.contents.subarray(offset, offset + length), offset);
    if (this.#file !== null) fs.writeSync(this.#file, this.contents, offset, length, offset);
  }
}
