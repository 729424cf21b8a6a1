// Pilotlight: open EV charger firmware
// SPDX-License-Identifier: MIT
// The ADC (RP2040 datasheet 4.9). rp2040js has one too; here START_ONCE clears itself, round-robin goes
// round, and what is converted is the voltage at the moment the conversion begins.

import { BasePeripheral } from './package.mjs';

const CS = 0x00;
const RESULT = 0x04;
const FCS = 0x08;
const FIFO = 0x0c;
const DIV = 0x10;
const INTR = 0x14;
const INTE = 0x18;
const INTF = 0x1c;
const INTS = 0x20;

const CS_EN = 1 << 0;
const CS_START_ONCE = 1 << 2;
const CS_START_MANY = 1 << 3;
const CS_READY = 1 << 8;
const CS_KEPT = CS_EN | (1 << 1) | CS_START_MANY | (7 << 12) | (0x1f << 16);

const FCS_EN = 1 << 0;
const FCS_SHIFT = 1 << 1;
const FCS_DREQ_EN = 1 << 3;
const FCS_EMPTY = 1 << 8;
const FCS_FULL = 1 << 9;
const FCS_UNDER = 1 << 10;
const FCS_OVER = 1 << 11;
const FCS_KEPT = FCS_EN | FCS_SHIFT | (1 << 2) | FCS_DREQ_EN | (0xf << 24);

const IRQ_ADC_FIFO = 22;
const DREQ_ADC = 36;
const DEPTH = 4;
const CHANNELS = 5;
// 96 cycles of the 48 MHz clock.
const CONVERSION_NANOS = 2000;
const CLOCK_NANOS = 1000 / 48;

/** sample(channel) -> counts 0..4095: what the board has on that input now. */
export class Adc extends BasePeripheral {
  cs = 0;
  fcs = 0;
  div = 0;
  result = 0;
  intEnable = 0;
  intForce = 0;
  fifo = [];
  busy = false;
  sample = () => 0;

  constructor(rp2040) {
    super(rp2040, 'ADC');
    this.value = 0;
    this.began = 0;
    this.doneAlarm = rp2040.clock.createAlarm(() => this.complete());
    this.nextAlarm = rp2040.clock.createAlarm(() => this.start());
  }

  get channel() {
    return (this.cs >> 12) & 7;
  }

  get threshold() {
    return (this.fcs >> 24) & 0xf;
  }

  get intRaw() {
    return this.fifo.length >= this.threshold ? 1 : 0;
  }

  get intStatus() {
    return (this.intRaw & this.intEnable) | this.intForce;
  }

  start() {
    if (this.busy || !(this.cs & CS_EN)) return;
    this.busy = true;
    this.began = this.rp2040.clock.nanos;
    this.value = this.sample(this.channel) & 0xfff;
    this.doneAlarm.schedule(CONVERSION_NANOS);
  }

  complete() {
    this.busy = false;
    this.result = this.value;
    this.turn();
    if (this.fcs & FCS_EN) this.push();
    if (!(this.cs & CS_START_MANY)) return;
    // DIV counts 48 MHz cycles from start to start, at least the 96 of a conversion.
    const period = (1 + (this.div >>> 8) + (this.div & 0xff) / 256) * CLOCK_NANOS;
    const wait = this.began + period - this.rp2040.clock.nanos;
    if (wait > 0) this.nextAlarm.schedule(wait);
    else this.start();
  }

  turn() {
    const inputs = (this.cs >> 16) & 0x1f;
    if (!inputs) return;
    let channel = this.channel;
    do channel = (channel + 1) % CHANNELS;
    while (!(inputs & (1 << channel)));
    this.cs = (this.cs & ~(7 << 12)) | (channel << 12);
  }

  push() {
    if (this.fifo.length >= DEPTH) {
      this.fcs |= FCS_OVER;
      return;
    }
    this.fifo.push(this.fcs & FCS_SHIFT ? this.result >> 4 : this.result);
    this.levelChanged();
    this.rp2040.dma.serve(DREQ_ADC);
  }

  levelChanged() {
    this.rp2040.dma.dreq[DREQ_ADC] = (this.fcs & FCS_DREQ_EN) !== 0 && this.fifo.length >= this.threshold;
    if (this.intEnable || this.intForce) this.checkInterrupts();
  }

  checkInterrupts() {
    this.rp2040.setInterrupt(IRQ_ADC_FIFO, this.intStatus !== 0);
  }

  readUint32(offset) {
    switch (offset) {
      case CS:
        return this.cs | (this.busy ? 0 : CS_READY);
      case RESULT:
        return this.result;
      case FCS: {
        const state = (this.fifo.length === 0 ? FCS_EMPTY : 0) | (this.fifo.length >= DEPTH ? FCS_FULL : 0);
        return this.fcs | state | (this.fifo.length << 16);
      }
      case FIFO: {
        if (!this.fifo.length) {
          this.fcs |= FCS_UNDER;
          return 0;
        }
        const value = this.fifo.shift();
        this.levelChanged();
        return value;
      }
      case DIV:
        return this.div;
      case INTR:
        return this.intRaw;
      case INTE:
        return this.intEnable;
      case INTF:
        return this.intForce;
      case INTS:
        return this.intStatus;
      default:
        return super.readUint32(offset);
    }
  }

  writeUint32(offset, value) {
    switch (offset) {
      case CS:
        this.cs = value & CS_KEPT;
        if (!(value & CS_START_MANY)) this.nextAlarm.cancel();
        if (value & (CS_START_ONCE | CS_START_MANY)) this.start();
        return;
      case FCS:
        this.fcs = (this.fcs & (FCS_OVER | FCS_UNDER) & ~this.rawWriteValue) | (value & FCS_KEPT);
        this.levelChanged();
        this.rp2040.dma.serve(DREQ_ADC);
        break;
      case DIV:
        this.div = value & 0xffffff;
        return;
      case INTE:
        this.intEnable = value & 1;
        break;
      case INTF:
        this.intForce = value & 1;
        break;
      default:
        super.writeUint32(offset, value);
        return;
    }
    this.checkInterrupts();
  }
}
