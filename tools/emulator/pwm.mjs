// Pilotlight: open EV charger firmware
// SPDX-License-Identifier: MIT
// The PWM block (RP2040 datasheet 4.5), free-running slices. rp2040js has one too; here the counter is exact
// to the clock cycle, EN can be read, slices started by one write to EN stay in phase, and a wrap is one DMA
// request and not for ever.

import { BasePeripheral } from './package.mjs';

const SLICES = 8;
const SLICE_SIZE = 0x14;
const CSR = 0x00;
const DIV = 0x04;
const CTR = 0x08;
const CC = 0x0c;
const TOP = 0x10;
const EN = 0xa0;
const INTR = 0xa4;
const INTE = 0xa8;
const INTF = 0xac;
const INTS = 0xb0;

const CSR_EN = 1 << 0;
const CSR_PH_CORRECT = 1 << 1;
const CSR_A_INV = 1 << 2;
const CSR_B_INV = 1 << 3;
const CSR_DIVMODE = 3 << 4;
const CSR_PH_RET = 1 << 6;
const CSR_PH_ADV = 1 << 7;

const IRQ_PWM_WRAP = 4;
const DREQ_PWM_WRAP0 = 24;
// Sums of cycles that are no whole nanoseconds must not fall below the count they stand for.
const ROUNDING = 1e-6;

class Slice {
  constructor(pwm, index) {
    this.pwm = pwm;
    this.index = index;
    this.csr = 0;
    this.div = 1 << 4;
    this.cc = 0;
    this.top = 0xffff;
    // What the counter is compared with: CC and TOP are taken over when it wraps, or while it stands.
    this.levels = [0, 0];
    this.wrapAt = 0xffff;
    this.base = 0; // the counter at `since`
    this.since = 0;
    const clock = pwm.rp2040.clock;
    this.wrapAlarm = clock.createAlarm(() => this.wrap());
    this.fallAlarms = [0, 1].map((channel) => clock.createAlarm(() => this.output(channel, false)));
    // The package tells a new system clock through here.
    const slice = this;
    this.timer = {
      set frequency(hz) {
        slice.rebase();
        slice.pwm.clockHz = hz;
        slice.arrange();
      },
    };
  }

  get running() {
    return (this.csr & CSR_EN) !== 0;
  }

  get tickNanos() {
    const whole = (this.div >> 4) & 0xff || 256;
    return ((whole + (this.div & 0xf) / 16) * 1e9) / this.pwm.clockHz;
  }

  get counter() {
    if (!this.running) return this.base;
    const ticks = Math.floor((this.pwm.rp2040.clock.nanos - this.since) / this.tickNanos + ROUNDING);
    return (this.base + ticks) % (this.wrapAt + 1);
  }

  read(offset) {
    if (offset === CTR) return this.counter;
    return { [CSR]: this.csr, [DIV]: this.div, [CC]: this.cc, [TOP]: this.top }[offset] ?? 0;
  }

  write(offset, value) {
    if (offset === CSR) this.control(value);
    else if (offset === CC) {
      this.cc = value;
      if (!this.running) this.takeOver();
    } else if (offset === TOP) {
      this.top = value & 0xffff;
      if (!this.running) this.takeOver();
    } else {
      this.rebase();
      if (offset === DIV) this.div = value & 0xfff;
      if (offset === CTR) this.base = value & 0xffff;
      this.arrange();
    }
  }

  control(value) {
    if (value & (CSR_PH_CORRECT | CSR_DIVMODE)) {
      this.pwm.error('phase-correct and gated slices are not modelled');
    }
    this.rebase();
    if (value & CSR_EN) {
      if (value & CSR_PH_ADV) this.base = (this.base + 1) % (this.wrapAt + 1);
      if (value & CSR_PH_RET) this.base = (this.base + this.wrapAt) % (this.wrapAt + 1);
    }
    this.csr = value & ~(CSR_PH_ADV | CSR_PH_RET);
    this.arrange();
  }

  enable(on) {
    if (on === this.running) return;
    this.rebase();
    this.csr = on ? this.csr | CSR_EN : this.csr & ~CSR_EN;
    this.arrange();
  }

  rebase() {
    this.base = this.counter;
    this.since = this.pwm.rp2040.clock.nanos;
  }

