// Pilotlight: open EV charger firmware
// SPDX-License-Identifier: MIT
// A UART of the chip (ARM PL011, RP2040 datasheet 4.2) at line speed: FIFOs of 32 with their interrupt
// levels, the receive time-out, overruns, and hardware flow control. rp2040js sends without taking time,
// and its transmit interrupt cannot be cleared.

import { BasePeripheral } from './package.mjs';

const DR = 0x00;
const RSR = 0x04;
const FR = 0x18;
const IBRD = 0x24;
const FBRD = 0x28;
const LCR_H = 0x2c;
const CR = 0x30;
const IFLS = 0x34;
const IMSC = 0x38;
const RIS = 0x3c;
const MIS = 0x40;
const ICR = 0x44;
const DMACR = 0x48;
const PERIPH_ID = 0xfe0;
const IDENTITY = [0x11, 0x10, 0x34, 0x00, 0x0d, 0xf0, 0x05, 0xb1];

const FR_CTS = 1 << 0;
const FR_BUSY = 1 << 3;
const FR_RXFE = 1 << 4;
const FR_TXFF = 1 << 5;
const FR_RXFF = 1 << 6;
const FR_TXFE = 1 << 7;
const LCR_FEN = 1 << 4;
const CR_UARTEN = 1 << 0;
const CR_TXE = 1 << 8;
const CR_RXE = 1 << 9;
const CR_RTS = 1 << 11;
const CR_RTSEN = 1 << 14;
const CR_CTSEN = 1 << 15;
const INT_RX = 1 << 4;
const INT_TX = 1 << 5;
const INT_RT = 1 << 6;
const INT_OE = 1 << 10;

const DEPTH = 32;
const LEVELS = [4, 8, 16, 24, 28, 28, 28, 28]; // IFLS: 1/8, 1/4, 1/2, 3/4, 7/8
const BITS = 10; // 8N1 on the line
const TIMEOUT_BITS = 32;

/**
 * onByte(value)    a byte has left the line
 * onRts(asserted)  the firmware's request to send, as flow control or the firmware itself has it
 * cts              clear to send, asserted or not: `setCts`
 */
export class Pl011 extends BasePeripheral {
  cr = CR_RXE | CR_TXE;
  lcr = 0;
  ibrd = 0;
  fbrd = 0;
  ifls = 0x12;
  imsc = 0;
  ris = 0;
  tx = [];
  rx = [];
  sending = null; // the byte in the shift register
  cts = true;
  rts = false;
  overruns = 0;
  onByte = () => {};
  onRts = () => {};

  constructor(rp2040, index, irq) {
    super(rp2040, 'UART' + index);
    this.irq = irq;
    this.sentAlarm = rp2040.clock.createAlarm(() => this.sent());
    this.timeoutAlarm = rp2040.clock.createAlarm(() => this.timedOut());
  }

  /** Bits per second, 0 before the firmware has set it. */
  get baud() {
    const divider = this.ibrd + this.fbrd / 64;
    return divider ? this.rp2040.clkPeri / (16 * divider) : 0;
  }

  get byteNanos() {
    return (BITS * 1e9) / (this.baud || 115200);
  }

  get depth() {
    return this.lcr & LCR_FEN ? DEPTH : 1;
  }

  get rxLevel() {
    return this.lcr & LCR_FEN ? LEVELS[(this.ifls >> 3) & 7] : 1;
  }

  get txLevel() {
    return this.lcr & LCR_FEN ? LEVELS[this.ifls & 7] : 0;
  }

  /** A byte comes in from the line, complete. */
  feed(value) {
    if (!(this.cr & CR_UARTEN) || !(this.cr & CR_RXE)) return;
    if (this.rx.length >= this.depth) {
      this.overruns++;
      this.ris |= INT_OE;
    } else {
      this.rx.push(value);
    }
    if (this.rx.length >= this.rxLevel) this.ris |= INT_RX;
    this.timeoutAlarm.schedule((this.byteNanos * TIMEOUT_BITS) / BITS);
    this.update();
  }

  setCts(asserted) {
    this.cts = asserted;
    this.send();
  }

  // Called by the package when the peripheral clock changes: the divider stays, the rate follows.
  clkPeriChanged() {}

  timedOut() {
    if (!this.rx.length) return;
    this.ris |= INT_RT;
    this.update();
  }

  send() {
    const wanted = CR_UARTEN | CR_TXE;
    if (this.sending !== null || !this.tx.length || (this.cr & wanted) !== wanted) return;
    if (this.cr & CR_CTSEN && !this.cts) return;
    this.sending = this.tx.shift();
    // The interrupt is raised when the FIFO drains through its level, not by being below it.
    if (this.tx.length === this.txLevel || this.depth === 1) this.ris |= INT_TX;
    this.sentAlarm.schedule(this.byteNanos);
    this.update();
  }

  sent() {
    const value = this.sending;
    this.sending = null;
    this.onByte(value);
    this.send();
    this.update();
  }

  update() {
    const rts = this.cr & CR_RTSEN ? this.rx.length < this.rxLevel : (this.cr & CR_RTS) !== 0;
    if (rts !== this.rts) {
      this.rts = rts;
      this.onRts(rts);
    }
    this.rp2040.setInterrupt(this.irq, (this.ris & this.imsc) !== 0);
  }

  readUint32(offset) {
    if (offset >= PERIPH_ID) return IDENTITY[(offset - PERIPH_ID) >> 2] ?? 0;
    switch (offset) {
      case DR: {
        const value = this.rx.shift() ?? 0;
        if (this.rx.length < this.rxLevel) this.ris &= ~INT_RX;
        if (!this.rx.length) {
          this.ris &= ~INT_RT;
          this.timeoutAlarm.cancel();
        }
        this.update();
        return value;
      }
      case FR:
        return (
          (this.cts ? FR_CTS : 0) |
          (this.sending !== null || this.tx.length ? FR_BUSY : 0) |
          (this.rx.length ? 0 : FR_RXFE) |
          (this.tx.length >= this.depth ? FR_TXFF : 0) |
          (this.rx.length >= this.depth ? FR_RXFF : 0) |
          (this.tx.length ? 0 : FR_TXFE)
        );
      case RSR:
      case DMACR:
        return 0;
      case IBRD:
        return this.ibrd;
      case FBRD:
        return this.fbrd;
      case LCR_H:
        return this.lcr;
      case CR:
        return this.cr;
      case IFLS:
        return this.ifls;
      case IMSC:
        return this.imsc;
      case RIS:
        return this.ris;
      case MIS:
        return this.ris & this.imsc;
      default:
        return super.readUint32(offset);
    }
  }

  writeUint32(offset, value) {
    switch (offset) {
      case DR:
        if (this.tx.length < this.depth) this.tx.push(value & 0xff);
        if (this.tx.length > this.txLevel) this.ris &= ~INT_TX;
        this.send();
        break;
      case RSR:
      case DMACR:
        return;
      case IBRD:
        this.ibrd = value & 0xffff;
        return;
      case FBRD:
        this.fbrd = value & 0x3f;
        return;
      case LCR_H:
        this.lcr = value & 0xff;
        return;
      case CR:
        this.cr = value & 0xffff;
        this.send();
        break;
      case IFLS:
        this.ifls = value & 0x3f;
        break;
      case IMSC:
        this.imsc = value & 0x7ff;
        break;
      case ICR:
        this.ris &= ~this.rawWriteValue;
        break;
      default:
        super.writeUint32(offset, value);
        return;
    }
    this.update();
  }
}
