// Pilotlight: open EV charger firmware
// SPDX-License-Identifier: MIT
// The energy meter on UART0: an Eastron SDM120 (single phase) by its Modbus RTU registers, with a supply of
// its own, so that it counts on while the controller resets.

const BAUD = 9600;
const BAUD_TOLERANCE = 0.03;
const BIT_NANOS = 1e9 / BAUD;
const SILENCE_NANOS = 35 * BIT_NANOS; // 3.5 characters of 10 bits end a frame
const ANSWER_NANOS = 20e6;

const READ_HOLDING = 3;
const READ_INPUT = 4;
const WRITE_HOLDING = 16;
const ILLEGAL_FUNCTION = 1;
const ILLEGAL_ADDRESS = 2;
const REGISTERS_MOST = 80;

const HOLDING_PARITY = 0x12;
const HOLDING_ADDRESS = 0x14;
const HOLDING_BAUD = 0x1c;
const BAUD_9600 = 2;

export function crc16(bytes) {
  let crc = 0xffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let i = 0; i < 8; i++) crc = crc & 1 ? (crc >>> 1) ^ 0xa001 : crc >>> 1;
  }
  return crc;
}

/** silent: it does not answer. noise: its answers have a wrong checksum. */
export class Meter {
  wh = 0;
  address = 1;
  silent = false;
  noise = false;
  voltageMv = 230000;
  requests = 0;
  #clock;
  #currentMa;
  #uart = null;
  #frame = [];
  #countedAt = 0;
  #flowingMa = 0;
  #end;
  #answer;
  #sending = [];

  /** currentMa(): what flows through it now. */
  constructor(clock, currentMa) {
    this.#clock = clock;
    this.#currentMa = currentMa;
    this.#end = clock.createAlarm(() => this.#complete());
    this.#answer = clock.createAlarm(() => this.#feed());
  }

  attach(chip) {
    this.#uart = chip.uarts[0];
    this.#uart.onByte = (byte) => this.#heard(byte);
    this.#sending = [];
  }

  detach() {
    this.#uart = null;
  }

  /** The current has changed: what flowed until now is counted. */
  count() {
    const hours = (this.#clock.nanos - this.#countedAt) / 3.6e12;
    this.#countedAt = this.#clock.nanos;
    this.wh += ((this.#flowingMa * this.voltageMv) / 1e6) * hours;
    this.#flowingMa = this.#currentMa();
  }

  /** {mv, ma, w, wh} of now. */
  reading() {
    this.count();
    const w = (this.#flowingMa * this.voltageMv) / 1e6;
    return { mv: this.voltageMv, ma: Math.round(this.#flowingMa), w: Math.round(w), wh: this.wh };
  }

  #heard(byte) {
    const rate = this.#uart.baud / BAUD;
    if (this.silent || Math.abs(rate - 1) > BAUD_TOLERANCE) return;
    this.#frame.push(byte);
    this.#end.schedule(SILENCE_NANOS);
  }

  #complete() {
    const frame = this.#frame;
    this.#frame = [];
    if (frame.length < 4 || frame[0] !== this.address) return;
    if (crc16(frame) !== 0) return; // a frame with its own checksum behind it leaves nothing
    this.requests++;
    const body = this.#respond(frame.slice(1, -2));
    const answer = [this.address, ...body];
    const crc = crc16(answer) ^ (this.noise ? 0x0100 : 0);
    this.#sending = [...answer, crc & 0xff, crc >> 8];
    this.#answer.schedule(ANSWER_NANOS);
  }

  #feed() {
    const byte = this.#sending.shift();
    if (byte === undefined || !this.#uart) return;
    this.#uart.feed(byte);
    this.#answer.schedule(10 * BIT_NANOS);
  }

  #respond([code, ...rest]) {
    const first = (rest[0] << 8) | rest[1];
    const count = (rest[2] << 8) | rest[3];
    if (code !== READ_INPUT && code !== READ_HOLDING && code !== WRITE_HOLDING) {
      return [code | 0x80, ILLEGAL_FUNCTION];
    }
    // Values are pairs of registers: half of one cannot be read.
    if (first % 2 || count % 2 || count < 2 || count > REGISTERS_MOST) return [code | 0x80, ILLEGAL_ADDRESS];
    if (code === WRITE_HOLDING) {
      const value = new DataView(Uint8Array.from(rest.slice(5, 9)).buffer);
      if (first === HOLDING_ADDRESS && value.byteLength === 4) this.address = value.getFloat32(0);
      return [code, ...rest.slice(0, 4)];
    }
    const values = code === READ_INPUT ? this.#inputs() : this.#holdings();
    const data = new DataView(new ArrayBuffer(count * 2));
    for (let i = 0; i < count; i += 2) data.setFloat32(i * 2, values[first + i] ?? 0);
    return [code, count * 2, ...new Uint8Array(data.buffer)];
  }

  #inputs() {
    const { mv, ma, wh } = this.reading();
    const watts = (mv * ma) / 1e6;
    return {
      0x0000: mv / 1000,
      0x0006: ma / 1000,
      0x000c: watts,
      0x0012: watts, // apparent power: the car's power factor is 1
      0x001e: 1,
      0x0046: 50,
      0x0048: Math.floor(wh) / 1000, // counts whole Wh
      0x0156: Math.floor(wh) / 1000,
    };
  }

  #holdings() {
    return { [HOLDING_PARITY]: 0, [HOLDING_ADDRESS]: this.address, [HOLDING_BAUD]: BAUD_9600 };
  }
}
