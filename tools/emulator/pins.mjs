// Pilotlight: open EV charger firmware
// SPDX-License-Identifier: MIT
// The wires between chip and board: each is driven by the chip, else by the board, else by the chip's pull,
// and both sides see the outcome. Chip outputs read back, which those of rp2040js do not.

const COUNT = 30;
const FUNCTION_UART = 2;
const LOW = 0;
const HIGH = 1;
const PULL_UP = 3;
const KEEPER = 5;

export class Pins {
  levels = new Array(COUNT).fill(0);
  #board = new Array(COUNT).fill(null);
  #signals;
  #chip = null;
  #rts = new Map();

  constructor(signals) {
    this.#signals = signals;
  }

  /** A new life of the chip: its pins are as after a reset. */
  attach(chip) {
    this.#chip = chip;
    for (let index = 0; index < COUNT; index++) {
      const gpio = chip.mcu.gpio[index];
      gpio.addListener(() => this.#refresh(index));
      gpio.setInputValue(this.levels[index] === 1);
      this.#refresh(index);
    }
  }

  /** The chip has no power: no output drives, no pull pulls. */
  detach() {
    this.#chip = null;
    for (let index = 0; index < COUNT; index++) this.#refresh(index);
  }

  /** The board drives wire `index` (0 or 1), or lets it go (null). */
  drive(index, level) {
    if (this.#board[index] === level) return;
    this.#board[index] = level;
    this.#refresh(index);
  }

  /** Wire `index` is the RTS output of this UART where it has that function. Active low. */
  joinRts(index, uart) {
    this.#rts.set(index, uart);
    uart.onRts = () => this.#refresh(index);
  }

  /** Whether the chip itself drives the wire. */
  driven(index) {
    return this.#fromChip(index) !== null;
  }

  #fromChip(index) {
    if (!this.#chip) return null;
    const gpio = this.#chip.mcu.gpio[index];
    const uart = this.#rts.get(index);
    if (uart && gpio.functionSelect === FUNCTION_UART) return uart.rts ? 0 : 1;
    const value = gpio.value;
    return value === LOW || value === HIGH ? value : null;
  }

  #level(index) {
    const chip = this.#fromChip(index);
    if (chip !== null) return chip;
    if (this.#board[index] !== null) return this.#board[index];
    if (!this.#chip) return 0;
    const value = this.#chip.mcu.gpio[index].value;
    if (value === KEEPER) return this.levels[index];
    return value === PULL_UP ? 1 : 0;
  }

  #refresh(index) {
    const level = this.#level(index);
    if (level === this.levels[index]) return;
    this.levels[index] = level;
    if (this.#chip) this.#chip.mcu.gpio[index].setInputValue(level === 1);
    this.#signals.tell('gp' + index, level);
  }
}
