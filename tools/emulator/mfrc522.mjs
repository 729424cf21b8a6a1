// Pilotlight: open EV charger firmware
// SPDX-License-Identifier: MIT
// The RFID reader: an MFRC522 on SPI0, by its registers (NXP data sheet, chapter 9), with its timer, its CRC
// coprocessor and the frames it exchanges with a card in its field.

import { crcA } from './tag.mjs';

const COMMAND = 0x01;
const COM_IRQ = 0x04;
const DIV_IRQ = 0x05;
const ERROR = 0x06;
const STATUS1 = 0x07;
const FIFO_DATA = 0x09;
const FIFO_LEVEL = 0x0a;
const CONTROL = 0x0c;
const BIT_FRAMING = 0x0d;
const COLL = 0x0e;
const MODE = 0x11;
const TX_MODE = 0x12;
const RX_MODE = 0x13;
const TX_CONTROL = 0x14;
const CRC_HIGH = 0x21;
const CRC_LOW = 0x22;
const T_MODE = 0x2a;
const T_PRESCALER = 0x2b;
const T_RELOAD_HIGH = 0x2c;
const T_RELOAD_LOW = 0x2d;
const VERSION = 0x37;

const IDLE = 0x0;
const CALC_CRC = 0x3;
const TRANSMIT = 0x4;
const NO_CHANGE = 0x7;
const RECEIVE = 0x8;
const TRANSCEIVE = 0xc;
const SOFT_RESET = 0xf;
const POWER_DOWN = 0x10;

const IRQ_TX = 1 << 6;
const IRQ_RX = 1 << 5;
const IRQ_IDLE = 1 << 4;
const IRQ_ERROR = 1 << 1;
const IRQ_TIMER = 1 << 0;
const DIV_CRC = 1 << 2;
const ERROR_OVERFLOW = 1 << 4;
const ERROR_CRC = 1 << 2;
const ANTENNA = 0x03;
const AUTO_TIMER = 0x80;

// Reset values that are not 0.
const RESET = new Map([
  [COMMAND, 0x20],
  [COM_IRQ, 0x14],
  [STATUS1, 0x21],
  [0x0b, 0x08],
  [CONTROL, 0x10],
  [COLL, 0xa0],
  [MODE, 0x3f],
  [TX_CONTROL, 0x80],
  [CRC_HIGH, 0xff],
  [CRC_LOW, 0xff],
  [0x24, 0x26],
  [0x26, 0x48],
  [VERSION, 0x92],
]);
const CRC_PRESETS = [0x0000, 0x6363, 0xa671, 0xffff];
const DEPTH = 64;
const STARTUP_NANOS = 1e6;
const BYTE_NANOS = 9 * 9440; // 106 kbit/s, 8 bits and parity
const CARD_DELAY_NANOS = 86000; // between the reader's frame and the card's
const CRC_NANOS = 10000;

/** tag: the Tag in the field, or null. dead: it does not answer. deaf: it does, but hears no card. */
export class Mfrc522 {
  dead = false;
  deaf = false;
  #tag = null;
  #clock;
  #pins;
  #address = null; // of the transfer that CS encloses
  #registers = new Uint8Array(64);
  #fifo = [];
  #awake = false;
  #startup;
  #timer;
  #exchange;
  #pending = null;

