// Pilotlight: open EV charger firmware
// SPDX-License-Identifier: MIT
// An I2C of the chip (Synopsys DW_apb_i2c, RP2040 datasheet 4.3) as the master of its bus, at line speed.
// That of rp2040js takes no time, says of a byte that it is out before it is, and after an address that
// nobody acknowledges never says that its FIFO is empty, so that a write to nobody ends with a time-out only.
// Not here: slave, addresses of 10 bits, an abort that the firmware asks for, the levels of SDA and SCL.

import { BasePeripheral } from './package.mjs';

const CON = 0x00;
const TAR = 0x04;
const DATA_CMD = 0x10;
const SS_SCL_HCNT = 0x14;
const SS_SCL_LCNT = 0x18;
const FS_SCL_HCNT = 0x1c;
const FS_SCL_LCNT = 0x20;
const INTR_STAT = 0x2c;
const INTR_MASK = 0x30;
const RAW_INTR_STAT = 0x34;
const RX_TL = 0x38;
const TX_TL = 0x3c;
const CLR_INTR = 0x40;
// CLR_*: reading one clears its bits.
const CLEARS = {
  0x44: 1 << 0,
  0x48: 1 << 1,
  0x4c: 1 << 3,
  0x54: 1 << 6,
  0x5c: 1 << 8,
  0x60: 1 << 9,
  0x64: 1 << 10,
};
const ENABLE = 0x6c;
const STATUS = 0x70;
const TXFLR = 0x74;
const RXFLR = 0x78;
const TX_ABRT_SOURCE = 0x80;
const ENABLE_STATUS = 0x9c;
const FS_SPKLEN = 0xa0;
// Registers that only keep what was written: SAR, SDA_HOLD, DMA_*, SDA_SETUP.
const KEPT = [0x08, 0x7c, 0x88, 0x8c, 0x90, 0x94];

const CON_SPEED = 3 << 1;
const CON_SPEED_STANDARD = 1 << 1;
const CON_TX_EMPTY_CTRL = 1 << 8;
const CMD_READ = 1 << 8;
const CMD_STOP = 1 << 9;
const CMD_RESTART = 1 << 10;
const RX_OVER = 1 << 1;
const RX_FULL = 1 << 2;
const TX_OVER = 1 << 3;
const TX_EMPTY = 1 << 4;
const TX_ABRT = 1 << 6;
const STOP_DET = 1 << 9;
const START_DET = 1 << 10;
const ABRT_7B_ADDR_NOACK = 1 << 0;
const ABRT_TXDATA_NOACK = 1 << 3;

const DEPTH = 16;
const BYTE_BITS = 9; // with its acknowledgement
const START_BITS = 1;
const STOP_BITS = 1;

/**
 * devices    by address: {address(read) -> it acknowledges, write(byte) -> it acknowledges, read() -> byte,
 *            stop(), holdNanos: how long it holds the clock behind a byte, Infinity: until `release`}
 * wired()    SDA and SCL are at the pins that the devices hang on
 */
export class I2c extends BasePeripheral {
  devices = new Map();
  wired = () => false;
  con = 0x65;
  tar = 0x55;
  counts = { [SS_SCL_HCNT]: 0x28, [SS_SCL_LCNT]: 0x2f, [FS_SCL_HCNT]: 6, [FS_SCL_LCNT]: 13 };
  spikes = 7;
  enable = 0;
  mask = 0x8ff;
  raw = 0;
  rxLevel = 0;
  txLevel = 0;
  abortSource = 0;
  kept = {};
  tx = [];
  rx = [];
  device = null; // whom the transfer is with
  reads = false;
  shifting = false; // something is on the wires
  cut = false; // disabled in the middle: it ends behind this byte
  #next = null;
  #holding = false;

  constructor(rp2040, index, irq) {
    super(rp2040, 'I2C' + index);
    this.irq = irq;
    this.alarm = rp2040.clock.createAlarm(() => this.#next());
  }

  /** Low and high time have fixed parts beside their counts (RP2040 datasheet 4.3.14.1). */
  get bitNanos() {
    const standard = (this.con & CON_SPEED) === CON_SPEED_STANDARD;
    const high = this.counts[standard ? SS_SCL_HCNT : FS_SCL_HCNT] + this.spikes + 7;
    const low = this.counts[standard ? SS_SCL_LCNT : FS_SCL_LCNT] + 1;
    return ((low + high) * 1e9) / this.rp2040.clkSys;
  }

  /** A device lets go of the clock. */
  release() {
    if (!this.#holding) return;
    this.#holding = false;
    this.alarm.schedule(0);
  }

  get status() {
    let raw = this.raw & ~(TX_EMPTY | RX_FULL);
    const out = !this.shifting || !(this.con & CON_TX_EMPTY_CTRL);
    if (this.enable & 1 && this.tx.length <= this.txLevel && out) raw |= TX_EMPTY;
    if (this.rx.length > this.rxLevel) raw |= RX_FULL;
    return raw;
  }

  #update() {
    this.rp2040.setInterrupt(this.irq, (this.status & this.mask) !== 0);
  }

  // `then` once so many bits are over, and the device has let go of the clock.
  #after(bits, then) {
    this.shifting = true;
    this.#next = then;
    this.alarm.schedule(bits * this.bitNanos);
  }

