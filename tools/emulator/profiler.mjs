// Pilotlight: open EV charger firmware
// SPDX-License-Identifier: MIT
// Where the processor's time goes: at regular moments of emulated time the program counter, and the functions
// of MicroPython that are under way, are written down. The firmware neither knows of it nor is it slower.

const FLASH = 0x10000000;
const SRAM = 0x20000000;
const SRAM_END = 0x20042000;
// Of mp_obj_fun_bc_t (py/objfun.h): type, context, children, bytecode.
const BYTECODE = 12;
const FUNCTION_BYTES = 16;
const DEEPEST = 40;

export class Profiler {
  #board;
  #types;
  #every;
  #alarm;
  #samples = new Map();

  /** types: addresses of MicroPython's types of functions with bytecode. */
  constructor(board, types, everyUs) {
    this.#board = board;
    this.#types = new Set(types);
    this.#every = everyUs * 1000;
    this.#alarm = board.clock.createAlarm(() => this.#look());
    this.#alarm.schedule(this.#every);
  }

  end() {
    this.#alarm.cancel();
  }

  /** [[how often, program counter or null in sleep, bytecode of the innermost function, of its caller, ...]]. */
  take() {
    const found = [...this.#samples].map(([key, count]) => [count, ...JSON.parse(key)]);
    this.#samples.clear();
    return found;
  }

  #look() {
    this.#alarm.schedule(this.#every);
    const { chip } = this.#board;
    if (!chip) return;
    const asleep = chip.core.waiting || chip.hanging;
    const key = asleep ? '[null]' : JSON.stringify([chip.core.registers[15] >>> 0, ...this.#functions(chip)]);
    this.#samples.set(key, (this.#samples.get(key) ?? 0) + 1);
  }

  // Each frame of the virtual machine refers to its function: directly, or through the state of a generator
  // in the heap. What is left of frames that have ended is seen as well, now and then. Frozen functions lie in
  // flash, others in the heap.
  #functions(chip) {
    const [ram, flash] = [chip.mcu.sram, chip.mcu.flash].map(
      (bytes) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength),
    );
    const inRam = (word) => word >= SRAM && word <= SRAM_END - FUNCTION_BYTES && word % 4 === 0;
    const inFlash = (word) => word >= FLASH && word <= FLASH + flash.byteLength - FUNCTION_BYTES && word % 4 === 0;
    const read = (word) => (inRam(word) ? ram.getUint32(word - SRAM, true) : flash.getUint32(word - FLASH, true));
    const isFunction = (word) => (inRam(word) || inFlash(word)) && this.#types.has(read(word));
    const found = [];
    const stack = chip.core.registers[13] >>> 0;
    if (!inRam(stack)) return found;
    for (let at = stack; at < SRAM_END && found.length < DEEPEST; at += 4) {
      let word = ram.getUint32(at - SRAM, true);
      if (!isFunction(word)) {
        if (!inRam(word)) continue;
        word = read(word);
        if (!isFunction(word)) continue;
      }
      const bytecode = read(word + BYTECODE);
      if (found.at(-1) !== bytecode) found.push(bytecode);
    }
    return found;
  }
}