  takeOver() {
    this.levels = [this.cc & 0xffff, this.cc >>> 16];
    this.wrapAt = this.top;
    if (this.base > this.wrapAt) this.base = 0;
    this.setOutputs();
  }

  // Appointments for what comes until the next wrap. The counter has just been rebased.
  arrange() {
    this.wrapAlarm.cancel();
    for (const alarm of this.fallAlarms) alarm.cancel();
    this.setOutputs();
    if (!this.running) return;
    const tick = this.tickNanos;
    this.levels.forEach((level, channel) => {
      if (level <= this.base || level > this.wrapAt) return;
      this.fallAlarms[channel].schedule((level - this.base) * tick);
    });
    this.wrapAlarm.schedule((this.wrapAt + 1 - this.base) * tick);
  }

  wrap() {
    this.base = 0;
    this.since = this.pwm.rp2040.clock.nanos;
    this.takeOver();
    const tick = this.tickNanos;
    for (let channel = 0; channel < 2; channel++) {
      const level = this.levels[channel];
      if (level > 0 && level <= this.wrapAt) this.fallAlarms[channel].schedule(level * tick);
    }
    this.wrapAlarm.schedule((this.wrapAt + 1) * tick);
    this.pwm.wrapped(this.index);
  }

  setOutputs() {
    this.output(0, this.base < this.levels[0]);
    this.output(1, this.base < this.levels[1]);
  }

  output(channel, high) {
    const inverted = this.csr & (channel ? CSR_B_INV : CSR_A_INV);
    this.pwm.drive(this.index * 2 + channel, inverted ? !high : high);
  }
}

export class Pwm extends BasePeripheral {
  intRaw = 0;
  intEnable = 0;
  intForce = 0;
  gpioValue = 0;
  gpioDirection = 0x3fffffff;

  constructor(rp2040) {
    super(rp2040, 'PWM');
    this.clockHz = rp2040.clkSys;
    this.channels = Array.from({ length: SLICES }, (_, index) => new Slice(this, index));
  }

  /** Asked by the package. */
  get clockFreq() {
    return this.rp2040.clkSys;
  }

  get intStatus() {
    return (this.intRaw & this.intEnable) | this.intForce;
  }

  readUint32(offset) {
    if (offset < EN) return this.channels[Math.floor(offset / SLICE_SIZE)].read(offset % SLICE_SIZE);
    switch (offset) {
      case EN:
        return this.channels.reduce((bits, slice) => bits | (slice.running ? 1 << slice.index : 0), 0);
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
    if (offset < EN) {
      this.channels[Math.floor(offset / SLICE_SIZE)].write(offset % SLICE_SIZE, value);
      return;
    }
    switch (offset) {
      case EN:
        for (const slice of this.channels) slice.enable((value & (1 << slice.index)) !== 0);
        return;
      case INTR:
        this.intRaw &= ~(this.rawWriteValue & 0xff);
        break;
      case INTE:
        this.intEnable = value & 0xff;
        break;
      case INTF:
        this.intForce = value & 0xff;
        break;
      default:
        super.writeUint32(offset, value);
        return;
    }
    this.checkInterrupts();
  }

  wrapped(index) {
    this.intRaw |= 1 << index;
    if (this.intEnable) this.checkInterrupts();
    this.rp2040.dma.pulse(DREQ_PWM_WRAP0 + index);
  }

  checkInterrupts() {
    this.rp2040.setInterrupt(IRQ_PWM_WRAP, this.intStatus !== 0);
  }

  // Output 0 is slice 0 channel A, 1 its channel B, ...; GP16 to GP29 are the outputs 0 to 13 again.
  drive(output, high) {
    const pins = output < 14 ? (1 << output) | (1 << (output + 16)) : 1 << output;
    const value = high ? this.gpioValue | pins : this.gpioValue & ~pins;
    if (value === this.gpioValue) return;
    this.gpioValue = value;
    this.rp2040.gpio[output].checkForUpdates();
    if (output < 14) this.rp2040.gpio[output + 16].checkForUpdates();
  }

  // Called by the package for inputs of gated slices, which are not modelled.
  gpioOnInput() {}

  reset() {}
}