  #held(then) {
    const hold = this.device?.holdNanos ?? 0;
    if (!hold) {
      then();
      return;
    }
    this.#next = then;
    if (hold === Infinity) this.#holding = true;
    else this.alarm.schedule(hold);
  }

  #work() {
    if (this.shifting || !(this.enable & 1) || !this.tx.length) return;
    const command = this.tx[0];
    const read = (command & CMD_READ) !== 0;
    if (this.device === null || read !== this.reads || command & CMD_RESTART) {
      this.tx[0] &= ~CMD_RESTART;
      this.#address(read);
      return;
    }
    this.tx.shift();
    this.#after(BYTE_BITS, () => this.#held(() => this.#byte(command, read)));
  }

  #address(read) {
    this.device?.stop(); // a repeated start ends what was before
    this.device = null;
    this.raw |= START_DET;
    this.#after(START_BITS + BYTE_BITS, () => {
      const device = this.wired() ? this.devices.get(this.tar & 0x7f) : undefined;
      if (!device?.address(read)) {
        this.#refused(ABRT_7B_ADDR_NOACK);
        return;
      }
      this.device = device;
      this.reads = read;
      this.#held(() => (this.cut ? this.#stop() : this.#go()));
    });
  }

  #byte(command, read) {
    if (!read && !this.device.write(command & 0xff)) {
      this.#refused(ABRT_TXDATA_NOACK);
      return;
    }
    if (read) {
      const value = this.device.read();
      if (this.rx.length < DEPTH) this.rx.push(value);
      else this.raw |= RX_OVER;
    }
    if (this.cut || command & CMD_STOP) this.#stop();
    else this.#go();
  }

  #go() {
    this.shifting = false;
    this.#work();
    this.#update();
  }

  // Not acknowledged. What waits after a cut is another transfer's.
  #refused(reason) {
    if (!this.cut) {
      this.tx = [];
      this.abortSource = reason;
      this.raw |= TX_ABRT;
    }
    this.#stop();
  }

  #stop() {
    this.#after(STOP_BITS, () => {
      this.device?.stop();
      this.device = null;
      this.cut = false;
      this.raw |= STOP_DET;
      this.#go();
    });
    this.#update();
  }

  #clear(bits) {
    this.raw &= ~bits;
    if (bits & TX_ABRT) this.abortSource = 0;
    this.#update();
    return 0;
  }

  readUint32(offset) {
    if (offset in this.counts) return this.counts[offset];
    if (offset in CLEARS) return this.#clear(CLEARS[offset]);
    if (KEPT.includes(offset)) return this.kept[offset] ?? 0;
    switch (offset) {
      case CON:
        return this.con;
      case TAR:
        return this.tar;
      case DATA_CMD: {
        const value = this.rx.shift() ?? 0;
        this.#update();
        return value;
      }
      case INTR_STAT:
        return this.status & this.mask;
      case INTR_MASK:
        return this.mask;
      case RAW_INTR_STAT:
        return this.status;
      case RX_TL:
        return this.rxLevel;
      case TX_TL:
        return this.txLevel;
      case CLR_INTR:
        return this.#clear(0xfff);
      case ENABLE:
        return this.enable;
      case STATUS:
        return (
          (this.shifting ? 0x21 : 0) |
          (this.tx.length < DEPTH ? 1 << 1 : 0) |
          (this.tx.length ? 0 : 1 << 2) |
          (this.rx.length ? 1 << 3 : 0) |
          (this.rx.length === DEPTH ? 1 << 4 : 0)
        );
      case TXFLR:
        return this.tx.length;
      case RXFLR:
        return this.rx.length;
      case TX_ABRT_SOURCE:
        return this.abortSource;
      case ENABLE_STATUS:
        return this.enable & 1 || this.shifting ? 1 : 0;
      case FS_SPKLEN:
        return this.spikes;
      default:
        return super.readUint32(offset);
    }
  }

  writeUint32(offset, value) {
    if (offset in this.counts) this.counts[offset] = value & 0xffff;
    else if (KEPT.includes(offset)) this.kept[offset] = value;
    else this.#write(offset, value);
    this.#update();
  }

  #write(offset, value) {
    switch (offset) {
      case CON:
        this.con = value;
        break;
      case TAR:
        this.tar = value & 0x3ff;
        break;
      case DATA_CMD:
        if (this.tx.length < DEPTH) this.tx.push(value & 0x7ff);
        else this.raw |= TX_OVER;
        this.#work();
        break;
      case INTR_MASK:
        this.mask = value & 0xfff;
        break;
      case RX_TL:
        this.rxLevel = value & 0xf;
        break;
      case TX_TL:
        this.txLevel = value & 0xf;
        break;
      case ENABLE:
        this.enable = value & 1;
        if (this.enable) {
          this.#work();
          break;
        }
        this.tx = [];
        this.rx = [];
        if (this.shifting) this.cut = true;
        else if (this.device) this.#stop();
        break;
      case FS_SPKLEN:
        this.spikes = value & 0xff;
        break;
      default:
        super.writeUint32(offset, value);
    }
  }
}
