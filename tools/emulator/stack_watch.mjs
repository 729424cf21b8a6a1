// Pilotlight: open EV charger firmware
// SPDX-License-Identifier: MIT
// How deep the stack gets: of the program itself, and of the interrupts on top of it. Every instruction is
// looked at, so both are found even if they never come together; the sum is what has to have room.

const SRAM = 0x20000000;
const STACK_TOP = 0x20042000;
const POINTER = 13;

/**
 * program     bytes, at most, outside of interrupts
 * interrupts  bytes, at most, from where an interrupt found the stack to the end of the deepest one on top of it
 * words       the stack when it was deepest outside of interrupts, from its pointer to its top
 * above       the interrupts' part of it when that was deepest
 */
export class StackWatch {
  program = 0;
  interrupts = 0;
  words = [];
  above = [];
  #chip;
  #nested = 0;
  #found = STACK_TOP; // the stack's pointer when the outermost interrupt came

  /** A chip that begins its life: what has been found in the one before stays. */
  attach(chip) {
    this.#chip = chip;
    const { core } = chip;
    // It may be in the middle of an interrupt: what was below that is not known, it counts from here.
    this.#nested = core.IPSR === 0 ? 0 : 1;
    this.#found = core.registers[POINTER];
    const enter = core.exceptionEntry.bind(core);
    const leave = core.exceptionReturn.bind(core);
    core.exceptionEntry = (number) => {
      if (this.#nested++ === 0) this.#found = core.registers[POINTER];
      enter(number);
      this.#bound();
      this.look(core.registers[POINTER]);
    };
    core.exceptionReturn = (value) => {
      leave(value);
      // Back in the program (ARMv6-M, EXC_RETURN), however many there were when this began to look.
      this.#nested = value & 8 ? 0 : Math.max(1, this.#nested - 1);
      this.#bound();
    };
    this.#bound();
  }

  begin() {
    this.program = 0;
    this.interrupts = 0;
    this.words = [];
    this.above = [];
    this.#bound();
  }

  figures() {
    const { program, interrupts, words, above } = this;
    return { program, interrupts, words, above };
  }

  /** The pointer is below the bound that the chip was given. */
  look(pointer) {
    if (this.#nested) {
      if (this.#found - pointer > this.interrupts) {
        this.interrupts = this.#found - pointer;
        this.above = this.#words(pointer, this.#found);
      }
    } else if (STACK_TOP - pointer > this.program && pointer >= SRAM) {
      this.program = STACK_TOP - pointer;
      this.words = this.#words(pointer, STACK_TOP);
    }
    this.#bound();
  }

  #words(from, to) {
    const { buffer, byteOffset } = this.#chip.mcu.sram;
    return [...new Uint32Array(buffer, byteOffset + from - SRAM, (to - from) / 4)];
  }

  #bound() {
    if (!this.#chip) return;
    this.#chip.stackBound = this.#nested ? this.#found - this.interrupts : STACK_TOP - this.program;
  }
}
