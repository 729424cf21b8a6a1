// Pilotlight: open EV charger firmware
// SPDX-License-Identifier: MIT
// UART1 as a TCP port: the bytes between the chip and a modem that somebody else plays. The bytes take their
// time on the line; RTS and CTS hold them; without supply nothing goes either way.

import net from 'node:net';

const CTS = 6;
const RTS = 7;
const QUEUED_MOST = 1 << 20;
// So far apart may two ends of a line be before they do not understand each other.
const BAUD_TOLERANCE = 0.04;

/**
 * supply, key   the supply (GP20) is on, the PWRKEY (GP3) is pressed
 * cts           the modem lets the chip send; while it has supply
 * baud          the modem's own rate; null: whatever the chip has
 */
export class ModemPort {
  supply = false;
  key = false;
  cts = true;
  baud = null;
  received = 0;
  sent = 0;
  garbled = 0;
  #signals;
  #pins;
  #uart = null;
  #queue = [];
  #feed;
  #socket = null;

  constructor(clock, signals, pins) {
    this.#signals = signals;
    this.#pins = pins;
    this.#feed = clock.createAlarm(() => this.#fed());
    signals.listen('gp3', (level) => {
      this.key = level === 1;
      signals.tell('modem_key', level);
    });
    signals.listen('gp20', (level) => {
      this.supply = level === 1;
      if (!this.supply) this.#queue = [];
      signals.tell('modem_supply', level);
      this.changed();
    });
    signals.listen('gp' + RTS, () => this.#arm());
    this.changed();
  }

  listen(port) {
    const server = net.createServer((socket) => this.#accept(socket));
    return new Promise((resolve, reject) => {
      server.on('error', reject);
      server.listen(port, '127.0.0.1', () => resolve(server.address().port));
    });
  }

  attach(chip) {
    this.#uart = chip.uarts[1];
    this.#uart.onByte = (byte) => this.#out(byte);
    this.#pins.joinRts(RTS, this.#uart);
    this.changed();
    this.#arm();
  }

  changed() {
    const clear = this.supply && this.cts;
    this.#pins.drive(CTS, clear ? 0 : 1);
    this.#uart?.setCts(clear);
  }

  get connected() {
    return this.#socket !== null;
  }

  #accept(socket) {
    this.#socket?.destroy();
    this.#socket = socket;
    this.#queue = [];
    socket.setNoDelay(true);
    socket.on('data', (bytes) => {
      if (!this.supply) return;
      for (const byte of bytes) this.#queue.push(byte);
      if (this.#queue.length > QUEUED_MOST) socket.destroy(new Error('the modem sends faster than the line'));
      this.#arm();
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      if (this.#socket === socket) this.#socket = null;
    });
  }

  // Towards the chip: one byte after the other, as long as its RTS asks for them.
  #arm() {
    if (this.#feed.scheduled || !this.#queue.length || !this.#uart || this.#pins.levels[RTS] === 1) return;
    this.#feed.schedule(this.baud ? 1e10 / this.baud : this.#uart.byteNanos);
  }

  #fed() {
    const byte = this.#queue.shift();
    if (byte === undefined) return;
    this.received++;
    this.#signals.tell('uart1_in', byte);
    this.#uart.feed(this.#garble(byte));
    this.#arm();
  }

  #out(byte) {
    if (!this.supply) return;
    this.sent++;
    this.#signals.tell('uart1_out', byte);
    this.#socket?.write(Buffer.of(this.#garble(byte)));
  }

  #garble(byte) {
    if (this.baud === null || Math.abs(this.#uart.baud / this.baud - 1) < BAUD_TOLERANCE) return byte;
    this.garbled++;
    return (byte * 0x55 + 0x80) & 0xff;
  }
}