  constructor(clock, signals, pins) {
    this.#clock = clock;
    this.#pins = pins;
    this.#startup = clock.createAlarm(() => {
      this.#awake = true;
      this.#registers[COMMAND] &= ~POWER_DOWN;
    });
    this.#timer = clock.createAlarm(() => this.#raise(IRQ_TIMER));
    this.#exchange = clock.createAlarm(() => this.#pending());
    signals.listen('gp17', (level) => {
      if (level) this.#address = null;
    });
    signals.listen('gp2', () => this.#reset());
    this.#reset();
  }

  attach(chip) {
    const spi = chip.mcu.spi[0];
    let answer = 0;
    const done = chip.clock.createAlarm(() => spi.completeTransmit(answer));
    spi.onTransmit = (value) => {
      answer = this.#transfer(value & 0xff);
      done.schedule((spi.dataBits * 1e9) / (spi.clockFrequency || 1e6));
    };
  }

  get tag() {
    return this.#tag;
  }

  set tag(tag) {
    this.#tag = tag;
    tag?.reset();
  }

  // One byte each way. What goes out belongs to the address that came in before.
  #transfer(value) {
    if (this.#pins.levels[17] === 1) return 0xff; // not selected: nobody drives MISO
    if (this.dead || this.#pins.levels[2] === 0) return 0x00;
    const address = this.#address;
    if (address === null) {
      this.#address = value;
      return 0x00;
    }
    const register = (address >> 1) & 0x3f;
    if (address & 0x80) {
      this.#address = value;
      return this.#read(register);
    }
    this.#write(register, value);
    return 0x00;
  }

  #reset() {
    this.#registers.fill(0);
    for (const [register, value] of RESET) this.#registers[register] = value;
    this.#registers[COMMAND] |= POWER_DOWN;
    this.#fifo = [];
    this.#awake = false;
    this.#timer.cancel();
    this.#exchange.cancel();
    this.#tag?.reset(); // no field
    if (this.#pins.levels[2] === 1) this.#startup.schedule(STARTUP_NANOS);
    else this.#startup.cancel();
  }

  #read(register) {
    if (register === FIFO_DATA) return this.#fifo.shift() ?? 0;
    if (register === FIFO_LEVEL) return this.#fifo.length;
    return this.#registers[register];
  }

  #write(register, value) {
    const registers = this.#registers;
    switch (register) {
      case COMMAND:
        this.#command(value);
        return;
      case COM_IRQ:
      case DIV_IRQ:
        // Bit 7 says whether the marked bits are set or cleared.
        if (value & 0x80) registers[register] |= value & 0x7f;
        else registers[register] &= ~value;
        return;
      case FIFO_DATA:
        if (this.#fifo.length < DEPTH) this.#fifo.push(value);
        else registers[ERROR] |= ERROR_OVERFLOW;
        return;
      case FIFO_LEVEL:
        if (!(value & 0x80)) return;
        this.#fifo = [];
        registers[ERROR] &= ~ERROR_OVERFLOW;
        return;
      case BIT_FRAMING:
        registers[BIT_FRAMING] = value & 0x7f;
        if (value & 0x80 && (registers[COMMAND] & 0xf) === TRANSCEIVE) this.#transceive();
        return;
      case COLL:
        registers[COLL] = (registers[COLL] & 0x7f) | (value & 0x80);
        return;
      case TX_CONTROL:
        registers[TX_CONTROL] = value;
        if (!(value & ANTENNA)) this.#tag?.reset();
        return;
      case ERROR:
      case STATUS1:
      case CRC_HIGH:
      case CRC_LOW:
      case VERSION:
        return; // read-only
      default:
        registers[register] = value;
    }
  }

  #command(value) {
    const command = value & 0xf;
    if (command === SOFT_RESET) {
      this.#reset();
      return;
    }
    if (!this.#awake) return;
    if (command !== NO_CHANGE) {
      this.#registers[COMMAND] = value & 0x3f;
      this.#exchange.cancel();
    }
    switch (command) {
      case IDLE:
        this.#timer.cancel();
        break;
      case CALC_CRC:
        this.#later(CRC_NANOS, () => {
          const [low, high] = crcA(this.#fifo.splice(0), CRC_PRESETS[this.#registers[MODE] & 3]);
          this.#registers[CRC_LOW] = low;
          this.#registers[CRC_HIGH] = high;
          this.#registers[DIV_IRQ] |= DIV_CRC;
        });
        break;
      case TRANSMIT:
        this.#later(this.#fifo.length * BYTE_NANOS, () => {
          this.#say();
          this.#raise(IRQ_TX | IRQ_IDLE);
          this.#registers[COMMAND] &= ~0xf;
        });
        break;
      case RECEIVE:
      case TRANSCEIVE:
        break; // waits for StartSend
      default:
    }
  }

  #later(nanos, action) {
    this.#pending = action;
    this.#exchange.schedule(nanos);
  }

  #raise(bits) {
    this.#registers[COM_IRQ] |= bits;
  }

  // Takes the frame out of the FIFO and gives it to the card. What the card says to it, or null.
  #say() {
    const frame = this.#fifo.splice(0);
    if (this.#registers[TX_MODE] & 0x80) frame.push(...crcA(frame));
    const heard = this.#tag !== null && !this.deaf && (this.#registers[TX_CONTROL] & ANTENNA) !== 0;
    return heard ? this.#tag.hear(frame, this.#registers[BIT_FRAMING] & 7) : null;
  }

  #transceive() {
    this.#later(this.#fifo.length * BYTE_NANOS, () => {
      const answer = this.#say();
      this.#raise(IRQ_TX);
      if (this.#registers[T_MODE] & AUTO_TIMER) this.#timer.schedule(this.#timeoutNanos());
      if (answer) this.#later(CARD_DELAY_NANOS + answer.length * BYTE_NANOS, () => this.#receive(answer));
    });
  }

  #timeoutNanos() {
    const prescaler = ((this.#registers[T_MODE] & 0xf) << 8) | this.#registers[T_PRESCALER];
    const reload = (this.#registers[T_RELOAD_HIGH] << 8) | this.#registers[T_RELOAD_LOW];
    return ((2 * prescaler + 1) * (reload + 1) * 1e9) / 13.56e6;
  }

  #receive(answer) {
    this.#timer.cancel(); // it stops when the card begins to answer
    const registers = this.#registers;
    registers[ERROR] = 0;
    registers[CONTROL] &= ~0x07; // whole bytes
    let bytes = answer;
    if (registers[RX_MODE] & 0x80) {
      bytes = answer.slice(0, -2);
      const [low, high] = crcA(bytes);
      if (answer.at(-2) !== low || answer.at(-1) !== high) registers[ERROR] |= ERROR_CRC;
    }
    this.#fifo.push(...bytes);
    this.#raise(IRQ_RX | (registers[ERROR] ? IRQ_ERROR : 0));
  }
}
