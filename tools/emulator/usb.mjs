// Pilotlight: open EV charger firmware
// SPDX-License-Identifier: MIT
// The chip's USB serial port as a TCP port: `mpremote connect socket://127.0.0.1:PORT`.

import net from 'node:net';

import { USBCDC } from './package.mjs';

const KEPT = 8192;

/** up: the host has enumerated the port. recent: the last 8 KB that came out of it, for people. */
export class UsbSerial {
  up = false;
  recent = Buffer.alloc(0);
  #signals;
  #cdc = null;
  #usb = null;
  #wanted = null; // so many bytes the chip would take now
  #queue = [];
  #socket = null;

  constructor(signals) {
    this.#signals = signals;
  }

  /** Returns a promise of the port. */
  listen(port) {
    const server = net.createServer((socket) => this.#accept(socket));
    return new Promise((resolve, reject) => {
      server.on('error', reject);
      server.listen(port, '127.0.0.1', () => resolve(server.address().port));
    });
  }

  /** A new life of the chip: what was on its way is lost, a client stays. */
  attach(chip) {
    this.detach();
    const usb = chip.mcu.usbCtrl;
    this.#usb = usb;
    this.#cdc = new USBCDC(usb);
    this.#cdc.onDeviceConnected = () => {
      this.up = true;
      this.#signals.tell('usb', 1);
    };
    this.#cdc.onSerialData = (bytes) => this.#out(Buffer.from(bytes));
    // The package answers at once, with nothing when nothing is there, which keeps the chip busy for ever.
    usb.onEndpointRead = (endpoint, size) => {
      if (endpoint !== this.#cdc.outEndpoint) return;
      this.#wanted = size;
      this.#in();
    };
  }

  detach() {
    if (this.up) this.#signals.tell('usb', 0);
    this.up = false;
    this.#usb = null;
    this.#wanted = null;
    this.#queue = [];
  }

  #accept(socket) {
    this.#socket?.destroy(); // there is one serial port
    this.#socket = socket;
    this.#queue = [];
    socket.setNoDelay(true);
    socket.on('data', (bytes) => {
      for (const byte of bytes) this.#queue.push(byte);
      this.#in();
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      if (this.#socket === socket) this.#socket = null;
    });
  }

  #in() {
    if (this.#wanted === null || !this.#queue.length || !this.#usb) return;
    const bytes = this.#queue.splice(0, this.#wanted);
    this.#wanted = null;
    this.#usb.endpointReadDone(this.#cdc.outEndpoint, new Uint8Array(bytes));
  }

  #out(bytes) {
    this.#socket?.write(bytes);
    this.recent = Buffer.concat([this.recent, bytes]).subarray(-KEPT);
  }
}
